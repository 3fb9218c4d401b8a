//! From a manifest to a lock: keeps what is locked and still wanted, resolves the rest.

mod candidates;
mod chosen;
mod fit;
mod heal;
mod homes;
mod step;
mod tagged;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::at_once::{Questions, also};
use super::fetch::{Fetcher, Loaded};
use super::identity;
use super::signed;
use crate::error::{Error, Kind, Result};
use crate::index::{Indexes, Place};
use crate::model::dependency::{Dependency, Manifest, Need, Origin};
use crate::model::index::{IndexId, Release, Tagged, Withheld};
use crate::model::lock::{Lock, Locked};
use crate::model::name::PackageName;
use crate::model::source::{Commit, RefWant, Source};
use crate::model::version::{Requirement, Version};
use crate::resolve::{self, Catalog as _, Preferences};
use candidates::Direct;
pub(super) use candidates::no_such_version;
pub(super) use chosen::{at_commit, listed, of_release};
pub(super) use fit::{lacking, misfits, refusal, unmet};
pub(super) use heal::{allows, heal, said};
use homes::Home;
use step::answers;
pub(super) use step::{changed_names, is_in_step, refuse_foreign, unanswered};

/// A lock that answers the manifest, and the packages that were loaded on the way.
pub(super) struct Locking {
    pub(super) lock: Lock,
    pub(super) loaded: BTreeMap<PackageName, Loaded>,
}

/// Which packages may move away from what is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unlock {
    /// None, unless the manifest leaves no other way.
    Nothing,
    /// These.
    Named(BTreeSet<PackageName>),
    /// This one, to this version.
    Precise(PackageName, Version),
    /// All.
    Everything,
}

impl Unlock {
    fn frees(&self, name: &PackageName) -> bool {
        match self {
            Unlock::Nothing => false,
            Unlock::Named(names) => names.contains(name),
            Unlock::Precise(named, _) => named == name,
            Unlock::Everything => true,
        }
    }
}

/// What to do when a tag has moved, or a branch no longer contains what is locked from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// Stop: somebody replaced what was there.
    Stop,
    /// Take what is there now.
    Accept,
}

/// Locks what a manifest asks for.
pub(super) fn lock<'i>(
    manifest: &Manifest,
    old: &Lock,
    unlock: &Unlock,
    rewritten: Rewritten,
    indexes: &Indexes<'i>,
    fetcher: &Fetcher<'i>,
) -> Result<Locking> {
    let mut locker = Locker::new(manifest, old, unlock, rewritten, indexes, fetcher);
    // What is missing from a lock must suit those that need it, and only an index knows what does.
    if *unlock == Unlock::Nothing && old.is_whole() {
        // What is locked stays wherever that is possible at all, and no index is asked about it.
        locker.widen(Breadth::LockedOnly);
        match locker.solve() {
            Err(error) if error.kind() == Kind::NoSolution => {}
            solved => return solved,
        }
    }
    locker.solve_with_indexes()
}

/// Locks what a manifest asks for as near to a lock as it goes, although that does not fit together.
pub(super) fn mend<'i>(
    manifest: &Manifest,
    old: &Lock,
    indexes: &Indexes<'i>,
    fetcher: &Fetcher<'i>,
) -> Result<Locking> {
    Locker::new(manifest, old, &Unlock::Nothing, Rewritten::Stop, indexes, fetcher).solve_with_indexes()
}

/// Which candidates a locked package has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breadth {
    /// The locked version.
    LockedOnly,
    /// Every release that its index lists.
    All,
    /// Also the releases that only tags tell of.
    Tagged,
}

struct Locker<'a, 'i> {
    manifest: &'a Manifest,
    old: &'a Lock,
    unlock: &'a Unlock,
    rewritten: Rewritten,
    indexes: &'a Indexes<'i>,
    fetcher: &'a Fetcher<'i>,
    breadth: Breadth,
    direct: RefCell<BTreeMap<PackageName, Direct>>,
    releases: RefCell<BTreeMap<PackageName, (IndexId, Vec<Release>)>>,
    /// Where names come from that only plugins of marketplaces ask for.
    homes: RefCell<BTreeMap<PackageName, Home>>,
    /// Releases that are known by their tags, and not read yet.
    tagged: RefCell<BTreeMap<PackageName, Vec<Tagged>>>,
    /// Locked packages that their index dropped.
    gone: RefCell<BTreeSet<PackageName>>,
    /// What versions need by their own word, where their index says less.
    own_needs: RefCell<BTreeMap<(PackageName, Version), Vec<Need>>>,
    /// What failed of the questions that were asked beforehand.
    failures: Vec<Error>,
}

