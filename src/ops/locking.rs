//! From a manifest to a lock: keeps what is locked and still wanted, resolves the rest.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::fetch::{Fetcher, Loaded};
use crate::error::{Error, Kind, Result};
use crate::git::Cache;
use crate::index::{IndexKind, Indexes};
use crate::model::dependency::{Dependency, Manifest, Need, Origin};
use crate::model::index::{IndexId, Release};
use crate::model::lock::{Lock, Locked};
use crate::model::name::{IndexName, PackageName};
use crate::model::source::{Commit, RefWant, Source};
use crate::model::version::{self, Requirement, Version};
use crate::resolve::{self, Candidate, Catalog};

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
    /// All.
    Everything,
}

impl Unlock {
    fn frees(&self, name: &PackageName) -> bool {
        match self {
            Unlock::Nothing => false,
            Unlock::Named(names) => names.contains(name),
            Unlock::Everything => true,
        }
    }
}

/// Whether a lock answers a manifest as it is: nothing missing, nothing too much, every wish met.
pub(super) fn is_in_step(manifest: &Manifest, lock: &Lock, indexes: &Indexes<'_>) -> bool {
    let roots = manifest.dependencies.values().map(|dependency| &dependency.package);
    lock.reachable(roots).len() == lock.packages.len()
        && lock.packages.values().all(|locked| locked.index.as_ref().is_none_or(|index| indexes.has(index)))
        && manifest.dependencies.values().all(|dependency| {
            lock.packages.get(&dependency.package).is_some_and(|locked| answers(dependency, locked, indexes))
        })
}

/// The packages that keep a lock from answering a manifest.
pub(super) fn unanswered(manifest: &Manifest, lock: &Lock, indexes: &Indexes<'_>) -> Vec<PackageName> {
    let wanted = manifest.dependencies.values();
    let missing = wanted.clone().filter(|dependency| {
        !lock.packages.get(&dependency.package).is_some_and(|locked| answers(dependency, locked, indexes))
    });
    let reachable = lock.reachable(wanted.map(|dependency| &dependency.package));
    let unneeded = lock.packages.keys().filter(|name| !reachable.contains(*name));
    let names: BTreeSet<&PackageName> = missing.map(|dependency| &dependency.package).chain(unneeded).collect();
    names.into_iter().cloned().collect()
}

/// Whether a locked package is what a dependency asks for.
fn answers(dependency: &Dependency, locked: &Locked, indexes: &Indexes<'_>) -> bool {
    match &dependency.origin {
        Origin::Index { requirement, index } => locked.index.as_ref().is_some_and(|id| {
            let right_index = index.as_ref().is_none_or(|wanted| indexes.is_called(id, wanted));
            right_index && requirement.matches(&locked.version)
        }),
        Origin::Git { url, path, want } => {
            let source = Source::Git { url: url.clone(), path: path.clone(), want: want.clone() };
            let right_commit = match want {
                RefWant::Rev(commit) => locked.commit.as_ref() == Some(commit),
                RefWant::Head | RefWant::Branch(_) | RefWant::Tag(_) => true,
            };
            locked.index.is_none() && locked.source == source && right_commit
        }
        Origin::Dir(path) => locked.index.is_none() && locked.source == Source::Dir { path: path.clone() },
    }
}

/// Locks what a manifest asks for.
pub(super) fn lock<'i>(
    manifest: &Manifest,
    old: &Lock,
    unlock: &Unlock,
    indexes: &Indexes<'i>,
    fetcher: &Fetcher<'i>,
) -> Result<Locking> {
    let mut locker = Locker {
        manifest,
        old,
        unlock,
        indexes,
        fetcher,
        breadth: Breadth::LockedOnly,
        direct: RefCell::default(),
        releases: RefCell::default(),
        asked_by: RefCell::default(),
        gone: RefCell::default(),
    };
    if *unlock == Unlock::Nothing {
        // What is locked stays wherever that is possible at all, and no index is asked about it.
        match locker.solve() {
            Err(error) if error.kind() == Kind::NoSolution => {}
            solved => return solved,
        }
    }
    locker.breadth = Breadth::All;
    locker.solve()
}

/// Which candidates a locked package has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breadth {
    /// The locked version.
    LockedOnly,
    /// Every release of its index.
    All,
}

/// A direct dependency on a repository or folder: its one version.
#[derive(Clone)]
struct Direct {
    candidate: Candidate,
    fresh: Option<(Source, Option<Commit>, Loaded)>,
}

