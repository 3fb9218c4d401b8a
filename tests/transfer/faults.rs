//! Transfers that go wrong: what is tried again, what is final, and that nothing half-done stays.

use std::time::Duration;

use crate::support::http::{Fault, Question, Rule, Server};
use crate::support::{Repo, World, skill};

const SKILL: &str = ".claude/skills/tool/SKILL.md";

/// A skill of some size behind a server, locked and not installed, and nothing in the cache.
pub(super) fn locked_and_cold() -> (World, Repo, Server) {
    let world = World::in_git();
    let body = super::prose(1, 5_000);
    let files = [("skills/tool/SKILL.md", skill("tool", &body)), ("skills/tool/notes.md", super::prose(2, 5_000))];
    let repo = Repo::new(&world, "tool", &files.each_ref().map(|(path, text)| (*path, text.as_str())));
    let server = Server::start(&world.path("repos"));
    world.ok(&["install", "--git", &server.url("tool"), "--path", "skills/tool"]);
    super::anew(&world, &server);
    (world, repo, server)
}

/// A locked install fails with this code, nothing of it is taken for complete, and once the server is well it succeeds.
fn fails_then_works(world: &World, server: &Server, code: i32) -> String {
    let run = world.fails(code, &["install", "--locked"]);
    assert!(!world.path("cache/store-v1").join(checksum(world)).exists());
    world.fails(14, &["install", "--frozen"]);
    server.heal();
    world.ok(&["install", "--locked"]);
    assert_eq!(world.read(SKILL), skill("tool", &super::prose(1, 5_000)));
    run.stderr
}

/// Does the same in several ways at the same time: most of it is waiting for the next try.
pub(super) fn for_each<T: Send>(cases: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let work = &work;
    std::thread::scope(|scope| cases.into_iter().for_each(|case| _ = scope.spawn(move || work(case))));
}

fn checksum(world: &World) -> String {
    world.locked("tool")["checksum"].as_str().expect("a checksum").replace("t1:", "")
}

#[test]
fn a_refusal_is_final() {
    for (status, code) in [("401 Unauthorized", 13), ("403 Forbidden", 13), ("404 Not Found", 14), ("410 Gone", 14)] {
        let (world, _repo, server) = locked_and_cold();
        server.inject(Rule::new(Fault::Status(status)));
        world.fails(code, &["install", "--locked"]);
        assert_eq!(server.requests(), 1, "{status}");
        server.heal();
        world.ok(&["install", "--locked"]);
    }
}

#[test]
fn a_web_page_in_place_of_a_repository_is_told_and_final() {
    for question in [Question::Greeting, Question::Objects] {
        let (world, _repo, server) = locked_and_cold();
        server.inject(Rule::new(Fault::Page).on(question));
        let said = fails_then_works(&world, &server, 13);
        assert!(said.contains("login page") && !said.contains("<form>"), "{said}");
        assert!(!said.contains("trying again"), "{said}");
    }
}

#[test]
fn nobody_at_the_address_is_a_failure_of_the_network() {
    let world = World::in_git();
    let gone = Server::start(&world.path("repos")).url("tool");
    let run = world.fails(13, &["install", "--git", &gone]);
    assert!(run.stderr.contains("cannot be reached") && run.stderr.contains(&gone), "{run}");
}

#[test]
fn a_host_of_a_byte_a_second_is_left() {
    let (mut world, _repo, server) = locked_and_cold();
    world.set("GIT_HTTP_LOW_SPEED_TIME", 1);
    server.inject(Rule::new(Fault::Trickle(Duration::from_secs(1))).on(Question::Objects));
    let said = fails_then_works(&world, &server, 13);
    assert!(said.contains("too slowly") && !said.contains("trying again"), "{said}");
}

#[test]
fn an_answer_that_breaks_off_leaves_nothing_behind() {
    for_each([1, 50, 99], |percent| {
        let (world, _repo, server) = locked_and_cold();
        server.inject(Rule::new(Fault::Cut(percent)).on(Question::Objects));
        fails_then_works(&world, &server, 13);
    });
}

#[test]
fn files_that_break_off_after_the_folders_came_leave_nothing_behind() {
    let (world, _repo, server) = locked_and_cold();
    server.inject(Rule::new(Fault::Cut(50)).on(Question::Objects).after(1));
    fails_then_works(&world, &server, 13);
}

#[test]
fn a_damaged_pack_is_not_kept() {
    for_each([0, 1], |first| {
        let (world, _repo, server) = locked_and_cold();
        server.inject(Rule::new(Fault::FlippedBit).on(Question::Objects).after(first));
        fails_then_works(&world, &server, 13);
    });
}

#[test]
fn a_connection_that_breaks_during_an_update_leaves_the_old_state() {
    let (world, repo, server) = locked_and_cold();
    world.ok(&["install", "--locked"]);
    let lock = world.read("cpm.lock");
    repo.commit(&[("skills/tool/SKILL.md", &skill("tool", "two"))]);
    server.inject(Rule::new(Fault::Cut(50)).on(Question::Objects));
    world.fails(13, &["update"]);
    assert_eq!(world.read("cpm.lock"), lock);
    world.ok(&["verify"]);
    server.heal();
    world.ok(&["update"]);
    assert_eq!(world.read(SKILL), skill("tool", "two"));
}

#[test]
fn objects_of_another_commit_are_not_taken_for_those_that_were_asked_for() {
    for first in [0, 1] {
        let (world, repo, server) = locked_and_cold();
        repo.commit(&[("skills/tool/SKILL.md", &skill("tool", "evil"))]);
        // Without the locked commit among its ancestors.
        let other = repo.git(&["commit-tree", "-m", "evil", "HEAD^{tree}"]);
        server.inject(Rule::new(Fault::Instead(other)).on(Question::Objects).after(first));
        let said = fails_then_works(&world, &server, 20);
        assert!(said.contains(&server.url("tool")), "{said}");
    }
}