impl<'a, 'i> Locker<'a, 'i> {
    fn new(
        manifest: &'a Manifest,
        old: &'a Lock,
        unlock: &'a Unlock,
        rewritten: Rewritten,
        indexes: &'a Indexes<'i>,
        fetcher: &'a Fetcher<'i>,
    ) -> Self {
        Locker {
            manifest,
            old,
            unlock,
            rewritten,
            indexes,
            fetcher,
            breadth: Breadth::LockedOnly,
            direct: RefCell::default(),
            releases: RefCell::default(),
            homes: RefCell::default(),
            tagged: RefCell::default(),
            gone: RefCell::default(),
            own_needs: RefCell::default(),
            failures: Vec::new(),
        }
    }
}

impl Locker<'_, '_> {
    /// Asks every index.
    fn solve_with_indexes(&mut self) -> Result<Locking> {
        self.widen(Breadth::All);
        match self.solve() {
            // What marketplaces have now will not do; what they had is asked of their tags.
            Err(error) if error.kind() == Kind::NoSolution && self.knows_a_marketplace() => {}
            solved => return solved,
        }
        self.widen(Breadth::Tagged);
        self.solve()
    }

    /// Goes on with more candidates, and asks hosts for all that is certain to be needed then.
    fn widen(&mut self, breadth: Breadth) {
        self.breadth = breadth;
        // Tags are asked about when they are needed, and all else was asked before.
        if breadth != Breadth::Tagged {
            self.failures = self.ask_about_roots();
        }
    }

    /// A lock in which every package suits the others, as far as anybody here can know.
    fn solve(&self) -> Result<Locking> {
        loop {
            let locking = self.solve_once()?;
            if !self.learn(&locking)? {
                return Ok(locking);
            }
        }
    }

    /// Notes what packages say themselves that the locked versions do not meet; whether there was any.
    fn learn(&self, locking: &Locking) -> Result<bool> {
        let mut has_learnt = false;
        for (name, locked) in locking.lock.packages.iter().filter(|(_, locked)| !locked.dependencies.is_empty()) {
            let needs = match locking.loaded.get(name) {
                Some(loaded) => loaded.package.dependencies.clone(),
                // What is locked fits together, or else somebody finds out who installs it.
                None if self.breadth == Breadth::LockedOnly => continue,
                None => self.fetcher.stored_needs(name, locked)?,
            };
            let unmet: Vec<Need> = fit::unmet(&locking.lock, name, &needs)
                .map(fit::Misfit::into_need)
                .filter(|need| locked.dependencies.contains(&need.name))
                .collect();
            if !unmet.is_empty() {
                has_learnt = true;
                let key = (name.clone(), locked.version.clone());
                self.own_needs.borrow_mut().entry(key).or_default().extend(unmet);
            }
        }
        Ok(has_learnt)
    }

    fn solve_once(&self) -> Result<Locking> {
        self.homes.borrow_mut().clear();
        let failures = &self.failures;
        let roots: Vec<Need> = self.manifest.dependencies.values().map(root).collect();
        let preferences = self.preferences();
        let solution = resolve::resolve(&roots, &preferences, self)
            .map_err(|error| also(self.with_names(error, &roots), failures))?;
        let failures = self.prefetch(&solution);
        let mut locking = Locking { lock: Lock::default(), loaded: BTreeMap::new() };
        for (name, version) in &solution {
            let (locked, loaded) = self.locked(name, version, &solution).map_err(|error| also(error, &failures))?;
            locking.lock.packages.insert(name.clone(), locked);
            locking.loaded.extend(loaded.map(|loaded| (name.clone(), loaded)));
        }
        Ok(locking)
    }

    fn preferences(&self) -> Preferences {
        let stays = self.old.packages.iter().filter(|(name, _)| !self.unlock.frees(name));
        let moving = match self.unlock {
            Unlock::Named(names) => names.clone(),
            Unlock::Precise(name, _) => [name.clone()].into(),
            Unlock::Nothing | Unlock::Everything => BTreeSet::new(),
        };
        Preferences { locked: stays.map(|(name, old)| (name.clone(), old.version.clone())).collect(), moving }
    }

    /// Asks hosts for all that the manifest names, as far as the lock does not answer.
    fn ask_about_roots(&self) -> Vec<Error> {
        let mut questions = Questions::default();
        for dependency in self.manifest.dependencies.values() {
            let name = &dependency.package;
            let old = self.old.packages.get(name).filter(|_| !self.unlock.frees(name));
            match &dependency.origin {
                Origin::Git { url, path, want } if !old.is_some_and(|old| answers(dependency, old, self.indexes)) => {
                    questions.latest(url, want, path.as_ref());
                }
                Origin::Index { index, .. } if self.breadth != Breadth::LockedOnly || old.is_none() => {
                    let home = self.old.packages.get(name).and_then(|old| old.index.as_ref());
                    let home = home.filter(|home| index.is_none() && self.indexes.permits(home, name));
                    questions.listing(name, home.map_or(Place::Configured(index.as_ref()), Place::Home));
                }
                Origin::Git { .. } | Origin::Index { .. } | Origin::Dir(_) => {}
            }
        }
        questions.ask(self.fetcher.cache, Some(self.indexes))
    }

