//! Folders that are kept for as long as somebody uses them: which there are, since when nobody did, how large they
//! are, and taking them away.
//!
//! Invariant: a folder goes in one step, so whoever looks finds all of it or nothing, and a killed run leaves a
//! leftover beside it, never a part in its place. The last use is the folder's modification time.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::error::{IoContext as _, Result};
use crate::model::age::Age;

/// How exactly uses are noted: a warm run must not write for it every time.
const GRAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder inside another.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// What it is called.
    pub name: String,
    /// How long it was not used; right to a day.
    pub unused: Age,
}

/// Files and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// How many files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl std::ops::AddAssign for Size {
    fn add_assign(&mut self, other: Size) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// The real folders directly in `root`, by name; none when it is not there. Links and files are not among them.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn folders(root: &Path) -> Result<Vec<Kept>> {
    let now = SystemTime::now();
    let mut found = Vec::new();
    for (path, metadata) in entries(root)?.into_iter().filter(|(_, metadata)| metadata.is_dir()) {
        let used = metadata.modified().path("look at", &path)?;
        // A clock may have gone back since.
        let unused = now.duration_since(used).map_or(Age::ZERO, Age::of);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push(Kept { path, name, unused });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// What is in a folder now; other processes may be adding and removing.
fn entries(root: &Path) -> Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    for entry in if_there(std::fs::read_dir(root)).path("read the folder", root)?.into_iter().flatten() {
        let entry = entry.path("read the folder", root)?;
        let path = entry.path();
        let metadata = if_there(entry.metadata()).path("look at", &path)?;
        found.extend(metadata.map(|metadata| (path, metadata)));
    }
    Ok(found)
}

/// `None` for what is not there, or not any more.
fn if_there<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Notes that a folder was used, unless that was noted within a day.
pub fn note_use(folder: &Path) {
    let now = SystemTime::now();
    let Ok(noted) = std::fs::metadata(folder).and_then(|metadata| metadata.modified()) else { return };
    if now.duration_since(noted).is_ok_and(|ago| ago >= GRAIN) {
        // Not noted, a folder is removed sooner than need be and fetched once more: no reason to stop a run, not even
        // where the cache may only be read.
        let _ = std::fs::File::open(folder).and_then(|folder| folder.set_modified(now));
    }
}

/// What the files below a folder come to; links are not followed.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn size(root: &Path) -> Result<Size> {
    let mut size = Size::default();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for (path, metadata) in entries(&dir)? {
            match metadata.is_dir() {
                true => open.push(path),
                false => size += Size { files: 1, bytes: metadata.len() },
            }
        }
    }
    Ok(size)
}

/// Takes a folder away: first under a name that starts with `leftover` beside it, then for good.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`].
pub fn take_away(folder: &Path, leftover: &str) -> Result<()> {
    let root = folder.parent().unwrap_or(folder);
    let aside = tempfile::Builder::new().prefix(leftover).tempdir_in(root).path("create a folder in", root)?;
    if_there(std::fs::rename(folder, aside.path().join("gone"))).path("move aside", folder)?;
    aside.close().path("remove", folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_used(folder: &Path, days_ago: u64) {
        let then = SystemTime::now() - Duration::from_secs(days_ago * 24 * 60 * 60);
        std::fs::File::open(folder).and_then(|folder| folder.set_modified(then)).expect("a time");
    }

    #[test]
    fn a_use_is_noted_once_a_day() {
        let dir = tempfile::tempdir().expect("a directory");
        let entry = dir.path().join("entry");
        std::fs::create_dir(&entry).expect("a folder");
        let modified = || std::fs::metadata(&entry).and_then(|entry| entry.modified()).expect("a time");
        let before = modified();
        note_use(&entry);
        assert_eq!(modified(), before, "noted already");
        set_used(&entry, 9);
        assert_eq!(folders(dir.path()).expect("listed")[0].unused.days(), 9);
        note_use(&entry);
        assert!(modified() >= before);
        note_use(&dir.path().join("missing"));
    }

    #[test]
    fn what_is_taken_away_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("entry/deep")).expect("a folder");
        std::fs::write(dir.path().join("entry/deep/file"), "four").expect("written");
        std::fs::write(dir.path().join("file"), "").expect("written");
        assert_eq!(size(&dir.path().join("entry")).expect("measured"), Size { files: 1, bytes: 4 });
        take_away(&dir.path().join("entry"), "tmp-").expect("removed");
        take_away(&dir.path().join("entry"), "tmp-").expect("nothing to remove");
        assert!(folders(dir.path()).expect("listed").is_empty());
        assert!(folders(&dir.path().join("missing")).expect("listed").is_empty());
    }
}
