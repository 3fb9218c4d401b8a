//! The client's own lock on `~/.claude.json`: a directory beside it [claude-code.md §1.6].
//!
//! The client takes a lock that is older than ten seconds for abandoned, and writes without it rather than wait; so
//! holding it is not enough, and who writes must still check that the file is as it was read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::fsx;

const ABANDONED: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(15);

/// The lock, freed when dropped.
#[derive(Debug)]
pub struct ClientLock(PathBuf);

impl ClientLock {
    /// Takes the lock of the client's state file.
    ///
    /// # Errors
    /// [`Kind::Locked`] when somebody holds it for longer than the client itself would wait.
    pub fn acquire(file: &Path) -> Result<Self> {
        let path = lock_of(file);
        if let Some(parent) = path.parent() {
            fsx::create_dirs(parent)?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(ClientLock(path)),
                Err(cause) if cause.kind() != ErrorKind::AlreadyExists => {
                    return Err(Error::io("create", &path, &cause));
                }
                Err(_) if is_abandoned(&path) => _ = std::fs::remove_dir(&path),
                Err(_) if Instant::now() >= deadline => {
                    return Err(Error::new(Kind::Locked, "Claude Code holds the lock on its configuration")
                        .at_path(&path)
                        .help("close other Claude Code sessions, then run again"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
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
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED))
}

impl Drop for ClientLock {
    fn drop(&mut self) {
        // Left behind, it counts as abandoned after ten seconds.
        let _ = std::fs::remove_dir(&self.0);
    }
}
