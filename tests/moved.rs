//! Tags that were moved, branches that were rewritten, commits that are gone or never belonged to their repository.

use crate::locking::locked;
use crate::support::{Index, Repo, Run, World, skill};

const V1: &str = "first words";
const V2: &str = "other words";

/// A world with the skill `kit` installed from a repository with one commit, the tag `v1` and the branch `main`.
fn with_skill(flags: &[&str]) -> (World, Repo) {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", V1)), ("README.md", "x")]);
    repo.git(&["tag", "v1"]);
    world.ok(&[&["install", "kit", "--git", &repo.url()], flags].concat());
    (world, repo)
}

/// Replaces the history of `main`: the old commit is on no branch any more.
fn rewrite(repo: &Repo) -> String {
    let fresh = repo.git(&["commit-tree", "-m", "another first", "main^{tree}"]);
    repo.git(&["reset", "-q", "--hard", &fresh]);
    repo.commit(&[("SKILL.md", &skill("kit", V2))])
}

fn says_both(run: &Run, before: &str, now: &str) {
    assert!(run.stderr.contains(before) && run.stderr.contains(now), "{run}");
    assert!(run.stderr.contains("--accept-rewrite"), "{run}");
}

#[test]
fn a_moved_tag_stops_an_update_and_shows_both_commits() {
    let (world, repo) = with_skill(&["--tag", "v1"]);
    let before = repo.head();
    let now = repo.commit(&[("SKILL.md", &skill("kit", V2))]);
    repo.git(&["tag", "-f", "v1"]);
    for command in [&["update"][..], &["update", "kit"]] {
        let run = world.fails(20, command);
        assert!(run.stderr.contains("tag `v1` was moved"), "{run}");
        says_both(&run, &before, &now);
    }
    // Who has the lock gets what was locked, and is told when this machine knows better.
    world.check_out_anew();
    std::fs::remove_dir_all(world.path("cache/store-v1")).expect("removed");
    let run = world.ok(&["install", "--frozen"]);
    assert!(world.read(".claude/skills/kit/SKILL.md").contains(V1), "{run}");
    assert!(run.stderr.contains("tag `v1`") && run.stderr.contains("was moved"), "{run}");

    world.ok(&["update", "kit", "--accept-rewrite"]);
    assert_eq!(locked(&world, "kit", "commit"), now);
    assert!(world.read(".claude/skills/kit/SKILL.md").contains(V2));
}

#[test]
fn a_rewritten_branch_stops_an_update_and_shows_both_commits() {
    for flags in [&[][..], &["--branch", "main"]] {
        let (world, repo) = with_skill(flags);
        let before = repo.head();
        repo.git(&["tag", "-d", "v1"]);
        let now = rewrite(&repo);
        let run = world.fails(20, &["update"]);
        assert!(run.stderr.contains("was replaced"), "{run}");
        says_both(&run, &before, &now);
        // The same where nobody has the old commit any more.
        repo.git(&["reflog", "expire", "--expire=now", "--all"]);
        repo.git(&["gc", "-q", "--prune=now"]);
        world.empty_cache();
        says_both(&world.fails(20, &["update"]), &before, &now);
        world.ok(&["update", "--accept-rewrite"]);
        assert_eq!(locked(&world, "kit", "commit"), now);
    }
}

#[test]
fn a_branch_that_goes_forward_asks_nothing() {
    let (world, repo) = with_skill(&[]);
    for words in ["second", "third"] {
        world.empty_cache();
        let now = repo.commit(&[("SKILL.md", &skill("kit", words))]);
        world.ok(&["update"]);
        assert_eq!(locked(&world, "kit", "commit"), now);
    }
}

