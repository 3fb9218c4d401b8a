//! The transaction: everything one run changes in a scope becomes visible together, or not at all.
//!
//! Protocol [security.md §4.12]: stage everything on the file system of its target, where the client never looks; sync
//! once; write the journal (the commit point); exchange each staged thing with its target; drop the journal. Invariant:
//! with a journal on disk, [`look`] finds the run and completes it or takes it back; without one, nothing of it happened.

mod journal;
mod recovery;
mod slots;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use recovery::{Interrupted, Left, Recovered, look};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::fsx::failpoint;
use crate::model::digest::{FileDigest, TreeDigest};
use crate::model::relpath::RelPath;
use crate::model::tree::Tree;
use crate::receipt::{self, Stamp};
use journal::Journal;
use step::{Standing, Step, identity};

/// A change being prepared. Dropping it without [`Transaction::commit`] undoes everything.
#[derive(Debug)]
pub struct Transaction {
    state: PathBuf,
    steps: Vec<Step>,
    /// Slots in use, also of what was not staged to its end.
    slots: Vec<PathBuf>,
    /// Folders that were made on the way, each after the one it is in.
    made: Vec<PathBuf>,
    committed: bool,
}

/// Who may read a file that cpm makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// As the umask says.
    Shared,
    /// Only its owner, as the client does for its own state.
    Owner,
}

/// Makes the state folder, which keeps itself out of git.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn prepare_state(state: &Path) -> Result<()> {
    fsx::create_dirs(state)?;
    let ignore = state.join(".gitignore");
    if fsx::read_optional(&ignore)?.is_none_or(|bytes| bytes.is_empty()) {
        let whole = state.join("gitignore.tmp");
        fsx::remove_any(&whole)?;
        fsx::write_new(&whole, b"*\n", false)?;
        std::fs::rename(&whole, &ignore).path("move into place", &ignore)?;
    }
    Ok(())
}

/// Whether an interrupted run waits to be completed.
#[must_use]
pub fn is_interrupted(state: &Path) -> bool {
    journal::file(state).exists()
}

