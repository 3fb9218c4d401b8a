//! The transaction: everything one run changes in a scope becomes visible together, or not at all.
//!
//! Protocol [security.md §4.12]: stage everything on the file system of its target, where the client never looks; sync
//! once; write the journal (the commit point); exchange each staged thing with its target; drop the journal. Invariant:
//! with a journal on disk, [`look`] finds the run and completes it or takes it back; without one, nothing of it happened.
//! Others may write the same files at any time: a step that met something else than it was made for takes all back.

mod folders;
mod identity;
mod journal;
mod recovery;
mod slots;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

pub use folders::{Folders, leads_out};
pub use recovery::{Interrupted, Left, Recovered, look};

use crate::claude::paths::ScopePlaces;
use crate::error::{Error, IoContext as _, Result};
use crate::fsx;
use crate::fsx::dir::{Place, Sort};
use crate::fsx::failpoint;
use crate::model::digest::{FileDigest, TreeDigest};
use crate::model::relpath::RelPath;
use crate::model::tree::Tree;
use crate::receipt::Stamp;
use identity::{identity, sight};
use journal::Journal;
use step::{Standing, Step};

/// A change being prepared. Dropping it without [`Transaction::commit`] undoes everything.
#[derive(Debug)]
pub struct Transaction {
    folders: Folders,
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

/// The place of the lock that a run holds in the state folder, which is made.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn lock_place(folders: &Folders) -> Result<Place> {
    folders.make(&folders.state, &mut Vec::new())?;
    folders.there(&folders.state.join("lock"))
}

