//! The repositories of the cache as things on a disk: whose they are, since when nobody used them, and removing them.
//!
//! Invariant: a repository is removed only by who holds its lock, so never while another cpm writes to it. The file of
//! the lock stays, because removing it would let two processes hold "the" lock.

use std::path::Path;
use std::time::Duration;

use super::repository::{STAGING, URL_FILE};
use crate::error::{Kind, Result};
use crate::fsx;
use crate::fsx::lock::FileLock;
use crate::fsx::upkeep::{self, Kept};
use crate::model::digest::FileDigest;
use crate::model::url::GitUrl;
use crate::progress::Progress;

/// A repository of the cache.
#[derive(Debug)]
pub struct CachedRepository {
    /// Its folder.
    pub folder: Kept,
    /// Where it was fetched from, if it says so.
    pub address: Option<GitUrl>,
}

/// What came of removing a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Done,
    /// Another cpm is writing to it.
    Busy,
}

/// The repositories in the folder of a [`super::Cache`].
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn repositories(root: &Path) -> Result<Vec<CachedRepository>> {
    let mut found = Vec::new();
    for folder in upkeep::folders(root)? {
        if folder.name.strip_suffix(".git").and_then(FileDigest::from_hex).is_some() {
            let bytes = fsx::read_optional(&folder.path.join(URL_FILE))?.unwrap_or_default();
            let address = std::str::from_utf8(&bytes).ok().and_then(|text| GitUrl::parse(text.trim_end()).ok());
            found.push(CachedRepository { folder, address });
        }
    }
    Ok(found)
}

/// The folders that making a repository left behind, or is filling now.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn unfinished(root: &Path) -> Result<Vec<Kept>> {
    Ok(upkeep::folders(root)?.into_iter().filter(|folder| folder.name.starts_with(STAGING)).collect())
}

impl CachedRepository {
    /// Removes it, unless another cpm is writing to it.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove(&self, progress: &dyn Progress) -> Result<Removal> {
        let lock = self.folder.path.with_extension("lock");
        match FileLock::acquire(&lock, Duration::ZERO, progress) {
            Err(error) if error.kind() == Kind::Locked => Ok(Removal::Busy),
            Err(error) => Err(error),
            Ok(_held) => upkeep::take_away(&self.folder.path, STAGING).map(|()| Removal::Done),
        }
    }
}
