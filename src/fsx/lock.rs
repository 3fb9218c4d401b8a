//! A lock between cpm processes: held by the kernel for as long as the process lives, so a crash frees it. What a lock
//! file says of its holder is for people who wait; nothing is ever decided by it.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::dir::Place;
use crate::error::{Error, IoContext as _, Kind, Result};
use crate::progress::Progress;

/// How long a run waits for others, and what it tells those who wait for it.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// The longest wait.
    pub patience: Duration,
    /// The command that is running, such as `update`.
    pub command: &'static str,
}

/// The lock; dropping it frees it. The file stays, because deleting it would let two processes hold "the" lock.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // What it says of us is no longer true; a reader takes stale words for nobody's.
        let _ = self.file.set_len(0);
        // Closing is not enough: a child that another thread is just starting has the file open too, until it becomes
        // its program. If unlocking fails, closing still frees the lock a moment later.
        let _ = self.file.unlock();
    }
}

impl FileLock {
    /// Takes the lock on `path`, which is created when missing; says so when it has to wait, and for whom.
    ///
    /// # Errors
    /// [`Kind::Locked`] after `patience`, and where the file system has no locks; [`Kind::FileSystem`].
    pub fn acquire(path: &Path, patience: Duration, progress: &dyn Progress) -> Result<Self> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path).path("open", path)?;
        Self::hold(file, path, patience, progress)
    }

    /// Takes the lock on an open file.
    fn hold(file: File, path: &Path, patience: Duration, progress: &dyn Progress) -> Result<Self> {
        let mut turn = Turn::new(patience);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(FileLock { file }),
                Err(TryLockError::Error(cause)) if has_no_locks(&cause) => return Err(no_locks(path, &cause)),
                Err(TryLockError::Error(cause)) => return Err(Error::io("lock", path, &cause)),
                Err(TryLockError::WouldBlock) if turn.is_over() => return Err(busy(path, holder(&file), patience)),
                Err(TryLockError::WouldBlock) => turn.wait(|| {
                    let holder = holder(&file).map(|holder| format!(": {holder}")).unwrap_or_default();
                    progress.step(&format!("waiting for another cpm to finish{holder}"));
                }),
            }
        }
    }

    /// [`FileLock::acquire`] in an open folder, by a run whose name those who wait for it shall read.
    ///
    /// # Errors
    /// As there.
    pub fn acquire_as(place: &Place, waiting: Waiting, progress: &dyn Progress) -> Result<Self> {
        let lock = Self::hold(place.open_kept()?, &place.path(), waiting.patience, progress)?;
        // Whoever cannot be told who it is still waits; a full disk must not stop a run here.
        let _ = lock.file.set_len(0);
        let _ = (&lock.file).write_all(format!("{} cpm {}\n", std::process::id(), waiting.command).as_bytes());
        Ok(lock)
    }
}

/// Waiting for one's turn: quickly looking again at first, then less often.
pub struct Turn {
    deadline: Instant,
    pause: Duration,
    told: bool,
}

impl Turn {
    /// A wait that begins now.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Turn { deadline: Instant::now() + patience, pause: Duration::from_millis(2), told: false }
    }

    /// Whether the patience is used up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Waits a moment; the first time, `tell` says for whom.
    pub fn wait(&mut self, tell: impl FnOnce()) {
        if !std::mem::replace(&mut self.told, true) {
            tell();
        }
        std::thread::sleep(self.pause.min(self.deadline.saturating_duration_since(Instant::now())));
        self.pause = (self.pause * 2).min(Duration::from_millis(50));
    }
}

/// Who holds a lock, as its file says; `None` when it says nothing that cpm would write.
fn holder(mut file: &File) -> Option<String> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.take(100).read_to_string(&mut text)).ok()?;
    let (process, command) = text.strip_suffix('\n')?.split_once(' ')?;
    let process: u32 = process.parse().ok()?;
    let is_ours = command.starts_with("cpm ") && command.bytes().all(|b| b.is_ascii_lowercase() || b" -".contains(&b));
    is_ours.then(|| format!("process {process}, `{command}`"))
}

fn busy(path: &Path, holder: Option<String>, patience: Duration) -> Error {
    let holder = holder.unwrap_or_else(|| "it".to_owned());
    Error::new(Kind::Locked, "another cpm is at work here")
        .at_path(path)
        .because(format!("{holder} still held the lock after {} s", patience.as_secs()))
        .help("wait for it to end, then run again; `--lock-timeout SECONDS` says how long cpm waits")
}

#[cfg(unix)]
fn has_no_locks(cause: &std::io::Error) -> bool {
    let is_missing = cause.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error());
    is_missing || cause.kind() == ErrorKind::Unsupported
}

#[cfg(not(unix))]
fn has_no_locks(cause: &std::io::Error) -> bool {
    cause.kind() == ErrorKind::Unsupported
}

fn no_locks(path: &Path, cause: &std::io::Error) -> Error {
    Error::new(Kind::Locked, "the file system here cannot lock files")
        .at_path(path)
        .because(cause)
        .because("without a lock, two runs of cpm could mix what they write")
        .help("move the folder to a file system with locks, such as a local disk")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn the_second_waits_and_a_drop_frees() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let first = FileLock::acquire(&path, NOW, &Silent).expect("free");
        let busy = FileLock::acquire(&path, NOW, &Silent).expect_err("held");
        assert_eq!(busy.kind(), Kind::Locked);
        drop(first);
        FileLock::acquire(&path, NOW, &Silent).expect("free again");
    }

    #[test]
    fn only_what_cpm_would_write_is_said_of_a_holder() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let _first = FileLock::acquire_as(
            &Place::of(&path).expect("a place"),
            Waiting { patience: NOW, command: "index add" },
            &Silent,
        )
        .expect("free");
        let says = || FileLock::acquire(&path, NOW, &Silent).expect_err("held").causes()[0].clone();
        assert!(says().starts_with(&format!("process {}, `cpm index add` still", std::process::id())), "{}", says());
        for text in ["", "7", "7 cpm update", "7 vi\n", "x cpm update\n", "7 cpm \u{1b}[31m\n", "-7 cpm update\n"] {
            std::fs::write(&path, text).expect("written");
            assert!(says().starts_with("it still"), "{}", says());
        }
    }
}
