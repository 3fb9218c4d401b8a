//! Making what was written survive a power cut, with few calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::failpoint;
use crate::error::{Error, IoContext as _, Result};

/// Up to this many folders of one file system are synced one by one; for more, all of it at once is cheaper.
const ONE_BY_ONE: usize = 2;

/// Makes a file durable.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn file(path: &Path) -> Result<()> {
    if failpoint::is_set("no-sync") {
        return Ok(());
    }
    let handle = std::fs::File::open(path).path("open", path)?;
    handle.sync_all().path("sync", path)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn dir(path: &Path) -> Result<()> {
    // Elsewhere a folder cannot be opened, and names are durable when they are there.
    if cfg!(unix) { file(path) } else { Ok(()) }
}

/// Makes the names in all these folders durable.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn dirs(paths: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    let mut devices: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        let there = devices.entry(super::device(&path)?).or_default();
        if !there.contains(&path) {
            there.push(path);
        }
    }
    for paths in devices.into_values() {
        if cfg!(target_os = "linux") && paths.len() > ONE_BY_ONE {
            all(&paths[0])?;
        } else {
            paths.iter().try_for_each(|path| dir(path))?;
        }
    }
    Ok(())
}

/// Makes everything written to the file system that holds a folder durable, with one call where the platform has one;
/// elsewhere all that is in the folder.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn all(folder: &Path) -> Result<()> {
    if failpoint::is_set("no-sync") {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    {
        let handle = std::fs::File::open(folder).path("open", folder)?;
        rustix::fs::syncfs(&handle).map_err(|cause| Error::io("sync", folder, &cause.into()))
    }
    #[cfg(not(target_os = "linux"))]
    below(folder)
}

/// Makes a file, or a folder and all that is in it, durable.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn below(path: &Path) -> Result<()> {
    if !std::fs::symlink_metadata(path).path("look at", path)?.is_dir() {
        return file(path);
    }
    for entry in std::fs::read_dir(path).path("read the folder", path)? {
        let entry = entry.map_err(|cause| Error::io("read the folder", path, &cause))?;
        if !entry.file_type().path("look at", &entry.path())?.is_symlink() {
            below(&entry.path())?;
        }
    }
    dir(path)
}
