//! What a run did or would do, as data. `docs/formats.md` documents the JSON form.

use serde::Serialize;

use super::changes::Changes;
use super::edits::Edits;
use crate::model::dependency::Placement;
use crate::model::digest::TreeDigest;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::scope::Scope;
use crate::model::surface::{self, Difference, Item};

/// The outcome of install, update, remove, restore and undo.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The scope.
    pub scope: Scope,
    /// The directory its relative paths are below.
    pub base: String,
    /// Whether nothing was written because of `--dry-run`.
    pub dry_run: bool,
    /// The requirements in the manifest that were raised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<RequirementChange>,
    /// The packages that change, by name.
    pub packages: Vec<PackageReport>,
    /// The user's edits that are replaced, because the run was told to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edits>,
    /// How many packages stay as they are.
    pub unchanged: usize,
    /// The files and folders that change.
    pub files: Vec<FileReport>,
    /// What the client or the user still has to do.
    pub next: Vec<String>,
}

/// A requirement in the manifest that changes.
#[derive(Debug, Clone, Serialize)]
pub struct RequirementChange {
    /// The dependency.
    pub name: PackageName,
    /// What was asked for.
    pub was: String,
    /// What is asked for now.
    pub now: String,
}

/// What happens to a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is new.
    Add,
    /// Its bytes or its placement change.
    Update,
    /// It goes.
    Remove,
}

/// One package that changes.
#[derive(Debug, Clone, Serialize)]
pub struct PackageReport {
    /// Its name.
    pub name: PackageName,
    /// What happens.
    pub action: Action,
    /// The version it has afterwards, or had.
    pub version: String,
    /// The version before an update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Where it comes from, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its bytes.
    pub checksum: TreeDigest,
    /// `skill`, `plugin` or `MCP server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// How it is placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Its folders below the skills folder.
    pub skills: Vec<SkillName>,
    /// Its entries in the MCP file.
    pub servers: Vec<ServerName>,
    /// Everything it can run, or what changes of that.
    pub surface: Vec<Item>,
    /// What it could run before and cannot any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub surface_gone: Vec<Item>,
    /// What the client reads otherwise than the author may think, and what the content gate noticed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The files that differ from what is locked; only with `--dry-run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// One file or folder that changes.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// Where.
    pub path: String,
    /// `write`, `remove`, `adopt` (it was there already, and is cpm's now) or `keep` (it stays, and is cpm's no more).
    pub action: &'static str,
}

/// A package whose update would run something else.
#[derive(Debug, Clone, Serialize)]
pub struct SurfaceChange {
    /// Whose.
    pub name: PackageName,
    /// The version now.
    pub from: String,
    /// The version after.
    pub to: String,
    /// What would newly run.
    pub added: Vec<Item>,
    /// What would no longer run.
    pub removed: Vec<Item>,
    /// The files that differ from what is locked.
    pub changes: Changes,
}

impl SurfaceChange {
    /// What moves, in words.
    #[must_use]
    pub fn title(&self) -> String {
        match self.from == self.to {
            true => format!("{} {} (new content)", self.name, self.to),
            false => format!("{} {} → {}", self.name, self.from, self.to),
        }
    }

    /// The change as lines for people.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let signed = |difference| match difference {
            Difference::Added(sentence) => format!("+ {sentence}"),
            Difference::Removed(sentence) => format!("- {sentence}"),
            Difference::Changed(sentence) => format!("~ {sentence}"),
        };
        std::iter::once(self.title()).chain(surface::differences(&self.added, &self.removed).into_iter().map(signed))
    }
}
