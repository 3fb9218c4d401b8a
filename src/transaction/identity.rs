//! By what contents are told apart, whatever they are.

use std::path::Path;

use super::folders::Folders;
use crate::error::{Kind, Result};
use crate::fsx;
use crate::fsx::dir::{Place, Seen, Sort};
use crate::model::digest::{FileDigest, TreeDigest};

/// What is at a path: the digest of a file or folder, where a link leads, or nothing.
///
/// # Errors
/// [`Kind::FileSystem`] when that cannot be read: then nobody may take it for something else.
pub(super) fn identity(folders: &Folders, path: &Path) -> Result<Option<String>> {
    let Some(place) = folders.at(path)? else { return Ok(None) };
    place.look()?.map(|seen| of_what_is_there(&place, seen)).transpose()
}

fn of_what_is_there(place: &Place, seen: Seen) -> Result<String> {
    match seen.kind {
        Sort::File => Ok(FileDigest::of(&place.read()?).hex()),
        Sort::Link => Ok(format!("link to {}", place.read_link()?.display())),
        Sort::Folder => {
            let dir = place.enter()?;
            match fsx::tree::read_in(&dir) {
                Ok(tree) => Ok(TreeDigest::of(&tree).to_string()),
                Err(error) if error.kind() == Kind::FileSystem => Err(error),
                // No package, so not from cpm; still it must be known again.
                Err(_) => Ok(format!("folder {}", FileDigest::of(fsx::tree::outline(&dir)?.as_bytes()).hex())),
            }
        }
        // Reading a pipe would wait for ever.
        Sort::Other => Ok("foreign".to_owned()),
    }
}

/// A file as one look shows it: of two equal looks, neither found other bytes than the other. `None` for anything else,
/// and where the platform does not number files.
pub(super) fn sight(folders: &Folders, path: &Path) -> Result<Option<Seen>> {
    Ok(folders.look(path)?.filter(|seen| seen.kind == Sort::File && seen.identity.is_some()))
}
