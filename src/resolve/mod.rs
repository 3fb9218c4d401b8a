//! Chooses versions with PubGrub: what has a solution is solved, newest first, locked versions preferred; what has
//! none is explained by who asks for what.
//!
//! Invariant: the answer depends on what is asked and listed only, not on order, platform or time.

mod provider;
mod report;

use std::collections::BTreeMap;
use std::time::Duration;

use pubgrub::PubGrubError;

use crate::error::{Error, Kind, Result};
use crate::model::dependency::Need;
use crate::model::index::Withheld;
use crate::model::name::PackageName;
use crate::model::version::Version;
use provider::{Asked, DEADLINE, Provider};

/// A version that could be chosen.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The version.
    pub version: Version,
    /// What it needs.
    pub needs: Vec<Need>,
    /// Why it is chosen only when it is locked already.
    pub withheld: Option<Withheld>,
}

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
}

/// Chooses one version for every package that `roots` need, directly or not.
///
/// # Errors
/// [`Kind::NoSolution`] with the requirements that exclude each other; [`Kind::NotFound`] for a root nobody has; the
/// catalog's errors.
pub fn resolve(
    roots: &[Need],
    locked: &BTreeMap<PackageName, Version>,
    catalog: &dyn Catalog,
) -> Result<BTreeMap<PackageName, Version>> {
    resolve_within(roots, locked, catalog, DEADLINE)
}

fn resolve_within(
    roots: &[Need],
    locked: &BTreeMap<PackageName, Version>,
    catalog: &dyn Catalog,
    limit: Duration,
) -> Result<BTreeMap<PackageName, Version>> {
    let provider = Provider::new(roots, locked, catalog, limit);
    for need in roots {
        check_root(need, &provider)?;
    }
    match pubgrub::resolve(&provider, Asked::Root, 0_u32) {
        Ok(solution) => {
            let named = solution.into_iter().filter_map(|(package, ordinal)| match package {
                Asked::Root => None,
                Asked::Named(name) => Some((name, ordinal)),
            });
            named.map(|(name, ordinal)| provider.version(&name, ordinal).map(|version| (name, version))).collect()
        }
        Err(PubGrubError::NoSolution(tree)) => Err(report::explain(&tree, &provider)),
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => Err(source),
    }
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
    let shown = withheld.iter().rev().take(3).map(|(version, why)| format!("{version} {why}"));
    let error = shown.fold(error, Error::because);
    Err(match versions.newest(3).as_slice() {
        [] => error
            .because("there is no other release that may be chosen")
            .help("ask for another package, or the owner of the index why"),
        some => error.because(format!("there are: {}", some.join(", "))).help("ask for one of these in the manifest"),
    })
}

#[cfg(test)]
mod tests;
