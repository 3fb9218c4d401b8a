//! What a plugin brings, under the names that the client gives it [claude-code.md §3.5].

use std::collections::BTreeSet;

use serde_json::Value;

use super::plugins::Plugin;
use super::skills::{self, Owner, SKILL};
use super::{PartKind, Prediction, Start, State, option_is_unset};
use crate::claude::inspect::MANIFEST;
use crate::claude::needs;
use crate::format::json;
use crate::format::plugin::ComponentPath;
use crate::model::package::Skill;
use crate::model::relpath::RelPath;

/// Lists the parts of a plugin, without its servers.
pub(super) fn predict(start: &Start<'_>, plugin: &Plugin, found: &mut Prediction) {
    for skill in &plugin.package.skills {
        // The client takes the top of the folder for a skill of its own, not for one of the plugin's.
        let Some(dir) = &skill.dir else { continue };
        let text = text_of(plugin, &format!("{dir}/{SKILL}"));
        let (kind, state) = skills::listed(&text, Owner::Plugin);
        found.list(kind, plugin.called(&skill_name(plugin, skill, dir, &text)), state, &plugin.place);
    }
    commands(plugin, found);
    for (path, name) in named(plugin, &plugin.manifest.agents, "agents") {
        let front = skills::read(&text_of(plugin, path.as_str()));
        let (folders, file) = name.rsplit_once(':').map_or(("", name.as_str()), |(folders, file)| (folders, file));
        let own = front.text("name").unwrap_or_else(|| file.to_owned());
        let name = if folders.is_empty() { own } else { format!("{folders}:{own}") };
        found.list(PartKind::Agent, plugin.called(&name), State::Listed, &plugin.place);
    }
    hooks(start, plugin, found);
}

/// Lists each event for which something runs.
fn hooks(start: &Start<'_>, plugin: &Plugin, found: &mut Prediction) {
    let mut events = BTreeSet::new();
    for (event, groups) in plugin.package.hooks.iter().flatten() {
        let groups = groups.as_array().into_iter().flatten();
        for hook in groups.filter_map(|group| group.get("hooks")?.as_array()).flatten() {
            match needs::unset_in_hook(hook, &plugin.manifest, &start.settings) {
                Some(option) => {
                    found.leave_out(PartKind::Hook, event, option_is_unset(&option, &plugin.name), &plugin.place);
                }
                None => _ = events.insert(event),
            }
        }
    }
    for event in events {
        found.list(PartKind::Hook, event, State::Listed, &plugin.place);
    }
}

impl Plugin {
    /// A component's name in the plugin's namespace.
    fn called(&self, component: &str) -> String {
        format!("{}:{component}", self.name)
    }
}

fn text_of(plugin: &Plugin, path: &str) -> String {
    plugin.tree.get(path).map(|file| String::from_utf8_lossy(&file.bytes).into_owned()).unwrap_or_default()
}

/// A folder that plugin.json names itself is called by its frontmatter; any other by its own name.
fn skill_name(plugin: &Plugin, skill: &Skill, dir: &RelPath, text: &str) -> String {
    let is_default = dir.parents().eq(["skills"]);
    let is_named = !is_default && plugin.manifest.skills.contains(&skill.dir);
    let own = if is_named { skills::read(text).text("name") } else { None };
    own.unwrap_or_else(|| dir.file_name().to_owned())
}

fn commands(plugin: &Plugin, found: &mut Prediction) {
    // A map in plugin.json gives the names itself.
    let manifest = json::parse_object(text_of(plugin, MANIFEST).as_bytes(), MANIFEST).unwrap_or_default();
    if let Some(Value::Object(map)) = manifest.get("commands") {
        for name in map.keys() {
            found.list(PartKind::Command, plugin.called(name), State::Listed, &plugin.place);
        }
        return;
    }
    let files = named(plugin, &plugin.manifest.commands, "commands");
    let skills: Vec<String> =
        files.iter().filter(|(path, _)| path.file_name() == SKILL).map(|(path, _)| folder_of(path)).collect();
    for (path, name) in &files {
        let text = text_of(plugin, path.as_str());
        if path.file_name() == SKILL {
            let name = name.rsplit_once(':').map_or(name.as_str(), |(folder, _)| folder);
            let (kind, state) = skills::listed(&text, Owner::Plugin);
            found.list(kind, plugin.called(name), state, &plugin.place);
        } else if !skills.iter().any(|folder| path.as_str().starts_with(folder.as_str())) {
            // Beside a SKILL.md and below it the client looks no further.
            let is_for_model = skills::is_for_model(&skills::read(&text));
            let (kind, state) = match is_for_model {
                true => (PartKind::Skill, State::ModelOnly),
                false => (PartKind::Command, State::Listed),
            };
            found.list(kind, plugin.called(name), state, &plugin.place);
        }
    }
}

/// The folder of a file, with a `/` at its end.
fn folder_of(path: &RelPath) -> String {
    path.as_str().strip_suffix(path.file_name()).unwrap_or_default().to_owned()
}

/// The Markdown files of the default folder, or of what plugin.json names instead, each with its name: the folders below
/// that folder, and the file without its ending.
fn named(plugin: &Plugin, listed: &Option<Vec<ComponentPath>>, default: &str) -> Vec<(RelPath, String)> {
    let roots: Vec<String> = match listed {
        None => vec![default.to_owned()],
        Some(paths) => paths.iter().map(|path| path.as_ref().map_or_else(String::new, ToString::to_string)).collect(),
    };
    let mut found: Vec<(RelPath, String)> = Vec::new();
    for (path, _) in plugin.tree.files() {
        let inside = roots.iter().find_map(|root| match root.as_str() {
            "" => Some(path.as_str()),
            root if path.as_str() == root => Some(path.file_name()),
            root => path.as_str().strip_prefix(root)?.strip_prefix('/'),
        });
        let is_markdown = path.as_str().to_ascii_lowercase().ends_with(".md");
        if let Some(inside) = inside.filter(|_| is_markdown) {
            found.push((path.clone(), inside.strip_suffix(".md").unwrap_or(inside).replace('/', ":")));
        }
    }
    found
}
