//! The candidates of a package: what its index lists, what a repository or folder holds, or only what is locked.

use super::super::fetch::Loaded;
use super::step::answers;
use super::{Breadth, Locker, Rewritten, Unlock};
use crate::error::{Error, Kind, Result};
use crate::index::IndexKind;
use crate::model::dependency::{Dependency, Need, Origin};
use crate::model::index::{IndexId, Release, Tagged, Withheld};
use crate::model::lock::Locked;
use crate::model::name::{IndexName, PackageName};
use crate::model::source::{Commit, RefWant, Source};
use crate::model::version::{self, Requirement, Version};
use crate::resolve::{Candidate, Catalog, Needs};

/// A direct dependency on a repository or folder: its one version.
#[derive(Clone)]
pub(super) struct Direct {
    pub(super) candidate: Candidate,
    pub(super) fresh: Option<(Source, Option<Commit>, Loaded)>,
}

impl Locker<'_, '_> {
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
        let is_git = matches!(dependency.origin, Origin::Git { .. });
        if let Some(old) = old.filter(|_| is_git && !self.unlock.frees(name)) {
            return Ok(Direct { candidate: locked_candidate(old, &[]), fresh: None });
        }
        let (source, commit) = self.fetcher.locate(&dependency.origin)?;
        if let (Some(old), Some(now), Rewritten::Stop) = (old, &commit, self.rewritten) {
            self.refuse_rewritten(name, old, now)?;
        }
        self.require_signature(name, None, &source, commit.as_ref())?;
        let loaded = self.fetcher.load(name, &source, commit.as_ref(), None, None)?;
        let version = own_version(&loaded, commit.as_ref());
        let candidate =
            Candidate { version, needs: loaded.package.dependencies.clone(), withheld: None, last_resort: false };
        Ok(Direct { candidate, fresh: Some((source, commit, loaded)) })
    }

    /// A ref goes forward. One that was moved to where the locked commit is not may be in somebody else's hands
    /// [security.md T12, L20].
    pub(super) fn refuse_rewritten(&self, name: &PackageName, old: &Locked, now: &Commit) -> Result<()> {
        let (Source::Git { url, want, .. }, Some(before)) = (&old.source, &old.commit) else { return Ok(()) };
        let message = match want {
            _ if before == now => return Ok(()),
            RefWant::Rev(_) => return Ok(()),
            RefWant::Tag(tag) => format!("the tag `{tag}` was moved"),
            RefWant::Head | RefWant::Branch(_) if self.fetcher.cache.still_contains(url, want, before)? => {
                return Ok(());
            }
            RefWant::Head => "the history of the repository was replaced".to_owned(),
            RefWant::Branch(branch) => format!("the history of the branch `{branch}` was replaced"),
        };
        Err(Error::new(Kind::Integrity, message)
            .at(url)
            .because(format!("locked: {before}"))
            .because(format!("now:    {now}"))
            .help(format!(
                "nothing was changed, and the locked commit stays installed; when the owner says that this is right: \
                 `cpm update {name} --accept-rewrite`"
            )))
    }

    fn listed_candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
        let old = self.old.packages.get(name).filter(|old| self.is_from_right_index(name, old));
        if let Some(old) = old.filter(|_| self.breadth == Breadth::LockedOnly && !self.unlock.frees(name)) {
            return Ok(Some(vec![locked_candidate(old, &[])]));
        }
        let Some((id, mut releases)) = self.ask(name, old)? else {
            let is_other = |old: &Locked| matches!(self.unlock, Unlock::Precise(named, version) if named == name && *version != old.version);
            let Some(old) = old.filter(|old| !is_other(old)) else { return Ok(None) };
            self.warn_gone(name, old);
            return Ok(Some(vec![locked_candidate(old, &[])]));
        };
        // A release that is locked was old enough for whoever locked it.
        let is_locked = |release: &Release| {
            let promised = release.checksum;
            old.is_some_and(|old| old.version == release.version && promised.is_none_or(|sum| sum == old.checksum))
        };
        let depends_on_age = |why: &Withheld| matches!(why, Withheld::TooYoung(..) | Withheld::Undated(_));
        // One that was yanked since stays where nothing else will do: it was good enough so far.
        let may_stay = |why: &Withheld| depends_on_age(why) || matches!(why, Withheld::Yanked(_));
        let mut candidates: Vec<Candidate> = releases
            .iter()
            .map(|release| Candidate {
                version: release.version.clone(),
                needs: release.dependencies.clone(),
                withheld: release.withheld.clone().filter(|why| !(may_stay(why) && is_locked(release))),
                last_resort: is_locked(release) && matches!(release.withheld, Some(Withheld::Yanked(_))),
            })
            .collect();
        if let Some(old) = old.filter(|_| !self.unlock.frees(name)) {
            // It may have left the index, or have other content there now; who has it locked keeps it.
            let listed = candidates.iter().position(|candidate| candidate.version == old.version);
            let needs = listed.map(|at| candidates.swap_remove(at).needs).unwrap_or_default();
            candidates.push(locked_candidate(old, &needs));
        }
        let is_untagged = |release: &Release| release.withheld == Some(Withheld::Untagged);
        if self.breadth == Breadth::Tagged || releases.iter().any(is_untagged) {
            candidates.extend(self.tagged_candidates(name, &id, &candidates)?);
            // A tag may have the version of the head, and is another release then.
            releases.retain(|release| !is_untagged(release));
        }
        if let Unlock::Precise(named, version) = self.unlock
            && named == name
        {
            candidates = only(version, candidates).map_err(|offered| no_such_version(name, version, &id, &offered))?;
        }
        self.releases.borrow_mut().insert(name.clone(), (id, releases));
        Ok(Some(candidates))
    }

    /// What the index that answers for a name has. A locked package stays with its index: if another one could take
    /// over, whoever drops a package would hand it to a stranger. Only the manifest can move it.
    fn ask(&self, name: &PackageName, old: Option<&Locked>) -> Result<Option<(IndexId, Vec<Release>)>> {
        let pinned = self.pinned(name);
        let home = old.and_then(|old| old.index.as_ref()).filter(|_| pinned.is_none());
        // A plugin's needs are met by the marketplace it says, and by no other [claude-code.md §6].
        let asked = self.homes.borrow().get(name).map(|home| home.index.clone());
        let asked = asked.filter(|home| self.indexes.permits(home, name));
        let found = match home.cloned().or(asked) {
            Some(home) if pinned.is_none() => self.indexes.find_in(&home, name)?.map(|listing| (home, listing)),
            _ => self.indexes.find(name, pinned)?,
        };
        let Some((id, listing)) = found else { return Ok(None) };
        if let ([], [problem, ..]) = (listing.releases.as_slice(), listing.problems.as_slice()) {
            let error = problem.clone().context(format!("no release of `{name}` in the index can be used"));
            return Err(error.help("tell the owner of the index about it"));
        }
        // The resolver may ask again; once is enough to say it.
        let is_known = self.releases.borrow().contains_key(name);
        for problem in listing.problems.iter().filter(|_| !is_known) {
            let why: String = problem.causes().iter().map(|cause| format!(": {cause}")).collect();
            self.fetcher.progress.warn(&format!("{problem}, so it is left out{why}"));
        }
        listing.notes.iter().filter(|_| !is_known).for_each(|note| self.fetcher.progress.warn(note));
        Ok(Some((id, listing.releases)))
    }

    /// Whether a locked package came from an index that may still offer it: one of ours, and the one that the manifest
    /// names where it names one.
    pub(super) fn is_from_right_index(&self, name: &PackageName, old: &Locked) -> bool {
        let Some(id) = old.index.as_ref().filter(|id| self.indexes.permits(id, name)) else { return false };
        self.pinned(name).is_none_or(|index| self.indexes.is_called(id, index))
    }

    /// The index that the manifest names for a package.
    pub(super) fn pinned(&self, name: &PackageName) -> Option<&IndexName> {
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

    fn needs(&self, name: &PackageName, candidate: &Candidate) -> Result<Needs> {
        let mut needs = match self.read_needs(name, candidate)? {
            Ok(needs) => needs,
            Err(why) => return Ok(Err(why)),
        };
        let own = self.own_needs.borrow().get(&(name.clone(), candidate.version.clone())).cloned();
        let own = own.unwrap_or_default();
        // What is not known of a locked package is known now.
        needs.retain(|need| need.requirement != Requirement::Any || own.iter().all(|own| own.name != need.name));
        needs.extend(own);
        let id = self.releases.borrow().get(name).map(|(id, _)| id.clone());
        match id.filter(|id| self.indexes.kind_of(id) == Some(IndexKind::Marketplace)) {
            Some(id) => Ok(self.settle(name, &id, &needs)?.map_or(Ok(needs), Err)),
            None => Ok(Ok(needs)),
        }
    }

    fn says_all(&self, name: &PackageName, candidate: &Candidate) -> bool {
        let is_it = |tagged: &Tagged| tagged.version == candidate.version;
        !self.tagged.borrow().get(name).is_some_and(|tagged| tagged.iter().any(is_it))
    }
}

