//! Making objects present: nothing when they are, an error when offline, else a fetch as the only writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use git2::{Oid, Repository, RepositoryInitOptions};

use super::fetch::Server;
use super::odb::{Item, Snapshot};
use super::{Cache, Network, held};
use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx::lock::FileLock;
use crate::model::digest::FileDigest;
use crate::model::relpath::RelPath;
use crate::model::source::Commit;
use crate::model::url::GitUrl;

/// How long to wait for another cpm that fetches from the same repository.
const PATIENCE: Duration = Duration::from_secs(600);

/// The blobs that reading a path needs.
pub(super) struct Wanted<'p> {
    pub(super) path: Option<&'p RelPath>,
    pub(super) blobs: Vec<Oid>,
}

impl<'p> Wanted<'p> {
    /// All blobs of a scanned folder.
    pub(super) fn of(path: Option<&'p RelPath>, items: &[Item]) -> Self {
        Wanted { path, blobs: items.iter().map(|item| item.blob).collect() }
    }
}

impl Cache<'_> {
    /// A commit with its trees, fetched if need be.
    pub(super) fn snapshot<'s>(&self, url: &'s GitUrl, commit: &'s Commit) -> Result<Snapshot<'s>> {
        let path = self.repository(url);
        if let Some(snapshot) = Snapshot::open(&path, url, commit)? {
            return Ok(snapshot);
        }
        if self.network == Network::Offline {
            return Err(offline(url, &format!("commit {commit}")));
        }
        self.writing(url, |server| {
            // Another thread or process may have brought it while this one waited.
            if let Some(snapshot) = Snapshot::open(&path, url, commit)? {
                return Ok(snapshot);
            }
            server.commit(commit)?;
            reopen(&path, url, commit)
        })
    }

    /// The same snapshot with the blobs present, fetched if need be.
    pub(super) fn with_blobs<'s>(&self, snapshot: Snapshot<'s>, wanted: &[Wanted<'_>]) -> Result<Snapshot<'s>> {
        let blobs: Vec<Oid> = wanted.iter().flat_map(|wanted| wanted.blobs.iter().copied()).collect();
        if snapshot.missing(&blobs)?.is_empty() {
            return Ok(snapshot);
        }
        if self.network == Network::Offline {
            return Err(absent(&snapshot, wanted)?);
        }
        let (url, commit) = (snapshot.url(), snapshot.commit());
        let path = self.repository(url);
        drop(snapshot);
        self.writing(url, |server| {
            let snapshot = reopen(&path, url, commit)?;
            let missing = snapshot.missing(&blobs)?;
            if missing.is_empty() {
                return Ok(snapshot);
            }
            server.blobs(commit, &missing)?;
            let snapshot = reopen(&path, url, commit)?;
            match snapshot.missing(&blobs)?.len() {
                0 => Ok(snapshot),
                count => Err(Error::new(Kind::Integrity, "the server did not send all files of the commit")
                    .at(url)
                    .because(format!("{count} are missing at {commit}"))
                    .help("the repository may be damaged; `git fsck` there shows it")),
            }
        })
    }

    /// Where the repository for an address is.
    pub(super) fn repository(&self, url: &GitUrl) -> PathBuf {
        self.root.join(format!("{}.git", FileDigest::of(url.as_str().as_bytes()).hex()))
    }

    /// Runs `work` as the only writer, in this process and beside others, with the repository in place.
    pub(super) fn writing<T>(&self, url: &GitUrl, work: impl FnOnce(&Server<'_>) -> Result<T>) -> Result<T> {
        let repository = self.repository(url);
        let writer = Arc::clone(held(&self.writers).entry(repository.clone()).or_default());
        let _thread = held(&writer);
        create_private(&self.root)?;
        let _process = FileLock::acquire(&repository.with_extension("lock"), PATIENCE, self.progress)?;
        if !repository.exists() {
            create(&self.root, &repository).map_err(|error| error.at(url))?;
        }
        work(&Server { git: &self.git, url, repository: &repository, progress: self.progress })
    }
}

/// The error for something that offline cannot be fetched.
pub(super) fn offline(url: &GitUrl, what: &str) -> Error {
    Error::new(Kind::NotFound, format!("the cache does not have {what}"))
        .at(url)
        .help("run again without `--offline` and `--frozen`")
}

/// [`offline`] for files, with every path that lacks some.
fn absent(snapshot: &Snapshot<'_>, wanted: &[Wanted<'_>]) -> Result<Error> {
    let mut error = offline(snapshot.url(), &format!("all files of commit {}", snapshot.commit()));
    for Wanted { path, blobs } in wanted {
        let count = snapshot.missing(blobs)?.len();
        if count > 0 {
            let path = path.map_or_else(|| "the repository".to_owned(), |path| format!("`{path}`"));
            error = error.because(format!("{count} missing for {path}"));
        }
    }
    Ok(error)
}

fn reopen<'s>(path: &Path, url: &'s GitUrl, commit: &'s Commit) -> Result<Snapshot<'s>> {
    let lost = || Error::new(Kind::Integrity, format!("commit {commit} is not in the cache that had it")).at(url);
    Snapshot::open(path, url, commit)?.ok_or_else(lost)
}

/// Makes a folder that only the user can read: what is fetched may be private.
fn create_private(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).path("create the folder", folder)
}

/// Makes an empty repository in one step, so that one which is there is complete.
fn create(root: &Path, repository: &Path) -> Result<()> {
    let staged = tempfile::Builder::new().prefix(".new-").tempdir_in(root).path("create a folder in", root)?;
    let mut options = RepositoryInitOptions::new();
    // Without a name for `HEAD` libgit2 would take one from the user's configuration.
    options.bare(true).external_template(false).initial_head("none");
    Repository::init_opts(staged.path(), &options).map_err(|cause| {
        Error::new(Kind::FileSystem, "cannot create a repository in the git cache").because(cause.message())
    })?;
    #[cfg(unix)]
    {
        // libgit2 gives the folder it is pointed to the mode of an ordinary one.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(staged.path(), private).path("protect", staged.path())?;
    }
    std::fs::rename(staged.path(), repository).path("move a new repository to", repository)?;
    // It is not there any more, so nobody has to remove it.
    let _ = staged.keep();
    Ok(())
}