    /// Fetches what the chosen releases will need, all at once.
    fn prefetch(&self, solution: &BTreeMap<PackageName, Version>) -> Vec<Error> {
        let releases = self.releases.borrow();
        let mut questions = Questions::default();
        for (name, version) in solution {
            let listed = releases.get(name).and_then(|(_, list)| list.iter().find(|r| r.version == *version));
            let Some(release) = listed else { continue };
            let is_locked = self.old.packages.get(name).is_some_and(|old| old.commit == release.commit);
            let is_stored = release.checksum.is_some_and(|checksum| self.fetcher.store.contains(&checksum));
            if let (Source::Git { url, path, .. }, Some(commit), false) =
                (&release.source, &release.commit, is_locked || is_stored)
            {
                questions.package(url, commit, path.as_ref(), true);
            }
        }
        questions.ask(self.fetcher.cache, None)
    }

    /// The lock entry of a chosen version; the old entry where it says the same.
    fn locked(
        &self,
        name: &PackageName,
        version: &Version,
        solution: &BTreeMap<PackageName, Version>,
    ) -> Result<(Locked, Option<Loaded>)> {
        let old = self.old.packages.get(name);
        let unchanged = || old.map(|old| (old.clone(), None)).ok_or_else(|| unlisted(name));
        if let Some(direct) = self.direct.borrow().get(name) {
            let Some((source, commit, loaded)) = direct.fresh.clone() else {
                return unchanged();
            };
            let needs = names_of(&direct.candidate.needs);
            let fresh = entry(version, None, source, commit, None, needs, &loaded);
            return Ok((keep_if_same(old, fresh), Some(loaded)));
        }
        let releases = self.releases.borrow();
        let Some((index, list)) = releases.get(name) else {
            return unchanged();
        };
        let Some(release) = list.iter().find(|release| release.version == *version) else {
            return unchanged();
        };
        if let Some(Withheld::Yanked(reason)) = &release.withheld {
            let what = format!("`{name}` {version} is yanked: {reason}");
            self.fetcher.progress.warn(&format!("{what}; it stays, because it is locked here"));
        }
        let old_here = old.filter(|old| old.index.as_ref() == Some(index));
        // Also where another version is chosen now: who republishes one must not be trusted with the next.
        let again = old_here.and_then(|old| Some((old, list.iter().find(|listed| listed.version == old.version)?)));
        if let Some((old, again)) = again {
            refuse_republished(name, old, again)?;
        }
        if let Some(old) = old_here.filter(|old| old.version == *version) {
            self.refuse_moved_tag(name, old, release)?;
            // What an entry says of a plugin may change without the plugin.
            let is_same = old.source == release.source
                && old.commit == release.commit
                && old.manifest == release.manifest
                && old.dependencies == names_of(&release.dependencies);
            // A version is a label: other content under it is an update, and only who may move gets that.
            if is_same || !self.unlock.frees(name) {
                return Ok((old.clone(), None));
            }
        }
        let (commit, manifest) = (release.commit.as_ref(), release.manifest.as_deref());
        self.require_signature(name, Some(index), &release.source, commit)?;
        let mut loaded = self.fetcher.load(name, &release.source, commit, manifest, release.checksum.as_ref())?;
        let other_version = release.checksum.and_then(|_| identity::other_version(version, &loaded.package));
        loaded.warnings.extend(other_version.into_iter().chain(self.note_other_indexes(name, index)));
        let needs = names_of(&release.dependencies);
        debug_assert!(needs.iter().all(|need| solution.contains_key(need)), "a solution is complete");
        let (source, commit) = (release.source.clone(), release.commit.clone());
        let fresh = entry(version, Some(index.clone()), source, commit, release.manifest.clone(), needs, &loaded);
        Ok((keep_if_same(old, fresh), Some(loaded)))
    }

    /// What is locked anew must be signed where the manifest asks for that.
    fn require_signature(
        &self,
        name: &PackageName,
        index: Option<&IndexId>,
        source: &Source,
        commit: Option<&Commit>,
    ) -> Result<()> {
        signed::require(self.manifest, self.indexes, self.fetcher.cache, name, index, source, commit)
    }

