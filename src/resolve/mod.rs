//! Chooses versions with PubGrub: what has a solution is solved, newest first, locked versions preferred; what has
//! none is explained by who asks for what, and which change would help.
//!
//! Invariant: the answer depends on what is asked and listed only, not on order, platform or time.

mod advice;
mod memory;
mod provider;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pubgrub::{DerivationTree, External, PubGrubError, Ranges};

use crate::error::{Error, Kind, Result};
use crate::model::dependency::Need;
use crate::model::index::Withheld;
use crate::model::name::PackageName;
use crate::model::version::Version;
use memory::{DEADLINE, Memory};
use provider::{Asked, Provider};

/// How many moves of locked packages are tried to be taken back.
const TRIED: usize = 100;

/// A version that could be chosen.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The version.
    pub version: Version,
    /// What it needs.
    pub needs: Vec<Need>,
    /// Why it is chosen only when it is locked already.
    pub withheld: Option<Withheld>,
    /// Whether it is chosen only where nothing else will do, however new it is.
    pub last_resort: bool,
}

/// What should stay as it is, and what should not.
#[derive(Debug, Clone, Default)]
pub struct Preferences {
    /// The versions that stay where that is possible.
    pub locked: Versions,
    /// The packages that become as new as possible, before anything else is decided.
    pub moving: BTreeSet<PackageName>,
}

/// One version for each package.
pub type Versions = BTreeMap<PackageName, Version>;

/// What a candidate needs, or a sentence about why it cannot be chosen.
pub type Needs = Result<Vec<Need>, String>;

/// Who knows the candidates.
pub trait Catalog {
    /// The candidates of a package, in any order; `None` when nobody has it.
    ///
    /// # Errors
    /// Any failure to find out, which ends the resolution.
    fn candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>>;

    /// What a candidate needs, asked when it is about to be chosen.
    ///
    /// # Errors
    /// Any failure to find out, which ends the resolution.
    fn needs(&self, _: &PackageName, candidate: &Candidate) -> Result<Needs> {
        Ok(Ok(candidate.needs.clone()))
    }

    /// Whether what a candidate itself says of its needs is all there is to know, so that nobody need be asked.
    fn says_all(&self, _: &PackageName, _: &Candidate) -> bool {
        true
    }
}

/// Chooses one version for every package that `roots` need, directly or not. Of the locked packages only those move that
/// must, for the others or for the `moving` ones; what the roots name is as new as it can be, then what they need.
///
/// # Errors
/// [`Kind::NoSolution`] with the requirements that exclude each other; [`Kind::NotFound`] for a root nobody has; the
/// catalog's errors.
pub fn resolve(roots: &[Need], preferences: &Preferences, catalog: &dyn Catalog) -> Result<Versions> {
    resolve_within(roots, preferences, catalog, DEADLINE)
}

fn resolve_within(
    roots: &[Need],
    preferences: &Preferences,
    catalog: &dyn Catalog,
    limit: Duration,
) -> Result<Versions> {
    let roots = memory::ordered(roots.to_vec());
    let memory = Memory::new(catalog, limit);
    let round = Round { roots: &roots, preferences, pinned: &Versions::new(), memory: &memory };
    let provider = Provider::new(round);
    for need in &roots {
        check_root(need, &provider)?;
    }
    match solve(&provider)? {
        Ok(solution) => round.keep_more(solution),
        Err(proof) => Err(report::explain(&proof, &provider).help(advice::advice(&proof, round)?)),
    }
}

/// One question to the solver.
#[derive(Clone, Copy)]
struct Round<'r> {
    roots: &'r [Need],
    preferences: &'r Preferences,
    /// The only versions that these packages may have.
    pinned: &'r Versions,
    memory: &'r Memory<'r>,
}

