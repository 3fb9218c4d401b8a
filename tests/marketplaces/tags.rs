//! Releases that only tags tell of: asked when what the marketplace has now will not do, and only then.

use super::{COMMAND, KIT, with_market};
use crate::support::http::Server;
use crate::support::{Repo, World};

const MANIFEST: &str = ".claude-plugin/plugin.json";

/// Makes a version of the plugin in a folder that ends in `/`, and tags it with this name.
fn release(repo: &Repo, folder: &str, version: &str, tag: &str) -> String {
    let commit = repo.commit(&[
        (&format!("{folder}{MANIFEST}"), &KIT.replace("1.2.0", version)),
        (&format!("{folder}commands/go.md"), &format!("{version}\n")),
    ]);
    if !tag.is_empty() {
        repo.git(&["tag", "-a", "-m", "x", tag]);
    }
    commit
}

/// A marketplace with `kit` and `other`, whose plugin `kit` has tags of every form and some that say nothing.
fn tagged() -> (World, Repo) {
    let (world, market) = with_market(
        r#"{"name":"kit","source":"./kit"},{"name":"other","source":"./other"}"#,
        &[("other/commands/o.md", "o\n")],
    );
    release(&market, "kit/", "1.0.0", "kit--v1.0.0");
    release(&market, "kit/", "1.1.0", "kit-v1.1.0");
    release(&market, "kit/", "1.3.0", "v1.3.0");
    for noise in ["checkpoint-2026-01-01", "kit--vnext", "kit-v1.1", "other--v1.2.0", "x/kit--v1.2.5"] {
        market.git(&["tag", noise]);
    }
    release(&market, "kit/", "2.0.0", "");
    (world, market)
}

#[test]
fn an_older_version_comes_from_its_tag() {
    for (asked, version, tag) in [("=1.0.0", "1.0.0", "kit--v1.0.0"), ("1", "1.1.0", "kit-v1.1.0")] {
        let (world, market) = tagged();
        world.ok(&["install", &format!("kit@{asked}")]);
        assert_eq!(world.read(COMMAND), format!("{version}\n"));
        let locked = world.locked("kit");
        assert_eq!(locked["commit"], market.git(&["rev-parse", &format!("{tag}^{{commit}}")]));
        assert_eq!(locked["source"], format!("git+{}?path=kit&tag={tag}", market.url()));
        assert_eq!((&locked["version"], &locked["index"]), (&version.into(), &market.url().into()));
        world.check_out_anew();
        world.empty_cache();
        world.ok(&["install", "--locked"]);
        assert_eq!(world.read(COMMAND), format!("{version}\n"));
    }
}

#[test]
fn a_tag_that_was_made_for_another_release_is_refused() {
    let (world, market) = tagged();
    let tag = market.git(&["rev-parse", "kit--v1.0.0"]);
    market.git(&["update-ref", "refs/tags/kit--v1.5.0", &tag]);
    let run = world.fails(20, &["install", "kit@1"]);
    assert!(run.stderr.contains("`kit--v1.5.0`") && run.stderr.contains("`kit--v1.0.0`"), "{run}");
    market.git(&["tag", "-d", "kit--v1.5.0"]);
    world.ok(&["install", "kit@1"]);
    assert_eq!(world.locked("kit")["version"], "1.1.0");
}

#[test]
fn a_version_that_neither_the_head_nor_a_tag_has_is_explained_with_what_there_is() {
    let (world, _market) = tagged();
    // `v1.3.0` may be of any plugin of this repository.
    let run = world.fails(12, &["install", "kit@=1.3.0"]);
    assert!(run.stderr.contains("2.0.0, 1.1.0, 1.0.0"), "{run}");
}

