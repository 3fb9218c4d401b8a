//! Which folders of a skills folder the client loads as plugins [claude-code.md §6, §7.2, §7.3].

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::skills::{folders, name_of};
use super::{PartKind, Place, Prediction, Start, State};
use crate::claude::inspect::{self, MANIFEST};
use crate::error::Result;
use crate::format::json;
use crate::format::plugin::{self, PluginManifest};
use crate::fsx;
use crate::model::package::Package;
use crate::model::tree::Tree;

/// A plugin that the client loads.
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) manifest: PluginManifest,
    pub(super) package: Package,
    pub(super) tree: Tree,
    pub(super) place: Place,
    pub(super) folder: PathBuf,
    /// Whether it is the project's, so that its servers wait for a yes.
    pub(super) is_projects: bool,
}

/// The plugins that are loaded, in the order in which they are found.
pub(super) fn load(start: &Start<'_>, found: &mut Prediction) -> Result<Vec<Plugin>> {
    let mut plugins: Vec<Plugin> = Vec::new();
    for folder in folders(&start.user_skills())? {
        consider(start, &folder, false, &mut plugins, found)?;
    }
    for dir in start.walk() {
        let Some(skills) = start.skills_of(dir) else { continue };
        for folder in folders(&skills)? {
            if dir == start.dir() {
                consider(start, &folder, true, &mut plugins, found)?;
            } else if folder.join(MANIFEST).is_file() {
                let why = format!("plugins of a project load only when Claude Code is started in {}", dir.display());
                found.leave_out(PartKind::Plugin, name_of(&folder), why, &Place::Folder(folder));
            }
        }
    }
    drop_needy(start, &mut plugins, found);
    for plugin in &plugins {
        found.list(PartKind::Plugin, &plugin.name, State::Listed, &plugin.place);
    }
    Ok(plugins)
}

/// Takes a folder as a plugin, or says why it is none that is loaded.
fn consider(
    start: &Start<'_>,
    folder: &Path,
    is_projects: bool,
    plugins: &mut Vec<Plugin>,
    found: &mut Prediction,
) -> Result<()> {
    let place = Place::Folder(folder.to_path_buf());
    let Some(bytes) = fsx::read_optional(&folder.join(MANIFEST))? else { return Ok(()) };
    let (tree, manifest, package) = match read(folder, &bytes) {
        Ok(parts) => parts,
        Err(error) => {
            let why = std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str));
            found.leave_out(PartKind::Plugin, name_of(folder), why.collect::<Vec<_>>().join(": "), &place);
            return Ok(());
        }
    };
    let name = manifest.name.clone();
    let why = if is_projects && !start.trusted() {
        Some("the client does not trust this project".to_owned())
    } else if !start.settings.has_enabled(&name).unwrap_or_else(|| is_on_by_default(&bytes)) {
        Some(format!("`{name}@skills-dir` is disabled"))
    } else if let Some(id) = start.settings.market_plugin(&name) {
        Some(format!("the plugin `{id}` has the same name"))
    } else {
        let twin = plugins.iter().find(|other| other.name == name);
        twin.map(|other| format!("the plugin in `{}` has the same name", other.folder.display()))
    };
    match why {
        Some(why) => found.leave_out(PartKind::Plugin, name, why, &place),
        None => {
            let folder = folder.to_path_buf();
            plugins.push(Plugin { name, manifest, package, tree, place, folder, is_projects });
        }
    }
    Ok(())
}

fn read(folder: &Path, manifest: &[u8]) -> Result<(Tree, PluginManifest, Package)> {
    let manifest = plugin::parse(manifest, MANIFEST)?;
    let tree = fsx::tree::read_in_use(folder)?;
    let package = inspect::read(&tree, None)?;
    Ok((tree, manifest, package))
}

fn is_on_by_default(manifest: &[u8]) -> bool {
    let manifest = json::parse_object(manifest, MANIFEST).unwrap_or_default();
    manifest.get("defaultEnabled").and_then(Value::as_bool).unwrap_or(true)
}

/// Takes out the plugins that need one which is not loaded, until all that are left have what they need.
fn drop_needy(start: &Start<'_>, plugins: &mut Vec<Plugin>, found: &mut Prediction) {
    loop {
        let is_there = |name: &str| {
            plugins.iter().any(|plugin| plugin.name == name) || start.settings.market_plugin(name).is_some()
        };
        let needy = plugins.iter().enumerate().find_map(|(at, plugin)| {
            let missing = plugin.manifest.dependencies.iter().find(|need| !is_there(need.name.as_str()))?;
            Some((at, missing.name.to_string()))
        });
        let Some((at, missing)) = needy else { return };
        let plugin = plugins.remove(at);
        found.leave_out(PartKind::Plugin, plugin.name, format!("it needs the plugin `{missing}`"), &plugin.place);
    }
}
