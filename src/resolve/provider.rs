//! The packages and versions as PubGrub sees them: a version is its place in the list of candidates, worst first, and
//! a requirement is the set of places it admits. So set algebra is exact, whatever semver says of pre-releases.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, Ranges};

use super::{Candidate, Catalog, Needs};
use crate::error::{Error, Kind, Result};
use crate::model::dependency::Need;
use crate::model::index::Withheld;
use crate::model::name::PackageName;
use crate::model::version::{Requirement, Version, newest_first};

/// How long choosing may take, without the time that the catalog takes to answer: servers have limits of their own.
/// Real graphs take less than a millisecond; a hostile one could take minutes [measurements.md §8].
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

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
            Asked::Root => f.write_str("the manifest"),
            Asked::Named(name) => write!(f, "`{name}`"),
        }
    }
}

/// The candidates of one package, worst first.
pub(super) struct Versions(Vec<Candidate>);

impl Versions {
    /// The places of the versions that satisfy a requirement.
    pub(super) fn matching<'a>(&'a self, requirement: &'a Requirement) -> impl Iterator<Item = u32> + 'a {
        let numbered = (0_u32..).zip(&self.0);
        numbered.filter(|(_, candidate)| requirement.matches(&candidate.version)).map(|(place, _)| place)
    }

    /// The best versions as text.
    pub(super) fn newest(&self, count: usize) -> Vec<String> {
        self.0.iter().rev().take(count).map(|candidate| candidate.version.to_string()).collect()
    }

    pub(super) fn get(&self, place: u32) -> Option<&Candidate> {
        self.0.get(usize::try_from(place).ok()?)
    }
}

/// What PubGrub asks.
pub(super) struct Provider<'a> {
    roots: &'a [Need],
    locked: &'a BTreeMap<PackageName, Version>,
    catalog: &'a dyn Catalog,
    known: RefCell<BTreeMap<PackageName, Option<Rc<Versions>>>>,
    /// What candidates need, by package and place, as far as they were about to be chosen.
    learnt: RefCell<BTreeMap<(PackageName, u32), Needs>>,
    limit: Duration,
    deadline: Cell<Instant>,
}

impl<'a> Provider<'a> {
    pub(super) fn new(
        roots: &'a [Need],
        locked: &'a BTreeMap<PackageName, Version>,
        catalog: &'a dyn Catalog,
        limit: Duration,
    ) -> Self {
        let deadline = Cell::new(Instant::now() + limit);
        Provider { roots, locked, catalog, known: RefCell::default(), learnt: RefCell::default(), limit, deadline }
    }

    /// What the catalog says; the time it takes moves the deadline.
    fn ask(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
        let asked = Instant::now();
        let answer = self.catalog.candidates(name);
        self.deadline.set(self.deadline.get() + asked.elapsed());
        answer
    }

    /// The candidates of a package that may be chosen: withheld ones only where they are locked.
    pub(super) fn versions(&self, name: &PackageName) -> Result<Option<Rc<Versions>>> {
        if let Some(known) = self.known.borrow().get(name) {
            return Ok(known.clone());
        }
        let locked = self.locked.get(name);
        let versions = self.ask(name)?.map(|mut candidates| {
            candidates.retain(|candidate| candidate.withheld.is_none() || Some(&candidate.version) == locked);
            candidates.sort_by(|a, b| newest_first(&a.version, &b.version).reverse());
            Rc::new(Versions(candidates))
        });
        self.known.borrow_mut().insert(name.clone(), versions.clone());
        Ok(versions)
    }

    /// The versions that would satisfy `need` if they were not withheld, each with the reason.
    pub(super) fn withheld(&self, need: &Need) -> Result<Vec<(Version, Withheld)>> {
        let candidates = self.ask(&need.name)?.unwrap_or_default();
        let wanted = candidates.into_iter().filter(|candidate| need.requirement.matches(&candidate.version));
        Ok(wanted.filter_map(|candidate| Some((candidate.version, candidate.withheld?))).collect())
    }

