//! Indexes: who knows which packages. Two kinds behind one trait, told apart by what the repository holds.
//!
//! Invariant: the first index that has a name answers for it; a failure to ask one stops the run, so that nobody can
//! slip a package in by making an index unreachable.

mod ahead;
pub mod builtin;
mod cpm;
mod market;
mod markets;
mod rules;
mod summaries;

use std::sync::OnceLock;

pub use self::ahead::{Ahead, Place};
use self::rules::withhold_untagged;
use crate::error::{Error, Kind, Result};
use crate::format::index_line;
use crate::format::marketplace::Marketplace;
use crate::git::{Cache, Followed, Reading};
use crate::model::index::{IndexConfig, IndexId, Release, Tagged};
use crate::model::name::{IndexName, PackageName};
use crate::model::relpath::RelPath;
use crate::model::source::Commit;
use crate::model::url::GitUrl;

pub use summaries::Shelf;

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

/// What people and programs read as the name of the built-in index.
pub const BUILTIN: &str = "builtin";

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

    /// What a search reads of it, as [`crate::format::summaries`] writes it.
    ///
    /// # Errors
    /// Any failure to find out.
    fn summaries(&self, shelf: &Shelf) -> Result<String>;
}

/// A repository at a commit.
#[derive(Debug, Clone)]
struct At {
    url: GitUrl,
    commit: Commit,
}

/// What to do about an index whose history does not contain what was used of it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaced {
    /// Stop: who replaced it may have replaced releases too [security.md X03, X04].
    Stop,
    /// Take what is there now.
    Accept,
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

