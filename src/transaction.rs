//! The transaction: everything one run changes in a scope becomes visible together, or not at all.
//!
//! Protocol [security.md §4.12]: stage everything in the state folder, which the client never scans; sync once; write
//! the journal (the commit point); exchange each staged thing with its target; drop the journal. Invariant: with a
//! journal on disk, [`recover`] completes the run; without one, nothing of it ever happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::model::digest::{FileDigest, TreeDigest};
use crate::model::relpath::RelPath;
use crate::model::tree::Tree;
use crate::receipt::{self, Stamp};

const FORMAT: u32 = 1;

/// A change being prepared. Dropping it without [`Transaction::commit`] undoes everything.
#[derive(Debug)]
pub struct Transaction {
    state: PathBuf,
    steps: Vec<Step>,
}

/// One target and what it becomes; identities are digests, so that recovery can tell what already happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    target: PathBuf,
    /// Where the new content waits, and where the old one is afterwards.
    staged: PathBuf,
    old: Option<String>,
    new: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Journal {
    format: u32,
    steps: Vec<Step>,
}

fn stage_dir(state: &Path) -> PathBuf {
    state.join("stage")
}

fn journal_file(state: &Path) -> PathBuf {
    state.join("journal.json")
}

/// A journal that is being written: it says nothing yet.
fn unfinished_journal(state: &Path) -> PathBuf {
    state.join("journal.tmp")
}

/// Makes the state folder, which keeps itself out of git.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn prepare_state(state: &Path) -> Result<()> {
    fsx::create_dirs(state)?;
    let ignore = state.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(&ignore, "*\n").path("write", &ignore)?;
    }
    Ok(())
}

impl Transaction {
    /// Begins a transaction in a state folder whose lock the caller holds and which is recovered.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn begin(state: &Path) -> Result<Self> {
        fsx::create_dirs(&stage_dir(state))?;
        Ok(Transaction { state: state.to_path_buf(), steps: Vec::new() })
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
        let staged = self.next_slot();
        fsx::tree::write(tree, &staged)?;
        let stamps = receipt::stamps(tree, &staged)?;
        let new = Some(TreeDigest::of(tree).to_string());
        self.push(target, staged, new)?;
        Ok(stamps)
    }

    /// Stages a file. The mode of the one it replaces is kept; a symbolic link is written through.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn put_file(&mut self, target: &Path, bytes: &[u8], privacy: Privacy) -> Result<()> {
        let target = fsx::resolve_link(target);
        let staged = self.slot_near(&target)?;
        fsx::remove_any(&staged)?;
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
        let staged = self.next_slot();
        self.push(target, staged, None)
    }

    /// Plans the removal of a file; a symbolic link to it stays.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove(&mut self, target: &Path) -> Result<()> {
        let target = fsx::resolve_link(target);
        let staged = self.slot_near(&target)?;
        self.push(&target, staged, None)
    }

    /// Makes everything happen.
    ///
    /// # Errors
    /// [`Kind::FileSystem`]. Before the journal is written nothing has changed; after it, the next run completes it.
    pub fn commit(mut self) -> Result<()> {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return Ok(());
        }
        for step in &steps {
            fsx::create_dirs(step.target.parent().unwrap_or(&self.state))?;
        }
        fsx::sync_all(&self.state)?;
        write_journal(&self.state, &steps)?;
        for step in &steps {
            apply(step)?;
        }
        finish(&self.state, &steps)
    }

    fn push(&mut self, target: &Path, staged: PathBuf, new: Option<String>) -> Result<()> {
        let old = identity(target)?;
        self.steps.push(Step { target: target.to_path_buf(), staged, old, new });
        Ok(())
    }

    fn next_slot(&self) -> PathBuf {
        stage_dir(&self.state).join(self.steps.len().to_string())
    }

    /// A place to stage that can be renamed to `target`: beside it where the state folder is on another file system.
    fn slot_near(&self, target: &Path) -> Result<PathBuf> {
        let parent = target.parent().unwrap_or(&self.state);
        if !parent.exists() || same_device(&self.state, parent)? {
            return Ok(self.next_slot());
        }
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(parent.join(format!(".{name}.cpm-staged")))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !journal_file(&self.state).exists() {
            // Staging that cannot be removed now is removed by the next run.
            let _ = fsx::remove_any(&stage_dir(&self.state));
        }
    }
}

/// Who may read a file that cpm makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// As the umask says.
    Shared,
    /// Only its owner, as the client does for its own state.
    Owner,
}

/// Whether an interrupted run waits to be completed.
#[must_use]
pub fn is_interrupted(state: &Path) -> bool {
    journal_file(state).exists()
}

