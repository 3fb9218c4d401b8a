//! What is in a package, as data.

use serde::Serialize;

use super::super::fetch::Loaded;
use crate::model::digest::TreeDigest;
use crate::model::name::PackageName;
use crate::model::package::Skill;
use crate::model::relpath::RelPath;
use crate::model::surface::Item;

/// What is in a package.
#[derive(Debug, Clone, Serialize)]
pub struct Inside {
    /// Which version was looked into.
    pub version: String,
    /// `skill`, `plugin` or `MCP server`.
    pub kind: &'static str,
    /// One line about it.
    pub description: Option<String>,
    /// Where it comes from, in words.
    pub from: String,
    /// Its bytes.
    pub checksum: TreeDigest,
    /// How many files it has.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
    /// The packages it needs.
    pub dependencies: Vec<String>,
    /// Its skills.
    pub skills: Vec<String>,
    /// Its command files.
    pub commands: Vec<RelPath>,
    /// Its agent files.
    pub agents: Vec<RelPath>,
    /// The events at which it has hooks.
    pub hooks: Vec<String>,
    /// Its MCP servers.
    pub servers: Vec<String>,
    /// Its language servers.
    pub lsp: Vec<String>,
    /// Everything it can run or reach.
    pub surface: Vec<Item>,
    /// What the client reads otherwise than the author may think, and what the content gate noticed.
    pub notes: Vec<String>,
}

impl Inside {
    /// What a checked package holds.
    pub(super) fn of(
        name: &PackageName,
        version: String,
        from: String,
        dependencies: Vec<String>,
        description: Option<&String>,
        loaded: &Loaded,
    ) -> Self {
        let package = &loaded.package;
        // One that cannot be called like its folder is told by the folder.
        let folder = |skill: &Skill| skill.dir.as_ref().map(ToString::to_string).unwrap_or_default();
        let called = |skill: &Skill| skill.called(name).map_or_else(|| folder(skill), |name| name.to_string());
        let mut hooks: Vec<String> = package.hooks.iter().flat_map(|events| events.keys().cloned()).collect();
        hooks.sort();
        hooks.dedup();
        Inside {
            version,
            kind: package.kind(),
            description: package.description.as_ref().or(description).cloned(),
            from,
            checksum: loaded.digest,
            files: loaded.tree.len(),
            bytes: loaded.tree.files().map(|(_, content)| content.bytes.len() as u64).sum(),
            dependencies,
            skills: package.skills.iter().map(called).collect(),
            commands: package.commands.clone(),
            agents: package.agents.clone(),
            hooks,
            servers: package.servers.keys().map(ToString::to_string).collect(),
            lsp: package.lsp.keys().cloned().collect(),
            surface: loaded.surface.items().cloned().collect(),
            notes: loaded.warnings.clone(),
        }
    }
}
