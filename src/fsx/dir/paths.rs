//! Folders by path, where the platform lets nobody do more.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{Opening, Seen, Sort};

pub(super) type Handle = PathBuf;

pub(super) fn open(path: &Path) -> Result<Handle> {
    std::fs::read_dir(path).map(|_| path.to_path_buf())
}

pub(super) fn enter(dir: &Handle, name: &OsStr) -> Result<Handle> {
    let path = dir.join(name);
    if std::fs::symlink_metadata(&path)?.is_dir() { Ok(path) } else { Err(std::io::ErrorKind::NotADirectory.into()) }
}

pub(super) fn is_same(_: &Handle, path: &Path) -> bool {
    path.is_dir()
}

pub(super) fn names(dir: &Handle) -> Result<Vec<OsString>> {
    std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect()
}

pub(super) fn look(dir: &Handle, name: &OsStr) -> Result<Seen> {
    let metadata = std::fs::symlink_metadata(dir.join(name))?;
    let kind = match () {
        () if metadata.is_symlink() => Sort::Link,
        () if metadata.is_dir() => Sort::Folder,
        () if metadata.is_file() => Sort::File,
        () => Sort::Other,
    };
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let modified = (i64::try_from(since.as_secs()).unwrap_or_default(), i64::from(since.subsec_nanos()));
    Ok(Seen { kind, executable: false, size: metadata.len(), modified, identity: None })
}

pub(super) fn read_link(dir: &Handle, name: &OsStr) -> Result<PathBuf> {
    std::fs::read_link(dir.join(name))
}

pub(super) fn file(dir: &Handle, name: &OsStr, opening: Opening) -> Result<File> {
    let path = dir.join(name);
    match opening {
        Opening::Read => File::open(path),
        Opening::New { .. } => File::options().write(true).create_new(true).open(path),
        Opening::Kept => File::options().read(true).write(true).create(true).truncate(false).open(path),
    }
}

pub(super) fn make_folder(dir: &Handle, name: &OsStr) -> Result<()> {
    std::fs::create_dir(dir.join(name))
}

pub(super) fn remove_folder(dir: &Handle, name: &OsStr) -> Result<()> {
    std::fs::remove_dir(dir.join(name))
}

pub(super) fn remove_file(dir: &Handle, name: &OsStr) -> Result<()> {
    std::fs::remove_file(dir.join(name))
}

type Pair<'a> = (&'a Handle, &'a OsStr);

pub(super) fn rename(from: Pair<'_>, to: Pair<'_>) -> Result<()> {
    std::fs::rename(from.0.join(from.1), to.0.join(to.1))
}

pub(super) fn rename_new(_: Pair<'_>, _: Pair<'_>) -> Result<bool> {
    Ok(false)
}

pub(super) fn exchange(_: Pair<'_>, _: Pair<'_>) -> Result<bool> {
    Ok(false)
}
