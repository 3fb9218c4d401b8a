//! MCP servers: whose entry wins, which ones a plugin adds, and which a person is asked about [claude-code.md §2.3–2.8].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use super::plugins::Plugin;
use super::{Level, Part, PartKind, Place, Prediction, Start, State, option_is_unset};
use crate::claude::{inspect, needs};
use crate::error::Result;
use crate::format::mcp;
use crate::fsx;
use crate::model::name::is_reserved_server;
use crate::model::package::{ServerEntry, Transport};

/// Why a server that the user said no to is not listed.
const REJECTED: &str = "it is rejected, by the settings or in the client";

/// The servers so far, by the client's names.
#[derive(Default)]
pub(super) struct Servers {
    named: BTreeMap<String, Server>,
    /// What they start or reach: the client starts nothing twice for plugins.
    started: BTreeMap<String, String>,
}

struct Server {
    place: Place,
    state: State,
    asks: bool,
}

/// The entries of the MCP files, the strongest of each name.
pub(super) fn entries(start: &Start<'_>, found: &mut Prediction) -> Result<Servers> {
    let mut servers = Servers::default();
    let mut chosen: BTreeMap<String, (ServerEntry, Place)> = BTreeMap::new();
    let mut add = |file: &Path, level, map: Option<&Value>, found: &mut Prediction| {
        for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
            let place = Place::Entry { file: file.to_path_buf(), level, key: key.clone() };
            match read(key, value) {
                Err(why) => found.leave_out(PartKind::Server, key, why, &place),
                Ok(_) if level == Level::Project && is_rejected(start, key) => {
                    found.leave_out(PartKind::Server, key, REJECTED, &place);
                }
                Ok(entry) => {
                    if let Some((_, weaker)) = chosen.insert(key.clone(), (entry, place)) {
                        let why = "another entry of this name is nearer";
                        found.leave_out(PartKind::Server, key, why, &weaker);
                    }
                }
            }
        }
    };
    add(&start.machine.claude_json, Level::User, start.client.get("mcpServers"), found);
    // The nearest comes last, and wins.
    let above: Vec<&Path> = start.dir().ancestors().collect();
    for dir in above.into_iter().rev() {
        let file = dir.join(".mcp.json");
        if let Some(map) = project_entries(&file, found)? {
            add(&file, Level::Project, Some(&map), found);
        }
    }
    add(&start.machine.claude_json, Level::Local, start.project.get("mcpServers"), found);
    for (name, (entry, place)) in chosen {
        let is_projects = matches!(place, Place::Entry { level: Level::Project, .. });
        let started = signature(&entry, None);
        servers.started.entry(started).or_insert_with(|| name.clone());
        servers.add(start, name, is_projects, place);
    }
    Ok(servers)
}

/// The `mcpServers` of a `.mcp.json`; `None` where there is none that the client takes.
fn project_entries(file: &Path, found: &mut Prediction) -> Result<Option<Value>> {
    if !file.is_file() {
        return Ok(None);
    }
    let bytes = fsx::read_optional(file)?.unwrap_or_default();
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let read = serde_json::from_slice::<Value>(bytes);
    let servers = read.ok().and_then(|mut value| value.get_mut("mcpServers").map(Value::take));
    if let Some(servers @ Value::Object(_)) = servers {
        return Ok(Some(servers));
    }
    let place = Place::Entry { file: file.to_path_buf(), level: Level::Project, key: String::new() };
    found.leave_out(PartKind::Server, ".mcp.json", "the file is not JSON with an object `mcpServers`", &place);
    Ok(None)
}

/// Adds the servers of a plugin, but for those that something else starts already.
pub(super) fn add_plugin(start: &Start<'_>, plugin: &Plugin, servers: &mut Servers, found: &mut Prediction) {
    let declared = inspect::server_objects(&plugin.tree, &plugin.manifest, &mut Vec::new()).unwrap_or_default();
    let mut known = BTreeSet::new();
    for object in declared.iter().rev() {
        let map = object.get("mcpServers").and_then(Value::as_object).unwrap_or(object);
        for (key, value) in map.iter().filter(|(key, _)| known.insert((*key).clone())) {
            let name = format!("plugin:{}:{key}", plugin.name);
            let entry = match read(key, value) {
                Ok(entry) => entry,
                Err(why) => {
                    found.leave_out(PartKind::Server, name, why, &plugin.place);
                    continue;
                }
            };
            if let Some(option) = needs::unset_in_server(value, &plugin.manifest, &start.settings) {
                found.leave_out(PartKind::Server, name, option_is_unset(&option, &plugin.name), &plugin.place);
                continue;
            }
            if plugin.is_projects && is_rejected(start, &name) {
                found.leave_out(PartKind::Server, name, REJECTED, &plugin.place);
                continue;
            }
            let started = signature(&entry, Some(&plugin.folder));
            match servers.started.get(&started) {
                Some(other) => {
                    let why = format!("`{other}` starts or reaches the same");
                    found.leave_out(PartKind::Server, name, why, &plugin.place);
                }
                None => {
                    servers.started.insert(started, name.clone());
                    servers.add(start, name, plugin.is_projects, plugin.place.clone());
                }
            }
        }
    }
}

/// Lists the servers.
pub(super) fn list(servers: Servers, found: &mut Prediction) {
    for (name, Server { place, state, asks }) in servers.named {
        found.parts.push(Part { kind: PartKind::Server, name, state, asks, place });
    }
}

impl Servers {
    fn add(&mut self, start: &Start<'_>, name: String, is_projects: bool, place: Place) {
        let state = if noted(start, "disabledMcpServers", &name) { State::Disabled } else { State::Listed };
        let is_approved = noted(start, "enabledMcpjsonServers", &name) || start.settings.approves(&name, start.trusted);
        let asks = is_projects && state == State::Listed && !is_approved;
        self.named.insert(name, Server { place, state, asks });
    }
}

/// Whether the client has a server in a list of its own about the project.
fn noted(start: &Start<'_>, list: &str, server: &str) -> bool {
    let names = start.project.get(list).and_then(Value::as_array);
    names.is_some_and(|names| names.iter().any(|name| name == server))
}

/// Whether the user said no to a server of the project's; what the client noted itself it moves into the settings when
/// it starts.
fn is_rejected(start: &Start<'_>, server: &str) -> bool {
    start.settings.listing("disabledMcpjsonServers", server).is_some() || noted(start, "disabledMcpjsonServers", server)
}

/// An entry, or why the client skips it. It takes any name that it does not keep for itself.
fn read(key: &str, value: &Value) -> std::result::Result<ServerEntry, String> {
    if is_reserved_server(key) {
        return Err("the client keeps this name for itself".to_owned());
    }
    mcp::read_entry(value)
}

/// What an entry starts or reaches, as text.
fn signature(entry: &ServerEntry, plugin: Option<&Path>) -> String {
    let started = match &entry.transport {
        Transport::Remote { url, .. } => Value::from(url.as_str()),
        Transport::Stdio { command, args } => {
            let environment = entry.json.get("env").cloned().unwrap_or_else(|| Map::new().into());
            Value::from(vec![Value::from(command.as_str()), Value::from(args.clone()), environment])
        }
    };
    let text = started.to_string();
    match plugin {
        Some(folder) => text.replace("${CLAUDE_PLUGIN_ROOT}", &folder.display().to_string()),
        None => text,
    }
}
