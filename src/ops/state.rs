//! The files of a scope as one run sees them: read once, under the scope's lock.

use std::path::{Component, Path, PathBuf};

use super::{Context, Effect, settled};
use crate::claude::client_lock::ClientLock;
use crate::claude::paths::ScopePlaces;
use crate::error::{Error, Kind, Result};
use crate::format::lockfile::{AfterMerge, Needs};
use crate::format::{lockfile, manifest};
use crate::fsx;
use crate::fsx::lock::FileLock;
use crate::git;
use crate::model::dependency::Manifest;
use crate::model::lock::Lock;
use crate::model::merge::{Sides, Told};
use crate::model::scope::Scope;
use crate::receipt::{self, Found, Receipt};
use crate::transaction::{self, Folders, Left, Outcome, Recovered, Transaction};

/// What to do about a lock that git could not merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conflicts {
    /// It is no lock.
    Refuse,
    /// Both of its sides are read.
    Read(Needs),
}

/// Manifest, lock and receipt of a scope.
pub(super) struct ScopeState {
    /// The text of the manifest; `None` when there is none.
    pub(super) manifest_text: Option<String>,
    /// The manifest; empty when there is none.
    pub(super) manifest: Manifest,
    /// The bytes of the lock as they were read.
    lock_read: Option<Vec<u8>>,
    /// The bytes of the lock; `None` when there is none that could stay as it is.
    pub(super) lock_bytes: Option<Vec<u8>>,
    /// The lock; empty when there is none.
    pub(super) lock: Lock,
    /// What a merge left in place of the lock, for a run that may heal it.
    pub(super) sides: Option<(Sides, Told)>,
    /// What is installed.
    pub(super) receipt: Receipt,
    /// Whether there is a lock, and no receipt that could be read.
    pub(super) lost_receipt: bool,
    /// What is installed in the same skills folder for another scope.
    pub(super) neighbour: Option<(Scope, Receipt)>,
    /// Held while the scope may change; `None` for a run that only looks.
    _guard: Option<FileLock>,
}

impl ScopeState {
    /// Takes the scope's lock, completes what an interrupted run left, and reads.
    pub(super) fn open(context: &Context<'_>) -> Result<Self> {
        Self::open_with(context, Conflicts::Refuse)
    }

    /// [`ScopeState::open`] for a run that may know what to do about a conflicted lock.
    pub(super) fn open_with(context: &Context<'_>, conflicts: Conflicts) -> Result<Self> {
        refuse_links(context)?;
        if context.effect == Effect::DryRun {
            settled::warn_of_unfinished(context);
            return Self::read(context, conflicts);
        }
        let sharing = context.places.sharing_state(context.machine);
        let folders = Folders::of(&context.places, &sharing);
        let lock = transaction::lock_place(&folders)?;
        let guard = FileLock::acquire_as(&lock, context.waiting, context.progress)?;
        transaction::prepare_state(&folders)?;
        recover(context, &folders, &sharing)?;
        if let Found::Damaged(error) = receipt::read(&context.places.receipt())? {
            let cause = error.causes().join(": ");
            context.progress.warn(&format!("{error} ({cause}); it is made anew from the lock and what is there"));
        }
        let mut opened = Self::read(context, conflicts)?;
        opened._guard = Some(guard);
        Ok(opened)
    }

    /// Begins a change of this scope, which others may change meanwhile.
    pub(super) fn begin(&self, context: &Context<'_>) -> Result<Transaction> {
        let mut transaction = Transaction::begin(&context.places)?;
        transaction.was_read(&context.places.manifest, self.manifest_text.as_deref().map(str::as_bytes));
        transaction.was_read(&context.places.lock, self.lock_read.as_deref());
        Ok(transaction)
    }

    /// Reads without writing anything.
    pub(super) fn look(context: &Context<'_>) -> Result<Self> {
        Self::read(context, Conflicts::Refuse)
    }

    fn read(context: &Context<'_>, conflicts: Conflicts) -> Result<Self> {
        let places = &context.places;
        let manifest_text =
            fsx::read_optional(&places.manifest)?.map(|bytes| text(bytes, &places.manifest)).transpose()?;
        let mut lock_bytes = fsx::read_optional(&places.lock)?;
        let lock_read = lock_bytes.clone();
        let (mut lock, mut sides) = (Lock::default(), None);
        if let Some(bytes) = &lock_bytes {
            match read_lock(bytes, &places.lock, conflicts)? {
                AfterMerge::Whole(whole) => lock = whole,
                AfterMerge::Conflicted(both) => {
                    sides =
                        Some(whole_sides(&places.lock)?.map_or((both, Told::ByMarkers), |both| (both, Told::ByGit)));
                    lock_bytes = None;
                }
            }
        }
        let found = receipt::read(&places.receipt())?;
        let lost_receipt = !matches!(found, Found::Whole(_)) && lock_bytes.is_some();
        Ok(ScopeState {
            manifest: manifest_text
                .as_deref()
                .map(|text| manifest::parse(text, &places.manifest))
                .transpose()?
                .unwrap_or_default(),
            manifest_text,
            lock,
            sides,
            lock_read,
            lock_bytes,
            receipt: found.receipt(),
            lost_receipt,
            neighbour: places
                .neighbour()
                .map(|(scope, path)| Ok((scope, receipt::read(&path)?.receipt())))
                .transpose()?,
            _guard: None,
        })
    }
}