impl Transaction {
    /// Begins a transaction in a state folder whose lock the caller holds and which is recovered.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn begin(state: &Path) -> Result<Self> {
        fsx::create_dirs(state)?;
        let (steps, slots, made) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Transaction { state: state.to_path_buf(), steps, slots, made, committed: false })
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Stages a folder; the stamps are those its files will have at the target.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn put_dir(&mut self, target: &Path, tree: &Tree) -> Result<BTreeMap<RelPath, Stamp>> {
        let staged = self.slot(slots::for_dir(&self.state, target, self.slots.len())?)?;
        fsx::tree::write(tree, &staged)?;
        let stamps = receipt::stamps(tree, &staged)?;
        self.push(target, staged, Some(TreeDigest::of(tree).to_string()))?;
        Ok(stamps)
    }

    /// Stages a file. The mode of the one it replaces is kept; a symbolic link is written through.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn put_file(&mut self, target: &Path, bytes: &[u8], privacy: Privacy) -> Result<()> {
        let target = fsx::resolve_link(target);
        let staged = self.slot(slots::for_file(&self.state, &target, self.slots.len())?)?;
        fsx::write_new(&staged, bytes, false)?;
        match std::fs::metadata(&target) {
            Ok(metadata) => {
                std::fs::set_permissions(&staged, metadata.permissions()).path("set the mode of", &staged)?;
            }
            Err(_) if privacy == Privacy::Owner => restrict(&staged)?,
            Err(_) => {}
        }
        self.push(&target, staged, Some(FileDigest::of(bytes).hex()))
    }

    /// Plans the removal of a folder. A link that stands in its place goes itself; what it leads to is not ours.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove_dir(&mut self, target: &Path) -> Result<()> {
        let staged = self.slot(slots::for_dir(&self.state, target, self.slots.len())?)?;
        self.push(target, staged, None)
    }

    /// Plans the removal of a file; a symbolic link to it stays.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove(&mut self, target: &Path) -> Result<()> {
        let target = fsx::resolve_link(target);
        let staged = self.slot(slots::for_file(&self.state, &target, self.slots.len())?)?;
        if staged == slots::beside(&self.state, &target) {
            fsx::write_new(&staged, b"", false)?;
        }
        self.push(&target, staged, None)
    }

    /// Makes everything happen.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when somebody wrote to a target meanwhile; [`Kind::FileSystem`]. Then nothing has changed, or
    /// the message says that the next run completes it or takes it back.
    pub fn commit(mut self) -> Result<()> {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return Ok(());
        }
        for step in &steps {
            fsx::make_dirs(step.target.parent().unwrap_or(&self.state), &mut self.made)?;
        }
        let journal = Journal { steps, made: self.made.clone() };
        if !failpoint::is_set("no-journal") {
            journal.prepare(&self.state)?;
        }
        self.sync_staged(&journal.steps)?;
        if !failpoint::is_set("no-journal") {
            journal::commit(&self.state).map_err(|error| self.explained(error))?;
        }
        for (at, step) in journal.steps.iter().enumerate() {
            if let Err(error) = step.apply() {
                return Err(self.take_back(&journal.steps, Some(at), error));
            }
        }
        if let Err(error) = sync_changed(&self.state, &journal.steps) {
            return Err(self.take_back(&journal.steps, None, error));
        }
        self.committed = true;
        if is_interrupted(&self.state) { journal::forget(&self.state).map_err(in_place) } else { Ok(()) }
    }

    /// Makes durable what is staged, and the folders it goes to.
    fn sync_staged(&self, steps: &[Step]) -> Result<()> {
        fsx::sync::all(&self.state)?;
        let own = fsx::device(&self.state)?;
        for step in steps {
            let near = step.staged.parent().unwrap_or(&self.state);
            if fsx::device(near)? != own && step.new.is_some() {
                fsx::sync::below(&step.staged)?;
                near.ancestors().take_while(|dir| self.made.iter().any(|made| made == dir)).try_for_each(fsx::sync::dir)?;
                fsx::sync::dir(near)?;
            }
        }
        Ok(())
    }

    /// Takes back what was applied, after a failure of this step, or of all that comes after them.
    fn take_back(&self, steps: &[Step], failed: Option<usize>, error: Error) -> Error {
        let tried = &steps[..failed.map_or(steps.len(), |at| at + 1)];
        let standing = |step: &Step| {
            let has_failed = failed.is_some_and(|at| std::ptr::eq(step, &steps[at]));
            Ok(match step.standing()? {
                // As somebody else left it, before cpm came to it.
                Standing::Changed if has_failed => Standing::Left,
                Standing::Replaced if has_failed => Standing::Done,
                standing => standing,
            })
        };
        match step::take_back(tried, &standing).and_then(|()| close(&self.state, steps)) {
            Ok(()) => error.help("nothing was changed; solve this, then run again"),
            Err(second) => {
                self.explained(error.because(format!("what was done already could not be taken back now: {second}")))
            }
        }
    }

    /// Says of a failure that leaves a journal what comes of it.
    fn explained(&self, error: Error) -> Error {
        let help = "solve this, then run again: the next run completes the change or takes it back as a whole";
        if is_interrupted(&self.state) { error.help(help) } else { error }
    }

    fn push(&mut self, target: &Path, staged: PathBuf, new: Option<String>) -> Result<()> {
        let old = identity(target)?;
        if (&old, &new) != (&None, &None) {
            self.steps.push(Step { target: target.to_path_buf(), staged, old, new });
        }
        Ok(())
    }

    /// Takes a slot for use: empty, and known to whoever cleans up.
    fn slot(&mut self, slot: PathBuf) -> Result<PathBuf> {
        slots::note(&self.state, self.slots.len(), &slot)?;
        self.slots.push(slot.clone());
        let near = slot.parent().unwrap_or(&self.state);
        fsx::make_dirs(near, &mut self.made)?;
        fsx::remove_any(&slot)?;
        Ok(slot)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if is_interrupted(&self.state) {
            return;
        }
        // What cannot be removed now is removed by the next run.
        let _ = fsx::remove_any(&journal::unfinished(&self.state));
        for (number, slot) in self.slots.iter().enumerate() {
            let _ = fsx::remove_any(slot);
            let _ = fsx::remove_any(&slots::numbered(&self.state, number));
        }
        let near = |dir: &&PathBuf| !self.committed || self.slots.iter().any(|slot| slot.parent() == Some(dir));
        remove_empty(self.made.iter().filter(near));
    }
}

/// Makes a change durable that was applied or taken back as a whole, then forgets how it came about.
fn close(state: &Path, steps: &[Step]) -> Result<()> {
    sync_changed(state, steps)?;
    if is_interrupted(state) { journal::forget(state) } else { Ok(()) }
}

/// Makes durable what changed places: the folders on both sides.
fn sync_changed(state: &Path, steps: &[Step]) -> Result<()> {
    let sides = steps.iter().flat_map(|step| [step.target.parent(), step.staged.parent()]).flatten();
    let there: BTreeSet<PathBuf> = sides.filter(|dir| dir.is_dir()).map(Path::to_path_buf).collect();
    fsx::sync::dirs(there.into_iter().chain([state.to_path_buf()]))
}

/// Removes folders that hold nothing, the innermost first.
fn remove_empty<'a>(made: impl IntoIterator<Item = &'a PathBuf, IntoIter: DoubleEndedIterator>) {
    for dir in made.into_iter().rev() {
        // One that holds something is somebody's.
        let _ = std::fs::remove_dir(dir);
    }
}

/// A failure when nothing was left to do but to clean up.
fn in_place(error: Error) -> Error {
    error.help("everything is in place; solve this, then run again: the next run cleans up")
}

fn restrict(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).path("set the mode of", path)?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests;
