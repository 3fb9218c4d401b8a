//! Packages from folders on this machine.

use std::os::unix::fs::symlink;

use crate::support::{World, skill, write};

const INSTALLED: &str = ".claude/skills/house-style/SKILL.md";

/// A project with the skill `house-style` in a folder of its own.
fn world() -> World {
    let world = World::in_git();
    world.write("skills/house-style/SKILL.md", &skill("house-style", "one"));
    world
}

#[test]
fn a_folder_stands_in_the_manifest_relative_to_it() {
    let world = world();
    world.ok(&["install", "--path", "./skills/house-style"]);
    assert_eq!(world.read("cpm.toml"), "[dependencies]\nhouse-style = { path = \"skills/house-style\" }\n");
    assert_eq!(world.read(INSTALLED), skill("house-style", "one"));
    let locked = world.locked("house-style");
    assert_eq!((&locked["source"], &locked["version"]), (&"path+skills/house-style".into(), &"0.0.0".into()));
    assert!(locked["commit"].is_null());
}

#[test]
fn a_typed_folder_is_relative_to_where_it_is_typed() {
    let world = world();
    world.write("cpm.toml", "");
    let below = world.project().join("skills");
    assert_eq!(world.cpm_in(&below, &["install", "--path", "house-style"]).code, 0);
    assert_eq!(world.dependency("house-style")["path"], "skills/house-style");
    write(&world.path("beside/extra/SKILL.md"), skill("extra", "x"));
    assert_eq!(world.cpm_in(&below, &["install", "--path", "../../beside/extra"]).code, 0);
    assert_eq!(world.dependency("extra")["path"], "../beside/extra");
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    assert!(world.has(INSTALLED) && world.has(".claude/skills/extra/SKILL.md"));
}

#[test]
fn a_changed_folder_is_installed_and_locked_anew() {
    let world = world();
    world.ok(&["install", "--path", "skills/house-style"]);
    let before = world.locked("house-style");
    let lock = world.read("cpm.lock");
    world.ok(&["install"]);
    assert_eq!(world.read("cpm.lock"), lock);
    world.write("skills/house-style/SKILL.md", &skill("house-style", "two"));
    world.ok(&["install"]);
    assert_eq!(world.read(INSTALLED), skill("house-style", "two"));
    assert_ne!(world.locked("house-style")["checksum"], before["checksum"]);
    world.ok(&["verify"]);
}

#[test]
fn a_changed_folder_is_out_of_step_with_a_lock_that_may_not_change() {
    let world = world();
    world.ok(&["install", "--path", "skills/house-style"]);
    world.write("skills/house-style/SKILL.md", &skill("house-style", "two"));
    for flag in ["--locked", "--frozen"] {
        let run = world.fails(11, &["install", flag]);
        assert!(run.stderr.contains("house-style"), "{run}");
    }
    assert_eq!(world.read(INSTALLED), skill("house-style", "one"));
}

#[test]
fn a_link_inside_a_folder_is_refused() {
    let world = world();
    let inside = world.project().join("skills/house-style");
    for target in ["/etc/passwd", "SKILL.md", "nowhere", "."] {
        let link = inside.join("notes.md");
        symlink(target, &link).expect("a link");
        let run = world.fails(24, &["install", "--path", "skills/house-style"]);
        assert!(run.stderr.contains("notes.md"), "{run}");
        std::fs::remove_file(link).expect("removed");
    }
    world.ok(&["install", "--path", "skills/house-style"]);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let world = world();
    world.write("file", "x");
    for path in ["skills/nope", "file"] {
        let run = world.fails(14, &["install", "--path", path]);
        assert!(run.stderr.contains(path), "{run}");
    }
    world.ok(&["install", "--path", "skills/house-style"]);
    std::fs::rename(world.project().join("skills"), world.project().join("moved")).expect("moved");
    let run = world.fails(14, &["install"]);
    assert!(run.stderr.contains("skills/house-style"), "{run}");
    assert!(world.has(INSTALLED));
}

#[test]
fn a_folder_with_nothing_for_the_client_is_refused() {
    let world = World::in_git();
    world.write("empty/README.md", "x\n");
    world.fails(10, &["install", "--path", "empty"]);
}

#[test]
fn a_checkout_leaves_its_git_folder_behind() {
    let world = World::in_git();
    let repo = crate::support::Repo::new(&world, "solo", &[("SKILL.md", &skill("solo", "x"))]);
    world.ok(&["install", "--path", &repo.dir().display().to_string()]);
    assert!(world.has(".claude/skills/solo/SKILL.md") && !world.has(".claude/skills/solo/.git"));
    repo.commit(&[("README.md", "y\n")]);
    repo.remove(&["README.md"]);
    let lock = world.read("cpm.lock");
    world.ok(&["install"]);
    assert_eq!(world.read("cpm.lock"), lock);
}

#[test]
fn marks_that_the_client_leaves_in_its_copies_are_not_part_of_a_package() {
    let world = world();
    world.ok(&["install", "--path", "skills/house-style"]);
    let before = world.locked("house-style");
    world.write("skills/house-style/.in_use/4711", "");
    world.write("skills/house-style/.orphaned_at", "1");
    world.ok(&["update"]);
    assert_eq!(world.locked("house-style"), before);
    assert!(!world.has(".claude/skills/house-style/.in_use"));
}

#[test]
fn a_folder_of_the_user_scope_is_relative_to_the_users_manifest() {
    let world = world();
    write(&world.home().join("mine/notes/SKILL.md"), skill("notes", "x"));
    let run = world.cpm_in(&world.home(), &["install", "-s", "user", "--path", "mine/notes"]);
    assert_eq!(run.code, 0, "{run}");
    let manifest = std::fs::read_to_string(world.home().join(".claude/cpm.toml")).expect("a manifest");
    assert!(manifest.contains("notes = { path = \"../mine/notes\" }"), "{manifest}");
    assert!(world.home().join(".claude/skills/notes/SKILL.md").exists());
}
