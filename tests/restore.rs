//! The user's edits are shown line by line where they stop a run, and where a run was told to replace them.

use std::time::SystemTime;

use serde_json::json as value;

use crate::support::samples::{ALPHA, BETA, KIT, TOOL, install, json};
use crate::support::{Repo, World, git, snapshot, write};

const SKILL: &str = ".claude/skills/alpha/SKILL.md";

/// A project with a skill and a server of `kit` and a plugin `tool`, each edited.
fn with_edits() -> (World, Repo) {
    let world = World::in_git();
    let repo = install(&world, "kit", &KIT, &[]);
    install(&world, "tool", &TOOL, &[]);
    world.write(SKILL, &format!("{ALPHA}my line\n"));
    world.write(".claude/skills/alpha/mine.md", "my file\n");
    world.write(".claude/skills/tool/commands/go.md", "my command\n");
    let file = world.project().join(".mcp.json");
    let mut whole = json(&file);
    whole["mcpServers"]["srv"]["command"] = value!("my-server");
    write(&file, whole.to_string());
    (world, repo)
}

const EDITS_OF_KIT: [&str; 6] = [
    "--- a/.claude/skills/alpha/SKILL.md",
    "+my line",
    "+++ b/.claude/skills/alpha/mine.md",
    "+my file",
    "-  \"command\": \"true\"",
    "+  \"command\": \"my-server\"",
];

#[test]
fn what_would_lose_an_edit_stops_and_shows_its_lines() {
    let (world, repo) = with_edits();
    repo.commit(&[("skills/alpha/SKILL.md", &format!("{ALPHA}their line\n"))]);
    let json_of = |args: &[&str]| world.cpm(&[args, &["--json"]].concat()).json()["error"]["causes"].to_string();
    for args in [&["update", "kit"][..], &["remove", "kit"], &["install", "kit"]] {
        let run = world.fails(30, args);
        for line in EDITS_OF_KIT {
            assert!(run.stderr.contains(line), "{line}\n{run}");
        }
        assert!(!run.stderr.contains("my command") && !run.stderr.contains("their line"), "{run}");
        assert!(json_of(args).contains("+my line"));
    }
}

#[test]
fn an_edit_against_a_lock_that_a_colleague_moved_shows_its_lines() {
    let world = World::in_git();
    let repo = install(&world, "kit", &KIT, &[]);
    let old = [world.read("cpm.lock"), world.read("cpm.toml")];
    repo.commit(&[("skills/alpha/SKILL.md", &format!("{ALPHA}their line\n"))]);
    let colleague = world.path("colleague");
    write(&colleague.join("cpm.lock"), &old[0]);
    write(&colleague.join("cpm.toml"), &old[1]);
    assert_eq!(world.cpm_in(&colleague, &["update"]).code, 0);
    write(&world.project().join("cpm.lock"), std::fs::read(colleague.join("cpm.lock")).expect("a lock"));
    world.write(SKILL, &format!("{ALPHA}my line\n"));
    let run = world.fails(30, &["install"]);
    assert!(run.stderr.contains("+my line") && !run.stderr.contains("their line"), "{run}");
}

#[test]
fn restore_gives_back_the_locked_bytes_of_one_package_and_shows_what_goes() {
    let (world, repo) = with_edits();
    repo.commit(&[("skills/alpha/SKILL.md", &format!("{ALPHA}their line\n"))]);
    let before = snapshot(&world.project());
    let plan = world.ok(&["restore", "kit", "--dry-run"]);
    assert!(snapshot(&world.project()) == before, "{plan}");
    let run = world.ok(&["restore", "kit"]);
    for line in EDITS_OF_KIT {
        assert!(plan.stdout.contains(line) && run.stdout.contains(line), "{line}\n{plan}\n{run}");
    }
    assert_eq!(world.read(SKILL), ALPHA);
    assert!(!world.has(".claude/skills/alpha/mine.md"));
    assert_eq!(json(&world.project().join(".mcp.json"))["mcpServers"]["srv"]["command"], "true");
    assert_eq!(world.read(".claude/skills/tool/commands/go.md"), "my command\n", "nobody asked about this one");
    for own in ["cpm.toml", "cpm.lock"] {
        assert_eq!(world.read(own).as_bytes(), before[&world.project().join(own)]);
    }
    let again = world.ok(&["restore", "kit"]);
    assert!(again.stdout.contains("Nothing to restore"), "{again}");
}

