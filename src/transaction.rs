//! The transaction: everything one run changes in a scope becomes visible together, or not at all.
//!
//! Protocol [security.md §4.12]: stage everything in the state folder, which the client never scans; sync once; write
//! the journal (the commit point); exchange each staged thing with its target; drop the journal. Invariant: with a
//! journal on disk, [`recover`] completes the run; without one, nothing of it ever happened. Others may write the same
//! files at any time: a step that met something else than it was made for takes everything back.

mod meanwhile;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::model::digest::{FileDigest, TreeDigest};
use crate::model::relpath::RelPath;
use crate::model::tree::Tree;
use crate::receipt::{self, Stamp};
use meanwhile::{Sight, Standing};

const FORMAT: u32 = 1;

/// A change being prepared. Dropping it without [`Transaction::commit`] undoes everything.
#[derive(Debug)]
pub struct Transaction {
    state: PathBuf,
    steps: Vec<Step>,
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

/// What came of recovering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Recovered {
    /// Nothing was left.
    Nothing,
    /// The interrupted run was completed.
    Completed,
    /// The interrupted run was taken back, because the client changed its file since.
    TakenBack,
}

/// One target and what it becomes; identities are digests, so that recovery can tell what already happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    target: PathBuf,
    /// Where the new content waits, and where the old one is afterwards.
    staged: PathBuf,
    old: Option<String>,
    new: Option<String>,
    /// Whether the client writes the file too, at any time.
    #[serde(default)]
    shared: bool,
    /// The file that is to be replaced, as it was seen last; known to the run that saw it only.
    #[serde(skip)]
    sight: Option<Sight>,
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
        Ok(Transaction { state: state.to_path_buf(), steps: Vec::new(), read: BTreeMap::new() })
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
    /// [`Kind::FileSystem`].
    pub fn put_dir(&mut self, target: &Path, tree: &Tree) -> Result<BTreeMap<RelPath, Stamp>> {
        let staged = self.next_slot();
        fsx::tree::write(tree, &staged)?;
        let stamps = receipt::stamps(tree, &staged)?;
        let new = Some(TreeDigest::of(tree).to_string());
        self.push(target, staged, new, Privacy::Shared)?;
        Ok(stamps)
    }

    /// Stages a file. It gets mode, owner and attributes of the one it replaces; a symbolic link is written through.
    ///
    /// # Errors
    /// [`Kind::FileSystem`]; also when the file may not be written.
    pub fn put_file(&mut self, target: &Path, bytes: &[u8], privacy: Privacy) -> Result<()> {
        let target = fsx::resolve_link(target);
        let staged = self.slot_near(&target)?;
        fsx::remove_any(&staged)?;
        fsx::write_new(&staged, bytes, false)?;
        if target.exists() {
            fsx::attributes::refuse_read_only(&target)?;
            fsx::attributes::copy(&target, &staged)?;
        } else if privacy == Privacy::Owner {
            restrict(&staged)?;
        }
        self.push(&target, staged, Some(FileDigest::of(bytes).hex()), privacy)
    }

    /// Plans the removal of a folder. A link that stands in its place goes itself; what it leads to is not ours.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove_dir(&mut self, target: &Path) -> Result<()> {
        let staged = self.next_slot();
        self.push(target, staged, None, Privacy::Shared)
    }

    /// Plans the removal of a file; a symbolic link to it stays.
    ///
    /// # Errors
    /// [`Kind::FileSystem`]; also when the file may not be written.
    pub fn remove(&mut self, target: &Path, privacy: Privacy) -> Result<()> {
        let target = fsx::resolve_link(target);
        if target.exists() {
            fsx::attributes::refuse_read_only(&target)?;
        }
        let staged = self.slot_near(&target)?;
        self.push(&target, staged, None, privacy)
    }

    /// Makes everything happen, or nothing when somebody else wrote one of the targets meanwhile.
    ///
    /// # Errors
    /// [`Kind::FileSystem`]. Before the journal is written nothing has changed; after it, the next run completes it.
    pub fn commit(mut self) -> Result<Outcome> {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return Ok(Outcome::Done);
        }
        if let Some(step) = meanwhile::first_changed(&steps)? {
            return Ok(Outcome::Changed(step.target.clone()));
        }
        for step in &steps {
            fsx::create_dirs(step.target.parent().unwrap_or(&self.state))?;
        }
        fsx::sync_all(&self.state)?;
        // That took time.
        if let Some(step) = meanwhile::first_changed(&steps)? {
            return Ok(Outcome::Changed(step.target.clone()));
        }
        write_journal(&self.state, &steps)?;
        for (at, step) in steps.iter().enumerate() {
            if !meanwhile::replace(step)? {
                take_back(&self.state, &steps, &steps[..=at])?;
                return Ok(Outcome::Changed(step.target.clone()));
            }
        }
        finish(&self.state, &steps)?;
        Ok(Outcome::Done)
    }

    fn push(&mut self, target: &Path, staged: PathBuf, new: Option<String>, privacy: Privacy) -> Result<()> {
        let (before, there) = (Sight::of(target), identity(target)?);
        let old = self.read.get(target).cloned().unwrap_or_else(|| there.clone());
        // A look is worth something only if it shows what was read.
        let sight = before.filter(|_| there == old && before == Sight::of(target));
        let (target, shared) = (target.to_path_buf(), privacy == Privacy::Owner);
        self.steps.push(Step { target, staged, old, new, shared, sight });
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

/// Completes or takes back what an interrupted run left. `may_write` knows the places of cpm: a journal can come with a stranger's project, and must not reach anything else.
///
/// # Errors
/// [`Kind::Recovery`] when a target is neither as it was nor as it should become: somebody changed it since;
/// [`Kind::UnsafeTree`] when the journal names other places.
pub fn recover(state: &Path, may_write: &dyn Fn(&Path) -> bool) -> Result<Recovered> {
    let journal = journal_file(state);
    fsx::remove_any(&unfinished_journal(state))?;
    let Some(bytes) = fsx::read_optional(&journal)? else {
        fsx::remove_any(&stage_dir(state))?;
        return Ok(Recovered::Nothing);
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
    resume(state, &parsed.steps)
}

fn resume(state: &Path, steps: &[Step]) -> Result<Recovered> {
    let standings = steps.iter().map(meanwhile::standing).collect::<Result<Vec<_>>>()?;
    let with = |wanted: &[Standing]| {
        let found = steps.iter().zip(&standings).filter(|(_, standing)| wanted.contains(standing));
        found.map(|(step, _)| step.clone()).collect::<Vec<_>>()
    };
    if let Some(step) = with(&[Standing::Changed]).first() {
        return Err(changed_since(step));
    }
    let mut happened = with(&[Standing::Done, Standing::Displaced]);
    let built_on = with(&[Standing::BuiltOn]);
    let mut is_overtaken = !with(&[Standing::Displaced, Standing::Overtaken]).is_empty();
    for step in with(&[Standing::Waiting]) {
        if !is_overtaken {
            is_overtaken = !meanwhile::replace(&step)?;
            happened.push(step);
        }
    }
    if !is_overtaken {
        finish(state, steps)?;
        return Ok(Recovered::Completed);
    }
    // What somebody built on cannot be taken back without losing it.
    built_on.first().map_or(Ok(()), |step| Err(changed_since(step)))?;
    take_back(state, steps, &happened)?;
    Ok(Recovered::TakenBack)
}

/// Whether a step is staged where [`Transaction::slot_near`] stages.
fn is_slot(state: &Path, step: &Step) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let in_stage = step.staged.parent() == Some(&stage_dir(state)) && name(&step.staged).parse::<usize>().is_ok();
    in_stage || step.staged == step.target.with_file_name(format!(".{}.cpm-staged", name(&step.target)))
}

fn changed_since(step: &Step) -> Error {
    Error::new(Kind::Recovery, format!("`{}` changed after an interrupted run", step.target.display()))
        .at_path(&step.target)
        .because("it is neither what it was before that run nor what the run would have made it")
        .help("move it away and run again; what the run wanted to put there is locked and comes back")
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

/// Undoes the steps that have happened, the last one first, then forgets all.
fn take_back(state: &Path, steps: &[Step], happened: &[Step]) -> Result<()> {
    for step in happened.iter().rev() {
        meanwhile::take_back(step)?;
    }
    finish(state, steps)
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
    if !metadata.is_file() {
        // Reading a pipe would wait for ever.
        return Ok(Some("foreign".to_owned()));
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
