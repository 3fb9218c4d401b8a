//! The client's settings files, read as the client reads them: strict JSON with values of the right type, or nothing at
//! all [claude-code.md §1.6].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::paths::{Machine, ScopePlaces};
use crate::error::Result;
use crate::fsx;
use crate::model::scope::Scope;

/// What follows the name of a plugin that lies in a skills folder.
const SKILLS_DIR: &str = "skills-dir";

/// The settings that hold at one place. Key by key, a later file wins: user, project, local.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The files, whether they are there or not.
    pub files: Vec<SettingsFile>,
}

/// One settings file.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    /// Whom it is for.
    pub scope: Scope,
    /// Where it is.
    pub path: PathBuf,
    /// What the client takes from it; nothing from a file that it ignores.
    pub values: Map<String, Value>,
    /// Why the client ignores the whole file, if it does.
    pub ignored: Option<String>,
}

impl Settings {
    /// Reads the settings that hold where `places` is read.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn of(machine: &Machine, places: &ScopePlaces) -> Result<Self> {
        Self::read(machine, (places.scope != Scope::User).then_some(&places.base))
    }

    /// Reads the settings that hold in a folder; without one, the user's alone.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`] when a settings file is there but cannot be read.
    pub fn read(machine: &Machine, dir: Option<&Path>) -> Result<Self> {
        let mut paths = vec![(Scope::User, machine.config.join("settings.json"))];
        if let Some(claude) = dir.map(|dir| dir.join(".claude")) {
            paths.push((Scope::Project, claude.join("settings.json")));
            paths.push((Scope::Local, claude.join("settings.local.json")));
        }
        let files = paths.into_iter().map(|(scope, path)| SettingsFile::read(scope, path));
        Ok(Settings { files: files.collect::<Result<_>>()? })
    }

    /// The marketplace plugins that are enabled, by plugin name: a plugin folder of the same name would not be loaded
    /// [claude-code.md §7.2].
    #[must_use]
    pub fn enabled_plugins(&self) -> BTreeMap<String, String> {
        let states = self.files.iter().filter_map(|file| file.values.get("enabledPlugins")?.as_object()).flatten();
        let states: BTreeMap<&String, bool> = states.filter_map(|(id, on)| Some((id, on.as_bool()?))).collect();
        let enabled = states.into_iter().filter(|(_, on)| *on).filter_map(|(id, _)| {
            let (name, marketplace) = id.rsplit_once('@')?;
            (marketplace != SKILLS_DIR).then(|| (name.to_owned(), id.clone()))
        });
        enabled.collect()
    }

    /// The enabled plugin of a marketplace that has this name.
    #[must_use]
    pub fn market_plugin(&self, plugin: &str) -> Option<String> {
        self.enabled_plugins().remove(plugin)
    }

    /// The files that enable a plugin, whatever the others say.
    pub fn enabling(&self, id: &str) -> impl Iterator<Item = &SettingsFile> {
        let word = move |file: &SettingsFile| file.values.get("enabledPlugins")?.get(id)?.as_bool();
        self.files.iter().filter(move |file| word(file) == Some(true))
    }

    /// Whether a plugin in a skills folder is switched on or off, where somebody said so.
    #[must_use]
    pub fn has_enabled(&self, plugin: &str) -> Option<bool> {
        self.word_on("enabledPlugins", &format!("{plugin}@{SKILLS_DIR}"))?.0.as_bool()
    }

    /// Whether somebody gave an option of a plugin in a skills folder a value.
    #[must_use]
    pub fn has_option(&self, plugin: &str, option: &str) -> bool {
        let id = format!("{plugin}@{SKILLS_DIR}");
        self.files.iter().any(|file| {
            let given = file.values.get("pluginConfigs").and_then(|all| all.get(&id)?.get("options")?.get(option));
            given.is_some_and(|value| !value.is_null())
        })
    }

    /// Whether a server of a project's `.mcp.json` is approved; what is committed counts only where the user trusts the
    /// project.
    #[must_use]
    pub fn approves(&self, server: &str, is_trusted: bool) -> bool {
        let heard = self.files.iter().filter(|file| is_trusted || file.scope != Scope::Project);
        heard.into_iter().any(|file| {
            let all = file.values.get("enableAllProjectMcpServers").and_then(Value::as_bool) == Some(true);
            all || file.lists("enabledMcpjsonServers", server)
        })
    }

    /// What the last file with a word on it says under `key` of `name`, and that file.
    #[must_use]
    pub fn word_on(&self, key: &str, name: &str) -> Option<(&Value, &SettingsFile)> {
        self.files.iter().rev().find_map(|file| Some((file.values.get(key)?.get(name)?, file)))
    }

    /// The first file whose list under `key` holds `name`.
    #[must_use]
    pub fn listing(&self, key: &str, name: &str) -> Option<&SettingsFile> {
        self.files.iter().find(|file| file.lists(key, name))
    }
}

