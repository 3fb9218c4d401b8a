//! Puts a staged file or directory in place, atomically where the platform can, and never over something unseen.

use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext as _, Result};

/// Moves `staged` to `target`, where nothing is.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`]; then both are as before.
pub fn place(staged: &Path, target: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, staged, CWD, target, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(cause) if is_unknown(cause) => {}
            Err(cause) => return Err(Error::io("move into place", target, &cause.into())),
        }
    }
    if std::fs::symlink_metadata(target).is_ok() {
        let cause = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(Error::io("move into place", target, &cause));
    }
    std::fs::rename(staged, target).path("move into place", target)
}

/// Makes `staged` and `target`, which are both there, change places.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`]; then both are as before.
pub fn exchange(staged: &Path, target: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, staged, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(()),
            Err(cause) if is_unknown(cause) => {}
            Err(cause) => return Err(Error::io("exchange", target, &cause.into())),
        }
    }
    let aside = aside(staged);
    std::fs::rename(target, &aside).path("move aside", target)?;
    if let Err(cause) = std::fs::rename(staged, target) {
        // The old one goes back; if even that fails, the message names the place where it is.
        std::fs::rename(&aside, target).path("move back", &aside)?;
        return Err(Error::io("move into place", target, &cause));
    }
    std::fs::rename(&aside, staged).path("keep the old one", staged)
}

/// Ends what an interrupted [`exchange`] in steps left between `staged` and `target`: the old one goes back, or to where
/// it belongs when the new one is in place.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn mend(staged: &Path, target: &Path) -> Result<()> {
    let is_there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    let aside = aside(staged);
    if is_there(&aside) && !is_there(target) {
        place(&aside, target)
    } else if is_there(&aside) && !is_there(staged) {
        place(&aside, staged)
    } else {
        Ok(())
    }
}

/// Where the old one waits during an exchange in steps.
#[must_use]
pub fn aside(staged: &Path) -> PathBuf {
    let mut name = staged.as_os_str().to_owned();
    name.push("-aside");
    PathBuf::from(name)
}

/// Whether this system or file system has no such way to rename.
#[cfg(target_os = "linux")]
fn is_unknown(cause: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    matches!(cause, Errno::INVAL | Errno::NOSYS | Errno::NOTSUP)
}