struct Locker<'a, 'i> {
    manifest: &'a Manifest,
    old: &'a Lock,
    unlock: &'a Unlock,
    indexes: &'a Indexes<'i>,
    fetcher: &'a Fetcher<'i>,
    breadth: Breadth,
    direct: RefCell<BTreeMap<PackageName, Direct>>,
    releases: RefCell<BTreeMap<PackageName, (IndexId, Vec<Release>)>>,
    /// The marketplace whose plugin asks for a name: such names are looked up there first [claude-code.md §6].
    asked_by: RefCell<BTreeMap<PackageName, IndexName>>,
    /// Locked packages that their index dropped.
    gone: RefCell<BTreeSet<PackageName>>,
}

impl Locker<'_, '_> {
    fn solve(&self) -> Result<Locking> {
        let roots: Vec<Need> = self.manifest.dependencies.values().map(root).collect();
        let locked: BTreeMap<PackageName, Version> = self
            .old
            .packages
            .iter()
            .filter(|(name, _)| !self.unlock.frees(name))
            .map(|(name, locked)| (name.clone(), locked.version.clone()))
            .collect();
        let solution = resolve::resolve(&roots, &locked, self).map_err(|error| self.with_names(error, &roots))?;
        self.prefetch(&solution);
        let mut locking = Locking { lock: Lock::default(), loaded: BTreeMap::new() };
        for (name, version) in &solution {
            let (locked, loaded) = self.locked(name, version, &solution)?;
            locking.lock.packages.insert(name.clone(), locked);
            locking.loaded.extend(loaded.map(|loaded| (name.clone(), loaded)));
        }
        Ok(locking)
    }

    /// Fetches what the chosen releases will need, all at once.
    fn prefetch(&self, solution: &BTreeMap<PackageName, Version>) {
        let releases = self.releases.borrow();
        let chosen = solution.iter().filter_map(|(name, version)| {
            let release = releases.get(name)?.1.iter().find(|release| release.version == *version)?;
            let is_locked = self.old.packages.get(name).is_some_and(|old| old.commit == release.commit);
            let is_stored = release.checksum.is_some_and(|checksum| self.fetcher.store.contains(&checksum));
            (!is_locked && !is_stored).then_some((&release.source, release.commit.as_ref()))
        });
        self.fetcher.prefetch(chosen);
    }

