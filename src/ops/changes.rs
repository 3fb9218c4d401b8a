//! What an update does to the files of a package: which come, go and change, by how many lines, and the lines themselves.
//!
//! Invariant: files come from strangers, and comparing two of them can take for ever; so the time for a package is
//! bounded, and after that what is left is told as replaced whole.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Context;
use super::fetch::Fetcher;
use crate::error::{Kind, Result};
use crate::fsx;
use crate::git::lines;
use crate::model::digest::TreeDigest;
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::Source;
use crate::model::tree::{FileContent, Tree};
use crate::receipt::Receipt;

/// How long the files of a package are compared.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What happens to the files of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The files that differ, by path.
    pub files: Vec<FileChange>,
    /// Why it is not known what was there before; then all files are told as added.
    pub unknown: Option<String>,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Where: in the package, or for an edit of the user's in the scope.
    pub path: String,
    /// What happens to it.
    pub change: FileAction,
    /// How many lines come; 0 for a binary file.
    pub added: usize,
    /// How many lines go.
    pub removed: usize,
    /// Whether it is not text, so that its lines mean nothing.
    pub binary: bool,
    /// Bytes before and after.
    pub bytes: [usize; 2],
    /// Whether it may be executed afterwards, where that changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<bool>,
    /// The unified difference of a text, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileAction {
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// Its bytes or its mode change.
    Changed,
}

/// How much is told of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Counts of lines.
    Counts,
    /// The lines too.
    Lines,
}

/// The files of a package as they are locked.
pub(super) enum Before {
    /// There are none: the package is new.
    Nothing,
    /// These.
    Files(Tree),
    /// Nobody has them any more, and why.
    Unknown(String),
}

/// Where the files of a locked package may be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// On this machine.
    Here,
    /// Also where they were fetched from.
    Anywhere,
}

