//! Keeps what a search reads of an index in the cache, one folder an index, until the index moves on.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::error::{IoContext as _, Result};
use crate::format::summaries;
use crate::fsx;
use crate::fsx::upkeep::{self, Kept};
use crate::model::digest::FileDigest;
use crate::model::index::Release;
use crate::model::name::PackageName;
use crate::model::source::Commit;
use crate::model::url::GitUrl;
use crate::model::version::newest_first;

/// The name of the file in an index's folder.
const FILE: &str = "summaries";

/// The folder of all indexes in the cache.
#[derive(Debug, Clone)]
pub struct Shelf(PathBuf);

impl Shelf {
    /// The folder `index-v1/` below the cache folder.
    #[must_use]
    pub fn new(cache: &Path) -> Self {
        Shelf(cache.join("index-v1"))
    }

    /// The folders in it.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn folders(&self) -> Result<Vec<Kept>> {
        upkeep::folders(&self.0)
    }

    /// What is kept of an index at a commit, else what `make` reads, which is kept from now on. It is given what is kept
    /// of another commit.
    pub(super) fn get_or(
        &self,
        url: &GitUrl,
        commit: &Commit,
        make: impl FnOnce(Option<(Commit, String)>) -> Result<String>,
    ) -> Result<String> {
        let folder = self.0.join(FileDigest::of(url.as_str().as_bytes()).hex());
        let kept = fsx::read_optional(&folder.join(FILE))?.and_then(|bytes| String::from_utf8(bytes).ok());
        let kept = kept.and_then(summaries::from_file);
        let before = match kept {
            Some((of, text)) if of == *commit => {
                upkeep::note_use(&folder);
                return Ok(text);
            }
            before => before,
        };
        let text = make(before)?;
        // A cache that may only be read makes the next search slower, and this one no worse.
        let _ = keep(&folder, &[&summaries::header(commit), &text]);
        Ok(text)
    }
}

/// Writes the file in one step, so that whoever reads has all of it.
fn keep(folder: &Path, parts: &[&str]) -> Result<()> {
    fsx::create_dirs(folder)?;
    let mut staged = tempfile::NamedTempFile::new_in(folder).path("create a file in", folder)?;
    for part in parts {
        staged.write_all(part.as_bytes()).path("write", folder)?;
    }
    let file = folder.join(FILE);
    staged.persist(&file).map(drop).map_err(|cause| crate::error::Error::io("write", &file, &cause.error))
}

/// Adds a package by its newest release that nobody took back; one without such a release cannot be installed.
pub(super) fn push(text: &mut String, name: &PackageName, releases: &[Release]) {
    let offered = releases.iter().filter(|release| release.withheld.is_none());
    if let Some(newest) = offered.min_by(|a, b| newest_first(&a.version, &b.version)) {
        let description = newest.description.as_deref().unwrap_or_default();
        summaries::push(text, name.as_str(), &newest.version.to_string(), &newest.keywords, description);
    }
}
