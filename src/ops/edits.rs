//! What the user changed in installed packages since cpm wrote them: file by file and entry by entry, with the lines.
//!
//! Invariant: an edit is found by digest, never by time alone, and nothing here changes anything. Lines are known only
//! where the bytes that cpm wrote are still on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::apply::shown_path;
use super::changes::{Changes, Detail, FileAction, FileChange, PATIENCE};
use super::fetch::Fetcher;
use super::installed::dependency_on;
use super::state::ScopeState;
use crate::claude::inspect;
use crate::claude::place::{self, Identity, Placed};
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::relpath::RelPath;
use crate::model::source::Source;
use crate::model::tree::{FileContent, Tree};
use crate::plan::{Change, Difference, differences};
use crate::receipt::{Care, Installed, Stamp, entry_digest};

/// Largest file whose lines are shown, in bytes: no package has a larger one.
const MAX_SHOWN: u64 = 10 << 20;
/// Most lines of edits in an error; `cpm restore NAME --dry-run` shows all of them.
const MAX_LINES: usize = 60;

/// What the user changed in one package.
#[derive(Debug, Clone, Serialize)]
pub struct Edits {
    /// The package.
    pub package: PackageName,
    /// The files and entries that differ; `added` is one that is not from cpm.
    #[serde(flatten)]
    pub changes: Changes,
}

/// Where edits are looked for.
pub(super) struct Editing<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) state: &'a ScopeState,
    pub(super) fetcher: &'a Fetcher<'a>,
    /// The entries of the scope's MCP file.
    pub(super) servers: &'a BTreeMap<String, Value>,
}

impl Editing<'_> {
    /// The edits in the packages whose files or entries these changes replace or remove.
    pub(super) fn replaced_by(&self, changes: &[Change]) -> Result<Vec<Edits>> {
        let receipt = &self.state.receipt;
        let owners = changes.iter().filter_map(|change| match change {
            Change::WriteDir { dir, .. } | Change::RemoveDir { dir, .. } => Some(receipt.owner_of_dir(dir)?.0),
            Change::SetServer { server, .. } | Change::RemoveServer { server, .. } => {
                Some(receipt.owner_of_server(server)?.0)
            }
            Change::AdoptDir { .. } | Change::AdoptServer { .. } | Change::LeaveServer { .. } => None,
        });
        let owners: BTreeSet<&PackageName> = owners.collect();
        let edits = owners.into_iter().map(|name| self.in_package(name)).collect::<Result<Vec<_>>>()?;
        Ok(edits.into_iter().filter(|edits| !edits.changes.files.is_empty()).collect())
    }

    /// The edits in one package as lines for an error: what only went missing is left out, because nothing is lost.
    pub(super) fn lines(&self, name: &PackageName) -> Result<String> {
        let edits = self.in_package(name)?;
        let files = edits.changes.files.iter().filter(|file| file.change != FileAction::Removed);
        let patches = files.filter_map(|file| file.patch.as_deref()).collect::<String>();
        let mut lines: Vec<&str> = patches.lines().collect();
        let more = lines.len().saturating_sub(MAX_LINES);
        lines.truncate(MAX_LINES);
        let more =
            (more > 0).then(|| format!("and {more} more lines: `cpm restore {name} --dry-run` shows all of them"));
        let unknown = edits.changes.unknown;
        Ok(lines.into_iter().chain(more.as_deref()).chain(unknown.as_deref()).collect::<Vec<_>>().join("\n"))
    }

    /// The edits in one package.
    fn in_package(&self, name: &PackageName) -> Result<Edits> {
        let mut changes = Changes::default();
        if let Some(installed) = self.state.receipt.packages.get(name) {
            let mut found = Found { changes: &mut changes, deadline: Instant::now() + PATIENCE };
            let written = self.written(name, installed);
            for (dir, stamps) in &installed.dirs {
                let tree = written.as_ref().and_then(|written| written.dirs.get(dir));
                self.in_dir(dir, stamps, tree, &mut found)?;
            }
            for server in installed.servers.keys() {
                self.in_server(server, installed, written.as_ref(), &mut found)?;
            }
        }
        Ok(Edits { package: name.clone(), changes })
    }

    fn in_dir(
        &self,
        dir: &SkillName,
        stamps: &BTreeMap<RelPath, Stamp>,
        tree: Option<&Tree>,
        found: &mut Found<'_>,
    ) -> Result<()> {
        let root = self.context.places.skills.join(dir.as_str());
        for (path, difference) in differences(&root, stamps, Care::Hash)? {
            let relative = RelPath::parse(&path).ok();
            let stamp = relative.as_ref().and_then(|path| stamps.get(path));
            let content = relative.as_ref().and_then(|path| tree?.get(path.as_str()));
            let before = content.filter(|content| stamp.is_some_and(|stamp| stamp.is(content)));
            let place = root.join(&path);
            found.add(shown_path(self.context, &place), difference, before, content_of(&place)?.as_ref());
        }
        Ok(())
    }

    fn in_server(
        &self,
        server: &ServerName,
        installed: &Installed,
        written: Option<&Placed>,
        found: &mut Found<'_>,
    ) -> Result<()> {
        let there = self.servers.get(server.as_str());
        let ours = installed.servers.get(server);
        let difference = match there {
            None => Difference::Missing,
            Some(there) if Some(&entry_digest(there)) != ours => Difference::Changed,
            Some(_) => return Ok(()),
        };
        let before = written.and_then(|written| written.servers.get(server)).map(|map| Value::Object(map.clone()));
        let before = before.filter(|entry| Some(&entry_digest(entry)) == ours);
        let (before, there) = (before.as_ref().map(text_of).transpose()?, there.map(text_of).transpose()?);
        let file = shown_path(self.context, &self.context.places.mcp.path);
        found.add(format!("{file} → {server}"), difference, before.as_ref(), there.as_ref());
        Ok(())
    }

    /// A package as cpm placed it, if its bytes are on this machine. The manifest may have changed since, so each part
    /// still has to be compared with the receipt.
    fn written(&self, name: &PackageName, installed: &Installed) -> Option<Placed> {
        let locked = self.state.lock.packages.get(name);
        // What cannot be read any more has no lines to show; the edit itself is known by its digest.
        let tree = self.fetcher.stored(name, &installed.checksum).ok().flatten().or_else(|| {
            let again = locked.filter(|locked| {
                locked.checksum == installed.checksum && !matches!(locked.source, Source::Git { .. })
            })?;
            self.fetcher.load_locked(name, again).ok().map(|loaded| loaded.tree)
        })?;
        let given = locked.and_then(|locked| locked.manifest.as_deref());
        let package = inspect::inspect(&tree, given).ok()?;
        let dependency = dependency_on(&self.state.manifest, name);
        let identity = Identity {
            name: dependency.map_or(name, |(alias, _)| alias),
            version: &installed.version,
            manifest: given,
            dependency: dependency.map(|(_, dependency)| dependency),
        };
        place::place(&package, &tree, identity).ok()
    }
}

