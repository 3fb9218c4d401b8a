//! Making present what is to be read: nothing when it is, an error when offline, else fetches by the only writer until
//! nothing is lacking. A damaged cache repository is thrown away and fetched anew, once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::fetch::Server;
use super::filters::Filters;
use super::need::{Lacking, Need};
use super::odb::{Fault, Read, Snapshot};
use super::{Cache, MAX_INDEX_FILE_BYTES, Network, held, repository};
use crate::error::{Error, Kind, Result};
use crate::fsx::lock::FileLock;
use crate::fsx::upkeep;
use crate::model::digest::FileDigest;
use crate::model::source::Commit;
use crate::model::url::GitUrl;

/// How long to wait for another cpm that fetches from the same repository.
const PATIENCE: Duration = Duration::from_secs(600);

impl Cache<'_> {
    /// Reads a commit after what is needed for it has been brought.
    pub(super) fn read<T>(
        &self,
        url: &GitUrl,
        commit: &Commit,
        needs: &[Need<'_>],
        read: impl Fn(&Snapshot<'_>) -> Read<T>,
    ) -> Result<T> {
        self.healing(url, || read(&self.bring(url, commit, needs)?))
    }

    /// Does something with the repository of an address, and once more with a new one when it is damaged.
    pub(super) fn healing<T>(&self, url: &GitUrl, work: impl Fn() -> Read<T>) -> Result<T> {
        match work() {
            Err(Fault::Damaged(_)) if self.network == Network::Online => {
                self.discard(url)?;
                work().map_err(Fault::error)
            }
            result => result.map_err(Fault::error),
        }
    }

    fn discard(&self, url: &GitUrl) -> Result<()> {
        self.progress.detail(&format!("the cache of {url} is damaged: fetching it anew"));
        self.exclusive(url, |repository| repository::discard(repository).map_err(Fault::from)).map_err(Fault::error)
    }

    fn bring<'s>(&self, url: &'s GitUrl, commit: &'s Commit, needs: &[Need<'_>]) -> Read<Snapshot<'s>> {
        let path = self.repository(url);
        upkeep::note_use(&path);
        let asked = self.asked(url)?;
        let found = Snapshot::open(&path, url, commit)?;
        if let Some(snapshot) = found {
            let lacking = snapshot.lacking(needs, self.filters.of(&asked))?;
            if lacking.is_nothing() {
                return Ok(snapshot);
            }
            if self.network == Network::Offline {
                return Err(absent(&snapshot, needs)?.into());
            }
        } else if self.network == Network::Offline {
            return Err(offline(url, &format!("commit {commit}")).into());
        }
        // As the only writer everything is looked at again: another thread or process may have brought it meanwhile.
        self.writing(url, |server| self.bring_rounds(server, &path, url, commit, needs))
    }

    /// Fetches in rounds: the commit, the trees on the way, what is wanted. A round that did not help is the last.
    fn bring_rounds<'s>(
        &self,
        server: &Server<'_>,
        path: &Path,
        url: &'s GitUrl,
        commit: &'s Commit,
        needs: &[Need<'_>],
    ) -> Read<Snapshot<'s>> {
        let mut last: Option<(Filters, Lacking)> = None;
        loop {
            let Some(snapshot) = Snapshot::open(path, url, commit)? else {
                server.commit(commit, needs)?;
                continue;
            };
            let filters = self.filters.of(server.asked);
            let lacking = snapshot.lacking(needs, filters)?;
            if lacking.is_nothing() {
                return Ok(snapshot);
            }
            let did_not_help = last.as_ref().is_some_and(|(asked_with, before)| {
                *asked_with == filters && (*before == lacking || before.ways.is_empty())
            });
            if did_not_help && (filters != Filters::Narrow || lacking.blobs.is_empty()) {
                return Err(not_sent(&snapshot, needs)?);
            }
            if did_not_help {
                held(&self.left_out).extend(&lacking.blobs);
            }
            if lacking.blobs.iter().any(|blob| held(&self.left_out).contains(blob)) {
                return Err(too_large(&snapshot, needs)?.into());
            }
            drop(snapshot);
            server.objects(commit, &lacking)?;
            last = Some((filters, lacking));
        }
    }

    /// Where the repository for an address is.
    pub(super) fn repository(&self, url: &GitUrl) -> PathBuf {
        self.root.join(format!("{}.git", FileDigest::of(url.as_str().as_bytes()).hex()))
    }

    /// Runs `work` as the only writer, with the repository in place.
    pub(super) fn writing<T>(&self, url: &GitUrl, work: impl FnOnce(&Server<'_>) -> Read<T>) -> Read<T> {
        self.exclusive(url, |path| {
            if let Some(error) = held(&self.failed).get(url) {
                return Err(error.clone().into());
            }
            if path.exists() {
                repository::clear_leftovers(path)?;
            } else {
                repository::create(&self.root, path, url).map_err(|error| error.at(url))?;
            }
            let asked = self.asked(url)?;
            let done = work(&Server { cache: self, url, asked: &asked, repository: path })
                .map_err(|fault| fault.map(|error| self.naming_mirror(url, error)));
            self.progress.fetched(url.as_str());
            if let Err(Fault::Other(error)) = &done
                && error.kind() == Kind::Network
            {
                held(&self.failed).insert(url.clone(), error.clone());
            }
            done
        })
    }

    /// Runs `work` as the only one, in this process and beside others, that changes the repository of an address.
    fn exclusive<T>(&self, url: &GitUrl, work: impl FnOnce(&Path) -> Read<T>) -> Read<T> {
        let path = self.repository(url);
        let writer = Arc::clone(held(&self.writers).entry(path.clone()).or_default());
        let _thread = held(&writer);
        repository::create_private(&self.root)?;
        let _process = FileLock::acquire(&path.with_extension("lock"), PATIENCE, self.progress)?;
        work(&path)
    }

    /// The address that is asked for the repository of `url`: a mirror, where the user has one.
    pub(super) fn asked(&self, url: &GitUrl) -> Result<GitUrl> {
        Ok(self.mirrors.of(url)?.unwrap_or_else(|| url.clone()))
    }

    /// The error with the mirror that stood in for an address, if one did.
    #[must_use]
    pub fn naming_mirror(&self, url: &GitUrl, error: Error) -> Error {
        let Ok(Some(mirror)) = self.mirrors.of(url) else { return error };
        let asked = format!("the mirror that was asked: {mirror}");
        // An error that is remembered, or that passed here before, names it already.
        if error.causes().contains(&asked) { error } else { error.because(asked) }
    }
}

