//! The lock among people: branches that git merges, locks that it could not merge, and the merge driver.

mod clean;
mod random;

use std::path::Path;

use crate::locking::{locked, with_kit};
use crate::support::{Index, Repo, Run, World, delete, git, skill, snapshot};

/// Commits the project's files.
fn commit(world: &World, message: &str) {
    let project = world.project();
    git(&project, &["add", "cpm.toml", "cpm.lock"]);
    git(&project, &["commit", "-q", "-m", message]);
}

/// Commits what there is, then makes the branches `theirs` and `main` and merges the one into the other. The end of
/// the merge.
fn merge(world: &World, theirs: impl Fn(), ours: impl Fn(), style: &str) -> Run {
    let project = world.project();
    commit(world, "base");
    git(&project, &["switch", "-q", "-c", "theirs"]);
    theirs();
    commit(world, "theirs");
    git(&project, &["switch", "-q", "main"]);
    world.ok(&["install"]);
    ours();
    commit(world, "ours");
    merge_again(world, style)
}

fn merge_again(world: &World, style: &str) -> Run {
    let style = format!("merge.conflictStyle={style}");
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", &style];
    let args = [&identity[..], &["merge", "--no-edit", "theirs"]].concat();
    Run::of(world.command("git").args(args).output().expect("git runs"))
}

fn clean(run: &Run) {
    assert_eq!(run.code, 0, "{run}");
}

fn conflicts(run: &Run) {
    assert_eq!(run.code, 1, "{run}");
}

/// Lets git find cpm.
fn with_driver(world: &mut World) -> Run {
    let bin = Path::new(env!("CARGO_BIN_EXE_cpm")).parent().expect("a folder").display().to_string();
    world.set("PATH", format!("{bin}:{}", std::env::var("PATH").expect("a PATH")));
    let run = world.ok(&["init", "--merge-driver"]);
    git(&world.project(), &["add", ".gitattributes"]);
    run
}

fn update(world: &World, index: &Index, version: &str) {
    index.release("kit", version, &[]);
    world.ok(&["update"]);
    assert_eq!(locked(world, "kit", "version"), version);
}

/// A project whose branches updated one package to 1.1.0 (theirs) and 1.2.0 (ours).
fn updated_twice(style: &str) -> (World, Index, Run) {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    let run = merge(&world, || update(&world, &index, "1.1.0"), || update(&world, &index, "1.2.0"), style);
    (world, index, run)
}

#[test]
fn a_conflicted_lock_heals_with_the_newer_of_both_sides() {
    for style in ["merge", "diff3", "zdiff3"] {
        let (world, _index, run) = updated_twice(style);
        conflicts(&run);
        let ours = git(&world.project(), &["show", "main:cpm.lock"]) + "\n";
        assert!(world.read("cpm.lock").contains("\n<<<<<<< "));
        let run = world.ok(&["install"]);
        assert!(run.stderr.contains("`kit`: 1.2.0 (ours 1.2.0, theirs 1.1.0)"), "{run}");
        assert_eq!(world.read("cpm.lock"), ours, "{style}");
        assert!(world.read(".claude/skills/kit/SKILL.md").contains("1.2.0"));
        world.ok(&["install", "--frozen"]);
    }
}

#[test]
fn a_conflict_that_git_does_not_know_of_heals_from_its_markers() {
    for style in ["merge", "diff3"] {
        let (world, _index, run) = updated_twice(style);
        conflicts(&run);
        delete(&world.project().join(".git"));
        world.ok(&["install"]);
        assert_eq!(locked(&world, "kit", "version"), "1.2.0");
        world.ok(&["install", "--frozen"]);
    }
}

/// Puts the body of `other` under the name of `kit`, on one side of a conflict, as git's hunks can.
fn mix(world: &World) {
    let lock = world.read("cpm.lock");
    let (head, rest) = lock.split_once("name = \"kit\"").expect("a block");
    let (kit, other) = rest.split_once("name = \"other\"").expect("two blocks");
    let kit = kit.trim_start().trim_end_matches("[[package]]\n").trim_end();
    let conflict = format!("name = \"kit\"\n<<<<<<< ours{other}=======\n{kit}\n>>>>>>> theirs\n");
    world.write("cpm.lock", &format!("{head}{conflict}\n[[package]]\nname = \"other\"{other}"));
}

