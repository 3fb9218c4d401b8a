//! A receipt that was lost or damaged, made anew from the lock and the bytes: what lies there exactly as locked is
//! cpm's again, and everything else is the user's.

use std::collections::BTreeMap;

use super::Context;
use super::apply;
use super::fetch::Fetcher;
use super::installed::options_text;
use super::mcp_document::McpDocument;
use super::state::ScopeState;
use crate::error::{Error, Kind, Result};
use crate::model::lock::Locked;
use crate::model::source::Source;
use crate::plan;
use crate::receipt::{self, Installed, entry_digest};

/// Fills the receipt of a scope that has a lock and lost its receipt. What is not on this machine cannot be compared: it
/// stays unknown, and so untouched; `cpm install` brings it, and recognises it.
///
/// # Errors
/// Any failure to read what is there; [`Kind::Integrity`] for a package that is not as locked.
pub(super) fn find(context: &Context<'_>, state: &mut ScopeState, fetcher: &Fetcher<'_>) -> Result<()> {
    let mcp = McpDocument::read(context)?;
    let skills = &context.places.skills;
    let has_something = skills.is_dir() || !mcp.entries.is_empty();
    if !state.lost_receipt || !has_something {
        return Ok(());
    }
    let is_here = |locked: &Locked| fetcher.has(&locked.checksum) || !matches!(locked.source, Source::Git { .. });
    for (name, locked) in state.lock.packages.iter().filter(|(_, locked)| is_here(locked)) {
        let loaded = match fetcher.load_locked(name, locked) {
            Err(error) if is_out_of_reach(&error) => continue,
            loaded => loaded?,
        };
        let placed = apply::placed(&state.manifest, name, locked, &loaded)?;
        let options = options_text(&state.manifest, name, locked);
        let (version, checksum, surface) = (locked.version.clone(), locked.checksum, loaded.surface);
        let (dirs, servers) = (BTreeMap::new(), BTreeMap::new());
        let mut installed = Installed { version, checksum, surface, options, dirs, servers };
        for (dir, tree) in &placed.dirs {
            let root = skills.join(dir.as_str());
            let is_neighbours = state.neighbour.as_ref().is_some_and(|(_, other)| other.owner_of_dir(dir).is_some());
            if !is_neighbours && plan::is_exactly(&root, tree)? {
                installed.dirs.insert(dir.clone(), receipt::stamps(tree, &root)?);
            }
        }
        for (server, entry) in &placed.servers {
            let wanted = entry_digest(&serde_json::Value::Object(entry.clone()));
            if mcp.entries.get(server.as_str()).map(entry_digest) == Some(wanted) {
                installed.servers.insert(server.clone(), wanted);
            }
        }
        let found = (installed.dirs.len(), installed.servers.len());
        if found == (0, 0) {
            continue;
        }
        if found != (placed.dirs.len(), placed.servers.len()) {
            // Placed otherwise than is wanted, so that what is missing is placed.
            installed.options.push_str("; in part");
        }
        state.receipt.packages.insert(name.clone(), installed);
    }
    Ok(())
}

fn is_out_of_reach(error: &Error) -> bool {
    matches!(error.kind(), Kind::NotFound | Kind::Network)
}
