//! What the receipt says of a package against what manifest and lock want: whether there is anything to do.

use std::cell::OnceCell;

use super::Context;
use super::mcp_document::McpDocument;
use crate::error::Result;
use crate::model::dependency::{Dependency, Manifest, Placement};
use crate::model::digest::FileDigest;
use crate::model::lock::Locked;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::plan::differences;
use crate::receipt::{Receipt, entry_digest};

/// How a locked package is present in the scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    /// As locked, and untouched: there is nothing to do about it.
    Whole,
    /// As locked, but somebody changed or removed a part of it since.
    Touched,
    /// As locked, but for servers that somebody took out of the MCP file: to put them back would undo that.
    Without(Vec<ServerName>),
    /// Not at all, or with other bytes, or placed otherwise.
    Otherwise,
}

/// A look at what is installed, package by package; the MCP file is read once, and only if a package has servers.
pub(super) struct Look<'a> {
    context: &'a Context<'a>,
    receipt: &'a Receipt,
    mcp: OnceCell<McpDocument>,
}

impl<'a> Look<'a> {
    pub(super) fn new(context: &'a Context<'a>, receipt: &'a Receipt) -> Self {
        Look { context, receipt, mcp: OnceCell::new() }
    }

    /// Looks at a package: by the receipt, then by one `stat` of each of its files where that is enough.
    pub(super) fn presence(&self, name: &PackageName, locked: &Locked, options: &str) -> Result<Presence> {
        let Some(installed) = self.receipt.packages.get(name) else { return Ok(Presence::Otherwise) };
        if installed.checksum != locked.checksum || installed.version != locked.version || installed.options != options
        {
            return Ok(Presence::Otherwise);
        }
        for (dir, stamps) in &installed.dirs {
            let root = self.context.places.skills.join(dir.as_str());
            let found = differences(&root, stamps, self.context.edited.care())?;
            if found.iter().any(|(_, difference)| self.context.edited.minds(*difference)) {
                return Ok(Presence::Touched);
            }
        }
        let mut without = Vec::new();
        for (server, ours) in &installed.servers {
            match self.mcp()?.entries.get(server.as_str()).map(entry_digest) {
                Some(there) if there == *ours => {}
                None if self.mcp()?.lacks(server) => without.push(server.clone()),
                _ => return Ok(Presence::Touched),
            }
        }
        Ok(if without.is_empty() { Presence::Whole } else { Presence::Without(without) })
    }

    fn mcp(&self) -> Result<&McpDocument> {
        if let Some(mcp) = self.mcp.get() {
            return Ok(mcp);
        }
        let mcp = McpDocument::read(self.context)?;
        Ok(self.mcp.get_or_init(|| mcp))
    }
}

/// The dependency that names a package, with the name the scope gives it.
pub(super) fn dependency_on<'m>(
    manifest: &'m Manifest,
    package: &PackageName,
) -> Option<(&'m PackageName, &'m Dependency)> {
    manifest.dependencies.iter().find(|(_, dependency)| dependency.package == *package)
}

/// Everything besides its bytes that decides how a package is placed, as text.
pub(super) fn options_text(manifest: &Manifest, package: &PackageName, locked: &Locked) -> String {
    let mut parts = Vec::new();
    // What an index says of a plugin without plugin.json.
    parts.extend(locked.manifest.as_ref().map(|given| format!("given {}", FileDigest::of(given.as_bytes()).hex())));
    let Some((alias, dependency)) = dependency_on(manifest, package) else { return parts.join("; ") };
    if alias != package {
        parts.push(format!("as {alias}"));
    }
    match dependency.placement {
        Some(Placement::Plugin) => parts.push("plugin".to_owned()),
        Some(Placement::Loose) => parts.push("loose".to_owned()),
        None => {}
    }
    if let Some(skills) = &dependency.skills {
        parts.push(format!("skills {}", skills.iter().map(SkillName::as_str).collect::<Vec<_>>().join(",")));
    }
    parts.extend(dependency.servers.iter().map(|(old, new)| format!("server {old}={new}")));
    parts.join("; ")
}
