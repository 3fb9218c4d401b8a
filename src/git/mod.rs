//! Git: the `git` program moves bytes into a cache of bare repositories, one per address; `git2` reads them there.
//!
//! Invariant: what is present is read without starting a process, and a package leaves this layer only with names,
//! modes and sizes that it may have.

mod capture;
mod changes;
mod command;
mod failure;
mod fetch;
mod filters;
mod followed;
pub mod history;
pub mod lines;
mod need;
mod odb;
mod package;
mod present;
mod process;
mod proof;
mod reasons;
mod repository;
pub mod settings;
mod signatures;
pub mod stages;
mod tags;
#[cfg(all(test, unix))]
mod tests;
mod together;
pub mod upkeep;
pub mod version;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use changes::{ChangedFile, Changes};
pub use followed::Followed;
use git2::Oid;

use self::command::Git;
use self::need::Need;
use self::odb::{Bounds, Fault, Node};
use self::present::offline;
pub use self::together::WantedCommit;
use crate::error::{Error, Kind, Result};
use crate::model::mirrors::Mirrors;
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefWant};
use crate::model::tree::Tree;
use crate::model::url::GitUrl;
use crate::progress::Progress;

/// Most bytes in a file of an index; a package's are bounded by [`crate::model::tree::MAX_FILE_BYTES`].
pub const MAX_INDEX_FILE_BYTES: u64 = 20 << 20;

const SHA256_UNREADABLE: &str = "the repository uses SHA-256 object ids, which this cpm cannot read";
const SHA256_HELP: &str = "use a mirror of it with SHA-1 object ids, as git makes by default";
const UNREADABLE_CONFIG: &str = "your git configuration cannot be read";
const CONFIG_HELP: &str = "mend it; `git config --list --show-origin` says what is wrong";

/// Whether servers may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// They may.
    Online,
    /// What the cache lacks is an error; no process is started but to check a signature.
    Offline,
}

/// What is going to be read of a commit; it comes with the answer to which commit a ref names, as far as one answer can
/// hold it.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'p> {
    /// An index: its first files.
    Index,
    /// The package at this path; `None` is the whole repository.
    Package(Option<&'p RelPath>),
}

impl<'p> Reading<'p> {
    fn needs(self) -> Vec<Need<'p>> {
        match self {
            Reading::Index => Vec::new(),
            Reading::Package(path) => vec![Need::Below(path, Bounds::PACKAGE)],
        }
    }
}

/// A name in a folder of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// As in the tree; what is not UTF-8 is replaced. It is not checked: parse it before it becomes a path.
    pub name: String,
    /// What has this name.
    pub kind: EntryKind,
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A folder.
    Dir,
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// Another repository.
    Submodule,
}

/// The bare repositories under one folder. All methods may be called from several threads; two cpm processes may
/// share the folder.
pub struct Cache<'a> {
    root: PathBuf,
    network: Network,
    progress: &'a dyn Progress,
    git: Git,
    mirrors: Mirrors,
    /// What the names of files of signers start at.
    signers_at: PathBuf,
    /// One entry for each repository, held around writes to it.
    writers: Mutex<HashMap<PathBuf, Arc<Mutex<()>>>>,
    /// What servers said in this process, failures included.
    resolved: Mutex<HashMap<(GitUrl, RefWant), Result<Commit>>>,
    filters: filters::Known,
    /// Hosts that failed in this process: asking again would only fail again, after the same patience.
    failed: Mutex<HashMap<GitUrl, Error>>,
    /// Files that servers left out in this process because they are too large for any reader.
    left_out: Mutex<HashSet<Oid>>,
}

impl<'a> Cache<'a> {
    /// The cache in `root`, which need not exist yet; git runs in the environment of this process.
    #[must_use]
    pub fn new(root: PathBuf, network: Network, progress: &'a dyn Progress) -> Self {
        Cache::with_git(root, network, progress, Git::new(std::env::vars_os()))
    }

    fn with_git(root: PathBuf, network: Network, progress: &'a dyn Progress, git: Git) -> Self {
        // Git runs in another folder, where a relative path would mean something else.
        let root = std::path::absolute(&root).unwrap_or(root);
        Cache {
            root,
            network,
            progress,
            git,
            mirrors: Mirrors::default(),
            signers_at: PathBuf::new(),
            writers: Mutex::default(),
            resolved: Mutex::default(),
            filters: filters::Known::default(),
            failed: Mutex::default(),
            left_out: Mutex::default(),
        }
    }

    /// The same cache, filled from mirrors. What is in it keeps its address.
    #[must_use]
    pub fn with_mirrors(self, mirrors: Mirrors) -> Self {
        Cache { mirrors, ..self }
    }

    /// The same cache, which finds the files that manifests name as `signers` from this folder on.
    #[must_use]
    pub fn with_signers_at(self, folder: PathBuf) -> Self {
        Cache { signers_at: folder, ..self }
    }

