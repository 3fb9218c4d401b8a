//! The folders that a run works in, each opened once: what its path led to then stays the folder of the run.
//!
//! Invariant: below a project, no folder is ever opened through a link that leads out of it, and none is left for
//! another one that takes its place while the run is at work [security.md M12, M13]. The user's own links, in the home
//! directory, are followed when a folder is opened, and not again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::claude::paths::ScopePlaces;
use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::fsx::dir::{Dir, Place, Seen};
use crate::model::scope::Scope;

/// The folders of one run in a scope.
#[derive(Debug)]
pub struct Folders {
    /// The state folder.
    pub(super) state: PathBuf,
    base: PathBuf,
    /// Files that a run writes outside of its project; `None` for a scope that is the user's own wherever it leads.
    beyond: Option<Vec<PathBuf>>,
    open: RefCell<BTreeMap<PathBuf, Open>>,
}

#[derive(Debug, Clone)]
struct Open {
    dir: Rc<Dir>,
    /// Its path without links.
    real: PathBuf,
}

impl Folders {
    /// Those of a scope, and of others that have the same state folder; none is opened yet.
    #[must_use]
    pub fn of(places: &ScopePlaces, others: &[ScopePlaces]) -> Self {
        let beyond = std::iter::once(places).chain(others).flat_map(|places| {
            let client = places.mcp.shared_with_client.then_some(&places.mcp.path);
            client.into_iter().chain(places.exclude.as_ref().map(|exclude| &exclude.file))
        });
        Folders {
            state: places.state.clone(),
            base: places.base.clone(),
            beyond: (places.scope != Scope::User).then(|| beyond.map(|file| fsx::resolve_link(file)).collect()),
            open: RefCell::default(),
        }
    }

    /// The place of a path; `None` when its folder is not there.
    pub(super) fn at(&self, path: &Path) -> Result<Option<Place>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
        Ok(self.open(parent)?.map(|open| open.dir.at(name)))
    }

    /// The place of a path whose folder must be there.
    pub(super) fn there(&self, path: &Path) -> Result<Place> {
        self.at(path)?.ok_or_else(|| Error::io("open the folder of", path, &NotFound.into()))
    }

    /// What is at a path.
    pub(super) fn look(&self, path: &Path) -> Result<Option<Seen>> {
        self.at(path)?.map_or(Ok(None), |place| place.look())
    }

    /// Removes what is at a path, if anything is.
    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        self.at(path)?.map_or(Ok(()), |place| place.remove())
    }

    /// Writes a file that must not exist yet.
    pub(super) fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<std::fs::File> {
        self.there(path)?.write_new(bytes, false)
    }

    /// Makes a folder and those above it; `made` gets each that was not there.
    pub(super) fn make(&self, path: &Path, made: &mut Vec<PathBuf>) -> Result<()> {
        if self.open(path)?.is_some() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make(parent, made)?;
        }
        if self.there(path)?.make_folder()? {
            made.push(path.to_path_buf());
        }
        self.open(path)?.map(|_| ()).ok_or_else(|| Error::io("open the folder", path, &NotFound.into()))
    }

    /// Removes those of these folders that hold nothing, the innermost first.
    pub(super) fn remove_empty<'a>(&self, made: impl IntoIterator<Item = &'a PathBuf, IntoIter: DoubleEndedIterator>) {
        for path in made.into_iter().rev() {
            self.open.borrow_mut().remove(path);
            // One that holds something is somebody's.
            let _ = self.there(path).and_then(|place| place.remove_empty());
        }
    }

    /// Where links at the end of a path lead. In a project that may not be anywhere else than in it.
    pub(super) fn resolved(&self, path: &Path) -> Result<PathBuf> {
        let target = fsx::resolve_link(path);
        self.open(target.parent().unwrap_or(&self.base))?;
        Ok(target)
    }

    /// A folder whose path leads to another one by now.
    pub(super) fn first_moved(&self) -> Option<PathBuf> {
        self.open.borrow().iter().find(|(path, open)| !open.dir.is_at(path)).map(|(path, _)| path.clone())
    }

    /// The path of the state folder without links.
    pub(super) fn real_state(&self) -> Result<PathBuf> {
        Ok(self.open(&self.state)?.map_or_else(|| self.state.clone(), |open| open.real))
    }

    /// All that is in the state folder.
    pub(super) fn in_state(&self) -> Result<Vec<Place>> {
        self.open(&self.state)?.map_or(Ok(Vec::new()), |open| open.dir.places())
    }

    fn open(&self, path: &Path) -> Result<Option<Open>> {
        if let Some(open) = self.open.borrow().get(path) {
            return Ok(Some(open.clone()));
        }
        let real = match path.canonicalize() {
            Err(cause) if matches!(cause.kind(), NotFound | NotADirectory) => return Ok(None),
            real => real.path("look at", path)?,
        };
        let dir = if path == self.base {
            Dir::open(&real)?
        } else {
            match self.open(&self.base)? {
                Some(base) if real.starts_with(&base.real) => {
                    let inside = real.strip_prefix(&base.real).unwrap_or(&real);
                    base.dir.walk(inside).map_err(|error| became_a_link(error, path))?
                }
                _ if self.may_be_beyond(path) => Dir::open(&real)?,
                _ => return Err(leads_out(path, &real)),
            }
        };
        let open = Open { dir, real };
        self.open.borrow_mut().insert(path.to_path_buf(), open.clone());
        Ok(Some(open))
    }

    fn may_be_beyond(&self, path: &Path) -> bool {
        self.beyond.as_ref().is_none_or(|files| files.iter().any(|file| file.starts_with(path)))
    }
}

/// A project may come from a stranger: a link in it must not make cpm write elsewhere [security.md M12].
#[must_use]
pub fn leads_out(path: &Path, real: &Path) -> Error {
    Error::new(Kind::UnsafeTree, format!("`{}` leads out of the project", path.display()))
        .at_path(path)
        .because(format!("it is a link to `{}`", real.display()))
        .help("replace the link with a real file or folder, or install in the user scope")
}

fn became_a_link(error: Error, path: &Path) -> Error {
    let what = format!("`{}` became something else while cpm was at work, so nothing was changed", path.display());
    Error::new(Kind::UnsafeTree, what)
        .at_path(path)
        .because(error.message())
        .help("find out what replaces folders of this project, then run again")
}
