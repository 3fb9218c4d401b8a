//! Whether a lock answers a manifest, and what keeps it from doing so. Asks nobody.

use std::collections::BTreeSet;

use crate::error::{Error, Kind, Result};
use crate::index::Indexes;
use crate::model::dependency::{Dependency, Manifest, Origin};
use crate::model::lock::{Lock, Locked};
use crate::model::name::PackageName;
use crate::model::source::RefWant;

/// Whether a lock answers a manifest as it is: nothing missing, nothing too much, every wish met.
pub(in crate::ops) fn is_in_step(manifest: &Manifest, lock: &Lock, indexes: &Indexes<'_>) -> bool {
    let roots = manifest.dependencies.values().map(|dependency| &dependency.package);
    lock.reachable(roots).len() == lock.packages.len()
        && lock.is_whole()
        && lock.packages.values().all(|locked| locked.index.as_ref().is_none_or(|index| indexes.has(index)))
        && manifest.dependencies.values().all(|dependency| {
            lock.packages.get(&dependency.package).is_some_and(|locked| answers(dependency, locked, indexes))
        })
}

/// Refuses a lock that takes a package from an index which must not answer for its name [security.md X14].
pub(in crate::ops) fn refuse_foreign(lock: &Lock, indexes: &Indexes<'_>) -> Result<()> {
    let listed = lock.packages.iter().filter_map(|(name, locked)| Some((name, locked.index.as_ref()?)));
    let Some((name, index)) = listed.into_iter().find(|(name, index)| indexes.is_trespassing(index, name)) else {
        return Ok(());
    };
    let error = Error::new(Kind::Integrity, format!("`{name}` is locked from an index that must not offer it"))
        .at(index)
        .because(format!("the lock:     {index}"));
    let error = match indexes.owners(name).first() {
        Some(owner) => error.because(format!("the manifest: names like that belong to the index `{owner}`")),
        None => error.because("the manifest: that index is asked for other names only"),
    };
    Err(error.help(format!(
        "if you changed `packages` of an index, `cpm update {name}` locks it anew; else restore cpm.lock from git"
    )))
}

/// The packages that keep a lock from answering a manifest.
pub(in crate::ops) fn unanswered(manifest: &Manifest, lock: &Lock, indexes: &Indexes<'_>) -> Vec<PackageName> {
    let wanted = manifest.dependencies.values();
    let missing = wanted.clone().filter(|dependency| {
        !lock.packages.get(&dependency.package).is_some_and(|locked| answers(dependency, locked, indexes))
    });
    let reachable = lock.reachable(wanted.map(|dependency| &dependency.package));
    let unneeded = lock.packages.keys().filter(|name| !reachable.contains(*name));
    let names: BTreeSet<&PackageName> = missing.map(|dependency| &dependency.package).chain(unneeded).collect();
    names.into_iter().cloned().collect()
}

/// Whether a locked package is what a dependency asks for.
pub(super) fn answers(dependency: &Dependency, locked: &Locked, indexes: &Indexes<'_>) -> bool {
    match &dependency.origin {
        Origin::Index { requirement, index } => locked.index.as_ref().is_some_and(|id| {
            let right_index = index.as_ref().is_none_or(|wanted| indexes.is_called(id, wanted));
            right_index && requirement.matches(&locked.version)
        }),
        Origin::Git { want: RefWant::Rev(commit), .. } if locked.commit.as_ref() != Some(commit) => false,
        Origin::Git { .. } | Origin::Dir(_) => {
            locked.index.is_none() && Some(&locked.source) == dependency.origin.source().as_ref()
        }
    }
}

/// The names of packages whose entries differ, for messages about `--locked`.
pub(in crate::ops) fn changed_names(old: &Lock, new: &Lock) -> Vec<PackageName> {
    let names: BTreeSet<&PackageName> = old.packages.keys().chain(new.packages.keys()).collect();
    names.into_iter().filter(|name| old.packages.get(*name) != new.packages.get(*name)).cloned().collect()
}
