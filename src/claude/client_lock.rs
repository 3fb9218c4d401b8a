//! The client's own lock on `~/.claude.json`: a directory beside it [claude-code.md §1.6].
//!
//! The client takes a lock that is older than ten seconds for abandoned, and writes without it rather than wait; so
//! holding it is not enough, and who writes must still check that the file is as it was read.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::fsx::lock::Turn;
use crate::progress::Progress;

const ABANDONED: Duration = Duration::from_secs(10);

/// The lock, freed when dropped.
#[derive(Debug)]
pub struct ClientLock {
    path: PathBuf,
    /// When it was taken, as its directory says: one of another time is somebody else's.
    taken: Option<SystemTime>,
}

impl ClientLock {
    /// Takes the lock of the client's state file; says so when it has to wait.
    ///
    /// # Errors
    /// [`Kind::Locked`] when somebody holds it after `patience`.
    pub fn acquire(file: &Path, patience: Duration, progress: &dyn Progress) -> Result<Self> {
        let path = lock_of(file);
        if let Some(parent) = path.parent() {
            fsx::create_dirs(parent)?;
        }
        let mut turn = Turn::new(patience);
        loop {
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    let taken = std::fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()).ok();
                    return Ok(ClientLock { path, taken });
                }
                Err(cause) if cause.kind() != ErrorKind::AlreadyExists => {
                    return Err(Error::io("create", &path, &cause));
                }
                Err(_) if is_abandoned(&path) => match std::fs::remove_dir(&path) {
                    // Somebody else was quicker.
                    Err(cause) if cause.kind() != ErrorKind::NotFound => {
                        return Err(Error::io("remove the abandoned lock", &path, &cause));
                    }
                    _ => {}
                },
                Err(_) if turn.is_over() => {
                    let waited = patience.as_secs();
                    return Err(Error::new(Kind::Locked, "Claude Code holds the lock on its configuration")
                        .at_path(&path)
                        .because(format!("it is less than {} s old after {waited} s of waiting", ABANDONED.as_secs()))
                        .help("close other Claude Code sessions, then run again"));
                }
                Err(_) => turn.wait(|| progress.step("waiting for Claude Code to finish writing its configuration")),
            }
        }
    }
}

/// The lock of the client's state file, if whoever took it is gone.
#[must_use]
pub fn left_behind(file: &Path) -> Option<PathBuf> {
    let path = lock_of(file);
    is_abandoned(&path).then_some(path)
}

fn lock_of(file: &Path) -> PathBuf {
    let mut name = fsx::resolve_link(file).into_os_string();
    name.push(".lock");
    PathBuf::from(name)
}

fn is_abandoned(path: &Path) -> bool {
    let metadata = std::fs::symlink_metadata(path).ok().filter(Metadata::is_dir);
    let modified = metadata.and_then(|metadata| metadata.modified().ok());
    modified.is_some_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED))
}

impl Drop for ClientLock {
    fn drop(&mut self) {
        let now = std::fs::symlink_metadata(&self.path).and_then(|metadata| metadata.modified()).ok();
        if now == self.taken {
            // Left behind, it counts as abandoned after ten seconds.
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn only_ones_own_lock_is_freed() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, path) = (dir.path().join("state.json"), dir.path().join("state.json.lock"));
        let acquire = || ClientLock::acquire(&file, Duration::ZERO, &Silent);
        let lock = acquire().expect("free");
        assert_eq!(acquire().expect_err("held").kind(), Kind::Locked);
        drop(lock);
        let lock = acquire().expect("free again");
        // Somebody took it for abandoned, and has one of their own now.
        let later = SystemTime::now() + Duration::from_secs(3);
        std::fs::File::open(&path).and_then(|dir| dir.set_modified(later)).expect("a time");
        drop(lock);
        assert!(path.is_dir());
    }
}