/// The edits found so far, and until when texts are compared.
struct Found<'a> {
    changes: &'a mut Changes,
    deadline: Instant,
}

impl Found<'_> {
    fn add(&mut self, path: String, difference: Difference, before: Option<&FileContent>, now: Option<&FileContent>) {
        if before.is_none() && difference == Difference::Changed {
            self.changes.unknown = Some("what cpm wrote is no longer on this machine".to_owned());
        }
        let mut change = FileChange::between(path, before, now, Detail::Lines, self.deadline);
        change.change = match difference {
            Difference::Changed => FileAction::Changed,
            Difference::Missing => FileAction::Removed,
            Difference::Extra => FileAction::Added,
        };
        if before.is_none() && difference != Difference::Extra {
            // Whole files are no edit: the lines that the user wrote are somewhere among them.
            (change.added, change.removed, change.patch) = (0, 0, None);
        }
        self.changes.files.push(change);
    }
}

/// What is at a path, if it is a file that can be shown.
fn content_of(path: &Path) -> Result<Option<FileContent>> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(None) };
    if !metadata.is_file() || metadata.len() > MAX_SHOWN {
        return Ok(None);
    }
    let bytes = std::fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
    Ok(Some(FileContent::new(fsx::tree::is_executable(&metadata), bytes)))
}

/// An entry as lines.
fn text_of(entry: &Value) -> Result<FileContent> {
    let text = serde_json::to_string_pretty(entry)
        .map_err(|cause| Error::new(Kind::Bug, "an entry cannot be written").because(cause))?;
    Ok(FileContent::new(false, format!("{text}\n").into_bytes()))
}
