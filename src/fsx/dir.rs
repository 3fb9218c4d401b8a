//! A folder that is held open, and the names in it. What is done to a name is done in that folder, wherever its path
//! leads by then, and no link at the name itself is followed.

#[cfg(not(unix))]
#[path = "dir/paths.rs"]
mod system;
#[cfg(unix)]
#[path = "dir/handles.rs"]
mod system;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::failpoint;
use crate::error::{Error, IoContext as _, Kind, Result};

/// An open folder.
#[derive(Debug)]
pub struct Dir {
    /// Where it was when it was opened.
    path: PathBuf,
    handle: system::Handle,
}

/// A name in an open folder; something may have it or not.
#[derive(Debug, Clone)]
pub struct Place {
    dir: Rc<Dir>,
    name: OsString,
}

/// What has a name, as one look shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub kind: Sort,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Its length in bytes.
    pub size: u64,
    /// When it was changed last: seconds, and nanoseconds of the next one.
    pub modified: (i64, i64),
    /// Its device and number; `None` where the platform does not tell.
    pub identity: Option<(u64, u64)>,
}

/// What can have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Sort {
    File,
    Folder,
    Link,
    Other,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Read,
    /// It must not exist yet.
    New {
        executable: bool,
    },
    /// To read and write, made when it is missing.
    Kept,
}

impl Dir {
    /// Opens a folder, wherever its path leads.
    ///
    /// # Errors
    /// [`Kind::FileSystem`], also for what is no folder.
    pub fn open(path: &Path) -> Result<Rc<Self>> {
        let handle = system::open(path).path("open the folder", path)?;
        Ok(Rc::new(Dir { path: path.to_path_buf(), handle }))
    }

    /// Opens a folder below this one, never through a link.
    ///
    /// # Errors
    /// [`Kind::FileSystem`], also for a link; [`Kind::Bug`] for a path that leads elsewhere by its form.
    pub fn walk(self: &Rc<Self>, inside: &Path) -> Result<Rc<Self>> {
        inside.components().try_fold(Rc::clone(self), |dir, part| match part {
            Component::Normal(name) => dir.at(name).enter(),
            Component::CurDir => Ok(dir),
            _ => Err(Error::new(Kind::Bug, format!("`{}` leads out of a folder", inside.display()))),
        })
    }

    /// A name in it.
    #[must_use]
    pub fn at(self: &Rc<Self>, name: &OsStr) -> Place {
        Place { dir: Rc::clone(self), name: name.to_owned() }
    }

    /// Whether its path leads to it still.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        system::is_same(&self.handle, path)
    }

    /// All that is in it, in the order of names.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn places(self: &Rc<Self>) -> Result<Vec<Place>> {
        let mut names = system::names(&self.handle).path("read the folder", &self.path)?;
        names.sort();
        Ok(names.iter().map(|name| self.at(name)).collect())
    }
}

impl Place {
    /// The place of a path, in the folder that the path leads to now.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn of(path: &Path) -> Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::new(Kind::FileSystem, "this path has no name at its end").at_path(path));
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        Ok(Dir::open(parent)?.at(name))
    }

    /// Where it was when its folder was opened.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path.join(&self.name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Another name in the same folder: this one with more at its end.
    #[must_use]
    pub fn extended(&self, end: &str) -> Self {
        let mut name = self.name.clone();
        name.push(end);
        Place { dir: Rc::clone(&self.dir), name }
    }

    /// What is there; `None` for nothing.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn look(&self) -> Result<Option<Seen>> {
        match system::look(&self.dir.handle, &self.name) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            seen => seen.path("look at", &self.path()).map(Some),
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.file(Opening::Read).and_then(|mut file| file.read_to_end(&mut bytes));
        read.path("read", &self.path())?;
        Ok(bytes)
    }

    /// Where the link leads.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn read_link(&self) -> Result<PathBuf> {
        system::read_link(&self.dir.handle, &self.name).path("read the link", &self.path())
    }

    /// Opens the folder.
    ///
    /// # Errors
    /// [`Kind::FileSystem`], also for a link.
    pub fn enter(&self) -> Result<Rc<Dir>> {
        let path = self.path();
        let handle = system::enter(&self.dir.handle, &self.name).path("open the folder", &path)?;
        Ok(Rc::new(Dir { path, handle }))
    }

    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn open(&self) -> Result<File> {
        self.file(Opening::Read).path("open", &self.path())
    }

    /// Opens the file for reading and writing; makes it when it is missing.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn open_kept(&self) -> Result<File> {
        self.file(Opening::Kept).path("open", &self.path())
    }

    /// Writes a file that must not exist yet.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn write_new(&self, bytes: &[u8], executable: bool) -> Result<File> {
        let path = self.path();
        let mut file = self.file(Opening::New { executable }).path("create", &path)?;
        failpoint::write_all(&mut file, bytes).map_err(|cause| {
            Error::io("write", &path, &cause).because(format!("{} bytes are needed there", bytes.len()))
        })?;
        Ok(file)
    }

    /// Makes a folder; `false` when something is there already.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn make_folder(&self) -> Result<bool> {
        failpoint::change();
        match system::make_folder(&self.dir.handle, &self.name) {
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(false),
            made => made.path("create the folder", &self.path()).map(|()| true),
        }
    }

    /// Removes a folder that holds nothing.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove_empty(&self) -> Result<()> {
        failpoint::change();
        system::remove_folder(&self.dir.handle, &self.name).path("remove", &self.path())
    }

    /// Removes a file, or a folder and all that is in it; nothing when it is not there.
    ///
    /// # Errors
    /// [`Kind::FileSystem`].
    pub fn remove(&self) -> Result<()> {
        match self.look()?.map(|seen| seen.kind) {
            None => Ok(()),
            Some(Sort::Folder) => {
                self.enter()?.places()?.iter().try_for_each(Place::remove)?;
                self.remove_empty()
            }
            Some(_) => {
                failpoint::change();
                system::remove_file(&self.dir.handle, &self.name).path("remove", &self.path())
            }
        }
    }

    /// Moves what is here to another place, over what is there.
    pub(super) fn rename(&self, to: &Place) -> std::io::Result<()> {
        failpoint::change();
        system::rename(self.pair(), to.pair())
    }

    /// Moves what is here to another place where nothing is; `false` where the system has no such way to move.
    pub(super) fn rename_new(&self, to: &Place) -> std::io::Result<bool> {
        failpoint::change();
        system::rename_new(self.pair(), to.pair())
    }

    /// Makes two things change places; `false` where the system has no such way to move.
    pub(super) fn exchange(&self, with: &Place) -> std::io::Result<bool> {
        failpoint::change();
        system::exchange(self.pair(), with.pair())
    }

    fn pair(&self) -> (&system::Handle, &OsStr) {
        (&self.dir.handle, &self.name)
    }

    fn file(&self, opening: Opening) -> std::io::Result<File> {
        if opening != Opening::Read {
            failpoint::change();
        }
        system::file(&self.dir.handle, &self.name, opening)
    }
}
