//! `cpm cache info`, `clean` and `prune`: what is in the cache, and what of it goes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::locking::with_kit;
use crate::support::{Repo, World, delete, snapshot, write};

/// The folders of a part of the cache whose names end so.
fn folders(world: &World, part: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.path("cache").join(part)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.is_dir() && path.to_string_lossy().ends_with(end)).collect()
}

/// The one repository and the one package that installing the kit brings.
fn only_entries(world: &World) -> (PathBuf, PathBuf) {
    let (repositories, packages) = (folders(world, "git-v1", ".git"), folders(world, "store-v1", ""));
    assert_eq!((repositories.len(), packages.len()), (1, 1));
    (repositories[0].clone(), packages[0].clone())
}

/// Makes a folder look as if it was last used some days ago.
fn age(folder: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
    File::open(folder).and_then(|folder| folder.set_modified(then)).expect("a time");
}

fn info(world: &World) -> Value {
    world.ok(&["cache", "info", "--json"]).json()["cache"].take()
}

fn counts(removed: &Value) -> [&Value; 3] {
    ["repositories", "packages", "leftovers"].map(|part| &removed[part])
}

#[test]
fn info_counts_what_is_there_and_says_where_it_came_from() {
    let (world, repo) = with_kit();
    let (repository, package) = only_entries(&world);
    write(&repository.join("cpm-url"), repo.url() + "\n");
    age(&repository, 12);
    let info = info(&world);
    let sizes = |dir: &Path| snapshot(dir).values().map(Vec::len).sum::<usize>();
    for (at, name, dir) in [(0, "repositories", &repository), (1, "packages", &package)] {
        let part = &info["parts"][at];
        assert_eq!((&part["name"], &part["count"]), (&name.into(), &1.into()), "{info}");
        assert_eq!((&part["files"], &part["bytes"]), (&snapshot(dir).len().into(), &sizes(dir).into()), "{info}");
    }
    assert_eq!(info["dir"], world.path("cache").display().to_string());
    let row = &info["repositories"][0];
    assert_eq!((&row["address"], &row["unused_days"]), (&repo.url().into(), &12.into()), "{info}");
    let shown = world.ok(&["cache", "info"]).stdout;
    assert!(shown.contains(&repo.url()) && shown.contains("12 days"), "{shown}");
}

#[test]
fn a_repository_that_does_not_say_its_address_is_shown_by_its_folder() {
    let (world, _repo) = with_kit();
    let (repository, _) = only_entries(&world);
    let folder = repository.file_name().expect("a name").to_string_lossy().into_owned();
    for address in ["", "https://me:s3cret@example.com/o/r\n"] {
        write(&repository.join("cpm-url"), address);
        let run = world.ok(&["cache", "info"]);
        assert!(run.stdout.contains(&folder) && !run.stdout.contains("s3cret"), "{run}");
        assert_eq!(info(&world)["repositories"][0]["address"], Value::Null);
    }
}

#[test]
fn an_empty_cache_is_no_mistake() {
    let world = World::in_git();
    assert_eq!(info(&world)["parts"][0]["count"], 0);
    let removed = world.ok(&["cache", "prune", "--older-than", "0d", "--json"]).json();
    assert_eq!(counts(&removed["pruned"]), [0, 0, 0]);
    assert!(!world.path("cache").exists(), "nothing is made by looking");
}

#[test]
fn prune_removes_what_was_not_used_for_that_long_and_nothing_else() {
    let (world, _repo) = with_kit();
    let (repository, package) = only_entries(&world);
    for (repository_days, package_days, limit, gone) in [(29, 29, "30d", [0, 0]), (13, 14, "2w", [0, 1])] {
        age(&repository, repository_days);
        age(&package, package_days);
        let removed = world.ok(&["cache", "prune", "--older-than", limit, "--json"]).json();
        assert_eq!([&removed["pruned"]["repositories"], &removed["pruned"]["packages"]], gone, "{removed}");
        assert_eq!([repository.exists(), package.exists()], gone.map(|gone| gone == 0), "{limit}");
    }
    age(&repository, 30);
    let removed = world.ok(&["cache", "prune", "--older-than", "30d"]);
    assert!(!repository.exists() && removed.stdout.contains("1 repository"), "{removed}");
    assert!(world.ok(&["cache", "prune", "--older-than", "30d"]).stdout.contains("Nothing to remove"));
    world.ok(&["install", "--frozen"]);
    world.check_out_anew();
    world.ok(&["install", "--locked"]);
    assert!(world.has(".claude/skills/kit/SKILL.md") && repository.exists() && package.exists());
}

#[test]
fn a_package_that_a_run_used_is_kept() {
    let (world, _repo) = with_kit();
    let (_, package) = only_entries(&world);
    age(&package, 40);
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    world.ok(&["cache", "prune", "--older-than", "30d"]);
    assert!(package.exists());
}

