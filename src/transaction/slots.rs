//! Where new things wait before they are put in place, and old ones afterwards.
//!
//! Invariant: a slot is on the file system of its target, outside of what the client scans wherever there is such a
//! place. What a project cannot bring along, such as the client's own state in the home directory, waits beside its
//! target: so a journal that came with a stranger's project finds nothing there to put in place.

use std::path::{Component, Path, PathBuf};

use crate::claude::paths::ScopePlaces;
use crate::error::{IoContext as _, Result};
use crate::fsx;
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
pub(super) fn beside(state: &Path, target: &Path) -> PathBuf {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}{}", mark(state)))
}

/// Whether a project cannot bring this place along, because it is outside of it or git's own.
pub(super) fn is_beyond(state: &Path, target: &Path) -> bool {
    target.strip_prefix(base(state)).map_or(true, |inside| inside.components().any(|part| is_git(&part)))
}

fn is_git(part: &Component<'_>) -> bool {
    part.as_os_str() == ".git"
}

/// The slot for a file.
pub(super) fn for_file(state: &Path, target: &Path, number: usize) -> Result<PathBuf> {
    let near = fsx::nearest(target.parent().unwrap_or(state));
    let is_near = is_beyond(state, target) || fsx::device(near)? != fsx::device(state)?;
    Ok(if is_near { beside(state, target) } else { numbered(state, number) })
}

/// The slot for a folder.
pub(super) fn for_dir(state: &Path, target: &Path, number: usize) -> Result<PathBuf> {
    let skills = target.parent().unwrap_or(state);
    let device = fsx::device(fsx::nearest(skills))?;
    if device == fsx::device(state)? {
        return Ok(numbered(state, number));
    }
    let near = near_folders(state, skills);
    let above = skills.parent().is_some_and(|above| fsx::device(above).is_ok_and(|other| other == device));
    Ok(near[usize::from(!above)].join(number.to_string()))
}

/// The folders on the file system of the skills folder where folders can wait: beside it, or in it, so deep that the
/// client does not look there [claude-code.md §3.3].
fn near_folders(state: &Path, skills: &Path) -> [PathBuf; 2] {
    [skills.with_file_name(mark(state)), skills.join(mark(state))]
}

/// Whether a slot is one that a target of this state folder can have.
pub(super) fn is_slot(state: &Path, target: &Path, staged: &Path) -> bool {
    let is_number = |text: &str| text.parse::<usize>().is_ok();
    let name = staged.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let in_state = staged.parent() == Some(state) && name.strip_prefix(STAGED).is_some_and(is_number);
    let in_near = || {
        let skills = target.parent().unwrap_or(state);
        is_number(name) && near_folders(state, skills).iter().any(|near| staged.parent() == Some(near))
    };
    staged == beside(state, target) || (!is_beyond(state, target) && (in_state || in_near()))
}

/// Notes in the state folder that a slot is elsewhere, for [`clear`].
pub(super) fn note(state: &Path, number: usize, slot: &Path) -> Result<()> {
    let noted = numbered(state, number);
    if noted == slot { Ok(()) } else { fsx::write_new(&noted, b"", false) }
}

/// Removes all slots, wherever runs with this state folder can have them.
pub(super) fn clear(state: &Path, places: &[ScopePlaces]) -> Result<()> {
    let mut numbered = Vec::new();
    for entry in std::fs::read_dir(state).path("read the folder", state)? {
        let path = entry.path("read the folder", state)?.path();
        if is_numbered(&path) {
            numbered.push(path);
        }
    }
    if numbered.is_empty() {
        return Ok(());
    }
    for place in places {
        for target in place.files() {
            let slot = beside(state, &target);
            fsx::remove_any(&fsx::swap::aside(&slot))?;
            fsx::remove_any(&slot)?;
        }
        for near in near_folders(state, &place.skills) {
            fsx::remove_any(&near)?;
        }
    }
    // Last, because they are what says that there are others.
    numbered.iter().try_for_each(|slot| fsx::remove_any(slot))
}

/// What the slots elsewhere are called by: no two state folders use the same, so none takes those of another.
fn mark(state: &Path) -> String {
    let real = state.canonicalize().unwrap_or_else(|_| state.to_path_buf());
    format!(".cpm-{}", &FileDigest::of(real.as_os_str().as_encoded_bytes()).hex()[..8])
}
