//! Where each scope keeps its manifest, lock, state and what the client reads, and which scope a run is about.

use std::path::Path;

use crate::support::samples::{ALPHA, KIT, everything, install, json};
use crate::support::{Repo, World, git, snapshot, write};

fn exists(root: &Path, paths: &[&str]) {
    for path in paths {
        assert!(root.join(path).exists(), "{path} is not below {}", root.display());
    }
}

/// The scope that an install says it changed.
fn scope_of(world: &World, dir: &Path, args: &[&str]) -> (String, String) {
    let run = world.cpm_in(dir, &[&["install", "review-checklists", "--dry-run", "--json"], args].concat());
    assert_eq!(run.code, 0, "{run}");
    let report = &run.json()["report"];
    let text = |key: &str| report[key].as_str().expect("a text").to_owned();
    (text("scope"), text("base"))
}

fn chosen(scope: &str, base: &Path) -> (String, String) {
    (scope.to_owned(), base.display().to_string())
}

#[test]
fn the_project_scope_keeps_everything_in_the_project() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    exists(&world.project(), &["cpm.toml", "cpm.lock", ".cpm", ".claude/skills/alpha/SKILL.md"]);
    assert_eq!(json(&world.project().join(".mcp.json"))["mcpServers"]["srv"]["command"], "true");
    assert!(snapshot(&world.home()).is_empty(), "nothing is written into the home directory");
}

#[test]
fn the_user_scope_keeps_everything_in_the_clients_configuration() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &["--scope", "user"]);
    exists(&world.home(), &[".claude/cpm.toml", ".claude/cpm.lock", ".claude/.cpm", ".claude/skills/alpha/SKILL.md"]);
    let state = json(&world.home().join(".claude.json"));
    assert_eq!(state, serde_json::json!({ "mcpServers": { "srv": { "type": "stdio", "command": "true" } } }));
    assert_eq!(everything(&world.project()).len(), everything(&World::in_git().project()).len());
}

#[test]
fn the_local_scope_shares_the_folders_of_the_project_and_nothing_else() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &["--scope", "local"]);
    exists(&world.project(), &[".claude/cpm.local.toml", ".claude/cpm.local.lock", ".cpm"]);
    exists(&world.project(), &[".claude/skills/alpha/SKILL.md"]);
    for name in ["cpm.toml", "cpm.lock", ".mcp.json"] {
        assert!(!world.has(name), "{name}");
    }
    let state = json(&world.home().join(".claude.json"));
    let key = world.project().display().to_string();
    assert_eq!(state["projects"][&key]["mcpServers"]["srv"]["command"], "true");
    assert!(state.get("mcpServers").is_none());
}

#[test]
fn claude_config_dir_moves_all_of_the_user_scope() {
    let mut world = World::new();
    let moved = world.path("moved");
    world.set("CLAUDE_CONFIG_DIR", moved.display());
    install(&world, "kit", &KIT, &["--scope", "user"]);
    exists(&moved, &["cpm.toml", "cpm.lock", ".cpm", "skills/alpha/SKILL.md", ".claude.json"]);
    assert_eq!(json(&moved.join(".claude.json"))["mcpServers"]["srv"]["command"], "true");
    world.ok(&["verify"]);
    assert_eq!(everything(&world.home()).len(), 1, "the home directory stays empty");
}

#[test]
fn a_git_checkout_is_a_project_from_every_folder_in_it() {
    let world = World::in_git();
    let deep = world.project().join("src/deep");
    std::fs::create_dir_all(&deep).expect("a folder");
    assert_eq!(scope_of(&world, &deep, &[]), chosen("project", &world.project()));
    let run = world.cpm_in(&deep, &["install", "review-checklists"]);
    assert!(
        run.stdout.contains("project scope") && run.stdout.contains(&world.project().display().to_string()),
        "{run}"
    );
    exists(&world.project(), &["cpm.toml", ".claude/skills"]);
    assert!(!deep.join(".claude").exists());
}

#[test]
fn the_nearest_manifest_wins_over_the_top_of_the_checkout() {
    let world = World::in_git();
    let package = world.project().join("packages/web");
    write(&package.join("cpm.toml"), "");
    write(&package.join("src/main.rs"), "");
    assert_eq!(scope_of(&world, &package.join("src"), &[]), chosen("project", &package));
    assert_eq!(scope_of(&world, &world.project(), &[]), chosen("project", &world.project()));
}

#[test]
fn a_manifest_makes_a_project_without_git() {
    let world = World::new();
    world.write("cpm.toml", "");
    assert_eq!(scope_of(&world, &world.project(), &[]), chosen("project", &world.project()));
}

#[test]
fn without_a_project_the_user_scope_is_taken_and_named() {
    let world = World::new();
    let run = world.ok(&["install", "review-checklists"]);
    assert!(run.stdout.contains("user scope (~/.claude)"), "{run}");
    exists(&world.home(), &[".claude/cpm.toml", ".claude/skills"]);
    assert!(snapshot(&world.project()).is_empty());
}

#[test]
fn the_home_directory_is_never_a_project() {
    let world = World::new();
    git(&world.home(), &["init", "-q"]);
    write(&world.home().join("cpm.toml"), "");
    write(&world.home().join("notes/today.md"), "");
    for dir in [world.home(), world.home().join("notes")] {
        assert_eq!(scope_of(&world, &dir, &[]).0, "user");
    }
    for scope in ["project", "local"] {
        let run = world.cpm_in(&world.home(), &["install", "review-checklists", "--scope", scope]);
        assert_eq!(run.code, 2, "{run}");
    }
    let home = world.home().display().to_string();
    world.fails(2, &["install", "review-checklists", "--project", &home]);
    assert!(!world.home().join(".cpm").exists() && !world.home().join(".claude").exists());
}

