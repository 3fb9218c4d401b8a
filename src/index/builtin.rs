//! The index that cpm carries: `registry-index/`, compiled in, so that a first install needs no network.

use super::{Ahead, Listing, Shelf, summaries};
use crate::error::{Error, Kind, Result};
use crate::format::index_line::{self, Host};
use crate::model::index::IndexId;
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::tree::{Tree, TreeFile};

/// Path, executable bit and bytes of every file, sorted by path.
static FILES: &[(&str, bool, &[u8])] = include!(concat!(env!("OUT_DIR"), "/registry_index.rs"));

/// The built-in index.
#[derive(Debug, Clone, Copy)]
pub struct Builtin;

impl Builtin {
    /// The package tree at a path that a lock or a release names.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when this cpm does not carry it.
    pub fn tree(self, path: &RelPath) -> Result<Tree> {
        let prefix = format!("{path}/");
        let files = FILES.iter().filter_map(|(file, executable, bytes)| {
            Some(TreeFile::parse(file.strip_prefix(&prefix)?, *executable, bytes.to_vec()))
        });
        let files = files.collect::<Result<Vec<_>>>()?;
        if files.is_empty() {
            return Err(Error::new(Kind::NotFound, format!("this cpm does not carry `{path}`")).help("update cpm"));
        }
        Tree::new(files)
    }

    fn text(self, path: &str) -> Option<&'static str> {
        let at = FILES.binary_search_by_key(&path, |(file, _, _)| file).ok()?;
        std::str::from_utf8(FILES[at].2).ok()
    }
}

impl super::Index for Builtin {
    fn id(&self) -> IndexId {
        IndexId::Builtin
    }

    fn listing(&self, name: &PackageName) -> Result<Option<Listing>> {
        let Some(text) = self.text(&index_line::file_of(name)) else { return Ok(None) };
        let (releases, problems) = index_line::parse_file(text, name, Host::Builtin);
        Ok(Some(Listing { releases, problems, notes: Vec::new() }))
    }

    fn ahead(&self, _: &PackageName) -> Ahead {
        Ahead::Lacks
    }

    fn names(&self) -> Result<Vec<PackageName>> {
        Ok(FILES.iter().filter_map(|(path, _, _)| super::name_of_file(path)).collect())
    }

    fn summaries(&self, _shelf: &Shelf) -> Result<String> {
        let mut text = String::new();
        for name in self.names()? {
            let releases = self.listing(&name)?.map(|listing| listing.releases).unwrap_or_default();
            summaries::push(&mut text, &name, &releases);
        }
        Ok(text)
    }
}
