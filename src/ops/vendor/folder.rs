//! The folder that `cpm vendor` writes and `--from` reads: packages by their `t1`, and two files for git.
//!
//! Invariant: cpm writes only into a folder that is new, empty or already such a one, and removes only what has the
//! form of an entry and the bytes that its name promises.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::model::digest::TreeDigest;
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::tree::Tree;
use crate::store::{Held, Store};

/// How the files for git begin: what has this line is cpm's to rewrite.
const MARK: &str = "# Written by `cpm vendor`.\n";

/// The files for git, without their first line. The attributes are all that can change bytes on their way into git and
/// out again; `working-tree-encoding` knows no "off" but "not said".
const FILES: [(&str, &str); 2] = [
    (".gitattributes", "# Git keeps every byte here.\n* -text -filter -ident !working-tree-encoding\n"),
    (".gitignore", "# Nothing here is left out of a commit, whatever is ignored elsewhere.\n!*\n/tmp-*\n"),
];

/// The folder.
pub(in crate::ops) struct VendorFolder {
    dir: PathBuf,
    pub(in crate::ops) store: Store,
}

impl VendorFolder {
    /// The folder at an absolute path, which need not exist.
    pub(in crate::ops) fn at(dir: &Path) -> Self {
        VendorFolder { dir: dir.to_path_buf(), store: Store::committed(dir) }
    }

    /// Refuses a folder that is not there.
    pub(in crate::ops) fn require(&self) -> Result<()> {
        if self.dir.is_dir() {
            return Ok(());
        }
        Err(Error::new(Kind::NotFound, format!("there is no folder `{}`", self.dir.display()))
            .at_path(&self.dir)
            .help("`cpm vendor DIR` makes one where there is a network"))
    }

    /// A package's tree, if the folder has it.
    pub(in crate::ops) fn get(&self, name: &PackageName, digest: &TreeDigest) -> Result<Option<Tree>> {
        match self.store.look(digest)? {
            Held::Absent => Ok(None),
            Held::Whole(tree) => Ok(Some(tree)),
            Held::Damaged(why) => {
                let what = format!("the bytes of `{name}` in `{}` are not the locked ones", self.dir.display());
                Err(chain(Error::new(Kind::Integrity, what).at_path(&self.entry(digest)), &why)
                    .because(format!("expected: {digest}"))
                    .help("nothing was written; restore the folder from git, or run `cpm vendor` again"))
            }
        }
    }

    /// The error for packages that are neither here nor in the cache.
    pub(in crate::ops) fn lacks(&self, missing: &[(&PackageName, &Locked)]) -> Error {
        let names: Vec<String> = missing.iter().map(|(name, _)| format!("`{name}`")).collect();
        let what = format!("neither `{}` nor the cache has {}", self.dir.display(), names.join(", "));
        let each = missing.iter().map(|(name, locked)| {
            let (version, checksum, source) = (&locked.version, &locked.checksum, &locked.source);
            format!("{name} {version} is {checksum} from {source}")
        });
        each.fold(Error::new(Kind::NotFound, what).at_path(&self.dir), Error::because)
            .help("run `cpm vendor` with this folder where there is a network, and bring here what it writes")
    }

    /// Whether packages may be written here; nothing of anybody else's is lost then.
    pub(super) fn check_free(&self) -> Result<()> {
        let taken = |path: &Path, why: &str| {
            Error::new(Kind::Conflict, format!("`{}` is not a folder for packages", self.dir.display()))
                .at_path(path)
                .because(why)
                .help("give the name of a new folder, such as `cpm vendor vendor/claude`")
        };
        if std::fs::symlink_metadata(&self.dir).is_ok() && !self.dir.is_dir() {
            return Err(taken(&self.dir, "it is a file"));
        }
        let mut is_ours = false;
        for (name, _) in FILES {
            let path = self.dir.join(name);
            match fsx::read_optional(&path)? {
                Some(bytes) if bytes.starts_with(MARK.as_bytes()) => is_ours = true,
                Some(_) => return Err(taken(&path, "this file is not from `cpm vendor`")),
                None => {}
            }
        }
        let is_new = !self.dir.exists() || self.dir.read_dir().path("read the folder", &self.dir)?.next().is_none();
        if is_ours || is_new { Ok(()) } else { Err(taken(&self.dir, "other files are in it")) }
    }

    /// Whether the files for git are missing or old.
    pub(super) fn lacks_files_for_git(&self) -> Result<bool> {
        for (name, text) in FILES {
            let wanted = format!("{MARK}{text}");
            if fsx::read_optional(&self.dir.join(name))?.as_deref() != Some(wanted.as_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the files for git: first of all, because they say whose the folder is.
    pub(super) fn write_files_for_git(&self) -> Result<()> {
        fsx::create_dirs(&self.dir)?;
        for (name, text) in FILES {
            let path = self.dir.join(name);
            std::fs::write(&path, format!("{MARK}{text}")).path("write", &path)?;
        }
        Ok(())
    }

    /// Refuses to replace a damaged entry in which somebody else put files.
    pub(super) fn check_replaceable(&self, tree: &Tree, digest: &TreeDigest) -> Result<()> {
        match self.store.foreign(tree, digest)?.first() {
            None => Ok(()),
            Some(path) => Err(Error::new(Kind::Conflict, "a file that is not of the package is in its folder")
                .at_path(path)
                .help("move it elsewhere, then run again")),
        }
    }

    /// Writes an entry and reads it back.
    pub(super) fn write(&self, name: &PackageName, tree: &Tree, digest: &TreeDigest) -> Result<()> {
        self.store.put(tree, digest)?;
        match self.get(name, digest)? {
            Some(_) => Ok(()),
            None => Err(Error::new(Kind::FileSystem, format!("what was written for `{name}` is not there"))
                .at_path(&self.entry(digest))),
        }
    }

    /// The entries for which nobody asks; those that hold something else than their name promises are in the second
    /// list, and not cpm's to remove.
    pub(super) fn unwanted(&self, wanted: &BTreeSet<TreeDigest>) -> Result<(Vec<TreeDigest>, Vec<PathBuf>)> {
        let (mut ours, mut strange) = (Vec::new(), Vec::new());
        for (digest, folder) in self.store.entries()? {
            if wanted.contains(&digest) {
                continue;
            }
            match self.store.look(&digest)? {
                Held::Whole(_) => ours.push(digest),
                Held::Absent | Held::Damaged(_) => strange.push(folder.path),
            }
        }
        Ok((ours, strange))
    }

    fn entry(&self, digest: &TreeDigest) -> PathBuf {
        self.dir.join(digest.hex())
    }
}

/// An error with another one as its cause.
fn chain(error: Error, cause: &Error) -> Error {
    cause.causes().iter().fold(error.because(cause.message()), Error::because)
}
