//! A cpm index in git: one file of releases per package, sharded as Cargo's index is.

use super::{Ahead, At, Index, Listing, Shelf, name_of_file, summaries};
use crate::error::{Error, Result};
use crate::format::index_line::{self, Host};
use crate::format::summaries as lines;
use crate::git::Cache;
use crate::model::dependency::Origin;
use crate::model::index::IndexId;
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefWant};

/// What says that a repository is a cpm index.
pub(super) const MARKER: &str = "index.toml";

/// The folder of the files of releases.
const PACKAGES: &str = "packages";

/// How many files are read before what was read of them is forgotten: an index may have more than fits into memory.
const FILES_AT_ONCE: usize = 1_000;

/// A cpm index at one commit.
pub(super) struct CpmIndex<'a> {
    at: At,
    cache: &'a Cache<'a>,
}

impl<'a> CpmIndex<'a> {
    /// Opens the index whose `index.toml` is `about`.
    pub(super) fn open(at: At, about: &[u8], cache: &'a Cache<'a>) -> Result<Self> {
        index_line::parse_about(&String::from_utf8_lossy(about)).map_err(|error| {
            error
                .at(&at.url)
                .help("tell the owner of the index; until then `--offline` goes on with what was read last")
        })?;
        Ok(CpmIndex { at, cache })
    }
}

impl CpmIndex<'_> {
    /// The summaries of what changed since an earlier commit, put in the place of what was kept of that; of everything
    /// where nothing was.
    fn read_summaries(&self, before: Option<(Commit, String)>) -> Result<String> {
        let At { url, commit } = &self.at;
        let (before, kept) = before.unzip();
        let changes = self.cache.changes(url, commit, &RelPath::parse(PACKAGES)?, before.as_ref())?;
        let kept = kept.filter(|_| !changes.is_whole).unwrap_or_default();
        let mut text = String::new();
        for files in changes.files.chunks(FILES_AT_ONCE) {
            for (file, bytes) in files.iter().zip(self.cache.contents(url, commit, files)?) {
                let Some(name) = name_below(&file.path) else { continue };
                let (releases, _) = index_line::parse_file(&String::from_utf8_lossy(&bytes), &name, self.host());
                summaries::push(&mut text, &name, &releases);
            }
        }
        let paths = changes.files.iter().map(|file| &file.path).chain(&changes.gone);
        let changed: Vec<PackageName> = paths.filter_map(name_below).collect();
        Ok(lines::renew(&kept, &changed.iter().map(PackageName::as_str).collect(), &text))
    }

    fn host(&self) -> Host<'_> {
        Host::Git(&self.at.url, &self.at.commit)
    }
}

/// The package that a file below the folder of releases is about.
fn name_below(path: &RelPath) -> Option<PackageName> {
    name_of_file(&format!("{PACKAGES}/{path}"))
}

impl Index for CpmIndex<'_> {
    fn id(&self) -> IndexId {
        IndexId::Git(self.at.url.clone())
    }

    fn listing(&self, name: &PackageName) -> Result<Option<Listing>> {
        let path = RelPath::parse(&index_line::file_of(name))?;
        let Some(bytes) = self.cache.file(&self.at.url, &self.at.commit, &path)? else { return Ok(None) };
        let (releases, problems) = index_line::parse_file(&String::from_utf8_lossy(&bytes), name, self.host());
        let problems = problems.into_iter().map(|problem: Error| problem.at(&self.at.url)).collect();
        Ok(Some(Listing { releases, problems, notes: Vec::new() }))
    }

    fn ahead(&self, name: &PackageName) -> Ahead {
        let Ok(path) = RelPath::parse(&index_line::file_of(name)) else { return Ahead::Fails };
        let want = RefWant::Rev(self.at.commit.clone());
        Ahead::Reads(Origin::Git { url: self.at.url.clone(), path: Some(path), want })
    }

    fn names(&self) -> Result<Vec<PackageName>> {
        let paths = self.cache.names_below(&self.at.url, &self.at.commit, &RelPath::parse(PACKAGES)?)?;
        Ok(paths.iter().filter_map(name_below).collect())
    }

    fn summaries(&self, shelf: &Shelf) -> Result<String> {
        shelf.get_or(&self.at.url, &self.at.commit, |before| self.read_summaries(before))
    }
}
