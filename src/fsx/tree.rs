//! Package trees on disk: read with limits and without following links, written only into new directories.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;

use super::dir::{Dir, Place, Seen, Sort};
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
    read_in(&Dir::open(root)?).map_err(|error| error.at_path(root))
}

/// [`read`] of an open folder.
///
/// # Errors
/// As there.
pub fn read_in(root: &Rc<Dir>) -> Result<Tree> {
    read_without(root, &FOREIGN)
}

/// [`read`] of a folder that is in use, without what node made in it.
///
/// # Errors
/// As [`read`].
pub fn read_in_use(root: &Path) -> Result<Tree> {
    let skipped = [FOREIGN.as_slice(), &[NODE_MODULES]].concat();
    read_without(&Dir::open(root)?, &skipped).map_err(|error| error.at_path(root))
}

fn read_without(root: &Rc<Dir>, skipped: &[&str]) -> Result<Tree> {
    let mut files = Vec::new();
    let mut limits = Limits::default();
    walk(root, &mut |text, place, seen| {
        if skipped.contains(&text) {
            return Ok(Enter::No);
        }
        let path = RelPath::parse(text).map_err(|error| error.at_path(&place.path()))?;
        if seen.kind == Sort::Folder {
            return Ok(Enter::Yes);
        }
        if seen.kind != Sort::File {
            return Err(Error::new(Kind::UnsafeTree, format!("`{path}` is not a regular file"))
                .at_path(&place.path())
                .help("put a copy of the file there instead of a link"));
        }
        limits.admit(&path, seen.size)?;
        files.push(TreeFile { path, content: FileContent::new(seen.executable, place.read()?) });
        Ok(Enter::No)
    })?;
    Tree::new(files)
}

/// A digest's worth of what a folder holds that is no package: the names in it with the size and time of each.
///
/// # Errors
/// [`Kind::FileSystem`]; [`Kind::UnsafeTree`] for names that are not UTF-8.
pub fn outline(root: &Rc<Dir>) -> Result<String> {
    let mut lines = Vec::new();
    walk(root, &mut |text, _, seen| {
        if seen.kind == Sort::Folder {
            return Ok(Enter::Yes);
        }
        lines.push(format!("{text}\n{} {:?}\n", seen.size, seen.modified));
        Ok(Enter::No)
    })?;
    lines.sort();
    Ok(lines.concat())
}

/// Whether a walk goes into what it came to.
enum Enter {
    Yes,
    No,
}

/// What somebody does at each entry of a walk: its path below the root, its place, and what is there.
type Visit<'v> = dyn FnMut(&str, &Place, &Seen) -> Result<Enter> + 'v;

/// Visits everything below `root`, never through a link.
fn walk(root: &Rc<Dir>, visit: &mut Visit<'_>) -> Result<()> {
    let mut open = vec![String::new()];
    while let Some(dir) = open.pop() {
        for place in root.walk(Path::new(&dir))?.places()? {
            let name = place.name().to_str().ok_or_else(|| {
                Error::new(Kind::UnsafeTree, format!("the file name {:?} is not UTF-8", place.name()))
                    .at_path(&place.path())
            })?;
            let text = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
            let seen = place.look()?.ok_or_else(|| gone(&place))?;
            if matches!(visit(&text, &place, &seen)?, Enter::Yes) {
                open.push(text);
            }
        }
    }
    Ok(())
}

fn gone(place: &Place) -> Error {
    Error::io("look at", &place.path(), &std::io::ErrorKind::NotFound.into())
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

/// Writes a tree into `root`, which must not exist; those above it are made when they are missing.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn write(tree: &Tree, root: &Path) -> Result<()> {
    fsx::create_dirs(root.parent().unwrap_or(root))?;
    write_in(tree, &Place::of(root)?, &mut |_, _, _| Ok(()))
}

/// What somebody does with each file that was just written.
type Written<'v> = dyn FnMut(&RelPath, &FileContent, &File) -> Result<()> + 'v;

/// Writes a tree into a new folder at `root`, and shows each file to `written`.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn write_in(tree: &Tree, root: &Place, written: &mut Written<'_>) -> Result<()> {
    if !root.make_folder()? {
        return Err(Error::io("create the folder", &root.path(), &std::io::ErrorKind::AlreadyExists.into()));
    }
    let root = root.enter()?;
    let mut last = (String::new(), Rc::clone(&root));
    for (path, content) in tree.files() {
        let (dir, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
        if last.0 != dir {
            last = (dir.to_owned(), make_below(&root, dir)?);
        }
        let file = last.1.at(OsStr::new(name)).write_new(&content.bytes, content.executable)?;
        written(path, content, &file)?;
    }
    Ok(())
}

/// Makes a folder below an open one, and those on the way.
fn make_below(root: &Rc<Dir>, inside: &str) -> Result<Rc<Dir>> {
    inside.split('/').filter(|name| !name.is_empty()).try_fold(Rc::clone(root), |dir, name| {
        let place = dir.at(OsStr::new(name));
        place.make_folder()?;
        place.enter()
    })
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