    /// The lock entry of a chosen version; the old entry where it says the same.
    fn locked(
        &self,
        name: &PackageName,
        version: &Version,
        solution: &BTreeMap<PackageName, Version>,
    ) -> Result<(Locked, Option<Loaded>)> {
        let old = self.old.packages.get(name);
        if let Some(direct) = self.direct.borrow().get(name) {
            let Some((source, commit, loaded)) = direct.fresh.clone() else {
                return old.map(|old| (old.clone(), None)).ok_or_else(|| unlisted(name));
            };
            let needs = names_of(&direct.candidate.needs);
            let fresh = entry(version, None, source, commit, None, needs, &loaded);
            return Ok((keep_if_same(old, fresh), Some(loaded)));
        }
        let releases = self.releases.borrow();
        let Some((index, list)) = releases.get(name) else {
            return old.map(|old| (old.clone(), None)).ok_or_else(|| unlisted(name));
        };
        let Some(release) = list.iter().find(|release| release.version == *version) else {
            return old.map(|old| (old.clone(), None)).ok_or_else(|| unlisted(name));
        };
        if let Some(old) = old.filter(|old| old.version == *version && old.index.as_ref() == Some(index)) {
            refuse_republished(name, old, release)?;
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
        let loaded = self.fetcher.load(name, &release.source, commit, manifest, release.checksum.as_ref())?;
        let needs = names_of(&release.dependencies);
        debug_assert!(needs.iter().all(|need| solution.contains_key(need)), "a solution is complete");
        let (source, commit) = (release.source.clone(), release.commit.clone());
        let fresh = entry(version, Some(index.clone()), source, commit, release.manifest.clone(), needs, &loaded);
        Ok((keep_if_same(old, fresh), Some(loaded)))
    }

    fn direct_candidate(&self, name: &PackageName, dependency: &Dependency) -> Result<Candidate> {
        if let Some(direct) = self.direct.borrow().get(name) {
            return Ok(direct.candidate.clone());
        }
        let direct = self.read_direct(name, dependency)?;
        self.direct.borrow_mut().insert(name.clone(), direct.clone());
        Ok(direct.candidate)
    }

    fn read_direct(&self, name: &PackageName, dependency: &Dependency) -> Result<Direct> {
        let old = self.old.packages.get(name).filter(|old| answers(dependency, old, self.indexes));
        let (source, commit) = match &dependency.origin {
            Origin::Git { url, path, want } => {
                if let Some(old) = old.filter(|_| !self.unlock.frees(name)) {
                    return Ok(Direct { candidate: locked_candidate(old, &[]), fresh: None });
                }
                let commit = self.fetcher.cache.resolve(url, want)?;
                (Source::Git { url: url.clone(), path: path.clone(), want: want.clone() }, Some(commit))
            }
            Origin::Dir(path) => (Source::Dir { path: path.clone() }, None),
            Origin::Index { .. } => return Err(Error::new(Kind::Bug, "an index dependency is not direct")),
        };
        let loaded = self.fetcher.load(name, &source, commit.as_ref(), None, None)?;
        let label = loaded.package.version.as_deref().and_then(|text| Version::parse(text).ok());
        let version = label.unwrap_or_else(|| match &commit {
            Some(commit) => version::from_commit(commit),
            None => Version::new(0, 0, 0),
        });
        let candidate = Candidate { version, needs: loaded.package.dependencies.clone(), yanked: None };
        Ok(Direct { candidate, fresh: Some((source, commit, loaded)) })
    }

    fn listed_candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
        let old = self.old.packages.get(name).filter(|old| self.is_from_right_index(name, old));
        if let Some(old) = old.filter(|_| self.breadth == Breadth::LockedOnly && !self.unlock.frees(name)) {
            return Ok(Some(vec![locked_candidate(old, &[])]));
        }
        let Some((id, releases)) = self.ask(name, old)? else {
            let Some(old) = old else { return Ok(None) };
            self.warn_gone(name, old);
            return Ok(Some(vec![locked_candidate(old, &[])]));
        };
        if self.indexes.kind_of(&id) == Some(IndexKind::Marketplace)
            && let Some(index) = self.indexes.name_of(&id)
        {
            let needs = releases.iter().flat_map(|release| &release.dependencies);
            let mut asked_by = self.asked_by.borrow_mut();
            needs.for_each(|need| _ = asked_by.entry(need.name.clone()).or_insert_with(|| index.clone()));
        }
        let mut candidates: Vec<Candidate> = releases
            .iter()
            .map(|release| Candidate {
                version: release.version.clone(),
                needs: release.dependencies.clone(),
                yanked: release.yanked.clone(),
            })
            .collect();
        if let Some(old) = old.filter(|_| !self.unlock.frees(name)) {
            // It may have left the index, or have other content there now; who has it locked keeps it.
            let listed = candidates.iter().position(|candidate| candidate.version == old.version);
            let needs = listed.map(|at| candidates.swap_remove(at).needs).unwrap_or_default();
            candidates.push(locked_candidate(old, &needs));
        }
        self.releases.borrow_mut().insert(name.clone(), (id, releases));
        Ok(Some(candidates))
    }

    /// What the index that answers for a name has. A locked package stays with its index: if another one could take
    /// over, whoever drops a package would hand it to a stranger. Only the manifest can move it.
    fn ask(&self, name: &PackageName, old: Option<&Locked>) -> Result<Option<(IndexId, Vec<Release>)>> {
        let pinned = self.pinned(name);
        let home = old.and_then(|old| old.index.as_ref()).filter(|_| pinned.is_none());
        let hint = self.asked_by.borrow().get(name).cloned();
        let found = match (home, &hint) {
            (Some(home), _) => self.indexes.find_in(home, name)?.map(|listing| (home.clone(), listing)),
            (None, Some(hint)) if pinned.is_none() => match self.indexes.find(name, Some(hint))? {
                None => self.indexes.find(name, None)?,
                found => found,
            },
            _ => self.indexes.find(name, pinned)?,
        };
        let Some((id, listing)) = found else { return Ok(None) };
        if let ([], [problem, ..]) = (listing.releases.as_slice(), listing.problems.as_slice()) {
            return Err(problem.clone().context(format!("no release of `{name}` in the index can be used")));
        }
        // The resolver may ask again; once is enough to say it.
        let is_known = self.releases.borrow().contains_key(name);
        for problem in listing.problems.iter().filter(|_| !is_known) {
            let why: String = problem.causes().iter().map(|cause| format!(": {cause}")).collect();
            self.fetcher.progress.warn(&format!("{problem}, so it is left out{why}"));
        }
        Ok(Some((id, listing.releases)))
    }

