//! The transaction: everything one run changes in a scope becomes visible together, or not at all.
//!
//! Protocol [security.md §4.12]: stage everything on the file system of its target, where the client never looks; sync
//! once; write the journal (the commit point); exchange each staged thing with its target; drop the journal. Invariant:
//! with a journal on disk, [`look`] finds the run and completes it or takes it back; without one, nothing of it happened.
//! Others may write the same files at any time: a step that met something else than it was made for takes all back.

mod identity;
mod journal;
mod recovery;
mod sight;
mod slots;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use recovery::{Interrupted, Left, Recovered, look};

use crate::error::{Error, IoContext as _, Result};
use crate::fsx;
use crate::fsx::failpoint;
use crate::model::digest::{FileDigest, TreeDigest};
use crate::model::relpath::RelPath;
use crate::model::tree::Tree;
use crate::receipt::{self, Stamp};
use identity::identity;
use journal::Journal;
use sight::Sight;
use step::{Standing, Step};

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
    /// What this run has read, by digest: what it writes is made from that.
    read: BTreeMap<PathBuf, Option<String>>,
}

/// What came of committing.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Everything happened.
    Done,
    /// Nothing did: somebody changed this file or folder since the run read it.
    Changed(PathBuf),
}

/// Who may read a file that cpm makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// As the umask says.
    Shared,
    /// Only its owner, as the client does for its own state.
    Owner,
}

/// Makes the state folder, which keeps itself out of git. Whoever is not alone holds its lock.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
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

/// Whether an entry of the state folder is something that waits to be put in place or was replaced: it can be anything,
/// and is never followed.
#[must_use]
pub fn is_waiting(entry: &Path) -> bool {
    slots::is_numbered(entry)
}

