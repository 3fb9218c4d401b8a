//! `cpm undo`: takes back the last change of a scope's manifest or lock, and with it what that change installed,
//! removed or moved. The record of a change is written in its own transaction.
//!
//! Invariant: nothing is taken back over a newer change of manifest or lock, or over an edited file.

use std::collections::BTreeSet;
use std::path::Path;

use super::apply::{self, About, Files, Target, shown_path};
use super::install::fetcher;
use super::installed::options_text;
use super::locking::{self, Locking, changed_names};
use super::report::{FileReport, Report};
use super::state::ScopeState;
use super::{Context, Effect};
use crate::claude::paths::ScopePlaces;
use crate::error::{Error, Kind, Result};
use crate::format::{lockfile, manifest};
use crate::index::Indexes;
use crate::model::dependency::Manifest;
use crate::model::lock::Lock;
use crate::model::name::PackageName;
use crate::receipt::undo::{self, Adopted, Passage, Undo};
use crate::transaction::{self, Privacy, Transaction};

/// What was taken back.
#[derive(Debug, Clone)]
pub struct Undone {
    /// The command whose change it was.
    pub command: String,
    /// What that does to the scope.
    pub report: Report,
}

/// Takes the last change back, after `announce` was told what that will do. What it brings back was approved when it was
/// installed, so nobody is asked again.
///
/// # Errors
/// [`Kind::NotFound`] when there is nothing to take back; [`Kind::Conflict`] when manifest, lock or an installed file
/// changed since.
pub fn undo(context: &Context<'_>, announce: &dyn Fn(&Undone)) -> Result<Undone> {
    let places = &context.places;
    // Without a record nothing is created to find that out.
    if !places.undo_record().exists() && !transaction::is_interrupted(&places.state) {
        return Err(nothing(places));
    }
    // Completes an interrupted run, so that the plan is about what will be there.
    drop(ScopeState::open(context)?);
    let dry = Context { effect: Effect::DryRun, places: places.clone(), from: context.from.clone(), ..*context };
    let plan = take_back(&dry)?;
    announce(&plan);
    if context.effect == Effect::DryRun { Ok(plan) } else { take_back(context) }
}

fn nothing(places: &ScopePlaces) -> Error {
    Error::new(Kind::NotFound, format!("there is nothing to take back in the {} scope", places.scope))
        .at_path(&places.undo_record())
        .help("cpm remembers the last change that it made to a manifest or lock; git has the earlier ones")
}

fn take_back(context: &Context<'_>) -> Result<Undone> {
    let places = &context.places;
    let mut state = ScopeState::open(context)?;
    let record = undo::read(&places.undo_record())?.ok_or_else(|| nothing(places))?;
    refuse_changed(context, &state, &record)?;
    let before = Before::read(context, &record)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    locking::refuse_foreign(&before.lock, &Indexes::new(&before.manifest.indexes, &cache))?;
    let names = before.changed_since(&state, &record);
    let released = release(context, &mut state, &record.adopted, &before.lock);
    let bytes = |passage: &Passage| passage.before.clone().map(String::into_bytes);
    let target = Target {
        manifest: &before.manifest,
        files: Files::AsBefore { manifest: bytes(&record.manifest), lock: bytes(&record.lock) },
        locking: Locking { lock: before.lock.clone(), loaded: Default::default() },
        about: About::Only(names),
    };
    let mut report = apply::apply(context, &state, &fetcher, target)?;
    report.files.extend(released);
    Ok(Undone { command: record.command, report })
}

/// The bytes of the manifest as a run found it.
pub(super) fn manifest_bytes(state: &ScopeState) -> Option<&[u8]> {
    state.manifest_text.as_ref().map(String::as_bytes)
}

