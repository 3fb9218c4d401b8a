//! What somebody else did to a target while cpm was at work. An exchange keeps what it displaced, so that this can be
//! seen after the fact too: what is not the thing that was to be replaced goes back, and nobody's bytes are lost.

use std::path::Path;

use super::{Step, apply, identity};
use crate::error::{IoContext as _, Result};
use crate::fsx;

/// A file as one look shows it: of two equal looks, neither found other bytes than the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Sight {
    /// The file at a path; `None` for anything else, and where the platform has no such numbers.
    pub(super) fn of(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let file = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
            let modified = (file.mtime(), file.mtime_nsec());
            Some(Sight { device: file.dev(), inode: file.ino(), size: file.size(), modified })
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            None
        }
    }
}

/// Whether what is at `path` is what the step is to replace. For a file that nobody touched, one `stat` says so.
pub(super) fn is_old(step: &Step, path: &Path) -> Result<bool> {
    Ok((step.sight.is_some() && step.sight == Sight::of(path)) || identity(path)? == step.old)
}

/// The first file that is not any more what its step is to replace. Folders are seen when they are displaced: looking
/// into them takes longer than what may happen meanwhile.
pub(super) fn first_changed(steps: &[Step]) -> Result<Option<&Step>> {
    for step in steps {
        let is_folder = std::fs::symlink_metadata(&step.target).is_ok_and(|metadata| metadata.is_dir());
        if !is_folder && !is_old(step, &step.target)? {
            return Ok(Some(step));
        }
    }
    Ok(None)
}

/// Where a step of an interrupted run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not happened.
    Waiting,
    /// It has happened.
    Done,
    /// It has happened, and the client wrote the file again since: what it wrote is built on ours.
    BuiltOn,
    /// It has happened, to something else than it should have replaced.
    Displaced,
    /// It has not happened, and the client wrote the file since: what is staged lacks what it wrote.
    Overtaken,
    /// Somebody changed the target since, and only a person can say what is to become of it.
    Changed,
}

pub(super) fn standing(step: &Step) -> Result<Standing> {
    let (target, staged) = (identity(&step.target)?, identity(&step.staged)?);
    let is_ready = step.new.is_none() || staged == step.new;
    Ok(match () {
        () if target == step.new && staged.is_some() && staged != step.old && staged != step.new => Standing::Displaced,
        () if target == step.new => Standing::Done,
        () if target == step.old && is_ready => Standing::Waiting,
        () if step.shared && staged == step.new => Standing::Overtaken,
        () if step.shared && staged == step.old => Standing::BuiltOn,
        () => Standing::Changed,
    })
}

/// Lets a step happen; `false` when it displaced something else than it should have.
pub(super) fn replace(step: &Step) -> Result<bool> {
    apply(step)?;
    is_old(step, &step.staged)
}

/// Undoes a step that has happened. What somebody put in its place since is newer than both, and stays.
pub(super) fn take_back(step: &Step) -> Result<()> {
    let is_there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    if !is_there(&step.staged) {
        return match is_there(&step.target) {
            true => std::fs::rename(&step.target, &step.staged).path("take back", &step.target),
            false => Ok(()),
        };
    }
    if step.new.is_none() && is_there(&step.target) {
        return Ok(());
    }
    fsx::swap::exchange(&step.staged, &step.target)?;
    match identity(&step.staged)? == step.new {
        true => Ok(()),
        false => fsx::swap::exchange(&step.staged, &step.target),
    }
}
