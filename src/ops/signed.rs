//! Whether what is to be locked is signed by a key that the manifest trusts, where it asks for that. A lock is the record
//! of it: what is locked is not checked again until somebody asks (`cpm verify --online`).

use crate::error::{Error, Kind, Result};
use crate::git::Cache;
use crate::index::{IndexKind, Indexes};
use crate::model::dependency::Manifest;
use crate::model::index::IndexId;
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefWant, Source};

/// Makes sure that a package is signed as the manifest demands; passes what it demands nothing of.
///
/// # Errors
/// [`Kind::Policy`] when it is not; as [`Cache::verify_tag`].
pub(super) fn require(
    manifest: &Manifest,
    indexes: &Indexes<'_>,
    cache: &Cache<'_>,
    name: &PackageName,
    index: Option<&IndexId>,
    source: &Source,
    commit: Option<&Commit>,
) -> Result<()> {
    for signers in demanded(manifest, indexes, name, index) {
        match (source, commit) {
            (Source::Git { url, want: RefWant::Tag(tag), .. }, Some(commit)) => {
                cache
                    .verify_tag(url, tag, commit, signers)
                    .map_err(|error| error.context(format!("the package `{name}` cannot be used")))?;
            }
            _ => {
                return Err(Error::new(
                    Kind::Policy,
                    format!("`{name}` is not from a tag, so nobody can have signed it"),
                )
                .at(source)
                .because(format!("`signers` in the manifest asks for a signature by a key in `{signers}`"))
                .help("choose a release that is a signed tag, or ask the author for one"));
            }
        }
    }
    Ok(())
}

/// [`require`] for what is locked.
pub(super) fn require_locked(
    manifest: &Manifest,
    indexes: &Indexes<'_>,
    cache: &Cache<'_>,
    name: &PackageName,
    locked: &Locked,
) -> Result<()> {
    let (index, commit) = (locked.index.as_ref(), locked.commit.as_ref());
    require(manifest, indexes, cache, name, index, &locked.source, commit)
}

/// The files of keys that must have signed the tag of a package.
fn demanded<'m>(
    manifest: &'m Manifest,
    indexes: &Indexes<'_>,
    name: &PackageName,
    index: Option<&IndexId>,
) -> Vec<&'m RelPath> {
    let dependencies = manifest.dependencies.values().filter(|dependency| dependency.package == *name);
    let own = dependencies.filter_map(|dependency| dependency.signers.as_ref());
    // The newest commit of a cpm index is what is signed, and that was checked when it was opened.
    let index = index.filter(|index| indexes.kind_of(index) != Some(IndexKind::Cpm));
    let configured = manifest.indexes.iter().filter(|config| match index {
        Some(IndexId::Git(url)) => config.url == *url,
        Some(IndexId::Builtin) | None => false,
    });
    own.chain(configured.filter_map(|config| config.signers.as_ref())).collect()
}
