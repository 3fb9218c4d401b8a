//! A cpm index as a folder of its maintainer's: the files of packages in it, read whole and replaced whole.

use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::format::{index_edit, index_line};
use crate::fsx;
use crate::model::name::PackageName;
use crate::model::version::Version;
use crate::ops::Effect;

/// What says that a folder is a cpm index.
pub(super) const ABOUT: &str = "index.toml";

/// A folder with `index.toml`.
#[derive(Debug)]
pub(super) struct IndexFolder {
    pub(super) root: PathBuf,
    /// The text of `index.toml`.
    pub(super) about: String,
}

/// The file of one package.
#[derive(Debug)]
pub(super) struct PackageFile {
    /// Its path in the index.
    pub(super) path: String,
    /// Its lines; empty when it is not there.
    pub(super) text: String,
}

impl IndexFolder {
    /// Opens an index that may still be wrong inside.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let about = root.join(ABOUT);
        let bytes = fsx::read_optional(&about)?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("`{}` is not a cpm index", root.display()))
                .at_path(&about)
                .because(format!("there is no `{ABOUT}`"))
                .help("go to the folder of the index, or make one with `cpm index new DIR`")
        })?;
        Ok(IndexFolder { root: root.to_path_buf(), about: text(bytes, &about)? })
    }

    /// Opens an index to publish in it.
    pub(super) fn open_valid(root: &Path) -> Result<Self> {
        let folder = IndexFolder::open(root)?;
        index_line::parse_about(&folder.about)
            .map_err(|error| error.at_path(&root.join(ABOUT)).help("correct the file"))?;
        Ok(folder)
    }

    /// The file of a package.
    pub(super) fn file(&self, name: &PackageName) -> Result<PackageFile> {
        let path = index_line::file_of(name);
        let place = self.root.join(&path);
        let bytes = fsx::read_optional(&place)?.unwrap_or_default();
        Ok(PackageFile { text: text(bytes, &place)?, path })
    }

    /// Replaces the file of a package in one step.
    pub(super) fn write(&self, file: &PackageFile, effect: Effect) -> Result<()> {
        if effect == Effect::DryRun {
            return Ok(());
        }
        let place = self.root.join(&file.path);
        let folder = place.parent().unwrap_or(&self.root);
        fsx::create_dirs(folder)?;
        let staged = tempfile::tempdir_in(folder).path("create a folder in", folder)?;
        let new = staged.path().join("new");
        fsx::write_new(&new, file.text.as_bytes(), false)?;
        std::fs::rename(&new, &place).path("replace", &place)
    }
}

impl PackageFile {
    /// The number of the line about a version, from 1; also of one that is otherwise no release.
    pub(super) fn line_of(&self, version: &Version) -> Option<usize> {
        let wanted = version.to_string();
        let says = |line: &str| index_edit::promise(line)?.get("version")?.as_str().map(|text| text == wanted);
        self.text.lines().position(|line| says(line) == Some(true)).map(|at| at + 1)
    }
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|cause| {
        Error::new(Kind::Invalid, format!("`{}` is not UTF-8", path.display()))
            .at_path(path)
            .because(cause.utf8_error())
            .help("restore it from git")
    })
}
