//! One target and what it becomes; how far that got; doing it and taking it back.
//!
//! Invariant: nothing is ever replaced unseen. What a step takes out of its target is looked at again afterwards, and
//! goes back when it is not what was there when the step was planned: then somebody was writing at that moment.

use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::model::digest::{FileDigest, TreeDigest};

/// One target and what it becomes. Contents are told apart by digests, so that a later run can tell what happened.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) target: PathBuf,
    /// Where the new content waits, and where the old one is afterwards.
    pub(super) staged: PathBuf,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The target is as it was, and can become new.
    Pending,
    /// The target was made new, and the old one waits.
    Done,
    /// The target is as it was, and what it should become is gone.
    Lost,
    /// The target was made new, and is somebody's own affair since: there is nothing to complete or to take back.
    Left,
    /// Somebody wrote to the target since: it is neither old nor new.
    Changed,
    /// What was replaced is not what was there before: somebody wrote to it at that moment.
    Replaced,
}

impl Step {
    /// Looks how far it got.
    pub(super) fn standing(&self) -> Result<Standing> {
        fsx::swap::mend(&self.staged, &self.target)?;
        let now = identity(&self.target)?;
        let staged = identity(&self.staged)?;
        let waits = if self.new.is_some() { staged == self.new } else { now == self.old && self.may_remove(&staged) };
        Ok(if now == self.old && waits {
            Standing::Pending
        } else if now == self.new {
            match staged {
                staged if staged == self.old => Standing::Done,
                None => Standing::Left,
                Some(_) if waits || (self.new.is_none() && self.may_remove(&staged)) => Standing::Left,
                Some(_) => Standing::Replaced,
            }
        } else if now == self.old {
            Standing::Lost
        } else if now.is_some() {
            Standing::Changed
        } else if waits {
            // Somebody moved the old one away, so nothing is overwritten.
            Standing::Pending
        } else {
            Standing::Left
        })
    }

    /// A file that waits beside its place has a mark there also when it is to go: see [`super::slots`].
    fn may_remove(&self, staged: &Option<String>) -> bool {
        let is_beside = self.staged.parent() == self.target.parent();
        if is_beside { *staged == Some(FileDigest::of(b"").hex()) } else { staged.is_none() }
    }

    /// Makes the target new; on failure it is as it was.
    pub(super) fn apply(&self) -> Result<()> {
        let was_there = std::fs::symlink_metadata(&self.target).is_ok();
        match (&self.old, &self.new) {
            (None, _) if was_there => return Err(self.contested()),
            (_, Some(_)) if !was_there => return fsx::swap::place(&self.staged, &self.target),
            (_, None) if !was_there => return Ok(()),
            (_, Some(_)) => fsx::swap::exchange(&self.staged, &self.target)?,
            (_, None) => std::fs::rename(&self.target, &self.staged).path("move away", &self.target)?,
        }
        let replaced = identity(&self.staged);
        if matches!(&replaced, Ok(replaced) if *replaced == self.old) {
            return Ok(());
        }
        self.undo()?;
        replaced?;
        Err(self.contested())
    }

    /// Makes the target old again.
    pub(super) fn undo(&self) -> Result<()> {
        let is_there = std::fs::symlink_metadata(&self.target).is_ok();
        match (&self.old, is_there) {
            (Some(_), true) => fsx::swap::exchange(&self.staged, &self.target),
            (Some(_), false) => fsx::swap::place(&self.staged, &self.target),
            (None, true) => fsx::swap::place(&self.target, &self.staged),
            (None, false) => Ok(()),
        }
    }

    fn contested(&self) -> Error {
        Error::new(Kind::Conflict, format!("`{}` changed while cpm was at work", self.target.display()))
            .at_path(&self.target)
            .help("run again: what is there now is taken into account")
    }
}

/// Makes all targets old again, the last one first.
pub(super) fn take_back(steps: &[Step], standing: &dyn Fn(&Step) -> Result<Standing>) -> Result<()> {
    for step in steps.iter().rev() {
        match standing(step)? {
            Standing::Done => step.undo()?,
            Standing::Pending | Standing::Lost | Standing::Left => {}
            Standing::Changed | Standing::Replaced => return Err(changed(&[step])),
        }
    }
    Ok(())
}

/// Somebody wrote to these targets after the run that was interrupted; both sides are named, none is touched.
pub(super) fn changed(steps: &[&Step]) -> Error {
    let what = match steps {
        [step] => format!("`{}` changed after a run that was interrupted", step.target.display()),
        _ => format!("{} files changed after a run that was interrupted", steps.len()),
    };
    let error = Error::new(Kind::Recovery, what).at_path(&steps[0].target);
    let both = |step: &&Step| {
        let (yours, ours) = (step.target.display(), step.staged.display());
        format!("`{yours}` is neither as it was nor as that run would make it; the other side is in `{ours}`")
    };
    steps.iter().map(both).fold(error, Error::because).help(
        "compare the two, move the one you want to keep to another place, and run again; then put back what is yours",
    )
}

/// What is at a path: the digest of a file or folder, where a link leads, or nothing.
pub(super) fn identity(path: &Path) -> Result<Option<String>> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let metadata = match std::fs::symlink_metadata(path) {
        Err(cause) if matches!(cause.kind(), NotFound | NotADirectory) => return Ok(None),
        metadata => metadata.path("look at", path)?,
    };
    if metadata.is_dir() {
        return match fsx::tree::read(path) {
            Ok(tree) => Ok(Some(TreeDigest::of(&tree).to_string())),
            Err(error) if error.kind() == Kind::FileSystem => Err(error),
            // No package, so not from cpm; still it must be known again.
            Err(_) => outline(path).map(Some),
        };
    }
    if metadata.is_symlink() {
        let target = std::fs::read_link(path).path("read the link", path)?;
        return Ok(Some(format!("link to {}", target.display())));
    }
    let bytes = std::fs::read(path).path("read", path)?;
    Ok(Some(FileDigest::of(&bytes).hex()))
}

/// A digest of the names in a folder with the size and time of each.
fn outline(root: &Path) -> Result<String> {
    let mut text = String::new();
    for name in fsx::tree::list(root)? {
        let path = root.join(&name);
        let metadata = std::fs::symlink_metadata(&path).path("look at", &path)?;
        text += &format!("{name}\n{} {:?}\n", metadata.len(), metadata.modified().ok());
    }
    Ok(format!("folder {}", FileDigest::of(text.as_bytes()).hex()))
}