#[test]
fn a_repository_that_a_run_read_or_fetched_from_is_kept() {
    let (world, _repo) = with_kit();
    let (repository, package) = only_entries(&world);
    for args in [&["install", "--frozen"][..], &["update"]] {
        age(&repository, 40);
        world.check_out_anew();
        delete(&package);
        world.ok(args);
        world.ok(&["cache", "prune", "--older-than", "30d"]);
        assert!(repository.exists(), "{args:?}");
    }
}

#[test]
fn a_repository_that_another_cpm_writes_to_stays_and_is_named() {
    let (world, repo) = with_kit();
    let (repository, package) = only_entries(&world);
    write(&repository.join("cpm-url"), repo.url());
    let before = snapshot(&repository);
    let lock = File::options().write(true).open(repository.with_extension("lock")).expect("a lock file");
    lock.try_lock().expect("nobody has it");
    for args in [&["cache", "clean"][..], &["cache", "prune", "--older-than", "0d"]] {
        let run = world.ok(args);
        assert!(run.stderr.contains(&repo.url()), "{run}");
        assert!(!package.exists() && snapshot(&repository) == before);
        let json = world.ok(&[args, &["--json"]].concat()).json();
        let removed = json.get("cleaned").or(json.get("pruned")).expect("an answer");
        assert_eq!((&removed["busy"][0], &removed["repositories"]), (&repo.url().into(), &0.into()), "{json}");
    }
    drop(lock);
    world.ok(&["cache", "clean"]);
    assert!(!repository.exists());
}

#[test]
fn leftovers_of_killed_runs_go_after_a_day_and_foreign_things_stay() {
    let (world, _repo) = with_kit();
    let cache = world.path("cache");
    let (old, young) = ([".new-a", "tmp-a"], [".new-b", "tmp-b"]);
    let paths = |names: [&str; 2]| [cache.join("git-v1").join(names[0]), cache.join("store-v1").join(names[1])];
    for dir in paths(old).iter().chain(&paths(young)) {
        write(&dir.join("part"), "x");
    }
    paths(old).iter().for_each(|dir| age(dir, 1));
    let foreign =
        ["notes.txt", "git-v1/mine/file", "store-v1/abc/file", "store-v1/notes.txt"].map(|name| cache.join(name));
    foreign.iter().for_each(|path| write(path, "mine"));
    std::os::unix::fs::symlink(world.project(), cache.join("store-v1").join("0".repeat(64))).expect("a link");
    assert_eq!(info(&world)["parts"][2]["count"], 4);
    let removed = world.ok(&["cache", "prune", "--older-than", "52w", "--json"]).json();
    assert_eq!(counts(&removed["pruned"]), [0, 0, 2], "{removed}");
    assert!(paths(old).iter().all(|dir| !dir.exists()) && paths(young).iter().all(|dir| dir.exists()));
    let removed = world.ok(&["cache", "clean", "--json"]).json();
    assert_eq!(counts(&removed["cleaned"]), [1, 1, 0], "{removed}");
    assert!(foreign.iter().chain(&paths(young)).all(|path| path.exists()));
    assert!(world.has("cpm.toml"), "a link is not followed");
}

#[test]
fn clean_empties_the_cache_and_everything_can_be_fetched_again() {
    let (world, repo) = with_kit();
    let other = Repo::new(&world, "other", &[("SKILL.md", &crate::support::skill("other", "x"))]);
    world.ok(&["install", "other", "--git", &other.url()]);
    let before = snapshot(&world.project());
    let said = world.ok(&["cache", "clean"]);
    assert!(said.stdout.contains("2 repositories, 2 packages"), "{said}");
    assert!(folders(&world, "git-v1", "").is_empty() && folders(&world, "store-v1", "").is_empty());
    world.check_out_anew();
    let run = world.fails(14, &["install", "--frozen"]);
    assert!(run.stderr.contains(&repo.url()), "{run}");
    world.ok(&["install", "--locked"]);
    assert_eq!(snapshot(&world.project()), before);
}

#[test]
fn a_dry_run_says_what_would_go_and_removes_nothing() {
    let (world, _repo) = with_kit();
    let before = snapshot(&world.path("cache"));
    for args in [&["cache", "clean"][..], &["cache", "prune", "--older-than", "0d"]] {
        let run = world.ok(&[args, &["--dry-run"]].concat());
        assert!(run.stdout.starts_with("Would remove 1 repository, 1 package"), "{run}");
    }
    assert!(snapshot(&world.path("cache")) == before);
    let json = world.ok(&["cache", "clean", "--dry-run", "--json"]).json();
    assert_eq!(
        (counts(&json["cleaned"]), &json["cleaned"]["dry_run"]),
        ([&1.into(), &1.into(), &0.into()], &true.into())
    );
}

#[test]
fn an_age_is_a_number_of_days_or_weeks() {
    let (world, _repo) = with_kit();
    for text in ["30", "d", "1m", "-1d", "99999999999999999999d"] {
        let run = world.fails(2, &["cache", "prune", &format!("--older-than={text}")]);
        assert!(run.stderr.contains(&format!("`{text}`")) && run.stderr.contains("30d"), "{run}");
    }
    assert_eq!(world.cpm(&["cache", "prune"]).code, 2, "there is no age that all would expect");
    only_entries(&world);
}
