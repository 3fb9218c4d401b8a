//! Makes a scope as locked: load what changed, place it, ask about what would newly run, plan, commit, report.

mod files;
mod reporting;
mod staging;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(super) use files::Files;
use reporting::stays_out;
pub(super) use reporting::{is_clients_own, origin, shown_path, source_in_words};

use self::files::{Fate, fates};

use super::at_once::also;
use super::changes::{Before, Changes, Detail, Lookup};
use super::edits::{Editing, Edits};
use super::fetch::{Fetcher, Loaded};
use super::installed::{Look, Presence, dependency_on, options_text};
use super::locking::{self, Locking, changed_names};
use super::mcp_document::{self, McpDocument};
use super::report::{Report, SurfaceChange};
use super::state::{self, ScopeState};
use super::{Answer, Context, Effect, LockMode, revoked};
use crate::claude::client_lock::ClientLock;
use crate::claude::place::{self, Identity, Placed};
use crate::claude::rival::Rival;
use crate::claude::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::dependency::{Manifest, Placement};
use crate::model::lock::{Lock, Locked};
use crate::model::name::PackageName;
use crate::model::surface::Surface;
use crate::plan::{self, Change, Edited, Present};
use crate::transaction::Outcome;

/// How often to begin again when somebody changes a file meanwhile.
const RETRIES: usize = 5;

/// What a use case wants the scope to become.
pub(super) struct Target<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) files: Files,
    pub(super) locking: Locking,
    pub(super) about: About,
}

/// What a run is about. What it is not about, and what does not change, stays as the user left it.
pub(super) enum About {
    /// The whole scope.
    Everything,
    /// These packages, and what is not as locked.
    Packages(BTreeSet<PackageName>),
    /// As [`About::Packages`]; and a server of theirs that somebody took out of the MCP file is put back.
    Asked(BTreeSet<PackageName>),
    /// These packages, whatever else is not as locked.
    Only(BTreeSet<PackageName>),
}

impl About {
    fn includes(&self, name: &PackageName) -> bool {
        match self {
            About::Everything => true,
            About::Packages(names) | About::Asked(names) | About::Only(names) => names.contains(name),
        }
    }

    /// Whether a server of this package that was taken out of the MCP file stays out.
    fn leaves_out(&self, name: &PackageName) -> bool {
        !matches!(self, About::Asked(names) if names.contains(name))
    }

