//! From the two sides of a merge to one lock: both sides are preferences, the manifest and the indexes decide.
//!
//! Invariant: which side is "ours" does not matter, and every package in which the sides differ is checked as when it was
//! locked first.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fetch::Fetcher;
use super::step::answers;
use super::{Breadth, Locker, Locking, Rewritten, Unlock, names_of};
use crate::error::Result;
use crate::index::Indexes;
use crate::model::dependency::Manifest;
use crate::model::lock::{Lock, Locked};
use crate::model::merge::{Both, Sides, Told};
use crate::model::name::PackageName;

/// A package in which the two sides of a merge differed, with its version on each, and now.
pub(in crate::ops) struct Difference {
    name: PackageName,
    ours: Option<String>,
    theirs: Option<String>,
    now: Option<String>,
}

/// A lock made from two, and how.
pub(in crate::ops) struct Healed {
    pub(in crate::ops) locking: Locking,
    /// What both sides together had locked; what is not as here was decided anew.
    pub(in crate::ops) committed: Lock,
    pub(in crate::ops) differences: Vec<Difference>,
}

/// Locks what a manifest asks for, as near to both sides as it goes. What only markers tell must be what an index lists.
pub(in crate::ops) fn heal<'i>(
    manifest: &Manifest,
    sides: &Sides,
    told: Told,
    indexes: &Indexes<'i>,
    fetcher: &Fetcher<'i>,
) -> Result<Healed> {
    let allows = |name: &PackageName, locked: &Locked| allows(manifest, name, locked, indexes);
    let mut wishes = Wishes::new(sides, &allows);
    loop {
        let unlock = Unlock::Named(wishes.undecided.clone());
        let mut locker = Locker::new(manifest, &wishes.committed, &unlock, Rewritten::Stop, indexes, fetcher);
        // A lock does not say which versions a package allows of another, so every index is asked.
        locker.widen(Breadth::All);
        let mut locking = locker.solve()?;
        let is_unlisted = |name: &&PackageName| told == Told::ByMarkers && locker.is_unlisted(name, &locking.lock);
        let unlisted: Vec<PackageName> = locking.lock.packages.keys().filter(is_unlisted).cloned().collect();
        if wishes.second_choice(&locking.lock) || wishes.decide_anew(unlisted) {
            continue;
        }
        for name in sides.differing().filter(|name| !wishes.undecided.contains(*name)) {
            let Some(locked) = locking.lock.packages.get(name) else { continue };
            if !locking.loaded.contains_key(name) {
                locking.loaded.insert(name.clone(), fetcher.load_locked(name, locked)?);
            }
        }
        let differences = sides.differing().map(|name| difference(sides, name, &locking.lock)).collect();
        return Ok(Healed { locking, committed: wishes.committed, differences });
    }
}

/// Whether the manifest allows a locked package, as far as it speaks of it.
pub(in crate::ops) fn allows(manifest: &Manifest, name: &PackageName, locked: &Locked, indexes: &Indexes<'_>) -> bool {
    let wanted = manifest.dependencies.values().find(|dependency| dependency.package == *name);
    wanted.is_none_or(|dependency| answers(dependency, locked, indexes))
}

/// What is tried.
struct Wishes {
    committed: Lock,
    /// Tried where the first choice is not possible.
    second: BTreeMap<PackageName, Locked>,
    /// Packages of which neither side is newer: what there is now is taken.
    undecided: BTreeSet<PackageName>,
}

