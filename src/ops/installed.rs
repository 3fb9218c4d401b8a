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

/// Whether a package is installed as locked and lies there untouched, so that there is nothing to do about it.
pub(super) fn is_installed(
    context: &Context<'_>,
    receipt: &Receipt,
    name: &PackageName,
    locked: &Locked,
    options: &str,
) -> Result<bool> {
    let Some(installed) = receipt.packages.get(name) else { return Ok(false) };
    if installed.checksum != locked.checksum || installed.version != locked.version || installed.options != options {
        return Ok(false);
    }
    for (dir, stamps) in &installed.dirs {
        // A file that is not from cpm, such as a cache that a script wrote, is in nobody's way as long as cpm stays away.
        let is_in_the_way = |difference| difference != Difference::Extra || context.edited == Edited::Overwrite;
        let found = differences(&context.places.skills.join(dir.as_str()), stamps, Care::Stat)?;
        if found.iter().any(|(_, difference)| is_in_the_way(*difference)) {
            return Ok(false);
        }
    }
    if installed.servers.is_empty() {
        return Ok(true);
    }
    let present = McpDocument::read(context)?.entries;
    Ok(installed.servers.iter().all(|(server, ours)| present.get(server.as_str()).map(entry_digest) == Some(*ours)))
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
