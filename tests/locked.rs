//! `--locked` and `--frozen`, and locks that are no locks: refused with one code, and never written.

use crate::locking::with_kit;
use crate::support::{Run, World};

/// Both flags refuse, naming the package.
fn both_refuse(world: &World, name: &str) {
    for flag in ["--locked", "--frozen"] {
        let run = world.fails(11, &["install", flag]);
        assert!(run.stderr.contains(name), "{run}");
    }
}

#[test]
fn without_a_lock_a_locked_install_fails() {
    let (world, _repo) = with_kit();
    crate::support::delete(&world.project().join("cpm.lock"));
    both_refuse(&world, "there is no lock");
}

#[test]
fn an_empty_manifest_without_a_lock_is_no_reason_to_write_one() {
    let world = World::in_git();
    world.write("cpm.toml", "[dependencies]\n");
    both_refuse(&world, "there is no lock");
}

#[test]
fn a_dependency_that_the_lock_lacks_is_named() {
    let (world, _repo) = with_kit();
    world.write("cpm.toml", &(world.read("cpm.toml") + "commit-messages = \"1\"\n"));
    both_refuse(&world, "`commit-messages`");
}

#[test]
fn a_locked_package_that_nobody_asks_for_is_named() {
    let (world, _repo) = with_kit();
    world.ok(&["install", "commit-messages"]);
    world.write("cpm.toml", &world.read("cpm.toml").replace("commit-messages = \"1.0.0\"\n", ""));
    both_refuse(&world, "`commit-messages`");
}

#[test]
fn a_requirement_that_the_locked_version_does_not_meet_is_out_of_step() {
    let world = World::in_git();
    world.ok(&["install", "commit-messages"]);
    world.write("cpm.toml", "[dependencies]\ncommit-messages = \"9\"\n");
    both_refuse(&world, "`commit-messages`");
}

#[test]
fn a_locked_run_adds_and_moves_nothing() {
    let (world, repo) = with_kit();
    world.fails(11, &["install", "commit-messages", "--locked"]);
    world.fails(11, &["install", "commit-messages", "--frozen"]);
    repo.commit(&[("SKILL.md", &crate::support::skill("kit", "two"))]);
    let run = world.fails(11, &["update", "--locked"]);
    assert!(run.stderr.contains("`kit`"), "{run}");
}

#[test]
fn in_ci_an_install_without_names_is_locked_and_says_so() {
    let (mut world, repo) = with_kit();
    world.set("CI", "true");
    let run = world.ok(&["install"]);
    assert_eq!(run.stderr.matches("`--locked`").count(), 1, "{run}");
    let manifest = world.read("cpm.toml");
    world.write("cpm.toml", &(manifest.clone() + "commit-messages = \"1\"\n"));
    let run = world.fails(11, &["install"]);
    assert!(run.stderr.contains("`commit-messages`") && run.stderr.contains("`CI`"), "{run}");
    // Who names a package, updates, or has no lock yet wants it written.
    world.ok(&["install", "safe-git"]);
    repo.commit(&[("SKILL.md", &crate::support::skill("kit", "two"))]);
    world.ok(&["update"]);
    assert!(world.read("cpm.lock").contains(&repo.head()));
    crate::support::delete(&world.project().join("cpm.lock"));
    world.ok(&["install"]);
    for off in ["", "0", "false"] {
        world.set("CI", off);
        world.write("cpm.toml", &(manifest.clone() + "deepwiki = \"1\"\n"));
        world.ok(&["install"]);
        world.write("cpm.toml", &manifest);
        world.ok(&["install"]);
    }
}

#[test]
fn frozen_asks_nobody() {
    let (world, repo) = with_kit();
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    world.check_out_anew();
    world.empty_cache();
    let run = world.fails(14, &["install", "--frozen"]);
    assert!(run.stderr.contains(&repo.url()), "{run}");
}

/// Every command that reads the lock refuses it and leaves it alone.
fn refused(world: &World, lock: impl AsRef<[u8]>, words: &str) {
    crate::support::write(&world.project().join("cpm.lock"), lock);
    for args in
        [&["install"][..], &["install", "commit-messages"], &["install", "--frozen"], &["update"], &["remove", "kit"]]
    {
        let run: Run = world.fails(11, args);
        assert!(run.stderr.contains(words) && run.stderr.contains("cpm.lock"), "{args:?}\n{run}");
    }
    for args in [["list"], ["verify"]] {
        assert_eq!(world.cpm(&args).code, 11, "{args:?}");
    }
}

#[test]
fn an_empty_lock_is_not_a_lock_without_packages() {
    let (world, _repo) = with_kit();
    refused(&world, "", "empty");
    refused(&world, " \n\n", "empty");
}

#[test]
fn a_lock_from_a_newer_cpm_is_not_touched() {
    let (world, _repo) = with_kit();
    refused(&world, "version = 2\n[packages.kit]\nnew = true\n", "format 2");
    refused(&world, world.read("cpm.lock").replace("version = 1", "version = \"one\""), "format");
}

#[test]
fn conflict_markers_are_named_by_line() {
    let (world, _repo) = with_kit();
    let lock = world.read("cpm.lock");
    world.write("cpm.lock", &format!("<<<<<<< HEAD\n{lock}=======\n{lock}>>>>>>> theirs\n"));
    for args in [&["install", "--frozen"][..], &["update"], &["remove", "kit"], &["verify"]] {
        let run = world.fails(11, args);
        assert!(run.stderr.contains("merge conflict") && run.stderr.contains("line 1, "), "{args:?}\n{run}");
    }
}

#[test]
fn entries_that_no_cpm_writes_are_refused() {
    let (world, _repo) = with_kit();
    let lock = world.read("cpm.lock");
    let block = lock.split_once("\n[[").expect("a block").1;
    refused(&world, format!("{lock}\n[[{block}"), "twice");
    refused(&world, lock.replace("\"t1:", "\"t9:"), "t9:");
    refused(&world, lock.replace("surface =", "surfaces ="), "surface");
    let without_checksum: String =
        lock.lines().filter(|line| !line.starts_with("checksum")).map(|line| format!("{line}\n")).collect();
    refused(&world, without_checksum, "checksum");
    refused(&world, lock.replace("name = \"kit\"", "name = \"../kit\""), "../kit");
    refused(&world, lock.replace("file://", "https://user:tok-en@"), "cpm.lock");
    assert!(!world.cpm(&["install"]).stderr.contains("tok-en"));
    refused(&world, [lock.as_bytes(), b"# \xff\n"].concat(), "UTF-8");
}

#[test]
fn a_lock_that_was_cut_off_is_never_taken_for_a_shorter_one() {
    let (world, _repo) = with_kit();
    world.ok(&["install", "commit-messages"]);
    let lock = world.read("cpm.lock");
    for end in (1..lock.len()).step_by(23).chain([lock.len() - 1]) {
        world.write("cpm.lock", &lock[..end]);
        world.fails(11, &["install", "--frozen"]);
    }
}
