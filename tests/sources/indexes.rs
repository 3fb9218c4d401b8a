//! Releases in a cpm index: which version is taken, what it promises, and what a broken line does.

use serde_json::json;

use crate::support::raw_index::{line, t1};
use crate::support::{IndexRepo, Repo, World, skill};

const SKILL: &str = ".claude/skills/tool/SKILL.md";

/// A project whose one index `acme` has the skill `tool` in these versions.
fn with_tool(versions: &[&str]) -> (World, IndexRepo) {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    index.publish("tool", versions);
    world.ok(&["index", "add", "acme", &index.url()]);
    (world, index)
}

#[test]
fn a_release_hosted_in_the_index_is_locked_with_index_folder_and_commit() {
    let (world, index) = with_tool(&["1.2.0"]);
    world.ok(&["install", "tool"]);
    assert_eq!(world.read(SKILL), skill("tool", "tool 1.2.0"));
    assert_eq!(world.dependency("tool"), "1.2.0");
    let locked = world.locked("tool");
    assert_eq!((&locked["version"], &locked["index"]), (&"1.2.0".into(), &index.url().into()));
    assert_eq!(locked["source"], format!("git+{}?path=content/tool/1.2.0", index.url()));
    assert_eq!(locked["commit"], index.repo.head());
    assert_eq!(locked["checksum"], t1(&index.repo.dir().join("content/tool/1.2.0")));
}

#[test]
fn a_release_may_point_at_another_repository() {
    let (world, index) = with_tool(&["1.0.0"]);
    let other = Repo::new(&world, "other", &[("kits/tool/SKILL.md", &skill("tool", "elsewhere"))]);
    let (commit, checksum) = (other.head(), t1(&other.dir().join("kits/tool")));
    other.commit(&[("kits/tool/SKILL.md", "moved on\n")]);
    let source = json!({ "git": other.url(), "commit": commit, "path": "kits/tool" });
    index.list(&[line("tool", "1.1.0", &source, &checksum)]);
    world.ok(&["install", "tool"]);
    assert_eq!(world.read(SKILL), skill("tool", "elsewhere"));
    let locked = world.locked("tool");
    assert_eq!(locked["source"], format!("git+{}?path=kits/tool", other.url()));
    assert_eq!((&locked["commit"], &locked["checksum"]), (&commit.into(), &checksum.into()));
}

#[test]
fn the_newest_version_that_the_requirement_allows_is_taken() {
    let (world, index) = with_tool(&["1.0.0", "1.4.0", "2.0.0-beta.1", "1.2.0", "2.1.0"]);
    for (spec, version) in [
        ("tool", "2.1.0"),
        ("tool@1", "1.4.0"),
        ("tool@1.0", "1.4.0"),
        ("tool@~1.2", "1.2.0"),
        ("tool@=1.0.0", "1.0.0"),
        ("tool@<2", "1.4.0"),
        ("tool@=2.0.0-beta.1", "2.0.0-beta.1"),
    ] {
        let world = World::in_git();
        world.write("cpm.toml", &format!("[indexes]\nacme = {{ git = \"{}\" }}\n", index.url()));
        world.ok(&["install", spec]);
        assert_eq!(world.locked("tool")["version"], version, "{spec}");
        assert_eq!(world.read(SKILL), skill("tool", &format!("tool {version}")), "{spec}");
    }
    let run = world.fails(12, &["install", "tool@3"]);
    assert!(run.stderr.contains("2.1.0"), "{run}");
}

#[test]
fn a_lock_stays_when_a_newer_version_appears_and_update_takes_it() {
    let (world, index) = with_tool(&["1.0.0"]);
    world.ok(&["install", "tool@1"]);
    let lock = world.read("cpm.lock");
    index.publish("tool", &["1.1.0", "2.0.0"]);
    world.ok(&["install"]);
    world.ok(&["install", "tool"]);
    assert_eq!(world.read("cpm.lock"), lock);
    world.ok(&["update"]);
    assert_eq!(world.locked("tool")["version"], "1.1.0");
    assert_eq!(world.read(SKILL), skill("tool", "tool 1.1.0"));
    assert_eq!(world.dependency("tool"), "1");
}

#[test]
fn bytes_other_than_the_index_promises_are_not_installed() {
    let (world, index) = with_tool(&["1.0.0"]);
    let mut wrong = index.host("tool", "1.1.0", &[("SKILL.md", &skill("tool", "x"))]);
    let (promised, got) = (format!("t1:{}", "0a".repeat(32)), wrong["checksum"].clone());
    wrong["checksum"] = promised.clone().into();
    index.list(&[wrong]);
    let run = world.fails(20, &["install", "tool"]);
    assert!(run.stderr.contains(&promised) && run.stderr.contains(got.as_str().expect("a checksum")), "{run}");
    world.ok(&["install", "tool@=1.0.0"]);
    let run = world.cpm(&["install", "--json", "tool@=1.1.0"]);
    assert_eq!((run.code, &run.json()["error"]["kind"]), (20, &"integrity".into()));
}