/// An index that was opened where it is now.
struct Opened<'a> {
    kind: IndexKind,
    at: At,
    index: Box<dyn Index + Send + Sync + 'a>,
}

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
    /// The failure of the first index that could not be asked; [`Kind::Policy`] when the name belongs to another index
    /// than the wanted one.
    pub fn find(&self, name: &PackageName, wanted: Option<&IndexName>) -> Result<Option<(IndexId, Listing)>> {
        for (config, slot) in &self.configured {
            match wanted {
                Some(wanted) if *wanted != config.name => continue,
                Some(_) => self.refuse_outside(config, name)?,
                None if !self.may_answer(config, name) => continue,
                None => {}
            }
            if let Some(listing) = self.listing(config, slot, name)? {
                return Ok(Some((IndexId::Git(config.url.clone()), listing)));
            }
        }
        if wanted.is_some() || self.is_claimed(name) {
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
                Some((config, slot)) => self.listing(config, slot, name),
                None => Ok(None),
            },
        }
    }

    fn listing<'s>(
        &'s self,
        config: &IndexConfig,
        slot: &'s OnceLock<Opened<'a>>,
        name: &PackageName,
    ) -> Result<Option<Listing>> {
        let opened = self.open(config, slot)?;
        let listing = opened.index.listing(name);
        let mut listing =
            listing.map_err(|error| error.at(&config.url).help("tell the owner of the index about it"))?;
        if let Some(listing) = &mut listing {
            self.withhold_young(config, opened, listing)?;
            withhold_untagged(config, opened, listing);
        }
        Ok(listing)
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
        slot.get().map(|opened| opened.kind)
    }

    /// What the indexes that are asked for a name are called, in order, for messages.
    #[must_use]
    pub fn labels(&self, name: &PackageName) -> Vec<String> {
        let asked = self.configured.iter().filter(|(config, _)| self.may_answer(config, name));
        let builtin = (!self.is_claimed(name)).then(|| "the built-in index".to_owned());
        asked.map(|(config, _)| format!("{} ({})", config.name, config.url)).chain(builtin).collect()
    }

    /// Whether an index that a lock names is one of these.
    #[must_use]
    pub fn has(&self, id: &IndexId) -> bool {
        *id == IndexId::Builtin || self.name_of(id).is_some()
    }

    /// Names like `name` in the indexes that are open, nearest first, for messages.
    #[must_use]
    pub fn nearest(&self, name: &PackageName) -> Vec<PackageName> {
        let opened = self.configured.iter().filter_map(|(_, slot)| slot.get()).map(|opened| opened.index.names());
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
                let opened = self.open(config, slot)?;
                Ok((opened.kind, opened.index.names()?.len()))
            }
            None => Err(Error::new(Kind::NotFound, format!("there is no index `{name}`"))),
        }
    }

    /// Takes an index as it is now, whatever was used of it before.
    ///
    /// # Errors
    /// The failure to ask it, or to read it as an index.
    pub fn accept(config: &IndexConfig, cache: &Cache<'_>) -> Result<Followed> {
        let (followed, _) = follow(config, cache, Replaced::Accept).map_err(|error| error.at(&config.url))?;
        Ok(followed)
    }

    /// How many indexes there are, the built-in one included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.configured.len() + 1
    }

    /// The index at a place in the order, opened: what the manifest calls it, and the index.
    ///
    /// # Errors
    /// The failure to open it.
    pub fn nth(&self, at: usize) -> Result<(&str, &(dyn Index + 'a))> {
        match self.configured.get(at) {
            Some((config, slot)) => self.open(config, slot).map(|opened| (config.name.as_str(), &*opened.index as _)),
            None => Ok((BUILTIN, &self.builtin)),
        }
    }

    /// What the index at a place in the order has under a name, as far as the manifest lets it be chosen.
    ///
    /// # Errors
    /// The failure to ask it.
    pub fn listing_at(&self, at: usize, name: &PackageName) -> Result<Option<Listing>> {
        match self.configured.get(at) {
            Some((config, slot)) => self.listing(config, slot, name),
            None => self.builtin.listing(name),
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
        let (_, opened) = follow(config, self.cache, Replaced::Stop).map_err(|error| {
            let error = error.context(format!("the index `{}` cannot be used", config.name)).at(&config.url);
            error.help("check its address: it must be a cpm index or a Claude marketplace")
        })?;
        Ok(slot.get_or_init(|| opened))
    }
}

/// Opens an index where it is now. Only what could be read as an index counts as used, so that offline runs have the
/// last good state.
fn follow<'a>(config: &IndexConfig, cache: &'a Cache<'a>, replaced: Replaced) -> Result<(Followed, Opened<'a>)> {
    let want = config.want();
    let followed = cache.follow(&config.url, &want, Reading::Index)?;
    if let (false, Some(before), Replaced::Stop) = (followed.goes_on, &followed.before, replaced) {
        return Err(Error::new(Kind::Integrity, "its history was rewritten or rolled back")
            .because(format!("last used: {before}"))
            .because(format!("now:       {}", followed.now))
            .help(format!(
                "nothing was changed, and `--offline` goes on with the old state; when its owner says that this is \
                 right: `cpm index accept {}`, or with its address where it is not added yet",
                config.name
            )));
    }
    let opened = open(At { url: config.url.clone(), commit: followed.now.clone() }, cache)?;
    if let (Some(signers), IndexKind::Cpm) = (&config.signers, opened.kind) {
        // Its lines name commits and bytes, so who signs the newest state of them vouches for every release.
        cache.verify_commit(&config.url, &followed.now, signers)?;
    }
    cache.note_used(&config.url, &want, &followed.now)?;
    Ok((followed, opened))
}

fn open<'a>(at: At, cache: &'a Cache<'a>) -> Result<Opened<'a>> {
    let marker = |path: &str| cache.file(&at.url, &at.commit, &RelPath::parse(path)?);
    if let Some(about) = marker(cpm::MARKER)? {
        let index = Box::new(cpm::CpmIndex::open(at.clone(), &about, cache)?);
        return Ok(Opened { kind: IndexKind::Cpm, at, index });
    }
    if let Some(bytes) = marker(market::MARKER)? {
        let index = Box::new(market::Market::open(at.clone(), &bytes, cache)?);
        return Ok(Opened { kind: IndexKind::Marketplace, at, index });
    }
    Err(Error::new(Kind::Invalid, "the repository is not an index")
        .because(format!("it has neither `{}` nor `{}`", cpm::MARKER, market::MARKER))
        .help("install a package of it directly with `cpm install --git URL --path FOLDER`"))
}

/// Whether one name is part of the other; short ones are part of too many.
fn is_part(name: &PackageName, other: &PackageName) -> bool {
    name.as_str().len() > 2 && other.as_str().contains(name.as_str())
}

/// The package that a file of an index is about; none where nobody would look for it.
fn name_of_file(path: &str) -> Option<PackageName> {
    let name = PackageName::parse(path.rsplit('/').next()?.strip_suffix(".jsonl")?).ok()?;
    (index_line::file_of(&name) == path).then_some(name)
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
