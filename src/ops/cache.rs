//! `cpm cache`: the folder that all scopes share. Nothing in it is needed; everything in it saves a fetch.

use serde::Serialize;

use crate::claude::paths::Machine;
use crate::error::Result;
use crate::fsx;

/// What cleaning removed.
#[derive(Debug, Clone, Serialize)]
pub struct Cleaned {
    /// The cache folder.
    pub dir: String,
    /// How many files went.
    pub files: usize,
}

/// Removes the repositories and packages in the cache; other files in the folder are not cpm's.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn clean(machine: &Machine) -> Result<Cleaned> {
    let mut files = 0;
    for part in ["git-v1", "store-v1"] {
        let dir = machine.cache.join(part);
        files += fsx::tree::list(&dir)?.len();
        fsx::remove_any(&dir)?;
    }
    Ok(Cleaned { dir: machine.cache.display().to_string(), files })
}
