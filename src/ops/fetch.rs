//! From a source to a package that may be installed: fetched, hashed, checked, read, past the content gate.
//!
//! Invariant: a [`Loaded`] package has the digest its lock or index promises, and its text passed the gate.

use std::path::{Path, PathBuf};

use super::at_once::Questions;
use super::identity;
use super::vendor::VendorFolder;
use crate::claude::{gate, inspect, surface};
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::git::{Cache, Reading};
use crate::index::builtin::Builtin;
use crate::index::{Index as _, Listing};
use crate::model::dependency::{Need, Origin};
use crate::model::digest::TreeDigest;
use crate::model::index::IndexId;
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::package::Package;
use crate::model::source::{Commit, RefWant, Source};
use crate::model::surface::Surface;
use crate::model::tree::Tree;
use crate::progress::Progress;
use crate::store::{Held, Store};

/// A package whose bytes are here and checked.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) tree: Tree,
    pub(super) digest: TreeDigest,
    pub(super) package: Package,
    pub(super) surface: Surface,
    pub(super) warnings: Vec<String>,
}

/// Where packages come from in this run.
pub(super) struct Fetcher<'a> {
    pub(super) cache: &'a Cache<'a>,
    pub(super) store: Store,
    /// The folder that is looked into first (`--from`).
    pub(super) vendored: Option<VendorFolder>,
    /// The folder that `path` dependencies are relative to.
    pub(super) base: &'a Path,
    pub(super) progress: &'a dyn Progress,
}

