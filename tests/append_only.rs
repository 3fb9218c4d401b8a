//! Indexes only go on: a history that was rewritten or rolled back stops the run, until a person accepts it.

use crate::support::http::Server;
use crate::support::{Guarded, IndexRepo, Repo, World, git, skill};

const TOOL: &str = ".claude/skills/tool/SKILL.md";

/// A guarded world with an index `acme` of `tool` 1.0.0 and 1.1.0, which was used: `tool` is installed.
fn used() -> (Guarded, IndexRepo) {
    let world = Guarded::new();
    let index = IndexRepo::new(&world, "acme");
    index.publish("tool", &["1.0.0", "1.1.0"]);
    world.accepts(&["index", "add", "acme", &index.url()]);
    world.accepts(&["install", "tool"]);
    (world, index)
}

/// Replaces the history of `main` by one with the same content in other commits, and one release more.
fn rewrite(index: &IndexRepo) -> String {
    let fresh = index.repo.git(&["commit-tree", "-m", "another first", "main^{tree}"]);
    index.repo.git(&["reset", "-q", "--hard", &fresh]);
    index.publish("tool", &["1.2.0"]);
    index.repo.head()
}

/// X03.
#[test]
fn an_index_whose_history_was_rewritten_stops_until_it_is_accepted() {
    let (world, index) = used();
    let before = index.repo.head();
    let now = rewrite(&index);
    // Again and again: a run that stopped has not taken it.
    for command in [&["update"][..], &["install", "other"], &["index", "add", "again", &index.url()]] {
        let run = world.refuses(20, command);
        assert!(run.stderr.contains(&before) && run.stderr.contains(&now), "{run}");
        assert!(run.stderr.contains("cpm index accept"), "{run}");
    }
    // What is locked needs no index.
    world.check_out_anew();
    world.accepts(&["install", "--locked"]);
    assert_eq!(world.read(TOOL), skill("tool", "tool 1.1.0"));

    let run = world.accepts(&["index", "accept", "acme", "--dry-run", "--json"]);
    assert_eq!((&run.json()["accepted"]["before"], &run.json()["accepted"]["now"]), (&before.into(), &now.into()));
    world.refuses(20, &["update"]);
    world.accepts(&["index", "accept", "acme"]);
    world.accepts(&["update"]);
    assert_eq!(world.read(TOOL), skill("tool", "tool 1.2.0"));
}

/// X04.
#[test]
fn an_index_that_was_rolled_back_stops() {
    let (world, index) = used();
    let before = index.repo.head();
    index.repo.git(&["reset", "-q", "--hard", "HEAD~2"]);
    let run = world.refuses(20, &["update"]);
    assert!(run.stderr.contains(&before) && run.stderr.contains(&index.repo.head()), "{run}");
    // Going on from there does not hide it.
    index.publish("tool", &["1.1.1"]);
    world.refuses(20, &["update"]);
    // Back where it was, nothing ever happened.
    index.repo.git(&["reset", "-q", "--hard", &before]);
    world.accepts(&["update"]);
    world.accepts(&["index", "accept", &index.url()]);
}

/// X01.
#[test]
fn the_last_state_that_could_be_read_stays_usable_offline() {
    let (world, index) = used();
    world.accepts(&["remove", "tool"]);
    let offline = |version: &str| {
        world.accepts(&["install", "tool", "--offline"]);
        assert_eq!(world.read(TOOL), skill("tool", version));
        world.accepts(&["remove", "tool"]);
    };
    let good = index.repo.head();
    index.repo.commit(&[("index.toml", "schema = ")]);
    world.refuses(10, &["install", "tool"]);
    offline("tool 1.1.0");
    index.repo.commit(&[("index.toml", "<!DOCTYPE html><title>Log in</title>")]);
    let run = world.refuses(10, &["install", "tool"]);
    assert!(run.stderr.contains("`index.toml` is not valid"), "{run}");
    offline("tool 1.1.0");
    index.repo.git(&["reset", "-q", "--hard", &good]);
    rewrite(&index);
    world.refuses(20, &["install", "tool"]);
    offline("tool 1.1.0");
}

#[test]
fn a_marketplace_as_an_index_is_followed_as_well() {
    let world = Guarded::new();
    let entry = r#"{"name":"kit","source":"./kit"}"#;
    let market = Repo::marketplace(&world, "shop", entry, &[("kit/SKILL.md", &skill("kit", "one"))]);
    world.accepts(&["index", "add", "shop", &market.url(), "--branch", "main"]);
    market.commit(&[("kit/SKILL.md", &skill("kit", "two"))]);
    world.accepts(&["install", "kit"]);
    let fresh = market.git(&["commit-tree", "-m", "another first", "main^{tree}"]);
    market.git(&["reset", "-q", "--hard", &fresh]);
    market.commit(&[("kit/SKILL.md", &skill("kit", "three"))]);
    world.refuses(20, &["update"]);
    world.accepts(&["index", "accept", "shop"]);
    world.accepts(&["update"]);
    assert_eq!(world.read(".claude/skills/kit/SKILL.md"), skill("kit", "three"));
}

#[test]
fn what_is_no_index_cannot_be_accepted_and_offline_nothing_can() {
    let (world, index) = used();
    world.refuses(14, &["index", "accept", "other"]);
    world.refuses(2, &["index", "accept", "acme", "--offline"]);
    index.repo.git(&["rm", "-q", "index.toml"]);
    git(index.repo.dir(), &["commit", "-q", "-m", "no index any more"]);
    world.refuses(10, &["index", "accept", "acme"]);
}

#[test]
fn an_index_that_did_not_move_costs_one_question_and_one_that_did_one_more() {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    index.publish("tool", &["1.0.0"]);
    let server = Server::start(&world.path("repos"));
    let asked = |args: &[&str]| {
        let run = world.ok(&[args, &["-v"]].concat());
        run.stderr.lines().filter(|line| line.contains("git") && line.contains(" fetch ")).count()
    };
    asked(&["index", "add", "acme", &server.url("acme")]);
    asked(&["install", "tool"]);
    assert_eq!(asked(&["update"]), 1, "which commit it is at");
    index.repo.commit(&[("README.md", "more words\n")]);
    assert_eq!(asked(&["update"]), 2, "which commit, and its history");
    assert_eq!(asked(&["update"]), 1);
}
