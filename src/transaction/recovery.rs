//! What the next run does about one that was interrupted: completes it, or where that cannot be takes it back.
//!
//! Invariant: a journal may have come with a stranger's project. It reaches only places of cpm, and what is outside of
//! the project only with a file that waits there already, which no project can bring along.

use std::path::{Path, PathBuf};

use super::folders::Folders;
use super::journal::{self, Journal, Read};
use super::step::{self, Standing, Step};
use super::{close, slots};
use crate::claude::paths::ScopePlaces;
use crate::error::{Error, Kind, Result};
use crate::fsx;

/// A run that was interrupted after its journal was written.
#[derive(Debug)]
pub struct Interrupted<'a> {
    folders: &'a Folders,
    places: &'a [ScopePlaces],
    journal: Journal,
}

/// What was left in a state folder.
#[derive(Debug)]
pub enum Left<'a> {
    /// Nothing that matters.
    Nothing,
    /// A journal that was never finished, so nothing had happened; it is gone now.
    Unfinished,
    /// A run that waits to be completed.
    Interrupted(Interrupted<'a>),
}

/// How an interrupted run ended.
#[derive(Debug)]
pub enum Recovered {
    /// All of it happened.
    Completed,
    /// It could not be completed, for this reason, and nothing of it is left.
    TakenBack(Error),
}

/// Looks for an interrupted run, and removes what one left that never began. `places` are those of all scopes with the
/// state folder of `folders`.
///
/// # Errors
/// [`Kind::Recovery`] for a journal that cannot be understood; [`Kind::UnsafeTree`] for one that names other places than
/// cpm's; [`Kind::FileSystem`].
pub fn look<'a>(folders: &'a Folders, places: &'a [ScopePlaces]) -> Result<Left<'a>> {
    let state = &folders.state;
    folders.remove(&journal::unfinished(state))?;
    let journal = match journal::read(folders)? {
        Read::Whole(journal) => journal,
        Read::Absent => {
            slots::clear(folders, places)?;
            return Ok(Left::Nothing);
        }
        Read::Torn => {
            slots::clear(folders, places)?;
            journal::forget(folders)?;
            return Ok(Left::Unfinished);
        }
    };
    let is_ours = |step: &Step| {
        let may_write = places.iter().any(|places| places.may_write(&step.target));
        Ok(may_write && slots::is_slot(folders, &step.target, &step.staged)?)
    };
    let is_above =
        |dir: &&PathBuf| journal.steps.iter().any(|step| step.target.starts_with(dir) || step.staged.starts_with(dir));
    let elsewhere = |place: &Path| {
        Error::new(Kind::UnsafeTree, "a journal in the state folder names places that are not cpm's")
            .at_path(&journal::file(state))
            .because(format!("`{}`", place.display()))
            .help("no run of cpm here wrote it; ask who gave you this folder, and delete the journal")
    };
    for step in &journal.steps {
        if !is_ours(step)? {
            return Err(elsewhere(&step.target).because(format!("from `{}`", step.staged.display())));
        }
    }
    if let Some(dir) = journal.made.iter().find(|dir| !is_above(dir)) {
        return Err(elsewhere(dir));
    }
    Ok(Left::Interrupted(Interrupted { folders, places, journal }))
}

impl Interrupted<'_> {
    /// Whether it was about to change this file.
    #[must_use]
    pub fn changes(&self, file: &Path) -> bool {
        let file = fsx::resolve_link(file);
        self.journal.steps.iter().any(|step| step.target == file)
    }

    /// Completes it, or takes it back.
    ///
    /// # Errors
    /// [`Kind::Recovery`] when somebody changed a target since; then nothing is touched. [`Kind::FileSystem`] when it can
    /// neither be completed nor taken back now.
    pub fn recover(self) -> Result<Recovered> {
        let Journal { steps, made } = &self.journal;
        let folders = self.folders;
        let standings = steps.iter().map(|step| step.standing(folders)).collect::<Result<Vec<_>>>()?;
        let with = |wanted: &[Standing]| -> Vec<&Step> {
            let paired = steps.iter().zip(&standings).filter(|(_, standing)| wanted.contains(standing));
            paired.map(|(step, _)| step).collect()
        };
        let changed = with(&[Standing::Changed]);
        if !changed.is_empty() {
            return Err(step::changed(&changed));
        }
        let failure = match with(&[Standing::Lost, Standing::Displaced]).first() {
            Some(step) => Some(overtaken(step)),
            None => with(&[Standing::Waiting]).into_iter().find_map(|step| match step.happen(folders) {
                Ok(true) => None,
                Ok(false) => Some(overtaken(step)),
                Err(error) => Some(error),
            }),
        };
        let recovered = match failure {
            None => Recovered::Completed,
            Some(failure) => {
                let taken_back = step::take_back(folders, steps, &|step| step.standing(folders));
                taken_back.map_err(|error| error.context(failure.message()))?;
                Recovered::TakenBack(failure)
            }
        };
        close(folders, steps)?;
        if matches!(recovered, Recovered::TakenBack(_)) {
            folders.remove_empty(made);
        }
        slots::clear(folders, self.places)?;
        Ok(recovered)
    }
}

fn overtaken(step: &Step) -> Error {
    Error::new(Kind::Conflict, format!("`{}` is not as that run left it", step.target.display())).at_path(&step.target)
}
