//! The journal: what a committed run was about to do, in one line of JSON and a line with the digest of the first.
//!
//! Invariant: nothing of a run is applied before its journal is whole and durable. So one without its second line was
//! never durable, and nothing of what it says happened.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folders::Folders;
use super::slots;
use super::step::Step;
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::digest::FileDigest;

const FORMAT: u32 = 2;

/// A run that is to happen as a whole.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) steps: Vec<Step>,
    /// Folders that the run made, each after the one it is in.
    pub(super) made: Vec<PathBuf>,
}

/// What a journal file says.
#[derive(Debug)]
pub(super) enum Read {
    /// There is none.
    Absent,
    /// It was never written to its end.
    Torn,
    /// All of it.
    Whole(Journal),
}

#[derive(Serialize, Deserialize)]
struct RawJournal {
    format: u32,
    steps: Vec<RawStep>,
    #[serde(default)]
    made: Vec<String>,
}

/// Paths below the folder that holds the state folder are relative to it, so that the folder may be moved.
#[derive(Serialize, Deserialize)]
struct RawStep {
    target: String,
    staged: String,
    old: Option<String>,
    new: Option<String>,
    #[serde(default)]
    shared: bool,
}

pub(super) fn file(state: &Path) -> PathBuf {
    state.join("journal.json")
}

/// A journal that is being written: it says nothing yet.
pub(super) fn unfinished(state: &Path) -> PathBuf {
    state.join("journal.tmp")
}

impl Journal {
    /// Writes it, but not yet where it counts.
    pub(super) fn prepare(&self, folders: &Folders) -> Result<()> {
        let state = &folders.state;
        let steps = self.steps.iter().map(|step| {
            Ok(RawStep {
                target: text(state, &step.target)?,
                staged: text(state, &step.staged)?,
                old: step.old.clone(),
                new: step.new.clone(),
                shared: step.shared,
            })
        });
        let made = self.made.iter().map(|dir| text(state, dir));
        let raw =
            RawJournal { format: FORMAT, steps: steps.collect::<Result<_>>()?, made: made.collect::<Result<_>>()? };
        let line = serde_json::to_string(&raw)
            .map_err(|cause| Error::new(Kind::Bug, "the journal cannot be written").because(cause))?;
        let digest = FileDigest::of(line.as_bytes()).hex();
        let unfinished = unfinished(state);
        folders.remove(&unfinished)?;
        folders.write_new(&unfinished, format!("{line}\n{digest}\n").as_bytes()).map(drop)
    }
}

/// The commit point: gives a prepared and synced journal its name.
pub(super) fn commit(folders: &Folders) -> Result<()> {
    let journal = folders.there(&file(&folders.state))?;
    fsx::swap::replace(&folders.there(&unfinished(&folders.state))?, &journal)?;
    fsx::sync::dir(&folders.state).inspect_err(|_| {
        // Nothing was applied yet; where this fails too, the next run completes what the journal says.
        let _ = journal.remove();
    })
}

/// Forgets a run that was applied or taken back as a whole.
pub(super) fn forget(folders: &Folders) -> Result<()> {
    folders.remove(&file(&folders.state))?;
    fsx::sync::dir(&folders.state)
}

/// Whether there is one.
pub(super) fn is_there(folders: &Folders) -> bool {
    folders.look(&file(&folders.state)).is_ok_and(|seen| seen.is_some())
}

/// Reads the journal.
///
/// # Errors
/// [`Kind::Recovery`] when it is whole but not what cpm wrote, or from a newer cpm; [`Kind::FileSystem`].
pub(super) fn read(folders: &Folders) -> Result<Read> {
    let state = &folders.state;
    let path = file(state);
    if folders.look(&path)?.is_none() {
        return Ok(Read::Absent);
    }
    let bytes = folders.there(&path)?.read()?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (line, digest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // What a newer cpm writes need not end as ours does.
    if let Ok(Format { format }) = serde_json::from_slice(line)
        && format != FORMAT
    {
        return Err(unreadable(&path, format!("it has format {format}, and this cpm reads {FORMAT}"))
            .help("run the cpm that was interrupted, or a newer one: it completes its own run"));
    }
    let damaged = || unreadable(&path, "its bytes are not those that cpm wrote".to_owned());
    let expected = FileDigest::of(line).hex();
    if digest.len() < expected.len() {
        let is_cut_off = match digest {
            [] => !bytes.ends_with(b"\n") || serde_json::from_slice::<Format>(line).is_ok(),
            _ => !bytes.ends_with(b"\n"),
        };
        return if is_cut_off { Ok(Read::Torn) } else { Err(damaged()) };
    }
    if expected.as_bytes() != digest {
        return Err(damaged());
    }
    let raw: RawJournal = serde_json::from_slice(line).map_err(|cause| unreadable(&path, cause.to_string()))?;
    let full = |text: &String| slots::base(state).join(text);
    let step = |raw: &RawStep| Step {
        target: full(&raw.target),
        staged: full(&raw.staged),
        old: raw.old.clone(),
        new: raw.new.clone(),
        shared: raw.shared,
        sight: None,
    };
    Ok(Read::Whole(Journal { steps: raw.steps.iter().map(step).collect(), made: raw.made.iter().map(full).collect() }))
}

/// What every format of the journal says first.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn unreadable(path: &Path, cause: String) -> Error {
    Error::new(Kind::Recovery, "an interrupted run left a journal that cannot be understood")
        .at_path(path)
        .because(cause)
        .help("look what `cpm verify` says; then move the file away, and `cpm install` completes what is missing")
}

fn text(state: &Path, path: &Path) -> Result<String> {
    let shown = path.strip_prefix(slots::base(state)).unwrap_or(path);
    shown.to_str().map(str::to_owned).ok_or_else(|| {
        Error::new(Kind::FileSystem, "a journal cannot hold this path, so nothing was changed")
            .at_path(path)
            .because("it is not UTF-8")
            .help("give the folder another name")
    })
}
