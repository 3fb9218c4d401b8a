//! `cpm list`: what is locked and installed, scope by scope. Reads three small files a scope.

use serde::Serialize;

use super::apply::{origin, shown_path};
use super::installed::{Look, Presence, dependency_on, options_text};
use super::state::ScopeState;
use super::{Context, settled};
use crate::error::Result;
use crate::model::digest::TreeDigest;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::scope::Scope;

/// What one scope has.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeList {
    /// Which scope.
    pub scope: Scope,
    /// Its manifest.
    pub manifest: String,
    /// Its packages.
    pub packages: Vec<Row>,
}

/// One package.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What this scope calls it.
    pub name: PackageName,
    /// What it is called where it comes from.
    pub package: PackageName,
    /// Its locked version.
    pub version: String,
    /// Where it comes from.
    pub from: String,
    /// Its locked bytes.
    pub checksum: TreeDigest,
    /// Whether the manifest asks for it, or only another package does.
    pub direct: bool,
    /// `installed`, `not installed` or `not as locked`.
    pub state: &'static str,
    /// Its skill and plugin folders.
    pub skills: Vec<SkillName>,
    /// Its MCP servers.
    pub servers: Vec<ServerName>,
}

/// Lists one scope.
///
/// # Errors
/// Any failure to read it.
pub fn list(context: &Context<'_>) -> Result<ScopeList> {
    let is_as_locked = |list: &ScopeList| list.packages.iter().all(|row| row.state == "installed");
    settled::look(context, || look(context), is_as_locked)
}

fn look(context: &Context<'_>) -> Result<ScopeList> {
    let state = ScopeState::look(context)?;
    let look = Look::new(context, &state.receipt);
    let mut packages = Vec::new();
    for (name, locked) in &state.lock.packages {
        let installed = state.receipt.packages.get(name);
        let options = options_text(&state.manifest, name, locked);
        let state_word = match look.presence(name, locked, &options)? {
            Presence::Whole => "installed",
            Presence::Touched | Presence::Without(_) => "not as locked",
            Presence::Otherwise => "not installed",
        };
        let dependency = dependency_on(&state.manifest, name);
        packages.push(Row {
            name: dependency.map_or(name, |(alias, _)| alias).clone(),
            package: name.clone(),
            version: locked.version.to_string(),
            from: origin(locked),
            checksum: locked.checksum,
            direct: dependency.is_some(),
            state: state_word,
            skills: installed.map(|installed| installed.dirs.keys().cloned().collect()).unwrap_or_default(),
            servers: installed.map(|installed| installed.servers.keys().cloned().collect()).unwrap_or_default(),
        });
    }
    Ok(ScopeList { scope: context.places.scope, manifest: shown_path(context, &context.places.manifest), packages })
}
