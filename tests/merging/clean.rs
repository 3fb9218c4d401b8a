//! Locks that git merges clean although they do not fit together: one branch moved a package, the other added one that
//! needs the old version. Nobody installs that, on whichever machine it is found.

use super::{clean, merge};
use crate::locking::locked;
use crate::support::{Index, Repo, Run, World, git, skill};

/// What is wrong after every merge here.
const WRONG: &str = "`zx` 1.0.0 needs `core` `^1`, but `core` 2.0.0 is locked";

/// The files of a plugin that needs others, each with an npm range.
fn plugin(name: &str, version: &str, needs: &[(&str, &str)]) -> [(String, String); 2] {
    let needs: Vec<_> = needs.iter().map(|(name, range)| serde_json::json!({"name": name, "version": range})).collect();
    let json = serde_json::json!({"name": name, "version": version, "dependencies": needs});
    [
        (".claude-plugin/plugin.json".to_owned(), json.to_string()),
        (format!("skills/{name}/SKILL.md"), skill(name, version)),
    ]
}

/// Publishes such a plugin; the line about it says the same as plugin.json.
fn publish(index: &Index, name: &str, version: &str, needs: &[(&str, &str)]) {
    let files = plugin(name, version, needs);
    index.publish(name, version, needs, &files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
}

/// `core` 1.0.0, which `app` needs, and packages whose blocks lie between its own and the last.
fn with_core() -> (World, Index) {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    publish(&index, "app", "1.0.0", &[("core", "*")]);
    world.ok(&["install", "app", "deepwiki", "playwright", "safe-git"]);
    (world, index)
}

/// A clean merge: ours moved `core` to 2.0.0, theirs did what adds `zx`.
fn merged_with(world: &World, index: &Index, theirs: impl Fn()) {
    let ours = || {
        index.release("core", "2.0.0", &[]);
        world.ok(&["update", "core"]);
    };
    clean(&merge(world, theirs, ours, "merge"));
    assert_eq!((locked(world, "core", "version"), locked(world, "zx", "version")), ("2.0.0".into(), "1.0.0".into()));
}

/// [`merged_with`] a `zx` from the index.
fn merged() -> (World, Index) {
    let (world, index) = with_core();
    merged_with(&world, &index, || {
        publish(&index, "zx", "1.0.0", &[("core", "^1")]);
        world.ok(&["install", "zx"]);
    });
    (world, index)
}

/// A machine of its own with a clone of the project at a branch.
fn clone(world: &World, branch: &str) -> World {
    let other = World::new();
    let from = world.project().display().to_string();
    git(&other.project(), &["clone", "-q", "--branch", branch, &from, "."]);
    other
}

/// Every run that may not change the lock refuses it, and one that may mends it.
fn refuses_then_mends(world: &mut World) -> Run {
    for args in [&["install", "--locked"][..], &["install", "--frozen"]] {
        let run = world.fails(11, args);
        assert!(run.stderr.contains(WRONG) && run.stderr.contains("run `cpm install`"), "{args:?}\n{run}");
    }
    world.set("CI", "true");
    let run = world.fails(11, &["install"]);
    assert!(run.stderr.contains(WRONG), "{run}");
    world.set("CI", "");
    let run = world.ok(&["install"]);
    assert!(run.stderr.contains(WRONG), "{run}");
    assert_eq!((locked(world, "core", "version"), locked(world, "zx", "version")), ("1.0.0".into(), "1.0.0".into()));
    assert_eq!(world.ok(&["install", "--frozen"]).stdout.matches("Up to date").count(), 1);
    world.ok(&["verify"]);
    run
}

#[test]
fn who_merged_is_told_that_the_new_package_does_not_suit_the_moved_one() {
    let (mut world, _index) = merged();
    refuses_then_mends(&mut world);
    assert!(world.read(".claude/skills/core/SKILL.md").contains("1.0.0"));
}

#[test]
fn who_has_the_dependant_is_told_that_the_moved_package_does_not_suit_it() {
    let (world, _index) = merged();
    let mut theirs = clone(&world, "theirs");
    theirs.ok(&["install"]);
    git(&theirs.project(), &["pull", "-q", "--ff-only", "origin", "main"]);
    refuses_then_mends(&mut theirs);
}

#[test]
fn a_fresh_clone_is_told_without_any_index() {
    let (world, _index) = merged();
    refuses_then_mends(&mut clone(&world, "main"));
}

#[test]
fn what_only_the_line_of_an_index_says_counts_where_the_index_was_heard_of_or_is_asked() {
    let (world, index) = with_core();
    merged_with(&world, &index, || {
        index.release("zx", "1.0.0", &[("core", "^1")]);
        world.ok(&["install", "zx"]);
    });
    let fresh = clone(&world, "main");
    let run = fresh.ok(&["install", "--locked"]);
    assert!(run.stderr.contains("`zx` allows") && run.stderr.contains("cpm verify --online"), "{run}");
    let run = fresh.cpm(&["verify", "--online"]);
    assert!(run.code == 1 && run.stdout.contains("unsuitable") && run.stdout.contains("`zx` 1.0.0 needs"), "{run}");
    let run = world.fails(11, &["install", "--frozen"]);
    assert!(run.stderr.contains("`zx` 1.0.0 needs `core` `1`, but `core` 2.0.0 is locked"), "{run}");
    world.ok(&["install"]);
    assert_eq!(locked(&world, "core", "version"), "1.0.0");
    world.ok(&["verify", "--online"]);
}

#[test]
fn a_package_straight_from_a_repository_is_held_to_its_word_too() {
    let (mut world, index) = with_core();
    let files = plugin("zx", "1.0.0", &[("core", "^1")]);
    let zx = Repo::new(&world, "zx", &files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
    merged_with(&world, &index, || drop(world.ok(&["install", "--git", &zx.url()])));
    refuses_then_mends(&mut clone(&world, "main"));
    refuses_then_mends(&mut world);
}

#[test]
fn npm_ranges_of_a_marketplace_count_and_older_releases_come_from_its_tags() {
    let mut world = World::in_git();
    let entry = |name: &str| format!(r#"{{"name":"{name}","source":"./{name}"}}"#);
    let commit = |repo: &Repo, name: &str, version: &str, needs: &[(&str, &str)]| {
        let files = plugin(name, version, needs).map(|(path, text)| (format!("{name}/{path}"), text));
        repo.commit(&files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
    };
    let market = Repo::marketplace(&world, "shop", &["app", "core", "zx"].map(entry).join(","), &[]);
    commit(&market, "core", "1.0.0", &[]);
    commit(&market, "app", "1.0.0", &[("core", "*")]);
    commit(&market, "zx", "1.0.0", &[("core", "^1")]);
    market.git(&["tag", "core--v1.0.0"]);
    world.ok(&["index", "add", "shop", &market.url()]);
    world.ok(&["install", "app", "deepwiki", "playwright", "safe-git"]);
    let ours = || {
        commit(&market, "core", "2.0.0", &[]);
        world.ok(&["update", "core"]);
    };
    clean(&merge(&world, || drop(world.ok(&["install", "zx"])), ours, "merge"));
    refuses_then_mends(&mut clone(&world, "main"));
    refuses_then_mends(&mut world);
}

#[test]
fn no_command_installs_what_does_not_fit_together() {
    let (world, _index) = merged();
    let run = world.fails(11, &["remove", "deepwiki"]);
    assert!(run.stderr.contains(WRONG), "{run}");
    for args in [&["install", "commit-messages"][..], &["lock"], &["update", "safe-git"]] {
        let (world, _index) = merged();
        world.ok(args);
        assert_eq!(locked(&world, "core", "version"), "1.0.0", "{args:?}");
        world.ok(&["install", "--locked"]);
    }
}

#[test]
fn where_the_manifest_asks_for_both_the_merge_is_explained() {
    let (world, index) = with_core();
    world.ok(&["install", "core@1"]);
    let ours = || {
        index.release("core", "2.0.0", &[]);
        world.ok(&["install", "core@2"]);
    };
    let theirs = || {
        publish(&index, "zx", "1.0.0", &[("core", "^1")]);
        world.ok(&["install", "zx"]);
    };
    clean(&merge(&world, theirs, ours, "merge"));
    let run = world.fails(12, &["install"]);
    assert!(run.stderr.contains("`zx` 1.0.0 needs `core` `1`"), "{run}");
    assert!(run.stderr.contains("your manifest asks for `core` `2`"), "{run}");
}

#[test]
fn a_lock_without_a_package_that_another_says_it_needs_is_refused() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    let files = plugin("zx", "1.0.0", &[("core", "^1")]);
    let zx = Repo::new(&world, "zx", &files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
    world.ok(&["install", "--git", &zx.url()]);
    let lock = world.read("cpm.lock");
    let (_, zx) = lock.split_once("[[package]]\nname = \"zx\"").expect("a block");
    let zx = zx.split("dependencies").next().expect("a start");
    world.write("cpm.lock", &format!("version = 1\n\n[[package]]\nname = \"zx\"{zx}"));
    world.check_out_anew();
    for args in [&["install"][..], &["install", "--locked"], &["install", "--frozen"]] {
        let run = world.fails(11, args);
        assert!(run.stderr.contains("`zx` 1.0.0 needs `core`") && run.stderr.contains("cpm update zx"), "{run}");
    }
    world.ok(&["update", "zx"]);
    assert_eq!(locked(&world, "core", "version"), "1.0.0");
}
