//! Makes a scope as locked: load what changed, place it, ask about what would newly run, plan, commit, report.

mod reporting;
mod staging;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use reporting::{origin, shown_path, source_in_words};

use super::at_once::also;
use super::changes::{Before, Changes, Detail, Lookup};
use super::fetch::{Fetcher, Loaded};
use super::installed::{Look, Presence, dependency_on, options_text};
use super::locking::{self, Locking, changed_names};
use super::mcp_document::McpDocument;
use super::report::{Report, SurfaceChange};
use super::state::ScopeState;
use super::{Answer, Context, Effect, LockMode, revoked};
use crate::claude::client_lock::ClientLock;
use crate::claude::place::{self, Identity, Placed};
use crate::claude::settings;
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::dependency::{Manifest, Placement};
use crate::model::lock::{Lock, Locked};
use crate::model::name::PackageName;
use crate::model::surface::Surface;
use crate::plan::{self, Change, Edited, Present};
use crate::transaction::Transaction;

/// How often to begin again when the client changes its file meanwhile.
const ATTEMPTS: usize = 5;

/// What a use case wants the scope to become.
pub(super) struct Target<'a> {
    pub(super) manifest: &'a Manifest,
    /// The manifest's text, if it must be written.
    pub(super) manifest_text: Option<String>,
    pub(super) locking: Locking,
    pub(super) about: About,
}

/// What a run is about. What it is not about, and what does not change, stays as the user left it.
pub(super) enum About {
    /// The whole scope.
    Everything,
    /// These packages.
    Packages(BTreeSet<PackageName>),
}

impl About {
    fn includes(&self, name: &PackageName) -> bool {
        match self {
            About::Everything => true,
            About::Packages(names) => names.contains(name),
        }
    }
}

/// A package that is placed anew.
struct Fresh {
    loaded: Loaded,
    placed: Placed,
    options: String,
}

/// Applies a target.
pub(super) fn apply(
    context: &Context<'_>,
    state: &ScopeState,
    fetcher: &Fetcher<'_>,
    target: Target<'_>,
) -> Result<Report> {
    let Target { manifest, manifest_text, locking, about } = target;
    let Locking { lock, mut loaded } = locking;
    let lock_changes = changed_names(&state.lock, &lock);
    let writes_lock = !lock_changes.is_empty() || state.lock_bytes.is_none();
    if context.lock_mode == LockMode::Locked && (writes_lock || manifest_text.is_some()) {
        return Err(out_of_step(context, &lock_changes));
    }
    let look = Look::new(context, &state.receipt);
    let mut kept = BTreeSet::new();
    let mut wanted = Vec::new();
    for (name, locked) in &lock.packages {
        let options = options_text(manifest, name, locked);
        match look.presence(name, locked, &options)? {
            Presence::Whole => _ = kept.insert(name.clone()),
            Presence::Touched if !about.includes(name) && context.edited == Edited::Keep => {
                context
                    .progress
                    .warn(&format!("`{name}` is not as locked, and stays so; `cpm verify` says what differs"));
                kept.insert(name.clone());
            }
            Presence::Touched | Presence::Otherwise => wanted.push((name, locked, options)),
        }
    }
    if !wanted.is_empty() {
        revoked::refuse(context, fetcher.cache, manifest, &lock)?;
    }
    let is_absent = |name: &PackageName, locked: &Locked| !loaded.contains_key(name) && !fetcher.has(&locked.checksum);
    let absent = wanted.iter().filter(|(name, locked, _)| is_absent(name, locked));
    let failures = fetcher.prefetch(absent.map(|(_, locked, _)| (&locked.source, locked.commit.as_ref())));
    let mut missing = Vec::new();
    let mut fresh = BTreeMap::new();
    for (name, locked, options) in wanted {
        let mut loaded = match loaded.remove(name).map_or_else(|| fetcher.load_locked(name, locked), Ok) {
            // Whoever carries packages to this machine wants to know of all that are missing, not of the first.
            Err(error) if error.kind() == Kind::NotFound && fetcher.may_be_vendored(locked) => {
                missing.push((name, locked));
                continue;
            }
            loaded => loaded.map_err(|error| also(error, &failures))?,
        };
        let lacking = locking::lacking(context, manifest, &lock, name, &loaded.package.dependencies)?;
        loaded.warnings.extend(lacking);
        let dependency = dependency_on(manifest, name);
        let identity = Identity {
            name: dependency.map_or(name, |(alias, _)| alias),
            version: &locked.version,
            manifest: locked.manifest.as_deref(),
            dependency: dependency.map(|(_, dependency)| dependency),
        };
        let placed = place::place(&loaded.package, &loaded.tree, identity)?;
        fresh.insert(name.clone(), Fresh { loaded, placed, options });
    }
    if let Some(vendored) = fetcher.vendored.as_ref().filter(|_| !missing.is_empty()) {
        return Err(vendored.lacks(&missing));
    }
    refuse_shadowed(context, &fresh)?;
    let mut run = Run {
        context,
        state,
        lock: &lock,
        manifest_text,
        fresh,
        kept,
        lock_changes,
        writes_lock,
        changes: BTreeMap::new(),
    };
    run.compare(fetcher)?;
    run.ask()?;
    run.carry_out()
}

