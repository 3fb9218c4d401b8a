//! `cpm index check`: everything that can be wrong with an index, found before those who install from it do.
//!
//! Invariant: nothing is written, and one finding hides no other.

mod content;
mod history;

use std::path::Path;

use serde::Serialize;

use super::folder::{ABOUT, IndexFolder};
use crate::error::{Error, Result};
use crate::format::index_line::{self, Host};
use crate::fsx;
use crate::git::MAX_INDEX_FILE_BYTES;
use crate::model::index::Release;
use crate::model::name::PackageName;
use crate::ops::Context;

/// What checking an index came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Checked {
    /// The folder.
    pub dir: String,
    /// How many packages it has.
    pub packages: usize,
    /// How many releases.
    pub releases: usize,
    /// How many of them the index hosts itself, each compared with its checksum.
    pub hosted: usize,
    /// How many others were fetched and compared; 0 without `--fetch`.
    pub fetched: usize,
    /// How many commits of the folder's git history were compared with it; `None` when there is none to read.
    pub commits: Option<usize>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, and the line where it is about one.
    pub place: String,
    /// What.
    pub problem: String,
}

/// Whether hosts are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only what is in the folder.
    Folder,
    /// Also every release that lies elsewhere.
    Fetch,
}

/// A release with the line it stands in.
struct Listed {
    place: String,
    name: PackageName,
    release: Release,
}

/// Checks the index in a folder.
///
/// # Errors
/// [`crate::error::Kind::NotFound`] when it is none; [`crate::error::Kind::FileSystem`]. What is wrong in it is no error
/// but a finding.
pub fn check(context: &Context<'_>, dir: &Path, depth: Depth) -> Result<Checked> {
    let folder = IndexFolder::open(dir)?;
    let mut checked = Checked { dir: dir.display().to_string(), ..Checked::default() };
    if let Err(error) = index_line::parse_about(&folder.about) {
        checked.find(ABOUT, &error);
    }
    let mut listed = Vec::new();
    for file in fsx::tree::list(&dir.join("packages"))? {
        read_file(dir, &format!("packages/{file}"), &mut listed, &mut checked)?;
    }
    checked.releases = listed.len();
    content::check_hosted(dir, &listed, &mut checked)?;
    if depth == Depth::Fetch {
        content::check_fetched(context, &listed, &mut checked)?;
    }
    history::check(context, dir, &mut checked);
    checked.findings.sort();
    checked.findings.dedup();
    Ok(checked)
}

impl Checked {
    fn say(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.findings.push(Finding { place: place.into(), problem: problem.into() });
    }

    fn find(&mut self, place: &str, error: &Error) {
        let causes = error.causes().iter().map(|cause| format!(": {cause}"));
        self.say(place, std::iter::once(error.message().to_owned()).chain(causes).collect::<String>());
    }
}

/// Reads one file below `packages/`.
fn read_file(dir: &Path, path: &str, listed: &mut Vec<Listed>, checked: &mut Checked) -> Result<()> {
    let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".jsonl"));
    let Some(name) = stem.and_then(|stem| PackageName::parse(stem).ok()) else {
        checked.say(path, "the file is not called as a package is, with `.jsonl` at its end");
        return Ok(());
    };
    let right = index_line::file_of(&name);
    if path != right {
        checked.say(path, format!("clients look for `{name}` in `{right}`"));
        return Ok(());
    }
    let place = dir.join(path);
    let metadata = std::fs::symlink_metadata(&place).map_err(|cause| Error::io("look at", &place, &cause))?;
    if !metadata.is_file() || metadata.len() > MAX_INDEX_FILE_BYTES {
        let most = MAX_INDEX_FILE_BYTES >> 20;
        checked.say(path, format!("clients read it only as a regular file of at most {most} MiB"));
        return Ok(());
    }
    let bytes = fsx::read_optional(&place)?.unwrap_or_default();
    let Ok(text) = String::from_utf8(bytes) else {
        checked.say(path, "the file is not UTF-8");
        return Ok(());
    };
    checked.packages += 1;
    if !text.ends_with('\n') {
        checked.say(path, "the last line does not end, or there is none");
    }
    let mut newest = None;
    // As for a stranger: what only this machine can reach is of use to nobody else.
    for (number, line) in index_line::parse_lines(&text, &name, Host::Builtin) {
        let place = format!("{path}:{number}");
        match line {
            Err(error) => checked.find(&place, &error),
            Ok(release) => {
                if release.published.is_some() && release.published < newest {
                    checked.say(&place, "it says that it was published before a line above it, but lines are appended");
                }
                newest = newest.max(release.published);
                listed.push(Listed { place, name: name.clone(), release });
            }
        }
    }
    Ok(())
}
