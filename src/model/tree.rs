//! A package's files in memory.
//!
//! Invariant: not empty, within the limits, and no two paths that any file system could confuse. What is in a `Tree`
//! can be written to disk anywhere.

use std::collections::{BTreeMap, HashMap};

use super::digest::FileDigest;
use super::relpath::RelPath;
use crate::error::{Error, Kind, Result};

/// Most files in a package; the largest real plugin in a sub-directory had 1,018 [real-world.md §7].
pub const MAX_FILES: usize = 5_000;
/// Most bytes in one file.
pub const MAX_FILE_BYTES: u64 = 10 << 20;
/// Most bytes in a package.
pub const MAX_TREE_BYTES: u64 = 50 << 20;

/// What a path holds. Its digest is computed once, because a run asks for it many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// Whether the owner may execute it.
    pub executable: bool,
    /// The bytes, exactly as committed.
    pub bytes: Vec<u8>,
    digest: FileDigest,
}

impl FileContent {
    /// Content with its digest.
    #[must_use]
    pub fn new(executable: bool, bytes: Vec<u8>) -> Self {
        FileContent { executable, digest: FileDigest::of(&bytes), bytes }
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> FileDigest {
        self.digest
    }
}

/// A path with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Where in the package.
    pub path: RelPath,
    /// What is there.
    pub content: FileContent,
}

impl TreeFile {
    /// A file at a path that still has to be checked.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] when the path is not safe.
    pub fn parse(path: &str, executable: bool, bytes: Vec<u8>) -> Result<Self> {
        Ok(TreeFile { path: RelPath::parse(path)?, content: FileContent::new(executable, bytes) })
    }
}

/// The files of a package, sorted by path bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<RelPath, FileContent>);

impl Tree {
    /// Collects files into a tree.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] for a limit, a duplicate or a collision; [`Kind::Invalid`] when there are no files.
    pub fn new(files: impl IntoIterator<Item = TreeFile>) -> Result<Self> {
        let mut sorted = BTreeMap::new();
        let mut limits = Limits::default();
        for TreeFile { path, content } in files {
            limits.admit(&path, content.bytes.len() as u64)?;
            if sorted.contains_key(&path) {
                return Err(collision(path.as_str(), path.as_str()));
            }
            sorted.insert(path, content);
        }
        if sorted.is_empty() {
            return Err(Error::new(Kind::Invalid, "the package has no files"));
        }
        check_collisions(sorted.keys())?;
        Ok(Tree(sorted))
    }

    /// The files in order.
    pub fn files(&self) -> impl Iterator<Item = (&RelPath, &FileContent)> {
        self.0.iter()
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a tree has files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&FileContent> {
        // A text that is no path names no file.
        RelPath::parse(path).ok().and_then(|path| self.0.get(&path))
    }

    /// The files below `dir`, with paths relative to it; the whole tree for `None`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when there is nothing.
    pub fn subtree(&self, dir: Option<&RelPath>) -> Result<Tree> {
        let Some(dir) = dir else { return Ok(self.clone()) };
        let inside = self.0.iter().filter_map(|(path, content)| Some((path.strip_dir(dir)?, content.clone())));
        let inside: BTreeMap<_, _> = inside.collect();
        if inside.is_empty() {
            return Err(Error::new(Kind::Invalid, format!("the package has no folder `{dir}`")));
        }
        Ok(Tree(inside))
    }

    /// The tree with one file added or replaced.
    ///
    /// # Errors
    /// As [`Tree::new`].
    pub fn with(mut self, file: TreeFile) -> Result<Tree> {
        self.0.insert(file.path, file.content);
        check_collisions(self.0.keys())?;
        Ok(self)
    }
}

/// Counts files and bytes, so that readers stop before they read too much.
#[derive(Debug, Default)]
pub struct Limits {
    files: usize,
    bytes: u64,
}

impl Limits {
    /// Admits a file of `size` bytes.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`], naming the limit it breaks.
    pub fn admit(&mut self, path: &RelPath, size: u64) -> Result<()> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        let broken = if size > MAX_FILE_BYTES {
            format!("`{path}` has {size} bytes, and a file may have {MAX_FILE_BYTES}")
        } else if self.files > MAX_FILES {
            format!("it has more than {MAX_FILES} files")
        } else if self.bytes > MAX_TREE_BYTES {
            format!("it has more than {MAX_TREE_BYTES} bytes")
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::UnsafeTree, "the package is too large").because(broken))
    }
}

fn collision(a: &str, b: &str) -> Error {
    Error::new(Kind::UnsafeTree, "two files of the package would be one on some file systems")
        .because(format!("`{a}` and `{b}`"))
}

/// No two paths equal, and no file where another path has a directory, under case folding and normalisation.
fn check_collisions<'a>(paths: impl Iterator<Item = &'a RelPath>) -> Result<()> {
    let mut seen: HashMap<String, (&str, bool)> = HashMap::new();
    for path in paths {
        let dirs = path.parents().map(|dir| (dir, true));
        for (text, is_dir) in dirs.chain([(path.as_str(), false)]) {
            match seen.entry(RelPath::fold_key(text)) {
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert((text, is_dir));
                }
                std::collections::hash_map::Entry::Occupied(taken) => {
                    let &(other, other_is_dir) = taken.get();
                    if !(is_dir && other_is_dir && other == text) {
                        return Err(collision(other, text));
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Result<Tree> {
        Tree::new(paths.iter().map(|path| TreeFile::parse(path, false, b"x".to_vec()).expect("a valid path")))
    }

    #[test]
    fn confusable_paths_are_refused() {
        for paths in [
            &["README", "readme"][..],
            &["a", "a/b"],
            &["Docs", "docs/x"],
            &["A/x", "a/y"],
            &["stra\u{df}e", "strasse"],
            &["x", "x"],
        ] {
            assert_eq!(tree(paths).expect_err("a collision").kind(), Kind::UnsafeTree, "{paths:?}");
        }
        assert!(tree(&["a/x", "a/y", "b"]).is_ok());
        assert_eq!(tree(&[]).expect_err("empty").kind(), Kind::Invalid);
    }

    #[test]
    fn limits_name_themselves() {
        let path = RelPath::parse("big").expect("a path");
        let error = Limits::default().admit(&path, MAX_FILE_BYTES + 1).expect_err("too large");
        assert!(error.causes()[0].contains("big"), "{error:?}");
        let mut limits = Limits::default();
        for _ in 0..MAX_FILES {
            limits.admit(&path, 0).expect("within the limit");
        }
        assert_eq!(limits.admit(&path, 0).expect_err("too many").kind(), Kind::UnsafeTree);
    }
}
