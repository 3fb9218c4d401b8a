//! Reading one commit out of a cache repository, never asking anybody for what is absent.
//!
//! A cache repository can be damaged by whatever damages files, and it can be fetched again: so that failure has a type
//! of its own, [`Fault::Damaged`].
//!
//! Invariant: names and modes come from strangers; [`Snapshot::scan`] lets none through that a package may not have,
//! and stops early however large the tree claims to be.

use std::path::{Path, PathBuf};

use git2::{ErrorClass, ErrorCode, ObjectType, Odb, OdbLookupFlags, Oid, Repository, TreeEntry};

use super::{CONFIG_HELP, SHA256_HELP, SHA256_UNREADABLE, UNREADABLE_CONFIG};
use crate::error::{Error, Kind, Result};
use crate::model::relpath::RelPath;
use crate::model::source::Commit;
use crate::model::tree::MAX_FILES;
use crate::model::url::GitUrl;

/// Why a reading failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The cache repository is not what git wrote; a new one helps.
    Damaged(Error),
    /// Anything that a new one would not change.
    Other(Error),
}

/// The result of reading a cache repository.
pub(super) type Read<T> = std::result::Result<T, Fault>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Other(error)
    }
}

impl Fault {
    pub(super) fn error(self) -> Error {
        match self {
            Fault::Damaged(error) | Fault::Other(error) => error,
        }
    }

    pub(super) fn as_error(&self) -> &Error {
        match self {
            Fault::Damaged(error) | Fault::Other(error) => error,
        }
    }

    /// [`Error::at`].
    pub(super) fn at(self, place: impl std::fmt::Display) -> Self {
        self.map(|error| error.at(place))
    }

    /// The same fault with more said.
    pub(super) fn map(self, say: impl FnOnce(Error) -> Error) -> Self {
        match self {
            Fault::Damaged(error) => Fault::Damaged(say(error)),
            Fault::Other(error) => Fault::Other(say(error)),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.as_error().kind()
    }
}

/// A commit that is present; of its trees and blobs, some may be.
pub(super) struct Snapshot<'a> {
    repository: Repository,
    path: PathBuf,
    top: Oid,
    url: &'a GitUrl,
    commit: &'a Commit,
}

/// What a tree entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Dir(Oid),
    File(Oid),
    Link(Oid),
    Submodule,
}

/// A file or link that a scan found; the path is relative to where it started.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) path: RelPath,
    pub(super) blob: Oid,
    pub(super) mode: Mode,
}

/// An entry of a folder that a package may have.
#[derive(Debug)]
pub(super) enum Found {
    Folder(RelPath, Oid),
    Item(Item),
}

impl Found {
    /// An entry of the folder `above`, checked as far as it can be without reading it.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] for a name or a mode that a package may not have.
    pub(super) fn admit(above: Option<&RelPath>, entry: &TreeEntry<'_>) -> Result<Self> {
        let path = child(above, entry.name_bytes())?;
        match (Node::of(entry), Mode::of(entry)) {
            (Node::Dir(tree), _) => Ok(Found::Folder(path, tree)),
            (Node::Submodule, _) => Err(Error::new(Kind::UnsafeTree, format!("`{path}` is a git submodule"))
                .because("cpm installs what is in the repository itself, and fetches no other")),
            (Node::File(blob) | Node::Link(blob), Some(mode)) => Ok(Found::Item(Item { path, blob, mode })),
            (_, None) => Err(Error::new(Kind::UnsafeTree, format!("`{path}` is not an ordinary file"))
                .because(format!("its mode is {:o}", entry.filemode_raw()))),
        }
    }

    pub(super) fn is_link(&self) -> bool {
        matches!(self, Found::Item(Item { mode: Mode::Link, .. }))
    }
}

/// The modes that a package may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    Executable,
    Link,
}

/// How much a scan reads before it gives up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    files: usize,
    folders: usize,
}

impl Bounds {
    /// For what gets installed.
    pub(super) const PACKAGE: Bounds = Bounds { files: MAX_FILES, folders: 4 * MAX_FILES };
    /// For an index with a file per package.
    pub(super) const INDEX: Bounds = Bounds { files: 200_000, folders: 200_000 };

    /// Refuses more.
    pub(super) fn hold(self, files: usize, folders: usize) -> Result<()> {
        if files <= self.files && folders <= self.folders {
            return Ok(());
        }
        let why = format!("it has more than {} files, or folders without end", self.files);
        Err(Error::new(Kind::UnsafeTree, "the package is too large").because(why))
    }
}

