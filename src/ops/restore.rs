//! `cpm restore`: gives packages their locked bytes back, files and MCP entries alike. What the user changed there goes,
//! and is shown.

use super::apply::{self, About, Files, Target};
use super::install::fetcher;
use super::locking::Locking;
use super::report::Report;
use super::state::{self, ScopeState};
use super::update::locked_name;
use super::{Context, lost};
use crate::error::Result;
use crate::model::name::PackageName;

/// Restores the named packages and touches no other; `context.edited` must be [`crate::plan::Edited::Overwrite`].
///
/// # Errors
/// [`crate::error::Kind::NotFound`] for a name that is not locked; any failure to bring the bytes.
pub fn restore(context: &Context<'_>, names: &[PackageName]) -> Result<Report> {
    state::require_manifest(context)?;
    let mut state = ScopeState::open(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    lost::find(context, &mut state, &fetcher)?;
    let names = names.iter().map(|name| locked_name(context, &state, name)).collect::<Result<_>>()?;
    let locking = Locking { lock: state.lock.clone(), loaded: Default::default() };
    let target = Target { manifest: &state.manifest, files: Files::AsLocked(None), locking, about: About::Only(names) };
    apply::apply(context, &state, &fetcher, target)
}