impl Fetcher<'_> {
    /// Whether something is stored under a digest; says nothing about its bytes.
    pub(super) fn has(&self, digest: &TreeDigest) -> bool {
        self.vendored.as_ref().is_some_and(|vendored| vendored.store.contains(digest)) || self.store.contains(digest)
    }

    /// Whether the folder that is looked into first should have a package: folders are not written to it.
    pub(super) fn may_be_vendored(&self, locked: &Locked) -> bool {
        self.vendored.is_some() && !matches!(locked.source, Source::Dir { .. })
    }

    /// The stored tree with this digest.
    pub(super) fn stored(&self, name: &PackageName, digest: &TreeDigest) -> Result<Option<Tree>> {
        let vendored = self.vendored.as_ref().map(|vendored| vendored.get(name, digest)).transpose()?;
        match vendored.flatten() {
            Some(tree) => Ok(Some(tree)),
            None => self.store.get(digest),
        }
    }

    /// What a locked package says that it needs, if it is stored here.
    pub(super) fn stored_needs(&self, name: &PackageName, locked: &Locked) -> Result<Vec<Need>> {
        let Some(tree) = self.stored(name, &locked.checksum)? else { return Ok(Vec::new()) };
        inspect::inspect(&tree, locked.manifest.as_deref()).map(|package| package.dependencies)
    }

    /// Where the bytes of a direct dependency are now; a server is asked what its ref names.
    pub(super) fn locate(&self, origin: &Origin) -> Result<(Source, Option<Commit>)> {
        let not_direct = || Error::new(Kind::Bug, "only an index knows where its packages are");
        let source = origin.source().ok_or_else(not_direct)?;
        let commit = match origin {
            Origin::Git { url, want, path } => Some(self.cache.resolve(url, want, Reading::Package(path.as_ref()))?),
            Origin::Index { .. } | Origin::Dir(_) => None,
        };
        Ok((source, commit))
    }

    /// Loads a package that is not locked yet; `promised` is what an index says of its bytes. Who promises bytes says
    /// whose they are, too.
    pub(super) fn load(
        &self,
        name: &PackageName,
        source: &Source,
        commit: Option<&Commit>,
        manifest: Option<&str>,
        promised: Option<&TreeDigest>,
    ) -> Result<Loaded> {
        let in_package = |error: Error| error.context(format!("the package `{name}` cannot be used")).at(source);
        let read_listed = |tree: Tree, digest: TreeDigest| {
            let loaded = read(tree, digest, manifest)?;
            promised.map_or(Ok(()), |_| identity::refuse_other_name(name, &loaded.package)).map(|()| loaded)
        };
        if let Some(digest) = promised
            && let Some(tree) = self.stored(name, digest)?
        {
            return read_listed(tree, *digest).map_err(in_package);
        }
        let tree = self.fetch(source, commit)?;
        self.prove(source, commit).map_err(|error| error.context(format!("the package `{name}` cannot be used")))?;
        let digest = TreeDigest::of(&tree);
        if let Some(promised) = promised.filter(|promised| **promised != digest) {
            return Err(self.mismatch(name, source, "the index", promised, &digest));
        }
        let loaded = read_listed(tree, digest).map_err(in_package)?;
        self.keep(source, &loaded)?;
        Ok(loaded)
    }

    /// Loads a locked package: from the store, else from where the lock says.
    pub(super) fn load_locked(&self, name: &PackageName, locked: &Locked) -> Result<Loaded> {
        refuse_redirected(name, locked)?;
        self.warn_if_moved(name, locked);
        let stored = self.stored(name, &locked.checksum)?;
        let was_stored = stored.is_some();
        let tree = match stored {
            Some(tree) => tree,
            None => self.fetch(&locked.source, locked.commit.as_ref()).map_err(|error| {
                self.damaged(error, locked).context(format!("the package `{name}` cannot be fetched"))
            })?,
        };
        let digest = TreeDigest::of(&tree);
        if digest != locked.checksum {
            return Err(self.mismatch(name, &locked.source, "the lock", &locked.checksum, &digest));
        }
        let loaded = read_locked(name, locked, tree)?;
        if !was_stored {
            self.keep(&locked.source, &loaded)?;
        }
        Ok(loaded)
    }

    /// Fetches locked packages at once, one fetch for each repository and commit.
    pub(super) fn prefetch<'s>(
        &self,
        wanted: impl IntoIterator<Item = (&'s Source, Option<&'s Commit>)>,
    ) -> Vec<Error> {
        let mut questions = Questions::default();
        for (source, commit) in wanted {
            if let (Source::Git { url, path, .. }, Some(commit)) = (source, commit) {
                questions.package(url, commit, path.as_ref(), false);
            }
        }
        questions.ask(self.cache, None)
    }

    /// A failure to bring a package again whose stored copy is there and damaged.
    fn damaged(&self, error: Error, locked: &Locked) -> Error {
        match (error.kind(), self.store.look(&locked.checksum)) {
            (Kind::NotFound, Ok(Held::Damaged(damage))) => {
                let error = error.causes().iter().fold(damage.because(error.message()), Error::because);
                error.context("the stored copy is damaged, and no other is here").help("run again without `--offline`")
            }
            _ => error,
        }
    }

    /// A commit that is locked for the first time must belong to its repository; the lock then says so.
    fn prove(&self, source: &Source, commit: Option<&Commit>) -> Result<()> {
        match (source, commit) {
            (Source::Git { url, .. }, Some(commit)) => self.cache.prove(url, commit),
            _ => Ok(()),
        }
    }

    /// A tag that names another commit than the locked one, as far as is known here: the locked one is installed.
    fn warn_if_moved(&self, name: &PackageName, locked: &Locked) {
        let Source::Git { url, want: want @ RefWant::Tag(tag), .. } = &locked.source else { return };
        let (Some(commit), Some(now)) = (&locked.commit, self.cache.known(url, want)) else { return };
        if now != *commit {
            self.progress.warn(&format!(
                "the tag `{tag}` of {url} was moved from {} to {}; `{name}` stays at the locked one",
                commit.short(),
                now.short()
            ));
        }
    }

    fn fetch(&self, source: &Source, commit: Option<&Commit>) -> Result<Tree> {
        self.fetch_unaided(source, commit).map_err(|error| match (error.kind(), source) {
            (Kind::UnsafeTree, Source::Dir { .. }) => error.help("change or remove it in the folder"),
            (Kind::NotFound, Source::Git { .. }) => {
                error.help("check the path: it starts at the top of the repository")
            }
            (Kind::UnsafeTree, _) => error
                .help("nothing of it was written; ask the author to change it, or take an earlier commit (`--rev`)"),
            _ => error,
        })
    }

    fn fetch_unaided(&self, source: &Source, commit: Option<&Commit>) -> Result<Tree> {
        match (source, commit) {
            (Source::Builtin { path }, _) => Builtin.tree(path),
            (Source::Git { url, path, .. }, Some(commit)) => self.cache.tree(url, commit, path.as_ref()),
            (Source::Git { url, .. }, None) => Err(Error::new(Kind::Bug, "a git source has no commit").at(url)),
            (Source::Dir { path }, _) => {
                let root = self.folder(path);
                if !root.is_dir() {
                    return Err(Error::new(Kind::NotFound, format!("there is no folder `{}`", root.display()))
                        .at_path(&root)
                        .help("give the path of a folder that is there"));
                }
                fsx::tree::read(&root)
            }
        }
    }

    /// Where a `path` dependency is. The folder it is relative to may not exist yet, and what does not exist has no
    /// `..`; so the leading ones are resolved here.
    pub(super) fn folder(&self, path: &str) -> PathBuf {
        let mut root = self.base.canonicalize().unwrap_or_else(|_| self.base.to_path_buf());
        let mut rest = Path::new(path);
        while let Ok(inside) = rest.strip_prefix("..") {
            root.pop();
            rest = inside;
        }
        root.join(rest)
    }

    fn mismatch(
        &self,
        name: &PackageName,
        source: &Source,
        who: &str,
        expected: &TreeDigest,
        got: &TreeDigest,
    ) -> Error {
        let error = Error::new(Kind::Integrity, format!("the bytes of `{name}` are not the ones {who} promises"))
            .at(source)
            .because(format!("source:   {source}"))
            .because(format!("expected: {expected}"))
            .because(format!("got:      {got}"));
        let error = match source {
            Source::Git { url, .. } => self.cache.naming_mirror(url, error),
            Source::Dir { .. } => error
                .because("the folder changed since, and the cache has no copy of what it was")
                .help(format!("nothing was written; `cpm update {name}` locks what is in the folder now")),
            Source::Builtin { .. } => error,
        };
        error
            .help("nothing was written; somebody replaced the content: ask the author, and do not install it meanwhile")
    }

    /// Keeps what is installed from a folder on this machine: the folder may change at any time, and an undo or a restore
    /// wants the locked bytes.
    pub(super) fn keep_installed(&self, source: &Source, loaded: &Loaded) -> Result<()> {
        match source {
            // What is vendored is enough, and is installed without a cache.
            Source::Dir { .. } if self.vendored.is_none() => self.store.put(&loaded.tree, &loaded.digest),
            _ => Ok(()),
        }
    }

    /// A folder on this machine is always read anew, so of it only what is installed is worth keeping.
    fn keep(&self, source: &Source, loaded: &Loaded) -> Result<()> {
        match source {
            Source::Dir { .. } => Ok(()),
            Source::Git { .. } | Source::Builtin { .. } => self.store.put(&loaded.tree, &loaded.digest),
        }
    }
}

