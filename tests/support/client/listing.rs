//! What the client lists, and what cpm says that it will list, in one form: a line for each thing.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{Client, Session};
use crate::support::World;

/// `skill NAME`, `command NAME`, `agent NAME`, `plugin NAME`, `server NAME`, `tool NAME`.
pub type Listing = BTreeSet<String>;

/// Before the skills that the model is told of.
const SKILLS: &str = "skills are available for use with the Skill tool";

impl Client {
    /// Starts a session in a folder and says what the client lists, without what it has of itself.
    pub fn lists(&self, world: &World, dir: &Path) -> Listing {
        let builtin = self.builtin().listed();
        self.start(world, dir).listed().difference(&builtin).cloned().collect()
    }
}

impl Session {
    /// Everything that the client lists.
    pub fn listed(&self) -> Listing {
        let names = |key: &str| strings(&self.init()[key]);
        let (skills, callable) = (names("skills"), names("slash_commands"));
        let told: BTreeSet<String> = self.requests.iter().flat_map(|request| told(&request["messages"])).collect();
        let mut listing = Listing::new();
        listing.extend(skills.iter().map(|name| format!("skill {name}")));
        listing.extend(callable.difference(&skills).map(|name| format!("command {name}")));
        listing.extend(told.difference(&callable).map(|name| format!("skill {name} (model only)")));
        listing.extend(names("agents").iter().map(|name| format!("agent {name}")));
        let tools = self.requests.iter().flat_map(|request| request["tools"].as_array()).flatten();
        let tools = tools.filter_map(|tool| tool["name"].as_str()).map(str::to_owned).chain(names("tools"));
        listing.extend(tools.filter(|name| name.starts_with("mcp__")).map(|name| format!("tool {name}")));
        for server in self.init()["mcp_servers"].as_array().into_iter().flatten() {
            listing.insert(server_line(&server["name"], server["status"].as_str().unwrap_or_default()));
        }
        for plugin in self.init()["plugins"].as_array().into_iter().flatten() {
            listing.insert(format!("plugin {}", plugin["name"].as_str().unwrap_or_default()));
        }
        for error in self.init()["plugin_errors"].as_array().into_iter().flatten() {
            listing.insert(format!("error {error}"));
        }
        listing
    }
}

/// What cpm says that the client will list when it is started in a folder, where every server has the tool `ping`; and
/// the events of hooks, each with the folder of its plugin.
pub fn predicted(world: &World, dir: &Path) -> (Listing, BTreeSet<String>) {
    let run = world.cpm_in(dir, &["list", "--loaded", "--json"]);
    assert_eq!(run.code, 0, "{run}");
    let loaded = run.json()["loaded"].clone();
    let items = |list: &str| loaded[list].as_array().expect("a list").clone();
    let mut listing = Listing::new();
    for (list, word) in [("skills", "skill"), ("commands", "command"), ("agents", "agent"), ("plugins", "plugin")] {
        for item in items(list).iter().filter(|item| item["state"] != "on demand") {
            let name = item["name"].as_str().expect("a name");
            let only = if item["state"] == "model only" { " (model only)" } else { "" };
            listing.insert(format!("{word} {name}{only}"));
        }
    }
    for server in items("servers") {
        let is_on = server["state"] == "listed";
        listing.insert(server_line(&server["name"], if is_on { "connected" } else { "disabled" }));
        if is_on {
            listing.insert(format!("tool {}ping", server["tools"].as_str().expect("a prefix")));
        }
    }
    let hook = |item: &Value| {
        let (event, place) = (item["name"].as_str().expect("an event"), item["place"].as_str().expect("a place"));
        format!("{event} of {}", place.rsplit('/').next().unwrap_or(place))
    };
    (listing, items("hooks").iter().map(hook).collect())
}

fn server_line(name: &Value, status: &str) -> String {
    let status = if status == "connected" { String::new() } else { format!(" ({status})") };
    format!("server {}{status}", name.as_str().unwrap_or_default())
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The skills that messages tell the model of.
fn told(messages: &Value) -> Vec<String> {
    match messages {
        Value::Array(items) => items.iter().flat_map(told).collect(),
        Value::Object(members) => members.values().flat_map(told).collect(),
        Value::String(text) => {
            let list = text.split_once(SKILLS).map_or("", |(_, list)| list);
            let names = list.lines().filter_map(|line| line.strip_prefix("- "));
            names.map(|line| line.split_once(": ").map_or(line, |(name, _)| name).to_owned()).collect()
        }
        _ => Vec::new(),
    }
}
