//! `cpm update`: moves packages to what manifest and indexes allow now. What changes is shown before it happens.

use super::apply::{self, About, Files, Target};
use super::breaking;
use super::install::{fetcher, fitting};
pub use super::locking::Rewritten;
use super::locking::{self, Unlock};
use super::report::Report;
use super::state::{self, ScopeState};
use super::{Context, lost};
use crate::error::{Error, Kind, Result};
use crate::index::Indexes;
use crate::model::name::PackageName;
use crate::model::version::Version;

/// How far packages may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// To the newest version that the manifest allows.
    Allowed,
    /// To exactly this version.
    Precise(Version),
    /// To the newest version of all; the manifest is changed to allow it.
    Breaking,
}

/// Updates the named packages, or all.
///
/// # Errors
/// Any failure; [`Kind::Integrity`] when a history was replaced; [`Kind::Approval`] when what would run changes and nobody says yes; then nothing has changed.
pub fn update(context: &Context<'_>, names: &[PackageName], reach: &Reach, rewritten: Rewritten) -> Result<Report> {
    state::require_manifest(context)?;
    let mut state = ScopeState::open(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    lost::find(context, &mut state, &fetcher)?;
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    let mut raised = None;
    let unlock = match (reach, names) {
        (Reach::Allowed, names) => unlocked(context, &state, names)?,
        (Reach::Precise(version), [name]) => Unlock::Precise(indexed_name(context, &state, name)?, version.clone()),
        (Reach::Precise(_), _) => {
            return Err(Error::new(Kind::Usage, "`--precise` is about one package").help("name it"));
        }
        (Reach::Breaking, names) => {
            let raised = raised.insert(breaking::raise(context, &state, names, &indexes, &fetcher)?);
            Unlock::Named(raised.packages.iter().cloned().collect())
        }
    };
    let manifest = raised.as_ref().map_or(&state.manifest, |raised| &raised.manifest);
    let lock = || locking::lock(manifest, &state.lock, &unlock, rewritten, &indexes, &fetcher);
    let locking = fitting(context, &state, manifest, lock()?, &fetcher, lock)?;
    let about = match unlock {
        Unlock::Named(names) => About::Packages(names),
        Unlock::Precise(name, _) => About::Packages([name].into()),
        Unlock::Nothing | Unlock::Everything => About::Everything,
    };
    let manifest_text = raised.as_ref().and_then(|raised| raised.text.clone());
    let mut report = apply::apply(
        context,
        &state,
        &fetcher,
        Target { manifest, files: Files::AsLocked(manifest_text), locking, about },
    )?;
    report.requirements = raised.map(|raised| raised.changes).unwrap_or_default();
    Ok(report)
}

/// [`locked_name`] for a package that has versions to choose from.
fn indexed_name(context: &Context<'_>, state: &ScopeState, name: &PackageName) -> Result<PackageName> {
    let package = locked_name(context, state, name)?;
    match state.lock.packages.get(&package) {
        Some(locked) if locked.index.is_none() => {
            Err(Error::new(Kind::Usage, format!("`{name}` has no versions to choose from"))
                .at(&locked.source)
                .because("it does not come from an index")
                .help(format!("choose a commit: `cpm install {name} --git URL --rev COMMIT`")))
        }
        _ => Ok(package),
    }
}

/// What the names on the command line let move: all packages where there are none.
pub(super) fn unlocked(context: &Context<'_>, state: &ScopeState, names: &[PackageName]) -> Result<Unlock> {
    match names {
        [] => Ok(Unlock::Everything),
        names => names.iter().map(|name| locked_name(context, state, name)).collect::<Result<_>>().map(Unlock::Named),
    }
}

/// The package that a name on the command line means: by what the manifest calls it, or by its own name.
pub(super) fn locked_name(context: &Context<'_>, state: &ScopeState, name: &PackageName) -> Result<PackageName> {
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
