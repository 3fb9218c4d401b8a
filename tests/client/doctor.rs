//! Whether findings of `cpm doctor` are true: while one is there the client does not load what it is about, and once the
//! advice is followed nothing is found and the client loads it.

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::{World, delete, skill, write};

/// How the client is asked.
#[derive(Clone, Copy)]
enum Question {
    /// A session lists exactly this line.
    Lists(&'static str),
    /// `claude mcp list` says this.
    Servers(&'static str),
}

/// A home and a project, and short ways to put things there.
struct Place {
    world: World,
    client: Client,
}

impl Place {
    /// Goes through one case; without a client nothing happens.
    fn case(topic: &str, question: Question, breaks: impl FnOnce(&Place), mends: impl FnOnce(&Place)) {
        let Some(client) = Client::found() else { return };
        let place = Place { world: World::in_git(), client };
        breaks(&place);
        let (told, loads) = (place.topics(), place.answers(question));
        assert!(told.iter().any(|found| found == topic) && !loads, "{topic} is not in {told:?}, or it loads: {loads}");
        mends(&place);
        let (told, loads) = (place.topics(), place.answers(question));
        assert!(told.is_empty() && loads, "{topic}, mended: found {told:?}, loads: {loads}");
    }

    /// What the findings are about.
    fn topics(&self) -> Vec<String> {
        let run = self.world.cpm(&["doctor", "--json"]);
        let mut topics = Vec::new();
        collect(&run.json(), &mut topics);
        topics
    }

    fn answers(&self, question: Question) -> bool {
        let (world, project) = (&self.world, self.world.project());
        match question {
            Question::Lists(line) => self.client.lists(world, &project).contains(line),
            Question::Servers(text) => self.client.ask(world, &project, &["mcp", "list"]).contains(text),
        }
    }

    /// Writes into the user's skills folder.
    fn users(&self, path: &str, text: &str) {
        write(&self.world.home().join(".claude/skills").join(path), text);
    }

    /// Writes into the project's skills folder.
    fn projects(&self, path: &str, text: &str) {
        self.world.write(&format!(".claude/skills/{path}"), text);
    }

    /// A plugin `p` of the user's with the command `go`, whose plugin.json has more.
    fn plugin(&self, more: &str) {
        self.users("p/.claude-plugin/plugin.json", &format!(r#"{{"name":"p"{more}}}"#));
        self.users("p/commands/go.md", "go\n");
    }

    /// A plugin `p` of the project's with the command `ours`.
    fn projects_plugin(&self) {
        self.projects("p/.claude-plugin/plugin.json", r#"{"name":"p"}"#);
        self.projects("p/commands/ours.md", "go\n");
    }

    fn move_skill(&self, from: &str, to: &str) {
        let skills = self.world.home().join(".claude/skills");
        let to = skills.join(to);
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        std::fs::rename(skills.join(from), to).expect("moved");
    }

    fn settings(&self, text: &str) {
        write(&self.world.home().join(".claude/settings.json"), text);
    }

    fn approve(&self) {
        self.settings(r#"{"enableAllProjectMcpServers":true}"#);
    }

    fn client_file(&self, value: &Value) {
        write(&self.world.home().join(".claude.json"), value.to_string());
    }

    fn trust(&self) {
        let project = self.world.project().display().to_string();
        self.client_file(&json!({ "projects": { project: { "hasTrustDialogAccepted": true } } }));
    }

    fn mcp(&self, text: &str) {
        self.world.write(".mcp.json", text);
    }
}

fn collect(value: &Value, topics: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, topics)),
        Value::Object(members) => {
            topics.extend(members.get("topic").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, topics));
        }
        _ => {}
    }
}

/// The server `srv`, which is there and says nothing.
fn entry() -> String {
    servers("srv", &json!({ "command": "true" })).to_string()
}

fn servers(name: &str, entry: &Value) -> Value {
    json!({ "mcpServers": { name: entry } })
}

/// How the client shows a server that it tried to start.
const TRIED: Question = Question::Servers("srv: true  - ");

#[test]
fn settings_that_count_as_nothing_switch_nothing_on() {
    let on = r#""enabledPlugins":{"p@skills-dir":true}"#;
    for bad in [
        format!("{{// no\n{on}}}"),
        format!("{{{on},}}"),
        format!("[{{{on}}}]"),
        format!(r#"{{{on},"permissions":{{"deny":"x"}}}}"#),
        format!(r#"{{{on},"permissions":{{"ask":"x"}}}}"#),
        format!(r#"{{{on},"env":"x"}}"#),
        r#"{"enabledPlugins":{"p@skills-dir":true,"a@b":1}}"#.to_owned(),
        format!(r#"{{{on},"extraKnownMarketplaces":{{"a":{{}}}}}}"#),
    ] {
        let breaks = |place: &Place| {
            place.plugin(r#","defaultEnabled":false"#);
            place.settings(&bad);
        };
        Place::case("settings", Question::Lists("command p:go"), breaks, |place| place.settings(&format!("{{{on}}}")));
    }
}

#[test]
fn a_plugin_that_is_off_loads_once_it_is_on() {
    let go = Question::Lists("command p:go");
    let enable = |place: &Place| {
        place.client.ask(&place.world, &place.world.project(), &["plugin", "enable", "p@skills-dir"]);
    };
    Place::case("plugins", go, |place| place.plugin(r#","defaultEnabled":false"#), enable);
    let switch_off = |place: &Place| {
        place.plugin("");
        place.settings(r#"{"enabledPlugins":{"p@skills-dir":false}}"#);
    };
    Place::case("plugins", go, switch_off, |place| place.settings("{}"));
    Place::case("plugins", go, |place| place.plugin(","), |place| place.plugin(""));
}

#[test]
fn a_plugin_that_another_hides_loads_under_a_name_of_its_own() {
    let both = |place: &Place| {
        place.plugin("");
        place.projects_plugin();
        place.trust();
    };
    let remove = |place: &Place| delete(&place.world.home().join(".claude/skills/p"));
    Place::case("plugins", Question::Lists("command p:ours"), both, remove);
    let twins = |place: &Place| {
        place.plugin("");
        place.users("q/.claude-plugin/plugin.json", r#"{"name":"p"}"#);
        place.users("q/commands/go.md", "go\n");
    };
    let rename = |place: &Place| place.users("q/.claude-plugin/plugin.json", r#"{"name":"r"}"#);
    Place::case("plugins", Question::Lists("command r:go"), twins, rename);
}

#[test]
fn a_plugin_of_a_project_loads_once_the_project_is_trusted() {
    Place::case("trust", Question::Lists("command p:ours"), Place::projects_plugin, Place::trust);
}

#[test]
fn skill_files_that_are_not_where_or_what_they_should_be_load_once_they_are() {
    let listed = Question::Lists("skill x");
    let text = skill("x", "x");
    for from in ["x/skill.md", "x.md", "g/x/SKILL.md", "y/SKILL.md"] {
        let breaks = |place: &Place| place.users(from, &text);
        let mends = |place: &Place| {
            place.move_skill(from, "moved");
            place.move_skill("moved", "x/SKILL.md");
            for empty in ["g", "y"] {
                delete(&place.world.home().join(".claude/skills").join(empty));
            }
        };
        Place::case("skills", listed, breaks, mends);
    }
    for bad in ["text\n", text.replacen("---\nx\n", "", 1).as_str()] {
        let mends = |place: &Place| place.users("x/SKILL.md", &text);
        Place::case("skills", listed, |place| place.users("x/SKILL.md", bad), mends);
    }
    let link = |place: &Place| place.world.home().join(".claude/skills/a");
    let breaks = |place: &Place| {
        place.users("x/SKILL.md", &text);
        std::os::unix::fs::symlink("x", link(place)).expect("a link");
    };
    Place::case("skills", listed, breaks, |place| std::fs::remove_file(link(place)).expect("removed"));
}

#[test]
fn entries_that_the_client_skips_are_there_once_they_are_right() {
    let approved = |text: String| {
        move |place: &Place| {
            place.approve();
            place.mcp(&text);
        }
    };
    let mends = |place: &Place| place.mcp(&entry());
    Place::case("servers", TRIED, approved("{// no\n}".to_owned()), mends);
    Place::case("servers", TRIED, approved(entry().replace("mcpServers", "servers")), mends);
    let remote = |kind: &Value| servers("srv", &json!({ "type": kind, "url": "http://127.0.0.1:9" }));
    let typed = |place: &Place| place.client_file(&remote(&"http".into()));
    let untyped = servers("srv", &json!({ "url": "http://127.0.0.1:9" }));
    Place::case("servers", Question::Servers("srv: http"), |place| place.client_file(&untyped), typed);
    let reserved = servers("workspace", &json!({ "command": "true" }));
    let named = |place: &Place| place.client_file(&servers("srv", &json!({ "command": "true" })));
    Place::case("servers", TRIED, |place| place.client_file(&reserved), named);
}

#[test]
fn servers_of_a_project_start_once_they_are_approved() {
    Place::case("approval", Question::Servers("srv: true  - ✘"), |place| place.mcp(&entry()), Place::approve);
    let reject = |place: &Place| {
        place.mcp(&entry());
        place.settings(r#"{"disabledMcpjsonServers":["srv"]}"#);
    };
    Place::case("approval", Question::Servers("srv: true  - ✘"), reject, Place::approve);
}

#[test]
fn a_server_of_the_user_that_the_project_hides_is_there_once_it_does_not() {
    let both = |place: &Place| {
        place.client_file(&servers("srv", &json!({ "command": "mine" })));
        place.mcp(&entry());
        place.approve();
    };
    let remove = |place: &Place| delete(&place.world.project().join(".mcp.json"));
    Place::case("servers", Question::Servers("srv: mine"), both, remove);
}

#[test]
fn a_variable_that_is_not_set_is_found_until_it_has_a_default() {
    let with = |argument: &str| servers("srv", &json!({ "type": "stdio", "command": "cat", "args": [argument] }));
    let breaks = |place: &Place| place.client_file(&with("${HERE}"));
    let mends = |place: &Place| place.client_file(&with("${HERE:-x}"));
    Place::case("variables", Question::Servers("srv: cat ${HERE:-x}"), breaks, mends);
}
