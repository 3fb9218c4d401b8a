//! `--offline` and `--frozen` reach for no network and start no git, also where they fail; then they say what is missing.

use crate::support::trace::Trace;
use crate::support::{Repo, World, skill};

/// A world that has one of two locked packages of a repository in its cache, and nothing installed.
fn half_fetched() -> (World, Repo) {
    let world = World::in_git();
    let files = [("one/SKILL.md", skill("one", "one")), ("two/SKILL.md", skill("two", "two"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let repo = Repo::new(&world, "tools", &files);
    for path in ["one", "two"] {
        world.ok(&["install", "--git", &repo.url(), "--path", path]);
    }
    let (manifest, lock) = (world.read("cpm.toml"), world.read("cpm.lock"));
    world.ok(&["remove", "two"]);
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install", "--locked"]);
    world.check_out_anew();
    world.write("cpm.toml", &manifest);
    world.write("cpm.lock", &lock);
    (world, repo)
}

#[test]
fn a_run_that_may_ask_nobody_does_not_even_try() {
    let (world, repo) = half_fetched();
    let url = repo.url();
    for (code, args) in [
        (14, &["install", "--frozen"][..]),
        (14, &["install", "--offline"]),
        (14, &["install", "other", "--offline", "--git", &format!("{url}-unknown")]),
        (14, &["update", "--offline"]),
        (14, &["install", "--frozen", "-v"]),
    ] {
        let Some((found, trace)) = Trace::with_code(&world, args) else { return };
        assert_eq!(found, code, "{args:?}");
        trace.starts_nothing_and_asks_nobody();
    }
    world.ok(&["install", "--locked"]);
    world.check_out_anew();
    for args in [&["install", "--frozen"][..], &["install", "--offline"], &["verify"], &["remove", "two", "--offline"]]
    {
        let Some(trace) = Trace::of(&world, args) else { return };
        trace.starts_nothing_and_asks_nobody();
    }
}

#[test]
fn what_is_missing_is_named_by_package_commit_and_path() {
    let (world, repo) = half_fetched();
    for flag in ["--frozen", "--offline"] {
        let run = world.fails(14, &["install", flag]);
        for part in ["`two`", &repo.head(), &repo.url(), "--offline"] {
            assert!(run.stderr.contains(part), "{flag}: {part}\n{run}");
        }
        assert!(!run.stderr.contains("`one`"), "only what is missing: {run}");
        let error = &world.fails(14, &["install", flag, "--json"]).json()["error"];
        assert_eq!(error["kind"], "not-found");
        assert!(error.to_string().contains("`two`") && error["place"].as_str().is_some(), "{error:#}");
    }
}

#[test]
fn what_was_never_asked_for_is_named_by_its_ref() {
    let (world, repo) = half_fetched();
    for (more, named) in [(&[][..], "`HEAD`"), (&["--tag", "v1"], "tag `v1`"), (&["--branch", "next"], "branch `next`")]
    {
        let run =
            world.fails(14, &[&["install", "x", "--offline", "--git", &format!("{}-x", repo.url())], more].concat());
        assert!(run.stderr.contains(named) && run.stderr.contains("tools-x"), "{run}");
    }
}
