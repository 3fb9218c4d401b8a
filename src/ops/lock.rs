//! `cpm lock`: writes the lock as the manifest wants it and installs nothing; heals one that git could not merge; says
//! whether it is in step.

use std::collections::BTreeMap;

use serde::Serialize;

use super::apply;
use super::install::{self, fetcher};
use super::locking::{self, Locking, changed_names};
use super::state::{self, Conflicts, ScopeState};
use super::{Context, Effect, undo};
use crate::error::{Error, Kind, Result};
use crate::format::lockfile::{self, Needs};
use crate::index::Indexes;
use crate::model::name::PackageName;
use crate::receipt::undo::Adopted;
use crate::transaction::Privacy;

/// What came of locking.
#[derive(Debug, Clone, Serialize)]
pub struct Locked {
    /// The lock.
    pub path: String,
    /// Whether nothing was written because of `--dry-run`.
    pub dry_run: bool,
    /// Whether it was not as it should be.
    pub written: bool,
    /// How many packages are in it.
    pub packages: usize,
    /// The entries that are not as they were, or for a conflicted lock not as one of the sides had them.
    pub changed: Vec<Change>,
}

/// A change of an entry.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// The package.
    pub name: PackageName,
    /// The version before; `None` for a new one.
    pub was: Option<String>,
    /// The version now; `None` for one that is no longer needed.
    pub now: Option<String>,
}

/// Writes the lock that answers the manifest. `needs` says whether an unconflicted lock may lack packages that others in
/// it need, as a merge can leave it.
///
/// # Errors
/// Any failure; then nothing has changed. [`Kind::Approval`] as for an update.
pub fn lock(context: &Context<'_>, needs: Needs) -> Result<Locked> {
    state::require_manifest(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let mut state = ScopeState::open_with(context, Conflicts::Read(needs))?;
    let manifest = state.manifest.clone();
    let indexes = Indexes::new(&manifest.indexes, &cache);
    let Locking { lock, loaded } = install::lock(context, &mut state, &manifest, &indexes, &fetcher)?;
    let names = changed_names(&state.lock, &lock);
    let moved = loaded.iter().filter(|(name, _)| names.contains(name)).map(|(name, loaded)| (name, &loaded.surface));
    apply::ask(context, &state, &lock, moved, &BTreeMap::new())?;
    let written = state.lock_bytes.is_none() || !names.is_empty();
    if written && context.effect == Effect::Change {
        let mut transaction = state.begin(context)?;
        let bytes = lockfile::emit(&lock).into_bytes();
        let after = [undo::manifest_bytes(&state), Some(&bytes[..])];
        undo::stage_record(context, &state, &mut transaction, after, Adopted::default())?;
        transaction.put_file(&context.places.lock, &bytes, Privacy::Shared)?;
        state::commit(transaction)?;
    }
    let version = |lock: &crate::model::lock::Lock, name: &PackageName| {
        lock.packages.get(name).map(|locked| locked.version.to_string())
    };
    let changed =
        names.into_iter().map(|name| Change { was: version(&state.lock, &name), now: version(&lock, &name), name });
    Ok(Locked {
        path: context.machine.shown(&context.places.lock),
        dry_run: context.effect == Effect::DryRun,
        written,
        packages: lock.packages.len(),
        changed: changed.collect(),
    })
}

/// Says whether the lock answers the manifest, without asking anybody; the number of its packages.
///
/// # Errors
/// [`Kind::Lock`] when it does not.
pub fn check(context: &Context<'_>) -> Result<usize> {
    state::require_manifest(context)?;
    let state = ScopeState::look(context)?;
    let cache = context.git_cache()?;
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    if state.lock_bytes.is_some() && locking::is_in_step(&state.manifest, &state.lock, &indexes) {
        return Ok(state.lock.packages.len());
    }
    let error = match &state.lock_bytes {
        None => Error::new(Kind::Lock, "there is no lock"),
        Some(_) => Error::new(Kind::Lock, "the lock is out of step with the manifest"),
    };
    let names = locking::unanswered(&state.manifest, &state.lock, &indexes);
    let error =
        names.iter().fold(error, |error, name| error.because(format!("not as the manifest wants it: `{name}`")));
    Err(error.at_path(&context.places.lock).help("run `cpm lock`, or `cpm install`, and commit the lock"))
}
