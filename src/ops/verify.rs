//! `cpm verify`: hashes everything that cpm installed and names what is not as locked. Needs no network.

use serde::Serialize;

use super::Context;
use super::apply::shown_path;
use super::mcp_document::McpDocument;
use super::state::ScopeState;
use crate::error::Result;
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::plan::differences;
use crate::receipt::{Care, entry_digest};

/// What verifying a scope found.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// Which scope.
    pub scope: Scope,
    /// How many packages are locked.
    pub packages: usize,
    /// How many files were hashed.
    pub files: usize,
    /// What is not as locked.
    pub findings: Vec<Finding>,
}

/// One thing that is not as locked.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Whose.
    pub package: PackageName,
    /// The file, folder or entry.
    pub path: String,
    /// `changed`, `missing`, `extra`, `not installed` or `not locked`.
    pub problem: &'static str,
}

/// Verifies one scope.
///
/// # Errors
/// Any failure to read; findings are no error here.
pub fn verify(context: &Context<'_>) -> Result<Verified> {
    let state = ScopeState::look(context)?;
    let mut verified =
        Verified { scope: context.places.scope, packages: state.lock.packages.len(), files: 0, findings: Vec::new() };
    let entries = McpDocument::read(context)?.entries;
    for (name, locked) in &state.lock.packages {
        let is_as_locked = |checksum| checksum == locked.checksum;
        if !state.receipt.packages.get(name).is_some_and(|installed| is_as_locked(installed.checksum)) {
            verified.add(name, shown_path(context, &context.places.lock), "not installed");
        }
    }
    for (name, installed) in &state.receipt.packages {
        if !state.lock.packages.contains_key(name) {
            verified.add(name, shown_path(context, &context.places.lock), "not locked");
        }
        for (dir, stamps) in &installed.dirs {
            let root = context.places.skills.join(dir.as_str());
            verified.files += stamps.len();
            for (path, difference) in differences(&root, stamps, Care::Hash)? {
                verified.add(name, shown_path(context, &root.join(path)), difference.name());
            }
        }
        for (server, ours) in &installed.servers {
            let place = format!("{} → {server}", shown_path(context, &context.places.mcp.path));
            match entries.get(server.as_str()).map(entry_digest) {
                None => verified.add(name, place, "missing"),
                Some(there) if there != *ours => verified.add(name, place, "changed"),
                Some(_) => {}
            }
        }
    }
    Ok(verified)
}

impl Verified {
    fn add(&mut self, package: &PackageName, path: String, problem: &'static str) {
        self.findings.push(Finding { package: package.clone(), path, problem });
    }
}