/// Stages the record of a change that makes manifest and lock what is in `after`; none where neither changes. A lock
/// that git could not merge is nothing to go back to, so its merge ends what could be taken back.
pub(super) fn stage_record(
    context: &Context<'_>,
    state: &ScopeState,
    transaction: &mut Transaction,
    after: [Option<&[u8]>; 2],
    adopted: Adopted,
) -> Result<()> {
    let path = context.places.undo_record();
    if state.sides.is_some() {
        return if path.exists() { transaction.remove(&path, Privacy::Shared) } else { Ok(()) };
    }
    let record = Undo {
        command: context.command.to_owned(),
        manifest: Passage::new(manifest_bytes(state), after[0])?,
        lock: Passage::new(state.lock_bytes.as_deref(), after[1])?,
        installed: state.receipt.packages.keys().cloned().collect(),
        adopted,
    };
    if record.manifest.is_nothing() && record.lock.is_nothing() {
        return Ok(());
    }
    transaction.put_file(&path, &record.to_bytes()?, Privacy::Shared)
}

/// What manifest and lock said before the change.
struct Before {
    manifest: Manifest,
    lock: Lock,
}

impl Before {
    fn read(context: &Context<'_>, record: &Undo) -> Result<Self> {
        let (manifest_path, lock_path) = (&context.places.manifest, &context.places.lock);
        let manifest = record.manifest.before.as_deref().map(|text| manifest::parse(text, manifest_path));
        let lock = record.lock.before.as_deref().map(|text| lockfile::parse(text.as_bytes(), lock_path));
        Ok(Before { manifest: manifest.transpose()?.unwrap_or_default(), lock: lock.transpose()?.unwrap_or_default() })
    }

    /// The packages that the change was about. One that was locked but not installed before is not installed by going
    /// back.
    fn changed_since(&self, state: &ScopeState, record: &Undo) -> BTreeSet<PackageName> {
        let options = |manifest: &Manifest, lock: &Lock, name: &PackageName| {
            lock.packages.get(name).map(|locked| options_text(manifest, name, locked))
        };
        let placed_otherwise = |name: &&PackageName| {
            options(&self.manifest, &self.lock, name) != options(&state.manifest, &state.lock, name)
        };
        let mut names: BTreeSet<PackageName> = changed_names(&state.lock, &self.lock).into_iter().collect();
        names.extend(self.lock.packages.keys().filter(placed_otherwise).cloned());
        names.retain(|name| record.installed.contains(name) || state.receipt.packages.contains_key(name));
        names
    }
}

fn refuse_changed(context: &Context<'_>, state: &ScopeState, record: &Undo) -> Result<()> {
    let places = &context.places;
    let files: [(&Path, &Passage, Option<&[u8]>); 2] = [
        (&places.manifest, &record.manifest, manifest_bytes(state)),
        (&places.lock, &record.lock, state.lock_bytes.as_deref()),
    ];
    let changed: Vec<String> = files
        .iter()
        .filter(|(_, passage, now)| !passage.is_at_its_end(*now))
        .map(|(path, _, _)| format!("`{}`", shown_path(context, path)))
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let what = format!("{} changed since `cpm {}`, so nothing was taken back", changed.join(" and "), record.command);
    Err(Error::new(Kind::Conflict, what)
        .at_path(&places.base)
        .help("undo your change first, or go on from here: git has the earlier manifest and lock"))
}

/// Gives back to the user what the change took over as it was, unless the packages were locked before. What it was about
/// stays on the disk.
fn release(context: &Context<'_>, state: &mut ScopeState, adopted: &Adopted, lock: &Lock) -> Vec<FileReport> {
    let mut kept = Vec::new();
    for (_, installed) in state.receipt.packages.iter_mut().filter(|(name, _)| !lock.packages.contains_key(*name)) {
        let dirs = installed.dirs.extract_if(.., |dir, _| adopted.dirs.contains(dir));
        kept.extend(dirs.map(|(dir, _)| shown_path(context, &context.places.skills.join(dir.as_str()))));
        let file = shown_path(context, &context.places.mcp.path);
        let servers = installed.servers.extract_if(.., |server, _| adopted.servers.contains(server));
        kept.extend(servers.map(|(server, _)| format!("{file} → {server}")));
    }
    kept.into_iter().map(|path| FileReport { path, action: "keep" }).collect()
}
