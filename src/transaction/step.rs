//! One target and what it becomes; how far that got; doing it and taking it back.
//!
//! Invariant: nothing is ever replaced unseen. An exchange keeps what it displaced, so what was not to be replaced goes
//! back, and nobody's bytes are lost.

use std::path::{Path, PathBuf};

use super::folders::Folders;
use super::identity::{identity, sight};
use crate::error::{Error, Kind, Result};
use crate::fsx::dir::{Place, Seen};
use crate::fsx::swap;
use crate::model::digest::FileDigest;

/// One target and what it becomes. Contents are told apart by digests, so that a later run can tell what happened.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) target: PathBuf,
    /// Where the new content waits, and where the old one is afterwards.
    pub(super) staged: PathBuf,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    /// Whether the client writes the file too, at any time.
    pub(super) shared: bool,
    /// The file that is to be replaced, as it was seen last; known to the run that saw it only.
    pub(super) sight: Option<Seen>,
}

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not happened, and can.
    Waiting,
    /// It has happened, and what it replaced waits.
    Done,
    /// It has happened, to something else than it should have replaced.
    Displaced,
    /// It has not happened and cannot any more: what is staged is gone, or lacks what the client wrote since.
    Lost,
    /// What is at the target now is somebody's own affair: there is nothing to complete or to take back.
    Left,
    /// Somebody changed the target since, and only a person can say what is to become of it.
    Changed,
}

impl Step {
    /// Looks how far it got.
    pub(super) fn standing(&self, folders: &Folders) -> Result<Standing> {
        if let (Some(staged), Some(target)) = (folders.at(&self.staged)?, folders.at(&self.target)?) {
            swap::mend(&staged, &target)?;
        }
        let (now, staged) = (identity(folders, &self.target)?, identity(folders, &self.staged)?);
        let can_go = self.new.is_none() && self.is_ready_to_go(&staged);
        let waits = if self.new.is_some() { staged == self.new } else { can_go };
        Ok(match () {
            () if now == self.old && waits => Standing::Waiting,
            () if now == self.new && staged == self.old => Standing::Done,
            () if now == self.new && (staged.is_none() || waits) => Standing::Left,
            () if now == self.new => Standing::Displaced,
            () if now == self.old => Standing::Lost,
            // Somebody moved the old one away, so nothing is overwritten.
            () if now.is_none() && waits => Standing::Waiting,
            () if now.is_none() => Standing::Left,
            // The client writes its file at every start: what it made of ours is built on that.
            () if self.shared && waits => Standing::Lost,
            () if self.shared && staged == self.old => Standing::Left,
            () => Standing::Changed,
        })
    }

    /// A file that waits beside its place has a mark there also when it is to go: see [`super::slots`].
    fn is_ready_to_go(&self, staged: &Option<String>) -> bool {
        let is_beside = self.staged.parent() == self.target.parent();
        if is_beside { *staged == Some(FileDigest::of(b"").hex()) } else { staged.is_none() }
    }

    /// Whether what is at `path` is what the step is to replace. For a file that nobody touched, one `stat` says so.
    pub(super) fn is_old(&self, folders: &Folders, path: &Path) -> Result<bool> {
        let is_untouched = self.sight.is_some() && self.sight == sight(folders, path)?;
        Ok(is_untouched || identity(folders, path)? == self.old)
    }

    /// Lets it happen; `false` when it met something else than it was made for.
    pub(super) fn happen(&self, folders: &Folders) -> Result<bool> {
        let was_there = folders.look(&self.target)?.is_some();
        let sides = || self.sides(folders);
        match (&self.old, &self.new) {
            (None, _) if was_there => return Ok(false),
            (_, Some(_)) if !was_there => {
                return sides().and_then(|sides| swap::place(&sides.0, &sides.1)).map(|()| true);
            }
            (_, None) if !was_there => return Ok(true),
            (_, Some(_)) => sides().and_then(|sides| swap::exchange(&sides.0, &sides.1))?,
            (_, None) => sides().and_then(|sides| swap::move_away(&sides.1, &sides.0))?,
        }
        self.is_old(folders, &self.staged).or_else(|error| self.undo(folders).and(Err(error)))
    }

    /// Undoes it after it has happened. What somebody put in its place since is newer than both, and stays.
    pub(super) fn undo(&self, folders: &Folders) -> Result<()> {
        let (Some(staged), Some(target)) = (folders.at(&self.staged)?, folders.at(&self.target)?) else {
            return Ok(());
        };
        match (staged.look()?.is_some(), target.look()?.is_some()) {
            (true, true) if self.new.is_some() => {
                swap::exchange(&staged, &target)?;
                match identity(folders, &self.staged)? == self.new {
                    true => Ok(()),
                    false => swap::exchange(&staged, &target),
                }
            }
            (true, false) => swap::place(&staged, &target),
            (false, true) if self.old.is_none() => swap::place(&target, &staged),
            _ => Ok(()),
        }
    }

    fn sides(&self, folders: &Folders) -> Result<(Place, Place)> {
        Ok((folders.there(&self.staged)?, folders.there(&self.target)?))
    }
}

/// Makes all targets old again, the last one first.
pub(super) fn take_back(folders: &Folders, steps: &[Step], standing: &dyn Fn(&Step) -> Result<Standing>) -> Result<()> {
    for step in steps.iter().rev() {
        match standing(step)? {
            Standing::Done | Standing::Displaced => step.undo(folders)?,
            Standing::Waiting | Standing::Lost | Standing::Left => {}
            Standing::Changed => return Err(changed(&[step])),
        }
    }
    Ok(())
}

/// Somebody wrote to these targets after the run that was interrupted; both sides are named, none is touched.
pub(super) fn changed(steps: &[&Step]) -> Error {
    let what = match steps {
        [step] => format!("`{}` changed after an interrupted run", step.target.display()),
        _ => format!("{} files changed after an interrupted run", steps.len()),
    };
    let error = Error::new(Kind::Recovery, what).at_path(&steps[0].target);
    let both = |step: &&Step| {
        let (yours, other) = (step.target.display(), step.staged.display());
        format!("`{yours}` is neither as it was nor as that run would make it; the other side is in `{other}`")
    };
    steps.iter().map(both).fold(error, Error::because).help(
        "keep both elsewhere, move the first one away, and run again: then the interrupted run ends, and you choose",
    )
}