#[test]
fn in_a_repository_of_one_plugin_a_bare_version_is_a_release() {
    let (world, market) = with_market(r#"{"name":"kit","source":"./"}"#, &[]);
    release(&market, "", "1.0.0", "v1.0.0");
    release(&market, "", "2.0.0", "");
    world.ok(&["install", "kit@1"]);
    assert_eq!((world.read(COMMAND), world.locked("kit")["version"].clone()), ("1.0.0\n".to_owned(), "1.0.0".into()));
}

#[test]
fn tags_of_another_repository_count_unless_the_entry_pins_a_commit() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[]);
    release(&repo, "", "1.0.0", "v1.0.0");
    let head = release(&repo, "", "2.0.0", "");
    let entry = |rest: &str| format!(r#"{{"name":"kit","source":{{"source":"url","url":"{}"{rest}}}}}"#, repo.url());
    let free = Repo::marketplace(&world, "free", &entry(""), &[]);
    let pinned = Repo::marketplace(&world, "pinned", &entry(&format!(r#","sha":"{head}""#)), &[]);
    for (market, code) in [(pinned, 12), (free, 0)] {
        let here = World::in_git();
        here.ok(&["index", "add", "market", &market.url()]);
        assert_eq!(here.cpm(&["install", "kit@1"]).code, code);
    }
}

#[test]
fn a_tag_that_holds_another_version_is_told_and_left_out() {
    let (world, market) = with_market(r#"{"name":"kit","source":"./kit"}"#, &[]);
    release(&market, "kit/", "1.0.0", "kit--v1.0.0");
    market.git(&["tag", "kit--v1.5.0"]);
    release(&market, "kit/", "2.0.0", "");
    let run = world.ok(&["install", "kit@1"]);
    assert!(run.stderr.contains("`kit--v1.5.0` holds version 1.0.0"), "{run}");
    assert_eq!(world.locked("kit")["version"], "1.0.0");
    let run = World::fails(&world, 12, &["install", "kit@=1.5.0"]);
    assert!(run.stderr.contains("holds version 1.0.0"), "{run}");
}

#[test]
fn a_dependency_gets_the_newest_tag_in_its_range() {
    let (world, market) = with_market(
        r#"{"name":"app","source":"./app"},{"name":"kit","source":"./kit"}"#,
        &[
            (
                "app/.claude-plugin/plugin.json",
                r#"{"name":"app","dependencies":[{"name":"kit","version":"~1.1 || 0.x"}]}"#,
            ),
            ("app/commands/a.md", "a\n"),
        ],
    );
    for version in ["0.9.0", "1.0.0", "1.1.0", "1.1.4", "1.2.0-rc.1", "1.2.0"] {
        release(&market, "kit/", version, &format!("kit--v{version}"));
    }
    world.ok(&["install", "app"]);
    assert_eq!((world.read(COMMAND), world.locked("kit")["version"].clone()), ("1.1.4\n".to_owned(), "1.1.4".into()));
}

#[test]
fn tags_are_asked_only_when_the_head_will_not_do() {
    let (world, market) = tagged();
    let server = Server::start(&world.path("repos"));
    let here = World::in_git();
    here.ok(&["index", "add", "market", &server.url("market")]);
    let requests = |args: &[&str]| {
        let before = server.requests();
        here.ok(args);
        server.requests() - before
    };
    let head = requests(&["install", "kit"]);
    let nothing_new = requests(&["update"]);
    here.write("cpm.toml", &here.read("cpm.toml").replace("\"2.0.0\"", "\"1\""));
    let older = requests(&["install"]);
    assert_eq!(here.locked("kit")["version"], "1.1.0");
    assert_eq!(requests(&["install"]), 0);
    // A fetch is three requests: what the server can do, its refs, objects; what objects lack is two more; a list of
    // tags is two. So: a fetch and the plugin; a fetch; a fetch, a list, and a fetch and the plugin at the tag.
    assert!(head <= 5 && nothing_new <= 3 && older <= 10, "{head} {nothing_new} {older}");
    drop(market);
}

#[test]
fn a_tag_that_was_moved_is_refused_until_that_is_accepted() {
    let (world, market) = tagged();
    world.ok(&["install", "kit@=1.0.0"]);
    let lock = world.read("cpm.lock");
    market.commit(&[("kit/commands/go.md", "moved\n"), (&format!("kit/{MANIFEST}"), &KIT.replace("1.2.0", "1.0.0"))]);
    market.git(&["tag", "-f", "-a", "-m", "x", "kit--v1.0.0"]);
    release(&market, "kit/", "2.0.0", "");
    let run = world.fails(20, &["update"]);
    assert!(run.stderr.contains("`kit--v1.0.0` was moved"), "{run}");
    world.ok(&["install"]);
    assert_eq!(world.read("cpm.lock"), lock);
    world.ok(&["update", "--accept-rewrite"]);
    assert_ne!(world.read("cpm.lock"), lock);
}

#[test]
fn an_update_within_a_range_goes_to_a_newer_tag() {
    let (world, market) = tagged();
    world.ok(&["install", "kit@1"]);
    assert_eq!(world.locked("kit")["version"], "1.1.0");
    market.git(&["checkout", "-q", "--detach", "kit-v1.1.0"]);
    release(&market, "kit/", "1.1.1", "kit--v1.1.1");
    market.git(&["checkout", "-q", "main"]);
    world.ok(&["update"]);
    assert_eq!(world.locked("kit")["version"], "1.1.1");
    assert_eq!(world.read(COMMAND), "1.1.1\n");
}
