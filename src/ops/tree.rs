//! `cpm tree`: who brought what in, from the lock. Reads three small files a scope and asks nobody.
//!
//! The tree is a list of rows with depths, because a lock comes from others: a chain as long as it likes, or a circle,
//! must not exhaust the stack of whoever reads it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Context;
use super::apply::shown_path;
use super::state::ScopeState;
use crate::error::Result;
use crate::model::lock::Lock;
use crate::model::name::PackageName;
use crate::model::scope::Scope;

/// The tree of one scope.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeTree {
    /// Which scope.
    pub scope: Scope,
    /// Its manifest.
    pub manifest: String,
    /// The packages: each one below the one that needs it, and once more for each further one that does.
    pub rows: Vec<TreeRow>,
}

/// A package where it is needed.
#[derive(Debug, Clone, Serialize)]
pub struct TreeRow {
    /// How many packages are above it: 0 for what the manifest asks for.
    pub depth: usize,
    /// What the scope calls it.
    pub name: PackageName,
    /// What it is called where it comes from.
    pub package: PackageName,
    /// Its locked version; nothing when it is not locked.
    pub version: Option<String>,
    /// Whether it is further up already; what it needs is told there.
    pub repeated: bool,
    /// Whether the manifest needs it, directly or not.
    pub needed: bool,
}

/// Reads the tree of one scope.
///
/// # Errors
/// Any failure to read it.
pub fn tree(context: &Context<'_>) -> Result<ScopeTree> {
    let state = ScopeState::look(context)?;
    let dependencies = &state.manifest.dependencies;
    let mut walk = Walk { lock: &state.lock, seen: BTreeSet::new(), rows: Vec::new() };
    for (alias, dependency) in dependencies {
        walk.add(alias, &dependency.package, true);
    }
    let needed = state.lock.reachable(dependencies.values().map(|dependency| &dependency.package));
    let left: Vec<&PackageName> = state.lock.packages.keys().filter(|name| !needed.contains(*name)).collect();
    let is_below =
        |name: &PackageName| left.iter().any(|other| state.lock.packages[*other].dependencies.contains(name));
    let (below, top): (Vec<_>, Vec<_>) = left.iter().partition(|name| is_below(name));
    for name in top.into_iter().chain(below) {
        if !walk.seen.contains(name) {
            walk.add(name, name, false);
        }
    }
    let manifest = shown_path(context, &context.places.manifest);
    Ok(ScopeTree { scope: context.places.scope, manifest, rows: walk.rows })
}

struct Walk<'l> {
    lock: &'l Lock,
    seen: BTreeSet<PackageName>,
    rows: Vec<TreeRow>,
}

impl Walk<'_> {
    /// Adds a package and everything below it.
    fn add(&mut self, alias: &PackageName, package: &PackageName, needed: bool) {
        let mut open = vec![(0, alias, package)];
        while let Some((depth, name, package)) = open.pop() {
            let locked = self.lock.packages.get(package);
            let repeated = !self.seen.insert(package.clone());
            if let Some(locked) = locked.filter(|_| !repeated) {
                open.extend(locked.dependencies.iter().rev().map(|name| (depth + 1, name, name)));
            }
            self.rows.push(TreeRow {
                depth,
                name: name.clone(),
                package: package.clone(),
                version: locked.map(|locked| locked.version.to_string()),
                repeated,
                needed,
            });
        }
    }
}
