//! Three locks into one, package by package, without asking anybody.
//!
//! Invariant: a lock does not say which versions a package allows of another, so two packages are settled together only
//! where they stood together in one of the three locks, each of which was a solution. What is not settled is left open.

use std::collections::BTreeMap;

use super::lock::{Lock, Locked};
use super::name::PackageName;

/// Two states of a lock, and what both began with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sides {
    /// What both began with; empty where that is not known.
    pub base: Lock,
    /// The state here.
    pub ours: Lock,
    /// The state that is merged.
    pub theirs: Lock,
}

/// Where the sides of a merge were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// From git, which kept each whole.
    ByGit,
    /// From the text around conflict markers: what looks like an entry there may be one of two.
    ByMarkers,
}

/// What the two sides have of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Both {
    /// Here.
    pub ours: Option<Locked>,
    /// In what is merged.
    pub theirs: Option<Locked>,
}

/// The outcome of a merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// What is certain.
    pub settled: Lock,
    /// What somebody who can ask indexes must decide.
    pub open: BTreeMap<PackageName, Both>,
}

/// Whether the manifest allows a locked package, as far as it speaks of it.
pub type Allows<'a> = dyn Fn(&PackageName, &Locked) -> bool + 'a;

impl Sides {
    /// What the two sides have of a package.
    #[must_use]
    pub fn both(&self, name: &PackageName) -> Both {
        let of = |lock: &Lock| lock.packages.get(name).cloned();
        Both { ours: of(&self.ours), theirs: of(&self.theirs) }
    }

    /// The packages that are not the same on both sides.
    pub fn differing(&self) -> impl Iterator<Item = &PackageName> {
        let only_theirs = self.theirs.packages.keys().filter(|name| !self.ours.packages.contains_key(*name));
        let names = self.ours.packages.keys().chain(only_theirs);
        names.filter(|name| self.ours.packages.get(*name) != self.theirs.packages.get(*name))
    }

    /// Merges. A package that one side changed is taken from there; of one that both changed the newer state is taken,
    /// if the manifest is known and allows it.
    #[must_use]
    pub fn merge(&self, allows: Option<&Allows<'_>>) -> Merged {
        let mut merged = Merged::default();
        for name in self.names() {
            let base = self.base.packages.get(name);
            let both = self.both(name);
            let (ours, theirs) = (both.ours.as_ref(), both.theirs.as_ref());
            let settled = match (ours, theirs) {
                _ if ours == theirs || theirs == base => ours,
                _ if ours == base => theirs,
                (Some(ours), Some(theirs)) => match allows.and_then(|allows| newer(name, ours, theirs, allows)) {
                    Some(newer) => Some(newer),
                    None => {
                        merged.open.insert(name.clone(), both);
                        continue;
                    }
                },
                _ => {
                    merged.open.insert(name.clone(), both);
                    continue;
                }
            };
            merged.settled.packages.extend(settled.map(|locked| (name.clone(), locked.clone())));
        }
        self.keep_needed(&mut merged);
        self.open_strangers(&mut merged);
        merged
    }

    fn names(&self) -> impl Iterator<Item = &PackageName> {
        let only_theirs = self.theirs.packages.keys().filter(|name| !self.ours.packages.contains_key(*name));
        self.ours.packages.keys().chain(only_theirs)
    }

    /// What one side dropped and the other still needs stays.
    fn keep_needed(&self, merged: &mut Merged) {
        loop {
            let needed = merged.settled.packages.values().flat_map(|locked| &locked.dependencies);
            let lacking = needed.filter(|name| !merged.settled.packages.contains_key(*name));
            let found = lacking.map(|name| (name, self.both(name))).find_map(|(name, both)| match both {
                Both { ours: Some(kept), theirs: None } | Both { ours: None, theirs: Some(kept) } => {
                    Some((name.clone(), kept))
                }
                _ => None,
            });
            let Some((name, kept)) = found else { return };
            merged.open.remove(&name);
            merged.settled.packages.insert(name, kept);
        }
    }

    /// Opens what is needed by a package that it never stood beside.
    fn open_strangers(&self, merged: &mut Merged) {
        let packages = &merged.settled.packages;
        let stood_together = |a: &PackageName, b: &PackageName| {
            [&self.base, &self.ours, &self.theirs].into_iter().any(|lock| {
                [a, b].into_iter().all(|name| lock.packages.get(name).is_some_and(|locked| *locked == packages[name]))
            })
        };
        let pairs = packages.iter().flat_map(|(name, locked)| locked.dependencies.iter().map(move |need| (name, need)));
        let strangers = pairs.filter(|(name, need)| packages.contains_key(*need) && !stood_together(name, need));
        let opened: Vec<PackageName> = strangers.map(|(_, need)| need.clone()).collect();
        for name in opened {
            merged.settled.packages.remove(&name);
            let both = self.both(&name);
            merged.open.insert(name, both);
        }
    }
}

/// The newer of two states, if the manifest allows it, else the other one, if it allows that.
fn newer<'a>(name: &PackageName, ours: &'a Locked, theirs: &'a Locked, allows: &Allows<'_>) -> Option<&'a Locked> {
    let in_order = match ours.newer_than(theirs)? {
        true => [ours, theirs],
        false => [theirs, ours],
    };
    in_order.into_iter().find(|locked| allows(name, locked))
}

#[cfg(test)]
mod tests;