/// The error for something that offline cannot be fetched.
pub(super) fn offline(url: &GitUrl, what: &str) -> Error {
    Error::new(Kind::NotFound, format!("the cache does not have {what}"))
        .at(url)
        .help("run again without `--offline` and `--frozen`")
}

/// [`offline`] for the parts of a commit, with every path that lacks some.
fn absent(snapshot: &Snapshot<'_>, needs: &[Need<'_>]) -> Read<Error> {
    let mut error = offline(snapshot.url(), &format!("all files of commit {}", snapshot.commit()));
    for need in needs {
        if !snapshot.lacking(std::slice::from_ref(need), Filters::Narrow)?.is_nothing() {
            let path = need.path().map_or_else(|| "the repository".to_owned(), |path| format!("`{path}`"));
            error = error.because(format!("missing: {path}"));
        }
    }
    Ok(error)
}

/// The error for files that the server left out for their size, as it was asked to.
fn too_large(snapshot: &Snapshot<'_>, needs: &[Need<'_>]) -> Read<Error> {
    Ok(Error::new(Kind::UnsafeTree, "a file is too large").at(snapshot.place()).because(format!(
        "{}: more than {} MiB",
        shown(snapshot, needs)?,
        MAX_INDEX_FILE_BYTES >> 20
    )))
}

/// The fault of objects that did not come although they were asked for. A cache that claims to have what it has not can
/// stand behind it too.
fn not_sent(snapshot: &Snapshot<'_>, needs: &[Need<'_>]) -> Read<Fault> {
    Ok(Fault::Damaged(
        Error::new(Kind::Integrity, "the server did not send all files of the commit")
            .at(snapshot.url())
            .because(format!("missing at {}: {}", snapshot.commit(), shown(snapshot, needs)?))
            .help("the repository may be damaged; `git fsck` there shows it"),
    ))
}

/// The first absent paths.
fn shown(snapshot: &Snapshot<'_>, needs: &[Need<'_>]) -> Read<String> {
    const MOST: usize = 3;
    let mut paths = Vec::new();
    for need in needs {
        paths.extend(snapshot.absent_paths(need)?);
    }
    let first = paths.iter().take(MOST).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    let more = paths.len().saturating_sub(MOST);
    Ok(if more > 0 { format!("{first} and {more} more") } else { first })
}
