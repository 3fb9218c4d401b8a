//! What was revoked after it was locked. An index that this run asked anyway is asked about the rest of the lock too;
//! of the others counts what they said when they were last asked. A run that places nothing does not look
//! [security.md §4.5, L39, X10].

use std::collections::BTreeMap;

use super::{Context, cache};
use crate::error::{Error, Kind, Result};
use crate::git::{Cache, Network};
use crate::index::Indexes;
use crate::model::dependency::Manifest;
use crate::model::index::IndexId;
use crate::model::lock::Lock;
use crate::model::name::PackageName;

/// A locked release that nobody should have.
pub(super) struct Revoked {
    pub(super) name: PackageName,
    pub(super) version: String,
    pub(super) index: IndexId,
    pub(super) reason: String,
}

/// The cached repositories as they are: nobody is asked.
pub(super) fn last_known<'c>(context: &Context<'c>) -> Cache<'c> {
    Cache::new(cache::git_root(context.machine), Network::Offline, context.progress)
}

/// The revoked releases of a lock; `cache` is that of this run.
pub(super) fn among(
    context: &Context<'_>,
    cache: &Cache<'_>,
    manifest: &Manifest,
    lock: &Lock,
) -> Result<Vec<Revoked>> {
    let last_known = last_known(context);
    let last_known = Indexes::new(&manifest.indexes, &last_known);
    let indexes = Indexes::new(&manifest.indexes, cache);
    let mut by_index: BTreeMap<&IndexId, Vec<&PackageName>> = BTreeMap::new();
    for (name, locked) in &lock.packages {
        if let Some(index) = &locked.index {
            by_index.entry(index).or_default().push(name);
        }
    }
    let mut found = Vec::new();
    for (index, names) in by_index {
        let was_asked = indexes.was_asked(index);
        if was_asked {
            indexes.bring(index, &names)?;
        }
        for name in names {
            let locked = &lock.packages[name];
            let asked = if was_asked { &indexes } else { &last_known };
            match asked.revoked(index, name, locked) {
                Ok(reason) => found.extend(reason.map(|reason| Revoked {
                    name: name.clone(),
                    version: locked.version.to_string(),
                    index: index.clone(),
                    reason,
                })),
                // This machine never heard what the index says of it.
                Err(error) if error.kind() == Kind::NotFound => {}
                Err(error) => context
                    .progress
                    .warn(&format!("it is not known whether `{name}` {} was revoked: {error}", locked.version)),
            }
        }
    }
    Ok(found)
}

/// Refuses a lock with a revoked release.
pub(super) fn refuse(context: &Context<'_>, cache: &Cache<'_>, manifest: &Manifest, lock: &Lock) -> Result<()> {
    match among(context, cache, manifest, lock)?.into_iter().next() {
        None => Ok(()),
        Some(Revoked { name, version, index, reason }) => {
            Err(Error::new(Kind::Policy, format!("`{name}` {version} is revoked: {reason}"))
                .at(index)
                .because("the index says that nobody should have it, and it is locked here")
                .help(format!("`cpm update {name}` takes another version, `cpm remove {name}` takes it away")))
        }
    }
}
