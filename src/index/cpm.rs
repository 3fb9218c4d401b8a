//! A cpm index in git: one file of releases per package, sharded as Cargo's index is.

use super::{Ahead, At, Index, Listing, Shelf, name_of_file, summaries};
use crate::error::{Error, Result};
use crate::format::index_line::{self, Host};
use crate::git::{Cache, EntryKind};
use crate::model::dependency::Origin;
use crate::model::index::IndexId;
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::RefWant;

/// What says that a repository is a cpm index.
pub(super) const MARKER: &str = "index.toml";

/// The folder of the files of releases.
const PACKAGES: &str = "packages";

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
    fn read_summaries(&self) -> Result<String> {
        let host = Host::Git(&self.at.url, &self.at.commit);
        let mut text = String::new();
        for (path, bytes) in self.cache.files(&self.at.url, &self.at.commit, &RelPath::parse(PACKAGES)?)? {
            let Some(name) = name_of_file(&format!("{PACKAGES}/{path}")) else { continue };
            let (releases, _) = index_line::parse_file(&String::from_utf8_lossy(&bytes), &name, host);
            summaries::push(&mut text, &name, &releases);
        }
        Ok(text)
    }
}

impl Index for CpmIndex<'_> {
    fn id(&self) -> IndexId {
        IndexId::Git(self.at.url.clone())
    }

    fn listing(&self, name: &PackageName) -> Result<Option<Listing>> {
        let path = RelPath::parse(&index_line::file_of(name))?;
        let Some(bytes) = self.cache.file(&self.at.url, &self.at.commit, &path)? else { return Ok(None) };
        let host = Host::Git(&self.at.url, &self.at.commit);
        let (releases, problems) = index_line::parse_file(&String::from_utf8_lossy(&bytes), name, host);
        let problems = problems.into_iter().map(|problem: Error| problem.at(&self.at.url)).collect();
        Ok(Some(Listing { releases, problems, notes: Vec::new() }))
    }

    fn ahead(&self, name: &PackageName) -> Ahead {
        let Ok(path) = RelPath::parse(&index_line::file_of(name)) else { return Ahead::Fails };
        let want = RefWant::Rev(self.at.commit.clone());
        Ahead::Reads(Origin::Git { url: self.at.url.clone(), path: Some(path), want })
    }

    fn names(&self) -> Result<Vec<PackageName>> {
        let mut names = Vec::new();
        let mut open = vec![RelPath::parse(PACKAGES)?];
        while let Some(dir) = open.pop() {
            for entry in self.cache.list(&self.at.url, &self.at.commit, Some(&dir))?.unwrap_or_default() {
                // A name that no package can have is no package.
                let Ok(path) = RelPath::parse(&format!("{dir}/{}", entry.name)) else { continue };
                match entry.kind {
                    EntryKind::Dir => open.push(path),
                    EntryKind::File => names.extend(name_of_file(path.as_str())),
                    EntryKind::Link | EntryKind::Submodule => {}
                }
            }
        }
        Ok(names)
    }

    fn summaries(&self, shelf: &Shelf) -> Result<String> {
        shelf.get_or(&self.at.url, &self.at.commit, || self.read_summaries())
    }
}