impl Transaction {
    /// Begins a transaction in a state folder whose lock the caller holds and which is recovered.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn begin(state: &Path) -> Result<Self> {
        fsx::create_dirs(state)?;
        let (steps, slots, made, read) = Default::default();
        Ok(Transaction { state: state.to_path_buf(), steps, slots, made, committed: false, read })
    }

    /// Says what the run read in a file that it may replace; `None` when there was none. What others write there later
    /// is not overwritten.
    pub fn was_read(&mut self, target: &Path, bytes: Option<&[u8]>) {
        let digest = bytes.map(|bytes| FileDigest::of(bytes).hex());
        self.read.insert(fsx::resolve_link(target), digest);
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Stages a folder; the stamps are those its files will have at the target.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn put_dir(&mut self, target: &Path, tree: &Tree) -> Result<BTreeMap<RelPath, Stamp>> {
        let staged = self.slot(slots::for_dir(&self.state, target, self.slots.len())?)?;
        fsx::tree::write(tree, &staged)?;
        let stamps = receipt::stamps(tree, &staged)?;
        self.push(target, staged, Some(TreeDigest::of(tree).to_string()), Privacy::Shared)?;
        Ok(stamps)
    }

    /// Stages a file. It gets mode, owner and attributes of the one it replaces; a symbolic link is written through.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`]; also when the file may not be written.
    pub fn put_file(&mut self, target: &Path, bytes: &[u8], privacy: Privacy) -> Result<()> {
        let target = fsx::resolve_link(target);
        let is_there = target.exists();
        if is_there {
            fsx::attributes::refuse_read_only(&target)?;
        }
        let staged = self.slot(slots::for_file(&self.state, &target, self.slots.len())?)?;
        fsx::write_new(&staged, bytes, false)?;
        if is_there {
            fsx::attributes::copy(&target, &staged)?;
        } else if privacy == Privacy::Owner {
            restrict(&staged)?;
        }
        self.push(&target, staged, Some(FileDigest::of(bytes).hex()), privacy)
    }

    /// Plans the removal of a folder. A link that stands in its place goes itself; what it leads to is not ours.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn remove_dir(&mut self, target: &Path) -> Result<()> {
        let staged = self.slot(slots::for_dir(&self.state, target, self.slots.len())?)?;
        self.push(target, staged, None, Privacy::Shared)
    }

    /// Plans the removal of a file; a symbolic link to it stays.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`]; also when the file may not be written.
    pub fn remove(&mut self, target: &Path, privacy: Privacy) -> Result<()> {
        let target = fsx::resolve_link(target);
        if !target.exists() {
            return Ok(());
        }
        fsx::attributes::refuse_read_only(&target)?;
        let staged = self.slot(slots::for_file(&self.state, &target, self.slots.len())?)?;
        if staged == slots::beside(&self.state, &target) {
            fsx::write_new(&staged, b"", false)?;
        }
        self.push(&target, staged, None, privacy)
    }

    /// Makes everything happen, or nothing when somebody else wrote one of the targets meanwhile.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`]. Then nothing has changed, or the help says that the next run completes it or takes it back.
    pub fn commit(mut self) -> Result<Outcome> {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return Ok(Outcome::Done);
        }
        if let Some(step) = first_changed(&steps)? {
            return Ok(Outcome::Changed(step.target.clone()));
        }
        for step in &steps {
            fsx::make_dirs(step.target.parent().unwrap_or(&self.state), &mut self.made)?;
        }
        let Journal { steps, .. } = self.write_journal(steps)?;
        // That took time.
        if let Some(step) = first_changed(&steps)? {
            return Ok(Outcome::Changed(step.target.clone()));
        }
        if !failpoint::is_set("no-journal") {
            journal::commit(&self.state).map_err(|error| self.explained(error))?;
        }
        for (at, step) in steps.iter().enumerate() {
            match step.happen() {
                Ok(true) => {}
                Ok(false) => {
                    self.take_back(&steps, Some(at)).map_err(|error| self.explained(error))?;
                    return Ok(Outcome::Changed(step.target.clone()));
                }
                Err(error) => return Err(self.failed(&steps, Some(at), error)),
            }
        }
        if let Err(error) = sync_changed(&self.state, &steps) {
            return Err(self.failed(&steps, None, error));
        }
        self.committed = true;
        if is_interrupted(&self.state) {
            journal::forget(&self.state).map_err(in_place)?;
        }
        Ok(Outcome::Done)
    }

    /// Writes the journal, though not yet where it counts, and makes it durable with all that it speaks of.
    fn write_journal(&self, steps: Vec<Step>) -> Result<Journal> {
        let journal = Journal { steps, made: self.made.clone() };
        if !failpoint::is_set("no-journal") {
            journal.prepare(&self.state)?;
        }
        self.sync_staged(&journal.steps)?;
        Ok(journal)
    }

    /// Makes durable what is staged, and the folders it goes to.
    fn sync_staged(&self, steps: &[Step]) -> Result<()> {
        fsx::sync::all(&self.state)?;
        let own = fsx::device(&self.state)?;
        for step in steps {
            let near = step.staged.parent().unwrap_or(&self.state);
            if fsx::device(near)? != own && step.new.is_some() {
                fsx::sync::below(&step.staged)?;
                near.ancestors()
                    .take_while(|dir| self.made.iter().any(|made| made == dir))
                    .try_for_each(fsx::sync::dir)?;
                fsx::sync::dir(near)?;
            }
        }
        Ok(())
    }

    /// Takes back what has happened, after a failure of this step, or of all that comes after them.
    fn take_back(&self, steps: &[Step], failed: Option<usize>) -> Result<()> {
        let tried = &steps[..failed.map_or(steps.len(), |at| at + 1)];
        let standing = |step: &Step| {
            let has_failed = failed.is_some_and(|at| std::ptr::eq(step, &steps[at]));
            Ok(match step.standing()? {
                // As somebody else left it, before cpm came to it.
                Standing::Changed if has_failed => Standing::Waiting,
                standing => standing,
            })
        };
        step::take_back(tried, &standing).and_then(|()| close(&self.state, steps))
    }

    /// A failure after the commit point, with what becomes of it.
    fn failed(&self, steps: &[Step], at: Option<usize>, error: Error) -> Error {
        match self.take_back(steps, at) {
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

    fn push(&mut self, target: &Path, staged: PathBuf, new: Option<String>, privacy: Privacy) -> Result<()> {
        let (before, there) = (Sight::of(target), identity(target)?);
        let old = self.read.get(target).cloned().unwrap_or_else(|| there.clone());
        // A look is worth something only if it shows what was read.
        let sight = before.filter(|_| there == old && before == Sight::of(target));
        if (&old, &there, &new) != (&None, &None, &None) {
            let (target, shared) = (target.to_path_buf(), privacy == Privacy::Owner);
            self.steps.push(Step { target, staged, old, new, shared, sight });
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
            // What says that there is one elsewhere goes after it.
            let _ = fsx::remove_any(slot).and_then(|()| fsx::remove_any(&slots::numbered(&self.state, number)));
        }
        let near = |dir: &&PathBuf| !self.committed || self.slots.iter().any(|slot| slot.parent() == Some(dir));
        remove_empty(self.made.iter().filter(near));
    }
}

/// The first step whose file is not any more what it is to replace. Folders are seen when they are displaced: looking
/// into them takes longer than what may happen meanwhile.
fn first_changed(steps: &[Step]) -> Result<Option<&Step>> {
    for step in steps {
        let is_folder = std::fs::symlink_metadata(&step.target).is_ok_and(|metadata| metadata.is_dir());
        if !is_folder && !step.is_old(&step.target)? {
            return Ok(Some(step));
        }
    }
    Ok(None)
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