#[test]
fn a_broken_line_disables_only_itself_and_says_so() {
    let (world, index) = with_tool(&["1.0.0"]);
    let good = index.host("tool", "1.1.0", &[("SKILL.md", &skill("tool", "good"))]);
    let broken = |key: &str, value: serde_json::Value| {
        let mut line = good.clone();
        line["version"] = "9.0.0".into();
        line[key] = value;
        line
    };
    index.append("tool", "{\"name\":\"tool\",");
    index.list(&[
        broken("version", "nine".into()),
        broken("checksum", "t9:00".into()),
        broken("source", json!({ "path": "../../x" })),
        broken("source", json!({ "git": "https://host.example/x" })),
        broken("dependencies", json!([{ "name": "Not A Name", "req": "1" }])),
    ]);
    let mut stray = broken("name", "other".into());
    stray["version"] = "9.0.1".into();
    index.append("tool", &stray.to_string());
    let mut future = good.clone();
    future["from-the-future"] = json!({ "x": 1 });
    index.list(&[future]);
    let run = world.ok(&["install", "tool"]);
    assert_eq!(world.locked("tool")["version"], "1.1.0");
    assert_eq!(run.stderr.matches("warning: ").count(), 7, "{run}");
    assert!(run.stderr.contains("packages/to/ol/tool.jsonl:2"), "{run}");
    let run = world.fails(12, &["install", "tool@99"]);
    assert_eq!(run.stderr.matches("warning: ").count(), 7, "{run}");
}

#[test]
fn a_package_whose_lines_are_all_broken_cannot_be_used() {
    let (world, index) = with_tool(&["1.0.0"]);
    index.append("spoilt", "not json");
    let run = world.fails(10, &["install", "spoilt"]);
    assert!(run.stderr.contains("`spoilt`") && !run.stderr.contains("yanked"), "{run}");
    assert!(run.stderr.contains("packages/sp/oi/spoilt.jsonl:1"), "{run}");
}

#[test]
fn a_yanked_version_is_not_chosen_but_stays_for_who_has_it() {
    let (world, index) = with_tool(&["1.0.0"]);
    let mut newer = index.host("tool", "1.1.0", &[("SKILL.md", &skill("tool", "newer"))]);
    index.list(std::slice::from_ref(&newer));
    world.ok(&["install", "tool@1"]);
    assert_eq!(world.locked("tool")["version"], "1.1.0");
    let first: serde_json::Value = {
        let lines = std::fs::read_to_string(index.repo.dir().join("packages/to/ol/tool.jsonl")).expect("lines");
        serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON")
    };
    newer["yanked"] = "it eats files".into();
    index.rewrite("tool", &[first, newer]);
    world.check_out_anew();
    world.ok(&["install"]);
    assert_eq!(world.read(SKILL), skill("tool", "newer"));
    let other = World::in_git();
    other.ok(&["index", "add", "acme", &index.url()]);
    other.ok(&["install", "tool"]);
    assert_eq!(other.locked("tool")["version"], "1.0.0");
    let run = other.fails(12, &["install", "tool@=1.1.0"]);
    assert!(run.stderr.contains("yanked") && run.stderr.contains("it eats files"), "{run}");
}

#[test]
fn a_version_published_again_with_other_bytes_stops_the_update() {
    let (world, index) = with_tool(&["1.0.0"]);
    world.ok(&["install", "tool"]);
    let locked = world.locked("tool")["checksum"].clone();
    let again = index.host("tool", "1.0.0", &[("SKILL.md", &skill("tool", "other bytes"))]);
    index.rewrite("tool", std::slice::from_ref(&again));
    let run = world.fails(20, &["update"]);
    for checksum in [&locked, &again["checksum"]] {
        assert!(run.stderr.contains(checksum.as_str().expect("a checksum")), "{run}");
    }
    // A newer release beside it changes nothing about that.
    index.publish("tool", &["1.1.0"]);
    world.fails(20, &["update"]);
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install", "--locked"]);
    assert_eq!(world.read(SKILL), skill("tool", "tool 1.0.0"));
}

#[test]
fn a_commit_that_does_not_touch_a_package_leaves_its_lock_entry() {
    let (world, index) = with_tool(&["1.0.0"]);
    world.ok(&["install", "tool"]);
    let lock = world.read("cpm.lock");
    index.publish("another", &["1.0.0"]);
    world.ok(&["update"]);
    assert_eq!(world.read("cpm.lock"), lock);
}

#[test]
fn dependencies_in_an_index_come_along_and_go_along() {
    let (world, index) = with_tool(&["1.0.0", "1.1.0"]);
    let mut app = index.host("app", "1.0.0", &[("SKILL.md", &skill("app", "x"))]);
    app["dependencies"] = json!([{ "name": "tool", "req": "=1.0.0" }]);
    index.list(&[app]);
    world.ok(&["install", "app"]);
    assert_eq!(world.locked("app")["dependencies"], json!(["tool"]));
    assert_eq!(world.locked("tool")["version"], "1.0.0");
    assert!(world.has(SKILL));
    world.ok(&["remove", "app"]);
    assert!(!world.has(SKILL));
}

#[test]
fn changed_dependencies_of_a_locked_release_come_with_an_update() {
    let (world, index) = with_tool(&["1.0.0"]);
    let other = Repo::new(&world, "other", &[("SKILL.md", &skill("app", "x"))]);
    let source = json!({ "git": other.url(), "commit": other.head() });
    let mut app = line("app", "1.0.0", &source, &t1(other.dir()));
    index.rewrite("app", std::slice::from_ref(&app));
    world.ok(&["install", "app"]);
    app["dependencies"] = json!([{ "name": "tool", "req": "1" }]);
    index.rewrite("app", &[app]);
    world.ok(&["update"]);
    assert_eq!(world.locked("app")["dependencies"], json!(["tool"]));
    world.ok(&["install", "--locked"]);
    assert!(world.has(SKILL));
}
