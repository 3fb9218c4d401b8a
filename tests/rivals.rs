//! What other tools for Claude Code get wrong, each as cpm does it. `docs/compatibility.md` has the whole list, with the
//! defects that tests of other files hold.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::locking::locked;
use crate::marketplaces::dependencies::{market, plugin};
use crate::support::http::Server;
use crate::support::samples::everything;
use crate::support::{Index, Repo, World, delete, git, skill};

/// Copies a folder with everything in it, as people do.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().expect("cp runs");
    assert!(copied.success());
}

/// Claude Code says that the installation failed, and enables the plugin all the same.
#[test]
fn a_plugin_whose_needs_conflict_with_what_is_there_is_neither_written_nor_listed() {
    let world = World::in_git();
    let needs = |range: &str| format!(r#"{{"name":"core","version":"{range}"}}"#);
    let [first, second] = ["^1", "^2"].map(needs);
    let repo = market(
        &world,
        "m",
        &[plugin("core", "1.0.0", ""), plugin("a", "1.0.0", &first), plugin("b", "1.0.0", &second)],
    );
    repo.git(&["tag", "core--v1.0.0"]);
    world.ok(&["install", "a"]);
    let run = world.fails(12, &["install", "b"]);
    assert!(run.stderr.contains("`b`") && run.stderr.contains("`core`"), "{run}");
    let list = world.ok(&["list", "--json", "--scope", "project"]).json();
    let names: Vec<_> =
        list["scopes"][0]["packages"].as_array().expect("packages").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["a", "core"]);
}

/// Claude Code and skillcask take the newest of each and fail.
#[test]
fn a_graph_that_only_an_older_release_solves_is_solved() {
    let core = |range: &str| format!(r#"{{"name":"core","version":"{range}"}}"#);
    let (one, two) = (core("^1"), core("^2"));
    let wants = format!(r#"{{"name":"c","version":">=1"}},{one}"#);
    let world = World::in_git();
    let old = [plugin("core", "1.0.0", ""), plugin("c", "1.0.0", &one), plugin("d", "1.0.0", &wants)];
    let repo = market(&world, "m", &old);
    for tag in ["core--v1.0.0", "c--v1.0.0"] {
        repo.git(&["tag", tag]);
    }
    let new = [plugin("core", "2.0.0", ""), plugin("c", "2.0.0", &two)].concat();
    repo.commit(&new.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    world.ok(&["install", "d"]);
    let versions = ["c", "core", "d"].map(|name| locked(&world, name, "version"));
    assert_eq!(versions, ["1.0.0", "1.0.0", "1.0.0"]);
    assert!(world.has(".claude/skills/c/commands/c.md") && world.has(".claude/skills/core/commands/core.md"));
}

/// Claude Code installs nothing in a clone that has only its settings, and agpm fails on every skill.
#[test]
fn a_clone_with_nothing_but_what_is_committed_is_complete_after_one_install() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    index.release("kit", "1.0.0", &[("core", "1")]);
    world.ok(&["install", "kit"]);
    git(&world.project(), &["add", "cpm.toml", "cpm.lock"]);
    git(&world.project(), &["commit", "-q", "-m", "x"]);
    let clone = world.path("clone");
    git(&world.path(""), &["clone", "-q", &world.project().display().to_string(), "clone"]);
    delete(&world.home());
    std::fs::create_dir(world.home()).expect("a home");
    world.empty_cache();
    for again in [false, true] {
        let run = world.cpm_in(&clone, &["install"]);
        assert_eq!(run.code, 0, "{run}");
        assert_eq!(run.stdout.contains("Up to date: 2 packages"), again, "{run}");
        for name in ["core", "kit"] {
            assert!(clone.join(format!(".claude/skills/{name}/SKILL.md")).exists(), "{name}");
        }
    }
}

/// Claude Code says that it updated all marketplaces, and asked none.
#[test]
fn an_update_that_reaches_nobody_fails() {
    let world = World::in_git();
    let index = Index::new(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    let server = Server::start(&world.path("repos"));
    world.ok(&["index", "add", "acme", &server.url("acme")]);
    world.ok(&["install", "kit"]);
    server.forget();
    world.ok(&["update"]);
    assert!(server.requests() > 0);
    drop(server);
    for command in ["update", "outdated"] {
        let run = world.fails(13, &[command]);
        assert!(run.stderr.contains("`acme`"), "{run}");
    }
}

/// apm writes the values of `--env` into three files that are committed.
#[test]
fn the_value_of_a_variable_is_written_nowhere() {
    const VALUE: &str = "ghp-not-to-be-seen";
    let mut world = World::in_git();
    world.set("API_TOKEN", VALUE);
    let server = r#"{"mcpServers":{"gh":{"command":"gh-mcp","env":{"API_TOKEN":"${API_TOKEN}"}}}}"#;
    let repo = Repo::new(&world, "gh", &[(".mcp.json", server)]);
    world.ok(&["install", "--git", &repo.url()]);
    let run = world.ok(&["install", "--git", &repo.url(), "--scope", "user", "-v"]);
    assert!(world.read(".mcp.json").contains("${API_TOKEN}"));
    assert!(!run.stdout.contains(VALUE) && !run.stderr.contains(VALUE), "{run}");
    for (path, thing) in everything(&world.path("")) {
        let text = String::from_utf8_lossy(thing.bytes().unwrap_or_default()).into_owned();
        assert!(!text.contains(VALUE), "{}", path.display());
    }
}

/// apm refuses to add anything in a project that was copied.
#[test]
fn a_copied_project_works_on_by_itself() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for name in ["kit", "more"] {
        index.release(name, "1.0.0", &[]);
    }
    world.ok(&["install", "kit"]);
    let copied = world.path("copied");
    copy(&world.project(), &copied);
    let before = everything(&world.project());
    for args in [&["verify"][..], &["install", "more"], &["verify"], &["remove", "kit"]] {
        let run = world.cpm_in(&copied, args);
        assert_eq!(run.code, 0, "cpm {args:?}\n{run}");
    }
    assert!(copied.join(".claude/skills/more").exists() && !copied.join(".claude/skills/kit").exists());
    assert_eq!(everything(&world.project()), before);
}

/// skills restores other content under a tag that was moved, rewrites its hash, and puts it where the client does not look.
#[test]
fn a_restore_brings_the_locked_bytes_to_the_client_whatever_the_tag_names_now() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "good"))]);
    repo.git(&["tag", "v1.1.0"]);
    world.ok(&["install", "--git", &repo.url(), "--tag", "v1.1.0"]);
    let lock = world.read("cpm.lock");
    repo.commit(&[("SKILL.md", &skill("kit", "evil"))]);
    repo.git(&["tag", "-f", "v1.1.0"]);
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install"]);
    assert_eq!(world.read(".claude/skills/kit/SKILL.md"), skill("kit", "good"));
    assert_eq!(world.read("cpm.lock"), lock);
}

/// agr says of a lock with a wrong hash that all is well, and skills takes it.
#[test]
fn a_wrong_checksum_in_the_lock_stops_a_frozen_install() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "good"))]);
    world.ok(&["install", "--git", &repo.url()]);
    let wrong = format!("t1:{}", "0a".repeat(32));
    world.write("cpm.lock", &world.read("cpm.lock").replace(&locked(&world, "kit", "checksum"), &wrong));
    for check_out_anew in [false, true] {
        if check_out_anew {
            world.check_out_anew();
        }
        let run = world.fails(20, &["install", "--frozen", "--json"]);
        assert_eq!(run.json()["exit"], json!(20));
    }
}
