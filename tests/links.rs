//! Symbolic links: those in a project never lead cpm out of it, those of the user's own configuration are followed.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::samples::{ALPHA, KIT, everything, install, json};
use crate::support::{Repo, World, write};

/// A world with a folder beside the project that holds a file.
fn with_outside() -> (World, PathBuf, String) {
    let world = World::in_git();
    let outside = world.path("outside");
    write(&outside.join("precious"), "precious\n");
    let url = Repo::new(&world, "kit", &KIT).url();
    (world, outside, url)
}

#[test]
fn a_link_out_of_the_project_is_refused() {
    let cases = [
        (".claude", "../outside", "project"),
        (".claude", "../outside", "local"),
        (".claude", "/nowhere/at/all", "project"),
        (".claude/skills", "../../outside", "project"),
        (".mcp.json", "../outside/precious", "project"),
        (".mcp.json", "../outside/new", "project"),
        ("cpm.toml", "../outside/new", "project"),
        ("cpm.lock", "../outside/new", "project"),
        (".claude/cpm.local.toml", "../../outside/new", "local"),
        (".cpm", "../outside", "project"),
        (".cpm/receipt-project.json", "../../outside/new", "project"),
        (".cpm/lock", "../../outside/new", "project"),
        (".cpm/stage", "../../outside", "project"),
        (".cpm/.gitignore", "../../outside/new", "project"),
        (".cpm/journal.tmp", "../../outside/new", "project"),
    ];
    for (link, target, scope) in cases {
        let (world, outside, url) = with_outside();
        let link = world.project().join(link);
        std::fs::create_dir_all(link.parent().expect("a parent")).expect("a folder");
        symlink(target, &link).expect("a link");
        let before = everything(&outside);
        for more in [&[][..], &["--dry-run"], &["--overwrite"]] {
            let run = world.cpm(&[&["install", "kit", "--git", &url, "--scope", scope], more].concat());
            assert_eq!(run.code, 24, "{}: {run}", link.display());
            assert!(run.stderr.contains("out of the project"), "{run}");
            assert!(everything(&outside) == before, "{}: {run}", link.display());
            assert!(link.is_symlink());
        }
    }
}

#[test]
fn a_link_within_the_project_is_followed() {
    let (world, _, url) = with_outside();
    std::fs::create_dir_all(world.project().join("tools/claude")).expect("a folder");
    symlink("tools/claude", world.project().join(".claude")).expect("a link");
    world.write("tools/mcp.json", "{}\n");
    symlink("tools/mcp.json", world.project().join(".mcp.json")).expect("a link");
    world.ok(&["install", "kit", "--git", &url]);
    assert!(world.has("tools/claude/skills/alpha/SKILL.md"));
    assert_eq!(json(&world.project().join("tools/mcp.json"))["mcpServers"]["srv"]["command"], "true");
    world.ok(&["verify"]);
    world.ok(&["remove", "kit"]);
    assert_eq!(world.read("tools/mcp.json"), "{}\n");
}

#[test]
fn a_link_planted_as_a_skill_folder_is_not_followed() {
    for target in ["../../../outside", "../../../nowhere"] {
        let (world, outside, url) = with_outside();
        write(&outside.join("SKILL.md"), ALPHA);
        std::fs::remove_file(outside.join("precious")).expect("removed");
        std::fs::create_dir_all(world.project().join(".claude/skills")).expect("a folder");
        symlink(target, world.project().join(".claude/skills/alpha")).expect("a link");
        let before = everything(&outside);
        for more in [&[][..], &["--overwrite"]] {
            let run = world.fails(30, &[&["install", "kit", "--git", &url], more].concat());
            assert!(run.stderr.contains("skills/alpha"), "{run}");
        }
        assert!(everything(&outside) == before);
    }
}

#[test]
fn a_link_planted_inside_a_skill_folder_is_not_followed() {
    let (world, outside, url) = with_outside();
    write(&outside.join("SKILL.md"), ALPHA);
    let file = world.project().join(".claude/skills/alpha/SKILL.md");
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
    symlink(outside.join("SKILL.md"), &file).expect("a link");
    world.fails(30, &["install", "kit", "--git", &url]);
    assert!(file.is_symlink() && outside.join("SKILL.md").is_file());
}

/// Moves the installed folder out of the project and leaves a link in its place.
fn move_out(world: &World) -> PathBuf {
    let (folder, moved) = (world.project().join(".claude/skills/alpha"), world.path("moved"));
    std::fs::rename(&folder, &moved).expect("moved");
    symlink(&moved, &folder).expect("a link");
    moved
}

#[test]
fn a_folder_that_the_user_moved_and_linked_counts_as_edited() {
    let (world, _, url) = with_outside();
    world.ok(&["install", "kit", "--git", &url]);
    let moved = move_out(&world);
    for args in [&["remove", "kit"][..], &["install"]] {
        let run = world.fails(30, args);
        assert!(run.stderr.contains("skills/alpha"), "{run}");
    }
    let run = world.cpm(&["verify"]);
    assert!(run.code == 1 && run.stdout.contains("skills/alpha"), "{run}");
    assert!(moved.join("SKILL.md").is_file());
}

#[test]
fn overwriting_a_linked_folder_replaces_the_link_only() {
    for args in [&["remove", "kit", "--overwrite"][..], &["install", "--overwrite"]] {
        let (world, _, url) = with_outside();
        world.ok(&["install", "kit", "--git", &url]);
        let moved = move_out(&world);
        world.ok(args);
        let folder = world.project().join(".claude/skills/alpha");
        assert!(!folder.is_symlink() && folder.exists() == (args[0] == "install"));
        assert!(moved.join("SKILL.md").is_file(), "what the link led to is not cpm's");
    }
}

#[test]
fn a_file_where_an_installed_folder_was_counts_as_edited() {
    let (world, _, url) = with_outside();
    world.ok(&["install", "kit", "--git", &url]);
    std::fs::remove_dir_all(world.project().join(".claude/skills/alpha")).expect("removed");
    world.write(".claude/skills/alpha", "mine\n");
    for args in [&["remove", "kit"][..], &["install"]] {
        world.fails(30, args);
    }
    assert_eq!(world.cpm(&["verify"]).code, 1);
    world.ok(&["install", "--overwrite"]);
    assert!(world.has(".claude/skills/alpha/SKILL.md"));
}

#[test]
fn the_users_own_links_are_followed() {
    let world = World::new();
    let real = world.path("dotfiles/skills");
    std::fs::create_dir_all(&real).expect("a folder");
    std::fs::create_dir(world.home().join(".claude")).expect("a folder");
    symlink(&real, world.home().join(".claude/skills")).expect("a link");
    install(&world, "kit", &KIT, &["--scope", "user"]);
    assert!(real.join("alpha/SKILL.md").is_file());
    world.ok(&["verify"]);
    world.ok(&["remove", "kit", "--scope", "user"]);
    assert!(!real.join("alpha").exists() && world.home().join(".claude/skills").is_symlink());
}
