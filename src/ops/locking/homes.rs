//! Where the plugins come from that plugins of marketplaces need: as for the client, from the marketplace of the one that
//! asks, or from one that it names and that the marketplace of the first plugin of the chain trusts [claude-code.md §6].
//!
//! Invariant: no other index can put a package in place of one that a marketplace's plugin needs.

use super::Locker;
use crate::error::Result;
use crate::model::dependency::Need;
use crate::model::index::IndexId;
use crate::model::name::PackageName;

/// Where a package comes from that nobody but plugins asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    /// The index that has it.
    pub(super) index: IndexId,
    /// The index of the plugin that the manifest names and that started the chain.
    root: IndexId,
}

impl Locker<'_, '_> {
    /// Settles where the needs of a plugin of the marketplace `id` come from; else says why they cannot be met.
    pub(super) fn settle(&self, name: &PackageName, id: &IndexId, needs: &[Need]) -> Result<Option<String>> {
        let root = self.homes.borrow().get(name).map_or_else(|| id.clone(), |home| home.root.clone());
        for need in needs.iter().filter(|need| !self.is_settled(&need.name)) {
            let package = &need.name;
            let index = match self.market_of(need, id, &root)? {
                Ok(index) => index,
                Err(why) => return Ok(Some(why)),
            };
            let other = self.homes.borrow().get(package).map(|home| home.index.clone()).filter(|home| *home != index);
            if let Some(other) = other {
                let why = format!("needs `{package}` of {index}, but another plugin needs that of {other}");
                return Ok(Some(format!("{why}; name `{package}` in your manifest to choose one")));
            }
            if self.indexes.find_in(&index, package)?.is_none() {
                return Ok(Some(format!("needs `{package}`, which its marketplace {index} does not have")));
            }
            let home = Home { index, root: root.clone() };
            self.homes.borrow_mut().insert(package.clone(), home);
        }
        Ok(None)
    }

    /// Whether the manifest or the lock says where a package comes from.
    fn is_settled(&self, name: &PackageName) -> bool {
        self.manifest.dependencies.values().any(|dependency| dependency.package == *name)
            || self.old.packages.get(name).is_some_and(|old| old.index.is_none() || self.is_from_right_index(name, old))
    }

    /// The index that a need of a plugin of `own` means, or why it may not.
    fn market_of(&self, need: &Need, own: &IndexId, root: &IndexId) -> Result<Result<IndexId, String>> {
        let Some(market) = need.market.as_deref().filter(|market| !self.indexes.is_market(own, market)) else {
            return Ok(Ok(own.clone()));
        };
        let what = format!("needs `{}` of the marketplace `{}`", need.name, market.escape_debug());
        if !self.indexes.trusts(root, market) {
            return Ok(Err(format!("{what}, which {root} does not list in `allowCrossMarketplaceDependenciesOn`")));
        }
        let found = self.indexes.market_called(market)?;
        Ok(found.ok_or_else(|| format!("{what}, which is none of your indexes; add it with `cpm index add`")))
    }
}