#[test]
fn markers_cannot_give_one_package_the_place_of_another() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    index.release("other", "2.0.0", &[]);
    world.ok(&["install", "kit@*", "other@*"]);
    mix(&world);
    let run = world.ok(&["install"]);
    assert!(world.read(".claude/skills/kit/SKILL.md").contains("name: kit"), "{run}");

    // Where the index promises no checksums, and both have one version.
    let world = World::in_git();
    let names = ["kit", "other"];
    let texts = names.map(|name| skill(name, "text"));
    let files = [("kit/SKILL.md", texts[0].as_str()), ("other/SKILL.md", &texts[1])];
    let entries =
        names.map(|name| format!(r#"{{"name":"{name}","version":"1.0.0","source":"./{name}","strict":false}}"#));
    let market = Repo::marketplace(&world, "shop", &entries.join(","), &files);
    world.ok(&["index", "add", "shop", &market.url()]);
    world.ok(&["install", "kit", "other"]);
    let lock = world.read("cpm.lock");
    mix(&world);
    world.ok(&["install"]);
    assert_eq!(world.read("cpm.lock"), lock);
}

#[test]
fn it_does_not_matter_which_side_of_a_conflict_is_ours() {
    let (world, _index, run) = updated_twice("merge");
    conflicts(&run);
    let conflicted = world.read("cpm.lock");
    world.ok(&["lock", "--merge"]);
    let healed = world.read("cpm.lock");
    git(&world.project(), &["checkout", "-q", "-f", "theirs"]);
    git(
        &world.project(),
        &["branch", "-q", "-M", "main", "theirs"].map(|word| if word == "theirs" { "other" } else { word }),
    );
    let args = ["-c", "user.name=t", "-c", "user.email=t@example.com", "merge", "--no-edit", "other"];
    conflicts(&Run::of(world.command("git").args(args).output().expect("git runs")));
    assert_ne!(world.read("cpm.lock"), conflicted);
    world.ok(&["lock", "--merge"]);
    assert_eq!(world.read("cpm.lock"), healed);
}

#[test]
fn a_locked_run_does_not_heal_a_conflict_and_says_what_does() {
    let (world, _index, run) = updated_twice("merge");
    conflicts(&run);
    let calls =
        [&["install", "--locked"][..], &["install", "--frozen"], &["update"], &["remove", "kit"], &["lock", "--check"]];
    for args in calls {
        let run = world.fails(11, args);
        assert!(run.stderr.contains("merge conflict") && run.stderr.contains("cpm lock --merge"), "{args:?}\n{run}");
    }
    let before = snapshot(&world.project());
    world.ok(&["install", "--dry-run"]);
    world.ok(&["lock", "--merge", "--dry-run"]);
    assert_eq!(snapshot(&world.project()), before);
}

#[test]
fn lock_merge_heals_and_installs_nothing() {
    let (world, _index, run) = updated_twice("merge");
    conflicts(&run);
    let installed = snapshot(&world.project().join(".claude"));
    let document = world.ok(&["lock", "--merge", "--json"]).json();
    assert_eq!((&document["lock"]["written"], &document["lock"]["packages"]), (&true.into(), &1.into()));
    assert_eq!(snapshot(&world.project().join(".claude")), installed);
    world.ok(&["lock", "--check"]);
    assert_eq!(locked(&world, "kit", "version"), "1.2.0");
}

#[test]
fn a_side_of_a_conflict_with_other_bytes_than_it_says_is_refused() {
    let (world, _index, run) = updated_twice("merge");
    conflicts(&run);
    // Without git's own word only the text is left.
    delete(&world.project().join(".git/index"));
    let checksum = git(&world.project(), &["show", "main:cpm.lock"]);
    let checksum = checksum.split_once("\nchecksum = \"t1:").expect("a checksum").1[..64].to_owned();
    world.write("cpm.lock", &world.read("cpm.lock").replace(&checksum, &"0".repeat(64)));
    for args in [&["install"][..], &["lock", "--merge"]] {
        world.fails(20, args);
    }
}

#[test]
fn markers_that_do_not_match_are_refused() {
    let (world, _repo) = with_kit();
    let lock = world.read("cpm.lock");
    for damaged in [
        format!("<<<<<<< HEAD\n{lock}=======\n{lock}"),
        format!("{lock}>>>>>>> theirs\n"),
        format!("<<<<<<< HEAD\n{lock}<<<<<<< HEAD\n{lock}=======\n{lock}>>>>>>> theirs\n"),
        format!("<<<<<<< HEAD\n{lock}=======\nversion = 2\n>>>>>>> theirs\n"),
        format!("<<<<<<< HEAD\n{lock}=======\n>>>>>>> theirs\n"),
    ] {
        world.write("cpm.lock", &damaged);
        for args in [&["install"][..], &["lock", "--merge"]] {
            world.fails(11, args);
        }
    }
}

/// Both sides install a package, and the names are neighbours, also in the manifest.
fn neighbours(world: &World) -> Run {
    let theirs = || drop(world.ok(&["install", "pr-workflow"]));
    merge(world, theirs, || drop(world.ok(&["install", "safe-git"])), "merge")
}

#[test]
fn neighbours_that_two_branches_installed_heal_to_what_one_would_have() {
    let world = World::in_git();
    world.ok(&["install", "deepwiki"]);
    conflicts(&neighbours(&world));
    let run = world.fails(10, &["install"]);
    assert!(run.stderr.contains("merge conflict markers"), "{run}");
    let is_marker = |line: &&str| ["<<<<<<<", "=======", ">>>>>>>"].iter().all(|marker| !line.starts_with(marker));
    let manifest: String = world.read("cpm.toml").lines().filter(is_marker).map(|line| format!("{line}\n")).collect();
    world.write("cpm.toml", &manifest);
    world.ok(&["install"]);
    let other = World::in_git();
    other.ok(&["install", "deepwiki", "pr-workflow", "safe-git"]);
    assert_eq!(world.read("cpm.lock"), other.read("cpm.lock"));
    assert!(world.has(".claude/skills/safe-git") && world.has(".claude/skills/pr-workflow"));
}

/// One side moved `core` to 2.0.0, the other to 1.1.0 and added `x`, which needs `core` 1; 1.2.0 came later.
fn diverging(world: &World, index: &Index) -> Run {
    index.release("core", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("core", "*")]);
    index.release("x", "1.0.0", &[("core", "1")]);
    world.ok(&["install", "app", "deepwiki", "playwright", "safe-git"]);
    let theirs = || {
        index.release("core", "1.1.0", &[]);
        world.ok(&["update"]);
        world.ok(&["install", "x"]);
    };
    let ours = || {
        index.release("core", "2.0.0", &[]);
        world.ok(&["update"]);
    };
    let run = merge(world, theirs, ours, "merge");
    index.release("core", "1.2.0", &[]);
    run
}

