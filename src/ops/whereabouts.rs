//! In which scopes a package is installed, and from where.

use serde::Serialize;

use super::Context;
use super::apply::origin;
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
    /// Where it came from, in words; nothing when it is no longer locked.
    pub from: Option<String>,
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
                let locked = state.lock.packages.get(package);
                let there = InstalledIn {
                    scope: context.places.scope,
                    name,
                    version: installed.version.to_string(),
                    from: locked.map(origin),
                };
                found.push((package.clone(), locked.and_then(|locked| locked.index.clone()), there));
            }
        }
        Ok(Whereabouts(found))
    }

    /// Where packages of a name are installed, wherever they came from.
    pub(super) fn of_name(&self, package: &PackageName) -> Vec<InstalledIn> {
        self.0.iter().filter(|(name, _, _)| name == package).map(|(_, _, there)| there.clone()).collect()
    }

    /// Where a package of an index is installed; another one of the same name is another package.
    pub(super) fn of_index(&self, package: &str, index: &IndexId) -> Vec<InstalledIn> {
        let found = self.0.iter().filter(|(name, from, _)| name.as_str() == package && from.as_ref() == Some(index));
        found.map(|(_, _, there)| there.clone()).collect()
    }
}
