//! What git kept of a file that it could not merge: the index of the repository has both sides and the base, whole, where
//! the text between conflict markers is a mixture of them.

use std::path::Path;

use git2::{IndexEntry, Repository};

/// A file before a merge, as the base and both sides had it; `None` for who did not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages {
    /// What both sides began with.
    pub base: Option<Vec<u8>>,
    /// The side that is checked out.
    pub ours: Option<Vec<u8>>,
    /// The side that is merged.
    pub theirs: Option<Vec<u8>>,
}

/// The sides of a conflicted file; `None` where git does not know of a conflict in it, or the repository cannot be read:
/// then only the markers in the file are left. Starts no process.
#[must_use]
pub fn of(file: &Path) -> Option<Stages> {
    let repository = Repository::discover(file.parent()?).ok()?;
    let top = repository.workdir()?.canonicalize().ok()?;
    let inside = file.parent()?.canonicalize().ok()?.join(file.file_name()?);
    let path = inside.strip_prefix(top).ok()?.to_str()?.replace('\\', "/");
    let index = repository.index().ok()?;
    let read = |entry: Option<IndexEntry>| match entry {
        Some(entry) => repository.find_blob(entry.id).map(|blob| Some(blob.content().to_vec())),
        None => Ok(None),
    };
    let is_it = |entry: &Option<IndexEntry>| entry.as_ref().is_some_and(|entry| entry.path == path.as_bytes());
    let mut conflicts = index.conflicts().ok()?.filter_map(std::result::Result::ok);
    let conflict = conflicts.find(|conflict| is_it(&conflict.our) || is_it(&conflict.their))?;
    Some(Stages {
        base: read(conflict.ancestor).ok()?,
        ours: read(conflict.our).ok()?,
        theirs: read(conflict.their).ok()?,
    })
}
