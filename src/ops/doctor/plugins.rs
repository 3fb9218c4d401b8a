//! Plugins in skills folders: what the client refuses, hides, or does not load until it is told to
//! [claude-code.md §7.2, §7.3].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Checkup;
use super::servers::Standing;
use crate::claude::inspect::{self, MANIFEST};
use crate::claude::needs;
use crate::claude::rival::Rival;
use crate::error::Kind;
use crate::format::plugin;
use crate::fsx;
use crate::model::scope::Scope;
use crate::model::tree::Tree;

/// The plugins of a folder, by their own names.
pub(super) type Plugins = BTreeMap<String, Plugin>;

/// One plugin.
pub(super) struct Plugin {
    root: PathBuf,
    manifest: Map<String, Value>,
}

impl Checkup<'_> {
    /// Compares the plugins of the user and of the project with each other and with what the client was told.
    pub(super) fn plugins(&mut self, mine: &Plugins, ours: &Plugins) {
        let mut needs_trust = Vec::new();
        for (name, plugin) in ours {
            match mine.get(name) {
                Some(other) => {
                    let what = format!("the plugin `{name}` is hidden by yours in {}", self.shown(&other.root));
                    let fix = "rename or remove one of the two".to_owned();
                    self.add("plugins", Some(Scope::Project), &plugin.root, what, fix);
                }
                None if self.is_on(name, plugin, Scope::Project) => {
                    needs_trust.push(format!("`{name}`"));
                    self.inside(name, plugin, Scope::Project);
                }
                None => {}
            }
        }
        for (name, plugin) in mine {
            if self.is_on(name, plugin, Scope::User) {
                self.inside(name, plugin, Scope::User);
            }
        }
        if let Some(places) = self.places(Scope::Project).filter(|_| !needs_trust.is_empty())
            && !self.state.is_trusted()
        {
            let list = needs_trust.join(", ");
            let what = format!("Claude Code does not trust this project yet, so it does not load the plugins {list}");
            let fix = format!("start `claude` in {} and say that you trust it", self.start());
            self.add("trust", Some(Scope::Project), &places.skills, what, fix);
        }
    }

    /// Reads one plugin.
    pub(super) fn one_plugin(&mut self, root: &Path, bytes: &[u8], scope: Scope, plugins: &mut Plugins) {
        let read = serde_json::from_slice::<Map<String, Value>>(bytes).map_err(|cause| format!("{cause}"));
        let (name, manifest) = match read.and_then(|manifest| Ok((plugin_name(&manifest)?, manifest))) {
            Ok(read) => read,
            Err(why) => {
                let what = format!("Claude Code cannot load this plugin: {why}");
                return self.add(
                    "plugins",
                    Some(scope),
                    &root.join(MANIFEST),
                    what,
                    "correct the file there".to_owned(),
                );
            }
        };
        if let Some(other) = plugins.get(&name) {
            let other = self.shown(&other.root);
            let what = format!("it is called `{name}`, as {other}, and only one of them is loaded");
            return self.add("plugins", Some(scope), root, what, "rename or remove one of the two".to_owned());
        }
        plugins.insert(name, Plugin { root: root.to_path_buf(), manifest });
    }

    /// Whether nothing switches a plugin off.
    fn is_on(&mut self, name: &str, plugin: &Plugin, scope: Scope) -> bool {
        let id = format!("{name}@skills-dir");
        let word = self.settings.word_on("enabledPlugins", &id);
        let word = word.map(|(value, file)| (value.as_bool(), file.path.clone()));
        let (what, fix) = match word {
            Some((Some(false), file)) => {
                let file = self.shown(&file);
                (format!("the plugin `{name}` is switched off in {file}"), format!("set `{id}` to true there"))
            }
            None if plugin.manifest.get("defaultEnabled") == Some(&Value::Bool(false)) => {
                let what = format!("the plugin `{name}` is off until somebody switches it on, as its author wants");
                (what, format!("run `claude plugin enable {id}`"))
            }
            _ => match self.contexts.first().and_then(|context| Rival::of(name, &self.settings, context.machine)) {
                None => return true,
                Some(rival) => {
                    let (other, scopes) = (&rival.id, rival.scopes());
                    let what = format!("the plugin `{name}` is hidden by `{other}`, which is enabled in the {scopes}");
                    (what, format!("run {}", rival.commands()))
                }
            },
        };
        self.add("plugins", Some(scope), &plugin.root, what, fix);
        false
    }

    /// What a plugin that is on needs for all of it to work.
    fn inside(&mut self, name: &str, plugin: &Plugin, scope: Scope) {
        // A plugin that cpm would not read is still the client's to load; only what is in it stays unchecked.
        let Ok(tree) = fsx::tree::read_in_use(&plugin.root) else { return };
        self.needs(name, plugin, &tree, scope);
        self.plugin_servers(name, plugin, &tree, scope);
    }

    /// Options without a value, and node packages that are not there.
    fn needs(&mut self, name: &str, plugin: &Plugin, tree: &Tree, scope: Scope) {
        let Ok(manifest) = plugin::read(&plugin.manifest) else { return };
        let unset = needs::unset_options(&manifest, &self.settings);
        if !unset.is_empty() {
            let what = format!("the plugin `{name}` asks for {}, and nobody gave it", unset.join(", "));
            let fix = needs::how_to_set(&manifest.name, &self.settings, |path| self.shown(path));
            self.add("plugins", Some(scope), &plugin.root, what, fix);
        }
        let is_there = plugin.root.join(fsx::tree::NODE_MODULES).exists();
        if let Some(command) = needs::node_installer(tree).filter(|_| !is_there) {
            let what = format!("the plugin `{name}` needs node packages that are not there");
            let fix = format!("run `{command}` in {}", self.shown(&plugin.root));
            self.add("plugins", Some(scope), &plugin.root, what, fix);
        }
    }

    /// Approvals and variables of the servers in a plugin.
    fn plugin_servers(&mut self, name: &str, plugin: &Plugin, tree: &Tree, scope: Scope) {
        let Ok(package) = inspect::inspect(tree, None) else { return };
        for (server, entry) in package.servers {
            let id = format!("plugin:{name}:{server}");
            let needs_approval = scope == Scope::Project;
            if needs_approval && self.approval(&id, &plugin.root) == Standing::Off {
                continue;
            }
            self.variables(&id, &Value::Object(entry.json), scope, &plugin.root);
        }
    }
}

/// The name of a plugin, or why the client refuses its manifest.
fn plugin_name(manifest: &Map<String, Value>) -> std::result::Result<String, String> {
    let name = manifest.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or("it has no `name`")?.to_owned();
    if name.contains(' ') {
        return Err("its `name` has a space".to_owned());
    }
    // cpm is stricter than the client about names, and about nothing else that is invalid.
    let mut rest = manifest.clone();
    rest.insert("name".to_owned(), "name".into());
    match plugin::check(&rest) {
        Err(error) if error.kind() == Kind::Invalid => Err(error.message().to_owned()),
        _ => Ok(name),
    }
}