impl<'a> Snapshot<'a> {
    /// Opens a commit; `None` when the cache does not have it.
    pub(super) fn open(path: &Path, url: &'a GitUrl, commit: &'a Commit) -> Read<Option<Self>> {
        let id = object_id(url, commit)?;
        if !path.exists() {
            return Ok(None);
        }
        let repository = Repository::open_bare(path).map_err(|cause| damaged(path, url, &cause))?;
        let top = match repository.find_commit(id) {
            Ok(commit) => commit.tree_id(),
            Err(cause) if cause.code() == ErrorCode::NotFound => return Ok(None),
            Err(cause) => return Err(damaged(path, url, &cause)),
        };
        Ok(Some(Snapshot { repository, path: path.to_owned(), top, url, commit }))
    }

    /// Another commit of the same repository.
    pub(super) fn at<'c>(&'c self, commit: &'c Commit) -> Read<Option<Snapshot<'c>>> {
        Snapshot::open(&self.path, self.url, commit)
    }

    /// Address and commit, for messages.
    pub(super) fn place(&self) -> String {
        format!("{} at {}", self.url, self.commit.short())
    }

    pub(super) fn url(&self) -> &'a GitUrl {
        self.url
    }

    pub(super) fn commit(&self) -> &'a Commit {
        self.commit
    }

    /// When the commit says it was made, in seconds since 1970.
    pub(super) fn seconds(&self) -> Read<i64> {
        let id = object_id(self.url, self.commit)?;
        let found = self.repository.find_commit(id).map_err(|cause| damaged(&self.path, self.url, &cause))?;
        Ok(found.time().seconds())
    }

    /// The top folder.
    pub(super) fn top(&self) -> Oid {
        self.top
    }

    /// What is at a path; the top folder for `None`. The trees on the way are present.
    pub(super) fn node(&self, path: Option<&RelPath>) -> Read<Option<Node>> {
        let mut node = Node::Dir(self.top);
        for component in path.into_iter().flat_map(RelPath::components) {
            let Node::Dir(tree) = node else { return Ok(None) };
            let Some(next) = self.entry(tree, component)? else { return Ok(None) };
            node = next;
        }
        Ok(Some(node))
    }

    /// What has a name in a folder.
    pub(super) fn entry(&self, folder: Oid, name: &str) -> Read<Option<Node>> {
        // Not `get_name`: it relies on an order that a stranger's tree may not have.
        let tree = self.tree(folder)?;
        let found = tree.iter().find(|entry| entry.name_bytes() == name.as_bytes());
        Ok(found.map(|entry| Node::of(&entry)))
    }

    /// Names and kinds directly in a folder.
    pub(super) fn list(&self, folder: Oid) -> Read<Vec<(String, Node)>> {
        let tree = self.tree(folder)?;
        Ok(tree.iter().map(|e| (String::from_utf8_lossy(e.name_bytes()).into_owned(), Node::of(&e))).collect())
    }

    /// Every file and link below a folder, checked as far as it can be without reading them.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] for a name, a mode or a number that a package may not have.
    pub(super) fn scan(&self, folder: Oid, bounds: Bounds) -> Read<Vec<Item>> {
        let mut absent = None;
        let items = self.scan_with(folder, bounds, &mut |tree| absent = Some(tree))?;
        match absent {
            Some(tree) => self.tree(tree).map(|_| items),
            None => Ok(items),
        }
    }

    /// [`Snapshot::scan`] of what is present; the absent trees are told.
    pub(super) fn scan_with(&self, folder: Oid, bounds: Bounds, absent: &mut dyn FnMut(Oid)) -> Read<Vec<Item>> {
        self.scan_unplaced(folder, bounds, absent).map_err(|fault| fault.at(self.place()))
    }

    fn scan_unplaced(&self, folder: Oid, bounds: Bounds, absent: &mut dyn FnMut(Oid)) -> Read<Vec<Item>> {
        let mut items = Vec::new();
        self.visit(vec![(None, folder)], bounds, absent, &mut |item| {
            items.push(item);
            Ok(())
        })?;
        Ok(items)
    }

    /// Every file and link below some folders, one at a time; the absent trees are told.
    ///
    /// # Errors
    /// As [`Snapshot::scan`], and what `visit` fails with.
    pub(super) fn visit(
        &self,
        mut open: Vec<(Option<RelPath>, Oid)>,
        bounds: Bounds,
        absent: &mut dyn FnMut(Oid),
        visit: &mut dyn FnMut(Item) -> Read<()>,
    ) -> Read<()> {
        let (mut files, mut folders) = (0, 0);
        while let Some((above, folder)) = open.pop() {
            if !self.has(folder)? {
                absent(folder);
                continue;
            }
            for entry in self.tree(folder)?.iter() {
                match Found::admit(above.as_ref(), &entry)? {
                    Found::Folder(path, tree) => {
                        folders += 1;
                        open.push((Some(path), tree));
                    }
                    Found::Item(item) => {
                        files += 1;
                        visit(item)?;
                    }
                }
                bounds.hold(files, folders)?;
            }
        }
        Ok(())
    }

    /// Whether an object is in the cache.
    pub(super) fn has(&self, id: Oid) -> Read<bool> {
        // The handle is new, and each refresh would read the folder of packs again.
        Ok(self.odb()?.exists_ext(id, OdbLookupFlags::NO_REFRESH))
    }

    /// How many bytes a blob has; it is not unpacked for that.
    pub(super) fn size(&self, blob: Oid) -> Read<u64> {
        let (size, kind) = self.odb()?.read_header(blob).map_err(|cause| self.damaged(&cause))?;
        if kind != ObjectType::Blob {
            return Err(Error::new(Kind::UnsafeTree, "a file's content is not a blob").at(self.place()).into());
        }
        Ok(size as u64)
    }

    /// The bytes of a blob of at most `most` bytes.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] when it has more.
    pub(super) fn read(&self, blob: Oid, most: u64) -> Read<Vec<u8>> {
        let size = self.size(blob)?;
        if size > most {
            return Err(Error::new(Kind::UnsafeTree, "a file is too large")
                .at(self.place())
                .because(format!("it has {size} bytes, and may have {} MiB", most >> 20))
                .into());
        }
        let odb = self.odb()?;
        let object = odb.read(blob).map_err(|cause| self.damaged(&cause))?;
        Ok(object.data().to_vec())
    }

    fn odb(&self) -> Read<Odb<'_>> {
        self.repository.odb().map_err(|cause| self.damaged(&cause))
    }

    pub(super) fn tree(&self, id: Oid) -> Read<git2::Tree<'_>> {
        self.repository.find_tree(id).map_err(|cause| self.damaged(&cause))
    }

    fn damaged(&self, cause: &git2::Error) -> Fault {
        damaged(&self.path, self.url, cause)
    }
}

