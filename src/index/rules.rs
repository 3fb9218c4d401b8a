//! What a manifest rules about its indexes: which names belong to one alone, how old a release must be, and that it can
//! have been signed.
//!
//! Invariant: a name that belongs to an index is asked of no other, whatever asks; and time is what the index says, so
//! that no clock of a machine makes a release older [security.md X13, X33, X35].

use super::{Index as _, IndexKind, Indexes, Listing, Opened};
use crate::error::{Error, Kind, Result};
use crate::format::index_line;
use crate::model::dependency::Need;
use crate::model::index::{IndexConfig, IndexId, Release, Withheld};
use crate::model::lock::Locked;
use crate::model::name::{IndexName, PackageName};
use crate::model::relpath::RelPath;
use crate::model::version::Version;

impl Indexes<'_> {
    /// Whether the manifest lets an index that a lock names answer for a name.
    #[must_use]
    pub fn permits(&self, id: &IndexId, name: &PackageName) -> bool {
        match id {
            IndexId::Builtin => !self.is_claimed(name),
            IndexId::Git(url) => {
                self.configured.iter().any(|(config, _)| config.url == *url && self.may_answer(config, name))
            }
        }
    }

    /// [`Indexes::permits`] for an index by its name in the manifest.
    #[must_use]
    pub fn permits_named(&self, index: &IndexName, name: &PackageName) -> bool {
        self.configured.iter().any(|(config, _)| config.name == *index && self.may_answer(config, name))
    }

    /// Whether the index at a place in the order is asked for a name.
    #[must_use]
    pub fn is_asked(&self, at: usize, name: &PackageName) -> bool {
        self.configured.get(at).map_or_else(|| !self.is_claimed(name), |(config, _)| self.may_answer(config, name))
    }

    /// The indexes that a name belongs to, by their names in the manifest.
    #[must_use]
    pub fn owners(&self, name: &PackageName) -> Vec<&IndexName> {
        let claiming = self.configured.iter().filter(|(config, _)| config.claims(name));
        claiming.map(|(config, _)| &config.name).collect()
    }

    /// The other indexes that have a name, with their versions, for messages about `id`. A message must not fail
    /// because an index cannot be asked.
    #[must_use]
    pub fn others(&self, id: &IndexId, name: &PackageName) -> Vec<(IndexName, Vec<Version>)> {
        let is_other = |config: &IndexConfig| IndexId::Git(config.url.clone()) != *id && self.may_answer(config, name);
        let others = self.configured.iter().filter(|(config, _)| is_other(config));
        let versions = others.filter_map(|(config, slot)| {
            let listing = self.open(config, slot).and_then(|opened| opened.index.listing(name)).ok()??;
            let mut versions: Vec<Version> = listing.releases.into_iter().map(|release| release.version).collect();
            versions.sort();
            Some((config.name.clone(), versions))
        });
        versions.collect()
    }

    /// Which other indexes are known to have a name, without asking anybody: the built-in one, and marketplaces that were
    /// opened in this run.
    #[must_use]
    pub fn known_elsewhere(&self, id: &IndexId, name: &PackageName) -> Vec<String> {
        let opened = self.configured.iter().filter_map(|(config, slot)| Some((config, slot.get()?)));
        let markets = opened.filter(|(config, opened)| {
            opened.kind == IndexKind::Marketplace && IndexId::Git(config.url.clone()) != *id
        });
        let having = markets.filter(|(_, opened)| opened.index.names().is_ok_and(|names| names.contains(name)));
        let builtin = *id != IndexId::Builtin && matches!(self.builtin.listing(name), Ok(Some(_)));
        let builtin = builtin.then(|| "the built-in index".to_owned());
        having.map(|(config, _)| format!("the index `{}`", config.name)).chain(builtin).collect()
    }

    /// Whether a look into an index that a lock names asks no host, because this run did already.
    #[must_use]
    pub fn was_asked(&self, id: &IndexId) -> bool {
        let IndexId::Git(url) = id else { return true };
        let config = self.configured.iter().map(|(config, _)| config).find(|config| config.url == *url);
        config.is_some_and(|config| self.cache.was_asked(url, &config.want()))
    }

    /// Brings what an index says of some names, in one fetch.
    ///
    /// # Errors
    /// The failure to ask it.
    pub fn bring(&self, id: &IndexId, names: &[&PackageName]) -> Result<()> {
        let Some(opened) = self.opened_cpm(id)? else { return Ok(()) };
        let files = names.iter().map(|name| RelPath::parse(&index_line::file_of(name)).map(Some));
        self.cache.ensure(&opened.at.url, &opened.at.commit, &files.collect::<Result<Vec<_>>>()?)
    }

    /// The cpm index in git that a lock names; `None` for any other kind.
    fn opened_cpm(&self, id: &IndexId) -> Result<Option<&Opened<'_>>> {
        let IndexId::Git(url) = id else { return Ok(None) };
        let Some((config, slot)) = self.configured.iter().find(|(config, _)| config.url == *url) else {
            return Ok(None);
        };
        self.open(config, slot).map(|opened| Some(opened).filter(|opened| opened.kind == IndexKind::Cpm))
    }

    /// Why an index revoked what is locked from it, if it did. Marketplaces know no revocation.
    ///
    /// # Errors
    /// The failure to ask it.
    pub fn revoked(&self, id: &IndexId, name: &PackageName, locked: &Locked) -> Result<Option<String>> {
        Ok(self.locked_release(id, name, locked)?.and_then(|release| match release.withheld {
            Some(Withheld::Revoked(reason)) => Some(reason),
            _ => None,
        }))
    }

    /// What a cpm index says that a locked release needs; `None` where it lists no such release, and for marketplaces,
    /// which leave it to the package.
    ///
    /// # Errors
    /// The failure to ask it.
    pub fn listed_needs(&self, id: &IndexId, name: &PackageName, locked: &Locked) -> Result<Option<Vec<Need>>> {
        Ok(self.locked_release(id, name, locked)?.map(|release| release.dependencies))
    }

    /// The release of a cpm index that is locked.
    fn locked_release(&self, id: &IndexId, name: &PackageName, locked: &Locked) -> Result<Option<Release>> {
        if *id != IndexId::Builtin && self.opened_cpm(id)?.is_none() {
            return Ok(None);
        }
        let releases = self.find_in(id, name)?.map(|listing| listing.releases).unwrap_or_default();
        Ok(releases.into_iter().find(|release| release.version == locked.version))
    }

    /// Whether a lock names an index that the manifest does not let answer for a name: it may be a name of another's.
    #[must_use]
    pub fn is_trespassing(&self, id: &IndexId, name: &PackageName) -> bool {
        !self.permits(id, name) && (self.is_claimed(name) || self.has(id))
    }

    pub(super) fn is_claimed(&self, name: &PackageName) -> bool {
        self.configured.iter().any(|(config, _)| config.claims(name))
    }

    pub(super) fn may_answer(&self, config: &IndexConfig, name: &PackageName) -> bool {
        if config.packages.is_empty() { !self.is_claimed(name) } else { config.claims(name) }
    }

    /// Refuses an index that somebody names for a package whose name is not its.
    pub(super) fn refuse_outside(&self, config: &IndexConfig, name: &PackageName) -> Result<()> {
        if self.may_answer(config, name) {
            return Ok(());
        }
        let why = match self.owners(name).first() {
            Some(owner) => format!("names like that belong to the index `{owner}`"),
            None => {
                let patterns: Vec<String> = config.packages.iter().map(|pattern| format!("`{pattern}`")).collect();
                format!("it is asked for {} only", patterns.join(", "))
            }
        };
        Err(Error::new(Kind::Policy, format!("the index `{}` must not be asked for `{name}`", config.name))
            .because(why)
            .help("`packages` of an index in the manifest says which names belong to it"))
    }

    /// Withholds releases that are younger than the manifest allows.
    pub(super) fn withhold_young(
        &self,
        config: &IndexConfig,
        opened: &Opened<'_>,
        listing: &mut Listing,
    ) -> Result<()> {
        let Some(least) = config.min_release_age else { return Ok(()) };
        let now = self.cache.time(&opened.at.url, &opened.at.commit)?;
        for release in listing.releases.iter_mut().filter(|release| release.withheld.is_none()) {
            release.withheld = match release.published {
                None => Some(Withheld::Undated(least)),
                Some(published) if published.is_older_than(least, now) => None,
                Some(published) => Some(Withheld::TooYoung(published, least)),
            };
        }
        Ok(())
    }
}

/// Withholds what a marketplace has at its head, where the manifest asks for signatures: only tags can be signed.
pub(super) fn withhold_untagged(config: &IndexConfig, opened: &Opened<'_>, listing: &mut Listing) {
    if config.signers.is_some() && opened.kind == IndexKind::Marketplace {
        for release in listing.releases.iter_mut().filter(|release| release.withheld.is_none()) {
            release.withheld = Some(Withheld::Untagged);
        }
    }
}
