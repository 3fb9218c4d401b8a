//! Stages the planned changes and what goes with them: receipt, ignore list, manifest, and the lock last.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::mcp_document::McpDocument;
use super::super::report::FileReport;
use super::super::undo;
use super::{Fate, Run};
use crate::claude::paths::Exclude;
use crate::error::Result;
use crate::fsx;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::relpath::RelPath;
use crate::plan::Change;
use crate::receipt::undo::Adopted;
use crate::receipt::{self, Installed, McpFileState, Receipt, Stamp, entry_digest};
use crate::transaction::{Privacy, Transaction};

impl Run<'_> {
    /// The receipt after this run, without the folders and entries that the changes will add. What stays where it is
    /// keeps its stamps, also when it now belongs to another package.
    pub(super) fn next_receipt(&self) -> Receipt {
        let old = &self.state.receipt;
        let mut next = Receipt { mcp_file: old.mcp_file.clone(), excluded: old.excluded.clone(), ..Receipt::default() };
        let kept = old.packages.iter().filter(|(name, _)| self.kept.contains(*name));
        next.packages.extend(kept.map(|(name, installed)| (name.clone(), installed.clone())));
        for (name, fresh) in &self.fresh {
            let locked = &self.lock.packages[name];
            let installed = Installed {
                version: locked.version.clone(),
                checksum: locked.checksum,
                surface: fresh.loaded.surface.clone(),
                options: fresh.options.clone(),
                dirs: carried(&fresh.placed.dirs, |dir| Some(old.owner_of_dir(dir)?.1.clone())),
                servers: carried(&fresh.placed.servers, |server| Some(*old.owner_of_server(server)?.1)),
            };
            next.packages.insert(name.clone(), installed);
        }
        next
    }

    pub(super) fn stage_dirs(
        &self,
        changes: &[Change],
        transaction: &mut Transaction,
        receipt: &mut Receipt,
    ) -> Result<()> {
        let skills = &self.context.places.skills;
        let sizes = changes
            .iter()
            .map(|change| if let Change::WriteDir { tree, .. } = change { fsx::space::of(tree) } else { 0 });
        fsx::space::require(&self.context.places.state, sizes.sum())?;
        for change in changes {
            match change {
                Change::WriteDir { package, dir, tree } => {
                    let stamps = transaction.put_dir(&skills.join(dir.as_str()), tree)?;
                    note_dir(receipt, package, dir, stamps);
                }
                Change::AdoptDir { package, dir, tree } => {
                    let stamps = receipt::stamps(tree, &skills.join(dir.as_str()))?;
                    note_dir(receipt, package, dir, stamps);
                }
                Change::RemoveDir { dir, .. } => transaction.remove_dir(&skills.join(dir.as_str()))?,
                Change::SetServer { .. }
                | Change::AdoptServer { .. }
                | Change::LeaveServer { .. }
                | Change::RemoveServer { .. } => {}
            }
        }
        Ok(())
    }

    pub(super) fn stage_servers(
        &self,
        changes: &[Change],
        mut mcp: McpDocument,
        transaction: &mut Transaction,
        receipt: &mut Receipt,
        written: &mut Vec<FileReport>,
    ) -> Result<()> {
        let file = &self.context.places.mcp;
        let fate = self.mcp_file_after(changes, &mut mcp, receipt)?;
        let privacy = if file.shared_with_client { Privacy::Owner } else { Privacy::Shared };
        match &fate {
            Fate::Stays => return Ok(()),
            Fate::Becomes(bytes) => {
                transaction.was_read(&file.path, mcp.bytes.as_deref());
                transaction.put_file(&file.path, bytes, privacy)?;
            }
            Fate::Goes => {
                transaction.was_read(&file.path, mcp.bytes.as_deref());
                transaction.remove(&file.path, privacy)?;
            }
        }
        written.extend(fate.action().map(|action| self.file_report(&file.path, action)));
        Ok(())
    }

    /// What becomes of the MCP file; the receipt then says so.
    fn mcp_file_after(&self, changes: &[Change], mcp: &mut McpDocument, receipt: &mut Receipt) -> Result<Fate> {
        let file = &self.context.places.mcp;
        let container: Vec<&str> = file.container.iter().map(String::as_str).collect();
        let before = mcp.document.to_bytes();
        if mcp.bytes.is_none() {
            // The file that an older receipt speaks of is gone; one that comes later may be the user's.
            receipt.mcp_file = McpFileState::default();
        }
        for change in changes {
            match change {
                Change::SetServer { package, server, entry } => {
                    let scaffold = &mut receipt.mcp_file.scaffold;
                    mcp.document
                        .set(&container, server.as_str(), entry, scaffold)
                        .map_err(|error| error.at_path(&file.path))?;
                    note_server(receipt, package, server, entry);
                }
                Change::AdoptServer { package, server, entry } => note_server(receipt, package, server, entry),
                Change::RemoveServer { server, .. } => {
                    mcp.document.remove(&container, server.as_str(), &mut receipt.mcp_file.scaffold);
                }
                Change::LeaveServer { .. }
                | Change::WriteDir { .. }
                | Change::AdoptDir { .. }
                | Change::RemoveDir { .. } => {}
            }
        }
        let after = mcp.document.to_bytes();
        if after == before {
            return Ok(Fate::Stays);
        }
        if receipt.mcp_file.created && mcp.document.keys(&[]).is_empty() {
            receipt.mcp_file = McpFileState::default();
            return Ok(Fate::Goes);
        }
        receipt.mcp_file.created |= mcp.bytes.is_none();
        Ok(Fate::Becomes(after))
    }

    /// The local scope's files are nobody else's business: git is told to ignore them, here only.
    pub(super) fn stage_exclude(
        &self,
        transaction: &mut Transaction,
        receipt: &mut Receipt,
        written: &mut Vec<FileReport>,
    ) -> Result<()> {
        let Some(exclude) = &self.context.places.exclude else { return Ok(()) };
        let there = fsx::read_optional(&exclude.file)?;
        transaction.was_read(&exclude.file, there.as_deref());
        if let Some(next) = self.exclude_after(exclude, there.unwrap_or_default(), receipt) {
            transaction.put_file(&exclude.file, &next, Privacy::Shared)?;
            written.push(self.file_report(&exclude.file, "write"));
        }
        Ok(())
    }

    /// What becomes of git's ignore list, if it changes; the receipt then says which lines are ours.
    fn exclude_after(&self, exclude: &Exclude, bytes: Vec<u8>, receipt: &mut Receipt) -> Option<Vec<u8>> {
        let places = &self.context.places;
        let dirs = receipt.packages.values().flat_map(|installed| installed.dirs.keys());
        let folders = dirs.map(|dir| (places.skills.join(dir.as_str()), "/"));
        let files = [(&self.manifest_file, &places.manifest), (&self.lock_file, &places.lock)].into_iter();
        let files = files.filter(|(outcome, _)| !matches!(outcome, Fate::Goes)).map(|(_, path)| (path.clone(), ""));
        let wanted = files.chain(folders).filter_map(|(path, end)| {
            let inside = path.strip_prefix(&exclude.top).ok()?.display().to_string();
            Some(format!("/{}{end}", literal_pattern(&inside)))
        });
        let line_of = |raw: &[u8]| raw.strip_suffix(b"\n").unwrap_or(raw).to_vec();
        let is_ours = |raw: &[u8]| receipt.excluded.iter().any(|ours| *ours.as_bytes() == line_of(raw));
        let foreign: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').filter(|raw| !is_ours(raw)).collect();
        let known: BTreeSet<Vec<u8>> = foreign.iter().map(|raw| line_of(raw)).collect();
        let ours: Vec<String> = wanted.filter(|line| !known.contains(line.as_bytes())).collect();
        let mut next = foreign.concat();
        // Before a last line without an end, so that taking ours out again gives back the same bytes.
        let end = next.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        next.splice(end..end, ours.iter().flat_map(|line| format!("{line}\n").into_bytes()));
        receipt.excluded = ours;
        (next != bytes).then_some(next)
    }

    /// The files that a run like this one writes or removes, for one that only shows it.
    pub(super) fn would_write(&self, changes: &[Change], mut mcp: McpDocument) -> Result<Vec<FileReport>> {
        let places = &self.context.places;
        let mut receipt = self.next_receipt();
        for change in changes {
            if let Change::WriteDir { package, dir, .. } | Change::AdoptDir { package, dir, .. } = change {
                note_dir(&mut receipt, package, dir, BTreeMap::new());
            }
        }
        let mcp_file = self.mcp_file_after(changes, &mut mcp, &mut receipt)?;
        let mut files: Vec<_> =
            mcp_file.action().map(|action| self.file_report(&places.mcp.path, action)).into_iter().collect();
        if let Some(exclude) = &places.exclude {
            let there = fsx::read_optional(&exclude.file)?.unwrap_or_default();
            let changes = self.exclude_after(exclude, there, &mut receipt).is_some();
            files.extend(changes.then(|| self.file_report(&exclude.file, "write")));
        }
        for (fate, path) in [(&self.manifest_file, &places.manifest), (&self.lock_file, &places.lock)] {
            files.extend(fate.action().map(|action| self.file_report(path, action)));
        }
        Ok(files)
    }

    /// Receipt, undo record, manifest, lock: in this order, the lock last.
    pub(super) fn stage_files(
        &self,
        changes: &[Change],
        transaction: &mut Transaction,
        receipt: &Receipt,
        written: &mut Vec<FileReport>,
    ) -> Result<()> {
        let places = &self.context.places;
        if *receipt != self.state.receipt || self.state.lost_receipt {
            transaction.put_file(&places.receipt(), &receipt.to_bytes()?, Privacy::Shared)?;
        }
        let (was_manifest, was_lock) = (undo::manifest_bytes(self.state), self.state.lock_bytes.as_deref());
        let after = [self.manifest_file.after(was_manifest), self.lock_file.after(was_lock)];
        undo::stage_record(self.context, self.state, transaction, after, adopted(changes))?;
        for (outcome, path) in [(&self.manifest_file, &places.manifest), (&self.lock_file, &places.lock)] {
            match outcome {
                Fate::Stays => continue,
                Fate::Becomes(bytes) => transaction.put_file(path, bytes, Privacy::Shared)?,
                Fate::Goes => transaction.remove(path, Privacy::Shared)?,
            }
            written.extend(outcome.action().map(|action| self.file_report(path, action)));
        }
        Ok(())
    }
}

