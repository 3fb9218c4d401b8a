//! Plugins that Claude Code installed from marketplaces by itself.

use serde_json::{Value, json};

use super::{import, names, row};
use crate::support::{Repo, World, write};

/// A marketplace `m` with the plugin `kit`, which the client has as of now.
fn client_with_kit() -> (World, Repo) {
    let world = World::in_git();
    let repo = Repo::marketplace(
        &world,
        "m",
        r#"{"name":"kit","source":"./plugins/kit"}"#,
        &[
            ("plugins/kit/.claude-plugin/plugin.json", r#"{"name":"kit","version":"1.0.0"}"#),
            ("plugins/kit/commands/go.md", "go\n"),
        ],
    );
    installed(&world, &repo, "go\n");
    (world, repo)
}

/// Writes what the client writes when it installs `kit` at the head of the marketplace.
fn installed(world: &World, repo: &Repo, command: &str) {
    let plugins = world.home().join(".claude/plugins");
    let copy = plugins.join("cache/m/kit/1.0.0");
    write(&copy.join(".claude-plugin/plugin.json"), r#"{"name":"kit","version":"1.0.0"}"#);
    write(&copy.join("commands/go.md"), command);
    write(&copy.join(".in_use/1"), "");
    write(&copy.join("node_modules/x/index.js"), "");
    let source = json!({"source": "git", "url": repo.url()});
    let known = json!({"m": {"source": source, "installLocation": "/x", "lastUpdated": "2026-01-01T00:00:00.000Z"}});
    write(&plugins.join("known_marketplaces.json"), known.to_string());
    let record = json!([{"scope": "user", "installPath": copy, "version": "1.0.0", "gitCommitSha": repo.head()}]);
    let records = json!({"version": 2, "plugins": {"kit@m": record}});
    write(&plugins.join("installed_plugins.json"), records.to_string());
}

fn enable(world: &World, settings: &Value) {
    world.write(".claude/settings.json", &settings.to_string());
}

#[test]
fn an_enabled_plugin_becomes_a_dependency_with_its_marketplace_as_index() {
    let (world, repo) = client_with_kit();
    let commit = repo.head();
    enable(&world, &json!({"enabledPlugins": {"kit@m": true, "off@m": false, "mine@skills-dir": true}}));
    // The marketplace went on; the client still has what it installed.
    repo.commit(&[("plugins/kit/commands/go.md", "go on\n")]);
    let answer = import(&world, &[]);
    assert_eq!(names(&answer, "packages"), ["kit"]);
    assert_eq!(row(&answer, "packages", "kit")["files"], "client");
    assert!(names(&answer, "left_out").is_empty(), "{answer:#}");
    assert_eq!(names(&answer, "indexes"), ["m"]);
    assert_eq!(world.locked("kit")["commit"], commit.as_str());
    assert_eq!(world.dependency("kit"), json!({"version": "1.0.0", "index": "m"}));
    let next = answer["import"]["next"].to_string();
    assert!(next.contains("claude plugin uninstall kit@m --scope project"), "{next}");
    // As long as the client has it too, cpm says so instead of installing it twice.
    world.fails(30, &["install"]);
    enable(&world, &json!({"enabledPlugins": {}}));
    world.ok(&["install", "--locked"]);
    assert_eq!(world.read(".claude/skills/kit/commands/go.md"), "go\n");
}

#[test]
fn a_plugin_that_the_client_did_not_install_yet_is_taken_as_it_is_now() {
    let (world, repo) = client_with_kit();
    crate::support::delete(&world.home().join(".claude/plugins"));
    let source = json!({"source": {"source": "git", "url": repo.url()}});
    enable(&world, &json!({"enabledPlugins": {"kit@m": true}, "extraKnownMarketplaces": {"m": source}}));
    assert_eq!(names(&import(&world, &[]), "packages"), ["kit"]);
    assert_eq!(world.locked("kit")["commit"], repo.head().as_str());
}

#[test]
fn a_plugin_whose_copy_was_changed_is_not_taken_over() {
    let (world, repo) = client_with_kit();
    installed(&world, &repo, "go elsewhere\n");
    enable(&world, &json!({"enabledPlugins": {"kit@m": true}}));
    let answer = import(&world, &[]);
    assert_eq!(names(&answer, "left_out"), ["kit@m"]);
    assert!(!world.has("cpm.toml"));
}

#[test]
fn a_marketplace_that_is_no_repository_is_named_with_what_it_is() {
    let (world, repo) = client_with_kit();
    let markets = json!({
        "m": {"source": {"source": "git", "url": repo.url()}},
        "here": {"source": {"source": "directory", "path": "/srv/market"}},
        "taken": {"source": {"source": "git", "url": "https://other.invalid/x"}},
    });
    let plugins =
        json!({"kit@m": true, "a@here": true, "b@nobody": true, "Bad_Name@m": true, "gone@m": true, "c@taken": true});
    enable(&world, &json!({"enabledPlugins": plugins, "extraKnownMarketplaces": markets}));
    world.write("cpm.toml", &format!("[indexes]\ntaken = {{ git = \"{}-other\" }}\n", repo.url()));
    let answer = import(&world, &[]);
    assert_eq!(names(&answer, "packages"), ["kit"]);
    for (name, words) in [
        ("a@here", "/srv/market"),
        ("b@nobody", "nobody"),
        ("Bad_Name@m", "not a valid"),
        ("gone@m", "no plugin `gone`"),
        ("c@taken", "another index"),
    ] {
        let left = row(&answer, "left_out", name);
        assert!(left["why"].as_str().expect("why").contains(words), "{left:#}");
        assert!(name == "Bad_Name@m" || name == "gone@m" || left["fix"].is_string(), "{left:#}");
    }
}

#[test]
fn files_that_the_client_cannot_read_are_named() {
    let (world, _repo) = client_with_kit();
    world.write(".claude/settings.json", "{ // mine\n \"enabledPlugins\": {\"kit@m\": true} }");
    let answer = import(&world, &[]);
    assert_eq!(row(&answer, "left_out", "enabledPlugins")["place"], ".claude/settings.json");
    enable(&world, &json!({"enabledPlugins": {"kit@m": true}}));
    for file in ["known_marketplaces.json", "installed_plugins.json"] {
        let path = world.home().join(".claude/plugins").join(file);
        let text = std::fs::read(&path).expect("a file");
        write(&path, "{");
        let answer = import(&world, &[]);
        let place = row(&answer, "left_out", "enabledPlugins")["place"].to_string();
        assert!(place.contains(file) && names(&answer, "packages").is_empty(), "{answer:#}");
        write(&path, text);
    }
    assert_eq!(names(&import(&world, &[]), "packages"), ["kit"]);
}
