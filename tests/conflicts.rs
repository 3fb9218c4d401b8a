//! What is not from cpm is never touched: it stops a run before anything is written, or is taken over when identical.

use std::path::Path;
use std::time::SystemTime;

use serde_json::json as value;

use crate::support::samples::{ALPHA, BETA, Files, KIT, TOOL, install, json};
use crate::support::{Repo, World, git, snapshot, write};

const SERVER: &Files<'_> = &[(".mcp.json", r#"{"mcpServers":{"srv":{"command":"true"}}}"#)];

fn repo(world: &World, name: &str, files: &Files<'_>) -> String {
    Repo::new(world, name, files).url()
}

#[test]
fn a_foreign_skill_folder_stays_and_is_named() {
    for file in ["SKILL.md", "notes.txt"] {
        let world = World::in_git();
        world.write(&format!(".claude/skills/alpha/{file}"), "mine\n");
        let url = repo(&world, "kit", &KIT);
        for more in [&[][..], &["--overwrite"], &["--dry-run"], &["--scope", "local"]] {
            let run = world.fails(30, &[&["install", "kit", "--git", &url], more].concat());
            assert!(run.stderr.contains(".claude/skills/alpha`") && run.stderr.contains("`kit`"), "{run}");
        }
    }
}

#[test]
fn a_foreign_file_where_a_folder_would_be_stays() {
    let world = World::in_git();
    world.write(".claude/skills/alpha", "a file\n");
    world.fails(30, &["install", "kit", "--git", &repo(&world, "kit", &KIT)]);
}

#[test]
fn what_is_no_file_is_never_read_as_the_mcp_file() {
    for make in ["mkdir", "mkfifo"] {
        let world = World::in_git();
        let file = world.project().join(".mcp.json");
        assert!(std::process::Command::new(make).arg(&file).status().expect("it runs").success());
        let run = world.cpm(&["install", "kit", "--git", &repo(&world, "kit", SERVER)]);
        assert!(run.code == 30 && run.stderr.contains(".mcp.json"), "{make}: {run}");
        assert!(!world.has("cpm.toml") && std::fs::metadata(&file).is_ok_and(|metadata| !metadata.is_file()));
    }
}

