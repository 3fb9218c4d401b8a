//! Bytes that are not the locked ones, and locks that point elsewhere: nothing of it is installed.

use crate::locking::{locked, with_kit};
use crate::support::{Index, Repo, World, delete, skill, snapshot};

/// Replaces a value in the lock.
fn relock(world: &World, old: &str, new: &str) {
    let lock = world.read("cpm.lock");
    assert!(lock.contains(old), "{lock}");
    world.write("cpm.lock", &lock.replace(old, new));
}

#[test]
fn content_other_than_locked_is_refused_with_both_checksums() {
    let (world, repo) = with_kit();
    let old = repo.head();
    let new = repo.commit(&[("SKILL.md", &skill("kit", "two"))]);
    relock(&world, &old, &new);
    world.check_out_anew();
    world.empty_cache();
    let wanted = locked(&world, "kit", "checksum");
    for args in [&["install"][..], &["install", "--locked"]] {
        let run = world.fails(20, args);
        let line = |word: &str| {
            let found = run.stderr.lines().find_map(|line| line.split_once(word).map(|(_, rest)| rest.trim()));
            found.unwrap_or_else(|| panic!("no {word:?} in {run}")).to_owned()
        };
        assert!(line("source:").contains(&repo.url()), "{run}");
        assert_eq!(line("expected:"), wanted);
        assert!(line("got:").starts_with("t1:") && line("got:") != wanted, "{run}");
        assert!(!world.has(".claude"), "{run}");
    }
}

#[test]
fn a_damaged_store_entry_is_fetched_again() {
    let (world, _repo) = with_kit();
    let before = snapshot(&world.project());
    let hex = locked(&world, "kit", "checksum").replace("t1:", "");
    let stored = world.path("cache/store-v1").join(hex).join("SKILL.md");
    let good = std::fs::read(&stored).expect("a stored file");
    for damage in ["", "something else\n"] {
        std::fs::write(&stored, damage).expect("damaged");
        world.check_out_anew();
        world.ok(&["install", "--frozen"]);
        assert_eq!(snapshot(&world.project()), before);
        assert_eq!(std::fs::read(&stored).expect("a stored file"), good);
    }
}

#[test]
fn a_lock_that_is_wrong_about_what_runs_is_refused() {
    let (world, _repo) = with_kit();
    let surface = locked(&world, "kit", "surface");
    relock(&world, &surface, &format!("s1:{}", "0".repeat(64)));
    world.check_out_anew();
    let run = world.fails(20, &["install", "--frozen"]);
    assert!(run.stderr.contains(&surface), "{run}");
}

/// A repository that only a manipulated lock names, and its lock block.
fn stranger(world: &World) -> (Repo, String) {
    let repo = Repo::new(world, "evil", &[("SKILL.md", &skill("kit", "evil"))]);
    let other = World::in_git();
    other.ok(&["install", "kit", "--git", &repo.url()]);
    let lock = other.read("cpm.lock");
    (repo, lock.split_once("\n[[package]]").expect("a block").1.to_owned())
}

#[test]
fn a_lock_cannot_send_a_git_dependency_to_another_repository() {
    let (world, repo) = with_kit();
    let (evil, block) = stranger(&world);
    let head = world.read("cpm.lock").split_once("\n[[package]]").expect("a block").0.to_owned();
    world.write("cpm.lock", &format!("{head}\n[[package]]{block}"));
    world.check_out_anew();
    world.fails(11, &["install", "--frozen"]);
    world.fails(11, &["install", "--locked"]);
    world.ok(&["install"]);
    assert!(world.read(".claude/skills/kit/SKILL.md").contains("one"));
    assert!(locked(&world, "kit", "source").contains(&repo.url()));
    assert!(!world.read("cpm.lock").contains(&evil.url()));
}

#[test]
fn a_lock_cannot_send_a_package_to_another_index() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    let good = world.read("cpm.lock");
    let evil = Index::new(&world, "evil");
    evil.publish("kit", "1.0.0", &[], &[("SKILL.md", &skill("kit", "evil"))]);
    relock(&world, &index.repo.url(), &evil.repo.url());
    relock(&world, &index.repo.head(), &evil.repo.head());
    relock(
        &world,
        &locked(&world, "kit", "checksum"),
        &crate::support::index::checksum(&[("SKILL.md", &skill("kit", "evil"))]),
    );
    world.check_out_anew();
    world.fails(11, &["install", "--frozen"]);
    world.ok(&["install"]);
    assert_eq!(world.read("cpm.lock"), good);
    assert!(world.read(".claude/skills/kit/SKILL.md").contains("1.0.0"));
}

#[test]
fn a_release_published_again_with_other_bytes_is_refused() {
    let world = World::in_git();
    let first = Index::added(&world, "acme");
    first.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    let line = first.repo.git(&["show", "HEAD:packages/3/k/kit.jsonl"]);
    let other = skill("kit", "other");
    let was = crate::support::index::checksum(&[("SKILL.md", &skill("kit", "1.0.0"))]);
    let now = crate::support::index::checksum(&[("SKILL.md", &other)]);
    first.repo.commit(&[
        ("packages/3/k/kit.jsonl", &(line.replace(&was, &now) + "\n")),
        ("content/kit/1.0.0/SKILL.md", &other),
    ]);
    let run = world.fails(20, &["update"]);
    assert!(run.stderr.contains(&was) && run.stderr.contains(&now), "{run}");
}

#[test]
fn an_index_that_is_wrong_about_the_content_is_refused() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    index.repo.commit(&[("content/kit/1.0.0/SKILL.md", &skill("kit", "other"))]);
    let run = world.fails(20, &["install", "kit"]);
    assert!(run.stderr.contains("the index"), "{run}");
    delete(&world.path("cache"));
    world.fails(20, &["install", "kit"]);
}
