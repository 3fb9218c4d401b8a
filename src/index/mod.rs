//! Indexes: who knows which packages. Two kinds behind one trait, told apart by what the repository holds.
//!
//! Invariant: the first index that has a name answers for it; a failure to ask one stops the run, so that nobody can
//! slip a package in by making an index unreachable.

mod ahead;
pub mod builtin;
mod cpm;
mod market;
mod markets;

use std::sync::OnceLock;

pub use self::ahead::{Ahead, Place};
use crate::error::{Error, Kind, Result};
use crate::format::marketplace::Marketplace;
use crate::git::{Cache, Reading};
use crate::model::index::{IndexConfig, IndexId, Release, Tagged};
use crate::model::name::{IndexName, PackageName};
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefWant};
use crate::model::url::GitUrl;

/// What an index has under a name.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Its releases.
    pub releases: Vec<Release>,
    /// Lines that disabled themselves.
    pub problems: Vec<Error>,
    /// What is odd about it, but harms nobody, in sentences.
    pub notes: Vec<String>,
}

/// An index at one moment: all answers of one run come from one commit.
pub trait Index {
    /// What a lock calls it.
    fn id(&self) -> IndexId;

    /// What it has under this name; `None` when it does not have it.
    ///
    /// # Errors
    /// Any failure to find out.
    fn listing(&self, name: &PackageName) -> Result<Option<Listing>>;

    /// The releases of a name that only tags tell of, each version once.
    ///
    /// # Errors
    /// Any failure to find out.
    fn tagged(&self, _: &PackageName) -> Result<Vec<Tagged>> {
        Ok(Vec::new())
    }

    /// One of these, read at its tag.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when the tag holds another version; any failure to read it.
    fn read_tagged(&self, name: &PackageName, tagged: &Tagged) -> Result<Release> {
        Err(Error::new(Kind::Bug, format!("nobody told of a tag `{}` of `{name}`", tagged.tag)))
    }

    /// The marketplace that it is, if it is one.
    fn market(&self) -> Option<&Marketplace> {
        None
    }

    /// What looking this name up is going to read.
    fn ahead(&self, name: &PackageName) -> Ahead;

    /// All names in it.
    ///
    /// # Errors
    /// Any failure to find out.
    fn names(&self) -> Result<Vec<PackageName>>;
}

/// A repository at a commit.
#[derive(Debug, Clone)]
struct At {
    url: GitUrl,
    commit: Commit,
}

/// Which kind of index a repository turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexKind {
    /// The one compiled in.
    Builtin,
    /// One with `index.toml`.
    Cpm,
    /// One with `.claude-plugin/marketplace.json`.
    Marketplace,
}

/// The indexes of a scope in order of preference, each opened when it is first asked. Several threads may ask.
pub struct Indexes<'a> {
    configured: Vec<(IndexConfig, OnceLock<Opened<'a>>)>,
    builtin: builtin::Builtin,
    cache: &'a Cache<'a>,
}

type Opened<'a> = (IndexKind, Box<dyn Index + Send + Sync + 'a>);

impl<'a> Indexes<'a> {
    /// The indexes a manifest names, then the built-in one.
    #[must_use]
    pub fn new(configured: &[IndexConfig], cache: &'a Cache<'a>) -> Self {
        let configured = configured.iter().map(|config| (config.clone(), OnceLock::new())).collect();
        Indexes { configured, builtin: builtin::Builtin, cache }
    }

    /// The index that has `name`, and what it has; only the one called `wanted` is asked where that is given.
    ///
    /// # Errors
    /// The failure of the first index that could not be asked.
    pub fn find(&self, name: &PackageName, wanted: Option<&IndexName>) -> Result<Option<(IndexId, Listing)>> {
        for (config, slot) in &self.configured {
            if wanted.is_some_and(|wanted| *wanted != config.name) {
                continue;
            }
            let (_, index) = self.open(config, slot)?;
            let listing = index.listing(name).map_err(|error| error.at(&config.url))?;
            if let Some(listing) = listing {
                return Ok(Some((index.id(), listing)));
            }
        }
        if wanted.is_some() {
            return Ok(None);
        }
        Ok(self.builtin.listing(name)?.map(|listing| (IndexId::Builtin, listing)))
    }

    /// What the index that a lock names has under `name`; `None` when that index is no longer configured.
    ///
    /// # Errors
    /// The failure to ask it.
    pub fn find_in(&self, id: &IndexId, name: &PackageName) -> Result<Option<Listing>> {
        match id {
            IndexId::Builtin => self.builtin.listing(name),
            IndexId::Git(url) => match self.configured.iter().find(|(config, _)| config.url == *url) {
                Some((config, slot)) => self.open(config, slot)?.1.listing(name),
                None => Ok(None),
            },
        }
    }

    /// Whether an index that a lock names is the one the manifest calls `name`; one repository may have two names.
    #[must_use]
    pub fn is_called(&self, id: &IndexId, name: &IndexName) -> bool {
        let IndexId::Git(url) = id else { return false };
        self.configured.iter().any(|(config, _)| config.name == *name && config.url == *url)
    }

