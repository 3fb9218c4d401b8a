//! What is asked of marketplaces only: what they are called and whom they trust, and what their tags hold.

use super::{Index, Indexes};
use crate::error::{Error, Kind, Result};
use crate::format::marketplace::Marketplace;
use crate::model::index::{IndexId, Release, Tagged};
use crate::model::name::PackageName;

impl Indexes<'_> {
    /// The releases of a name that only tags tell of, in the index that has the name.
    ///
    /// # Errors
    /// The failure to ask.
    pub fn tagged(&self, id: &IndexId, name: &PackageName) -> Result<Vec<Tagged>> {
        self.opened(id).map_or(Ok(Vec::new()), |index| index.tagged(name))
    }

    /// One of these, read at its tag.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when the tag holds another version; any failure to read it.
    pub fn read_tagged(&self, id: &IndexId, name: &PackageName, tagged: &Tagged) -> Result<Release> {
        let closed = || Error::new(Kind::Bug, format!("the index {id} was never opened"));
        self.opened(id).ok_or_else(closed)?.read_tagged(name, tagged)
    }

    /// Whether an index is the marketplace that calls itself `market`.
    #[must_use]
    pub fn is_market(&self, id: &IndexId, market: &str) -> bool {
        self.market(id).is_some_and(|known| known.name == market)
    }

    /// Whether an index is a marketplace whose plugins may need those of the one that calls itself `market`.
    #[must_use]
    pub fn trusts(&self, id: &IndexId, market: &str) -> bool {
        self.market(id).is_some_and(|known| known.trusted.contains(market))
    }

    /// The index that is the marketplace which calls itself `market`. All are opened until it is found.
    ///
    /// # Errors
    /// The failure to open one.
    pub fn market_called(&self, market: &str) -> Result<Option<IndexId>> {
        for (config, slot) in &self.configured {
            let index = &self.open(config, slot)?.index;
            if index.market().is_some_and(|known| known.name == market) {
                return Ok(Some(index.id()));
            }
        }
        Ok(None)
    }

    fn market(&self, id: &IndexId) -> Option<&Marketplace> {
        self.opened(id)?.market()
    }

    fn opened(&self, id: &IndexId) -> Option<&(dyn Index + Send + Sync)> {
        let IndexId::Git(url) = id else { return None };
        let (_, slot) = self.configured.iter().find(|(config, _)| config.url == *url)?;
        slot.get().map(|opened| &*opened.index)
    }
}