struct Run<'a> {
    context: &'a Context<'a>,
    state: &'a ScopeState,
    lock: &'a Lock,
    manifest_text: Option<String>,
    fresh: BTreeMap<PackageName, Fresh>,
    kept: BTreeSet<PackageName>,
    lock_changes: Vec<PackageName>,
    writes_lock: bool,
    /// What happens to the files of the packages that somebody is shown.
    changes: BTreeMap<PackageName, Changes>,
}

impl Run<'_> {
    /// Compares the files of what an update moves: for `--dry-run` of all packages, else of those that are asked about.
    fn compare(&mut self, fetcher: &Fetcher<'_>) -> Result<()> {
        for (name, fresh) in self.fresh.iter().filter(|(name, _)| self.lock_changes.contains(name)) {
            let Some(old) = self.state.lock.packages.get(name) else { continue };
            if self.context.effect == Effect::DryRun || self.is_asked_about(name, fresh) {
                let receipt = &self.state.receipt;
                let before = Before::of(name, Some(old), self.context, receipt, fetcher, Lookup::Here)?;
                let changes = Changes::between(&before, Some(&fresh.loaded.tree), Detail::Counts);
                self.changes.insert(name.clone(), changes);
            }
        }
        Ok(())
    }

    /// Whether a package would run something else than what is installed.
    fn is_asked_about(&self, name: &PackageName, fresh: &Fresh) -> bool {
        self.state.receipt.packages.get(name).is_some_and(|before| before.surface != fresh.loaded.surface)
    }

    fn ask(&self) -> Result<()> {
        let moved = self.fresh.iter().filter(|(name, _)| self.lock_changes.contains(name));
        let moved = moved.map(|(name, fresh)| (name, &fresh.loaded.surface));
        ask(self.context, self.state, self.lock, moved, &self.changes)
    }

    fn carry_out(self) -> Result<Report> {
        for _ in 0..ATTEMPTS {
            if let Some(report) = self.attempt()? {
                return Ok(report);
            }
        }
        let mcp = &self.context.places.mcp.path;
        Err(Error::new(Kind::Locked, "the file keeps changing while cpm works")
            .at_path(mcp)
            .help("close other Claude Code sessions, then run again"))
    }

    /// One attempt; `None` when the MCP file changed between reading and writing.
    fn attempt(&self) -> Result<Option<Report>> {
        let places = &self.context.places;
        let mcp = McpDocument::read(self.context)?;
        let placed = self.fresh.iter().map(|(name, fresh)| (name, &fresh.placed)).collect();
        let present = Present {
            receipt: &self.state.receipt,
            neighbour: self.state.neighbour.as_ref(),
            skills: &places.skills,
            servers: &mcp.entries,
            mcp_file: &places.mcp.path,
            kept: &self.kept,
        };
        let changes = plan::plan(&placed, present, self.context.edited)?;
        if self.context.effect == Effect::DryRun {
            return Ok(Some(self.report(&changes, &[])));
        }
        let touches_mcp = changes.iter().any(Change::edits_mcp_file);
        let _client_lock = match touches_mcp && places.mcp.shared_with_client {
            true => Some(ClientLock::acquire(&places.mcp.path)?),
            false => None,
        };
        let mut transaction = Transaction::begin(&places.state)?;
        let mut written = Vec::new();
        let mut receipt = self.next_receipt();
        self.stage_dirs(&changes, &mut transaction, &mut receipt)?;
        let mcp_bytes = mcp.bytes.clone();
        self.stage_servers(&changes, mcp, &mut transaction, &mut receipt, &mut written)?;
        self.stage_exclude(&mut transaction, &mut receipt, &mut written)?;
        self.stage_files(&mut transaction, &receipt, &mut written)?;
        if touches_mcp && fsx::read_optional(&places.mcp.path)? != mcp_bytes {
            return Ok(None);
        }
        transaction.commit()?;
        Ok(Some(self.report(&changes, &written)))
    }
}