#[test]
fn the_home_directory_is_known_behind_a_link() {
    let mut world = World::new();
    git(&world.home(), &["init", "-q"]);
    std::os::unix::fs::symlink(world.home(), world.path("link")).expect("a link");
    world.set("HOME", world.path("link").display());
    assert_eq!(scope_of(&world, &world.home(), &[]).0, "user");
}

#[test]
fn the_clients_configuration_is_never_a_project() {
    let world = World::new();
    let config = world.home().join(".claude");
    write(&config.join("skills/mine/SKILL.md"), ALPHA);
    git(&config, &["init", "-q"]);
    assert_eq!(scope_of(&world, &config, &[]).0, "user");
    world.ok(&["install", "review-checklists", "--scope", "user"]);
    assert_eq!(scope_of(&world, &config.join("skills/mine"), &[]).0, "user");
    let run = world.cpm_in(&config, &["install", "review-checklists", "--scope", "project"]);
    assert_eq!(run.code, 2, "{run}");
    assert!(!config.join(".claude").exists());
}

#[test]
fn the_root_of_the_file_system_is_never_a_project() {
    let world = World::new();
    world.fails(2, &["install", "review-checklists", "--project", "/", "--dry-run"]);
    let run = world.cpm_in(Path::new("/"), &["install", "review-checklists", "--scope", "local", "--dry-run"]);
    assert_eq!(run.code, 2, "{run}");
}

#[test]
fn any_other_folder_can_be_named_as_the_project() {
    let world = World::in_git();
    let other = world.path("other");
    std::fs::create_dir(&other).expect("a folder");
    world.ok(&["install", "review-checklists", "--project", "../other"]);
    exists(&other, &["cpm.toml", "cpm.lock", ".claude/skills"]);
    assert!(!world.has("cpm.toml") && !world.has(".claude"));
    world.ok(&["verify", "--project", "../other"]);
    world.fails(2, &["install", "review-checklists", "--project", "../nowhere"]);
}

#[test]
fn without_a_home_directory_nothing_runs() {
    let world = World::in_git();
    for home in [None, Some("relative")] {
        let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
        command.env_remove("HOME").args(["install", "review-checklists"]);
        home.map(|home| command.env("HOME", home));
        let output = command.output().expect("cpm runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("HOME"));
    }
    assert!(snapshot(&world.project()).is_empty());
}

#[test]
fn a_dry_run_writes_nothing_at_all() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &KIT);
    let before = (everything(&world.project()), everything(&world.home()));
    for scope in ["project", "local", "user"] {
        let run = world.ok(&["install", "kit", "--git", &repo.url(), "--dry-run", "--scope", scope]);
        assert!(run.stdout.contains("Would change") && run.stdout.contains("skills/alpha"), "{run}");
        assert!((everything(&world.project()), everything(&world.home())) == before, "{scope}: {run}");
    }
    install(&world, "tool", &[("SKILL.md", ALPHA)], &[]);
    let before = everything(&world.project());
    world.ok(&["remove", "tool", "--dry-run"]);
    assert!(everything(&world.project()) == before);
}

#[test]
fn a_folder_on_this_machine_is_found_before_the_scope_has_one() {
    for scope in ["project", "local", "user"] {
        let world = World::in_git();
        world.write("skills/alpha/SKILL.md", ALPHA);
        let run = world.ok(&["install", "--path", "skills/alpha", "--scope", scope, "--dry-run"]);
        assert!(run.stdout.contains("+ alpha"), "{scope}: {run}");
        world.ok(&["install", "--path", "skills/alpha", "--scope", scope]);
        world.ok(&["verify", "--scope", scope]);
    }
}

#[test]
fn list_and_verify_look_at_every_scope() {
    let world = World::in_git();
    for (name, scope) in [("kit-p", "project"), ("kit-l", "local"), ("kit-u", "user")] {
        install(&world, name, &[("SKILL.md", ALPHA)], &["--scope", scope]);
    }
    let list = world.ok(&["list", "--json"]).json();
    let scopes: Vec<&str> =
        list["scopes"].as_array().expect("a list").iter().filter_map(|scope| scope["scope"].as_str()).collect();
    assert_eq!(scopes, ["project", "local", "user"]);
    for (at, name) in ["kit-p", "kit-l", "kit-u"].iter().enumerate() {
        let packages = &list["scopes"][at]["packages"];
        assert_eq!((packages[0]["name"].as_str(), packages.as_array().map(Vec::len)), (Some(*name), Some(1)));
    }
    assert_eq!(world.ok(&["list", "--json", "--scope", "local"]).json()["scopes"].as_array().map(Vec::len), Some(1));
    for (file, name) in [
        (world.project().join(".claude/skills/kit-p/SKILL.md"), "kit-p"),
        (world.project().join(".claude/skills/kit-l/SKILL.md"), "kit-l"),
        (world.home().join(".claude/skills/kit-u/SKILL.md"), "kit-u"),
    ] {
        write(&file, "edited");
        let run = world.cpm(&["verify"]);
        assert_eq!(run.code, 1, "{run}");
        assert!(run.stdout.contains(&format!("({name})")), "{run}");
    }
}

#[test]
fn the_state_folder_keeps_itself_out_of_git() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    let status = git(&world.project(), &["status", "--porcelain", "-uall"]);
    assert!(status.contains("cpm.lock") && !status.contains(".cpm/"), "{status}");
}