impl Wishes {
    fn new(sides: &Sides, allows: &dyn Fn(&PackageName, &Locked) -> bool) -> Self {
        let merged = sides.merge(Some(allows));
        let mut wishes = Wishes { committed: merged.settled, second: BTreeMap::new(), undecided: BTreeSet::new() };
        for name in sides.differing() {
            let Both { ours, theirs } = sides.both(name);
            let settled = wishes.committed.packages.get(name).cloned();
            let (first, second) = match (settled, ours, theirs) {
                (Some(settled), ours, theirs) => {
                    let other = [ours, theirs].into_iter().flatten().find(|locked| *locked != settled);
                    (settled, other)
                }
                (None, Some(ours), Some(theirs)) => wishes.choose(name, ours, theirs, allows),
                (None, Some(one), None) | (None, None, Some(one)) => (one, None),
                (None, None, None) => continue,
            };
            wishes.committed.packages.insert(name.clone(), first);
            wishes.second.extend(second.map(|locked| (name.clone(), locked)));
        }
        wishes
    }

    /// Which of two states to try first, and which then.
    fn choose(
        &mut self,
        name: &PackageName,
        ours: Locked,
        theirs: Locked,
        allows: &dyn Fn(&PackageName, &Locked) -> bool,
    ) -> (Locked, Option<Locked>) {
        match (allows(name, &ours), allows(name, &theirs), ours.newer_than(&theirs)) {
            (true, false, _) => (ours, None),
            (false, true, _) => (theirs, None),
            (_, _, Some(true)) => (ours, Some(theirs)),
            (_, _, Some(false)) => (theirs, Some(ours)),
            (_, _, None) => {
                self.undecided.insert(name.clone());
                // Any order will do that does not depend on which side is ours.
                let ours_first = (ours.checksum, &ours.commit) >= (theirs.checksum, &theirs.commit);
                (if ours_first { ours } else { theirs }, None)
            }
        }
    }

    /// Puts the other side's state first where the first choice was not possible; whether there was any.
    fn second_choice(&mut self, lock: &Lock) -> bool {
        let is_other = |name: &&PackageName| {
            let now = lock.packages.get(*name);
            now.is_some_and(|now| now.version != self.committed.packages[*name].version)
        };
        let names: Vec<PackageName> = self.second.keys().filter(is_other).cloned().collect();
        for name in &names {
            if let Some(other) = self.second.remove(name) {
                self.committed.packages.insert(name.clone(), other);
            }
        }
        !names.is_empty()
    }

    /// Lets these be locked as if for the first time; whether that is new for any.
    fn decide_anew(&mut self, names: Vec<PackageName>) -> bool {
        let before = self.undecided.len();
        self.undecided.extend(names);
        self.undecided.len() > before
    }
}

impl Locker<'_, '_> {
    /// Whether what the text around markers has of a package is not what its index lists.
    fn is_unlisted(&self, name: &PackageName, lock: &Lock) -> bool {
        let Some(locked) = lock.packages.get(name).filter(|locked| locked.index.is_some()) else { return false };
        let releases = self.releases.borrow();
        let listed = releases.get(name).map(|(_, list)| list.as_slice()).unwrap_or_default();
        !listed.iter().any(|release| {
            release.version == locked.version
                && (&release.source, &release.commit, &release.manifest, names_of(&release.dependencies))
                    == (&locked.source, &locked.commit, &locked.manifest, locked.dependencies.clone())
        })
    }
}

fn difference(sides: &Sides, name: &PackageName, now: &Lock) -> Difference {
    let version = |lock: &Lock| lock.packages.get(name).map(|locked| locked.version.to_string());
    Difference { name: name.clone(), ours: version(&sides.ours), theirs: version(&sides.theirs), now: version(now) }
}

/// What became of the two sides of a merge, in words.
pub(in crate::ops) fn said(differences: &[Difference]) -> String {
    let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "not there".to_owned());
    let told = differences.iter().map(|difference| {
        let Difference { name, ours, theirs, now } = difference;
        format!("`{name}`: {} (ours {}, theirs {})", word(now), word(ours), word(theirs))
    });
    let told: Vec<String> = told.collect();
    match told.as_slice() {
        [] => "the lock had merge conflict markers around equal sides".to_owned(),
        some => format!("the lock had merge conflicts, and both sides were merged: {}", some.join("; ")),
    }
}