impl Round<'_> {
    fn solve(self) -> Result<Option<Versions>> {
        solve(&Provider::new(self)).map(Result::ok)
    }

    /// Takes back every move of a locked package that is not needed for the rest. The solver decides package by package,
    /// so it does not see that an older release of one may let another stay. A solution that took long is good enough.
    fn keep_more(self, mut solution: Versions) -> Result<Versions> {
        let Preferences { locked, moving } = self.preferences;
        let has_moved = |solution: &Versions, name: &PackageName| {
            solution.get(name).is_some_and(|now| locked.get(name).is_some_and(|before| before != now))
        };
        let moved: Vec<PackageName> = locked.keys().filter(|name| has_moved(&solution, name)).cloned().collect();
        for name in moved.iter().take(TRIED) {
            if !has_moved(&solution, name) {
                continue;
            }
            let is_kept = |other: &PackageName| other == name || !has_moved(&solution, other);
            let mut pinned: Versions = locked.clone();
            pinned.retain(|other, _| is_kept(other));
            pinned.extend(moving.iter().filter_map(|name| Some((name.clone(), solution.get(name)?.clone()))));
            match (Round { pinned: &pinned, ..self }).solve() {
                Ok(Some(better)) => solution = better,
                Ok(None) => {}
                Err(_) if self.memory.check_time().is_err() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(solution)
    }
}

/// One of the facts of which it follows that there is no solution.
type Fact = External<Asked, Ranges<u32>, String>;

/// A solution, or why there is none.
fn solve(provider: &Provider<'_>) -> Result<std::result::Result<Versions, Vec<Fact>>> {
    match pubgrub::resolve(provider, Asked::Root, 0_u32) {
        Ok(solution) => {
            let named = solution.into_iter().filter_map(|(package, ordinal)| match package {
                Asked::Root => None,
                Asked::Named(name) => Some((name, ordinal)),
            });
            let versions = named.map(|(name, ordinal)| provider.version(&name, ordinal).map(|version| (name, version)));
            versions.collect::<Result<_>>().map(Ok)
        }
        Err(PubGrubError::NoSolution(tree)) => Ok(Err(facts(tree))),
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => Err(source),
    }
}

/// The leaves of a derivation, which may be deeper than a stack, and which may lead to one part of it more often than
/// anybody can count. So no part is taken before the last way to it, and then it is taken apart.
fn facts(tree: DerivationTree<Asked, Ranges<u32>, String>) -> Vec<Fact> {
    let (mut facts, mut open) = (Vec::new(), vec![tree]);
    while let Some(tree) = open.pop() {
        match tree {
            DerivationTree::External(fact) => facts.push(fact),
            DerivationTree::Derived(it) => {
                open.extend([it.cause1, it.cause2].into_iter().filter_map(Arc::into_inner));
            }
        }
    }
    facts
}

/// A missing package or version is said directly, because no derivation explains it better.
fn check_root(need: &Need, provider: &Provider<'_>) -> Result<()> {
    let Some(versions) = provider.versions(&need.name)? else {
        return Err(Error::new(Kind::NotFound, format!("there is no package `{}`", need.name)));
    };
    if versions.matching(&need.requirement).next().is_some() {
        return Ok(());
    }
    let withheld = provider.withheld(need)?;
    // What harms, or may, is a rule's no: a script must not take it for a wish that somebody can loosen.
    let is_ruled_out = |(_, why): &(Version, Withheld)| {
        matches!(why, Withheld::Revoked(_) | Withheld::Undated(_) | Withheld::Untagged)
    };
    let kind = if withheld.iter().any(is_ruled_out) { Kind::Policy } else { Kind::NoSolution };
    let error = Error::new(kind, format!("no version of `{}` satisfies `{}`", need.name, need.requirement));
    let error = report::excluded(need, provider)?.into_iter().fold(error, Error::because);
    Err(match (versions.shown(), versions.best()) {
        (Some(shown), Some(best)) => {
            error.because(format!("there are: {shown}")).help(format!("ask for one of these, such as `{best}`"))
        }
        _ => error
            .because("there is no other release that may be chosen")
            .help("choose another package, or tell the owner of the index"),
    })
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
