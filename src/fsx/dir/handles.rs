//! Folders by handle, as Unix has them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Result;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, mkdirat, openat, readlinkat, renameat, statat, unlinkat};
use rustix::io::retry_on_intr;

use super::{Opening, Seen, Sort};

pub(super) type Handle = OwnedFd;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

pub(super) fn open(path: &Path) -> Result<Handle> {
    Ok(retry_on_intr(|| rustix::fs::open(path, FOLDER, Mode::empty()))?)
}

pub(super) fn enter(dir: &Handle, name: &OsStr) -> Result<Handle> {
    Ok(retry_on_intr(|| openat(dir, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()))?)
}

pub(super) fn is_same(dir: &Handle, path: &Path) -> bool {
    let (Ok(held), Ok(there)) = (rustix::fs::fstat(dir), rustix::fs::stat(path)) else { return false };
    seen(&held).identity == seen(&there).identity
}

pub(super) fn names(dir: &Handle) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

pub(super) fn look(dir: &Handle, name: &OsStr) -> Result<Seen> {
    Ok(seen(&statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

#[allow(clippy::unnecessary_cast, reason = "each platform has types of its own for these")]
fn seen(stat: &Stat) -> Seen {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Sort::File,
        FileType::Directory => Sort::Folder,
        FileType::Symlink => Sort::Link,
        _ => Sort::Other,
    };
    Seen {
        kind,
        executable: Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        identity: Some((stat.st_dev as u64, stat.st_ino as u64)),
    }
}

pub(super) fn read_link(dir: &Handle, name: &OsStr) -> Result<PathBuf> {
    let target = readlinkat(dir, name, Vec::new())?;
    Ok(PathBuf::from(OsStr::from_bytes(target.as_bytes())))
}

pub(super) fn file(dir: &Handle, name: &OsStr, opening: Opening) -> Result<File> {
    // The umask takes away from these modes; nothing is ever more open than it allows.
    let (flags, mode) = match opening {
        // What turned into a pipe meanwhile is not waited for.
        Opening::Read => (OFlags::RDONLY | OFlags::NONBLOCK, 0),
        Opening::New { executable } => {
            (OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, if executable { 0o777 } else { 0o666 })
        }
        Opening::Kept => (OFlags::RDWR | OFlags::CREATE, 0o666),
    };
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(retry_on_intr(|| openat(dir, name, flags, Mode::from_raw_mode(mode)))?))
}

pub(super) fn make_folder(dir: &Handle, name: &OsStr) -> Result<()> {
    Ok(mkdirat(dir, name, Mode::from_raw_mode(0o777))?)
}

pub(super) fn remove_folder(dir: &Handle, name: &OsStr) -> Result<()> {
    Ok(unlinkat(dir, name, AtFlags::REMOVEDIR)?)
}

pub(super) fn remove_file(dir: &Handle, name: &OsStr) -> Result<()> {
    Ok(unlinkat(dir, name, AtFlags::empty())?)
}

type Pair<'a> = (&'a Handle, &'a OsStr);

pub(super) fn rename(from: Pair<'_>, to: Pair<'_>) -> Result<()> {
    Ok(renameat(from.0, from.1, to.0, to.1)?)
}

pub(super) fn rename_new(from: Pair<'_>, to: Pair<'_>) -> Result<bool> {
    with_flags::rename(from, to, with_flags::NEW)
}

pub(super) fn exchange(one: Pair<'_>, other: Pair<'_>) -> Result<bool> {
    with_flags::rename(one, other, with_flags::EXCHANGE)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod with_flags {
    use rustix::fs::{RenameFlags, renameat_with};
    use rustix::io::Errno;

    use super::{Pair, Result};

    pub(super) const NEW: RenameFlags = RenameFlags::NOREPLACE;
    pub(super) const EXCHANGE: RenameFlags = RenameFlags::EXCHANGE;

    /// Renames in a special way; `false` where this system or file system has none.
    pub(super) fn rename(from: Pair<'_>, to: Pair<'_>, how: RenameFlags) -> Result<bool> {
        match renameat_with(from.0, from.1, to.0, to.1, how) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
            Err(cause) => Err(cause.into()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod with_flags {
    use super::{Pair, Result};

    pub(super) const NEW: () = ();
    pub(super) const EXCHANGE: () = ();

    /// There is no such way here.
    pub(super) fn rename(_: Pair<'_>, _: Pair<'_>, (): ()) -> Result<bool> {
        Ok(false)
    }
}
