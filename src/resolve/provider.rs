//! The packages and versions as PubGrub sees them: a version is its place in the list of candidates, worst first, and
//! a requirement is the set of places it admits. So set algebra is exact, whatever semver says of pre-releases.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::rc::Rc;

use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, Ranges};

use super::{Candidate, Round};
use crate::error::{Error, Kind, Result};
use crate::model::dependency::Need;
use crate::model::index::Withheld;
use crate::model::name::PackageName;
use crate::model::version::{Requirement, Version, newest_first};

/// How many versions a message names.
const SHOWN: usize = 5;

/// A package in the solver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Asked {
    /// The scope's manifest.
    Root,
    /// A package.
    Named(PackageName),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Root => f.write_str("your manifest"),
            Asked::Named(name) => write!(f, "`{name}`"),
        }
    }
}

/// The candidates of one package that may be chosen.
pub(super) struct Choice {
    /// All that there are.
    listed: Rc<[Candidate]>,
    /// The places in that list, worst first.
    order: Vec<usize>,
}

impl Choice {
    /// The places of the versions that satisfy a requirement.
    pub(super) fn matching<'a>(&'a self, requirement: &'a Requirement) -> impl Iterator<Item = u32> + 'a {
        self.numbered().filter(|(_, candidate)| requirement.matches(&candidate.version)).map(|(place, _)| place)
    }

    /// The versions that satisfy a requirement.
    pub(super) fn set(&self, requirement: &Requirement) -> Ranges<u32> {
        self.matching(requirement).map(|place| (Bound::Included(place), Bound::Included(place))).collect()
    }

    /// The versions with their places, worst first.
    pub(super) fn numbered(&self) -> impl DoubleEndedIterator<Item = (u32, &Candidate)> + ExactSizeIterator {
        // More than 2^32 candidates do not fit into memory.
        let candidates = self.order.iter().map(|listed| &self.listed[*listed]).enumerate();
        candidates.map(|(place, candidate)| (u32::try_from(place).unwrap_or(u32::MAX), candidate))
    }

    /// The best versions as text; `None` where there is none.
    pub(super) fn shown(&self) -> Option<String> {
        let best: Vec<String> = self.numbered().rev().take(SHOWN).map(|(_, one)| one.version.to_string()).collect();
        match self.order.len().checked_sub(best.len()) {
            _ if best.is_empty() => None,
            None | Some(0) => Some(best.join(", ")),
            Some(more) => Some(format!("{} and {more} more", best.join(", "))),
        }
    }

    /// The version that is chosen first.
    pub(super) fn best(&self) -> Option<&Version> {
        self.numbered().next_back().map(|(_, candidate)| &candidate.version)
    }

    fn get(&self, place: u32) -> Option<&Candidate> {
        self.order.get(usize::try_from(place).ok()?).and_then(|listed| self.listed.get(*listed))
    }
}

/// What PubGrub asks.
pub(super) struct Provider<'r> {
    round: Round<'r>,
    named_by_roots: BTreeSet<&'r PackageName>,
    known: RefCell<HashMap<PackageName, Option<Rc<Choice>>>>,
}

impl<'r> Provider<'r> {
    pub(super) fn new(round: Round<'r>) -> Self {
        let named_by_roots = round.roots.iter().map(|need| &need.name).collect();
        Provider { round, named_by_roots, known: RefCell::default() }
    }

    /// The candidates of a package that may be chosen: withheld ones only where they are locked.
    pub(super) fn versions(&self, name: &PackageName) -> Result<Option<Rc<Choice>>> {
        if let Some(known) = self.known.borrow().get(name) {
            return Ok(known.clone());
        }
        let (locked, pinned) = (self.round.preferences.locked.get(name), self.round.pinned.get(name));
        let may_be = |candidate: &Candidate| {
            (candidate.withheld.is_none() || Some(&candidate.version) == locked)
                && pinned.is_none_or(|pinned| *pinned == candidate.version)
        };
        let versions = self.round.memory.candidates(name)?.map(|listed| {
            let mut order: Vec<usize> = (0..listed.len()).filter(|at| may_be(&listed[*at])).collect();
            order.sort_by(|a, b| {
                let (a, b) = (&listed[*a], &listed[*b]);
                b.last_resort.cmp(&a.last_resort).then_with(|| newest_first(&a.version, &b.version).reverse())
            });
            Rc::new(Choice { listed, order })
        });
        self.known.borrow_mut().insert(name.clone(), versions.clone());
        Ok(versions)
    }

