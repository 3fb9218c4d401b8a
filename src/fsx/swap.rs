//! Puts a staged file or directory in place of another one, atomically where the platform can.

use std::path::Path;

use crate::error::{Error, IoContext as _, Result};

/// Moves `staged` to `target`. What was at `target` is afterwards at `staged`, so nothing is lost before the caller
/// removes it.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`]; then both are as before.
pub fn exchange(staged: &Path, target: &Path) -> Result<()> {
    if std::fs::symlink_metadata(target).is_err() && appear(staged, target)? {
        return Ok(());
    }
    if exchange_in_one_step(staged, target)? {
        return Ok(());
    }
    let aside = staged.with_extension("old");
    std::fs::rename(target, &aside).path("move aside", target)?;
    if let Err(cause) = std::fs::rename(staged, target) {
        // The old one goes back; if even that fails, the message names the place where it is.
        std::fs::rename(&aside, target).path("move back", &aside)?;
        return Err(Error::io("move into place", target, &cause));
    }
    std::fs::rename(&aside, staged).path("keep the old one", staged)
}

/// Moves `staged` to where nothing is; `false` when something has come there meanwhile.
#[cfg(target_os = "linux")]
fn appear(staged: &Path, target: &Path) -> Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, staged, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            std::fs::rename(staged, target).path("move into place", target).map(|()| true)
        }
        Err(cause) => Err(Error::io("move into place", target, &cause.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn appear(staged: &Path, target: &Path) -> Result<bool> {
    std::fs::rename(staged, target).path("move into place", target).map(|()| true)
}

#[cfg(target_os = "linux")]
fn exchange_in_one_step(staged: &Path, target: &Path) -> Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, staged, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(cause) => Err(Error::io("exchange", target, &cause.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange_in_one_step(_: &Path, _: &Path) -> Result<bool> {
    Ok(false)
}
