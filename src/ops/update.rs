//! `cpm update`: moves packages to what manifest and indexes allow now. What changes is shown before it happens.

use super::Context;
use super::apply::{self, About, Target};
use super::install::fetcher;
pub use super::locking::Rewritten;
use super::locking::{self, Unlock};
use super::report::Report;
use super::state::{self, ScopeState};
use crate::error::{Error, Kind, Result};
use crate::index::Indexes;
use crate::model::name::PackageName;

/// Updates the named packages, or all.
///
/// # Errors
/// Any failure; [`Kind::Integrity`] when a history was replaced; [`Kind::Approval`] when what would run changes and nobody says yes; then nothing has changed.
pub fn update(context: &Context<'_>, names: &[PackageName], rewritten: Rewritten) -> Result<Report> {
    state::require_manifest(context)?;
    let state = ScopeState::open(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let unlock = unlocked(context, &state, names)?;
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    let locking = locking::lock(&state.manifest, &state.lock, &unlock, rewritten, &indexes, &fetcher)?;
    let about = match unlock {
        Unlock::Named(names) => About::Packages(names),
        Unlock::Nothing | Unlock::Everything => About::Everything,
    };
    let target = Target { manifest: &state.manifest, manifest_text: None, locking, about };
    apply::apply(context, &state, &fetcher, target)
}

/// What the names on the command line let move: all packages where there are none.
pub(super) fn unlocked(context: &Context<'_>, state: &ScopeState, names: &[PackageName]) -> Result<Unlock> {
    match names {
        [] => Ok(Unlock::Everything),
        names => names.iter().map(|name| locked_name(context, state, name)).collect::<Result<_>>().map(Unlock::Named),
    }
}

/// The package that a name on the command line means: by what the manifest calls it, or by its own name.
fn locked_name(context: &Context<'_>, state: &ScopeState, name: &PackageName) -> Result<PackageName> {
    if let Some(dependency) = state.manifest.dependencies.get(name) {
        return Ok(dependency.package.clone());
    }
    if state.lock.packages.contains_key(name) {
        return Ok(name.clone());
    }
    Err(Error::new(Kind::NotFound, format!("`{name}` is not installed in the {} scope", context.places.scope))
        .at_path(&context.places.manifest)
        .help("`cpm list` shows what is installed where"))
}
