//! What the user edited since cpm wrote it stops a run; what is only gone comes back.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json as value;

use crate::support::samples::{ALPHA, KIT, install, json};
use crate::support::{Repo, World, write};

const SKILL: &str = ".claude/skills/alpha/SKILL.md";

/// A project with an installed skill and server, and a newer commit in its repository.
fn with_kit() -> (World, Repo) {
    let world = World::in_git();
    let repo = install(&world, "kit", &KIT, &[]);
    repo.commit(&[("skills/alpha/SKILL.md", &format!("{ALPHA}newer\n"))]);
    (world, repo)
}

/// The commands that would lose an edit.
const LOSING: [&[&str]; 3] = [&["update"], &["remove", "kit"], &["install"]];

fn edit_entry(world: &World, change: impl FnOnce(&mut serde_json::Value)) {
    let file = world.project().join(".mcp.json");
    let mut whole = json(&file);
    change(&mut whole);
    write(&file, whole.to_string());
}

#[test]
fn an_edited_file_stops_and_is_named() {
    let (world, _repo) = with_kit();
    world.write(SKILL, "mine\n");
    for args in LOSING {
        let run = world.fails(30, args);
        assert!(run.stderr.contains("SKILL.md (changed)") && run.stderr.contains("--overwrite"), "{run}");
    }
    assert_eq!(world.cpm(&["verify"]).code, 1);
}

#[test]
fn an_edit_that_keeps_size_and_length_of_the_name_is_seen() {
    let (world, _repo) = with_kit();
    world.write(SKILL, &ALPHA.replace("Does", "Eats"));
    world.fails(30, &["update"]);
}

#[test]
fn an_extra_file_stops_what_would_lose_it_and_nothing_else() {
    let (world, _repo) = with_kit();
    world.write(".claude/skills/alpha/notes/mine.md", "mine\n");
    for args in [&["update"][..], &["remove", "kit"]] {
        let run = world.fails(30, args);
        assert!(run.stderr.contains("notes/mine.md (extra)"), "{run}");
    }
    world.ok(&["install"]);
    assert!(world.has(".claude/skills/alpha/notes/mine.md"), "there is nothing to do in this folder");
    assert_eq!(world.cpm(&["verify"]).code, 1);
}

#[test]
fn a_changed_mode_stops() {
    let (world, _repo) = with_kit();
    let file = world.project().join(SKILL);
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("set");
    for args in LOSING {
        world.fails(30, args);
    }
}

#[test]
fn a_touched_file_is_no_edit() {
    let (world, _repo) = with_kit();
    world.write(SKILL, ALPHA);
    let run = world.ok(&["install"]);
    assert!(run.stdout.contains("Up to date"), "{run}");
    world.ok(&["update"]);
    assert!(world.read(SKILL).ends_with("newer\n"));
}

#[test]
fn overwrite_gives_the_locked_bytes_back() {
    for (edit, args) in [
        (SKILL, &["install", "--overwrite"][..]),
        (".claude/skills/alpha/mine.md", &["install", "--overwrite"]),
        (SKILL, &["update", "--overwrite"]),
        (".claude/skills/alpha/mine.md", &["update", "--overwrite"]),
    ] {
        let (world, _repo) = with_kit();
        world.write(edit, "mine\n");
        world.ok(args);
        assert_eq!(world.read(SKILL).ends_with("newer\n"), args[0] == "update");
        assert!(!world.has(".claude/skills/alpha/mine.md"));
        world.ok(&["verify"]);
    }
}

#[test]
fn overwrite_removes_edited_files() {
    let (world, _repo) = with_kit();
    world.write(SKILL, "mine\n");
    world.ok(&["remove", "kit", "--overwrite"]);
    assert!(!world.has(".claude/skills/alpha"));
}

#[test]
fn a_deleted_file_or_folder_comes_back() {
    let files: Vec<_> = KIT.iter().copied().chain([("skills/alpha/deep/more.md", "more\n")]).collect();
    for gone in ["deep/more.md", "deep", "SKILL.md", ""] {
        let world = World::in_git();
        install(&world, "kit", &files, &[]);
        let path = world.project().join(".claude/skills/alpha").join(gone);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.expect("removed");
        assert_eq!(world.cpm(&["verify"]).code, 1);
        world.ok(&["install", "--frozen"]);
        assert_eq!(world.read(".claude/skills/alpha/deep/more.md"), "more\n", "{gone}");
        assert_eq!(world.read(SKILL), ALPHA, "{gone}");
        world.ok(&["verify"]);
    }
}

#[test]
fn a_deleted_folder_does_not_stop_a_removal() {
    let (world, _repo) = with_kit();
    std::fs::remove_dir_all(world.project().join(".claude")).expect("removed");
    world.ok(&["remove", "kit"]);
    assert!(!world.has(".mcp.json"));
}

#[test]
fn an_edit_that_is_what_would_be_written_is_no_obstacle() {
    let (world, _repo) = with_kit();
    world.write(SKILL, &format!("{ALPHA}newer\n"));
    let run = world.ok(&["update"]);
    assert!(run.stdout.contains("adopted  .claude/skills/alpha"), "{run}");
    world.ok(&["verify"]);
}

