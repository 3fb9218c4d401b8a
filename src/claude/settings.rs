//! What the client's settings say about plugins and servers, read as the client reads them: strict JSON or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::paths::{Machine, ScopePlaces};
use crate::error::Result;
use crate::fsx;
use crate::model::scope::Scope;

/// What follows the name of a plugin that lies in a skills folder.
const SKILLS_DIR: &str = "skills-dir";

/// The settings that hold in one place: the user's, the project's and the local ones together.
#[derive(Debug, Default)]
pub struct Settings {
    plugins: BTreeMap<String, bool>,
    rejected: BTreeSet<String>,
    approved: BTreeSet<String>,
    approves_all: bool,
}

impl Settings {
    /// The settings in a folder; without one, the user's alone.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`] when a file is there but cannot be read.
    pub fn read(machine: &Machine, dir: Option<&Path>) -> Result<Self> {
        let mut files = vec![machine.config.join("settings.json")];
        if let Some(claude) = dir.map(|dir| dir.join(".claude")) {
            files.extend([claude.join("settings.json"), claude.join("settings.local.json")]);
        }
        let mut settings = Settings::default();
        for file in files {
            settings.add(&file)?;
        }
        Ok(settings)
    }

    /// Later files win key by key: user, project, local.
    fn add(&mut self, file: &Path) -> Result<()> {
        let Some(bytes) = fsx::read_optional(file)? else { return Ok(()) };
        // A file that the client ignores as a whole says nothing.
        let Ok(settings) = serde_json::from_slice::<Value>(&bytes) else { return Ok(()) };
        let plugins = settings.get("enabledPlugins").and_then(Value::as_object);
        self.plugins.extend(plugins.into_iter().flatten().filter_map(|(id, on)| Some((id.clone(), on.as_bool()?))));
        let names = |key: &str| {
            let names = settings.get(key).and_then(Value::as_array).into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        self.rejected.extend(names("disabledMcpjsonServers"));
        self.approved.extend(names("enabledMcpjsonServers"));
        let all = settings.get("enableAllProjectMcpServers").and_then(Value::as_bool);
        self.approves_all = all.unwrap_or(self.approves_all);
        Ok(())
    }

    /// Whether a plugin in a skills folder is switched on or off, where somebody said so.
    #[must_use]
    pub fn has_enabled(&self, plugin: &str) -> Option<bool> {
        self.plugins.get(&format!("{plugin}@{SKILLS_DIR}")).copied()
    }

    /// The enabled plugin of a marketplace that has this name.
    #[must_use]
    pub fn market_plugin(&self, plugin: &str) -> Option<&str> {
        self.market_plugins().find(|(name, _)| *name == plugin).map(|(_, id)| id)
    }

    /// Whether a server of a project's `.mcp.json` is switched off.
    #[must_use]
    pub fn rejects(&self, server: &str) -> bool {
        self.rejected.contains(server)
    }

    /// Whether a server of a project needs no question.
    #[must_use]
    pub fn approves(&self, server: &str) -> bool {
        self.approves_all || self.approved.contains(server)
    }

    fn market_plugins(&self) -> impl Iterator<Item = (&str, &str)> {
        let enabled = self.plugins.iter().filter(|(_, on)| **on);
        enabled.filter_map(|(id, _)| {
            let (name, marketplace) = id.rsplit_once('@')?;
            (marketplace != SKILLS_DIR).then_some((name, id.as_str()))
        })
    }
}

/// The marketplace plugins that are enabled where `places` is read, by plugin name: a plugin folder of the same name
/// would not be loaded [claude-code.md §7.2].
///
/// # Errors
/// As [`Settings::read`].
pub fn enabled_plugins(machine: &Machine, places: &ScopePlaces) -> Result<BTreeMap<String, String>> {
    let dir = (places.scope != Scope::User).then_some(places.base.as_path());
    let settings = Settings::read(machine, dir)?;
    Ok(settings.market_plugins().map(|(name, id)| (name.to_owned(), id.to_owned())).collect())
}