#[test]
fn restore_tells_programs_what_goes() {
    let (world, _repo) = with_edits();
    let report = &world.ok(&["restore", "kit", "--json"]).json()["report"];
    assert_eq!(report["edits"].as_array().map(Vec::len), Some(1));
    let files = &report["edits"][0]["files"];
    let told = |at: usize| (files[at]["path"].as_str().unwrap(), files[at]["change"].as_str().unwrap());
    assert_eq!(report["edits"][0]["package"], "kit");
    assert_eq!([told(0), told(1)], [(SKILL, "changed"), (".claude/skills/alpha/mine.md", "added")]);
    assert_eq!(told(2), (".mcp.json → srv", "changed"));
    assert!(files[0]["patch"].as_str().unwrap().contains("+my line"));
}

#[test]
fn the_shown_lines_are_a_patch_that_brings_the_edit_back() {
    let (world, _repo) = with_edits();
    let edited = [world.read(SKILL), world.read(".claude/skills/alpha/mine.md")];
    let report = world.ok(&["restore", "kit", "--json"]).json();
    let files = report["report"]["edits"][0]["files"].as_array().unwrap();
    let patch: String = files[..2].iter().map(|file| file["patch"].as_str().unwrap()).collect();
    world.write("my.patch", &patch);
    git(&world.project(), &["apply", "my.patch"]);
    assert_eq!([world.read(SKILL), world.read(".claude/skills/alpha/mine.md")], edited);
}

#[test]
fn an_edit_that_hides_behind_size_and_time_is_found_before_it_is_lost() {
    for args in [&["update"][..], &["remove", "kit"]] {
        let world = World::in_git();
        let repo = install(&world, "kit", &KIT, &[]);
        repo.commit(&[("skills/alpha/SKILL.md", &format!("{ALPHA}newer\n"))]);
        let file = world.project().join(SKILL);
        let time = std::fs::metadata(&file).expect("metadata").modified().expect("a time");
        let set = |time: SystemTime| {
            let file = std::fs::File::options().write(true).open(&file).expect("a file");
            file.set_modified(time).expect("set");
        };
        world.write(SKILL, &ALPHA.replace("Does", "Eats"));
        set(time);
        let run = world.fails(30, args);
        assert!(run.stderr.contains("+description: Eats alpha."), "{run}");
        world.ok(&["restore", "kit"]);
        assert_eq!(world.read(SKILL), ALPHA);
        world.ok(&["verify"]);
    }
}

#[test]
fn overwrite_shows_what_goes_and_spares_packages_that_the_run_is_not_about() {
    for args in
        [&["install", "kit", "--overwrite"][..], &["update", "kit", "--overwrite"], &["remove", "kit", "--overwrite"]]
    {
        let (world, _repo) = with_edits();
        let run = world.ok(args);
        assert!(run.stdout.contains("+my line") && run.stdout.contains("my-server"), "{run}");
        assert_eq!(world.read(".claude/skills/tool/commands/go.md"), "my command\n", "{args:?}");
    }
}

#[test]
fn restore_needs_no_network_and_puts_missing_parts_back() {
    let world = World::in_git();
    let repo = install(&world, "kit", &KIT, &[]);
    std::fs::rename(repo.dir(), world.path("gone")).expect("moved");
    std::fs::remove_dir_all(world.project().join(".claude/skills/alpha")).expect("removed");
    std::fs::remove_file(world.project().join(".mcp.json")).expect("removed");
    world.ok(&["restore", "kit", "--offline"]);
    world.ok(&["verify"]);
}

#[test]
fn restore_of_what_is_not_locked_is_not_found() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    world.fails(14, &["restore", "other"]);
    world.fails(2, &["restore"]);
}

#[test]
fn where_the_locked_bytes_are_gone_the_edit_still_stops_and_is_named() {
    let (world, repo) = with_edits();
    repo.commit(&[("skills/alpha/SKILL.md", BETA)]);
    world.empty_cache();
    let run = world.fails(30, &["update", "kit"]);
    assert!(run.stderr.contains("SKILL.md (changed)") && run.stderr.contains("no longer on this machine"), "{run}");
}
