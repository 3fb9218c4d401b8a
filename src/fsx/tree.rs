//! Package trees on disk: read with limits and without following links, written only into new directories.

use std::path::Path;

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::model::relpath::RelPath;
use crate::model::tree::{FileContent, Limits, MAX_FILE_BYTES, Tree, TreeFile};

/// What is not part of a package at its top: git's own, and the marks that the client leaves in its copies.
const FOREIGN: [&str; 3] = [".git", ".in_use", ".orphaned_at"];

/// Where node puts the packages that a package.json at the top of a folder names.
pub const NODE_MODULES: &str = "node_modules";

/// Reads a directory as a package, without what others leave at its top: `.git`, `.in_use` and `.orphaned_at`.
///
/// # Errors
/// [`Kind::UnsafeTree`] for links, special files, unsafe names and limits; [`Kind::FileSystem`].
pub fn read(root: &Path) -> Result<Tree> {
    read_without(root, &FOREIGN)
}

/// [`read`] of a folder that is in use, without what node made in it.
///
/// # Errors
/// As [`read`].
pub fn read_in_use(root: &Path) -> Result<Tree> {
    read_without(root, &[FOREIGN.as_slice(), &[NODE_MODULES]].concat())
}

fn read_without(root: &Path, skipped: &[&str]) -> Result<Tree> {
    let mut files = Vec::new();
    let mut limits = Limits::default();
    walk(root, skipped, &mut |entry| {
        let RelEntry { path, metadata } = entry?;
        let place = path.below(root);
        if !metadata.is_file() {
            return Err(Error::new(Kind::UnsafeTree, format!("`{path}` is not a regular file"))
                .at_path(&place)
                .help("put a copy of the file there instead of a link"));
        }
        limits.admit(&path, metadata.len())?;
        let bytes = std::fs::read(&place).path("read", &place)?;
        files.push(TreeFile { path, content: FileContent::new(is_executable(&metadata), bytes) });
        Ok(())
    })?;
    Tree::new(files).map_err(|error| error.at_path(root))
}

/// One entry of a walk.
struct RelEntry {
    path: RelPath,
    metadata: std::fs::Metadata,
}

/// Visits every file, link and special file below `root` but for what is `skipped` at its top, never through a link.
fn walk(root: &Path, skipped: &[&str], visit: &mut dyn FnMut(Result<RelEntry>) -> Result<()>) -> Result<()> {
    let mut open = vec![String::new()];
    while let Some(dir) = open.pop() {
        let place = root.join(&dir);
        for entry in std::fs::read_dir(&place).path("read the folder", &place)? {
            let entry = entry.path("read the folder", &place)?;
            let name = entry.file_name().into_string().map_err(|raw| {
                Error::new(Kind::UnsafeTree, format!("the file name {raw:?} is not UTF-8")).at_path(&place)
            })?;
            let text = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            let metadata = entry.metadata().path("look at", &entry.path())?;
            if skipped.contains(&text.as_str()) {
                continue;
            }
            if metadata.is_dir() {
                RelPath::parse(&text).map_err(|error| error.at_path(&place))?;
                open.push(text);
            } else {
                let path = RelPath::parse(&text).map_err(|error| error.at_path(&place));
                visit(path.map(|path| RelEntry { path, metadata }))?;
            }
        }
    }
    Ok(())
}

/// The paths of all files below `root` as text, in order; nothing when it is not a directory.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn list(root: &Path) -> Result<Vec<String>> {
    list_without(root, None)
}

/// [`list`] without a folder at its top.
///
/// # Errors
/// As [`list`].
pub fn list_without(root: &Path, skipped: Option<&str>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(dir) = open.pop() {
        let place = root.join(&dir);
        let entries = match std::fs::read_dir(&place) {
            Err(cause) if dir.is_empty() && cause.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            entries => entries.path("read the folder", &place)?,
        };
        for entry in entries {
            let entry = entry.path("read the folder", &place)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            if entry.file_type().path("look at", &entry.path())?.is_dir() {
                if Some(text.as_str()) != skipped {
                    open.push(text);
                }
            } else {
                found.push(text);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a tree into `root`, which must not exist.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn write(tree: &Tree, root: &Path) -> Result<()> {
    fsx::create_dirs(root.parent().unwrap_or(root))?;
    std::fs::create_dir(root).path("create the folder", root)?;
    let mut last_dir = None;
    for (path, file) in tree.files() {
        let target = path.below(root);
        let dir = target.parent().unwrap_or(root);
        if last_dir.as_deref() != Some(dir) {
            fsx::create_dirs(dir)?;
            last_dir = Some(dir.to_path_buf());
        }
        fsx::write_new(&target, &file.bytes, file.executable)?;
    }
    Ok(())
}

/// Whether the file at `path` has exactly this content.
///
/// # Errors
/// [`Kind::FileSystem`] for anything but "not there".
pub fn holds(path: &Path, want: &FileContent) -> Result<bool> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(false) };
    let same_size = metadata.is_file() && metadata.len() == want.bytes.len() as u64;
    if !same_size || metadata.len() > MAX_FILE_BYTES || is_executable(&metadata) != want.executable {
        return Ok(false);
    }
    Ok(std::fs::read(path).path("read", path)? == want.bytes)
}

/// Whether the owner may execute it. Where the platform has no such mode, nothing is executable.
#[must_use]
pub fn is_executable(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        metadata.permissions().mode() & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_tree_survives_the_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let tree = Tree::new([
            TreeFile::parse("SKILL.md", false, b"hi\n".to_vec()).expect("a path"),
            TreeFile::parse("scripts/run.sh", true, b"#!/bin/sh\n".to_vec()).expect("a path"),
        ])
        .expect("a tree");
        let root = dir.path().join("new");
        write(&tree, &root).expect("written");
        std::fs::create_dir(root.join(".git")).expect("a folder");
        std::fs::write(root.join(".git/config"), "").expect("written");
        assert_eq!(read(&root).expect("read"), tree);
        assert_eq!(list(&root).expect("listed"), [".git/config", "SKILL.md", "scripts/run.sh"]);
        assert!(write(&tree, &root).is_err(), "an existing directory is never written into");
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("SKILL.md")).expect("a link");
        assert_eq!(read(dir.path()).expect_err("a link").kind(), Kind::UnsafeTree);
    }
}