/// An update that would run something else needs a yes; a lock that a colleague committed had it already. `moved` are the
/// packages whose entries in the lock change, with what they could run.
pub(super) fn ask<'m>(
    context: &Context<'_>,
    state: &ScopeState,
    lock: &Lock,
    moved: impl Iterator<Item = (&'m PackageName, &'m Surface)>,
    changes: &BTreeMap<PackageName, Changes>,
) -> Result<()> {
    let told = |name| changes.get(name).cloned().unwrap_or_default();
    let changed: Vec<SurfaceChange> =
        moved.filter_map(|(name, after)| surface_change(state, lock, name, after, told(name))).collect();
    if changed.is_empty() || context.effect == Effect::DryRun {
        return Ok(());
    }
    match context.approver.approve(&changed) {
        Answer::Yes => Ok(()),
        Answer::No => Err(Error::new(Kind::Approval, "you said no, so nothing was changed")),
        Answer::NobodyThere => {
            let what = "the update would run something else than what is installed, so nothing was changed";
            let lines = changed.iter().flat_map(SurfaceChange::lines);
            let error = lines.fold(Error::new(Kind::Approval, what), Error::because);
            Err(error.help("read the difference, then run the same command with `--accept`"))
        }
    }
}

/// What a package would newly run, against what is installed; `None` when that is the same or nothing is.
fn surface_change(
    state: &ScopeState,
    lock: &Lock,
    name: &PackageName,
    after: &Surface,
    changes: Changes,
) -> Option<SurfaceChange> {
    let before = state.receipt.packages.get(name)?;
    (before.surface != *after).then(|| SurfaceChange {
        name: name.clone(),
        from: before.version.to_string(),
        to: lock.packages[name].version.to_string(),
        added: after.beyond(&before.surface).cloned().collect(),
        removed: before.surface.beyond(after).cloned().collect(),
        changes,
    })
}

/// A plugin folder that the client would not load, because a marketplace plugin of the same name is enabled.
fn refuse_shadowed(context: &Context<'_>, fresh: &BTreeMap<PackageName, Fresh>) -> Result<()> {
    let mut plugins = fresh.iter().filter(|(_, fresh)| fresh.placed.placement == Placement::Plugin).peekable();
    if plugins.peek().is_none() {
        return Ok(());
    }
    let enabled = settings::enabled_plugins(context.machine, &context.places)?;
    for (name, fresh) in plugins {
        let namespace = fresh.loaded.package.namespace.as_deref().unwrap_or(name.as_str());
        if let Some(id) = enabled.get(namespace) {
            return Err(Error::new(Kind::Conflict, format!("the plugin `{id}` is enabled, and would hide `{name}`"))
                .because("Claude Code loads only one plugin of a name, and prefers the one from its own marketplaces")
                .help(format!("run `claude plugin uninstall {id}` first, then run again")));
        }
    }
    Ok(())
}

pub(super) fn out_of_step(context: &Context<'_>, changed: &[PackageName]) -> Error {
    let error = match context.places.lock.exists() {
        true => Error::new(Kind::Lock, "the lock is out of step with the manifest, and may not change in this run"),
        false => Error::new(Kind::Lock, "there is no lock, and none may be written in this run"),
    };
    let error = error.at_path(&context.places.lock);
    let error = if changed.is_empty() {
        error
    } else {
        let names: Vec<String> = changed.iter().map(|name| format!("`{name}`")).collect();
        error.because(format!("it would change: {}", names.join(", ")))
    };
    error.help("run `cpm install` without `--locked` and `--frozen`, and commit the lock")
}
