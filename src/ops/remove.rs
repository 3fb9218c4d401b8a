//! `cpm remove`: takes packages out of the manifest, and out of the scope what nobody needs any more. Needs no network.

use std::collections::BTreeSet;

use super::apply::{self, About, Files, Target};
use super::install::fetcher;
use super::locking::{self, Locking};
use super::report::Report;
use super::state::ScopeState;
use super::{Context, lost};
use crate::error::{Error, Kind, Result};
use crate::format::manifest_edit::Editor;
use crate::model::lock::Lock;
use crate::model::name::PackageName;

/// Removes packages.
///
/// # Errors
/// [`Kind::NotFound`] for a name the manifest does not have; [`Kind::Conflict`] for edited files.
pub fn remove(context: &Context<'_>, names: &[PackageName]) -> Result<Report> {
    let mut state = ScopeState::open(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    lost::find(context, &mut state, &fetcher)?;
    let mut manifest = state.manifest.clone();
    let mut editor = Editor::parse(state.manifest_text.as_deref().unwrap_or_default(), &context.places.manifest)?;
    for name in names {
        if manifest.dependencies.remove(name).is_none() {
            return Err(not_there(context, &state, name));
        }
        editor.remove_dependency(name);
    }
    let needed = state.lock.reachable(manifest.dependencies.values().map(|dependency| &dependency.package));
    let packages = needed.iter().map(|name| ((*name).clone(), state.lock.packages[*name].clone())).collect();
    let mut locking = Locking { lock: Lock { packages }, loaded: Default::default() };
    match locking::misfits(context, &state, &manifest, &mut locking, &fetcher)?.as_slice() {
        [] => {}
        misfits => return Err(locking::refusal(context, misfits)),
    }
    let manifest_text = Some(editor.text());
    let about = About::Packages(BTreeSet::new());
    apply::apply(
        context,
        &state,
        &fetcher,
        Target { manifest: &manifest, files: Files::AsLocked(manifest_text), locking, about },
    )
}

fn not_there(context: &Context<'_>, state: &ScopeState, name: &PackageName) -> Error {
    let error =
        Error::new(Kind::NotFound, format!("`{name}` is not a dependency in the {} scope", context.places.scope))
            .at_path(&context.places.manifest);
    let dependants: Vec<String> = state
        .lock
        .packages
        .iter()
        .filter(|(_, locked)| locked.dependencies.contains(name))
        .map(|(dependant, _)| format!("`{dependant}`"))
        .collect();
    if dependants.is_empty() {
        return error.help("`cpm list` shows what is installed where");
    }
    error
        .because(format!("it is there because {} needs it", dependants.join(" and ")))
        .help("remove that package, and this one goes with it")
}
