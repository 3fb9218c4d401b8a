//! What looking names up is going to read, told beforehand, so that it can be fetched for many names at once.
//!
//! Invariant: nothing here is an answer. What is wrong or absent is met again by whoever looks the name up.

use super::Indexes;
use crate::error::Result;
use crate::model::dependency::Origin;
use crate::model::index::{IndexConfig, IndexId};
use crate::model::name::{IndexName, PackageName};

/// Where a name is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place<'q> {
    /// In the index that a lock names.
    Home(&'q IndexId),
    /// In the one that the manifest names, or in each in order.
    Configured(Option<&'q IndexName>),
}

impl Place<'_> {
    fn includes(self, config: &IndexConfig) -> bool {
        match self {
            Place::Home(id) => matches!(id, IndexId::Git(url) if *url == config.url),
            Place::Configured(name) => name.is_none_or(|name| *name == config.name),
        }
    }
}

/// What an index can say of a name without reading more.
#[derive(Debug, Clone, PartialEq)]
pub enum Ahead {
    /// It will read this.
    Reads(Origin),
    /// It does not have the name.
    Lacks,
    /// It will say why the name cannot be used.
    Fails,
}

impl Indexes<'_> {
    /// The first index that is asked about a name there: how many come before it.
    #[must_use]
    pub fn first_asked(&self, name: &PackageName, place: Place<'_>) -> Option<usize> {
        self.configured.iter().position(|(config, _)| place.includes(config) && self.may_answer(config, name))
    }

    /// Opens the index that comes after so many others.
    ///
    /// # Errors
    /// The failure to open it.
    pub fn open_at(&self, at: usize) -> Result<()> {
        match self.configured.get(at) {
            Some((config, slot)) => self.open(config, slot).map(drop),
            None => Ok(()),
        }
    }

    /// What looking a name up will read, as far as the indexes that are open know.
    #[must_use]
    pub fn need(&self, name: &PackageName, place: Place<'_>) -> Option<Origin> {
        let is_asked = |config: &IndexConfig| place.includes(config) && self.may_answer(config, name);
        for (_, slot) in self.configured.iter().filter(|(config, _)| is_asked(config)) {
            match slot.get()?.index.ahead(name) {
                Ahead::Reads(origin) => return Some(origin),
                Ahead::Lacks => {}
                Ahead::Fails => return None,
            }
        }
        None
    }
}
