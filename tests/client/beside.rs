//! What people do with the client beside cpm: it neither breaks what cpm knows nor is undone by cpm, and plugins that the
//! client has from a marketplace are told of.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::client::{Client, Listing, SERVER, Session, predicted};
use crate::support::samples::{Files, everything, install, json as read_json};
use crate::support::{Repo, Run, World, skill, write};

const SCOPES: [&str; 3] = ["user", "project", "local"];

/// A plugin that stays whole.
const TOOL: &Files<'_> =
    &[(".claude-plugin/plugin.json", r#"{"name":"tool","version":"1.0.0"}"#), ("commands/go.md", "go\n")];

/// A project that the client trusts, and one scope of it.
struct Beside {
    world: World,
    client: Client,
    scope: &'static str,
}

impl Beside {
    /// In each of some scopes; in none where there is no client.
    fn each(scopes: &'static [&'static str]) -> impl Iterator<Item = Self> {
        scopes.iter().filter_map(|scope| {
            let client = Client::found()?;
            let world = World::in_git();
            let projects = json!({ world.project().display().to_string(): { "hasTrustDialogAccepted": true } });
            write(&world.home().join(".claude.json"), json!({ "projects": projects }).to_string());
            write(&world.path("server.sh"), SERVER);
            Some(Beside { world, client, scope })
        })
    }

    /// Runs cpm in the scope.
    fn cpm(&self, args: &[&str]) -> Run {
        self.world.cpm(&[args, &["--scope", self.scope]].concat())
    }

    /// Runs cpm in the scope and expects success.
    fn ok(&self, args: &[&str]) -> Run {
        self.world.ok(&[args, &["--scope", self.scope]].concat())
    }

    /// Runs one of the client's commands, given in one line, in the project.
    fn client(&self, line: &str) -> Run {
        let words: Vec<&str> = line.split(' ').collect();
        self.client.run(&self.world, &self.world.project(), &words)
    }

    /// Runs one of the client's commands and expects success.
    fn client_ok(&self, line: &str) {
        let run = self.client(line);
        assert_eq!(run.code, 0, "claude {line}\n{run}");
    }

    /// What the client lists, which has to be what cpm says.
    fn lists(&self) -> Listing {
        let (said, _) = predicted(&self.world, &self.world.project());
        let listed = self.client.lists(&self.world, &self.world.project());
        assert_eq!(listed, said, "what the client lists, and what cpm says: {} scope", self.scope);
        listed
    }

    fn install_tool(&self) -> Repo {
        install(&self.world, "tool", TOOL, &["--scope", self.scope])
    }

    /// Installs the skill `alpha` and some MCP servers.
    fn install_kit(&self, servers: &[&str]) -> Repo {
        let servers = json!({ "mcpServers": servers.iter().map(|name| (*name, self.entry(name))).collect::<Value>() });
        let manifest = r#"{"name":"kit","version":"1.0.0"}"#;
        let files = [
            (".claude-plugin/plugin.json", manifest),
            ("skills/alpha/SKILL.md", &skill("alpha", "old")),
            (".mcp.json", &servers.to_string()),
        ];
        install(&self.world, "kit", &files, &["--scope", self.scope])
    }

    fn entry(&self, name: &str) -> Value {
        json!({ "command": "sh", "args": [self.server(), name] })
    }

    fn server(&self) -> String {
        self.world.path("server.sh").display().to_string()
    }

    /// The MCP entries of the scope.
    fn servers(&self) -> Value {
        match self.scope {
            "project" => self.project_file(".mcp.json")["mcpServers"].take(),
            "user" => self.client_json()["mcpServers"].take(),
            _ => self.client_json()["projects"][self.world.project().display().to_string()]["mcpServers"].take(),
        }
    }

    fn project_file(&self, path: &str) -> Value {
        read_json(&self.world.project().join(path))
    }

    fn client_json(&self) -> Value {
        read_json(&self.world.home().join(".claude.json"))
    }

    /// The settings files that are there, with their bytes.
    fn settings(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = ["home/.claude/settings.json", "project/.claude/settings.json", LOCAL_SETTINGS];
        let paths = paths.iter().map(|path| self.world.path(path));
        paths.filter_map(|path| Some((path.clone(), std::fs::read(path).ok()?))).collect()
    }
}

const LOCAL_SETTINGS: &str = "project/.claude/settings.local.json";

/// Commands that leave the scope as the manifest says.
const RUNS: [&[&str]; 4] = [&["install"], &["update", "--accept"], &["install", "--frozen"], &["verify"]];

#[test]
fn a_plugin_that_the_client_disabled_stays_disabled_until_the_client_enables_it() {
    for beside in Beside::each(&SCOPES) {
        let repo = beside.install_tool();
        beside.client_ok(&format!("plugin disable tool@skills-dir --scope {}", beside.scope));
        let settings = beside.settings();
        assert_eq!(settings.len(), 1, "{} scope", beside.scope);
        repo.commit(&[("commands/new.md", "new\n")]);
        RUNS.iter().for_each(|args| _ = beside.ok(args));
        assert_eq!(beside.lists(), Listing::new(), "{} scope", beside.scope);
        assert_eq!(beside.settings(), settings, "{} scope", beside.scope);
        beside.client_ok(&format!("plugin enable tool@skills-dir --scope {}", beside.scope));
        let settings = beside.settings();
        let all = ["command tool:go", "command tool:new", "plugin tool"];
        assert_eq!(beside.lists(), Listing::from(all.map(str::to_owned)));
        beside.ok(&["remove", "tool"]);
        assert_eq!(beside.settings(), settings, "{} scope", beside.scope);
    }
}

#[test]
fn a_plugin_that_the_client_should_update_or_uninstall_stays_as_cpm_installed_it() {
    for beside in Beside::each(&["user", "project"]) {
        beside.install_tool();
        let places = ["home/.claude/skills", "project/.claude"].map(|path| beside.world.path(path));
        let files = || places.each_ref().map(|place| place.exists().then(|| everything(place)));
        let before = files();
        for command in ["update", "uninstall"] {
            let run = beside.client(&format!("plugin {command} tool@skills-dir --scope {}", beside.scope));
            assert_eq!(run.code, 1, "claude plugin {command}\n{run}");
        }
        let told = beside.client("plugin list").stdout;
        assert!(told.contains("tool@skills-dir"), "{told}");
        assert!(files() == before, "{} scope", beside.scope);
        beside.ok(&["verify"]);
        assert!(beside.ok(&["install"]).stdout.contains("Up to date"));
    }
}

#[test]
fn servers_that_the_client_adds_and_removes_are_as_it_left_them() {
    for beside in Beside::each(&SCOPES) {
        let repo = beside.install_kit(&["srv"]);
        let scope = beside.scope;
        beside.client_ok(&format!("mcp add -s {scope} theirs -- sh {} theirs", beside.server()));
        let theirs = beside.servers()["theirs"].take();
        assert_eq!(theirs["command"], "sh", "{scope} scope");
        repo.commit(&[("skills/alpha/SKILL.md", &skill("alpha", "new"))]);
        RUNS.iter().for_each(|args| _ = beside.ok(args));
        beside.client_ok(&format!("mcp remove srv -s {scope}"));
        repo.commit(&[("skills/alpha/SKILL.md", &skill("alpha", "newer"))]);
        for args in &RUNS[..3] {
            let run = beside.ok(args);
            let told = format!("{}{}", run.stdout, run.stderr);
            assert!(told.contains("`srv` was taken out of") && told.contains("cpm restore kit"), "{run}");
            assert_eq!(beside.servers(), json!({ "theirs": theirs }), "{scope} scope");
        }
        let run = beside.cpm(&["verify"]);
        assert!(run.code == 1 && run.stdout.contains("→ srv"), "{run}");
        let lines = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Listing>();
        let foreign = ["server theirs", "tool mcp__theirs__ping"];
        assert_eq!(beside.lists(), lines(&[&foreign[..], &["skill alpha"]].concat()));
        beside.ok(&["restore", "kit"]);
        let ours = ["server srv", "skill alpha", "tool mcp__srv__ping"];
        assert_eq!(beside.lists(), lines(&[&foreign[..], &ours].concat()));
        assert_eq!(beside.servers()["theirs"], theirs, "{scope} scope");
        beside.ok(&["verify"]);
        beside.ok(&["remove", "kit"]);
        assert_eq!(beside.servers(), json!({ "theirs": theirs }), "{scope} scope");
    }
}

#[test]
fn approvals_outlive_an_update_and_an_installation_anew() {
    let lists = json!({ "enabledMcpjsonServers": ["srv"], "disabledMcpjsonServers": ["off", "plugin:tool:own"] });
    // The client moves what it noted itself, in former days, into the settings.
    for noted_by_client in [false, true] {
        for beside in Beside::each(&["project"]) {
            let repo = beside.install_kit(&["srv", "off", "open"]);
            let own = json!({ "own": beside.entry("own"), "other": beside.entry("other") }).to_string();
            install(&beside.world, "tool", &[TOOL, &[(".mcp.json", &own)]].concat(), &[]);
            if noted_by_client {
                let mut whole = beside.client_json();
                let project = &mut whole["projects"][beside.world.project().display().to_string()];
                for (key, value) in lists.as_object().expect("an object") {
                    project[key] = value.clone();
                }
                write(&beside.world.home().join(".claude.json"), whole.to_string());
            } else {
                write(&beside.world.path(LOCAL_SETTINGS), lists.to_string());
            }
            let noted = || (beside.client_json(), beside.settings());
            let before = noted();
            repo.commit(&[("skills/alpha/SKILL.md", &skill("alpha", "new"))]);
            beside.ok(&["update"]);
            let url = repo.url();
            beside.ok(&["remove", "kit"]);
            beside.ok(&["install", "kit", "--git", &url]);
            assert_eq!(noted(), before);
            let listed = beside.lists();
            assert!(listed.contains("server plugin:tool:other") && listed.contains("server srv"), "{listed:?}");
            assert!(!listed.contains("server plugin:tool:own") && !listed.contains("server off"), "{listed:?}");
            let told = beside.client("mcp list").stdout;
            let line = |name: &str| told.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap_or("");
            assert!(line("srv").contains("Connected"), "{told}");
            assert!(line("open").contains("Pending approval"), "{told}");
            assert!(line("off").is_empty() || line("off").contains("Rejected"), "{told}");
            assert_eq!(beside.project_file(".claude/settings.local.json"), lists);
            let settings = beside.settings();
            beside.ok(&["update"]);
            beside.ok(&["remove", "kit"]);
            assert_eq!(beside.settings(), settings);
        }
    }
}

#[test]
fn a_session_after_an_update_has_the_new_text_and_neither_side_loses_what_the_other_wrote() {
    for beside in Beside::each(&SCOPES) {
        let repo = beside.install_kit(&["srv"]);
        let start = || beside.client.start(&beside.world, &beside.world.project());
        let tells = |session: &Session, text: &str| {
            session.requests().iter().any(|request| request["messages"].to_string().contains(text))
        };
        let written = beside.client_json();
        assert!(tells(&start(), "Does alpha."), "{} scope", beside.scope);
        let by_client = beside.client_json();
        assert_ne!(by_client, written, "the session noted nothing");
        let text = skill("alpha", "new").replace("Does alpha.", "Does alpha anew.");
        let servers = json!({ "mcpServers": { "srv": beside.entry("srv"), "more": beside.entry("more") } });
        repo.commit(&[("skills/alpha/SKILL.md", &text), (".mcp.json", &servers.to_string())]);
        beside.ok(&["update", "--accept"]);
        assert_eq!(without_servers(beside.client_json()), without_servers(by_client), "{} scope", beside.scope);
        let session = start();
        assert!(tells(&session, "Does alpha anew."), "{} scope", beside.scope);
        assert!(session.listed().contains("tool mcp__more__ping"), "{} scope", beside.scope);
        beside.ok(&["verify"]);
        let by_client = beside.client_json();
        beside.ok(&["remove", "kit"]);
        assert_eq!(without_servers(beside.client_json()), without_servers(by_client), "{} scope", beside.scope);
        assert!(beside.scope == "project" || beside.servers().as_object().is_none_or(serde_json::Map::is_empty));
    }
}

/// `~/.claude.json` without its MCP entries.
fn without_servers(mut whole: Value) -> Value {
    let take = |object: &mut Value| _ = object.as_object_mut().expect("an object").remove("mcpServers");
    take(&mut whole);
    whole["projects"].as_object_mut().expect("projects").values_mut().for_each(take);
    whole
}

/// The first of the client's commands that cpm printed, without the word `claude`.
fn advice(text: &str) -> String {
    let command = text.split('`').find_map(|part| part.strip_prefix("claude "));
    command.unwrap_or_else(|| panic!("no command in {text}")).to_owned()
}

#[test]
fn a_plugin_that_the_client_has_from_a_marketplace_is_told_of_with_the_command_that_frees_its_name() {
    for beside in Beside::each(&SCOPES) {
        let scope = beside.scope;
        let manifest = [
            ("tool/.claude-plugin/plugin.json", r#"{"name":"tool","version":"1.0.0"}"#),
            ("tool/commands/theirs.md", "theirs\n"),
        ];
        let market = Repo::marketplace(&beside.world, "market", r#"{"name":"tool","source":"./tool"}"#, &manifest);
        beside.client_ok(&format!("plugin marketplace add {}", market.dir().display()));
        let install_theirs = || beside.client_ok(&format!("plugin install tool@market --scope {scope}"));
        install_theirs();
        let url = Repo::new(&beside.world, "ours", TOOL).url();
        let run = beside.world.fails(30, &["install", "tool", "--git", &url, "--scope", scope]);
        assert!(run.stderr.contains(&format!("`tool@market` is enabled in the {scope} scope")), "{run}");
        beside.client_ok(&advice(&run.stderr));
        beside.ok(&["install", "tool", "--git", &url]);
        install_theirs();
        beside.ok(&["verify"]);
        let (said, _) = predicted(&beside.world, &beside.world.project());
        assert!(!said.contains("command tool:go"), "{said:?}");
        let listed = beside.client.lists(&beside.world, &beside.world.project());
        assert!(listed.contains("command tool:theirs") && !listed.contains("command tool:go"), "{listed:?}");
        let run = beside.world.cpm(&["doctor"]);
        assert!(run.code == 1 && run.stdout.contains(&format!("enabled in the {scope} scope")), "{run}");
        beside.client_ok(&advice(&run.stdout));
        assert!(beside.lists().contains("command tool:go"), "{scope} scope");
    }
}

#[test]
fn the_advice_works_for_a_plugin_that_the_project_enables_and_the_client_never_installed() {
    for beside in Beside::each(&["project"]) {
        beside.world.write(".claude/settings.json", r#"{"enabledPlugins":{"tool@market":true}}"#);
        let url = Repo::new(&beside.world, "ours", TOOL).url();
        let run = beside.world.fails(30, &["install", "tool", "--git", &url]);
        beside.client_ok(&advice(&run.stderr));
        beside.ok(&["install", "tool", "--git", &url]);
        assert!(beside.lists().contains("command tool:go"));
    }
}