    /// The commit that a ref names now. The server is asked once in a process; [`RefWant::Rev`] asks nobody. What
    /// comes along is the first of what `reading` needs.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when there is no such repository or ref, or offline when the cache has never seen it;
    /// [`Kind::Network`].
    pub fn resolve(&self, url: &GitUrl, want: &RefWant, reading: Reading<'_>) -> Result<Commit> {
        if let RefWant::Rev(commit) = want {
            return Ok(commit.clone());
        }
        if self.network == Network::Offline {
            return self.known(url, want).ok_or_else(|| offline(url, &fetch::describe(want)));
        }
        let key = (url.clone(), want.clone());
        if let Some(answer) = held(&self.resolved).get(&key) {
            return answer.clone();
        }
        let ask = || {
            self.writing(url, |server| {
                // Another thread may have asked while this one waited.
                if let Some(answer) = held(&self.resolved).get(&key) {
                    return answer.clone().map_err(Fault::from);
                }
                let answer = server.resolve(want, &reading.needs());
                let answer = answer.map_err(|fault| fault.map(|error| self.naming_mirror(url, error)));
                if !matches!(answer, Err(Fault::Damaged(_))) {
                    let told = answer.as_ref().map_err(|fault| fault.as_error().clone()).cloned();
                    held(&self.resolved).insert(key.clone(), told);
                }
                answer
            })
        };
        self.healing(url, ask)
    }

    /// The commit that a ref named when it was last resolved, by whatever process; [`RefWant::Rev`] is always known.
    #[must_use]
    pub fn known(&self, url: &GitUrl, want: &RefWant) -> Option<Commit> {
        match want {
            RefWant::Rev(commit) => Some(commit.clone()),
            _ => repository::last_known(&self.repository(url), want),
        }
    }

    /// Brings a commit and the files at or below each path (`None` is the whole repository), in at most two fetches, and
    /// in none when all is present. A path that does not exist, or that no package may have, is left to whoever reads it.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when the commit is gone, or offline for anything absent; [`Kind::Network`].
    pub fn ensure(&self, url: &GitUrl, commit: &Commit, paths: &[Option<RelPath>]) -> Result<()> {
        self.read(url, commit, &together::needs(paths), |_| Ok(()))
    }

    /// The package at a path (`None` is the whole repository), fetched if need be.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when there is no such folder; [`Kind::UnsafeTree`] when no package may be like this;
    /// [`Kind::Invalid`] when it has no files; and as [`Cache::ensure`].
    pub fn tree(&self, url: &GitUrl, commit: &Commit, path: Option<&RelPath>) -> Result<Tree> {
        self.read(url, commit, &[Need::Below(path, Bounds::PACKAGE)], |snapshot| {
            let Some(Node::Dir(folder)) = snapshot.node(path)? else {
                let path = path.map(RelPath::as_str).unwrap_or_default();
                let message = format!("no folder `{path}` in {}", snapshot.place());
                return Err(Error::new(Kind::NotFound, message).at(url).into());
            };
            let items = snapshot.scan(folder, Bounds::PACKAGE)?;
            package::assemble(snapshot, &items, self.progress)
        })
    }

    /// The bytes of one file, fetched if need be; `None` when no file is there.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] when the path is a symbolic link or the file too large; and as [`Cache::ensure`].
    pub fn file(&self, url: &GitUrl, commit: &Commit, path: &RelPath) -> Result<Option<Vec<u8>>> {
        self.read(url, commit, &[Need::File(path)], |snapshot| match snapshot.node(Some(path))? {
            Some(Node::File(blob)) => {
                let bytes = snapshot.read(blob, MAX_INDEX_FILE_BYTES).map(Some);
                bytes.map_err(|fault| fault.map(|error| error.because(format!("the file is `{path}`"))))
            }
            Some(Node::Link(_)) => Err(Error::new(Kind::UnsafeTree, format!("`{path}` is a symbolic link"))
                .at(snapshot.place())
                .because("cpm reads it only as a file")
                .into()),
            Some(Node::Dir(_) | Node::Submodule) | None => Ok(None),
        })
    }

    /// The names directly in a folder, `None` when no folder is there. No file is fetched for this.
    ///
    /// # Errors
    /// As [`Cache::ensure`].
    pub fn list(&self, url: &GitUrl, commit: &Commit, path: Option<&RelPath>) -> Result<Option<Vec<Entry>>> {
        self.read(url, commit, &[Need::Names(path)], |snapshot| {
            let Some(Node::Dir(folder)) = snapshot.node(path)? else { return Ok(None) };
            let entries = snapshot.list(folder)?.into_iter().map(|(name, node)| Entry { name, kind: node.into() });
            Ok(Some(entries.collect()))
        })
    }
}

impl From<Node> for EntryKind {
    fn from(node: Node) -> Self {
        match node {
            Node::Dir(_) => EntryKind::Dir,
            Node::File(_) => EntryKind::File,
            Node::Link(_) => EntryKind::Link,
            Node::Submodule => EntryKind::Submodule,
        }
    }
}

/// What a panicking thread leaves behind is still whole: every change is one insertion.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