impl Before {
    /// What is locked under a name.
    pub(super) fn of(
        name: &PackageName,
        locked: Option<&Locked>,
        context: &Context<'_>,
        receipt: &Receipt,
        fetcher: &Fetcher<'_>,
        lookup: Lookup,
    ) -> Result<Self> {
        let Some(locked) = locked else { return Ok(Before::Nothing) };
        if matches!(locked.source, Source::Dir { .. }) {
            return installed(name, locked, context, receipt);
        }
        // Only its bytes matter here: an update is also how one gets away from a lock with something wrong in it.
        if let Some(tree) = fetcher.stored(name, &locked.checksum)? {
            return Ok(Before::Files(tree));
        }
        if lookup == Lookup::Here {
            return Ok(Before::Unknown("what is locked is not in the cache".to_owned()));
        }
        match fetcher.load_locked(name, locked) {
            Ok(loaded) => Ok(Before::Files(loaded.tree)),
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Network) => {
                Ok(Before::Unknown(error.message().to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

/// The earlier state of a folder on this machine is kept nowhere but where it was installed to.
fn installed(name: &PackageName, locked: &Locked, context: &Context<'_>, receipt: &Receipt) -> Result<Before> {
    let dirs = receipt.packages.get(name).into_iter().flat_map(|installed| installed.dirs.keys());
    for dir in dirs {
        let root = context.places.skills.join(dir.as_str());
        if !root.is_dir() {
            continue;
        }
        match fsx::tree::read_in_use(&root) {
            Ok(tree) if TreeDigest::of(&tree) == locked.checksum => return Ok(Before::Files(tree)),
            // Somebody may have put anything there since.
            Err(error) if error.kind() == Kind::FileSystem => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Before::Unknown("the earlier state of a folder is not kept".to_owned()))
}

impl Changes {
    /// What lies between two states of a package; `None` is a package that goes.
    pub(super) fn between(before: &Before, after: Option<&Tree>, detail: Detail) -> Self {
        let deadline = Instant::now() + PATIENCE;
        let (old, unknown) = match before {
            Before::Nothing => (None, None),
            Before::Files(tree) => (Some(tree), None),
            Before::Unknown(why) => (None, Some(why.clone())),
        };
        let mut sides: BTreeMap<&RelPath, [Option<&FileContent>; 2]> = BTreeMap::new();
        for (side, tree) in [old, after].into_iter().enumerate() {
            for (path, content) in tree.into_iter().flat_map(Tree::files) {
                sides.entry(path).or_default()[side] = Some(content);
            }
        }
        let differing = sides.into_iter().filter(|(_, [old, new])| old != new);
        let files =
            differing.map(|(path, [old, new])| FileChange::between(path.to_string(), old, new, detail, deadline));
        Changes { files: files.collect(), unknown }
    }
}

impl FileChange {
    /// What lies between two states of a file; a text is compared until the deadline.
    pub(super) fn between(
        path: String,
        old: Option<&FileContent>,
        new: Option<&FileContent>,
        detail: Detail,
        deadline: Instant,
    ) -> Self {
        let bytes = |content: Option<&FileContent>| content.map_or(0, |content| content.bytes.len());
        let mode = |content: Option<&FileContent>| content.is_some_and(|content| content.executable);
        let mut change = FileChange {
            change: match (old, new) {
                (None, _) => FileAction::Added,
                (_, None) => FileAction::Removed,
                _ => FileAction::Changed,
            },
            added: 0,
            removed: 0,
            binary: false,
            bytes: [bytes(old), bytes(new)],
            executable: (new.is_some() && mode(old) != mode(new)).then(|| mode(new)),
            patch: None,
            path,
        };
        match (text(old), text(new)) {
            (Some(old), Some(new)) => change.compare(old, new, detail, deadline),
            _ => change.binary = true,
        }
        change
    }

    /// Counts lines, and writes them down where they are wanted.
    fn compare(&mut self, old: &str, new: &str, detail: Detail, deadline: Instant) {
        let is_late = Instant::now() >= deadline;
        let compare = if is_late { lines::Difference::replaced } else { lines::Difference::between };
        let lines::Difference { added, removed, hunks } = compare(old, new);
        (self.added, self.removed) = (added, removed);
        if detail == Detail::Lines && old != new {
            let side = |prefix: &str, is_there| match is_there {
                true => format!("{prefix}/{}", self.path),
                false => "/dev/null".to_owned(),
            };
            let from = side("a", self.change != FileAction::Added);
            let to = side("b", self.change != FileAction::Removed);
            self.patch = Some(format!("--- {from}\n+++ {to}\n{hunks}"));
        }
    }
}

/// The content as text; a file that is not there is an empty one.
fn text(content: Option<&FileContent>) -> Option<&str> {
    let bytes = content.map_or(&[][..], |content| &content.bytes);
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(old: &str, new: &str, patience: Duration) -> [usize; 2] {
        let [old, new] = [old, new].map(|text| FileContent::new(false, text.as_bytes().to_vec()));
        let change =
            FileChange::between("a.txt".to_owned(), Some(&old), Some(&new), Detail::Counts, Instant::now() + patience);
        [change.added, change.removed]
    }

    #[test]
    fn when_the_time_is_over_a_text_is_told_as_replaced() {
        let text = |start: u32| (start..start + 500).map(|at| format!("{}\n", at * 7 % 501)).collect::<String>();
        let shortest = counted(&text(0), &text(50), Duration::from_secs(60));
        assert_eq!(shortest, [50, 50]);
        let hasty = counted(&text(0), &text(50), Duration::ZERO);
        assert!(hasty[0] == hasty[1] && hasty[0] > shortest[0], "{hasty:?}");
    }

    #[test]
    fn a_file_that_is_no_text_has_no_lines() {
        assert_eq!(counted("a\n\0", "b\n\0", PATIENCE), [0, 0]);
        assert_eq!(counted("a\n", "b", PATIENCE), [1, 1]);
    }
}
