//! `cpm outdated` says what could move: versions, contents, and what the manifest holds back.

use serde_json::{Value, json};

use super::{answer, asked};
use crate::support::{Index, Repo, World, delete, skill};

/// The rows of the answer, by name.
fn rows(world: &World) -> Value {
    let answer = answer(world, &["outdated"]);
    let rows = answer["outdated"]["packages"].as_array().expect("rows").iter();
    rows.map(|row| (row["name"].as_str().expect("a name").to_owned(), row.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Locked, allowed and newest version of a row, and what changes.
fn told(row: &Value) -> [&str; 4] {
    [&row["locked"]["version"], &row["allowed"]["version"], &row["newest"], &row["change"]]
        .map(|value| value.as_str().unwrap_or("-"))
}

/// An index with `kit` 1.0.0 installed.
fn with_index() -> (World, Index) {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    (world, index)
}

#[test]
fn a_newer_version_is_told_with_what_the_manifest_allows_and_what_there_is() {
    let (world, index) = with_index();
    assert_eq!(rows(&world), json!({}));
    index.release("kit", "1.1.0", &[]);
    index.release("kit", "2.0.0", &[]);
    index.release("kit", "3.0.0-rc.1", &[]);
    let rows = rows(&world);
    assert_eq!(told(&rows["kit"]), ["1.0.0", "1.1.0", "2.0.0", "version"]);
    assert_eq!((&rows["kit"]["held_by"], &rows["kit"]["direct"]), (&json!(["manifest"]), &true.into()));
    let run = asked(&world, 0, &["outdated"]);
    assert!(run.stdout.contains("kit      1.0.0   1.1.0   2.0.0"), "{run}");
}

#[test]
fn it_tells_exactly_what_an_update_then_does() {
    let (world, index) = with_index();
    index.release("kit", "1.1.0", &[("core", "1")]);
    index.release("core", "1.0.0", &[]);
    let rows = rows(&world);
    assert_eq!(told(&rows["core"]), ["-", "1.0.0", "1.0.0", "new"]);
    world.ok(&["update"]);
    for name in ["kit", "core"] {
        assert_eq!(rows[name]["allowed"]["version"], world.locked(name)["version"], "{name}");
        assert_eq!(rows[name]["allowed"]["checksum"], world.locked(name)["checksum"], "{name}");
    }
    assert_eq!(self::rows(&world), json!({}));
    index.release("kit", "1.2.0", &[]);
    assert_eq!(told(&self::rows(&world)["core"]), ["1.0.0", "-", "1.0.0", "unneeded"]);
}

#[test]
fn other_content_under_the_same_version_is_told() {
    let world = World::in_git();
    let plugin = (".claude-plugin/plugin.json", r#"{"name":"kit","version":"1.2.0"}"#);
    let old = skill("a", "old");
    let repo = Repo::new(&world, "kit", &[plugin, ("skills/a/SKILL.md", &old)]);
    world.ok(&["install", "--git", &repo.url()]);
    repo.commit(&[("skills/a/SKILL.md", &skill("a", "new"))]);
    let row = &rows(&world)["kit"];
    assert_eq!(told(row), ["1.2.0", "1.2.0", "1.2.0", "content"]);
    assert_eq!(row["allowed"]["commit"], repo.head());
    assert_ne!(row["allowed"]["checksum"], row["locked"]["checksum"]);
    assert!(asked(&world, 0, &["outdated"]).stdout.contains("new content"));
}

#[test]
fn a_marketplace_that_moved_on_elsewhere_makes_nothing_outdated() {
    let world = World::in_git();
    let files = [("one/skills/a/SKILL.md", skill("a", "text"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let repo = Repo::marketplace(&world, "market", r#"{"name":"one","source":"./one"}"#, &files);
    world.ok(&["index", "add", "market", &repo.url()]);
    world.ok(&["install", "one"]);
    // Labels made of commits are in no order, so several are tried.
    for text in ["1", "2", "3", "4"] {
        repo.commit(&[("README.md", text)]);
        assert_eq!(rows(&world), json!({}));
    }
    repo.commit(&[("one/skills/a/SKILL.md", &skill("a", "new"))]);
    assert_eq!(rows(&world)["one"]["change"], "version", "a version that only names the commit");
}

#[test]
fn what_another_package_holds_back_is_told_with_its_name() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("core", "1")]);
    world.ok(&["install", "app"]);
    index.release("core", "2.0.0", &[]);
    let row = &rows(&world)["core"];
    assert_eq!(told(row), ["1.0.0", "1.0.0", "2.0.0", "held"]);
    assert_eq!((&row["held_by"], &row["direct"]), (&json!(["app"]), &false.into()));
}

#[test]
fn a_yanked_release_is_not_the_newest() {
    let (world, index) = with_index();
    index.release("kit", "1.1.0", &[]);
    assert_eq!(told(&rows(&world)["kit"])[2], "1.1.0");
    index.yank_release("kit", "1.1.0", "broken");
    assert_eq!(rows(&world), json!({}));
}

#[test]
fn a_newer_tag_than_the_pinned_one_is_told() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    repo.git(&["tag", "kit-v1.0.0"]);
    world.ok(&["install", "--git", &repo.url(), "--tag", "kit-v1.0.0"]);
    for other in ["kit-v0.9.0", "v3.0.0", "kit-v2"] {
        repo.git(&["tag", other]);
    }
    assert_eq!(rows(&world), json!({}));
    repo.commit(&[("SKILL.md", &skill("kit", "two"))]);
    for newer in ["kit-v1.10.0", "kit-v1.9.0", "kit-v2.0.0-rc.1"] {
        repo.git(&["tag", newer]);
    }
    let row = &rows(&world)["kit"];
    assert_eq!(
        (&row["newest"], &row["change"], &row["held_by"]),
        (&json!("1.10.0"), &json!("held"), &json!(["manifest"]))
    );
    assert_eq!(answer(&world, &["outdated", "--offline"])["outdated"]["current"], 1);
}

#[test]
fn a_moved_tag_is_told_even_where_the_bytes_are_the_same() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    repo.git(&["tag", "v1"]);
    world.ok(&["install", "--git", &repo.url(), "--tag", "v1"]);
    repo.commit(&[]);
    repo.git(&["tag", "-f", "v1"]);
    assert_eq!(
        (&rows(&world)["kit"]["change"], &rows(&world)["kit"]["rewritten"]),
        (&"rewritten".into(), &true.into())
    );
    repo.commit(&[("SKILL.md", &skill("kit", "two"))]);
    repo.git(&["tag", "-f", "v1"]);
    assert_eq!(rows(&world)["kit"]["rewritten"], true);
    world.fails(20, &["update"]);
}

#[test]
fn a_replaced_history_is_told_and_one_that_went_on_is_not() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    world.ok(&["install", "--git", &repo.url()]);
    repo.commit(&[("SKILL.md", &skill("kit", "two"))]);
    assert_eq!(rows(&world)["kit"]["rewritten"], false);
    repo.git(&["commit", "-q", "--amend", "-m", "again"]);
    repo.git(&["reset", "-q", "--hard", "HEAD^"]);
    repo.git(&["commit", "-q", "--amend", "-m", "replaced"]);
    repo.commit(&[("SKILL.md", &skill("kit", "three"))]);
    assert_eq!(rows(&world)["kit"]["rewritten"], true);
}

#[test]
fn a_folder_that_changed_is_told() {
    let world = World::in_git();
    crate::support::write(&world.path("style/SKILL.md"), skill("style", "one"));
    world.ok(&["install", "--path", &world.path("style").display().to_string()]);
    assert_eq!(rows(&world), json!({}));
    crate::support::write(&world.path("style/SKILL.md"), skill("style", "two"));
    assert_eq!(told(&rows(&world)["style"]), ["0.0.0", "0.0.0", "0.0.0", "content"]);
}

#[test]
fn the_exit_code_is_one_only_when_asked_and_something_is_shown() {
    let (world, index) = with_index();
    asked(&world, 0, &["outdated", "--exit-code"]);
    index.release("kit", "1.1.0", &[]);
    asked(&world, 0, &["outdated"]);
    asked(&world, 1, &["outdated", "--exit-code"]);
    assert_eq!(asked(&world, 1, &["outdated", "--exit-code", "--json"]).json()["exit"], 1);
}

#[test]
fn an_unreachable_host_is_a_failure_and_not_nothing_newer() {
    let (world, index) = with_index();
    delete(index.repo.dir());
    let run = asked(&world, 14, &["outdated"]);
    assert!(run.stderr.contains("acme") && run.stdout.is_empty(), "{run}");
    assert_eq!(asked(&world, 0, &["outdated", "--offline", "--json"]).json()["outdated"]["current"], 1);
}

#[test]
fn without_a_manifest_there_is_nothing_to_ask_about() {
    let world = World::in_git();
    asked(&world, 14, &["outdated"]);
}
