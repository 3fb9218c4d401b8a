//! Says what a run did or would do, and what is left to the user and the client.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::super::edits::Edits;
use super::super::report::{Action, FileReport, PackageReport, Report};
use super::super::{Context, Effect};
use super::{Fresh, Run};
use crate::claude::inspect::MANIFEST;
use crate::claude::needs;
use crate::claude::settings::Settings;
use crate::error::Result;
use crate::format::plugin;
use crate::model::dependency::Placement;
use crate::model::lock::Locked;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::package::required_variables;
use crate::model::scope::Scope;
use crate::model::source::{Commit, Source};
use crate::model::surface::Surface;
use crate::plan::Change;
use crate::receipt::Installed;

impl Run<'_> {
    fn dir_report(&self, dir: &SkillName, action: &'static str) -> FileReport {
        self.file_report(&self.context.places.skills.join(dir.as_str()), action)
    }

    pub(super) fn file_report(&self, path: &Path, action: &'static str) -> FileReport {
        FileReport { path: shown_path(self.context, path), action }
    }

    pub(super) fn report(&self, changes: &[Change], edits: Vec<Edits>, written: &[FileReport]) -> Result<Report> {
        let mut files: Vec<FileReport> = changes
            .iter()
            .filter_map(|change| match change {
                Change::WriteDir { dir, .. } => Some(self.dir_report(dir, "write")),
                Change::AdoptDir { dir, .. } => Some(self.dir_report(dir, "adopt")),
                Change::RemoveDir { dir, .. } => Some(self.dir_report(dir, "remove")),
                Change::AdoptServer { server, .. } => {
                    let path = format!("{} → {server}", shown_path(self.context, &self.context.places.mcp.path));
                    Some(FileReport { path, action: "adopt" })
                }
                Change::SetServer { .. } | Change::LeaveServer { .. } | Change::RemoveServer { .. } => None,
            })
            .collect();
        files.extend_from_slice(written);
        let stays = |name: &PackageName| self.lock.packages.contains_key(name) || self.kept.contains(name);
        let removed = self.state.receipt.packages.iter().filter(|(name, _)| !stays(name));
        let mut packages: Vec<PackageReport> =
            self.fresh.iter().map(|(name, fresh)| self.package_report(name, fresh)).collect();
        packages.extend(removed.map(|(name, installed)| removed_report(name, installed)));
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Report {
            scope: self.context.places.scope,
            base: self.context.machine.shown(&self.context.places.base),
            dry_run: self.context.effect == Effect::DryRun,
            requirements: Vec::new(),
            packages,
            edits,
            unchanged: self.kept.len(),
            files,
            next: self.next_steps(changes)?,
        })
    }

    fn package_report(&self, name: &PackageName, fresh: &Fresh) -> PackageReport {
        let locked = &self.lock.packages[name];
        let before = self.state.receipt.packages.get(name);
        let nothing = Surface::default();
        let old_surface = before.map_or(&nothing, |before| &before.surface);
        PackageReport {
            name: name.clone(),
            action: if before.is_some() { Action::Update } else { Action::Add },
            version: locked.version.to_string(),
            was: before.map(|before| before.version.to_string()),
            from: Some(origin(locked)),
            checksum: locked.checksum,
            kind: Some(fresh.loaded.package.kind()),
            placement: Some(fresh.placed.placement),
            skills: fresh.placed.dirs.keys().cloned().collect(),
            servers: fresh.placed.servers.keys().cloned().collect(),
            surface: fresh.loaded.surface.beyond(old_surface).cloned().collect(),
            surface_gone: old_surface.beyond(&fresh.loaded.surface).cloned().collect(),
            notes: fresh.loaded.warnings.clone(),
            changes: self.changes.get(name).filter(|_| self.context.effect == Effect::DryRun).cloned(),
        }
    }

    /// What the client still needs before it has everything [claude-code.md §2.6, §7.3].
    fn next_steps(&self, changes: &[Change]) -> Result<Vec<String>> {
        let mut next = Vec::new();
        let mut unset = BTreeSet::new();
        for entry in self.fresh.values().flat_map(|fresh| fresh.loaded.package.servers.values()) {
            let json = Value::Object(entry.json.clone()).to_string();
            unset.extend(required_variables(&json).filter(|name| !is_clients_own(name)).map(str::to_owned));
        }
        unset.retain(|name| !(self.context.variable)(name));
        for name in unset {
            next.push(format!("set {name} in the environment that Claude Code starts in"));
        }
        next.extend(self.needs()?);
        let servers = changes.iter().filter_map(|change| match change {
            Change::SetServer { server, .. } => Some(format!("`{server}`")),
            _ => None,
        });
        let servers: Vec<String> = servers.collect();
        let scope = self.context.places.scope;
        if scope == Scope::Project && !servers.is_empty() {
            next.push(format!("Claude Code asks once, in an interactive session, to approve {}", servers.join(", ")));
        }
        next.extend(changes.iter().filter_map(|change| match change {
            Change::LeaveServer { package, server } => Some(stays_out(self.context, package, server)),
            _ => None,
        }));
        let plugins = self.fresh.values().filter(|fresh| fresh.placed.placement == Placement::Plugin);
        let with_servers = plugins.clone().any(|fresh| !fresh.loaded.package.servers.is_empty());
        if scope != Scope::User && plugins.count() > 0 {
            let base = self.context.machine.shown(&self.context.places.base);
            next.push(format!("plugins load when Claude Code is started in {base} itself and trusts it"));
            if with_servers {
                next.push("Claude Code asks once to approve the MCP servers of plugins".to_owned());
            }
        }
        if !changes.is_empty() {
            next.push("start a new Claude Code session to load everything".to_owned());
        }
        Ok(next)
    }

    /// What plugins need besides their files.
    fn needs(&self) -> Result<Vec<String>> {
        let settings = Settings::of(self.context.machine, &self.context.places)?;
        let mut steps = Vec::new();
        for (name, fresh) in &self.fresh {
            for (dir, tree) in &fresh.placed.dirs {
                let manifest = tree.get(MANIFEST).map(|file| plugin::parse(&file.bytes, MANIFEST)).transpose()?;
                let manifest = manifest.unwrap_or_default();
                let unset = needs::unset_options(&manifest, &settings);
                if !unset.is_empty() {
                    let how = needs::how_to_set(&manifest.name, &settings, |path| self.context.machine.shown(path));
                    steps.push(format!("the plugin `{name}` asks for {}: {how}", unset.join(", ")));
                }
                if let Some(command) = needs::node_installer(tree) {
                    let folder = shown_path(self.context, &self.context.places.skills.join(dir.as_str()));
                    steps.push(format!("`{name}` needs node packages: run `{command}` in {folder}"));
                }
            }
        }
        Ok(steps)
    }
}

