//! What a plugin needs besides its files: options that the user sets, and node packages. The client asks for the first, and
//! installs the second where it installs a plugin by itself; cpm runs nothing, and says what is missing.

use std::path::Path;

use serde_json::Value;

use crate::claude::settings::Settings;
use crate::format::json;
use crate::format::plugin::{PluginManifest, UserOption};
use crate::fsx::tree::NODE_MODULES;
use crate::model::tree::Tree;

/// The options that the plugin asks for and that have no value: required ones without a default.
#[must_use]
pub fn unset_options(manifest: &PluginManifest, settings: &Settings) -> Vec<String> {
    let is_unset = |name: &str| !settings.has_option(&manifest.name, name);
    let wanted = manifest.options.iter().filter(|(name, option)| option.is_lacking() && is_unset(name));
    wanted.map(|(name, _)| name.clone()).collect()
}

/// Where in the settings the options of a plugin in a skills folder are. The client's own `/plugin` asks for those of
/// plugins from marketplaces only.
pub(super) fn place_of_options(plugin: &str) -> String {
    format!("pluginConfigs → {plugin}@skills-dir → options")
}

/// How the user gives a plugin its options; `shown` makes a path readable.
#[must_use]
pub fn how_to_set(plugin: &str, settings: &Settings, shown: impl Fn(&Path) -> String) -> String {
    let file = settings.files.first().map(|file| shown(&file.path)).unwrap_or_default();
    format!("set it in {file}, under {}", place_of_options(plugin))
}

/// An option that a server refers to as `${user_config.NAME}` and that has no value: the client leaves the server out.
pub(super) fn unset_in_server(server: &Value, manifest: &PluginManifest, settings: &Settings) -> Option<String> {
    let is_lacking = |name: &str| manifest.options.get(name).is_none_or(UserOption::is_lacking);
    unset_in(server, manifest, settings, is_lacking)
}

/// The same of a hook: the client does not run it. For hooks a default is no value.
pub(super) fn unset_in_hook(hook: &Value, manifest: &PluginManifest, settings: &Settings) -> Option<String> {
    unset_in(hook, manifest, settings, |_| true)
}

fn unset_in(
    value: &Value,
    manifest: &PluginManifest,
    settings: &Settings,
    is_lacking: impl Fn(&str) -> bool,
) -> Option<String> {
    let text = value.to_string();
    let names = text.split("${user_config.").skip(1).filter_map(|rest| Some(&rest[..rest.find('}')?]));
    let mut unset = names.filter(|name| is_lacking(name) && !settings.has_option(&manifest.name, name));
    unset.next().map(str::to_owned)
}

/// The command that installs the node packages of a folder: what the client would run for a package.json with a lockfile
/// beside it. `None` where the folder needs none, or brings them.
#[must_use]
pub fn node_installer(folder: &Tree) -> Option<&'static str> {
    let manifest = json::parse_object(&folder.get("package.json")?.bytes, "package.json").ok()?;
    let has = |key: &str| manifest.get(key).and_then(Value::as_object).is_some_and(|packages| !packages.is_empty());
    let brings_them = folder.files().any(|(path, _)| path.parents().next() == Some(NODE_MODULES));
    if brings_them || !(has("dependencies") || has("optionalDependencies")) {
        return None;
    }
    let lies_there = |names: &[&str]| names.iter().any(|name| folder.get(name).is_some());
    if lies_there(&["package-lock.json", "npm-shrinkwrap.json"]) {
        Some("npm ci --ignore-scripts")
    } else if lies_there(&["bun.lock", "bun.lockb"]) {
        Some("bun install --frozen-lockfile --ignore-scripts")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::TreeFile;

    #[test]
    fn node_packages_are_needed_where_a_lockfile_is_beside_what_names_them() {
        let needs = r#"{"dependencies":{"left-pad":"1.0.0"}}"#;
        for (manifest, others, wanted) in [
            (needs, &["package-lock.json"][..], Some("npm ci --ignore-scripts")),
            (needs, &["npm-shrinkwrap.json", "bun.lock"], Some("npm ci --ignore-scripts")),
            (needs, &["bun.lockb"], Some("bun install --frozen-lockfile --ignore-scripts")),
            (
                r#"{"optionalDependencies":{"a":"1"}}"#,
                &["bun.lock"],
                Some("bun install --frozen-lockfile --ignore-scripts"),
            ),
            (needs, &[], None),
            (needs, &["sub/package-lock.json"], None),
            (needs, &["package-lock.json", "node_modules/left-pad/index.js"], None),
            (r#"{"devDependencies":{"a":"1"},"dependencies":{}}"#, &["package-lock.json"], None),
            ("{", &["package-lock.json"], None),
        ] {
            let files = others.iter().map(|path| (*path, "x")).chain([("package.json", manifest)]);
            let files =
                files.map(|(path, text)| TreeFile::parse(path, false, text.as_bytes().to_vec()).expect("a path"));
            assert_eq!(node_installer(&Tree::new(files).expect("a tree")), wanted, "{manifest} {others:?}");
        }
    }
}
