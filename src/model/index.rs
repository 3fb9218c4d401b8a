//! Indexes and the releases they list.

use std::fmt;

use super::age::Age;
use super::dependency::Need;
use super::digest::TreeDigest;
use super::name::{IndexName, PackageName};
use super::namespace::NamePattern;
use super::relpath::RelPath;
use super::source::{Commit, RefName, RefWant, Source};
use super::timestamp::Timestamp;
use super::url::GitUrl;
use super::version::Version;
use crate::error::Result;

/// Which index a locked package came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexId {
    /// The one compiled into cpm.
    Builtin,
    /// A repository.
    Git(GitUrl),
}

impl IndexId {
    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// As [`GitUrl::parse`].
    pub fn parse(text: &str) -> Result<Self> {
        if text == "builtin" { Ok(IndexId::Builtin) } else { GitUrl::parse(text).map(IndexId::Git) }
    }
}

impl fmt::Display for IndexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexId::Builtin => f.write_str("builtin"),
            IndexId::Git(url) => url.fmt(f),
        }
    }
}

/// One line of `[indexes]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexConfig {
    /// What the manifest calls it.
    pub name: IndexName,
    /// Its repository.
    pub url: GitUrl,
    /// Its branch; `HEAD` for `None`.
    pub branch: Option<RefName>,
    /// The names that belong to it: they are asked of no other index, and it is asked for no others. None belong to it
    /// alone when this is empty.
    pub packages: Vec<NamePattern>,
    /// How long ago a release must have been published to be chosen.
    pub min_release_age: Option<Age>,
    /// The file with the keys that must have signed what is locked from here, from the top of the project.
    pub signers: Option<RelPath>,
}

impl IndexConfig {
    /// An index at `HEAD`, without conditions.
    #[must_use]
    pub fn plain(name: IndexName, url: GitUrl) -> Self {
        IndexConfig { name, url, branch: None, packages: Vec::new(), min_release_age: None, signers: None }
    }

    /// Whether a name belongs to this index.
    #[must_use]
    pub fn claims(&self, name: &PackageName) -> bool {
        self.packages.iter().any(|pattern| pattern.matches(name))
    }

    /// The ref that is asked for.
    #[must_use]
    pub fn want(&self) -> RefWant {
        self.branch.as_ref().map_or(RefWant::Head, |branch| RefWant::Branch(branch.clone()))
    }
}

/// A release that is known by the name of its tag only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The version in the name.
    pub version: Version,
    /// The tag.
    pub tag: RefName,
}

/// A version of a package that an index offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// Where its bytes are.
    pub source: Source,
    /// At which commit; `None` only for what cpm carries itself.
    pub commit: Option<Commit>,
    /// What the index promises about the bytes.
    pub checksum: Option<TreeDigest>,
    /// What it needs.
    pub dependencies: Vec<Need>,
    /// Why it must not be chosen, if that is so.
    pub withheld: Option<Withheld>,
    /// When the index got it, by the index's own word; the dates of git can be anybody's.
    pub published: Option<Timestamp>,
    /// One line about it.
    pub description: Option<String>,
    /// Words that people may look for.
    pub keywords: Vec<String>,
    /// A plugin.json that the index gives because the author gave none, as JSON.
    pub manifest: Option<String>,
}

/// Why a release must not be chosen [security.md §4.5, §4.6].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withheld {
    /// Its author took it back for this reason; who has it locked keeps it.
    Yanked(String),
    /// It does harm, for this reason; nobody gets it, locked or not.
    Revoked(String),
    /// It was published at this time, and the index must show that it was there for so long; who has it locked keeps it.
    TooYoung(Timestamp, Age),
    /// The index does not say when it was published, but this age is asked for; who has it locked keeps it.
    Undated(Age),
    /// Nobody can have signed it, because it is no tag, but a signature is asked for; who has it locked keeps it.
    Untagged,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Withheld::Yanked(reason) => write!(f, "is yanked: {reason}"),
            Withheld::Revoked(reason) => write!(f, "is revoked: {reason}"),
            Withheld::TooYoung(published, least) => {
                write!(f, "is younger than {least}: it was published at {published}")
            }
            Withheld::Undated(least) => {
                write!(f, "may be younger than {least}: the index does not say when it was published")
            }
            Withheld::Untagged => f.write_str("is not from a tag, so nobody can have signed it"),
        }
    }
}