#[test]
fn a_commit_that_is_gone_is_said_to_be_and_still_installs_from_the_store() {
    let (world, repo) = with_skill(&[]);
    let gone = repo.head();
    repo.git(&["tag", "-d", "v1"]);
    rewrite(&repo);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    world.check_out_anew();
    world.ok(&["install", "--locked"]);
    world.check_out_anew();
    world.empty_cache();
    let run = world.fails(14, &["install", "--locked"]);
    assert!(run.stderr.contains(&format!("commit {gone} is gone")), "{run}");
    assert!(run.stderr.contains("cpm update"), "{run}");
}

#[test]
fn a_commit_that_no_branch_and_no_tag_leads_to_is_never_locked() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", V1))]);
    let stray = repo.git(&["commit-tree", "-m", "from a fork", "main^{tree}"]);
    repo.git(&["update-ref", "refs/pull/7/head", &stray]);
    let run = world.fails(20, &["install", "kit", "--git", &repo.url(), "--rev", &stray]);
    assert!(run.stderr.contains("does not belong to the repository"), "{run}");
    assert!(!world.has("cpm.lock"));

    // An entry of a marketplace that pins it fares no better.
    let entry = format!(r#"{{"name":"kit","source":{{"source":"url","url":"{}","sha":"{stray}"}}}}"#, repo.url());
    let market = Repo::marketplace(&world, "shop", &entry, &[]);
    world.ok(&["index", "add", "shop", &market.url()]);
    let run = world.fails(20, &["install", "kit"]);
    assert!(run.stderr.contains("does not belong to the repository"), "{run}");
}

#[test]
fn a_lock_that_names_such_a_commit_is_found_by_verify_online() {
    let (world, repo) = with_skill(&[]);
    world.ok(&["verify", "--online"]);
    let stray = repo.git(&["commit-tree", "-m", "from a fork", "main^{tree}"]);
    let lock = world.read("cpm.lock");
    world.write("cpm.lock", &lock.replace(&repo.head(), &stray));
    let run = world.fails(20, &["verify", "--online"]);
    assert!(run.stderr.contains("does not belong to the repository"), "{run}");
    assert!(run.stderr.contains("`kit`"), "{run}");
}

#[test]
fn a_lock_that_leads_away_from_what_its_index_says_is_found_by_verify_online() {
    let world = World::in_git();
    let files = [("kit/SKILL.md", skill("kit", V1)), ("evil/SKILL.md", skill("kit", V2))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let market = Repo::marketplace(&world, "shop", r#"{"name":"kit","source":"./kit","strict":false}"#, &files);
    world.ok(&["index", "add", "shop", &market.url()]);
    world.ok(&["install", "kit"]);
    world.ok(&["verify", "--online"]);
    world.write("cpm.lock", &world.read("cpm.lock").replace("?path=kit\"", "?path=evil\""));
    let run = world.fails(20, &["verify", "--online"]);
    assert!(run.stderr.contains("redirects `kit`"), "{run}");
}

#[test]
fn verify_online_finds_moved_tags_and_what_is_gone() {
    let (world, repo) = with_skill(&["--tag", "v1"]);
    world.ok(&["verify", "--online"]);
    repo.commit(&[("README.md", "y")]);
    repo.git(&["tag", "-f", "v1"]);
    let run = world.cpm(&["verify", "--online", "--json"]);
    assert_eq!(run.code, 1, "{run}");
    let findings = run.json()["scopes"][0]["findings"].clone();
    assert_eq!((findings[0]["problem"].as_str(), findings[1].as_str()), (Some("moved"), None), "{findings}");
    repo.git(&["tag", "-d", "v1"]);
    let run = world.cpm(&["verify", "--online", "--json"]);
    assert_eq!(run.json()["scopes"][0]["findings"][0]["problem"], "gone", "{run}");
}

#[test]
fn a_release_that_its_index_hosts_passes_verify_online_when_the_index_goes_on() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("tool", "1.0.0", &[]);
    world.ok(&["install", "tool"]);
    index.release("other", "1.0.0", &[]);
    world.ok(&["verify", "--online"]);
}
