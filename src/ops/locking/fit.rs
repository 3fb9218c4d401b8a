//! Whether locked packages suit each other. A lock does not say which versions a package allows of another, so git merges
//! two locks clean that do not fit together: one branch moves a package, the other adds one that needs the old version.
//!
//! Invariant: what is new to this machine, and what depends on it, is held against what the packages themselves say, and
//! the indexes as they were last heard of. So no host is asked but for a package, and nothing is done when nothing is new.

use std::collections::BTreeSet;
use std::fmt;

use super::super::fetch::Fetcher;
use super::super::state::ScopeState;
use super::super::{Context, revoked};
use super::Locking;
use crate::claude::inspect;
use crate::error::{Error, Kind, Result};
use crate::format::plugin;
use crate::fsx;
use crate::index::{IndexKind, Indexes};
use crate::model::dependency::{Manifest, Need};
use crate::model::lock::{Lock, Locked};
use crate::model::name::PackageName;
use crate::model::version::Version;
use crate::receipt::Care;

/// A locked package that does not allow the locked version of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ops) struct Misfit {
    who: PackageName,
    version: Version,
    need: Need,
    locked: Version,
}

impl Misfit {
    fn is_about_the_same(&self, other: &Misfit) -> bool {
        (&self.who, &self.need.name) == (&other.who, &other.need.name)
    }

    /// What is not met.
    pub(super) fn into_need(self) -> Need {
        self.need
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Misfit { who, version, need: Need { name, requirement, .. }, locked } = self;
        write!(f, "`{who}` {version} needs `{name}` `{requirement}`, but `{name}` {locked} is locked")
    }
}

/// The locked versions that `needs` of a locked package do not allow.
pub(in crate::ops) fn unmet<'n>(
    lock: &'n Lock,
    who: &'n PackageName,
    needs: &'n [Need],
) -> impl Iterator<Item = Misfit> + 'n {
    needs.iter().filter_map(move |need| {
        let locked = &lock.packages.get(&need.name)?.version;
        let version = lock.packages.get(who)?.version.clone();
        let misfit = || Misfit { who: who.clone(), version, need: need.clone(), locked: locked.clone() };
        (!need.requirement.matches(locked)).then(misfit)
    })
}

/// What does not fit together of what a run is about to install. Packages that had to be loaded are kept for it.
pub(in crate::ops) fn misfits(
    context: &Context<'_>,
    state: &ScopeState,
    manifest: &Manifest,
    locking: &mut Locking,
    fetcher: &Fetcher<'_>,
) -> Result<Vec<Misfit>> {
    let is_new = |name: &PackageName, locked: &Locked| {
        let before = state.receipt.packages.get(name);
        before.is_none_or(|before| (before.checksum, &before.version) != (locked.checksum, &locked.version))
    };
    let packages = locking.lock.packages.iter();
    let new: BTreeSet<PackageName> =
        packages.clone().filter(|(name, locked)| is_new(name, locked)).map(|(name, _)| name.clone()).collect();
    let touches = |name: &PackageName, locked: &Locked| {
        !locked.dependencies.is_empty() && (new.contains(name) || !locked.dependencies.is_disjoint(&new))
    };
    let concerned: Vec<(PackageName, Locked)> =
        packages.filter(|(n, l)| touches(n, l)).map(|(name, locked)| (name.clone(), locked.clone())).collect();
    if concerned.is_empty() {
        return Ok(Vec::new());
    }
    let last_known = revoked::last_known(context);
    let indexes = Indexes::new(&manifest.indexes, &last_known);
    let is_absent = |(name, locked): &(&PackageName, &Locked)| {
        new.contains(*name) && !locking.loaded.contains_key(*name) && !fetcher.has(&locked.checksum)
    };
    // All that the run will install, so that each repository is asked once. A failure is met again, by whoever needs the
    // package.
    let absent = locking.lock.packages.iter().filter(is_absent);
    drop(fetcher.prefetch(absent.map(|(_, locked)| (&locked.source, locked.commit.as_ref()))));
    let (mut found, mut untold) = (Vec::new(), Vec::new());
    for (name, locked) in &concerned {
        let is_installed = !new.contains(name);
        let own = match own_needs(context, state, locking, (name, locked), is_installed, fetcher) {
            Ok(own) => own,
            // Whoever installs it says why it cannot be had, together with all others.
            Err(_) if !is_installed => continue,
            Err(error) => return Err(error.context(format!("it is not known which packages suit `{name}`"))),
        };
        let listed = listed_needs(&indexes, name, locked)?;
        let own = own.into_iter().filter(|need| locked.dependencies.contains(&need.name));
        let needs: Vec<Need> = own.chain(listed).collect();
        if locked.dependencies.iter().any(|other| needs.iter().all(|need| need.name != *other)) {
            untold.push(format!("`{name}`"));
        }
        for misfit in unmet(&locking.lock, name, &needs) {
            // An index mostly repeats what the package says.
            if !found.iter().any(|known| misfit.is_about_the_same(known)) {
                found.push(misfit);
            }
        }
    }
    if !untold.is_empty() {
        let what = format!("only an index knows which versions of others {} allows", untold.join(" and "));
        context.progress.warn(&format!("{what}, and a lock is not checked with it; `cpm verify --online` does that"));
    }
    Ok(found)
}

