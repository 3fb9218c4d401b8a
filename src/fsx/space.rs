//! Whether there is room for what is to be written, asked before anything is.

use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::model::tree::Tree;

/// What a file takes at least, whatever is in it.
const BLOCK: u64 = 4096;

/// How many bytes a tree takes on disk, about.
#[must_use]
pub fn of(tree: &Tree) -> u64 {
    tree.files().map(|(_, file)| (file.bytes.len() as u64).next_multiple_of(BLOCK)).sum()
}

/// Refuses to begin where less than twice of what is needed is free: what cannot end shall not begin, and a disk that
/// is filled to the last byte hurts everybody on it.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn require(dir: &Path, needed: u64) -> Result<()> {
    let Some(free) = free(dir).filter(|free| *free < needed.saturating_mul(2)) else { return Ok(()) };
    Err(Error::new(Kind::FileSystem, "there is too little room, so nothing was written")
        .at_path(dir)
        .because(format!("{needed} bytes are needed, twice that must be free, and {free} bytes are"))
        .help("make room there, then run again"))
}

/// The bytes that this user may still write; `None` where the system does not say.
fn free(dir: &Path) -> Option<u64> {
    #[cfg(unix)]
    return rustix::fs::statvfs(dir).ok().map(|room| room.f_bavail.saturating_mul(room.f_frsize));
    #[cfg(not(unix))]
    {
        let _ = dir;
        None
    }
}