impl SettingsFile {
    fn read(scope: Scope, path: PathBuf) -> Result<Self> {
        let bytes = fsx::read_optional(&path)?.unwrap_or_default();
        // Nothing is lost with a file that holds nothing.
        let read = if bytes.trim_ascii().is_empty() { Ok(Map::new()) } else { values_of(&bytes) };
        let (values, ignored) = match read {
            Ok(values) => (values, None),
            Err(why) => (Map::new(), Some(why)),
        };
        Ok(SettingsFile { scope, path, values, ignored })
    }

    /// Whether the list under `key` holds `name`.
    #[must_use]
    pub fn lists(&self, key: &str, name: &str) -> bool {
        self.values.get(key).and_then(Value::as_array).is_some_and(|list| list.iter().any(|item| item == name))
    }
}

/// A JSON file of the client's as it reads it: a byte order mark is no harm, comments and trailing commas are.
///
/// # Errors
/// Why it is no JSON.
pub fn strict_json(bytes: &[u8]) -> std::result::Result<Value, String> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    serde_json::from_slice(text).map_err(|cause| format!("it is not strict JSON ({cause})"))
}

/// The values of a file, or why the client ignores all of it. Each reason was seen in the client.
fn values_of(bytes: &[u8]) -> std::result::Result<Map<String, Value>, String> {
    let Value::Object(values) = strict_json(bytes)? else { return Err("it is not a JSON object".to_owned()) };
    let object = |key: &str| match values.get(key) {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(format!("`{key}` is not an object")),
    };
    let is_state = |value: &Value| value.is_boolean() || value.is_array();
    if let Some((id, _)) = object("enabledPlugins")?.into_iter().flatten().find(|(_, value)| !is_state(value)) {
        return Err(format!("`enabledPlugins` says neither true nor false of `{id}`"));
    }
    let permissions = object("permissions")?;
    let is_no_list = |key: &&str| permissions.and_then(|map| map.get(*key)).is_some_and(|list| !list.is_array());
    if let Some(key) = ["allow", "deny", "ask"].iter().find(|key| is_no_list(key)) {
        return Err(format!("`permissions.{key}` is not a list"));
    }
    object("env")?;
    let has_source = |market: &Value| market.get("source").and_then(|source| source.get("source")).is_some();
    match object("extraKnownMarketplaces")?.into_iter().flatten().find(|(_, market)| !has_source(market)) {
        Some((name, _)) => Err(format!("the marketplace `{name}` in `extraKnownMarketplaces` has no valid source")),
        None => Ok(values),
    }
}

/// What the client keeps for itself about one project, in `~/.claude.json` [claude-code.md §1.7, §2.6].
#[derive(Debug, Clone, Default)]
pub struct ProjectState(Map<String, Value>);

impl ProjectState {
    /// From the whole of `~/.claude.json` and the key of the project.
    #[must_use]
    pub fn of(whole: &Value, key: &str) -> Self {
        let entry = whole.get("projects").and_then(|projects| projects.get(key)).and_then(Value::as_object);
        ProjectState(entry.cloned().unwrap_or_default())
    }

    /// Whether the user said that the client may trust it.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.0.get("hasTrustDialogAccepted").and_then(Value::as_bool) == Some(true)
    }

    /// Whether the list under `key` holds `name`.
    #[must_use]
    pub fn lists(&self, key: &str, name: &str) -> bool {
        self.0.get(key).and_then(Value::as_array).is_some_and(|list| list.iter().any(|item| item == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_a_whole_or_not_at_all_as_in_the_client() {
        for read in [
            "{}",
            "\u{feff}{\"enabledPlugins\":{\"a@b\":true}}",
            r#"{"enabledPlugins":{"a@b":false},"enabledPlugins":{"a@b":["^1"]}}"#,
            r#"{"env":{"A":1},"hooks":"x","permissions":{"allow":[1]}}"#,
            r#"{"extraKnownMarketplaces":{"a":{"source":{"source":"directory","path":"/x"}}}}"#,
        ] {
            assert!(values_of(read.as_bytes()).is_ok(), "{read}");
        }
        for ignored in [
            "{} // no",
            "{\"a\":1,}",
            "[]",
            r#"{"enabledPlugins":["a@b"]}"#,
            r#"{"enabledPlugins":{"a@b":"1.0.0"}}"#,
            r#"{"enabledPlugins":{"a@b":null}}"#,
            r#"{"enabledPlugins":{"a@b":1}}"#,
            r#"{"permissions":"x"}"#,
            r#"{"permissions":{"allow":"x"}}"#,
            r#"{"env":"A"}"#,
            r#"{"extraKnownMarketplaces":{"a":{"source":"x"}}}"#,
        ] {
            assert!(values_of(ignored.as_bytes()).is_err(), "{ignored}");
        }
    }
}
