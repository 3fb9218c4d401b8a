//! The store: package trees addressed by their `t1`, shared by all scopes; or the same in a folder that people commit.
//!
//! Invariant: what [`Store::get`] and [`Store::look`] return has the digest it was asked for, because every read is
//! hashed. Entries are staged and renamed, and taken away in one step, so a reader never sees half of one.

mod committed;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::fsx::dir::Place;
use crate::fsx::upkeep::{self, Kept};
use crate::model::digest::TreeDigest;
use crate::model::tree::Tree;

/// How the names of folders begin in which entries are staged; one that stays is a leftover of a killed run.
const STAGING: &str = "tmp-";

/// A folder of packages, each in a folder named by its digest.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    form: Form,
}

/// Under which names the files of a package lie in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Their own.
    Plain,
    /// Such that git changes nothing ([`committed`]).
    Committed,
}

/// What there is under a digest.
#[derive(Debug)]
pub enum Held {
    /// Nothing.
    Absent,
    /// Something else than the digest says, and why.
    Damaged(Error),
    /// The tree.
    Whole(Tree),
}

impl Store {
    /// The store `store-v1/` below the cache folder.
    #[must_use]
    pub fn new(cache: &Path) -> Self {
        Store { root: cache.join("store-v1"), form: Form::Plain }
    }

    /// The store in a folder that people commit.
    #[must_use]
    pub fn committed(folder: &Path) -> Self {
        Store { root: folder.to_path_buf(), form: Form::Committed }
    }

    /// The tree with this digest, if the store has it whole; that is noted as a use. A damaged entry counts as absent.
    ///
    /// # Errors
    /// [`Kind::FileSystem`] when the entry is there but cannot be read.
    pub fn get(&self, digest: &TreeDigest) -> Result<Option<Tree>> {
        upkeep::note_use(&self.entry(digest));
        match self.look(digest)? {
            Held::Whole(tree) => Ok(Some(tree)),
            Held::Absent | Held::Damaged(_) => Ok(None),
        }
    }

    /// What the store has under this digest.
    ///
    /// # Errors
    /// [`Kind::FileSystem`] when the entry is there but cannot be read.
    pub fn look(&self, digest: &TreeDigest) -> Result<Held> {
        let entry = self.entry(digest);
        if !entry.is_dir() {
            return Ok(Held::Absent);
        }
        let read = fsx::tree::read(&entry).and_then(|tree| match self.form {
            Form::Plain => Ok(tree),
            Form::Committed => committed::to_package(&tree),
        });
        match read {
            // One that went away meanwhile was removed by another cpm.
            Err(_) if !entry.is_dir() => Ok(Held::Absent),
            Err(error) if error.kind() == Kind::FileSystem => Err(error),
            Err(error) => Ok(Held::Damaged(error)),
            Ok(tree) => match TreeDigest::of(&tree) {
                found if found == *digest => Ok(Held::Whole(tree)),
                found => Ok(Held::Damaged(Error::new(Kind::Integrity, format!("its files come to {found}")))),
            },
        }
    }

    /// Whether an entry of that name exists; says nothing about its bytes.
    #[must_use]
    pub fn contains(&self, digest: &TreeDigest) -> bool {
        self.entry(digest).is_dir()
    }

    /// Adds a tree. A damaged entry of the same name is replaced.
    ///
    /// # Errors
    /// [`Kind::FileSystem`]; in a committed store also [`Kind::UnsafeTree`] for paths that become too long.
    pub fn put(&self, tree: &Tree, digest: &TreeDigest) -> Result<()> {
        if matches!(self.look(digest)?, Held::Whole(_)) {
            return Ok(());
        }
        fsx::create_dirs(&self.root)?;
        fsx::space::require(&self.root, fsx::space::of(tree))?;
        let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(&self.root).path("stage in", &self.root)?;
        let staged = staging.path().join("tree");
        fsx::tree::write(&*self.in_folder(tree)?, &staged)?;
        let entry = self.entry(digest);
        if entry.exists() {
            fsx::swap::exchange(&Place::of(&staged)?, &Place::of(&entry)?)
        } else {
            match std::fs::rename(&staged, &entry) {
                // Another process was faster; what it wrote is checked when it is read.
                Err(_) if entry.is_dir() => Ok(()),
                renamed => renamed.path("move into place", &entry),
            }
        }
    }

    /// Files in the folder of an entry that are not the tree's: somebody else put them there.
    ///
    /// # Errors
    /// [`Kind::FileSystem`]; [`Kind::UnsafeTree`] as [`Store::put`].
    pub fn foreign(&self, tree: &Tree, digest: &TreeDigest) -> Result<Vec<PathBuf>> {
        let written = self.in_folder(tree)?;
        let entry = self.entry(digest);
        let found = fsx::tree::list(&entry)?.into_iter();
        Ok(found.filter(|path| written.get(path).is_none()).map(|path| entry.join(path)).collect())
    }

    /// The folders that have the form of an entry.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn entries(&self) -> Result<Vec<(TreeDigest, Kept)>> {
        let named = |folder: Kept| Some((TreeDigest::from_hex(&folder.name)?, folder));
        Ok(upkeep::folders(&self.root)?.into_iter().filter_map(named).collect())
    }

    /// The folders that staging left behind, or is filling now.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn unfinished(&self) -> Result<Vec<Kept>> {
        let folders = upkeep::folders(&self.root)?.into_iter();
        Ok(folders.filter(|folder| folder.name.starts_with(STAGING)).collect())
    }

    /// Takes an entry away; nothing when it is not there.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove(&self, digest: &TreeDigest) -> Result<()> {
        upkeep::take_away(&self.entry(digest), STAGING)
    }

    /// The tree as it lies in the folder of its entry.
    fn in_folder<'t>(&self, tree: &'t Tree) -> Result<Cow<'t, Tree>> {
        match self.form {
            Form::Plain => Ok(Cow::Borrowed(tree)),
            Form::Committed => committed::to_folder(tree).map(Cow::Owned),
        }
    }

    fn entry(&self, digest: &TreeDigest) -> PathBuf {
        self.root.join(digest.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::TreeFile;

    #[test]
    fn a_damaged_entry_is_absent_and_heals() {
        let cache = tempfile::tempdir().expect("a directory");
        let store = Store::new(cache.path());
        let file = TreeFile::parse("SKILL.md", false, b"hi\n".to_vec()).expect("a path");
        let tree = Tree::new([file]).expect("a tree");
        let digest = TreeDigest::of(&tree);
        assert_eq!(store.get(&digest).expect("read"), None);
        store.put(&tree, &digest).expect("stored");
        let place = cache.path().join("store-v1").join(digest.hex()).join("SKILL.md");
        for damage in ["", "hj\n"] {
            std::fs::write(&place, damage).expect("damaged");
            assert_eq!(store.get(&digest).expect("read"), None);
            store.put(&tree, &digest).expect("stored again");
            assert_eq!(store.get(&digest).expect("read").as_ref(), Some(&tree));
        }
        assert_eq!(std::fs::read_dir(cache.path().join("store-v1")).expect("a folder").count(), 1, "no debris");
    }
}