    /// The version at a place.
    pub(super) fn version(&self, name: &PackageName, place: u32) -> Result<Version> {
        let versions = self.versions(name)?;
        let candidate = versions.as_ref().and_then(|versions| versions.get(place));
        candidate
            .map(|candidate| candidate.version.clone())
            .ok_or_else(|| Error::new(Kind::Bug, format!("the solver chose a version of `{name}` that is not listed")))
    }

    /// What a package at a place needs, as far as that was learnt.
    pub(super) fn needs(&self, asked: &Asked, place: u32) -> Vec<Need> {
        match asked {
            Asked::Root => self.roots.to_vec(),
            Asked::Named(name) => match self.learnt.borrow().get(&(name.clone(), place)) {
                Some(Ok(needs)) => needs.clone(),
                Some(Err(_)) | None => Vec::new(),
            },
        }
    }

    /// Learns what a package at a place needs; the time it takes moves the deadline.
    fn learn(&self, asked: &Asked, place: u32) -> Result<Needs> {
        let Asked::Named(name) = asked else { return Ok(Ok(self.roots.to_vec())) };
        let key = (name.clone(), place);
        if let Some(known) = self.learnt.borrow().get(&key) {
            return Ok(known.clone());
        }
        let versions = self.versions(name)?;
        let Some(candidate) = versions.as_ref().and_then(|versions| versions.get(place)) else {
            return Ok(Ok(Vec::new()));
        };
        let started = Instant::now();
        let answer = self.catalog.needs(name, candidate);
        self.deadline.set(self.deadline.get() + started.elapsed());
        self.learnt.borrow_mut().insert(key, answer.clone()?);
        answer
    }

    fn set(versions: &Versions, requirement: &Requirement) -> Ranges<u32> {
        versions.matching(requirement).fold(Ranges::empty(), |set, place| set.union(&Ranges::singleton(place)))
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Asked;
    type V = u32;
    type VS = Ranges<u32>;
    type Priority = (u32, Reverse<usize>);
    type M = String;
    type Err = Error;

    fn prioritize(
        &self,
        package: &Asked,
        range: &Ranges<u32>,
        statistics: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let count =
            match package {
                Asked::Root => 0,
                // A failure shows again, with its cause, when a version is chosen.
                Asked::Named(name) => self.versions(name).ok().flatten().map_or(0, |versions| {
                    (0_u32..).zip(&versions.0).filter(|(place, _)| range.contains(place)).count()
                }),
            };
        (statistics.conflict_count(), Reverse(count))
    }

    fn choose_version(&self, package: &Asked, range: &Ranges<u32>) -> Result<Option<u32>> {
        let Asked::Named(name) = package else { return Ok(Some(0)) };
        let Some(versions) = self.versions(name)? else { return Ok(None) };
        let admitted = (0_u32..).zip(&versions.0).filter(|(place, _)| range.contains(place));
        let locked = self.locked.get(name);
        let mut best = None;
        for (place, candidate) in admitted {
            if Some(&candidate.version) == locked {
                return Ok(Some(place));
            }
            best = Some(place);
        }
        Ok(best)
    }

    fn get_dependencies(&self, package: &Asked, version: &u32) -> Result<Dependencies<Asked, Ranges<u32>, String>> {
        let mut constraints: BTreeMap<Asked, Ranges<u32>> = BTreeMap::new();
        let needs = match self.learn(package, *version)? {
            Ok(needs) => needs,
            Err(why) => return Ok(Dependencies::Unavailable(why)),
        };
        for need in needs {
            let Some(versions) = self.versions(&need.name)? else {
                return Ok(Dependencies::Unavailable(format!("needs `{}`, which no index has", need.name)));
            };
            let set = Self::set(&versions, &need.requirement);
            constraints
                .entry(Asked::Named(need.name))
                .and_modify(|both| *both = both.intersection(&set))
                .or_insert(set);
        }
        Ok(Dependencies::Available(constraints.into_iter().collect()))
    }

    fn should_cancel(&self) -> Result<()> {
        if Instant::now() < self.deadline.get() {
            return Ok(());
        }
        Err(Error::new(Kind::NoSolution, "choosing versions took too long")
            .because(format!("there was no answer after {} s", self.limit.as_secs()))
            .help("ask for narrower version requirements"))
    }
}
