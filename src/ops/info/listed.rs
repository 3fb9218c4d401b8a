//! What the indexes say of a package: only those that the manifest lets answer for its name, and what it lets be chosen.

use serde::Serialize;

use super::is_refusal;
use crate::error::{Error, Result};
use crate::git::Cache;
use crate::index::{Index, Indexes, Listing, Place};
use crate::model::dependency::{Manifest, Origin};
use crate::model::index::Release;
use crate::model::name::{IndexName, PackageName};
use crate::model::version::{Version, is_meant, newest_first};
use crate::ops::at_once::Questions;
use crate::ops::locking::no_such_version;

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

/// What each index says of a package, and one release: of the version that is asked for, else what an install would take.
pub(super) fn ask(
    indexes: &Indexes<'_>,
    manifest: &Manifest,
    package: &PackageName,
    version: Option<&Version>,
    cache: &Cache<'_>,
) -> Result<(Vec<InIndex>, Option<Release>)> {
    let mut questions = Questions::default();
    for config in manifest.indexes.iter().filter(|config| indexes.permits_named(&config.name, package)) {
        questions.listing(package, Place::Configured(Some(&config.name)));
    }
    questions.ask(cache, Some(indexes));
    let pinned = pinned(manifest, package);
    let mut found: Vec<InIndex> = Vec::new();
    let mut offered = None;
    for at in (0..indexes.count()).filter(|at| indexes.is_asked(*at, package)) {
        let (label, index) = indexes.nth(at)?;
        let (mut releases, problems, notes) = match indexes.listing_at(at, package) {
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
        match version {
            _ if !answers => {}
            None => {
                let best = releases.iter().position(|release| release.withheld.is_none()).unwrap_or_default();
                offered = releases.into_iter().nth(best);
            }
            Some(version) => offered = Some(release_of(index, package, version, releases)?),
        }
    }
    Ok((found, offered))
}

/// The release of a version, which may be one that only a tag tells of.
fn release_of(index: &dyn Index, package: &PackageName, version: &Version, listed: Vec<Release>) -> Result<Release> {
    let mut offered: Vec<Version> = listed.iter().map(|release| release.version.clone()).collect();
    if let Some(release) = listed.into_iter().find(|release| is_meant(version, &release.version)) {
        return Ok(release);
    }
    let tagged = index.tagged(package)?;
    if let Some(tagged) = tagged.iter().find(|tagged| is_meant(version, &tagged.version)) {
        return index.read_tagged(package, tagged);
    }
    offered.extend(tagged.into_iter().map(|tagged| tagged.version));
    Err(no_such_version(package, version, &index.id(), &offered))
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

impl ReleaseRow {
    fn of(release: &Release) -> Self {
        ReleaseRow {
            version: release.version.to_string(),
            published: release.published.map(|at| at.to_string()),
            withheld: release.withheld.as_ref().map(ToString::to_string),
        }
    }
}

/// An error's sentences.
fn told(error: &Error) -> Vec<String> {
    std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str)).map(str::to_owned).collect()
}
