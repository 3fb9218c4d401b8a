//! A host that is busy for a moment is asked again, twice at most; what could be an attack or a refusal is not.

use std::time::Duration;

use super::faults::{for_each, locked_and_cold};
use crate::support::World;
use crate::support::http::{Fault, Question, Rule, Server};

const BUSY: [&str; 4] = [
    "503 Service Unavailable",
    "429 Too Many Requests\r\nRetry-After: 0",
    "500 Internal Server Error",
    "502 Bad Gateway",
];

/// The number of requests of a locked install that nothing disturbs.
fn undisturbed(world: &World, server: &Server) -> usize {
    world.ok(&["install", "--locked"]);
    let count = server.requests();
    super::anew(world, server);
    count
}

#[test]
fn a_host_that_is_busy_twice_is_asked_three_times() {
    for_each(BUSY, |status| {
        let (world, _repo, server) = locked_and_cold();
        let usual = undisturbed(&world, &server);
        server.inject(Rule::new(Fault::Status(status)).times(2));
        world.ok(&["install", "--locked"]);
        assert_eq!(server.requests(), usual + 2, "{status}");
    });
}

#[test]
fn a_host_that_is_busy_in_the_middle_is_asked_anew() {
    for_each(BUSY, |status| {
        let (world, _repo, server) = locked_and_cold();
        let usual = undisturbed(&world, &server);
        server.inject(Rule::new(Fault::Status(status)).on(Question::Objects).times(2));
        world.ok(&["install", "--locked"]);
        // Each try begins with a greeting.
        assert_eq!(server.requests(), usual + 4, "{status}");
    });
}

#[test]
fn a_host_that_stays_busy_is_given_up_after_three_tries() {
    for_each(BUSY, |status| {
        let (world, _repo, server) = locked_and_cold();
        server.inject(Rule::new(Fault::Status(status)));
        let run = world.fails(13, &["install", "--locked"]);
        assert!(run.stderr.contains("overloaded"), "{run}");
        assert_eq!(server.requests(), 3, "{status}");
    });
}

#[test]
fn packages_of_one_repository_share_its_tries() {
    let world = World::in_git();
    let files = ["one", "two"].map(|name| (format!("{name}/SKILL.md"), crate::support::skill(name, name)));
    let files = files.each_ref().map(|(path, text)| (path.as_str(), text.as_str()));
    crate::support::Repo::new(&world, "tools", &files);
    let server = Server::start(&world.path("repos"));
    for path in ["one", "two"] {
        world.ok(&["install", "--git", &server.url("tools"), "--path", path]);
    }
    super::anew(&world, &server);
    server.inject(Rule::new(Fault::Status("503 Service Unavailable")));
    world.fails(13, &["install", "--locked"]);
    assert_eq!(server.requests(), 3);
}

#[test]
fn a_connection_that_breaks_off_is_tried_again() {
    let (world, _repo, server) = locked_and_cold();
    server.inject(Rule::new(Fault::Cut(50)).on(Question::Objects).times(2));
    world.ok(&["install", "--locked"]);
    super::anew(&world, &server);
    server.inject(Rule::new(Fault::Cut(50)).on(Question::Objects));
    world.fails(13, &["install", "--locked"]);
    assert_eq!(server.log().iter().filter(|one| one.message.question() == Question::Objects).count(), 3);
}

#[test]
fn the_time_a_host_asks_for_is_given_to_it() {
    let (world, _repo, server) = locked_and_cold();
    server.inject(Rule::new(Fault::Status("503 Service Unavailable\r\nRetry-After: 3")).times(1));
    world.ok(&["install", "--locked"]);
    let log = server.log();
    let waited = log[1].at - log[0].at;
    assert!(waited >= Duration::from_secs(3), "{waited:?}");
}

#[test]
fn tries_are_apart_when_the_host_names_no_time() {
    let (world, _repo, server) = locked_and_cold();
    server.inject(Rule::new(Fault::Status("503 Service Unavailable")).times(2));
    world.ok(&["install", "--locked"]);
    let log = server.log();
    let (first, second) = (log[1].at - log[0].at, log[2].at - log[1].at);
    assert!(first >= Duration::from_millis(100) && second > first, "{first:?}, {second:?}");
}