/// What a package itself says that it needs: what is installed says it without the store.
fn own_needs(
    context: &Context<'_>,
    state: &ScopeState,
    locking: &mut Locking,
    (name, locked): (&PackageName, &Locked),
    is_installed: bool,
    fetcher: &Fetcher<'_>,
) -> Result<Vec<Need>> {
    if let Some(given) = &locked.manifest {
        return plugin::parse(given.as_bytes(), "plugin.json from the index").map(|manifest| manifest.dependencies);
    }
    if is_installed && let Some(needs) = installed_needs(context, state, name)? {
        return Ok(needs);
    }
    if let Some(loaded) = locking.loaded.get(name) {
        return Ok(loaded.package.dependencies.clone());
    }
    let loaded = fetcher.load_locked(name, locked)?;
    let needs = loaded.package.dependencies.clone();
    if !is_installed {
        locking.loaded.insert(name.clone(), loaded);
    }
    Ok(needs)
}

/// What the plugin.json of an installed package says, if it is there as cpm wrote it.
fn installed_needs(context: &Context<'_>, state: &ScopeState, name: &PackageName) -> Result<Option<Vec<Need>>> {
    let dirs = state.receipt.packages.get(name).into_iter().flat_map(|installed| &installed.dirs);
    for (dir, stamps) in dirs {
        let Some((path, stamp)) = stamps.iter().find(|(path, _)| path.as_str() == inspect::MANIFEST) else { continue };
        let place = path.below(&context.places.skills.join(dir.as_str()));
        if stamp.compare(&place, Care::Hash)? == crate::receipt::FileState::Same
            && let Some(bytes) = fsx::read_optional(&place)?
        {
            return plugin::parse(&bytes, inspect::MANIFEST).map(|manifest| Some(manifest.dependencies));
        }
    }
    Ok(None)
}

/// What an index said of a release when it was last heard of; nothing where this machine never heard.
fn listed_needs(indexes: &Indexes<'_>, name: &PackageName, locked: &Locked) -> Result<Vec<Need>> {
    let Some(index) = &locked.index else { return Ok(Vec::new()) };
    match indexes.listed_needs(index, name, locked) {
        Err(error) if error.kind() != Kind::NotFound => Err(error),
        listed => Ok(listed.ok().flatten().unwrap_or_default()),
    }
}

/// Refuses a package that needs one which the lock does not have; where only its index knows whether that is wrong,
/// says so.
pub(in crate::ops) fn lacking(
    context: &Context<'_>,
    manifest: &Manifest,
    lock: &Lock,
    name: &PackageName,
    needs: &[Need],
) -> Result<Option<String>> {
    let locked = &lock.packages[name];
    let Some(need) = needs.iter().find(|need| !lock.packages.contains_key(&need.name)) else { return Ok(None) };
    let what = format!("`{name}` {} needs `{}`, which the lock does not have", locked.version, need.name);
    let last_known = revoked::last_known(context);
    let indexes = Indexes::new(&manifest.indexes, &last_known);
    let is_certain = match &locked.index {
        None => true,
        // Its last known state decides what kind it is; one that was never heard of is neither.
        Some(index) => {
            drop(indexes.find_in(index, name));
            indexes.kind_of(index) == Some(IndexKind::Marketplace)
        }
    };
    match is_certain {
        true => Err(Error::new(Kind::Lock, what)
            .at_path(&context.places.lock)
            .help(format!("restore the lock from git, or run `cpm update {name}`, and commit it"))),
        false => Ok(Some(format!("it needs `{}`, which its index does not bring along", need.name))),
    }
}

/// The refusal of a lock whose versions do not suit each other.
pub(in crate::ops) fn refusal(context: &Context<'_>, misfits: &[Misfit]) -> Error {
    let error = Error::new(Kind::Lock, "the locked versions do not suit each other").at_path(&context.places.lock);
    let error = misfits.iter().fold(error, Error::because);
    error
        .because("git merges two locks clean although they do not fit together, because it does not know of versions")
        .help("run `cpm install` without `--locked` and `--frozen`: it chooses versions that do; then commit the lock")
}
