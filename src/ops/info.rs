//! `cpm info`: everything that indexes, the package itself and the scopes say about a name.

mod inside;

use serde::Serialize;

use super::Context;
use super::apply::{origin, source_in_words};
use super::at_once::Questions;
use super::fetch::Loaded;
use super::install::fetcher;
use super::state::ScopeState;
pub use super::whereabouts::InstalledIn;
use super::whereabouts::Whereabouts;
use crate::error::{Error, Kind, Result};
use crate::index::{Indexes, Listing, Place};
use crate::model::dependency::{Manifest, Origin};
use crate::model::index::Release;
use crate::model::name::{IndexName, PackageName};
use crate::model::version::newest_first;
pub use inside::Inside;

/// What is known about a name.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// The package.
    pub name: PackageName,
    /// The indexes that have it, in the order in which they are asked.
    pub indexes: Vec<InIndex>,
    /// What is in it: its newest release, or what is locked where no index has it.
    pub inside: Option<Inside>,
    /// Why it could not be looked into.
    pub refused: Option<Refused>,
    /// Where a package of that name is installed.
    pub installed: Vec<InstalledIn>,
}

/// What one index says.
#[derive(Debug, Clone, Serialize)]
pub struct InIndex {
    /// What the manifest calls it, or `builtin`.
    pub index: String,
    /// Whether it is the one that is asked when the package is installed.
    pub answers: bool,
    /// The releases, newest first.
    pub releases: Vec<ReleaseRow>,
    /// Releases or entries that cannot be used, and why.
    pub problems: Vec<String>,
}

/// One release.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseRow {
    /// Its version.
    pub version: String,
    /// When it was published, as the index says.
    pub published: Option<String>,
    /// Why it must not be chosen: `is yanked: …`, `is revoked: …`, `is younger than …`.
    pub withheld: Option<String>,
}

/// Why a package could not be looked into.
#[derive(Debug, Clone, Serialize)]
pub struct Refused {
    /// Which version.
    pub version: String,
    /// The kind of the error, as in `error` documents.
    pub kind: &'static str,
    /// What is wrong.
    pub message: String,
    /// Why.
    pub causes: Vec<String>,
}

/// Tells what is known about a name; `scopes` are looked at for what is installed.
///
/// # Errors
/// [`Kind::NotFound`] when neither an index nor a scope has it; the failure of an index; [`Kind::Integrity`].
pub fn info(context: &Context<'_>, scopes: &[Context<'_>], name: &PackageName) -> Result<Info> {
    let manifest = ScopeState::look(context)?.manifest;
    let package = manifest.dependencies.get(name).map_or(name, |dependency| &dependency.package);
    let cache = context.git_cache()?;
    let indexes = Indexes::new(&manifest.indexes, &cache);
    let (listed, offered) = ask(&indexes, &manifest, package, &cache)?;
    let places = Whereabouts::of(scopes)?;
    let mut info = Info {
        name: package.clone(),
        indexes: listed,
        inside: None,
        refused: None,
        installed: places.of_name(package),
    };
    if let Some(release) = &offered {
        let (commit, given) = (release.commit.as_ref(), release.manifest.as_deref());
        let checksum = release.checksum.as_ref();
        let loaded = fetcher(context, &cache).load(package, &release.source, commit, given, checksum);
        let from = source_in_words(&release.source, commit);
        let needs = release.dependencies.iter().map(|need| format!("{} {}", need.name, need.requirement)).collect();
        info.describe(release.version.to_string(), from, needs, release.description.as_ref(), loaded)?;
    } else if info.indexes.is_empty() && !describe_locked(&mut info, scopes, name)? {
        return Err(nowhere(&indexes, package));
    }
    Ok(info)
}

