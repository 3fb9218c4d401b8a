//! Where new things wait before they are put in place, and old ones afterwards.
//!
//! Invariant: a slot is on the file system of its target, outside of what the client scans wherever there is such a
//! place. What a project cannot bring along, such as the client's own state in the home directory, waits beside its
//! target: so a journal that came with a stranger's project finds nothing there to put in place.

use std::path::{Component, Path, PathBuf};

use super::folders::Folders;
use crate::claude::paths::ScopePlaces;
use crate::error::Result;
use crate::fsx;
use crate::fsx::dir::Place;
use crate::model::digest::FileDigest;

/// How the names of slots in the state folder begin.
const STAGED: &str = "staged-";

/// The folder that holds the state folder: the project, or the client's configuration.
pub(super) fn base(state: &Path) -> &Path {
    state.parent().unwrap_or(state)
}

/// A slot in the state folder.
pub(super) fn numbered(state: &Path, number: usize) -> PathBuf {
    state.join(format!("{STAGED}{number}"))
}

/// Whether a path is called as a slot in the state folder is.
pub(super) fn is_numbered(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STAGED))
}

/// The slot of a file that waits beside its target.
pub(super) fn beside(folders: &Folders, target: &Path) -> Result<PathBuf> {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(target.with_file_name(format!(".{name}{}", mark(folders)?)))
}

/// Whether a project cannot bring this place along, because it is outside of it or git's own.
pub(super) fn is_beyond(state: &Path, target: &Path) -> bool {
    target.strip_prefix(base(state)).map_or(true, |inside| inside.components().any(|part| is_git(&part)))
}

fn is_git(part: &Component<'_>) -> bool {
    part.as_os_str() == ".git"
}

/// The slot for a file.
pub(super) fn for_file(folders: &Folders, target: &Path, number: usize) -> Result<PathBuf> {
    let state = &folders.state;
    let near = fsx::nearest(target.parent().unwrap_or(state));
    let is_near = is_beyond(state, target) || fsx::device(near)? != fsx::device(state)?;
    if is_near { beside(folders, target) } else { Ok(numbered(state, number)) }
}

/// The slot for a folder.
pub(super) fn for_dir(folders: &Folders, target: &Path, number: usize) -> Result<PathBuf> {
    let state = &folders.state;
    let skills = target.parent().unwrap_or(state);
    let device = fsx::device(fsx::nearest(skills))?;
    if device == fsx::device(state)? {
        return Ok(numbered(state, number));
    }
    let near = near_folders(folders, skills)?;
    let above = skills.parent().is_some_and(|above| fsx::device(above).is_ok_and(|other| other == device));
    Ok(near[usize::from(!above)].join(number.to_string()))
}

/// The folders on the file system of the skills folder where folders can wait: beside it, or in it, so deep that the
/// client does not look there [claude-code.md §3.3].
fn near_folders(folders: &Folders, skills: &Path) -> Result<[PathBuf; 2]> {
    let mark = mark(folders)?;
    Ok([skills.with_file_name(&mark), skills.join(&mark)])
}

/// Whether a slot is one that a target of this state folder can have.
pub(super) fn is_slot(folders: &Folders, target: &Path, staged: &Path) -> Result<bool> {
    let state = folders.state.as_path();
    let is_number = |text: &str| text.parse::<usize>().is_ok();
    let name = staged.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let in_state = staged.parent() == Some(state) && name.strip_prefix(STAGED).is_some_and(is_number);
    let near = near_folders(folders, target.parent().unwrap_or(state))?;
    let in_near = is_number(name) && near.iter().any(|near| staged.parent() == Some(near));
    Ok(staged == beside(folders, target)? || (!is_beyond(state, target) && (in_state || in_near)))
}

/// Notes in the state folder that a slot is elsewhere, for [`clear`].
pub(super) fn note(folders: &Folders, number: usize, slot: &Path) -> Result<()> {
    let noted = numbered(&folders.state, number);
    if noted == slot { Ok(()) } else { folders.write_new(&noted, b"").map(drop) }
}

/// Removes all slots, wherever runs with this state folder can have them.
pub(super) fn clear(folders: &Folders, places: &[ScopePlaces]) -> Result<()> {
    let entries = folders.in_state()?.into_iter();
    let numbered: Vec<_> = entries.filter(|place| is_numbered(Path::new(place.name()))).collect();
    if numbered.is_empty() {
        return Ok(());
    }
    for place in places {
        for target in place.files() {
            let slot = beside(folders, &target)?;
            let Some(slot) = folders.at(&slot)? else { continue };
            fsx::swap::aside(&slot).remove()?;
            slot.remove()?;
        }
        for near in near_folders(folders, &place.skills)? {
            folders.remove(&near)?;
        }
    }
    // Last, because they are what says that there are others.
    numbered.iter().try_for_each(Place::remove)
}

/// What the slots elsewhere are called by: no two state folders use the same, so none takes those of another.
fn mark(folders: &Folders) -> Result<String> {
    let digest = FileDigest::of(folders.real_state()?.as_os_str().as_encoded_bytes()).hex();
    Ok(format!(".cpm-{}", &digest[..8]))
}
