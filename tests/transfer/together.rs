//! Several repositories at once, several cpm at once.

use std::time::Duration;

use crate::support::http::{Fault, Rule, Server};
use crate::support::{Repo, Run, World, skill, snapshot, write};

/// Makes a repository answer last.
fn slow(server: &Server, repository: &str) {
    server.inject(Rule::new(Fault::Late(Duration::from_millis(200))).of(repository));
}

/// This many repositories, `r0`, `r1` …, each a skill, and a manifest that wants all.
fn with_repositories(world: &World, count: usize) -> Server {
    let server = Server::start(&world.path("repos"));
    let mut manifest = "[dependencies]\n".to_owned();
    for at in 0..count {
        let name = format!("r{at}");
        Repo::new(world, &name, &[("SKILL.md", &skill(&name, &name))]);
        manifest.push_str(&format!("{name} = {{ git = \"{}\" }}\n", server.url(&name)));
    }
    world.write("cpm.toml", &manifest);
    server
}

#[test]
fn ten_locked_repositories_are_fetched_at_once() {
    let world = World::in_git();
    let server = with_repositories(&world, 10);
    world.ok(&["install"]);
    world.check_out_anew();
    world.empty_cache();
    server.gather(10);
    world.ok(&["install", "--locked"]);
    assert_eq!(server.gathered(), 10);
}

#[test]
fn ten_new_repositories_are_asked_at_once() {
    let world = World::in_git();
    let server = with_repositories(&world, 10);
    server.gather(8);
    world.ok(&["install"]);
    assert!(server.gathered() >= 8, "{} repositories were asked before the first answer", server.gathered());
}

#[test]
fn ten_repositories_are_asked_for_updates_at_once() {
    let world = World::in_git();
    let server = with_repositories(&world, 10);
    world.ok(&["install"]);
    server.gather(8);
    world.ok(&["update"]);
    assert!(server.gathered() >= 8, "{} repositories were asked before the first answer", server.gathered());
}

#[test]
fn whatever_answers_first_the_result_is_the_same() {
    let world = World::in_git();
    let server = with_repositories(&world, 6);
    world.ok(&["install"]);
    let mut seen = None;
    for last in ["r0", "r3", "r5"] {
        world.check_out_anew();
        world.empty_cache();
        slow(&server, last);
        let run = world.ok(&["install", "--locked"]);
        // The steps are told as they begin.
        let mut steps: Vec<String> = run.stderr.lines().map(str::to_owned).collect();
        steps.sort_unstable();
        let result = (run.stdout, steps, snapshot(&world.project()));
        assert!(*seen.get_or_insert_with(|| result.clone()) == result, "{}\n{:?}", result.0, result.1);
        server.heal();
    }
}

#[test]
fn repositories_that_fail_stop_everything_and_the_message_does_not_depend_on_who_is_first() {
    let world = World::in_git();
    let server = with_repositories(&world, 5);
    world.ok(&["install"]);
    world.check_out_anew();
    world.empty_cache();
    for repository in ["r1", "r3"] {
        server.inject(Rule::new(Fault::Status("404 Not Found")).of(repository));
    }
    let message = || {
        let run = world.fails(14, &["install", "--locked"]);
        run.stderr.split_once("error: ").expect("an error").1.to_owned()
    };
    let first = message();
    assert!(first.contains(&server.url("r1")) && first.contains("`r1`"), "{first}");
    for _ in 0..3 {
        assert_eq!(message(), first);
    }
    assert!(!world.has(".claude/skills/r0"), "one that fails stops all");
}

#[test]
fn two_runs_on_an_empty_cache_fetch_once() {
    let world = World::in_git();
    let server = with_repositories(&world, 1);
    world.ok(&["install"]);
    world.check_out_anew();
    world.empty_cache();
    server.forget();
    world.ok(&["install", "--locked"]);
    let alone = server.requests();
    world.empty_cache();
    world.check_out_anew();
    server.forget();
    let other = world.path("other");
    for file in ["cpm.toml", "cpm.lock"] {
        write(&other.join(file), world.read(file));
    }
    let folders = [world.project(), other];
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let world = &world;
        let [one, two] = folders.each_ref().map(|dir| scope.spawn(move || world.cpm_in(dir, &["install", "--locked"])));
        [one, two].into_iter().map(|run| run.join().expect("a run")).collect()
    });
    for run in runs {
        assert_eq!(run.code, 0, "{run}");
    }
    for dir in folders {
        assert!(dir.join(".claude/skills/r0/SKILL.md").exists());
    }
    assert_eq!(server.requests(), alone, "the second run waits for the first and takes what it brought");
}
