//! `--offline` and `--frozen`, and how often a server is asked.

use crate::support::http::Server;
use crate::support::{IndexRepo, Repo, World, skill};

const SKILL: &str = ".claude/skills/pdf/SKILL.md";

/// A repository behind a server, and its address there.
fn served(world: &World) -> (Repo, Server, String) {
    let repo = Repo::new(world, "skills", &[("skills/pdf/SKILL.md", &skill("pdf", "one"))]);
    let server = Server::start(&world.path("repos"));
    let url = server.url("skills");
    (repo, server, url)
}

#[test]
fn a_run_with_nothing_to_do_and_a_reinstall_from_the_store_ask_nobody() {
    let world = World::in_git();
    let (_repo, server, url) = served(&world);
    world.ok(&["install", "--git", &url, "--path", "skills/pdf"]);
    let asked = server.requests();
    assert!(asked > 0);
    world.ok(&["install"]);
    world.ok(&["list"]);
    world.ok(&["verify"]);
    assert_eq!(server.requests(), asked, "nothing to do");
    world.check_out_anew();
    world.ok(&["install"]);
    assert!(world.has(SKILL));
    world.ok(&["remove", "pdf"]);
    assert_eq!(server.requests(), asked, "from the store");
}

#[test]
fn packages_of_an_index_ask_nobody_once_they_are_locked() {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    index.publish("tool", &["1.0.0"]);
    let server = Server::start(&world.path("repos"));
    world.ok(&["index", "add", "acme", &server.url("acme")]);
    world.ok(&["install", "tool@1"]);
    let asked = server.requests();
    world.ok(&["install"]);
    world.ok(&["install", "tool"]);
    world.check_out_anew();
    world.ok(&["install", "--locked"]);
    assert_eq!(server.requests(), asked);
    world.ok(&["update"]);
    assert!(server.requests() > asked);
}

#[test]
fn another_project_takes_the_same_package_from_the_store() {
    let world = World::in_git();
    let (_repo, server, url) = served(&world);
    world.ok(&["install", "--git", &url, "--path", "skills/pdf"]);
    let asked = server.requests();
    let other = world.path("other");
    crate::support::write(&other.join("cpm.toml"), world.read("cpm.toml"));
    crate::support::write(&other.join("cpm.lock"), world.read("cpm.lock"));
    assert_eq!(world.cpm_in(&other, &["install", "--frozen"]).code, 0);
    assert!(other.join(SKILL).exists());
    assert_eq!(server.requests(), asked);
}

#[test]
fn offline_takes_from_the_cache_what_was_seen() {
    let world = World::in_git();
    let (repo, server, url) = served(&world);
    world.ok(&["install", "--git", &url, "--path", "skills/pdf"]);
    let asked = server.requests();
    world.ok(&["remove", "pdf"]);
    repo.commit(&[("skills/pdf/SKILL.md", &skill("pdf", "two"))]);
    world.ok(&["install", "--offline", "--git", &url, "--path", "skills/pdf"]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    world.ok(&["update", "--offline"]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    assert_eq!(server.requests(), asked);
}

#[test]
fn offline_says_what_the_cache_does_not_have() {
    let world = World::in_git();
    let (repo, server, url) = served(&world);
    let index = IndexRepo::new(&world, "acme");
    world.ok(&["index", "add", "--offline", "acme", &index.url()]);
    let commit = repo.head();
    let run = world.fails(14, &["install", "--offline", "--git", &url, "--path", "skills/pdf"]);
    assert!(run.stderr.contains("`HEAD`") && run.stderr.contains(&url), "{run}");
    for (flag, what) in [("--tag", "v1"), ("--branch", "next"), ("--rev", &*commit)] {
        let run = world.fails(14, &["install", "--offline", "--git", &url, "--path", "skills/pdf", flag, what]);
        assert!(run.stderr.contains(what) && run.stderr.contains(&url), "{run}");
    }
    let run = world.fails(14, &["install", "--offline", "tool"]);
    assert!(run.stderr.contains("`acme`") && run.stderr.contains(&index.url()), "{run}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn frozen_with_an_empty_cache_names_package_and_commit_and_asks_nobody() {
    let world = World::in_git();
    let (repo, server, url) = served(&world);
    world.ok(&["install", "--git", &url, "--path", "skills/pdf"]);
    let asked = server.requests();
    world.check_out_anew();
    world.empty_cache();
    let run = world.fails(14, &["install", "--frozen"]);
    for part in ["`pdf`", &repo.head(), &url, "--frozen"] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
    assert_eq!(server.requests(), asked);
    world.ok(&["install", "--locked"]);
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    assert!(world.has(SKILL));
}

#[test]
fn frozen_without_a_lock_or_with_a_package_it_lacks_asks_nobody() {
    let world = World::in_git();
    let (_repo, server, url) = served(&world);
    world.write("cpm.toml", &format!("[dependencies]\npdf = {{ git = \"{url}\", path = \"skills/pdf\" }}\n"));
    world.fails(11, &["install", "--frozen"]);
    world.ok(&["install"]);
    let asked = server.requests();
    let more = world.read("cpm.toml") + &format!("other = {{ git = \"{url}\", path = \"skills/other\" }}\n");
    world.write("cpm.toml", &more);
    for flag in ["--frozen", "--locked"] {
        let run = world.fails(11, &["install", flag]);
        assert!(run.stderr.contains("`other`"), "{run}");
    }
    assert_eq!(server.requests(), asked);
}

#[test]
fn a_damaged_store_entry_is_fetched_again_and_offline_from_the_git_cache() {
    let world = World::in_git();
    let (_repo, server, url) = served(&world);
    world.ok(&["install", "--git", &url, "--path", "skills/pdf"]);
    let asked = server.requests();
    let checksum = world.locked("pdf")["checksum"].as_str().expect("a checksum").replace("t1:", "");
    let stored = world.path("cache/store-v1").join(checksum).join("SKILL.md");
    std::fs::write(&stored, "damaged\n").expect("written");
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    assert_eq!(std::fs::read_to_string(stored).expect("a file"), skill("pdf", "one"));
    assert_eq!(server.requests(), asked);
}

#[test]
fn a_commit_that_was_replaced_upstream_is_not_exchanged_for_another() {
    let world = World::in_git();
    let (repo, _server, url) = served(&world);
    world.ok(&["install", "--git", &url, "--path", "skills/pdf"]);
    let commit = repo.head();
    std::fs::write(repo.dir().join("skills/pdf/SKILL.md"), skill("pdf", "rewritten")).expect("written");
    repo.git(&["commit", "-q", "-a", "--amend", "-m", "rewritten"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    world.check_out_anew();
    world.ok(&["install"]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    world.check_out_anew();
    world.empty_cache();
    let run = world.fails(14, &["install"]);
    assert!(run.stderr.contains(&commit), "{run}");
    assert!(!world.has(SKILL));
}