/// Completes or discards what an interrupted run left; whether there was anything to complete. `may_write` knows the
/// places of cpm: a journal can come with a stranger's project, and must not reach anything else.
///
/// # Errors
/// [`Kind::Recovery`] when a target is neither as it was nor as it should become: somebody changed it since;
/// [`Kind::UnsafeTree`] when the journal names other places.
pub fn recover(state: &Path, may_write: &dyn Fn(&Path) -> bool) -> Result<bool> {
    let journal = journal_file(state);
    fsx::remove_any(&unfinished_journal(state))?;
    let Some(bytes) = fsx::read_optional(&journal)? else {
        fsx::remove_any(&stage_dir(state))?;
        return Ok(false);
    };
    let damaged = |cause: String| {
        Error::new(Kind::Recovery, "an interrupted run left a journal that cannot be understood")
            .at_path(&journal)
            .because(cause)
            .help("move the file away after checking what `cpm verify` says")
    };
    let parsed: Journal = serde_json::from_slice(&bytes).map_err(|cause| damaged(cause.to_string()))?;
    if parsed.format != FORMAT {
        return Err(damaged(format!("it has format {}, and this cpm reads {FORMAT}", parsed.format)));
    }
    if let Some(step) = parsed.steps.iter().find(|step| !may_write(&step.target) || !is_slot(state, step)) {
        return Err(Error::new(Kind::UnsafeTree, "a journal in the state folder names places that are not cpm's")
            .at_path(&journal)
            .because(format!("`{}` from `{}`", step.target.display(), step.staged.display()))
            .help("no run of cpm here wrote it; ask who gave you this folder, and delete the journal"));
    }
    for step in &parsed.steps {
        resume(step)?;
    }
    finish(state, &parsed.steps)?;
    Ok(true)
}

/// Whether a step is staged where [`Transaction::slot_near`] stages.
fn is_slot(state: &Path, step: &Step) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let in_stage = step.staged.parent() == Some(&stage_dir(state)) && name(&step.staged).parse::<usize>().is_ok();
    in_stage || step.staged == step.target.with_file_name(format!(".{}.cpm-staged", name(&step.target)))
}

fn resume(step: &Step) -> Result<()> {
    let now = identity(&step.target)?;
    if now == step.new {
        return Ok(());
    }
    if now == step.old && (step.new.is_none() || identity(&step.staged)? == step.new) {
        return apply(step);
    }
    Err(Error::new(Kind::Recovery, format!("`{}` changed after an interrupted run", step.target.display()))
        .at_path(&step.target)
        .because("it is neither what it was before that run nor what the run would have made it")
        .help("move it away and run again; what the run wanted to put there is locked and comes back"))
}

fn apply(step: &Step) -> Result<()> {
    match (&step.new, &step.old) {
        (Some(_), _) => fsx::swap::exchange(&step.staged, &step.target),
        (None, Some(_)) => std::fs::rename(&step.target, &step.staged).path("move away", &step.target),
        (None, None) => Ok(()),
    }
}

fn write_journal(state: &Path, steps: &[Step]) -> Result<()> {
    let journal = Journal { format: FORMAT, steps: steps.to_vec() };
    let bytes = serde_json::to_vec(&journal)
        .map_err(|cause| Error::new(Kind::Bug, "the journal cannot be written").because(cause))?;
    let temporary = unfinished_journal(state);
    fsx::remove_any(&temporary)?;
    fsx::write_new(&temporary, &bytes, false)?;
    sync(&temporary)?;
    let target = journal_file(state);
    std::fs::rename(&temporary, &target).path("move into place", &target)?;
    sync(state)
}

/// Makes the new state durable, then forgets how to get there and what was before.
fn finish(state: &Path, steps: &[Step]) -> Result<()> {
    fsx::sync_all(state)?;
    let journal = journal_file(state);
    std::fs::remove_file(&journal).path("remove", &journal)?;
    for step in steps {
        fsx::remove_any(&step.staged)?;
    }
    fsx::remove_any(&stage_dir(state))
}

fn sync(path: &Path) -> Result<()> {
    let handle = std::fs::File::open(path).path("open", path)?;
    handle.sync_all().path("sync", path)
}

/// What is at a path: the digest of a file or folder, where a link leads, or nothing.
fn identity(path: &Path) -> Result<Option<String>> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(None) };
    if metadata.is_dir() {
        // What cpm could not have written, such as a link, is still some identity, and never ours.
        return Ok(Some(
            fsx::tree::read(path).map_or_else(|_| "foreign".to_owned(), |tree| TreeDigest::of(&tree).to_string()),
        ));
    }
    if metadata.is_symlink() {
        let target = std::fs::read_link(path).path("read the link", path)?;
        return Ok(Some(format!("link to {}", target.display())));
    }
    let bytes = std::fs::read(path).path("read", path)?;
    Ok(Some(FileDigest::of(&bytes).hex()))
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

#[cfg(unix)]
fn same_device(a: &Path, b: &Path) -> Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).path("look at", path);
    Ok(device(a)? == device(b)?)
}

#[cfg(not(unix))]
fn same_device(_: &Path, _: &Path) -> Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests;
