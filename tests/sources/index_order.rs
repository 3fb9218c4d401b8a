//! Which index answers for a name, and what happens when it cannot be asked.

use crate::support::{IndexRepo, World, skill};

/// Indexes `first` and `second`, configured in this order.
fn two(world: &World) -> (IndexRepo, IndexRepo) {
    let (first, second) = (IndexRepo::new(world, "first"), IndexRepo::new(world, "second"));
    world.ok(&["index", "add", "first", &first.url()]);
    world.ok(&["index", "add", "second", &second.url()]);
    (first, second)
}

#[test]
fn the_first_index_that_has_the_name_answers_even_with_an_older_version() {
    let world = World::in_git();
    let (first, second) = two(&world);
    first.publish("tool", &["1.0.0"]);
    second.publish("tool", &["9.0.0"]);
    second.publish("only-there", &["1.0.0"]);
    world.ok(&["install", "tool", "only-there"]);
    assert_eq!(world.locked("tool")["version"], "1.0.0");
    assert_eq!(world.locked("tool")["index"], first.url());
    assert_eq!(world.locked("only-there")["index"], second.url());
    world.fails(12, &["install", "tool@9"]);
}

#[test]
fn an_index_rules_over_the_built_in_one() {
    let world = World::in_git();
    let (first, _second) = two(&world);
    first.publish("github-tools", &["0.1.0"]);
    world.ok(&["install", "github-tools"]);
    assert_eq!(world.locked("github-tools")["index"], first.url());
    assert!(world.has(".claude/skills/github-tools/SKILL.md"));
}

#[test]
fn a_named_index_is_the_only_one_asked() {
    let world = World::in_git();
    let (first, second) = two(&world);
    first.publish("tool", &["1.0.0"]);
    second.publish("tool", &["2.0.0"]);
    world.ok(&["install", "tool", "--index", "second"]);
    assert_eq!(world.locked("tool")["index"], second.url());
    assert_eq!(world.dependency("tool")["index"], "second");
    assert_eq!(world.read(".claude/skills/tool/SKILL.md"), skill("tool", "tool 2.0.0"));
    first.publish("tool", &["3.0.0"]);
    world.ok(&["update"]);
    assert_eq!(world.locked("tool")["version"], "2.0.0");
    world.fails(14, &["install", "github-tools", "--index", "second"]);
    let run = world.fails(14, &["install", "tool", "--index", "third"]);
    assert!(run.stderr.contains("first, second"), "{run}");
}

#[test]
fn a_named_index_may_come_after_one_that_cannot_be_reached() {
    let world = World::in_git();
    let (first, second) = two(&world);
    second.publish("tool", &["2.0.0"]);
    first.repo.delete();
    world.ok(&["install", "tool", "--index", "second"]);
    assert_eq!(world.locked("tool")["index"], second.url());
}

#[test]
fn an_index_that_cannot_be_reached_stops_the_run_instead_of_asking_the_next() {
    for (address, code) in [("file:///nowhere/at/all", 14), ("http://127.0.0.1:1/index", 13)] {
        let world = World::in_git();
        let second = IndexRepo::new(&world, "second");
        second.publish("tool", &["1.0.0"]);
        world.ok(&["index", "add", "--offline", "first", address]);
        world.ok(&["index", "add", "second", &second.url()]);
        for name in ["tool", "github-tools"] {
            let run = world.fails(code, &["install", name]);
            assert!(run.stderr.contains("`first`") && run.stderr.contains(address), "{run}");
        }
        world.ok(&["install", "tool", "--index", "second"]);
    }
}

#[test]
fn an_index_that_is_gone_does_not_touch_what_is_locked() {
    let world = World::in_git();
    let (first, second) = two(&world);
    first.publish("tool", &["1.0.0"]);
    second.publish("other", &["1.0.0"]);
    world.ok(&["install", "tool", "other"]);
    first.repo.delete();
    world.check_out_anew();
    world.ok(&["install", "--locked"]);
    assert!(world.has(".claude/skills/tool/SKILL.md") && world.has(".claude/skills/other/SKILL.md"));
    world.ok(&["remove", "other"]);
    assert!(!world.has(".claude/skills/other"));
}

#[test]
fn two_names_for_one_repository_do_not_confuse_the_lock() {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    index.publish("tool", &["1.0.0"]);
    world.ok(&["index", "add", "one", &index.url()]);
    world.ok(&["index", "add", "two", &index.url()]);
    world.ok(&["install", "tool", "--index", "two"]);
    world.ok(&["install", "--locked"]);
}

#[test]
fn a_branch_of_an_index_is_the_one_asked() {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    index.publish("tool", &["1.0.0"]);
    index.repo.git(&["checkout", "-q", "-b", "beta"]);
    index.publish("tool", &["2.0.0"]);
    index.repo.git(&["checkout", "-q", "main"]);
    world.ok(&["index", "add", "acme", &index.url(), "--branch", "beta"]);
    world.ok(&["install", "tool"]);
    assert_eq!(world.locked("tool")["version"], "2.0.0");
}

#[test]
fn a_package_that_its_index_drops_is_not_taken_over_by_another_index() {
    let world = World::in_git();
    let (first, second) = two(&world);
    first.publish("tool", &["1.0.0"]);
    first.publish("other", &["1.0.0"]);
    world.ok(&["install", "tool", "other"]);
    let before = world.locked("tool");
    first.repo.remove(&["packages/to/ol/tool.jsonl"]);
    second.publish("tool", &["1.5.0"]);
    let run = world.ok(&["update"]);
    assert_eq!(world.locked("tool"), before);
    assert!(run.stderr.contains("no longer in the index"), "{run}");
    world.ok(&["install", "tool", "--index", "second"]);
    assert_eq!(world.locked("tool")["index"], second.url());
}

#[test]
fn an_index_whose_packages_are_installed_stays() {
    let world = World::in_git();
    let (first, _second) = two(&world);
    first.publish("tool", &["1.0.0"]);
    world.ok(&["install", "tool"]);
    let run = world.fails(30, &["index", "remove", "first"]);
    assert!(run.stderr.contains("`tool`"), "{run}");
    world.ok(&["index", "remove", "second"]);
    world.ok(&["remove", "tool"]);
    world.ok(&["index", "remove", "first"]);
}
