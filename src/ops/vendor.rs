//! `cpm vendor`: writes every locked package of a scope into a folder, from which `cpm install --from` takes them on a
//! machine without a network.
//!
//! The packages pass the same checks as in an install, all of them before the first one is written.

mod folder;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::apply::{self, origin, shown_path};
use super::at_once::also;
use super::fetch::check_locked;
use super::install::fetcher;
use super::state::{self, ScopeState};
use super::{Context, Effect, locking};
use crate::error::{Error, Kind, Result};
use crate::index::Indexes;
use crate::model::digest::TreeDigest;
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::model::source::Source;
use crate::model::tree::Tree;
use crate::store::Held;
pub(super) use folder::VendorFolder;

/// What vendoring did, or would do.
#[derive(Debug, Clone, Serialize)]
pub struct Vendored {
    /// Whose packages.
    pub scope: Scope,
    /// The folder.
    pub dir: String,
    /// Whether nothing was written because of `--dry-run`.
    pub dry_run: bool,
    /// The packages that were written.
    pub written: Vec<VendoredPackage>,
    /// How many packages were there already.
    pub unchanged: usize,
    /// The entries that went, because nothing is locked to them any more.
    pub removed: Vec<TreeDigest>,
    /// The packages that are folders already.
    pub skipped: Vec<VendoredPackage>,
}

/// A package as vendoring sees it.
#[derive(Debug, Clone, Serialize)]
pub struct VendoredPackage {
    /// Its name.
    pub name: PackageName,
    /// Its locked version.
    pub version: String,
    /// Its bytes, and with them its folder.
    pub checksum: TreeDigest,
    /// Where it comes from, in words.
    pub from: String,
}

impl VendoredPackage {
    fn of(name: &PackageName, locked: &Locked) -> Self {
        VendoredPackage {
            name: name.clone(),
            version: locked.version.to_string(),
            checksum: locked.checksum,
            from: origin(locked),
        }
    }
}

/// Writes the locked packages into `dir`, which is absolute, and removes what is no longer locked.
///
/// # Errors
/// [`Kind::Lock`] when the lock does not answer the manifest; [`Kind::Conflict`] when the folder holds something of
/// somebody else's; any failure to get a package. Then nothing was written.
pub fn vendor(context: &Context<'_>, dir: &Path) -> Result<Vendored> {
    state::require_manifest(context)?;
    let state = ScopeState::open(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    if state.lock_bytes.is_none() || !locking::is_in_step(&state.manifest, &state.lock, &indexes) {
        return Err(apply::out_of_step(context, &locking::unanswered(&state.manifest, &state.lock, &indexes)));
    }
    refuse_loaded(context, dir)?;
    let folder = VendorFolder::at(dir);
    folder.check_free()?;

    let is_folder = |locked: &Locked| matches!(locked.source, Source::Dir { .. });
    let (skipped, wanted): (Vec<_>, Vec<_>) = state.lock.packages.iter().partition(|(_, locked)| is_folder(locked));
    let absent =
        wanted.iter().filter(|(_, locked)| !folder.store.contains(&locked.checksum) && !fetcher.has(&locked.checksum));
    let failures = fetcher.prefetch(absent.map(|(_, locked)| (&locked.source, locked.commit.as_ref())));
    let load = |name, locked| fetcher.load_locked(name, locked).map_err(|error| also(error, &failures));
    let mut new: Vec<(&PackageName, &Locked, Tree)> = Vec::new();
    for (name, locked) in &wanted {
        match folder.store.look(&locked.checksum)? {
            Held::Whole(tree) => _ = check_locked(name, locked, tree)?,
            Held::Absent => new.push((name, locked, load(name, locked)?.tree)),
            Held::Damaged(_) => {
                let tree = load(name, locked)?.tree;
                folder.check_replaceable(&tree, &locked.checksum)?;
                new.push((name, locked, tree));
            }
        }
    }
    let digests: BTreeSet<TreeDigest> = wanted.iter().map(|(_, locked)| locked.checksum).collect();
    let (removed, strange) = folder.unwanted(&digests)?;
    if context.effect == Effect::Change {
        if folder.lacks_files_for_git()? {
            folder.write_files_for_git()?;
        }
        for (name, locked, tree) in &new {
            folder.write(name, tree, &locked.checksum)?;
        }
        for digest in &removed {
            folder.store.remove(digest)?;
        }
    }
    for path in strange {
        let shown = shown_path(context, &path);
        context
            .progress
            .warn(&format!("`{shown}` is not locked, but holds something else than its name says: it stays"));
    }
    Ok(Vendored {
        scope: context.places.scope,
        dir: shown_path(context, dir),
        dry_run: context.effect == Effect::DryRun,
        unchanged: wanted.len() - new.len(),
        written: new.iter().map(|(name, locked, _)| VendoredPackage::of(name, locked)).collect(),
        removed,
        skipped: skipped.iter().map(|(name, locked)| VendoredPackage::of(name, locked)).collect(),
    })
}

/// What the client finds in its skills folder, it loads: also from a folder inside it.
fn refuse_loaded(context: &Context<'_>, dir: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if !real(dir).starts_with(real(&context.places.skills)) {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, "Claude Code would load the packages from there")
        .at_path(dir)
        .help("give a folder outside of `skills`, such as `cpm vendor vendor/claude`"))
}