    fn leaves(&self, name: &PackageName) -> bool {
        matches!(self, About::Only(names) if !names.contains(name))
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
    let Target { manifest, files, locking, about } = target;
    let Locking { lock, mut loaded } = locking;
    let lock_changes = changed_names(&state.lock, &lock);
    let asks = matches!(files, Files::AsLocked(_));
    let (manifest_file, lock_file) = fates(context, state, &lock, files, !lock_changes.is_empty());
    if context.lock_mode == LockMode::Locked && (lock_file.changes() || manifest_file.changes()) {
        return Err(out_of_step(context, &lock_changes));
    }
    let look = Look::new(context, &state.receipt);
    let mut kept: BTreeSet<PackageName> =
        state.receipt.packages.keys().filter(|name| about.leaves(name)).cloned().collect();
    let mut wanted = Vec::new();
    for (name, locked) in lock.packages.iter().filter(|(name, _)| !about.leaves(name)) {
        let options = options_text(manifest, name, locked);
        match look.presence(name, locked, &options)? {
            Presence::Whole => _ = kept.insert(name.clone()),
            Presence::Touched if !about.includes(name) => {
                context
                    .progress
                    .warn(&format!("`{name}` is not as locked, and stays so; `cpm verify` says what differs"));
                kept.insert(name.clone());
            }
            Presence::Without(servers) if context.edited == Edited::Keep && about.leaves_out(name) => {
                servers.iter().for_each(|server| context.progress.warn(&stays_out(context, name, server)));
                kept.insert(name.clone());
            }
            Presence::Touched | Presence::Without(_) | Presence::Otherwise => wanted.push((name, locked, options)),
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
        let placed = placed(manifest, name, locked, &loaded)?;
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
        about: &about,
        manifest_file,
        lock_file,
        fresh,
        kept,
        lock_changes,
        changes: BTreeMap::new(),
    };
    run.compare(fetcher)?;
    if asks {
        run.ask()?;
    }
    run.carry_out(fetcher)
}

/// Where the parts of a locked package go.
pub(super) fn placed(manifest: &Manifest, name: &PackageName, locked: &Locked, loaded: &Loaded) -> Result<Placed> {
    let dependency = dependency_on(manifest, name);
    let identity = Identity {
        name: dependency.map_or(name, |(alias, _)| alias),
        version: &locked.version,
        manifest: locked.manifest.as_deref(),
        dependency: dependency.map(|(_, dependency)| dependency),
    };
    place::place(&loaded.package, &loaded.tree, identity)
}

/// What came of an attempt.
enum Attempt {
    Done(Report),
    /// Somebody else wrote this file or folder since it was read.
    Changed(PathBuf),
}

struct Run<'a> {
    context: &'a Context<'a>,
    state: &'a ScopeState,
    lock: &'a Lock,
    about: &'a About,
    manifest_file: Fate,
    lock_file: Fate,
    fresh: BTreeMap<PackageName, Fresh>,
    kept: BTreeSet<PackageName>,
    lock_changes: Vec<PackageName>,
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

    fn carry_out(self, fetcher: &Fetcher<'_>) -> Result<Report> {
        if self.context.effect != Effect::DryRun {
            let fresh = self.fresh.iter();
            fresh
                .map(|(name, fresh)| (&self.lock.packages[name].source, &fresh.loaded))
                .try_for_each(|(source, loaded)| fetcher.keep_installed(source, loaded))?;
        }
        let mut client_lock = None;
        let mut retries = 0..RETRIES;
        loop {
            match self.attempt(fetcher, &mut client_lock).map_err(untouched)? {
                Attempt::Done(report) => return Ok(report),
                // What this run began with cannot become right by itself.
                Attempt::Changed(path) if self.began_with(&path) => return Err(state::changed_meanwhile(&path)),
                Attempt::Changed(path) if retries.next().is_none() => return Err(state::changed_meanwhile(&path)),
                Attempt::Changed(_) => {}
            }
        }
    }

    /// Whether the whole run, not only an attempt, is made from what it read in this file.
    fn began_with(&self, path: &Path) -> bool {
        let places = &self.context.places;
        [&places.manifest, &places.lock].into_iter().any(|file| fsx::resolve_link(file) == path)
    }

    /// One attempt. The client's lock is taken once, and kept until the end: the client waits no longer than that.
    fn attempt(&self, fetcher: &Fetcher<'_>, client_lock: &mut Option<ClientLock>) -> Result<Attempt> {
        let places = &self.context.places;
        let mcp = McpDocument::read(self.context)?;
        let editing = Editing { context: self.context, state: self.state, fetcher, servers: &mcp.entries };
        let placed = self.fresh.iter().map(|(name, fresh)| (name, &fresh.placed)).collect();
        let present = Present {
            receipt: &self.state.receipt,
            neighbour: self.state.neighbour.as_ref(),
            skills: &places.skills,
            servers: &mcp.entries,
            mcp_file: &places.mcp.path,
            stays_out: &|package, server| self.about.leaves_out(package) && mcp.lacks(server),
            kept: &self.kept,
            edits: &|package| editing.lines(package),
        };
        let changes = plan::plan(&placed, present, self.context.edited)?;
        let edits: Vec<Edits> = match self.context.edited {
            Edited::Keep => Vec::new(),
            Edited::Overwrite => editing.replaced_by(&changes)?,
        };
        if self.context.effect == Effect::DryRun {
            let would_write = self.would_write(&changes, mcp)?;
            return Ok(Attempt::Done(self.report(&changes, edits, &would_write)?));
        }
        let touches_mcp = changes.iter().any(Change::edits_mcp_file);
        if touches_mcp && places.mcp.shared_with_client && client_lock.is_none() {
            *client_lock =
                Some(ClientLock::acquire(&places.mcp.path, self.context.waiting.patience, self.context.progress)?);
            // The client may have written until now.
            if fsx::read_optional(&places.mcp.path)? != mcp.bytes {
                return self.attempt(fetcher, client_lock);
            }
        }
        let mut transaction = self.state.begin(self.context)?;
        let mut written = Vec::new();
        let mut receipt = self.next_receipt();
        // Skills before what may mention them, the lock last: in every order of time, what is there works.
        self.stage_dirs(&changes, &mut transaction, &mut receipt)?;
        self.stage_servers(&changes, mcp, &mut transaction, &mut receipt, &mut written)?;
        self.stage_exclude(&mut transaction, &mut receipt, &mut written)?;
        self.stage_files(&changes, &mut transaction, &receipt, &mut written)?;
        Ok(match transaction.commit()? {
            Outcome::Done => {
                if touches_mcp && places.mcp.shared_with_client {
                    mcp_document::confirm(self.context, &changes)?;
                }
                Attempt::Done(self.report(&changes, edits, &written)?)
            }
            Outcome::Changed(path) => Attempt::Changed(path),
        })
    }
}

/// What failed before the commit point, or was taken back after it, says so.
fn untouched(error: Error) -> Error {
    if error.kind() == Kind::FileSystem { error.help("nothing was changed; solve this, then run again") } else { error }
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
    let settings = Settings::of(context.machine, &context.places)?;
    for (name, fresh) in plugins {
        let namespace = fresh.loaded.package.namespace.as_deref().unwrap_or(name.as_str());
        if let Some(rival) = Rival::of(namespace, &settings, context.machine) {
            let (id, scopes) = (&rival.id, rival.scopes());
            let what = format!("the plugin `{id}` is enabled in the {scopes}, and would hide `{name}`");
            return Err(Error::new(Kind::Conflict, what)
                .because("Claude Code loads only one plugin of a name, and prefers the one from its own marketplaces")
                .help(format!("run {} first, then run again", rival.commands())));
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
