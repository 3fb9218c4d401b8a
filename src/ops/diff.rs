//! `cpm diff`: the lines that an update would change, before anything is updated. Nothing of the scope is written.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Context;
use super::changes::{Before, Changes, Lookup};
pub use super::changes::{Detail, FileAction, FileChange};
use super::install::fetcher;
use super::installed::dependency_on;
use super::locking::{self, Rewritten, changed_names};
use super::outdated::State;
use super::state::{self, ScopeState};
use super::update::unlocked;
use crate::error::Result;
use crate::index::Indexes;
use crate::model::name::PackageName;
use crate::model::scope::Scope;

/// What an update would change.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Which scope.
    pub scope: Scope,
    /// The directory its relative paths are below.
    pub base: String,
    /// The packages that would change, by name.
    pub packages: Vec<PackageDifference>,
}

/// What an update would change in one package.
#[derive(Debug, Clone, Serialize)]
pub struct PackageDifference {
    /// What this scope calls it.
    pub name: PackageName,
    /// What is locked; nothing for a package that an update would bring in.
    pub locked: Option<State>,
    /// What an update would lock; nothing for a package that it would drop.
    pub allowed: Option<State>,
    /// The files that differ.
    #[serde(flatten)]
    pub changes: Changes,
}

/// Compares what is locked with what an update of the named packages, or of all, would bring. A replaced history does not
/// stop it: one wants to see what it was replaced with.
///
/// # Errors
/// As an update.
pub fn diff(context: &Context<'_>, names: &[PackageName], detail: Detail) -> Result<Difference> {
    state::require_manifest(context)?;
    let state = ScopeState::look(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    let unlock = unlocked(context, &state, names)?;
    let new = locking::lock(&state.manifest, &state.lock, &unlock, Rewritten::Accept, &indexes, &fetcher)?;
    let changed: BTreeSet<PackageName> = changed_names(&state.lock, &new.lock).into_iter().collect();
    let before = changed.iter().filter_map(|name| state.lock.packages.get(name));
    let absent = before.filter(|locked| !fetcher.has(&locked.checksum));
    // Whoever needs what failed meets it again.
    fetcher.prefetch(absent.map(|locked| (&locked.source, locked.commit.as_ref())));
    let mut packages = Vec::new();
    for name in &changed {
        let (old, now) = (state.lock.packages.get(name), new.lock.packages.get(name));
        let before = Before::of(name, old, context, &state.receipt, &fetcher, Lookup::Anywhere)?;
        let after = match (new.loaded.get(name), now) {
            (Some(loaded), _) => Some(loaded.tree.clone()),
            (None, Some(now)) => Some(fetcher.load_locked(name, now)?.tree),
            (None, None) => None,
        };
        packages.push(PackageDifference {
            name: dependency_on(&state.manifest, name).map_or(name, |(alias, _)| alias).clone(),
            locked: old.map(State::of),
            allowed: now.map(State::of),
            changes: Changes::between(&before, after.as_ref(), detail),
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Difference { scope: context.places.scope, base: context.machine.shown(&context.places.base), packages })
}
