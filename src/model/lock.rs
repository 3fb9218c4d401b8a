//! The lock: which bytes each package is.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::digest::{SurfaceDigest, TreeDigest};
use super::index::IndexId;
use super::name::PackageName;
use super::source::{Commit, Source};
use super::version::{self, Version};

/// Everything a scope has locked, by package name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// The packages.
    pub packages: BTreeMap<PackageName, Locked>,
}

/// One locked package: enough to fetch and check it without asking anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Its version: a label.
    pub version: Version,
    /// The index that offered it; `None` for a direct git or path dependency.
    pub index: Option<IndexId>,
    /// Where its bytes are.
    pub source: Source,
    /// At which commit; `None` for what cpm carries and for folders.
    pub commit: Option<Commit>,
    /// Its bytes.
    pub checksum: TreeDigest,
    /// What it can run.
    pub surface: SurfaceDigest,
    /// The plugin.json an index gave, where the author gave none.
    pub manifest: Option<String>,
    /// The packages it needs.
    pub dependencies: BTreeSet<PackageName>,
}

impl Locked {
    /// Whether its version only repeats its commit.
    #[must_use]
    pub fn is_unversioned(&self) -> bool {
        self.commit.as_ref().is_some_and(|commit| version::from_commit(commit) == self.version)
    }

    /// Which of two locked states of a package is newer; `None` where versions cannot tell: they come from different
    /// places, have no versions, or have the same one.
    #[must_use]
    pub fn newer_than(&self, other: &Locked) -> Option<bool> {
        let same_place = self.index == other.index && (self.index.is_some() || self.source == other.source);
        if !same_place || self.is_unversioned() || other.is_unversioned() {
            return None;
        }
        match self.version.cmp_precedence(&other.version) {
            Ordering::Greater => Some(true),
            Ordering::Less => Some(false),
            Ordering::Equal => None,
        }
    }
}

impl Lock {
    /// Whether every package that another one needs is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.packages.values().flat_map(|locked| &locked.dependencies).all(|need| self.packages.contains_key(need))
    }

    /// The names that can be reached from `roots`; what is not among them is no longer needed.
    #[must_use]
    pub fn reachable<'a>(&'a self, roots: impl IntoIterator<Item = &'a PackageName>) -> BTreeSet<&'a PackageName> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&PackageName> = roots.into_iter().collect();
        while let Some(name) = open.pop() {
            if let Some((name, locked)) = self.packages.get_key_value(name)
                && seen.insert(name)
            {
                open.extend(&locked.dependencies);
            }
        }
        seen
    }
}
