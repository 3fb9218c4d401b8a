//! What the receipt says of a package against what manifest and lock want: whether there is anything to do.

use super::Context;
use super::mcp_document::McpDocument;
use crate::error::Result;
use crate::model::dependency::{Dependency, Manifest, Placement};
use crate::model::digest::FileDigest;
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::plan::{Difference, Edited, differences};
use crate::receipt::{Care, Receipt, entry_digest};

/// How a locked package is present in the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// As locked, and untouched: there is nothing to do about it.
    Whole,
    /// As locked, but somebody changed or removed a part of it since.
    Touched,
    /// Not at all, or with other bytes, or placed otherwise.
    Otherwise,
}

/// Looks at a package: by the receipt, then by one `stat` of each of its files.
pub(super) fn presence(
    context: &Context<'_>,
    receipt: &Receipt,
    name: &PackageName,
    locked: &Locked,
    options: &str,
) -> Result<Presence> {
    let Some(installed) = receipt.packages.get(name) else { return Ok(Presence::Otherwise) };
    if installed.checksum != locked.checksum || installed.version != locked.version || installed.options != options {
        return Ok(Presence::Otherwise);
    }
    for (dir, stamps) in &installed.dirs {
        // A file that is not from cpm, such as a cache that a script wrote, is in nobody's way as long as cpm stays away.
        let is_in_the_way = |difference| difference != Difference::Extra || context.edited == Edited::Overwrite;
        let found = differences(&context.places.skills.join(dir.as_str()), stamps, Care::Stat)?;
        if found.iter().any(|(_, difference)| is_in_the_way(*difference)) {
            return Ok(Presence::Touched);
        }
    }
    if installed.servers.is_empty() {
        return Ok(Presence::Whole);
    }
    let present = McpDocument::read(context)?.entries;
    let mut servers = installed.servers.iter();
    let is_whole = servers.all(|(server, ours)| present.get(server.as_str()).map(entry_digest) == Some(*ours));
    Ok(if is_whole { Presence::Whole } else { Presence::Touched })
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
        parts.push(format!(
            "skills {}",
            skills.iter().map(super::super::model::name::SkillName::as_str).collect::<Vec<_>>().join(",")
        ));
    }
    parts.extend(dependency.servers.iter().map(|(old, new)| format!("server {old}={new}")));
    parts.join("; ")
}