#[test]
fn where_the_newer_side_is_not_possible_the_other_side_is_taken() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    conflicts(&diverging(&world, &index));
    world.ok(&["install"]);
    assert_eq!(locked(&world, "core", "version"), "1.1.0");
    world.ok(&["install", "--frozen"]);
}

/// One side removed `app`, and with it `core`; the other added `zx`, which needs `core`.
fn needed_elsewhere(world: &World, index: &Index) -> Run {
    index.release("core", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("core", "1")]);
    index.release("zx", "1.0.0", &[("core", "=1.0.0")]);
    world.ok(&["install", "app", "deepwiki", "playwright", "safe-git"]);
    merge(world, || drop(world.ok(&["install", "zx"])), || drop(world.ok(&["remove", "app"])), "merge")
}

#[test]
fn a_package_that_a_clean_merge_lost_comes_back_as_its_dependants_want_it() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    clean(&needed_elsewhere(&world, &index));
    index.release("core", "1.1.0", &[]);
    let run = world.fails(11, &["install"]);
    assert!(run.stderr.contains("`core`") && run.stderr.contains("cpm lock --merge"), "{run}");
    world.ok(&["lock", "--merge"]);
    assert_eq!(locked(&world, "core", "version"), "1.0.0");
    world.ok(&["install", "--locked"]);
}

#[test]
fn with_the_merge_driver_no_package_gets_lost() {
    let mut world = World::in_git();
    let index = Index::added(&world, "acme");
    with_driver(&mut world);
    clean(&needed_elsewhere(&world, &index));
    world.ok(&["install", "--locked"]);
    assert!(world.has(".claude/skills/core"));
}

#[test]
fn with_the_merge_driver_the_newer_update_wins_without_a_conflict() {
    let mut world = World::in_git();
    let index = Index::added(&world, "acme");
    with_driver(&mut world);
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    clean(&merge(&world, || update(&world, &index, "1.1.0"), || update(&world, &index, "1.2.0"), "merge"));
    assert_eq!(locked(&world, "kit", "version"), "1.2.0");
    world.ok(&["install", "--frozen"]);
}

#[test]
fn with_the_merge_driver_neighbours_do_not_conflict_in_the_lock() {
    let mut world = World::in_git();
    with_driver(&mut world);
    world.ok(&["install", "deepwiki"]);
    let run = neighbours(&world);
    conflicts(&run);
    assert!(run.stdout.contains("in cpm.toml") && !run.stdout.contains("in cpm.lock"), "{run}");
    let other = World::in_git();
    other.ok(&["install", "deepwiki", "pr-workflow", "safe-git"]);
    assert_eq!(world.read("cpm.lock"), other.read("cpm.lock"));
}