/// Checks a tree with the locked bytes as [`Fetcher::load_locked`] does.
pub(super) fn check_locked(name: &PackageName, locked: &Locked, tree: Tree) -> Result<Loaded> {
    refuse_redirected(name, locked)?;
    read_locked(name, locked, tree)
}

/// Reads a tree with the locked bytes, and checks what else the lock says of it.
fn read_locked(name: &PackageName, locked: &Locked, tree: Tree) -> Result<Loaded> {
    let loaded = read(tree, locked.checksum, locked.manifest.as_deref())
        .map_err(|error| error.context(format!("the package `{name}` cannot be used")).at(&locked.source))?;
    if loaded.surface.digest() == locked.surface {
        return Ok(loaded);
    }
    let (expected, got) = (&locked.surface, loaded.surface.digest());
    Err(Error::new(Kind::Integrity, format!("the lock is wrong about what `{name}` can run"))
        .because(format!("locked:   {expected}"))
        .because(format!("computed: {got}"))
        .help("restore cpm.lock from git; `cpm update` locks what is there now"))
}

pub(super) fn read(tree: Tree, digest: TreeDigest, manifest: Option<&str>) -> Result<Loaded> {
    let package = inspect::inspect(&tree, manifest)?;
    let mut warnings = package.notes.clone();
    warnings.extend(gate::check(&package, &tree)?);
    let surface = surface::surface(&package, &tree);
    Ok(Loaded { tree, digest, package, surface, warnings })
}

/// The lock may pin, never redirect [security.md L18]. What the built-in index says can be checked without asking
/// anybody; a version that this cpm no longer lists is left to its checksum.
fn refuse_redirected(name: &PackageName, locked: &Locked) -> Result<()> {
    match (&locked.index, Builtin.listing(name)?) {
        (Some(IndexId::Builtin), Some(listing)) => refuse_other_source(name, locked, &listing, "the built-in index"),
        _ => Ok(()),
    }
}

/// Refuses a lock that names another source for a version than its index does. Where the index promises bytes, commit and
/// checksum must be its own too; where it does not, a version is a label, and other content may stand under it.
pub(super) fn refuse_other_source(name: &PackageName, locked: &Locked, listing: &Listing, index: &str) -> Result<()> {
    let Some(release) = listing.releases.iter().find(|release| release.version == locked.version) else {
        return Ok(());
    };
    // What an index hosts is at whatever commit the index was read.
    let is_hosted = matches!(
        (&release.source, &locked.index),
        (Source::Git { url, .. }, Some(IndexId::Git(index))) if url == index
    );
    let same_bytes = |promised| promised == locked.checksum && (is_hosted || release.commit == locked.commit);
    if release.source == locked.source && release.checksum.is_none_or(same_bytes) {
        return Ok(());
    }
    let promised = release.checksum.map(|checksum| checksum.to_string()).unwrap_or_default();
    Err(Error::new(Kind::Integrity, format!("the lock redirects `{name}` away from what {index} has"))
        .at(&locked.source)
        .because(format!("the index: {} {promised}", release.source))
        .because(format!("the lock:  {} {}", locked.source, locked.checksum))
        .help("somebody edited cpm.lock: restore it from git"))
}