/// What only becomes cpm's.
fn adopted(changes: &[Change]) -> Adopted {
    let mut adopted = Adopted::default();
    for change in changes {
        match change {
            Change::AdoptDir { dir, .. } => _ = adopted.dirs.insert(dir.clone()),
            Change::AdoptServer { server, .. } => _ = adopted.servers.insert(server.clone()),
            _ => {}
        }
    }
    adopted
}

/// What is known of the parts that a package has now.
fn carried<K: Ord + Clone, P, V>(parts: &BTreeMap<K, P>, known: impl Fn(&K) -> Option<V>) -> BTreeMap<K, V> {
    parts.keys().filter_map(|name| Some((name.clone(), known(name)?))).collect()
}

/// A path as a pattern of git's that matches it and nothing else.
fn literal_pattern(path: &str) -> String {
    path.chars().fold(String::new(), |mut pattern, char| {
        if matches!(char, '\\' | '*' | '?' | '[') {
            pattern.push('\\');
        }
        pattern.push(char);
        pattern
    })
}

fn note_dir(receipt: &mut Receipt, package: &PackageName, dir: &SkillName, stamps: BTreeMap<RelPath, Stamp>) {
    if let Some(installed) = receipt.packages.get_mut(package) {
        installed.dirs.insert(dir.clone(), stamps);
    }
}

fn note_server(receipt: &mut Receipt, package: &PackageName, server: &ServerName, entry: &Value) {
    if let Some(installed) = receipt.packages.get_mut(package) {
        installed.servers.insert(server.clone(), entry_digest(entry));
    }
}