#[test]
fn the_merge_driver_leaves_a_conflict_where_only_an_index_knows_and_install_heals_it() {
    let mut world = World::in_git();
    let index = Index::added(&world, "acme");
    with_driver(&mut world);
    let run = diverging(&world, &index);
    conflicts(&run);
    assert!(run.stderr.contains("`core`") && run.stderr.contains("cpm install"), "{run}");
    assert_eq!(world.read("cpm.lock").matches("<<<<<<<").count(), 1);
    world.ok(&["install"]);
    assert_eq!(locked(&world, "core", "version"), "1.1.0");
}

#[test]
fn the_merge_driver_says_what_it_writes_and_writes_it_once() {
    let mut world = World::in_git();
    world.write(".gitattributes", "*.png binary");
    let run = world.ok(&["init", "--merge-driver", "--dry-run"]);
    assert!(run.stdout.contains("Would write `cpm.lock merge=cpm`"), "{run}");
    assert_eq!(world.read(".gitattributes"), "*.png binary");
    let run = with_driver(&mut world);
    for what in ["cpm.toml", "cpm.lock merge=cpm", ".gitattributes", "merge.cpm.driver", ".git/config"] {
        assert!(run.stdout.contains(what), "{what}: {run}");
    }
    assert_eq!(world.read(".gitattributes"), "*.png binary\ncpm.lock merge=cpm\n");
    let config = git(&world.project(), &["config", "--local", "merge.cpm.driver"]);
    assert_eq!(config, "cpm lock --merge-driver %O %A %B %P");
    let run = world.ok(&["init", "--merge-driver"]);
    assert!(run.stdout.contains("Up to date"), "{run}");
    assert_eq!(world.read(".gitattributes").matches("merge=cpm").count(), 1);
    let outside = World::new();
    outside.fails(2, &["init", "--merge-driver", "--scope", "project"]);
}

#[test]
fn the_merge_driver_leaves_our_side_alone_when_the_other_is_no_lock() {
    let (world, _repo) = with_kit();
    let ours = world.read("cpm.lock");
    world.write("ours", &ours);
    for theirs in ["version = 2\n", "nothing", "<<<<<<< x\n"] {
        world.write("theirs", theirs);
        world.fails(11, &["lock", "--merge-driver", "cpm.lock", "ours", "theirs"]);
        assert_eq!(world.read("ours"), ours);
    }
}

#[test]
fn lock_check_says_whether_the_lock_is_in_step_and_asks_nobody() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    index.repo.delete();
    world.empty_cache();
    world.ok(&["lock", "--check"]);
    let lock = world.read("cpm.lock");
    world.write("cpm.lock", &format!("\u{feff}{}", lock.replace('\n', "\r\n")));
    assert_eq!(world.ok(&["lock", "--check", "--json"]).json()["packages"], 1);
    world.write("cpm.toml", &(world.read("cpm.toml") + "safe-git = \"1\"\n"));
    let run = world.fails(11, &["lock", "--check"]);
    assert!(run.stderr.contains("`safe-git`") && !run.stderr.contains("`kit`"), "{run}");
    delete(&world.project().join("cpm.lock"));
    let run = world.fails(11, &["lock", "--check"]);
    assert!(run.stderr.contains("there is no lock"), "{run}");
}

#[test]
fn lock_writes_what_the_manifest_wants_and_installs_nothing() {
    let world = World::in_git();
    world.write("cpm.toml", "[dependencies]\nsafe-git = \"1\"\n");
    world.ok(&["lock"]);
    assert_eq!(locked(&world, "safe-git", "version"), "1.0.0");
    assert!(!world.has(".claude"));
    world.ok(&["install", "--frozen"]);
}

#[test]
fn lock_asks_before_it_locks_what_would_newly_run() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "2.0.0"] {
        let script = format!("#!/bin/sh\necho {version}\n");
        index.publish("kit", version, &[], &[("SKILL.md", &skill("kit", "text")), ("run.sh", &script)]);
    }
    world.ok(&["install", "kit@1"]);
    world.write("cpm.toml", &world.read("cpm.toml").replace("\"1\"", "\"2\""));
    let run = world.fails(23, &["lock"]);
    assert!(run.stderr.contains("run.sh"), "{run}");
    world.ok(&["lock", "--accept"]);
    assert_eq!(locked(&world, "kit", "version"), "2.0.0");
}
