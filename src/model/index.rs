//! Indexes and the releases they list.

use std::fmt;

use super::dependency::Need;
use super::digest::TreeDigest;
use super::name::IndexName;
use super::source::{Commit, RefName, Source};
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
    /// Why it should no longer be chosen.
    pub yanked: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// A plugin.json that the index gives because the author gave none, as JSON.
    pub manifest: Option<String>,
}
