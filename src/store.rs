//! The store: package trees addressed by their `t1`, shared by all scopes.
//!
//! Invariant: what [`Store::get`] returns has the digest it was asked for, because every read is hashed. Entries are
//! staged and renamed, and taken away in one step, so a reader never sees half of one.

use std::path::{Path, PathBuf};

use crate::error::{IoContext as _, Kind, Result};
use crate::fsx;
use crate::fsx::upkeep::{self, Kept};
use crate::model::digest::TreeDigest;
use crate::model::tree::Tree;

/// How the names of folders begin in which entries are staged; one that stays is a leftover of a killed run.
const STAGING: &str = "tmp-";

/// The folder `store-v1/` of the cache.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The store below the cache folder.
    #[must_use]
    pub fn new(cache: &Path) -> Self {
        Store { root: cache.join("store-v1") }
    }

    /// The tree with this digest, if the store has it whole. A damaged entry counts as absent.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`] when the entry is there but cannot be read.
    pub fn get(&self, digest: &TreeDigest) -> Result<Option<Tree>> {
        let entry = self.entry(digest);
        if !entry.is_dir() {
            return Ok(None);
        }
        upkeep::note_use(&entry);
        match fsx::tree::read(&entry) {
            Ok(tree) if TreeDigest::of(&tree) == *digest => Ok(Some(tree)),
            // One that went away meanwhile was removed by another cpm.
            Err(error) if error.kind() == Kind::FileSystem && entry.is_dir() => Err(error),
            Ok(_) | Err(_) => Ok(None),
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
    /// [`crate::error::Kind::FileSystem`].
    pub fn put(&self, tree: &Tree, digest: &TreeDigest) -> Result<()> {
        if self.get(digest)?.is_some() {
            return Ok(());
        }
        fsx::create_dirs(&self.root)?;
        let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(&self.root).path("stage in", &self.root)?;
        let staged = staging.path().join("tree");
        fsx::tree::write(tree, &staged)?;
        let entry = self.entry(digest);
        if entry.exists() {
            fsx::swap::exchange(&staged, &entry)
        } else {
            match std::fs::rename(&staged, &entry) {
                // Another process was faster; what it wrote is checked when it is read.
                Err(_) if entry.is_dir() => Ok(()),
                renamed => renamed.path("move into place", &entry),
            }
        }
    }

    /// The folders that have the form of an entry.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn entries(&self) -> Result<Vec<(TreeDigest, Kept)>> {
        let named = |folder: Kept| Some((TreeDigest::from_hex(&folder.name)?, folder));
        Ok(upkeep::folders(&self.root)?.into_iter().filter_map(named).collect())
    }

    /// The folders that staging left behind, or is filling now.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn unfinished(&self) -> Result<Vec<Kept>> {
        let folders = upkeep::folders(&self.root)?.into_iter();
        Ok(folders.filter(|folder| folder.name.starts_with(STAGING)).collect())
    }

    /// Takes an entry away; nothing when it is not there.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`].
    pub fn remove(&self, digest: &TreeDigest) -> Result<()> {
        upkeep::take_away(&self.entry(digest), STAGING)
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
