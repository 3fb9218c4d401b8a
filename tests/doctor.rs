//! `cpm doctor` finds what the client would ignore and what cpm left undone, says what mends it, and changes nothing.
//! What the client does in each of these cases was seen in the client; `tests/client/doctor.rs` asks it again.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json as value};

use crate::support::samples::{KIT, TOOL, everything, install};
use crate::support::{World, delete, skill, write};

/// The findings, each as topic, file, what and fix.
fn findings(world: &World) -> Vec<[String; 4]> {
    let project = world.project();
    let before = (everything(&project), everything(&world.home()));
    let run = world.cpm(&["doctor", "--json"]);
    assert!((everything(&project), everything(&world.home())) == before, "doctor changed something: {run}");
    let document = run.json();
    let found: Vec<[String; 4]> = document["doctor"]["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| ["topic", "file", "what", "fix"].map(|key| finding[key].as_str().unwrap_or_default().to_owned()))
        .collect();
    assert_eq!(run.code, i32::from(!found.is_empty()), "{run}");
    found
}

/// Expects exactly one finding, about this, with these words in it.
fn finds(world: &World, topic: &str, file: &str, words: &[&str]) {
    let found = findings(world);
    let [finding] = found.as_slice() else { panic!("one finding, not {found:#?}") };
    assert_eq!((finding[0].as_str(), finding[1].as_str()), (topic, file), "{finding:#?}");
    for word in words {
        assert!(finding[2].contains(word) || finding[3].contains(word), "{word}: {finding:#?}");
    }
}

fn finds_nothing(world: &World) {
    assert_eq!(findings(world), [[""; 4]; 0]);
}

/// Writes what the client keeps about the project.
fn client_says(world: &World, state: Value) {
    let projects = value!({ (world.project().display().to_string()): state });
    write(&world.home().join(".claude.json"), value!({ "projects": projects }).to_string());
}

fn write_plugin(root: &Path, name: &str) {
    write(&root.join(".claude-plugin/plugin.json"), value!({ "name": name }).to_string());
    write(&root.join("commands/go.md"), "go\n");
}

#[test]
fn where_all_is_well_nothing_is_found() {
    let world = World::in_git();
    finds_nothing(&world);
    install(&world, "kit", &KIT, &[]);
    install(&world, "tool", &TOOL, &[]);
    client_says(&world, value!({ "hasTrustDialogAccepted": true, "enabledMcpjsonServers": ["srv"] }));
    finds_nothing(&world);
    let run = world.ok(&["doctor"]);
    assert!(run.stdout.starts_with("ok: nothing is wrong"), "{run}");
}

#[test]
fn settings_that_the_client_ignores_are_named_with_their_line() {
    for (path, shown) in [
        ("home/.claude/settings.json", "~/.claude/settings.json"),
        ("project/.claude/settings.json", ".claude/settings.json"),
        ("project/.claude/settings.local.json", ".claude/settings.local.json"),
    ] {
        let world = World::in_git();
        let file = world.path(path);
        write(&file, "{\n  // mine\n  \"model\": \"opus\"\n}\n");
        finds(&world, "settings", shown, &["line 2", "ignores the whole file"]);
        write(&file, r#"{"enabledPlugins":{"a@b":"1.0.0"}}"#);
        finds(&world, "settings", shown, &["a@b"]);
        for fine in ["\u{feff}{}", "", r#"{"unknown":1}"#] {
            write(&file, fine);
            finds_nothing(&world);
        }
    }
}

#[test]
fn a_broken_state_file_of_the_client_is_found() {
    let world = World::in_git();
    write(&world.home().join(".claude.json"), "{\"mcpServers\":{},}");
    finds(&world, "settings", "~/.claude.json", &["not strict JSON", "backups"]);
}

#[test]
fn an_mcp_file_that_the_client_ignores_is_found_once() {
    for (text, words) in [
        ("{ // no\n\"mcpServers\": {} }", "strict JSON"),
        (r#"{"servers":{"a":{"command":"x"}}}"#, "no object `mcpServers`"),
        (r#"{"mcpServers":[]}"#, "not an object"),
    ] {
        let world = World::in_git();
        world.write(".mcp.json", text);
        finds(&world, "servers", ".mcp.json", &[words]);
    }
}

#[test]
fn entries_that_the_client_skips_are_found_in_every_scope() {
    let entries = value!({ "workspace": { "command": "x" }, "untyped": { "url": "https://h" }, "env": { "command": "x", "env": { "A": 1 } } });
    for scope in ["project", "user", "local"] {
        let world = World::in_git();
        let servers = value!({ "mcpServers": entries.clone() });
        match scope {
            "project" => world.write(".mcp.json", &servers.to_string()),
            "user" => write(&world.home().join(".claude.json"), servers.to_string()),
            _ => client_says(&world, servers),
        }
        let found = findings(&world);
        let has = |name: &str, fix: &str| {
            found.iter().any(|f| f[0] == "servers" && f[2].contains(name) && f[3].contains(fix))
        };
        assert_eq!(found.len(), 3, "{scope}: {found:#?}");
        assert!(
            has("`workspace`", "another name") && has("`untyped`", "\"type\"") && has("`env`", "correct"),
            "{found:#?}"
        );
    }
}

#[test]
fn a_server_that_waits_for_approval_is_found_until_it_is_approved() {
    let world = World::in_git();
    world.write(".mcp.json", r#"{"mcpServers":{"srv":{"command":"true"}}}"#);
    let settings = |file: &str, key: &str, on: Value| write(&world.path(file), value!({ key: on }).to_string());
    let waits = || finds(&world, "approval", ".mcp.json", &["`srv`", "waits", "start `claude`"]);
    waits();
    for (file, key, on) in [
        ("home/.claude/settings.json", "enabledMcpjsonServers", value!(["srv"])),
        ("project/.claude/settings.local.json", "enableAllProjectMcpServers", value!(true)),
    ] {
        settings(file, key, on);
        finds_nothing(&world);
        delete(&world.path(file));
    }
    settings("project/.claude/settings.json", "enabledMcpjsonServers", value!(["srv"]));
    waits();
    client_says(&world, value!({ "hasTrustDialogAccepted": true }));
    finds_nothing(&world);
    client_says(&world, value!({ "enabledMcpjsonServers": ["srv"] }));
    finds_nothing(&world);
    settings("home/.claude/settings.json", "disabledMcpjsonServers", value!(["srv"]));
    finds(&world, "approval", ".mcp.json", &["rejected", "~/.claude/settings.json"]);
    delete(&world.path("home/.claude/settings.json"));
    client_says(&world, value!({ "enabledMcpjsonServers": ["srv"], "disabledMcpServers": ["srv"] }));
    finds(&world, "approval", ".mcp.json", &["switched off", "/mcp"]);
}

#[test]
fn a_server_hidden_by_another_scope_is_found() {
    let world = World::in_git();
    let user = world.home().join(".claude.json");
    write(&user, r#"{"mcpServers":{"srv":{"command":"mine"}}}"#);
    world.write(".mcp.json", r#"{"mcpServers":{"srv":{"command":"ours"}}}"#);
    world.write(".claude/settings.local.json", r#"{"enabledMcpjsonServers":["srv"]}"#);
    finds(
        &world,
        "servers",
        "~/.claude.json",
        &["hidden by the one of the project scope", "claude mcp remove srv -s user"],
    );
    write(&user, r#"{"mcpServers":{"srv":{"command":"ours"}}}"#);
    finds_nothing(&world);
}

#[test]
fn an_unset_variable_is_found_until_somebody_sets_it() {
    let mut world = World::in_git();
    let entry =
        |text: &str| value!({ "mcpServers": { "srv": { "command": "x", "args": [text, "${CLAUDE_PROJECT_DIR}"] } } });
    let file = world.home().join(".claude.json");
    write(&file, entry("${MY_TOKEN}").to_string());
    finds(&world, "variables", "~/.claude.json", &["`srv`", "MY_TOKEN is not set", "export MY_TOKEN="]);
    write(&file, entry("${MY_TOKEN:-none}").to_string());
    finds_nothing(&world);
    write(&file, entry("${MY_TOKEN}").to_string());
    write(&world.home().join(".claude/settings.json"), r#"{"env":{"MY_TOKEN":"x"}}"#);
    finds_nothing(&world);
    delete(&world.home().join(".claude"));
    world.set("MY_TOKEN", "x");
    finds_nothing(&world);
}

#[test]
fn a_project_plugin_waits_for_trust_and_its_server_for_approval() {
    let world = World::in_git();
    install(&world, "tool", &TOOL, &[]);
    finds(&world, "trust", ".claude/skills", &["`tool`", "start `claude`"]);
    client_says(&world, value!({ "hasTrustDialogAccepted": true }));
    finds_nothing(&world);
    let root = world.project().join(".claude/skills/own");
    write_plugin(&root, "own");
    write(&root.join(".mcp.json"), r#"{"mcpServers":{"srv":{"command":"x","args":["${MY_TOKEN}"]}}}"#);
    let found = findings(&world);
    assert_eq!(found.iter().map(|finding| finding[0].as_str()).collect::<Vec<_>>(), ["approval", "variables"]);
    assert!(found.iter().all(|finding| finding[2].contains("`plugin:own:srv`")), "{found:#?}");
}

#[test]
fn plugins_that_are_off_hidden_or_broken_are_found() {
    let world = World::in_git();
    let (mine, ours) = (world.home().join(".claude/skills"), world.project().join(".claude/skills"));
    let settings = world.home().join(".claude/settings.json");
    write_plugin(&mine.join("p"), "p");
    finds_nothing(&world);
    write(&settings, r#"{"enabledPlugins":{"p@skills-dir":false}}"#);
    finds(&world, "plugins", "~/.claude/skills/p", &["switched off in ~/.claude/settings.json"]);
    write(&settings, r#"{"enabledPlugins":{"p@market":true}}"#);
    finds(
        &world,
        "plugins",
        "~/.claude/skills/p",
        &["hidden by `p@market`", "claude plugin disable p@market --scope user"],
    );
    delete(&settings);
    write(&mine.join("p/.claude-plugin/plugin.json"), r#"{"name":"p","defaultEnabled":false}"#);
    finds(&world, "plugins", "~/.claude/skills/p", &["claude plugin enable p@skills-dir"]);
    write(&settings, r#"{"enabledPlugins":{"p@skills-dir":true}}"#);
    finds_nothing(&world);
    write_plugin(&ours.join("p"), "p");
    finds(&world, "plugins", ".claude/skills/p", &["hidden by yours in ~/.claude/skills/p"]);
    delete(&ours);
    write_plugin(&mine.join("q"), "p");
    finds(&world, "plugins", "~/.claude/skills/q", &["only one of them is loaded"]);
    write(&mine.join("q/.claude-plugin/plugin.json"), r#"{"name":"q",}"#);
    finds(&world, "plugins", "~/.claude/skills/q/.claude-plugin/plugin.json", &["cannot load"]);
}

#[test]
fn skills_that_the_client_does_not_see_are_found() {
    let good = skill("x", "body");
    for (file, text, found_at, words) in [
        ("x/skill.md", good.as_str(), "x/skill.md", "mv "),
        ("x.md", &good, "x.md", "mkdir "),
        ("group/x/SKILL.md", &good, "group/x", "one level"),
        ("x/SKILL.md", "text\n", "x/SKILL.md", "description"),
        ("x/SKILL.md", "---\ndescription: x\n", "x/SKILL.md", "no end"),
        ("y/SKILL.md", &good, "y/SKILL.md", "calls itself `x`"),
    ] {
        let world = World::in_git();
        world.write(&format!(".claude/skills/{file}"), text);
        world.write(".claude/skills/README.md", "About these skills.\n");
        finds(&world, "skills", &format!(".claude/skills/{found_at}"), &[words]);
    }
    let world = World::in_git();
    world.write(".claude/skills/x/SKILL.md", &good);
    finds_nothing(&world);
    write(&world.home().join(".claude/settings.json"), r#"{"skillOverrides":{"x":"off"}}"#);
    finds(&world, "skills", ".claude/skills/x", &["switched off"]);
    delete(&world.home().join(".claude/settings.json"));
    write(&world.home().join(".claude/skills/x/SKILL.md"), &good);
    finds(&world, "skills", ".claude/skills/x", &["hidden by yours"]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_or_twice_to_one_skill_are_found() {
    use std::os::unix::fs::symlink;
    let world = World::in_git();
    world.write(".claude/skills/x/SKILL.md", &skill("x", "body"));
    let link = world.project().join(".claude/skills/z");
    symlink("nowhere", &link).expect("a link");
    finds(&world, "skills", ".claude/skills/z", &["leads nowhere", "rm "]);
    delete(&link);
    std::fs::remove_file(&link).ok();
    symlink("x", &link).expect("a link");
    finds(&world, "skills", ".claude/skills/z", &["only one of them"]);
}

#[test]
fn what_is_not_as_locked_is_found_and_the_fix_mends_it() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    client_says(&world, value!({ "enabledMcpjsonServers": ["srv"] }));
    for path in [".claude/skills/alpha/SKILL.md", ".claude/skills/alpha/mine.md"] {
        world.write(path, &skill("alpha", "mine"));
        let found = findings(&world);
        assert!(found[0][0] == "installed" && found[0][1] == path, "{found:#?}");
        let command = found[0][3].split('`').nth(1).expect("a command");
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[0], "cpm");
        world.ok(&words[1..]);
        finds_nothing(&world);
    }
    let (manifest, lock) = (world.read("cpm.toml"), world.read("cpm.lock"));
    world.write("cpm.toml", "");
    finds(&world, "installed", "cpm.lock", &["out of step", "`cpm install`"]);
    world.write("cpm.toml", &manifest);
    world.write("cpm.lock", "<<<<<<< a\n");
    finds(&world, "installed", "cpm.lock", &["conflict markers", "`cpm install`"]);
    world.write("cpm.lock", &lock);
    world.write("cpm.toml", "[dependencies\n");
    finds(&world, "installed", "cpm.toml", &["line 1"]);
}

#[test]
fn what_killed_runs_left_is_found() {
    let world = World::in_git();
    let lock = world.home().join(".claude.json.lock");
    std::fs::create_dir_all(&lock).expect("a folder");
    finds_nothing(&world);
    let handle = std::fs::File::open(&lock).expect("a folder");
    handle.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("set");
    finds(&world, "locks", "~/.claude.json.lock", &["rmdir "]);
    std::fs::remove_dir(&lock).expect("removed");
    world.write(".cpm/journal.json", r#"{"format":1,"steps":[]}"#);
    finds(&world, "locks", ".cpm", &["interrupted", "cpm install --scope project"]);
}

#[cfg(unix)]
#[test]
fn a_git_that_is_missing_or_too_old_is_found() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = World::in_git();
    let bin = world.path("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    world.set("PATH", bin.display());
    finds(&world, "git", "", &["cannot find `git`", "2.36"]);
    let git = bin.join("git");
    write(&git, "#!/bin/sh\necho git version 2.25.1\n");
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).expect("set");
    finds(&world, "git", "", &["2.25.1", "too old", "2.36"]);
}

#[test]
fn one_scope_can_be_asked_about() {
    let world = World::in_git();
    world.write(".claude/skills/x.md", &skill("x", "body"));
    assert_eq!(world.cpm(&["doctor", "--scope", "user"]).code, 0);
    let run = world.cpm(&["doctor", "--scope", "project"]);
    assert!(run.code == 1 && run.stdout.contains("x.md") && run.stdout.contains("fix: "), "{run}");
}
