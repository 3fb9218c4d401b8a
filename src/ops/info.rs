//! `cpm info`: everything that indexes, the package itself and the scopes say about a name.

mod inside;
mod listed;

use serde::Serialize;

use super::Context;
use super::apply::{origin, source_in_words};
use super::fetch::Loaded;
use super::install::fetcher;
use super::state::ScopeState;
pub use super::whereabouts::InstalledIn;
use super::whereabouts::Whereabouts;
use crate::error::{Error, Kind, Result};
use crate::index::Indexes;
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::version::{Version, is_meant};
pub use inside::Inside;
pub use listed::{InIndex, ReleaseRow};

/// What is known about a name.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// The package.
    pub name: PackageName,
    /// The indexes that have it, in the order in which they are asked.
    pub indexes: Vec<InIndex>,
    /// What is in it: the release that was asked for, else the newest one, or what is locked where no index has it.
    pub inside: Option<Inside>,
    /// Why it could not be looked into.
    pub refused: Option<Refused>,
    /// Where a package of that name is installed.
    pub installed: Vec<InstalledIn>,
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

/// Tells what is known about a name, and looks into one version of it; `scopes` are looked at for what is installed.
///
/// # Errors
/// [`Kind::NotFound`] when neither an index nor a scope has it; the failure of an index; [`Kind::Integrity`].
pub fn info(
    context: &Context<'_>,
    scopes: &[Context<'_>],
    name: &PackageName,
    version: Option<&Version>,
) -> Result<Info> {
    let manifest = ScopeState::look(context)?.manifest;
    let package = manifest.dependencies.get(name).map_or(name, |dependency| &dependency.package);
    let cache = context.git_cache()?;
    let indexes = Indexes::new(&manifest.indexes, &cache);
    let (listed, offered) = listed::ask(&indexes, &manifest, package, version, &cache)?;
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
    } else if info.indexes.is_empty() && !describe_locked(&mut info, scopes, name, version)? {
        return Err(nowhere(&indexes, package));
    }
    Ok(info)
}

/// Describes what the first scope that has the name, and the version, has locked; whether there is one.
fn describe_locked(
    info: &mut Info,
    scopes: &[Context<'_>],
    name: &PackageName,
    version: Option<&Version>,
) -> Result<bool> {
    for context in scopes {
        let state = ScopeState::look(context)?;
        let package = state.manifest.dependencies.get(name).map_or(name, |dependency| &dependency.package);
        let locked = state.lock.packages.get(package);
        let is_it = |locked: &&Locked| version.is_none_or(|version| is_meant(version, &locked.version));
        let Some(locked) = locked.filter(is_it) else { continue };
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
            Ok(loaded) => self.inside = Some(Inside::of(&self.name, version, from, dependencies, description, &loaded)),
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

/// Whether an error says something about the package, not about this run.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), Kind::Content | Kind::UnsafeTree | Kind::Invalid | Kind::Policy | Kind::NotFound)
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
