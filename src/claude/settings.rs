//! What the client's settings say about plugins, read as the client reads them: strict JSON or nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::paths::{Machine, ScopePlaces};
use crate::error::Result;
use crate::fsx;
use crate::model::scope::Scope;

/// The marketplace plugins that are enabled where `places` is read, by plugin name: a plugin folder of the same name
/// would not be loaded [claude-code.md §7.2].
///
/// # Errors
/// [`crate::error::Kind::FileSystem`] when a settings file is there but cannot be read.
pub fn enabled_plugins(machine: &Machine, places: &ScopePlaces) -> Result<BTreeMap<String, String>> {
    let mut files = vec![machine.config.join("settings.json")];
    if places.scope != Scope::User {
        let claude = places.base.join(".claude");
        files.extend([claude.join("settings.json"), claude.join("settings.local.json")]);
    }
    let mut states: BTreeMap<String, bool> = BTreeMap::new();
    for file in files {
        // Later files win key by key: user, project, local.
        states.extend(enabled_in(&file)?);
    }
    let enabled = states.into_iter().filter(|(_, on)| *on).filter_map(|(id, _)| {
        let (name, marketplace) = id.rsplit_once('@')?;
        (marketplace != "skills-dir").then(|| (name.to_owned(), id.clone()))
    });
    Ok(enabled.collect())
}

fn enabled_in(file: &Path) -> Result<Vec<(String, bool)>> {
    let Some(bytes) = fsx::read_optional(file)? else { return Ok(Vec::new()) };
    // A file that the client ignores as a whole enables nothing.
    let Ok(settings) = serde_json::from_slice::<Value>(&bytes) else { return Ok(Vec::new()) };
    let plugins = settings.get("enabledPlugins").and_then(Value::as_object);
    let states = plugins.into_iter().flatten().filter_map(|(id, on)| Some((id.clone(), on.as_bool()?)));
    Ok(states.collect())
}