/// What each index says of a package, and the release that an install would take.
fn ask(
    indexes: &Indexes<'_>,
    manifest: &Manifest,
    package: &PackageName,
    cache: &crate::git::Cache<'_>,
) -> Result<(Vec<InIndex>, Option<Release>)> {
    let mut questions = Questions::default();
    for config in &manifest.indexes {
        questions.listing(package, Place::Configured(Some(&config.name)));
    }
    questions.ask(cache, Some(indexes));
    let pinned = pinned(manifest, package);
    let mut found: Vec<InIndex> = Vec::new();
    let mut offered = None;
    for at in 0..indexes.count() {
        let (label, index) = indexes.nth(at)?;
        let (mut releases, problems, notes) = match index.listing(package) {
            Ok(None) => continue,
            Ok(Some(Listing { releases, problems, notes })) => (releases, problems, notes),
            // What is refused is an answer too: no other index is asked then.
            Err(error) if is_refusal(&error) => (Vec::new(), vec![error], Vec::new()),
            Err(error) => return Err(error),
        };
        releases.sort_by(|a, b| newest_first(&a.version, &b.version));
        let answers = match pinned {
            Some(pinned) => pinned.as_str() == label,
            None => found.is_empty(),
        };
        found.push(InIndex {
            index: label.to_owned(),
            answers,
            releases: releases.iter().map(ReleaseRow::of).collect(),
            problems: problems.iter().map(|problem| told(problem).join(": ")).chain(notes).collect(),
        });
        if answers {
            let best = releases.iter().position(|release| release.withheld.is_none()).unwrap_or_default();
            offered = releases.into_iter().nth(best);
        }
    }
    Ok((found, offered))
}

/// The index that the manifest names for a package.
fn pinned<'m>(manifest: &'m Manifest, package: &PackageName) -> Option<&'m IndexName> {
    manifest.dependencies.values().find(|dependency| dependency.package == *package).and_then(|dependency| {
        match &dependency.origin {
            Origin::Index { index, .. } => index.as_ref(),
            Origin::Git { .. } | Origin::Dir(_) => None,
        }
    })
}

/// Describes what the first scope that has the name has locked; whether there is one.
fn describe_locked(info: &mut Info, scopes: &[Context<'_>], name: &PackageName) -> Result<bool> {
    for context in scopes {
        let state = ScopeState::look(context)?;
        let package = state.manifest.dependencies.get(name).map_or(name, |dependency| &dependency.package);
        let Some(locked) = state.lock.packages.get(package) else { continue };
        let cache = context.git_cache()?;
        let loaded = fetcher(context, &cache).load_locked(package, locked);
        let needs = locked.dependencies.iter().map(ToString::to_string).collect();
        info.describe(locked.version.to_string(), origin(locked), needs, None, loaded)?;
        return Ok(true);
    }
    Ok(false)
}

impl Info {
    /// Notes what is inside, or why nobody may look.
    fn describe(
        &mut self,
        version: String,
        from: String,
        dependencies: Vec<String>,
        description: Option<&String>,
        loaded: Result<Loaded>,
    ) -> Result<()> {
        match loaded {
            Ok(loaded) => self.inside = Some(Inside::of(version, from, dependencies, description, &loaded)),
            Err(error) if is_refusal(&error) => {
                let causes = error.causes().to_vec();
                let (kind, message) = (error.kind().name(), error.message().to_owned());
                self.refused = Some(Refused { version, kind, message, causes });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl ReleaseRow {
    fn of(release: &Release) -> Self {
        ReleaseRow {
            version: release.version.to_string(),
            published: release.published.map(|at| at.to_string()),
            withheld: release.withheld.as_ref().map(ToString::to_string),
        }
    }
}

/// Whether an error says something about the package, not about this run.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), Kind::Content | Kind::UnsafeTree | Kind::Invalid | Kind::Policy | Kind::NotFound)
}

/// An error's sentences.
fn told(error: &Error) -> Vec<String> {
    std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str)).map(str::to_owned).collect()
}

fn nowhere(indexes: &Indexes<'_>, package: &PackageName) -> Error {
    let error = Error::new(Kind::NotFound, format!("there is no package `{package}`"))
        .because(format!("looked in: {}", indexes.labels(package).join(", ")));
    let near: Vec<String> = indexes.nearest(package).iter().map(|name| format!("`{name}`")).collect();
    match near.as_slice() {
        [] => error.help("`cpm search WORD` finds packages by what they do"),
        some => error.help(format!("did you mean {}?", some.join(" or "))),
    }
}