    /// Says of a package that is new here who else has one of its name, as far as that is known.
    fn note_other_indexes(&self, name: &PackageName, index: &IndexId) -> Option<String> {
        let was_here = self.old.packages.get(name).is_some_and(|old| old.index.as_ref() == Some(index));
        let is_new = !was_here && self.pinned(name).is_none();
        let others = if is_new { self.indexes.known_elsewhere(index, name) } else { Vec::new() };
        let answering = self.indexes.name_of(index).map_or_else(|| index.to_string(), |name| format!("`{name}`"));
        let others = (!others.is_empty()).then(|| others.join(" and "))?;
        Some(format!("{others} has a package of this name too; {answering} answers, because it is asked first"))
    }

    /// Adds which other indexes have what the answering one lacks.
    fn with_other_indexes(&self, error: Error, roots: &[Need]) -> Error {
        let releases = self.releases.borrow();
        let lacking = roots.iter().filter_map(|need| {
            let (index, list) = releases.get(&need.name)?;
            list.iter().all(|release| !need.requirement.matches(&release.version)).then_some((need, index))
        });
        let mut error = error;
        for (Need { name, requirement, .. }, index) in lacking {
            for (other, versions) in self.indexes.others(index, name) {
                let Some(version) = versions.iter().rev().find(|version| requirement.matches(version)) else {
                    continue;
                };
                error = error.because(format!(
                    "the index `{other}` has `{name}` {version}, but the first index that has a name answers for it; \
                     `--index {other}` asks that one"
                ));
            }
        }
        error
    }

    /// Adds what the resolver cannot know: names that are near, where was looked, and who else has a package.
    fn with_names(&self, error: Error, roots: &[Need]) -> Error {
        match error.kind() {
            Kind::NotFound => {}
            Kind::NoSolution if self.breadth != Breadth::LockedOnly => return self.with_other_indexes(error, roots),
            _ => return error,
        }
        let is_missing = |need: &&Need| matches!(self.candidates(&need.name), Ok(None));
        let Some(missing) = roots.iter().find(is_missing) else { return error };
        let error = error.because(format!("looked in: {}", self.indexes.labels(&missing.name).join(", ")));
        let near: Vec<String> = self.indexes.nearest(&missing.name).iter().map(|name| format!("`{name}`")).collect();
        match near.as_slice() {
            [] => error.help("add the index that has it: `cpm index add NAME URL`, or install it with `--git URL`"),
            some => error.help(format!("did you mean {}?", some.join(" or "))),
        }
    }
}

fn root(dependency: &Dependency) -> Need {
    let requirement = match &dependency.origin {
        Origin::Index { requirement, .. } => requirement.clone(),
        Origin::Git { .. } | Origin::Dir(_) => Requirement::Any,
    };
    Need::new(dependency.package.clone(), requirement)
}

fn names_of(needs: &[Need]) -> BTreeSet<PackageName> {
    needs.iter().map(|need| need.name.clone()).collect()
}

fn entry(
    version: &Version,
    index: Option<IndexId>,
    source: Source,
    commit: Option<Commit>,
    manifest: Option<String>,
    dependencies: BTreeSet<PackageName>,
    loaded: &Loaded,
) -> Locked {
    Locked {
        version: version.clone(),
        index,
        source,
        commit,
        checksum: loaded.digest,
        surface: loaded.surface.digest(),
        manifest,
        dependencies,
    }
}

/// The repository may have moved on without touching this package; then the lock stays as it is, also where the version
/// only repeats the commit. But never when the manifest pins another commit.
fn keep_if_same(old: Option<&Locked>, fresh: Locked) -> Locked {
    let pinned = matches!(&fresh.source, Source::Git { want: RefWant::Rev(_), .. });
    let is_same = |old: &Locked| {
        let version = if old.is_unversioned() && fresh.is_unversioned() { &old.version } else { &fresh.version };
        Locked { commit: old.commit.clone(), version: version.clone(), ..fresh.clone() } == *old
    };
    match old {
        Some(old) if !pinned && is_same(old) => old.clone(),
        _ => fresh,
    }
}

/// An index that promises checksums must not change its mind about a version [security.md X07].
fn refuse_republished(name: &PackageName, old: &Locked, release: &Release) -> Result<()> {
    match release.checksum {
        Some(now) if now != old.checksum => {
            Err(Error::new(Kind::Integrity, format!("`{name}` {} was published again with other bytes", old.version))
                .at(&release.source)
                .because(format!("locked:    {}", old.checksum))
                .because(format!("the index: {now}"))
                .help("ask the owner of the index; a new content needs a new version"))
        }
        _ => Ok(()),
    }
}

fn unlisted(name: &PackageName) -> Error {
    Error::new(Kind::Bug, format!("`{name}` was chosen, but nobody offers it"))
}
