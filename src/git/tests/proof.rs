//! Commits that belong to a repository, and commits that its server only happens to have.

use super::*;
use crate::error::Kind;

/// A commit on the same tree that no branch and no tag leads to; git serves it by its id all the same.
fn orphan(world: &World) -> Commit {
    let id = world.git(&["commit-tree", "-m", "from a fork", "main^{tree}"]);
    Commit::parse(&id).expect("a commit")
}

#[test]
fn what_a_branch_contains_or_a_tag_names_belongs_and_is_asked_for_once() {
    let world = World::new();
    world.git(&["checkout", "--quiet", "-b", "side", "light"]);
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "beside"]);
    world.git(&["tag", "-a", "of-side", "-m", "a tag", "side"]);
    world.git(&["tag", "-a", "of-tag", "-m", "a tag of a tag", "of-side"]);
    let tagged = world.commit("of-tag");
    world.git(&["checkout", "--quiet", "main"]);
    world.git(&["branch", "--quiet", "-D", "side"]);
    let url = world.url();
    for commit in [world.commit("main"), world.commit("main~1"), tagged] {
        world.cache().prove(&url, &commit).expect("it belongs");
        let processes = world.log.processes();
        world.cache().prove(&url, &commit).expect("known");
        world.offline().prove(&url, &commit).expect("nobody is asked");
        assert_eq!(world.log.processes(), processes, "{commit}");
    }
    // History came without trees; they still come when they are read.
    let tree = world.cache().tree(&url, &world.commit("main~1"), Some(&path("skills/pdf"))).expect("a tree");
    assert_eq!(tree.len(), 2);
}

#[test]
fn the_commit_of_a_ref_is_proved_by_the_answer_itself() {
    let world = World::new();
    let cache = world.cache();
    let main = cache.resolve(&world.url(), &RefWant::Head, Reading::Index).expect("a commit");
    let processes = world.log.processes();
    cache.prove(&world.url(), &main).expect("it belongs");
    assert_eq!(world.log.processes(), processes);
}

#[test]
fn a_commit_that_only_the_server_has_is_refused() {
    let world = World::new();
    let stray = orphan(&world);
    world.git(&["update-ref", "refs/pull/1/head", stray.as_str()]);
    let error = world.cache().prove(&world.url(), &stray).expect_err("a stray");
    assert_eq!(error.kind(), Kind::Integrity, "{error:?}");
    assert!(error.message().contains(stray.as_str()) && error.help_text().is_some(), "{error:?}");
    // Read, it may have been; belonging is another question, and the answer can change.
    world.git(&["branch", "accepted", stray.as_str()]);
    world.cache().prove(&world.url(), &stray).expect("now it belongs");
}

#[test]
fn a_commit_with_a_false_date_is_still_found() {
    let world = World::new();
    for date in ["@200000000 +0000", "@50 +0000", "@4000000000 +0000"] {
        let tree = world.git(&["rev-parse", "main^{tree}"]);
        let commit = world.git(&["rev-parse", "main"]);
        let text =
            format!("tree {tree}\nparent {commit}\nauthor a <a@b> {0}\ncommitter a <a@b> {0}\n\nx\n", &date[1..]);
        let served = Repository::open(world.path("served")).expect("the served repository");
        let odd = served.odb().expect("objects").write(ObjectType::Commit, text.as_bytes()).expect("a commit");
        world.git(&["update-ref", "refs/heads/main", &odd.to_string()]);
        world.git(&["reset", "--quiet", "--hard", "main"]);
        world.git(&["commit", "--quiet", "--allow-empty", "-m", "after"]);
        let odd = Commit::parse(&odd.to_string()).expect("a commit");
        world.cache().prove(&world.url(), &odd).unwrap_or_else(|error| panic!("{date}: {error:?}"));
    }
}

#[test]
fn a_history_that_was_rewritten_does_not_contain_what_it_did() {
    let world = World::new();
    let (url, before) = (world.url(), world.commit("main"));
    let contains = |want: &RefWant| world.cache().still_contains(&url, want, &before).expect("an answer");
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "third"]);
    assert!(contains(&RefWant::Head) && contains(&branch("main")));
    assert!(!contains(&tag("light")), "the tag stands before it");
    world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect("the tip");
    assert!(world.offline().still_contains(&url, &RefWant::Head, &before).expect("shown before"));
    let unknown = Commit::parse(&"2".repeat(40)).expect("a commit");
    assert!(world.offline().still_contains(&url, &RefWant::Head, &unknown).is_err(), "nobody can be asked");
    world.git(&["reset", "--quiet", "--hard", "light"]);
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "another second"]);
    assert!(!contains(&RefWant::Head) && !contains(&branch("main")));
    let gone = Commit::parse(&"1".repeat(40)).expect("a commit");
    assert!(!world.cache().still_contains(&url, &RefWant::Head, &gone).expect("an answer"));
    let missing = world.cache().still_contains(&url, &branch("nope"), &before).expect_err("no such branch");
    assert_eq!(missing.kind(), Kind::NotFound);
}

#[test]
fn servers_that_filter_nothing_prove_as_well() {
    let world = World::without_options();
    world.cache().prove(&world.url(), &world.commit("main~1")).expect("it belongs");
    let stray = orphan(&world);
    assert_eq!(world.cache().prove(&world.url(), &stray).expect_err("a stray").kind(), Kind::Integrity);
}
