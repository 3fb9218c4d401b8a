//! The local scope: for one person in one project, and invisible to everybody else's git.

use std::path::Path;

use serde_json::json as value;

use crate::support::samples::{ALPHA, BETA, KIT, TOOL, install, json};
use crate::support::{Repo, World, git, write};

const LOCAL: [&str; 2] = ["--scope", "local"];

fn status(dir: &Path) -> String {
    git(dir, &["status", "--porcelain", "--untracked-files=all"])
}

fn exclude(world: &World) -> std::path::PathBuf {
    world.project().join(".git/info/exclude")
}

#[test]
fn git_sees_nothing_of_it() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &LOCAL);
    install(&world, "tool", &TOOL, &LOCAL);
    assert!(world.has(".claude/skills/tool/bin/run"));
    assert_eq!(status(&world.project()), "");
    world.ok(&["remove", "kit", "--scope", "local"]);
    assert_eq!(status(&world.project()), "");
}

#[test]
fn other_files_of_the_project_stay_visible_to_git() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &LOCAL);
    world.write(".claude/skills/mine/SKILL.md", BETA);
    world.write("sub/.claude/skills/alpha/SKILL.md", BETA);
    assert_eq!(status(&world.project()), "?? .claude/skills/mine/SKILL.md\n?? sub/.claude/skills/alpha/SKILL.md");
}

#[test]
fn gits_private_ignore_list_gets_its_bytes_back() {
    for before in ["", "*.log\n", "*.log", "*.log\r\n\r\nkeep me", "# a\n\n\n", "caf\u{e9}\n"] {
        let world = World::in_git();
        write(&exclude(&world), before);
        install(&world, "kit", &KIT, &LOCAL);
        install(&world, "other", &[("SKILL.md", BETA)], &LOCAL);
        assert_eq!(status(&world.project()), "", "{before:?}");
        let during = std::fs::read_to_string(exclude(&world)).expect("text");
        assert!(before.lines().all(|line| during.lines().any(|other| other == line)), "{during:?}");
        world.ok(&["remove", "kit", "--scope", "local"]);
        world.ok(&["remove", "other", "--scope", "local"]);
        assert_eq!(status(&world.project()), "", "{before:?}");
        assert_eq!(std::fs::read_to_string(exclude(&world)).expect("text"), before, "{before:?}");
    }
}

#[test]
fn nothing_of_it_is_left_unless_its_manifest_says_more() {
    let world = World::in_git();
    let before = crate::support::snapshot(&world.project());
    install(&world, "kit", &KIT, &LOCAL);
    let dry = world.ok(&["remove", "kit", "--scope", "local", "--dry-run"]);
    assert!(dry.stdout.contains("remove   .claude/cpm.local.toml"), "{dry}");
    world.ok(&["remove", "kit", "--scope", "local"]);
    assert_eq!(crate::support::snapshot(&world.project()), before);
    world.write(".claude/cpm.local.toml", "# mine\n[dependencies]\n");
    install(&world, "other", &[("SKILL.md", BETA)], &LOCAL);
    world.ok(&["remove", "other", "--scope", "local"]);
    assert_eq!(world.read(".claude/cpm.local.toml"), "# mine\n[dependencies]\n");
    assert_eq!(status(&world.project()), "");
}

#[test]
fn bytes_that_are_no_text_stay_in_the_ignore_list() {
    let world = World::in_git();
    let before = b"caf\xe9\nlast";
    write(&exclude(&world), before);
    install(&world, "kit", &KIT, &LOCAL);
    world.ok(&["remove", "kit", "--scope", "local"]);
    assert_eq!(std::fs::read(exclude(&world)).expect("bytes"), before);
}

#[test]
fn a_checkout_without_an_ignore_list_gets_one() {
    let world = World::in_git();
    std::fs::remove_dir_all(world.project().join(".git/info")).expect("removed");
    install(&world, "kit", &KIT, &LOCAL);
    assert_eq!(status(&world.project()), "");
}

#[test]
fn odd_folder_names_are_ignored_literally() {
    let world = World::in_git();
    let project = world.project().join("a [b] *c");
    write(&project.join("cpm.toml"), "");
    write(&project.join("keep"), "");
    let url = Repo::new(&world, "kit", &KIT).url();
    let run = world.cpm_in(&project, &["install", "kit", "--git", &url, "--scope", "local"]);
    assert_eq!(run.code, 0, "{run}");
    let shown = status(&world.project());
    assert!(shown.contains("keep") && !shown.contains(".claude"), "{shown}");
}