impl Node {
    fn of(entry: &TreeEntry<'_>) -> Self {
        match entry.filemode_raw() & 0o170_000 {
            0o040_000 => Node::Dir(entry.id()),
            0o120_000 => Node::Link(entry.id()),
            0o160_000 => Node::Submodule,
            _ => Node::File(entry.id()),
        }
    }
}

impl Mode {
    fn of(entry: &TreeEntry<'_>) -> Option<Self> {
        match entry.filemode_raw() {
            // Git once wrote group-writable files as they were; the digest knows only two modes.
            0o100_644 | 0o100_664 | 0o100_666 => Some(Mode::Plain),
            0o100_755 => Some(Mode::Executable),
            0o120_000 => Some(Mode::Link),
            _ => None,
        }
    }
}

/// The id as libgit2 knows it.
pub(super) fn object_id(url: &GitUrl, commit: &Commit) -> Result<Oid> {
    const SHA1_DIGITS: usize = 40;
    if commit.as_str().len() != SHA1_DIGITS {
        return Err(Error::new(Kind::NotFound, SHA256_UNREADABLE).at(url).help(SHA256_HELP));
    }
    Oid::from_str(commit.as_str())
        .map_err(|cause| Error::new(Kind::Bug, "a commit id does not parse").at(url).because(cause.message()))
}

/// The fault of a cache that git2 cannot read.
pub(super) fn damaged(path: &Path, url: &GitUrl, cause: &git2::Error) -> Fault {
    // libgit2 reads the user's configuration too, and names the file.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if cause.class() == ErrorClass::Config && !cause.message().contains(&*name) {
        let error = Error::new(Kind::Usage, UNREADABLE_CONFIG).because(cause.message()).help(CONFIG_HELP);
        return error.at(url).into();
    }
    Fault::Damaged(
        Error::new(Kind::Integrity, "the git cache is damaged")
            .at(url)
            .because(cause.message())
            .help(format!("run again without `--offline`: cpm fetches it anew; or remove `{}`", path.display())),
    )
}

/// A path one level deeper.
fn child(above: Option<&RelPath>, name: &[u8]) -> Result<RelPath> {
    let refuse = |why: &str| {
        Err(Error::new(Kind::UnsafeTree, format!("`{}` is not a safe path in a package", name.escape_ascii()))
            .because(why))
    };
    let Ok(text) = std::str::from_utf8(name) else { return refuse("it is not UTF-8") };
    if text.contains('/') {
        return refuse("a slash is in the name of one entry, so it stands for a path that is not there");
    }
    match above {
        None => RelPath::parse(text),
        Some(above) => RelPath::parse(&format!("{above}/{text}")),
    }
}