    /// Whether a locked package came from an index that may still offer it: one of ours, and the one that the manifest
    /// names where it names one.
    fn is_from_right_index(&self, name: &PackageName, old: &Locked) -> bool {
        let Some(id) = old.index.as_ref().filter(|id| self.indexes.has(id)) else { return false };
        self.pinned(name).is_none_or(|index| self.indexes.is_called(id, index))
    }

    /// The index that the manifest names for a package.
    fn pinned(&self, name: &PackageName) -> Option<&IndexName> {
        let wanted = self.manifest.dependencies.values().find(|dependency| dependency.package == *name)?;
        match &wanted.origin {
            Origin::Index { index, .. } => index.as_ref(),
            Origin::Git { .. } | Origin::Dir(_) => None,
        }
    }

    /// Says once that an index no longer has what is locked from it.
    fn warn_gone(&self, name: &PackageName, old: &Locked) {
        if self.gone.borrow_mut().insert(name.clone()) {
            let index = old.index.as_ref().map(ToString::to_string).unwrap_or_default();
            let what = format!("`{name}` is no longer in the index {index}, so it stays as it is locked");
            self.fetcher.progress.warn(&format!("{what}; `index = …` in the manifest moves it to another one"));
        }
    }

    /// Adds what the resolver cannot know: names that are near, and where was looked.
    fn with_names(&self, error: Error, roots: &[Need]) -> Error {
        if error.kind() != Kind::NotFound {
            return error;
        }
        let is_missing = |need: &&Need| matches!(self.candidates(&need.name), Ok(None));
        let Some(missing) = roots.iter().find(is_missing) else { return error };
        let error = error.because(format!("looked in: {}", self.indexes.labels().join(", ")));
        let near: Vec<String> = self.indexes.nearest(&missing.name).iter().map(|name| format!("`{name}`")).collect();
        match near.as_slice() {
            [] => error.help("add the index that has it: `cpm index add NAME URL`, or install it with `--git URL`"),
            some => error.help(format!("did you mean {}?", some.join(" or "))),
        }
    }
}

impl Catalog for Locker<'_, '_> {
    fn candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
        let dependency = self.manifest.dependencies.values().find(|dependency| dependency.package == *name);
        match dependency {
            Some(dependency) if !matches!(dependency.origin, Origin::Index { .. }) => {
                self.direct_candidate(name, dependency).map(|candidate| Some(vec![candidate]))
            }
            _ => self.listed_candidates(name),
        }
    }
}

fn root(dependency: &Dependency) -> Need {
    let requirement = match &dependency.origin {
        Origin::Index { requirement, .. } => requirement.clone(),
        Origin::Git { .. } | Origin::Dir(_) => Requirement::Any,
    };
    Need { name: dependency.package.clone(), requirement }
}

/// A locked version as a candidate. What it needs is locked too, so where `listed` has no requirement any version will
/// do.
fn locked_candidate(locked: &Locked, listed: &[Need]) -> Candidate {
    let known = listed.iter().filter(|need| locked.dependencies.contains(&need.name)).cloned();
    let unknown = locked.dependencies.iter().filter(|name| listed.iter().all(|need| need.name != **name));
    let unknown = unknown.map(|name| Need { name: name.clone(), requirement: Requirement::Any });
    Candidate { version: locked.version.clone(), needs: known.chain(unknown).collect(), yanked: None }
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
    let is_unversioned =
        |locked: &Locked| locked.commit.as_ref().is_some_and(|commit| version::from_commit(commit) == locked.version);
    let is_same = |old: &Locked| {
        let version = if is_unversioned(old) && is_unversioned(&fresh) { &old.version } else { &fresh.version };
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

/// The names of packages whose entries differ, for messages about `--locked`.
pub(super) fn changed_names(old: &Lock, new: &Lock) -> Vec<PackageName> {
    let names: BTreeSet<&PackageName> = old.packages.keys().chain(new.packages.keys()).collect();
    names.into_iter().filter(|name| old.packages.get(*name) != new.packages.get(*name)).cloned().collect()
}

/// The indexes of a manifest over a cache.
pub(super) fn indexes<'a>(manifest: &Manifest, cache: &'a Cache<'a>) -> Indexes<'a> {
    Indexes::new(&manifest.indexes, cache)
}