#[test]
fn an_edited_server_stops_and_is_named() {
    let (world, repo) = with_kit();
    edit_entry(&world, |whole| whole["mcpServers"]["srv"]["env"] = value!({ "MINE": "1" }));
    repo.commit(&[(".mcp.json", r#"{"mcpServers":{"srv":{"command":"false"}}}"#)]);
    for args in [&["update", "--accept"][..], &["remove", "kit"], &["install"]] {
        let run = world.fails(30, args);
        assert!(run.stderr.contains("`srv`") && run.stderr.contains(".mcp.json"), "{run}");
    }
    let run = world.cpm(&["verify"]);
    assert!(run.code == 1 && run.stdout.contains("srv"), "{run}");
    world.ok(&["install", "--overwrite"]);
    let entry = json(&world.project().join(".mcp.json"))["mcpServers"]["srv"].clone();
    assert_eq!(entry, value!({ "type": "stdio", "command": "true" }));
}

#[test]
fn overwrite_removes_an_edited_server() {
    let (world, _repo) = with_kit();
    edit_entry(&world, |whole| whole["mcpServers"]["srv"]["command"] = value!("mine"));
    world.ok(&["remove", "kit", "--overwrite"]);
    assert!(!world.has(".mcp.json"));
}

#[test]
fn a_server_that_the_client_wrote_anew_is_no_edit() {
    let (world, _repo) = with_kit();
    let text = "{\"mcpServers\":{\"srv\":{\"command\":\"tr\\u0075e\",\n\n\"type\":\"stdio\"}}}";
    world.write(".mcp.json", text);
    let run = world.ok(&["install"]);
    assert!(run.stdout.contains("Up to date") && world.read(".mcp.json") == text, "{run}");
    world.ok(&["remove", "kit"]);
    assert!(!world.has(".mcp.json") || !world.read(".mcp.json").contains("srv"));
}

#[test]
fn a_server_comes_back_with_the_file_that_went() {
    for left in [None, Some("{}")] {
        let (world, _repo) = with_kit();
        match left {
            None => std::fs::remove_file(world.project().join(".mcp.json")).expect("removed"),
            Some(text) => world.write(".mcp.json", text),
        }
        let list = world.ok(&["list", "--json"]).json();
        assert_ne!(list["scopes"][0]["packages"][0]["state"], "installed");
        world.ok(&["install", "--frozen"]);
        assert_eq!(json(&world.project().join(".mcp.json"))["mcpServers"]["srv"]["command"], "true");
        world.ok(&["verify"]);
    }
}

/// What `claude mcp remove` leaves.
const EMPTIED: &str = "{\n  \"mcpServers\": {}\n}";

#[test]
fn a_server_that_was_taken_out_stays_out_until_it_is_asked_for() {
    let (world, repo) = with_kit();
    world.write(".mcp.json", EMPTIED);
    repo.commit(&[(".mcp.json", r#"{"mcpServers":{"srv":{"command":"newer"}}}"#)]);
    let runs: [&[&str]; 3] = [&["install"], &["install", "--frozen"], &["update", "kit", "--accept"]];
    for args in runs {
        let said = world.ok(args);
        assert!(format!("{}{}", said.stdout, said.stderr).contains("`srv` was taken out of .mcp.json"), "{args:?}");
        assert_eq!(world.read(".mcp.json"), EMPTIED, "{args:?}");
    }
    assert!(world.read(SKILL).ends_with("newer\n"), "all else is brought up to date");
    assert_ne!(world.ok(&["list", "--json"]).json()["scopes"][0]["packages"][0]["state"], "installed");
    let verified = world.cpm(&["verify"]);
    assert_eq!(verified.code, 1);
    assert!(verified.stdout.contains(".mcp.json → srv"), "{}", verified.stdout);

    for asked in ["restore", "install"] {
        world.write(".mcp.json", EMPTIED);
        world.ok(&[asked, "kit"]);
        assert_eq!(json(&world.project().join(".mcp.json"))["mcpServers"]["srv"]["command"], "newer");
        world.ok(&["verify"]);
    }
}

#[test]
fn a_deleted_server_does_not_stop_a_removal() {
    let (world, _repo) = with_kit();
    edit_entry(&world, |whole| whole["mcpServers"] = value!({ "theirs": { "command": "x" } }));
    world.ok(&["remove", "kit"]);
    assert!(!world.has(".claude/skills/alpha"));
    assert_eq!(json(&world.project().join(".mcp.json")), value!({ "mcpServers": { "theirs": { "command": "x" } } }));
}

#[test]
fn an_edit_in_one_package_does_not_stop_work_on_others() {
    let (world, _repo) = with_kit();
    world.write(SKILL, "mine\n");
    for args in [&["install", "deepwiki"][..], &["update", "deepwiki"], &["remove", "deepwiki"]] {
        let run = world.ok(args);
        assert!(run.stderr.contains("`kit` is not as locked"), "{run}");
        assert_eq!(world.read(SKILL), "mine\n");
    }
    world.fails(30, &["install", "kit"]);
    world.ok(&["install", "kit", "--overwrite"]);
    assert_eq!(world.read(SKILL), ALPHA);
}
