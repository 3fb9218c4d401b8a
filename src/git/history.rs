//! What files of somebody's own work tree held at any time: the history of a folder, for checks that nothing in it was
//! taken back. Nobody is asked and nothing is written.

use std::collections::HashSet;
use std::path::Path;

use git2::{ErrorCode, ObjectType, Oid, Repository, Sort, Tree};

use super::MAX_INDEX_FILE_BYTES;
use crate::error::{Error, Kind, Result};

/// How far a history was looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// How many commits it has here.
    pub commits: usize,
    /// Whether it was cut off when it was fetched.
    pub is_shallow: bool,
}

/// Shows every content that each file below `part` of a folder had in a commit that `HEAD` contains, newest commit
/// first, each content once; paths are relative to `part`. `None` when the folder is in no git repository.
///
/// # Errors
/// [`Kind::FileSystem`] when the repository cannot be read.
pub fn walk(folder: &Path, part: &str, show: &mut dyn FnMut(&str, &[u8])) -> Result<Option<Extent>> {
    let unreadable = |cause: git2::Error| {
        Error::new(Kind::FileSystem, "the git history of the folder cannot be read")
            .at_path(folder)
            .because(cause.message())
            .help("`git log` there may say more")
    };
    let folder = folder.canonicalize().map_err(|cause| Error::io("find", folder, &cause))?;
    let repository = match Repository::discover(&folder) {
        Err(cause) if cause.code() == ErrorCode::NotFound => return Ok(None),
        found => found.map_err(unreadable)?,
    };
    let top = repository.workdir().and_then(|top| top.canonicalize().ok());
    let Some(inside) = top.and_then(|top| Some(folder.strip_prefix(top).ok()?.to_owned())) else { return Ok(None) };
    let mut walk = Walk { repository: &repository, seen: HashSet::new(), show };
    let commits = walk.commits(&inside.join(part)).map_err(unreadable)?;
    Ok(Some(Extent { commits, is_shallow: repository.is_shallow() }))
}

struct Walk<'r> {
    repository: &'r Repository,
    /// What was shown: whole trees too, so that a commit costs what it changed.
    seen: HashSet<(String, Oid)>,
    show: &'r mut dyn FnMut(&str, &[u8]),
}

impl Walk<'_> {
    fn commits(&mut self, inside: &Path) -> Result<usize, git2::Error> {
        let repository = self.repository;
        let mut commits = repository.revwalk()?;
        commits.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
        match commits.push_head() {
            // There is no commit yet.
            Err(cause) if matches!(cause.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => return Ok(0),
            pushed => pushed?,
        }
        let mut count = 0;
        for id in commits {
            let tree = repository.find_commit(id?)?.tree()?;
            count += 1;
            if let Ok(entry) = tree.get_path(inside)
                && entry.kind() == Some(ObjectType::Tree)
            {
                self.tree(&repository.find_tree(entry.id())?, "")?;
            }
        }
        Ok(count)
    }

    fn tree(&mut self, tree: &Tree<'_>, at: &str) -> Result<(), git2::Error> {
        let repository = self.repository;
        for entry in tree {
            // A name that is not UTF-8 is no name in an index.
            let Ok(name) = entry.name() else { continue };
            let path = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
            if !self.seen.insert((path.clone(), entry.id())) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => self.tree(&repository.find_tree(entry.id())?, &path)?,
                Some(ObjectType::Blob) => {
                    let blob = repository.find_blob(entry.id())?;
                    if u64::try_from(blob.size()).is_ok_and(|size| size <= MAX_INDEX_FILE_BYTES) {
                        (self.show)(&path, blob.content());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
