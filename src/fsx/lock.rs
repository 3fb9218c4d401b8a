//! A lock between cpm processes: held by the kernel for as long as the process lives, so a crash frees it.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::progress::Progress;

/// How long to wait for another cpm.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The lock; dropping it frees it. The file stays, because deleting it would let two processes hold "the" lock.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just starting has the file open too, until it becomes
        // its program. If unlocking fails, closing still frees the lock a moment later.
        let _ = self.file.unlock();
    }
}

impl FileLock {
    /// Takes the lock on `path`, which is created when missing; says so when it has to wait.
    ///
    /// # Errors
    /// [`Kind::Locked`] after `patience`; [`Kind::FileSystem`].
    pub fn acquire(path: &Path, patience: Duration, progress: &dyn Progress) -> Result<Self> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path).path("open", path)?;
        let deadline = Instant::now() + patience;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(FileLock { file }),
                Err(TryLockError::Error(cause)) => return Err(Error::io("lock", path, &cause)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(Error::new(Kind::Locked, "another cpm is at work here")
                        .at_path(path)
                        .because(format!("it still held the lock after {} s", patience.as_secs()))
                        .help("wait for it to end, then run again"));
                }
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        progress.step("waiting for another cpm to finish");
                        told = true;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn the_second_waits_and_a_drop_frees() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let first = FileLock::acquire(&path, Duration::ZERO, &Silent).expect("free");
        let busy = FileLock::acquire(&path, Duration::ZERO, &Silent).expect_err("held");
        assert_eq!(busy.kind(), Kind::Locked);
        drop(first);
        FileLock::acquire(&path, Duration::ZERO, &Silent).expect("free again");
    }
}