#[test]
fn a_foreign_server_stays_and_the_rename_works() {
    for (scope, file) in [("project", "project/.mcp.json"), ("user", "home/.claude.json")] {
        let world = World::in_git();
        let file = world.path(file);
        write(&file, r#"{"mcpServers": {"srv": {"command": "mine"}}}"#);
        let url = repo(&world, "kit", SERVER);
        let install = ["install", "kit", "--git", &url, "--scope", scope, "--overwrite"];
        let run = world.fails(30, &install);
        assert!(run.stderr.contains("`srv`") && run.stderr.contains("`kit`"), "{run}");
        assert!(run.stderr.contains("servers = { srv = "), "{run}");
        let manifest =
            if scope == "user" { world.home().join(".claude/cpm.toml") } else { world.project().join("cpm.toml") };
        let text = format!("[dependencies]\nkit = {{ git = \"{url}\", servers = {{ srv = \"ours\" }} }}\n");
        write(&manifest, text);
        world.ok(&["install", "--scope", scope]);
        let entries = &json(&file)["mcpServers"];
        assert_eq!((&entries["srv"]["command"], &entries["ours"]["command"]), (&value!("mine"), &value!("true")));
    }
}

#[test]
fn a_foreign_server_of_another_scope_is_not_in_the_way() {
    let world = World::in_git();
    write(&world.home().join(".claude.json"), r#"{"mcpServers": {"srv": {"command": "mine"}}}"#);
    install(&world, "kit", SERVER, &[]);
    world.ok(&["verify"]);
}

#[test]
fn two_packages_with_one_skill_are_both_named() {
    let world = World::in_git();
    let other = [(".claude-plugin/plugin.json", r#"{"name":"other"}"#), ("skills/alpha/SKILL.md", BETA)];
    let url = repo(&world, "other", &other);
    install(&world, "kit", &KIT, &[]);
    let run = world.fails(30, &["install", "other", "--git", &url]);
    for word in ["`kit`", "`other`", "`alpha`", "placement = \"plugin\""] {
        assert!(run.stderr.contains(word), "{word}: {run}");
    }
    world.ok(&["install", "other", "--git", &url, "--placement", "plugin"]);
    assert!(world.has(".claude/skills/other/skills/alpha/SKILL.md"));
    assert_eq!(world.read(".claude/skills/alpha/SKILL.md"), ALPHA);
}

#[test]
fn two_packages_with_one_server_are_both_named() {
    let world = World::in_git();
    let (a, b) = (repo(&world, "a", SERVER), repo(&world, "b", SERVER));
    let manifest = |keys: &str| {
        let text = format!("[dependencies]\na = {{ git = \"{a}\" }}\nb = {{ git = \"{b}\"{keys} }}\n");
        world.write("cpm.toml", &text);
    };
    manifest("");
    let run = world.fails(30, &["install"]);
    for word in ["`a`", "`b`", "`srv`", "servers = { OLD"] {
        assert!(run.stderr.contains(word), "{word}: {run}");
    }
    assert!(!world.has(".mcp.json") && !world.has("cpm.lock"));
    manifest(", servers = { srv = \"second\" }");
    world.ok(&["install"]);
    let entries = json(&world.project().join(".mcp.json"));
    assert_eq!(entries["mcpServers"].as_object().map(serde_json::Map::len), Some(2));
}

#[test]
fn everything_that_is_in_the_way_is_named_at_once() {
    let world = World::in_git();
    world.write(".claude/skills/alpha/SKILL.md", "mine\n");
    world.write(".mcp.json", r#"{"mcpServers": {"srv": {"command": "mine"}}}"#);
    let url = repo(&world, "kit", &KIT);
    let run = world.fails(30, &["install", "kit", "--git", &url, "--json"]);
    let causes = run.json()["error"]["causes"].clone();
    assert_eq!(causes.as_array().map(Vec::len), Some(2), "{run}");
    assert!(!world.has("cpm.toml"));
}

/// Which file or folder is at each path, and when it was written.
fn times(world: &World, paths: &[&str]) -> Vec<(u64, SystemTime)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = |path: &&str| std::fs::metadata(world.project().join(path)).expect("metadata");
    let seen = |path| (metadata(path).ino(), metadata(path).modified().expect("a time"));
    paths.iter().map(seen).collect()
}

#[test]
fn what_a_teammate_committed_is_taken_over_untouched() {
    let author = World::in_git();
    install(&author, "kit", &KIT, &[]);
    install(&author, "tool", &TOOL, &[]);
    git(&author.project(), &["add", "-A"]);
    git(&author.project(), &["commit", "-q", "-m", "tools"]);
    let mut world = World::new();
    std::fs::remove_dir(world.project()).expect("removed");
    let (from, to) = (author.project().display().to_string(), world.project().display().to_string());
    git(Path::new("/"), &["clone", "-q", &from, &to]);
    world.set("CPM_CACHE_DIR", author.path("cache").display());
    assert!(!world.has(".cpm") && world.has(".claude/skills/alpha/SKILL.md"));
    let files = [".claude/skills/alpha/SKILL.md", ".claude/skills/tool/bin/run", ".mcp.json", "cpm.lock", "cpm.toml"];
    let files = [&files[..], &[".claude/skills", ".claude/skills/alpha", ".claude/skills/tool"]].concat();
    let before = (times(&world, &files), snapshot(&world.project()));
    let plan = world.ok(&["install", "--frozen", "--dry-run"]);
    let run = world.ok(&["install", "--frozen", "--json"]);
    assert_eq!((times(&world, &files), snapshot(&world.project())), before, "{run}");
    let adopted = ["skills/alpha", "skills/tool", "mcp.json → srv"];
    for (what, file) in adopted.iter().zip(run.json()["report"]["files"].as_array().expect("files")) {
        assert!(file["action"] == "adopt" && file["path"].as_str().is_some_and(|path| path.ends_with(what)), "{run}");
        assert!(plan.stdout.contains(&format!("{what}\n")), "{plan}");
    }
    assert!(plan.stdout.contains("  adopt    .claude/skills/alpha"), "{plan}");
    assert_eq!(git(&world.project(), &["status", "--porcelain"]), "");
    world.ok(&["verify"]);
    world.ok(&["remove", "kit", "tool"]);
    assert!(!world.has(".claude/skills/alpha") && !world.has(".claude/skills/tool"));
    assert!(json(&world.project().join(".mcp.json")).to_string().find("srv").is_none());
}

#[test]
fn almost_the_same_is_not_taken_over() {
    type Change = fn(&World);
    let changes: [Change; 3] = [
        |world| world.write(".claude/skills/alpha/SKILL.md", "other\n"),
        |world| world.write(".claude/skills/alpha/extra.md", "more\n"),
        |world| {
            use std::os::unix::fs::PermissionsExt as _;
            let file = world.project().join(".claude/skills/alpha/SKILL.md");
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("set");
        },
    ];
    for change in changes {
        let world = World::in_git();
        install(&world, "kit", &KIT, &[]);
        std::fs::remove_dir_all(world.project().join(".cpm")).expect("removed");
        change(&world);
        world.fails(30, &["install"]);
    }
}

fn settings(world: &World, file: &str, plugins: &str) {
    write(&world.path(file), format!(r#"{{"enabledPlugins": {{{plugins}}}}}"#));
}

const USER: &str = "home/.claude/settings.json";
const PROJECT: &str = "project/.claude/settings.json";
const LOCAL: &str = "project/.claude/settings.local.json";

#[test]
fn an_enabled_plugin_of_the_same_name_stops_a_plugin() {
    for (file, scope) in [(USER, "user"), (PROJECT, "project"), (LOCAL, "local")] {
        let world = World::in_git();
        settings(&world, file, r#""tool@market": true"#);
        let run = world.fails(30, &["install", "tool", "--git", &repo(&world, "tool", &TOOL)]);
        assert!(run.stderr.contains(&format!("enabled in the {scope} scope")), "{run}");
        assert!(run.stderr.contains(&format!("`claude plugin disable tool@market --scope {scope}`")), "{run}");
    }
}

#[test]
fn each_scope_that_enables_such_a_plugin_is_told_with_its_own_command() {
    let world = World::in_git();
    [USER, PROJECT, LOCAL].iter().for_each(|file| settings(&world, file, r#""tool@market": true"#));
    let elsewhere = value!({ "scope": "local", "projectPath": world.path("elsewhere") });
    let here = value!({ "scope": "project", "projectPath": world.project() });
    let notes = value!({ "version": 2, "plugins": { "tool@market": [{ "scope": "user" }, here, elsewhere] } });
    write(&world.home().join(".claude/plugins/installed_plugins.json"), notes.to_string());
    let run = world.fails(30, &["install", "tool", "--git", &repo(&world, "tool", &TOOL)]);
    for words in [
        "the user and project and local scopes",
        "`claude plugin uninstall tool@market --scope user`",
        "`claude plugin uninstall tool@market --scope project` in ",
        "`claude plugin disable tool@market --scope local` in ",
    ] {
        assert!(run.stderr.contains(words), "{words}: {run}");
    }
}

#[test]
fn the_name_that_counts_is_the_plugins_own() {
    let world = World::in_git();
    settings(&world, USER, r#""tool@market": true"#);
    world.fails(30, &["install", "other", "--git", &repo(&world, "other", &TOOL)]);
}

#[test]
fn only_an_enabled_plugin_of_the_same_name_stops_a_plugin() {
    let cases: [&[(&str, &str)]; 6] = [
        &[(USER, r#""tool@market": false"#)],
        &[(USER, r#""tool@market": true"#), (LOCAL, r#""tool@market": false"#)],
        &[(USER, r#""tools@market": true, "too@l": true"#)],
        &[(USER, r#""tool@skills-dir": true"#)],
        &[(USER, r#""tool": true"#)],
        &[(USER, r#""tool@market": true,"#)],
    ];
    for files in cases {
        let world = World::in_git();
        files.iter().for_each(|(file, plugins)| settings(&world, file, plugins));
        install(&world, "tool", &TOOL, &[]);
        assert!(world.has(".claude/skills/tool"), "{files:?}");
    }
}

#[test]
fn an_enabled_plugin_does_not_stop_loose_parts() {
    let world = World::in_git();
    settings(&world, USER, r#""kit@market": true"#);
    install(&world, "kit", &KIT, &[]);
    world.fails(30, &["install", "kit", "--placement", "plugin"]);
}