/// The version of a package straight from a repository or folder: what it says, else its commit.
pub(super) fn own_version(loaded: &Loaded, commit: Option<&Commit>) -> Version {
    let label = loaded.package.version.as_deref().and_then(|text| Version::parse(text).ok());
    label.unwrap_or_else(|| commit.map_or(Version::new(0, 0, 0), version::from_commit))
}

/// The candidate of a version, as people write it. What is offered where it is not.
fn only(version: &Version, candidates: Vec<Candidate>) -> std::result::Result<Vec<Candidate>, Vec<Version>> {
    let is_it = |candidate: &&Candidate| version::is_meant(version, &candidate.version);
    match candidates.iter().filter(is_it).max_by(|a, b| a.version.cmp(&b.version)) {
        Some(one) => Ok(vec![one.clone()]),
        None => Err(candidates.into_iter().map(|candidate| candidate.version).collect()),
    }
}

/// The error for a version that the index of a package does not have.
pub(in crate::ops) fn no_such_version(
    name: &PackageName,
    version: &Version,
    index: &IndexId,
    offered: &[Version],
) -> Error {
    let mut offered = offered.to_vec();
    offered.sort_by(version::newest_first);
    let newest: Vec<String> = offered.iter().take(5).map(ToString::to_string).collect();
    Error::new(Kind::NotFound, format!("there is no version {version} of `{name}`"))
        .at(index)
        .because(format!("the newest there: {}", newest.join(", ")))
        .help("choose one that is there")
}

/// A locked version as a candidate. What it needs is locked too, so where `listed` has no requirement any version will
/// do.
fn locked_candidate(locked: &Locked, listed: &[Need]) -> Candidate {
    let known = listed.iter().filter(|need| locked.dependencies.contains(&need.name)).cloned();
    let unknown = locked.dependencies.iter().filter(|name| listed.iter().all(|need| need.name != **name));
    let unknown = unknown.map(|name| Need::new(name.clone(), Requirement::Any));
    Candidate {
        version: locked.version.clone(),
        needs: known.chain(unknown).collect(),
        withheld: None,
        last_resort: false,
    }
}
