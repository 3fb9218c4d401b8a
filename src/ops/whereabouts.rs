//! In which scopes a package is installed, and from where.

use serde::Serialize;

use super::Context;
use super::installed::dependency_on;
use super::state::ScopeState;
use crate::error::Result;
use crate::model::index::IndexId;
use crate::model::name::PackageName;
use crate::model::scope::Scope;

/// A package in a scope.
#[derive(Debug, Clone, Serialize)]
pub struct InstalledIn {
    /// The scope.
    pub scope: Scope,
    /// What the scope calls it.
    pub name: PackageName,
    /// The version there.
    pub version: String,
}

/// What the scopes have.
pub(super) struct Whereabouts(Vec<(PackageName, Option<IndexId>, InstalledIn)>);

impl Whereabouts {
    /// Reads the scopes.
    pub(super) fn of(scopes: &[Context<'_>]) -> Result<Self> {
        let mut found = Vec::new();
        for context in scopes {
            let state = ScopeState::look(context)?;
            for (package, installed) in &state.receipt.packages {
                let name = dependency_on(&state.manifest, package).map_or(package, |(alias, _)| alias).clone();
                let there = InstalledIn { scope: context.places.scope, name, version: installed.version.to_string() };
                let index = state.lock.packages.get(package).and_then(|locked| locked.index.clone());
                found.push((package.clone(), index, there));
            }
        }
        Ok(Whereabouts(found))
    }

    /// Where a package of an index is installed; another one of the same name is another package.
    pub(super) fn of_index(&self, package: &str, index: &IndexId) -> Vec<InstalledIn> {
        let found = self.0.iter().filter(|(name, from, _)| name.as_str() == package && from.as_ref() == Some(index));
        found.map(|(_, _, there)| there.clone()).collect()
    }
}
