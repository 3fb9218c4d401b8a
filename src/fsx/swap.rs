//! Puts a staged file or directory in place, atomically where the platform can, and never over something unseen.

use super::dir::Place;
use crate::error::{Error, IoContext as _, Result};

/// Moves `staged` to `target`, where nothing is.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`]; then both are as before.
pub fn place(staged: &Place, target: &Place) -> Result<()> {
    let path = target.path();
    if staged.rename_new(target).path("move into place", &path)? {
        return Ok(());
    }
    if target.look()?.is_some() {
        let cause = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(Error::io("move into place", &path, &cause));
    }
    staged.rename(target).path("move into place", &path)
}

/// Moves `staged` to `target`, over the file that is there.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`]; then both are as before.
pub fn replace(staged: &Place, target: &Place) -> Result<()> {
    staged.rename(target).path("move into place", &target.path())
}

/// Moves `target` to `staged`, where nothing is.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`]; then both are as before.
pub fn move_away(target: &Place, staged: &Place) -> Result<()> {
    target.rename(staged).path("move away", &target.path())
}

/// Makes `staged` and `target`, which are both there, change places.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`]; then both are as before.
pub fn exchange(staged: &Place, target: &Place) -> Result<()> {
    let path = target.path();
    if staged.exchange(target).path("exchange", &path)? {
        return Ok(());
    }
    let aside = aside(staged);
    target.rename(&aside).path("move aside", &path)?;
    if let Err(cause) = staged.rename(target) {
        // The old one goes back; if even that fails, the message names the place where it is.
        aside.rename(target).path("move back", &aside.path())?;
        return Err(Error::io("move into place", &path, &cause));
    }
    aside.rename(staged).path("keep the old one", &staged.path())
}

/// Ends what an interrupted [`exchange`] in steps left between `staged` and `target`: the old one goes back, or to where
/// it belongs when the new one is in place.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn mend(staged: &Place, target: &Place) -> Result<()> {
    let aside = aside(staged);
    if aside.look()?.is_none() {
        Ok(())
    } else if target.look()?.is_none() {
        place(&aside, target)
    } else if staged.look()?.is_none() {
        place(&aside, staged)
    } else {
        Ok(())
    }
}

/// Where the old one waits during an exchange in steps.
#[must_use]
pub fn aside(staged: &Place) -> Place {
    staged.extended("-aside")
}
