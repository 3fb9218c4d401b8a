//! `cpm cache`: the folder that all scopes share. Nothing in it is needed; everything in it saves a fetch.
//!
//! Only what cpm made is counted and removed: repositories, packages, listings of indexes, and what killed runs left.

use std::path::PathBuf;

use serde::Serialize;

use super::Effect;
use crate::claude::paths::Machine;
use crate::error::Result;
use crate::fsx;
use crate::fsx::upkeep::{self, Kept, Size};
use crate::git::upkeep::{self as git, CachedRepository, Removal};
use crate::index::Shelf;
use crate::model::age::Age;
use crate::model::digest::TreeDigest;
use crate::progress::Progress;
use crate::store::Store;

/// What is in the cache.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// The cache folder.
    pub dir: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// The repositories, the largest first.
    pub repositories: Vec<RepositoryRow>,
}

/// One part of the cache.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// `repositories`, `packages`, `leftovers` (of killed runs) or `listings` (of indexes, for searches).
    pub name: &'static str,
    /// How many.
    pub count: usize,
    /// Their files.
    #[serde(flatten)]
    pub size: Size,
}

/// One repository of the cache.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryRow {
    /// Where it was fetched from; `None` when it does not say.
    pub address: Option<String>,
    /// Its folder.
    pub folder: String,
    /// Its files.
    #[serde(flatten)]
    pub size: Size,
    /// For how many whole days nobody used it.
    pub unused_days: u64,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Serialize)]
pub struct Removed {
    /// The cache folder.
    pub dir: String,
    /// Whether nothing was removed because of `--dry-run`.
    pub dry_run: bool,
    /// How many repositories.
    pub repositories: usize,
    /// How many packages.
    pub packages: usize,
    /// How many listings of indexes.
    pub listings: usize,
    /// How many leftovers of killed runs.
    pub leftovers: usize,
    /// Their files.
    #[serde(flatten)]
    pub size: Size,
    /// Repositories that stay because another cpm is writing to them: address or folder.
    pub busy: Vec<String>,
}

/// What the cache holds.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn info(machine: &Machine) -> Result<Info> {
    let parts = Parts::read(machine)?;
    let mut repositories = Vec::new();
    for repository in &parts.repositories {
        repositories.push(RepositoryRow {
            address: repository.address.as_ref().map(ToString::to_string),
            folder: repository.folder.name.clone(),
            size: upkeep::size(&repository.folder.path)?,
            unused_days: repository.folder.unused.days(),
        });
    }
    repositories.sort_by(|a, b| b.size.bytes.cmp(&a.size.bytes).then_with(|| a.folder.cmp(&b.folder)));
    let mut size = Size::default();
    repositories.iter().for_each(|row| size += row.size);
    let listed = vec![
        Part { name: "repositories", count: repositories.len(), size },
        part("packages", parts.packages.iter().map(|(_, folder)| folder))?,
        part("leftovers", &parts.leftovers)?,
        part("listings", &parts.listings)?,
    ];
    Ok(Info { dir: machine.cache.display().to_string(), parts: listed, repositories })
}

/// Removes what nobody used for `age`, and leftovers of killed runs. What another cpm is writing stays.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn prune(machine: &Machine, age: Age, effect: Effect, progress: &dyn Progress) -> Result<Removed> {
    let Parts { store, repositories, packages, listings, leftovers } = Parts::read(machine)?;
    let mut removed = Removed {
        dir: machine.cache.display().to_string(),
        dry_run: effect == Effect::DryRun,
        repositories: 0,
        packages: 0,
        listings: 0,
        leftovers: 0,
        size: Size::default(),
        busy: Vec::new(),
    };
    let dry_run = removed.dry_run;
    for repository in repositories.iter().filter(|repository| repository.folder.unused >= age) {
        let size = upkeep::size(&repository.folder.path)?;
        if !dry_run && repository.remove(progress)? == Removal::Busy {
            removed.busy.push(shown(repository));
            continue;
        }
        removed.repositories += 1;
        removed.size += size;
    }
    for (digest, package) in packages.iter().filter(|(_, package)| package.unused >= age) {
        removed.size += upkeep::size(&package.path)?;
        removed.packages += 1;
        if !dry_run {
            store.remove(digest)?;
        }
    }
    for listing in listings.iter().filter(|listing| listing.unused >= age) {
        removed.size += upkeep::size(&listing.path)?;
        removed.listings += 1;
        if !dry_run {
            fsx::remove_any(&listing.path)?;
        }
    }
    // A young one may be just what another cpm is filling.
    for leftover in leftovers.iter().filter(|leftover| leftover.unused.days() >= 1) {
        removed.size += upkeep::size(&leftover.path)?;
        removed.leftovers += 1;
        if !dry_run {
            fsx::remove_any(&leftover.path)?;
        }
    }
    Ok(removed)
}

/// Everything of cpm's in the cache.
struct Parts {
    store: Store,
    repositories: Vec<CachedRepository>,
    packages: Vec<(TreeDigest, Kept)>,
    listings: Vec<Kept>,
    leftovers: Vec<Kept>,
}

impl Parts {
    fn read(machine: &Machine) -> Result<Self> {
        let git = git_root(machine);
        let store = Store::new(&machine.cache);
        let mut leftovers = git::unfinished(&git)?;
        leftovers.extend(store.unfinished()?);
        let listings = Shelf::new(&machine.cache).folders()?;
        Ok(Parts { repositories: git::repositories(&git)?, packages: store.entries()?, listings, leftovers, store })
    }
}

/// The folder of the repositories.
pub(super) fn git_root(machine: &Machine) -> PathBuf {
    machine.cache.join("git-v1")
}

fn part<'a>(name: &'static str, folders: impl IntoIterator<Item = &'a Kept>) -> Result<Part> {
    let mut part = Part { name, count: 0, size: Size::default() };
    for folder in folders {
        part.count += 1;
        part.size += upkeep::size(&folder.path)?;
    }
    Ok(part)
}

fn shown(repository: &CachedRepository) -> String {
    repository.address.as_ref().map_or_else(|| repository.folder.name.clone(), ToString::to_string)
}