    /// The name in the manifest of an index that a lock names.
    #[must_use]
    pub fn name_of(&self, id: &IndexId) -> Option<IndexName> {
        let IndexId::Git(url) = id else { return None };
        self.configured.iter().find(|(config, _)| config.url == *url).map(|(config, _)| config.name.clone())
    }

    /// The kind of an index that a lock names, once it was opened.
    #[must_use]
    pub fn kind_of(&self, id: &IndexId) -> Option<IndexKind> {
        let IndexId::Git(url) = id else { return Some(IndexKind::Builtin) };
        let (_, slot) = self.configured.iter().find(|(config, _)| config.url == *url)?;
        slot.get().map(|(kind, _)| *kind)
    }

    /// What the indexes are called, in order, for messages.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let configured = self.configured.iter().map(|(config, _)| format!("{} ({})", config.name, config.url));
        configured.chain(["the built-in index".to_owned()]).collect()
    }

    /// Whether an index that a lock names is one of these.
    #[must_use]
    pub fn has(&self, id: &IndexId) -> bool {
        *id == IndexId::Builtin || self.name_of(id).is_some()
    }

    /// Names like `name` in the indexes that are open, nearest first, for messages.
    #[must_use]
    pub fn nearest(&self, name: &PackageName) -> Vec<PackageName> {
        let opened = self.configured.iter().filter_map(|(_, slot)| slot.get()).map(|(_, index)| index.names());
        // A message must not fail because an index cannot be listed.
        let names = opened.chain([self.builtin.names()]).flat_map(Result::unwrap_or_default);
        let mut near: Vec<(usize, PackageName)> = names
            .map(|other| (distance(name.as_str(), other.as_str()), other))
            .filter(|(far, other)| *far <= name.as_str().len().div_ceil(4) || is_part(name, other))
            .collect();
        near.sort();
        near.dedup();
        near.into_iter().map(|(_, name)| name).take(3).collect()
    }

    /// The kind of a configured index and how many packages it has.
    ///
    /// # Errors
    /// The failure to open it.
    pub fn describe(&self, name: &IndexName) -> Result<(IndexKind, usize)> {
        match self.configured.iter().find(|(config, _)| config.name == *name) {
            Some((config, slot)) => {
                let (kind, index) = self.open(config, slot)?;
                Ok((*kind, index.names()?.len()))
            }
            None => Err(Error::new(Kind::NotFound, format!("there is no index `{name}`"))),
        }
    }

    /// How many packages the built-in index has.
    ///
    /// # Errors
    /// None in practice; the index is in the binary.
    pub fn builtin_size(&self) -> Result<usize> {
        self.builtin.names().map(|names| names.len())
    }

    fn open<'s>(&'s self, config: &IndexConfig, slot: &'s OnceLock<Opened<'a>>) -> Result<&'s Opened<'a>> {
        if let Some(opened) = slot.get() {
            return Ok(opened);
        }
        let opened = open(config, self.cache)
            .map_err(|error| error.context(format!("the index `{}` cannot be used", config.name)).at(&config.url))?;
        Ok(slot.get_or_init(|| opened))
    }
}

fn open<'a>(config: &IndexConfig, cache: &'a Cache<'a>) -> Result<Opened<'a>> {
    let want = config.branch.as_ref().map_or(RefWant::Head, |branch| RefWant::Branch(branch.clone()));
    let at = At { commit: cache.resolve(&config.url, &want, Reading::Index)?, url: config.url.clone() };
    let marker = |path: &str| cache.file(&at.url, &at.commit, &RelPath::parse(path)?);
    if let Some(about) = marker(cpm::MARKER)? {
        return Ok((IndexKind::Cpm, Box::new(cpm::CpmIndex::open(at, &about, cache)?)));
    }
    if let Some(bytes) = marker(market::MARKER)? {
        return Ok((IndexKind::Marketplace, Box::new(market::Market::open(at, &bytes, cache)?)));
    }
    Err(Error::new(Kind::Invalid, "the repository is not an index")
        .because(format!("it has neither `{}` nor `{}`", cpm::MARKER, market::MARKER))
        .help("install a package of it directly with `cpm install --git URL --path FOLDER`"))
}

/// Whether one name is part of the other; short ones are part of too many.
fn is_part(name: &PackageName, other: &PackageName) -> bool {
    name.as_str().len() > 2 && other.as_str().contains(name.as_str())
}

/// The package that a file of an index is about.
fn name_of_file(path: &str) -> Option<PackageName> {
    let name = path.strip_prefix("packages/")?.rsplit('/').next()?.strip_suffix(".jsonl")?;
    PackageName::parse(name).ok()
}

/// Edit distance, for suggesting names; both are short.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, want) in
            [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("github-tool", "github-tools", 1)]
        {
            assert_eq!(distance(a, b), want);
        }
    }
}
