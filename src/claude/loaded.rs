//! What the client will list when it is started in a folder: skills, commands, agents, hooks and MCP servers under its
//! names, from the files that it reads [claude-code.md §2.3–2.8, §3, §7.2, §7.3].
//!
//! Not looked at is what cpm never writes: commands, agents and hooks outside plugins, and plugins of marketplaces.

mod plugin;
mod plugins;
mod servers;
mod skills;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::needs;
use super::paths::Machine;
use super::project::{self, Checkout};
use super::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::format::json;
use crate::fsx;

/// Where and how the client is started.
pub struct Start<'m> {
    machine: &'m Machine,
    dir: PathBuf,
    checkout: Option<Checkout>,
    /// `~/.claude.json`, and of it what is about this project.
    client: Map<String, Value>,
    project: Map<String, Value>,
    settings: Settings,
    trusted: bool,
}

/// What the client will make of it.
#[derive(Debug, Default)]
pub struct Prediction {
    /// What it will list.
    pub parts: Vec<Part>,
    /// What it will not, though it is there.
    pub left_out: Vec<LeftOut>,
}

/// Something that the client lists.
#[derive(Debug, Clone)]
pub struct Part {
    /// Under what.
    pub kind: PartKind,
    /// As the client calls it; of a hook its event.
    pub name: String,
    /// How.
    pub state: State,
    /// Whether a person is asked before it is used; `claude -p` asks nobody.
    pub asks: bool,
    /// Where it comes from.
    pub place: Place,
}

/// Something that the client passes over.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// Under what it would be listed.
    pub kind: PartKind,
    /// As the client would call it, or the name of the folder or file where it does not get that far.
    pub name: String,
    /// Why.
    pub why: String,
    /// Where it is.
    pub place: Place,
}

/// The lists of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartKind {
    /// What the model can use by itself.
    Skill,
    /// What only a person can call.
    Command,
    /// Another agent.
    Agent,
    /// What runs at an event.
    Hook,
    /// An MCP server.
    Server,
    /// A plugin as a whole.
    Plugin,
}

/// How something is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum State {
    /// From the start.
    #[serde(rename = "listed")]
    Listed,
    /// To the model, and not to people (`user-invocable: false`).
    #[serde(rename = "model only")]
    ModelOnly,
    /// Once a file is touched that its `paths` name.
    #[serde(rename = "on demand")]
    OnDemand,
    /// As switched off.
    #[serde(rename = "disabled")]
    Disabled,
}

/// Where a part comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of a skills folder.
    Folder(PathBuf),
    /// An entry of an MCP file.
    Entry {
        /// The file.
        file: PathBuf,
        /// Which of its entries.
        level: Level,
        /// Its key.
        key: String,
    },
}

/// Whose MCP entries they are; the later ones win over the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The user's.
    User,
    /// Those of `.mcp.json`.
    Project,
    /// The user's in one project.
    Local,
}

impl<'m> Start<'m> {
    /// A start in `dir`; without `trusted`, what the client has written down about the project counts.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for no folder; [`Kind::ClientFile`] when `~/.claude.json` is not JSON; [`Kind::FileSystem`].
    pub fn at(machine: &'m Machine, dir: &Path, trusted: Option<bool>) -> Result<Self> {
        let no_folder = |_| Error::new(Kind::NotFound, "there is no such folder").at_path(dir);
        let dir = dir.canonicalize().map_err(no_folder)?;
        let client = match fsx::read_optional(&machine.claude_json)? {
            Some(bytes) => json::parse_object(&bytes, machine.claude_json.display()).map_err(|error| {
                let damaged = Error::new(Kind::ClientFile, error.message()).at_path(&machine.claude_json);
                damaged.help("Claude Code puts an empty file in its place at its next start; mend it before that")
            })?,
            None => Map::new(),
        };
        let key = project::key(&dir).to_string_lossy().into_owned();
        let project = client.get("projects").and_then(|projects| projects.get(&key)).and_then(Value::as_object);
        let project = project.cloned().unwrap_or_default();
        let known = project.get("hasTrustDialogAccepted").and_then(Value::as_bool).unwrap_or_default();
        Ok(Start {
            machine,
            checkout: Checkout::around(&dir),
            settings: Settings::read(machine, Some(&dir))?,
            trusted: trusted.unwrap_or(known),
            client,
            project,
            dir,
        })
    }

    /// The folder, without links.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the client trusts the project there.
    #[must_use]
    pub fn trusted(&self) -> bool {
        self.trusted
    }

    /// What the client will list.
    ///
    /// # Errors
    /// [`Kind::FileSystem`] for what is there and cannot be read.
    pub fn predict(&self) -> Result<Prediction> {
        let mut found = Prediction::default();
        skills::predict(self, &mut found)?;
        let plugins = plugins::load(self, &mut found)?;
        let mut servers = servers::entries(self, &mut found)?;
        for plugin in &plugins {
            plugin::predict(self, plugin, &mut found);
            servers::add_plugin(self, plugin, &mut servers, &mut found);
        }
        servers::list(servers, &mut found);
        Ok(found)
    }

    /// The folder and those above it in which the client looks for skills: up to the top of the checkout.
    fn walk(&self) -> impl Iterator<Item = &Path> {
        let top = self.checkout.as_ref().map(|checkout| checkout.top.as_path());
        let mut is_above = false;
        self.dir.ancestors().take_while(move |dir| !std::mem::replace(&mut is_above, top == Some(*dir)))
    }

    fn user_skills(&self) -> PathBuf {
        self.machine.config.join("skills")
    }

    /// The skills folder of a folder; `None` where it is the user's own.
    fn skills_of(&self, dir: &Path) -> Option<PathBuf> {
        let skills = dir.join(".claude").join("skills");
        let is_users = || skills.canonicalize().ok() == self.user_skills().canonicalize().ok();
        (skills.is_dir() && !is_users()).then_some(skills)
    }
}

/// Why a part that refers to an option of its plugin is left out.
fn option_is_unset(option: &str, plugin: &str) -> String {
    format!("`{option}` has no value in the settings, under {}", needs::place_of_options(plugin))
}

impl Prediction {
    fn list(&mut self, kind: PartKind, name: impl Into<String>, state: State, place: &Place) {
        self.parts.push(Part { kind, name: name.into(), state, asks: false, place: place.clone() });
    }

    fn leave_out(&mut self, kind: PartKind, name: impl Into<String>, why: impl Into<String>, place: &Place) {
        self.left_out.push(LeftOut { kind, name: name.into(), why: why.into(), place: place.clone() });
    }
}
