//! `cpm why`: each chain of needs from the manifest to a package, shortest first, from the lock. Asks nobody.
//!
//! Invariant: the number of chains in a graph may be astronomical, so both the chains and the search for them are bounded.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use serde::Serialize;

use super::Context;
use super::apply::shown_path;
use super::installed::dependency_on;
use super::state::ScopeState;
use crate::error::Result;
use crate::model::dependency::Manifest;
use crate::model::lock::Lock;
use crate::model::name::PackageName;
use crate::model::scope::Scope;

/// Most chains that are told.
pub const MAX_CHAINS: usize = 100;
/// Most steps of the search.
const MAX_STEPS: usize = 100_000;

/// Why one scope has a package.
#[derive(Debug, Clone, Serialize)]
pub struct Why {
    /// Which scope.
    pub scope: Scope,
    /// Its manifest.
    pub manifest: String,
    /// The chains, each from what the manifest asks for to the package; none when the scope does not have it.
    pub chains: Vec<Vec<Link>>,
    /// Whether there may be more chains than these.
    pub more: bool,
    /// Whether it is locked although nothing needs it.
    pub unneeded: bool,
}

/// A package in a chain; the next one is there because this one needs it.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// What the scope calls it.
    pub name: PackageName,
    /// Its locked version; nothing when it is not locked.
    pub version: Option<String>,
}

/// Finds the chains to a package, which may be named as the manifest names it.
///
/// # Errors
/// Any failure to read the scope.
pub fn why(context: &Context<'_>, name: &PackageName) -> Result<Why> {
    let ScopeState { manifest, lock, .. } = ScopeState::look(context)?;
    let target = manifest.dependencies.get(name).map_or(name, |dependency| &dependency.package);
    let (found, more) = Search::new(&manifest, &lock).chains(target);
    let link = |package: &PackageName| Link {
        name: package.clone(),
        version: lock.packages.get(package).map(|locked| locked.version.to_string()),
    };
    let chains: Vec<Vec<Link>> = found
        .iter()
        .map(|chain| {
            let mut links: Vec<Link> = chain.iter().map(|package| link(package)).collect();
            if let (Some(first), Some((alias, _))) = (links.first_mut(), dependency_on(&manifest, chain[0])) {
                first.name = alias.clone();
            }
            links
        })
        .collect();
    Ok(Why {
        scope: context.places.scope,
        manifest: shown_path(context, &context.places.manifest),
        unneeded: chains.is_empty() && lock.packages.contains_key(target),
        chains,
        more,
    })
}

/// A search from a package up to whoever needs it.
struct Search<'l> {
    /// Who needs a package.
    above: BTreeMap<&'l PackageName, Vec<&'l PackageName>>,
    /// How far what the manifest reaches is from it.
    height: BTreeMap<&'l PackageName, usize>,
}

/// A package on the way up.
struct Step<'l> {
    package: &'l PackageName,
    /// The step below it.
    below: Option<usize>,
    /// How many steps are below it.
    depth: usize,
}

impl<'l> Search<'l> {
    fn new(manifest: &'l Manifest, lock: &'l Lock) -> Self {
        let mut height = BTreeMap::new();
        let mut above: BTreeMap<&PackageName, Vec<&PackageName>> = BTreeMap::new();
        let mut open: VecDeque<(&PackageName, usize)> =
            manifest.dependencies.values().map(|dependency| (&dependency.package, 0)).collect();
        while let Some((package, far)) = open.pop_front() {
            if height.contains_key(package) {
                continue;
            }
            height.insert(package, far);
            for below in lock.packages.get(package).iter().flat_map(|locked| &locked.dependencies) {
                above.entry(below).or_default().push(package);
                open.push_back((below, far + 1));
            }
        }
        Search { above, height }
    }

    /// The chains from the top down, and whether there may be more. What is nearest to the manifest is tried first, so a
    /// chain is found soon however many there are.
    fn chains(&self, target: &'l PackageName) -> (Vec<Vec<&'l PackageName>>, bool) {
        let mut chains = Vec::new();
        let mut steps = vec![Step { package: target, below: None, depth: 0 }];
        let mut open = BinaryHeap::new();
        open.extend(self.height.get(target).map(|far| Reverse((*far, *far, 0))));
        while let Some(Reverse((_, far, at))) = open.pop() {
            let down: Vec<&PackageName> =
                std::iter::successors(Some(at), |at| steps[*at].below).map(|at| steps[at].package).collect();
            let depth = steps[at].depth + 1;
            for above in self.above.get(steps[at].package).into_iter().flatten().filter(|above| !down.contains(above)) {
                let far = self.height[*above];
                open.push(Reverse((depth + far, far, steps.len())));
                steps.push(Step { package: above, below: Some(at), depth });
            }
            if far == 0 {
                chains.push(down);
            }
            if chains.len() == MAX_CHAINS || steps.len() > MAX_STEPS {
                break;
            }
        }
        (chains, !open.is_empty())
    }
}