#[test]
fn a_linked_worktree_uses_the_key_of_the_main_checkout() {
    let world = World::in_git();
    git(&world.project(), &["commit", "-q", "--allow-empty", "-m", "first"]);
    let linked = world.path("linked");
    git(&world.project(), &["worktree", "add", "-q", &linked.display().to_string()]);
    let url = Repo::new(&world, "kit", &KIT).url();
    let run = world.cpm_in(&linked, &["install", "kit", "--git", &url, "--scope", "local"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(linked.join(".claude/skills/alpha/SKILL.md").exists() && !world.has(".claude"));
    let projects = &json(&world.home().join(".claude.json"))["projects"];
    let keys: Vec<&String> = projects.as_object().expect("an object").keys().collect();
    assert_eq!(keys, [&world.project().display().to_string()]);
    assert_eq!(status(&linked), "");
}

#[test]
fn a_folder_reached_through_a_link_has_the_key_of_its_real_path() {
    let world = World::in_git();
    let link = world.path("link");
    std::os::unix::fs::symlink(world.project(), &link).expect("a link");
    let url = Repo::new(&world, "kit", &KIT).url();
    let link = link.display().to_string();
    world.ok(&["install", "kit", "--git", &url, "--scope", "local", "--project", &link]);
    let projects = &json(&world.home().join(".claude.json"))["projects"];
    assert!(projects[world.project().display().to_string()]["mcpServers"]["srv"].is_object(), "{projects}");
}

#[test]
fn the_other_projects_of_the_user_stay_as_they_are() {
    let world = World::in_git();
    let key = world.project().display().to_string();
    let before = value!({
        "userID": "u",
        "projects": {
            "/elsewhere": { "mcpServers": { "srv": { "command": "theirs" } } },
            key.as_str(): { "hasTrustDialogAccepted": false, "mcpServers": {}, "allowedTools": [] },
        },
    });
    let file = world.home().join(".claude.json");
    let text = format!("{before:#}");
    write(&file, &text);
    install(&world, "kit", &KIT, &LOCAL);
    let mut wanted = before.clone();
    wanted["projects"][&key]["mcpServers"] = value!({ "srv": { "type": "stdio", "command": "true" } });
    assert_eq!(json(&file), wanted);
    world.ok(&["remove", "kit", "--scope", "local"]);
    assert_eq!(std::fs::read_to_string(&file).expect("text"), text);
}

#[test]
fn it_works_outside_git() {
    let world = World::new();
    install(&world, "kit", &KIT, &LOCAL);
    assert!(world.has(".claude/skills/alpha/SKILL.md"));
    let state = json(&world.home().join(".claude.json"));
    assert!(state["projects"][world.project().display().to_string()]["mcpServers"]["srv"].is_object());
}

#[test]
fn project_and_local_packages_live_side_by_side() {
    let world = World::in_git();
    install(&world, "theirs", &[("SKILL.md", ALPHA)], &[]);
    install(&world, "mine", &[("SKILL.md", BETA)], &LOCAL);
    assert!(status(&world.project()).contains("skills/theirs/SKILL.md"));
    assert!(!status(&world.project()).contains("mine"));
    world.ok(&["verify"]);
    world.ok(&["install"]);
    world.ok(&["remove", "mine", "--scope", "local"]);
    assert!(world.has(".claude/skills/theirs/SKILL.md") && !world.has(".claude/skills/mine"));
    world.ok(&["verify"]);
}

#[test]
fn two_scopes_never_own_one_folder() {
    for (first, second) in [("project", "local"), ("local", "project")] {
        let world = World::in_git();
        let url = install(&world, "kit", &KIT, &["--scope", first]).url();
        let run = world.fails(30, &["install", "kit", "--git", &url, "--scope", second]);
        assert!(run.stderr.contains("alpha") && run.stderr.contains(&format!("{first} scope")), "{run}");
        world.ok(&["remove", "kit", "--scope", first]);
        world.ok(&["install", "kit", "--git", &url, "--scope", second]);
    }
}

#[test]
fn a_server_may_be_in_both_scopes_because_the_files_differ() {
    let world = World::in_git();
    let files = [(".mcp.json", r#"{"mcpServers":{"srv":{"command":"true"}}}"#)];
    let url = install(&world, "kit", &files, &[]).url();
    world.ok(&["install", "kit", "--git", &url, "--scope", "local"]);
    world.ok(&["remove", "kit", "--scope", "local"]);
    assert_eq!(json(&world.project().join(".mcp.json"))["mcpServers"]["srv"]["command"], "true");
    assert!(!world.home().join(".claude.json").exists());
}
