//! Lock entries of what somebody else chose: a commit of a repository, or a release of an index.

use super::super::fetch::{Fetcher, Loaded};
use super::candidates::own_version;
use super::{entry, names_of};
use crate::error::{Error, Kind, Result};
use crate::model::dependency::Origin;
use crate::model::index::{IndexId, Release};
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::source::Commit;

/// The entry of a package that comes straight from a repository, at this commit.
pub(in crate::ops) fn at_commit(
    fetcher: &Fetcher<'_>,
    name: &PackageName,
    origin: &Origin,
    commit: Commit,
) -> Result<(Locked, Loaded)> {
    let source = origin.source().ok_or_else(|| Error::new(Kind::Bug, "an index has no commit"))?;
    let loaded = fetcher.load(name, &source, Some(&commit), None, None)?;
    let version = own_version(&loaded, Some(&commit));
    let needs = names_of(&loaded.package.dependencies);
    Ok((entry(&version, None, source, Some(commit), None, needs, &loaded), loaded))
}

/// The entry of a release that an index lists.
pub(in crate::ops) fn of_release(
    fetcher: &Fetcher<'_>,
    name: &PackageName,
    index: &IndexId,
    release: &Release,
) -> Result<(Locked, Loaded)> {
    let (commit, manifest) = (release.commit.as_ref(), release.manifest.as_deref());
    let loaded = fetcher.load(name, &release.source, commit, manifest, release.checksum.as_ref())?;
    Ok((listed(index, release, &loaded), loaded))
}

/// The entry of a release that an index lists, whose bytes are here.
pub(in crate::ops) fn listed(index: &IndexId, release: &Release, loaded: &Loaded) -> Locked {
    let Release { version, source, commit, manifest, dependencies, .. } = release.clone();
    entry(&version, Some(index.clone()), source, commit, manifest, names_of(&dependencies), loaded)
}