    /// The versions that would satisfy `need` if they were not withheld, newest first, each with the reason.
    pub(super) fn withheld(&self, need: &Need) -> Result<Vec<(Version, Withheld)>> {
        let candidates = self.round.memory.candidates(&need.name)?;
        let wanted = candidates.iter().flat_map(|all| all.iter());
        let wanted = wanted.filter(|candidate| need.requirement.matches(&candidate.version));
        let mut withheld: Vec<(Version, Withheld)> =
            wanted.filter_map(|candidate| Some((candidate.version.clone(), candidate.withheld.clone()?))).collect();
        withheld.sort_by(|a, b| newest_first(&a.0, &b.0));
        Ok(withheld)
    }

    /// The version at a place.
    pub(super) fn version(&self, name: &PackageName, place: u32) -> Result<Version> {
        let versions = self.versions(name)?;
        let candidate = versions.as_ref().and_then(|versions| versions.get(place));
        candidate
            .map(|candidate| candidate.version.clone())
            .ok_or_else(|| Error::new(Kind::Bug, format!("the solver chose a version of `{name}` that is not listed")))
    }

    /// What a package at some places needs, as far as that was learnt.
    pub(super) fn known_needs(&self, asked: &Asked, places: &Ranges<u32>) -> Vec<Need> {
        let Asked::Named(name) = asked else { return self.round.roots.to_vec() };
        // What failed was told when it failed.
        let Some(versions) = self.versions(name).ok().flatten() else { return Vec::new() };
        let meant = versions.numbered().filter(|(place, _)| places.contains(place));
        meant.flat_map(|(_, it)| self.round.memory.known_needs(name, &it.version).unwrap_or_default()).collect()
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Asked;
    type V = u32;
    type VS = Ranges<u32>;
    type Priority = (bool, bool, bool, u32, Reverse<usize>);
    type M = String;
    type Err = Error;

    /// What is decided first gets its way: what should move, then what the manifest names, and of these what is locked.
    /// Then what is in the way of others, and what has few versions: both end a search early.
    fn prioritize(
        &self,
        package: &Asked,
        range: &Ranges<u32>,
        statistics: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let Asked::Named(name) = package else { return (true, true, true, 0, Reverse(0)) };
        // A failure shows again, with its cause, when a version is chosen.
        let versions = self.versions(name).ok().flatten();
        let count =
            versions.map_or(0, |versions| versions.numbered().filter(|(place, _)| range.contains(place)).count());
        let preferences = self.round.preferences;
        (
            preferences.moving.contains(name),
            self.named_by_roots.contains(name),
            preferences.locked.contains_key(name),
            statistics.conflict_count(),
            Reverse(count),
        )
    }

    fn choose_version(&self, package: &Asked, range: &Ranges<u32>) -> Result<Option<u32>> {
        let Asked::Named(name) = package else { return Ok(Some(0)) };
        let Some(versions) = self.versions(name)? else { return Ok(None) };
        let locked = self.round.preferences.locked.get(name);
        let admitted = || versions.numbered().rev().filter(|(place, _)| range.contains(place));
        let best = admitted().find(|(_, it)| Some(&it.version) == locked).or_else(|| admitted().next());
        Ok(best.map(|(place, _)| place))
    }

    fn get_dependencies(&self, package: &Asked, version: &u32) -> Result<Dependencies<Asked, Ranges<u32>, String>> {
        let needs = match package {
            Asked::Root => self.round.roots.to_vec(),
            Asked::Named(name) => {
                let versions = self.versions(name)?;
                let Some(candidate) = versions.as_ref().and_then(|versions| versions.get(*version)) else {
                    return Ok(Dependencies::Unavailable("is not listed".to_owned()));
                };
                match self.round.memory.needs(name, candidate)? {
                    Ok(needs) => needs,
                    Err(why) => return Ok(Dependencies::Unavailable(why)),
                }
            }
        };
        let mut constraints: BTreeMap<Asked, Ranges<u32>> = BTreeMap::new();
        for need in needs {
            let Some(versions) = self.versions(&need.name)? else {
                return Ok(Dependencies::Unavailable(format!("needs `{}`, which no index has", need.name)));
            };
            let set = versions.set(&need.requirement);
            if matches!(package, Asked::Named(name) if *name == need.name) {
                // PubGrub forgets a package that excludes itself.
                if set.contains(version) {
                    continue;
                }
                return Ok(Dependencies::Unavailable(format!("needs itself in version `{}`", need.requirement)));
            }
            constraints
                .entry(Asked::Named(need.name))
                .and_modify(|both| *both = both.intersection(&set))
                .or_insert(set);
        }
        Ok(Dependencies::Available(constraints.into_iter().collect()))
    }

    fn should_cancel(&self) -> Result<()> {
        self.round.memory.check_time()
    }
}
