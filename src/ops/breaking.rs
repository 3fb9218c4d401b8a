//! `cpm update --breaking`: requirements that keep a package from its newest release, raised to let it in.

use super::Context;
use super::at_once::{Questions, also};
use super::fetch::Fetcher;
use super::report::RequirementChange;
use super::state::ScopeState;
use crate::error::{Error, Kind, Result};
use crate::format::manifest_edit::Editor;
use crate::index::{Indexes, Place};
use crate::model::dependency::{Dependency, Manifest, Origin};
use crate::model::index::Release;
use crate::model::name::PackageName;
use crate::model::version::{Version, newest_first};

/// A manifest with raised requirements.
pub(super) struct Raised {
    pub(super) manifest: Manifest,
    /// Its text; `None` when nothing is raised.
    pub(super) text: Option<String>,
    pub(super) changes: Vec<RequirementChange>,
    /// The packages whose requirements are raised.
    pub(super) packages: Vec<PackageName>,
}

/// Raises the requirements of the named dependencies; without names, of all that have one like `"1.2"`. One that excludes
/// newer releases in another way was written for a reason, and only its name raises it.
pub(super) fn raise(
    context: &Context<'_>,
    state: &ScopeState,
    names: &[PackageName],
    indexes: &Indexes<'_>,
    fetcher: &Fetcher<'_>,
) -> Result<Raised> {
    let place = &context.places.manifest;
    let mut wanted: Vec<(&PackageName, &Dependency)> = Vec::new();
    for (name, dependency) in &state.manifest.dependencies {
        let is_named = names.contains(name);
        match &dependency.origin {
            Origin::Index { .. } if is_named => wanted.push((name, dependency)),
            Origin::Index { requirement, .. } if names.is_empty() && requirement.is_caret() => {
                wanted.push((name, dependency));
            }
            Origin::Git { .. } | Origin::Dir(_) if is_named => {
                return Err(Error::new(Kind::Usage, format!("`{name}` has no version requirement to raise"))
                    .at_path(place)
                    .because("it does not come from an index")
                    .help(format!("`cpm update {name}` takes what is there now")));
            }
            _ => {}
        }
    }
    if let Some(unknown) = names.iter().find(|name| !state.manifest.dependencies.contains_key(*name)) {
        return Err(Error::new(Kind::NotFound, format!("`{unknown}` is not a dependency in this scope"))
            .at_path(place)
            .help("`--breaking` changes what the manifest asks for, so it needs a name from there"));
    }
    let place_of = |dependency| place_of(state, indexes, dependency);
    let mut questions = Questions::default();
    wanted.iter().for_each(|(_, dependency)| questions.listing(&dependency.package, place_of(dependency)));
    let failures = questions.ask(fetcher.cache, Some(indexes));
    let mut raised = Raised { manifest: state.manifest.clone(), text: None, changes: Vec::new(), packages: Vec::new() };
    let mut editor = Editor::parse(state.manifest_text.as_deref().unwrap_or_default(), place)?;
    for (name, dependency) in wanted {
        let Origin::Index { requirement, index } = &dependency.origin else { continue };
        let found = match place_of(dependency) {
            Place::Home(home) => {
                indexes.find_in(home, &dependency.package).map(|listing| listing.map(|it| it.releases))
            }
            Place::Configured(index) => {
                indexes.find(&dependency.package, index).map(|found| found.map(|(_, listing)| listing.releases))
            }
        };
        let releases = found.map_err(|error| also(error, &failures))?.unwrap_or_default();
        let Some(newest) = newest(&releases).filter(|newest| !requirement.matches(newest)) else { continue };
        let next = requirement.raised_to(newest);
        raised.changes.push(RequirementChange {
            name: name.clone(),
            was: requirement.to_string(),
            now: next.to_string(),
        });
        raised.packages.push(dependency.package.clone());
        let origin = Origin::Index { requirement: next, index: index.clone() };
        let dependency = Dependency { origin, ..dependency.clone() };
        editor.set_dependency(name, &dependency).map_err(|error| error.at_path(place))?;
        raised.manifest.dependencies.insert(name.clone(), dependency);
    }
    raised.text = (!raised.changes.is_empty()).then(|| editor.text());
    Ok(raised)
}

/// Where a package is looked up: where the manifest says, else where it was locked from.
fn place_of<'p>(state: &'p ScopeState, indexes: &Indexes<'_>, dependency: &'p Dependency) -> Place<'p> {
    let Origin::Index { index, .. } = &dependency.origin else { return Place::Configured(None) };
    let home = state.lock.packages.get(&dependency.package).and_then(|locked| locked.index.as_ref());
    let home = home.filter(|home| index.is_none() && indexes.has(home));
    home.map_or(Place::Configured(index.as_ref()), Place::Home)
}

/// The newest release that a new install could get; a pre-release is nobody's update.
fn newest(releases: &[Release]) -> Option<&Version> {
    let may_be = releases.iter().filter(|release| release.withheld.is_none() && release.version.pre.is_empty());
    may_be.map(|release| &release.version).min_by(|a, b| newest_first(a, b))
}