/// Makes the state folder, which keeps itself out of git. Whoever is not alone holds its lock.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn prepare_state(folders: &Folders) -> Result<()> {
    folders.make(&folders.state, &mut Vec::new())?;
    let ignore = folders.there(&folders.state.join(".gitignore"))?;
    if ignore.look()?.is_none_or(|seen| seen.size == 0) {
        let whole = folders.there(&folders.state.join("gitignore.tmp"))?;
        whole.remove()?;
        whole.write_new(b"*\n", false)?;
        fsx::swap::replace(&whole, &ignore)?;
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
    /// Begins a transaction in a scope whose lock the caller holds and which is recovered.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn begin(places: &ScopePlaces) -> Result<Self> {
        let folders = Folders::of(places, &[]);
        folders.make(&places.state, &mut Vec::new())?;
        let (steps, slots, made, read) = Default::default();
        Ok(Transaction { folders, steps, slots, made, committed: false, read })
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
        let staged = self.slot(slots::for_dir(&self.folders, target, self.slots.len())?)?;
        let mut stamps = BTreeMap::new();
        fsx::tree::write_in(tree, &self.folders.there(&staged)?, &mut |path, content, file| {
            let metadata = file.metadata().path("look at", &path.below(&staged))?;
            stamps.insert(path.clone(), Stamp::of(content, &metadata));
            Ok(())
        })?;
        self.push(target, staged, Some(TreeDigest::of(tree).to_string()), Privacy::Shared)?;
        Ok(stamps)
    }

    /// Stages a file. It gets mode, owner and attributes of the one it replaces; a symbolic link is written through.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`]; also when the file may not be written.
    pub fn put_file(&mut self, target: &Path, bytes: &[u8], privacy: Privacy) -> Result<()> {
        let target = self.folders.resolved(target)?;
        let is_there = target.exists();
        if is_there {
            fsx::attributes::refuse_read_only(&target)?;
        }
        let staged = self.slot(slots::for_file(&self.folders, &target, self.slots.len())?)?;
        let file = self.folders.write_new(&staged, bytes)?;
        if is_there {
            fsx::attributes::copy(&self.folders.there(&target)?.open()?, &file, &target)?;
        } else if privacy == Privacy::Owner {
            restrict(&file, &target)?;
        }
        self.push(&target, staged, Some(FileDigest::of(bytes).hex()), privacy)
    }

    /// Plans the removal of a folder. A link that stands in its place goes itself; what it leads to is not ours.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn remove_dir(&mut self, target: &Path) -> Result<()> {
        let staged = self.slot(slots::for_dir(&self.folders, target, self.slots.len())?)?;
        self.push(target, staged, None, Privacy::Shared)
    }

    /// Plans the removal of a file; a symbolic link to it stays.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`]; also when the file may not be written.
    pub fn remove(&mut self, target: &Path, privacy: Privacy) -> Result<()> {
        let target = self.folders.resolved(target)?;
        if !target.exists() {
            return Ok(());
        }
        fsx::attributes::refuse_read_only(&target)?;
        let staged = self.slot(slots::for_file(&self.folders, &target, self.slots.len())?)?;
        if staged == slots::beside(&self.folders, &target)? {
            self.folders.write_new(&staged, b"")?;
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
        if let Some(path) = self.first_changed(&steps)? {
            return Ok(Outcome::Changed(path));
        }
        for step in &steps {
            self.folders.make(step.target.parent().unwrap_or(&self.folders.state), &mut self.made)?;
        }
        let Journal { steps, .. } = self.write_journal(steps)?;
        // That took time.
        if let Some(path) = self.first_changed(&steps)? {
            return Ok(Outcome::Changed(path));
        }
        if !failpoint::is_set("no-journal") {
            journal::commit(&self.folders).map_err(|error| self.explained(error))?;
        }
        for (at, step) in steps.iter().enumerate() {
            match step.happen(&self.folders) {
                Ok(true) => {}
                Ok(false) => {
                    self.take_back(&steps, Some(at)).map_err(|error| self.explained(error))?;
                    return Ok(Outcome::Changed(step.target.clone()));
                }
                Err(error) => return Err(self.failed(&steps, Some(at), error)),
            }
        }
        if let Err(error) = sync_changed(&self.folders.state, &steps) {
            return Err(self.failed(&steps, None, error));
        }
        self.committed = true;
        if journal::is_there(&self.folders) {
            journal::forget(&self.folders).map_err(in_place)?;
        }
        Ok(Outcome::Done)
    }

    /// The first step's target that is not any more what it is to replace, or a folder that another one took the place
    /// of. Folders are seen when they are displaced: looking into them takes longer than what may happen meanwhile.
    fn first_changed(&self, steps: &[Step]) -> Result<Option<PathBuf>> {
        for step in steps {
            let is_folder = self.folders.look(&step.target)?.is_some_and(|seen| seen.kind == Sort::Folder);
            if !is_folder && !step.is_old(&self.folders, &step.target)? {
                return Ok(Some(step.target.clone()));
            }
        }
        Ok(self.folders.first_moved())
    }

    /// Writes the journal, though not yet where it counts, and makes it durable with all that it speaks of.
    fn write_journal(&self, steps: Vec<Step>) -> Result<Journal> {
        let journal = Journal { steps, made: self.made.clone() };
        if !failpoint::is_set("no-journal") {
            journal.prepare(&self.folders)?;
        }
        self.sync_staged(&journal.steps)?;
        Ok(journal)
    }

    /// Makes durable what is staged, and the folders it goes to.
    fn sync_staged(&self, steps: &[Step]) -> Result<()> {
        let state = &self.folders.state;
        fsx::sync::all(state)?;
        let own = fsx::device(state)?;
        for step in steps {
            let near = step.staged.parent().unwrap_or(state);
            // One call does a file system where there is such a call, else only the folder.
            let is_synced = near == state || (cfg!(target_os = "linux") && fsx::device(near)? == own);
            if !is_synced && step.new.is_some() {
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
            Ok(match step.standing(&self.folders)? {
                // As somebody else left it, before cpm came to it.
                Standing::Changed if has_failed => Standing::Waiting,
                standing => standing,
            })
        };
        step::take_back(&self.folders, tried, &standing).and_then(|()| close(&self.folders, steps))
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
        if journal::is_there(&self.folders) { error.help(help) } else { error }
    }

    fn push(&mut self, target: &Path, staged: PathBuf, new: Option<String>, privacy: Privacy) -> Result<()> {
        let folders = &self.folders;
        let (before, there) = (sight(folders, target)?, identity(folders, target)?);
        let old = self.read.get(target).cloned().unwrap_or_else(|| there.clone());
        // A look is worth something only if it shows what was read.
        let sight =
            if there == old { before.filter(|_| sight(folders, target).is_ok_and(|now| now == before)) } else { None };
        if (&old, &there, &new) != (&None, &None, &None) {
            let (target, shared) = (target.to_path_buf(), privacy == Privacy::Owner);
            self.steps.push(Step { target, staged, old, new, shared, sight });
        }
        Ok(())
    }

    /// Takes a slot for use: empty, and known to whoever cleans up.
    fn slot(&mut self, slot: PathBuf) -> Result<PathBuf> {
        slots::note(&self.folders, self.slots.len(), &slot)?;
        self.slots.push(slot.clone());
        self.folders.make(slot.parent().unwrap_or(&self.folders.state), &mut self.made)?;
        self.folders.remove(&slot)?;
        Ok(slot)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Transaction { folders, slots, made, committed, .. } = self;
        if journal::is_there(folders) {
            return;
        }
        // What cannot be removed now is removed by the next run.
        let _ = folders.remove(&journal::unfinished(&folders.state));
        for (number, slot) in slots.iter().enumerate() {
            // What says that there is one elsewhere goes after it.
            let _ = folders.remove(slot).and_then(|()| folders.remove(&slots::numbered(&folders.state, number)));
        }
        let near = |dir: &&PathBuf| !*committed || slots.iter().any(|slot| slot.parent() == Some(dir));
        folders.remove_empty(made.iter().filter(near));
    }
}

/// Makes a change durable that was applied or taken back as a whole, then forgets how it came about.
fn close(folders: &Folders, steps: &[Step]) -> Result<()> {
    sync_changed(&folders.state, steps)?;
    if journal::is_there(folders) { journal::forget(folders) } else { Ok(()) }
}

/// Makes durable what changed places: the folders on both sides.
fn sync_changed(state: &Path, steps: &[Step]) -> Result<()> {
    let sides = steps.iter().flat_map(|step| [step.target.parent(), step.staged.parent()]).flatten();
    let there: BTreeSet<PathBuf> = sides.filter(|dir| dir.is_dir()).map(Path::to_path_buf).collect();
    fsx::sync::dirs(there.into_iter().chain([state.to_path_buf()]))
}

/// A failure when nothing was left to do but to clean up.
fn in_place(error: Error) -> Error {
    error.help("everything is in place; solve this, then run again: the next run cleans up")
}

fn restrict(file: &File, target: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).path("set the mode of the new", target)?;
    }
    #[cfg(not(unix))]
    let _ = (file, target);
    Ok(())
}

#[cfg(test)]
mod tests;