/// Completes what an interrupted run left, or takes it back, and says so.
fn recover(context: &Context<'_>, folders: &Folders, sharing: &[ScopePlaces]) -> Result<()> {
    let interrupted = match transaction::look(folders, sharing)? {
        Left::Nothing => return Ok(()),
        Left::Unfinished => {
            context.progress.warn("a run was interrupted before it changed anything");
            return Ok(());
        }
        Left::Interrupted(interrupted) => interrupted,
    };
    let claude_json = &context.machine.claude_json;
    let _client_lock = match interrupted.changes(claude_json) {
        true => Some(ClientLock::acquire(claude_json, context.waiting.patience, context.progress)?),
        false => None,
    };
    match interrupted.recover()? {
        Recovered::Completed => context.progress.warn("an interrupted run was completed"),
        Recovered::TakenBack(error) => context.progress.warn(&format!(
            "an interrupted run could not be completed and was taken back: {error}{}",
            error.causes().iter().map(|cause| format!(": {cause}")).collect::<String>()
        )),
    }
    Ok(())
}

/// Makes a change happen that is to be made from what was read, and from nothing newer.
pub(super) fn commit(transaction: Transaction) -> Result<()> {
    match transaction.commit()? {
        Outcome::Done => Ok(()),
        Outcome::Changed(path) => Err(changed_meanwhile(&path)),
    }
}

/// The error for a file that somebody else wrote while cpm was at work.
pub(super) fn changed_meanwhile(path: &Path) -> Error {
    Error::new(Kind::Locked, format!("`{}` changed while cpm was at work, so nothing was changed", path.display()))
        .at_path(path)
        .because("another program, or you, wrote it since cpm read it; that stays")
        .help("run again; if it keeps changing, end what writes it first, such as other Claude Code sessions")
}

fn read_lock(bytes: &[u8], path: &Path, conflicts: Conflicts) -> Result<AfterMerge> {
    match conflicts {
        Conflicts::Refuse => lockfile::parse(bytes, path).map(AfterMerge::Whole),
        Conflicts::Read(needs) => lockfile::parse_after_merge(bytes, path, needs),
    }
}

/// The sides of a conflicted lock as git kept them.
fn whole_sides(path: &Path) -> Result<Option<Sides>> {
    let Some(stages) = git::stages::of(path) else { return Ok(None) };
    let side = |bytes: Option<Vec<u8>>| bytes.map_or(Ok(Lock::default()), |bytes| lockfile::parse(&bytes, path));
    Ok(Some(Sides { base: side(stages.base)?, ours: side(stages.ours)?, theirs: side(stages.theirs)? }))
}

/// Without a manifest there is nothing to make the scope like; this is said before anything is created.
pub(super) fn require_manifest(context: &Context<'_>) -> Result<()> {
    let places = &context.places;
    // An interrupted run may be about to make them.
    if places.manifest.exists() || places.lock.exists() || transaction::is_interrupted(&places.state) {
        return Ok(());
    }
    Err(Error::new(Kind::NotFound, format!("there is no manifest in the {} scope", places.scope))
        .at_path(&places.manifest)
        .help("`cpm install NAME` makes one; `cpm install github-tools` is a start"))
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|cause| {
        let line = cause.as_bytes()[..cause.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Error::new(Kind::Invalid, "the manifest is not UTF-8").at_path(path).because(format!("in line {line}"))
    })
}

/// A project may come from a stranger: a link in it must not make cpm write elsewhere [security.md M12].
fn refuse_links(context: &Context<'_>) -> Result<()> {
    let places = &context.places;
    if places.scope == Scope::User {
        return Ok(());
    }
    let base = places.base.canonicalize().unwrap_or_else(|_| places.base.clone());
    let inside = [&places.manifest, &places.lock, &places.state, &places.skills];
    let shared = (!places.mcp.shared_with_client).then_some(&places.mcp.path);
    // cpm follows what it finds in its state folder, so a link there counts as well.
    let kept = std::fs::read_dir(&places.state).into_iter().flatten().flatten().map(|entry| entry.path());
    let kept: Vec<PathBuf> = kept.filter(|path| !transaction::is_waiting(path)).collect();
    for path in inside.into_iter().chain(shared).chain(&kept).chain(&places.others) {
        // The nearest part that exists decides where the rest would be written.
        let existing = path.ancestors().find(|part| std::fs::symlink_metadata(part).is_ok()).unwrap_or(&places.base);
        let real = real_place(existing);
        if !real.starts_with(&base) || real.components().any(|part| part == Component::ParentDir) {
            return Err(transaction::leads_out(existing, &real));
        }
    }
    Ok(())
}

/// Where a write to `path` would end, also through a link to what does not exist yet.
fn real_place(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let target = fsx::resolve_link(path);
        match (target.parent(), target.file_name()) {
            (Some(parent), Some(name)) => real_place(parent).join(name),
            _ => target,
        }
    })
}