/// Variables that the client itself sets.
pub(in crate::ops) fn is_clients_own(name: &str) -> bool {
    matches!(name, "CLAUDE_PLUGIN_ROOT" | "CLAUDE_PLUGIN_DATA" | "CLAUDE_PROJECT_DIR" | "CLAUDE_SESSION_ID")
}

fn removed_report(name: &PackageName, installed: &Installed) -> PackageReport {
    PackageReport {
        name: name.clone(),
        action: Action::Remove,
        version: installed.version.to_string(),
        was: None,
        from: None,
        checksum: installed.checksum,
        kind: None,
        placement: None,
        skills: installed.dirs.keys().cloned().collect(),
        servers: installed.servers.keys().cloned().collect(),
        surface: Vec::new(),
        surface_gone: Vec::new(),
        notes: Vec::new(),
        changes: None,
    }
}

/// Where a locked package comes from, in words.
pub(in crate::ops) fn origin(locked: &Locked) -> String {
    source_in_words(&locked.source, locked.commit.as_ref())
}

/// A source in words.
pub(in crate::ops) fn source_in_words(source: &Source, commit: Option<&Commit>) -> String {
    match (source, commit) {
        (Source::Builtin { .. }, _) => "the built-in index".to_owned(),
        (Source::Dir { path }, _) => format!("the folder {path}"),
        (Source::Git { url, path, .. }, commit) => {
            let folder = path.as_ref().map(|path| format!("{path} of ")).unwrap_or_default();
            let commit = commit.map(|commit| format!(" at {}", commit.short())).unwrap_or_default();
            format!("{folder}{url}{commit}")
        }
    }
}

/// A path as people read it: relative to the scope where it is inside, else with `~`.
pub(in crate::ops) fn shown_path(context: &Context<'_>, path: &Path) -> String {
    match path.strip_prefix(&context.places.base) {
        Ok(inside) if context.places.scope != Scope::User => inside.display().to_string(),
        _ => context.machine.shown(path),
    }
}

/// What to know of a server that somebody took out of the MCP file.
pub(super) fn stays_out(context: &Context<'_>, package: &PackageName, server: &ServerName) -> String {
    let file = shown_path(context, &context.places.mcp.path);
    format!("`{server}` was taken out of {file}, and stays out; `cpm restore {package}` puts it back")
}
