//! The file system: reading and writing whole trees, replacing single files, locks between processes, keeping house.

pub mod attributes;
pub mod dir;
pub mod failpoint;
pub mod lock;
pub mod space;
pub mod swap;
pub mod sync;
pub mod tree;
pub mod upkeep;

use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext as _, Kind, Result};

/// Makes everything that this process and those it starts create unwritable for others, whatever the umask allows:
/// what the client reads, and what the cache is trusted for, must not be anybody's to change [security.md C46]. To be
/// called before there are threads.
pub fn keep_others_from_writing() {
    #[cfg(unix)]
    {
        use rustix::fs::Mode;
        let others = Mode::WGRP | Mode::WOTH;
        // The only way to read a umask is to set one.
        let own = rustix::process::umask(others);
        rustix::process::umask(own | others);
    }
}

/// Reads a file; `None` when it does not exist.
///
/// # Errors
/// [`Kind::Conflict`] for what is no file: reading a pipe would wait for ever; [`Kind::FileSystem`].
pub fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Error::new(Kind::Conflict, "what stands where a file belongs is no file")
            .at_path(path)
            .help("move it away, then run again"));
    }
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io("read", path, &cause)),
    }
}

/// The nearest part of a path that exists, links followed.
#[must_use]
pub fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|part| part.exists()).unwrap_or(path)
}

/// Creates a directory and those above it; `made` gets each that was not there.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn make_dirs(path: &Path, made: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_dirs(parent, made)?;
    }
    match std::fs::create_dir(path) {
        Ok(()) => made.push(path.to_path_buf()),
        // Somebody else was quicker.
        Err(_) if path.is_dir() => {}
        Err(cause) => return Err(Error::io("create the folder", path, &cause)),
    }
    Ok(())
}

/// Creates a directory and those above it.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn create_dirs(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).path("create the folder", path)
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn write_new(path: &Path, bytes: &[u8], executable: bool) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // The umask takes away from this; nothing is ever more open than it allows.
        options.mode(if executable { 0o777 } else { 0o666 });
    }
    let mut file = options.open(path).path("create", path)?;
    failpoint::write_all(&mut file, bytes)
        .map_err(|cause| Error::io("write", path, &cause).because(format!("{} bytes are needed there", bytes.len())))
}

/// The path that writing to `path` really changes: symbolic links at the end are followed, as the client does.
#[must_use]
pub fn resolve_link(path: &Path) -> PathBuf {
    let mut current = path.to_path_buf();
    for _ in 0..8 {
        let Ok(target) = std::fs::read_link(&current) else { break };
        current = current.parent().map_or_else(|| target.clone(), |dir| dir.join(&target));
    }
    current
}

/// Removes a directory tree or a file; nothing when it is not there.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn remove_any(path: &Path) -> Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let removed = if metadata.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.path("remove", path)
}

/// Something that tells file systems apart: where it differs, nothing can be renamed from one to the other.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn device(path: &Path) -> Result<u64> {
    let metadata = std::fs::metadata(path).path("look at", path)?;
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::dev(&metadata));
    #[cfg(not(unix))]
    {
        let _ = metadata;
        Ok(0)
    }
}
