//! `cpm info` tells all about one package: its releases, what is in it, which index answers, where it is installed.

use serde_json::{Value, json};

use super::{answer, asked};
use crate::support::samples::TOOL;
use crate::support::{Index, Repo, World, skill, write};

fn info(world: &World, name: &str) -> Value {
    answer(world, &["info", name])["info"].take()
}

/// Version, date and reason of each release of an index, in order.
fn releases(index: &Value) -> Vec<[Value; 3]> {
    let rows = index["releases"].as_array().expect("releases").iter();
    rows.map(|row| ["version", "published", "withheld"].map(|key| row[key].clone())).collect()
}

#[test]
fn releases_come_newest_first_with_what_was_taken_back() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"] {
        index.release("kit", version, &[]);
    }
    index.yank_release("kit", "1.10.0", "leaks memory");
    let info = info(&world, "kit");
    let row = |version: &str, yanked: Value| [json!(version), Value::Null, yanked];
    let wanted = [
        row("1.10.0", json!("is yanked: leaks memory")),
        row("1.9.0", Value::Null),
        row("1.0.0", Value::Null),
        row("2.0.0-rc.1", Value::Null),
    ];
    assert_eq!(releases(&info["indexes"][0]), wanted);
    assert_eq!(info["inside"]["version"], "1.9.0", "what an install would take");
    let run = asked(&world, 0, &["info", "kit"]);
    assert!(run.stdout.contains("  1.10.0       is yanked: leaks memory\n"), "{run}");
}

#[test]
fn the_version_that_is_asked_for_is_looked_into() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "2.0.0"] {
        index.release("kit", version, &[]);
    }
    index.yank_release("kit", "1.0.0", "old");
    assert_eq!(info(&world, "kit@1.0.0")["inside"]["version"], "1.0.0", "yanked, but asked for");
    let run = asked(&world, 14, &["info", "kit@1.5.0"]);
    assert!(run.stderr.contains("1.5.0") && run.stderr.contains("2.0.0, 1.0.0"), "{run}");
    asked(&world, 2, &["info", "kit@1"]);
    world.ok(&["install", "--git", &index.repo.url(), "--path", "content/kit/1.0.0", "mine"]);
    assert_eq!(
        info(&world, &format!("mine@{}", world.locked("mine")["version"].as_str().unwrap()))["indexes"],
        json!([])
    );
    asked(&world, 14, &["info", "mine@9.0.0"]);
}

#[test]
fn a_version_that_only_a_tag_of_a_marketplace_has_is_looked_into() {
    let world = World::in_git();
    let plugin = r#"{"name":"kit","version":"1.0.0"}"#;
    let files = [("kit/.claude-plugin/plugin.json", plugin), ("kit/commands/old.md", "x\n")];
    let market = Repo::marketplace(&world, "market", r#"{"name":"kit","source":"./kit"}"#, &files);
    market.git(&["tag", "kit--v1.0.0"]);
    market.commit(&[("kit/.claude-plugin/plugin.json", &plugin.replace("1.0", "2.0")), ("kit/commands/new.md", "x\n")]);
    world.ok(&["index", "add", "market", &market.url()]);
    for (asked, commands) in [("kit", 2), ("kit@2.0.0", 2), ("kit@1.0.0", 1)] {
        let info = info(&world, asked);
        assert_eq!(info["inside"]["commands"].as_array().map(Vec::len), Some(commands), "{asked}");
    }
}

#[test]
fn a_package_that_is_one_skill_gives_it_its_name() {
    let world = World::in_git();
    assert_eq!(info(&world, "commit-messages")["inside"]["skills"], json!(["commit-messages"]));
}

#[test]
fn an_index_that_must_not_answer_is_not_asked_and_what_may_be_too_young_says_so() {
    let world = World::in_git();
    let [acme, other] = ["acme", "other"].map(|name| Index::added(&world, name));
    other.release("acme-kit", "9.0.0", &[]);
    acme.release("acme-kit", "1.0.0", &[]);
    other.release("tool", "1.0.0", &[]);
    let index = |name: &str, url: String, rule: &str| format!("{name} = {{ git = \"{url}\", {rule} }}\n");
    let owned = index("acme", acme.repo.url(), "packages = [\"acme-*\"]");
    let young = index("other", other.repo.url(), "min-release-age = \"3d\"");
    world.write("cpm.toml", &format!("[indexes]\n{young}{owned}"));
    let kit = info(&world, "acme-kit");
    assert_eq!(kit["indexes"].as_array().map(Vec::len), Some(1));
    assert_eq!((&kit["indexes"][0]["index"], &kit["inside"]["version"]), (&json!("acme"), &json!("1.0.0")));
    let withheld = &releases(&info(&world, "tool")["indexes"][0])[0][2];
    assert!(withheld.as_str().is_some_and(|why| why.contains("younger than 3 days")), "{withheld}");
}

#[test]
fn a_date_is_told_where_the_index_has_one() {
    let world = World::new();
    let info = info(&world, "github-tools");
    assert_eq!(releases(&info["indexes"][0])[0][1], "2026-11-23T00:00:00Z");
    assert!(asked(&world, 0, &["info", "github-tools"]).stdout.ends_with("Releases\n  1.0.0      2026-11-23\n"));
}

#[test]
fn everything_inside_is_told_before_anything_is_installed() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    let files: Vec<(&str, &str)> = TOOL
        .into_iter()
        .chain([
            ("skills/fix/SKILL.md", "---\nname: fix\ndescription: Fixes.\n---\nfix\n"),
            (".mcp.json", r#"{"mcpServers":{"db":{"command":"npx","args":["db@1"]}}}"#),
        ])
        .collect();
    let repo = Repo::new(&world, "tool", &files);
    index.list("tool", "1.0.0", &[("core", "1")], &repo, &files);
    let info = info(&world, "tool");
    let inside = &info["inside"];
    let size: usize = files.iter().map(|(_, text)| text.len()).sum();
    assert_eq!((&inside["files"], &inside["bytes"]), (&files.len().into(), &size.into()));
    for (key, wanted) in [
        ("kind", json!("plugin")),
        ("skills", json!(["fix"])),
        ("commands", json!(["commands/go.md"])),
        ("agents", json!(["agents/helper.md"])),
        ("hooks", json!(["Stop"])),
        ("servers", json!(["db"])),
        ("dependencies", json!(["core 1"])),
    ] {
        assert_eq!(inside[key], wanted, "{key}");
    }
    assert_eq!((&info["installed"], &info["refused"]), (&json!([]), &Value::Null));
    let run = asked(&world, 0, &["info", "tool"]);
    assert!(run.stdout.contains("server `db` runs npx db@1"), "{run}");
    assert!(!world.has(".claude"), "nothing is installed");
    world.ok(&["install", "tool"]);
    assert_eq!(world.locked("tool")["checksum"], inside["checksum"]);
}

#[test]
fn all_indexes_that_have_it_are_named_and_the_one_that_answers_is_marked() {
    let world = World::in_git();
    let [first, second] = ["first", "second"].map(|name| Index::added(&world, name));
    let _third = Index::added(&world, "third");
    first.release("kit", "1.0.0", &[]);
    second.release("kit", "2.0.0", &[]);
    let told = |info: &Value| -> Vec<(String, bool)> {
        let rows = info["indexes"].as_array().expect("indexes").iter();
        rows.map(|row| (row["index"].as_str().unwrap().to_owned(), row["answers"].as_bool().unwrap())).collect()
    };
    let before = info(&world, "kit");
    assert_eq!(told(&before), [("first".to_owned(), true), ("second".to_owned(), false)]);
    assert_eq!(before["inside"]["version"], "1.0.0");
    world.write("cpm.toml", &(world.read("cpm.toml") + "[dependencies]\nkit = { index = \"second\" }\n"));
    let pinned = info(&world, "kit");
    assert_eq!(told(&pinned), [("first".to_owned(), false), ("second".to_owned(), true)]);
    assert_eq!(pinned["inside"]["version"], "2.0.0");
}

#[test]
fn where_it_is_installed_is_told_for_every_scope() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("github-tools", "3.0.0", &[]);
    world.ok(&["install", "github-tools"]);
    world.ok(&["install", "github-tools", "--scope", "user"]);
    let info = info(&world, "github-tools");
    let places = info["installed"].as_array().expect("places").iter();
    let places: Vec<[&Value; 3]> = places.map(|place| ["scope", "version", "from"].map(|key| &place[key])).collect();
    let from = format!("content/github-tools/3.0.0 of {} at {}", index.repo.url(), &index.repo.head()[..12]);
    let wanted =
        [[json!("project"), json!("3.0.0"), json!(from)], [json!("user"), json!("1.0.0"), json!("the built-in index")]];
    assert_eq!(places, wanted.each_ref().map(<[Value; 3]>::each_ref));
}

#[test]
fn what_no_index_has_is_told_from_the_lock() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    world.ok(&["install", "mine", "--git", &repo.url()]);
    write(&world.path("style/SKILL.md"), skill("style", "one"));
    world.ok(&["install", "--path", &world.path("style").display().to_string()]);
    for name in ["mine", "style"] {
        let info = info(&world, name);
        assert_eq!((&info["inside"]["kind"], &info["indexes"]), (&"skill".into(), &json!([])), "{name}");
        assert_eq!(info["inside"]["checksum"], world.locked(name)["checksum"], "{name}");
    }
}

#[test]
fn a_package_that_would_be_refused_says_why() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.publish("kit", "1.0.0", &[], &[("SKILL.md", &skill("kit", "hidden \u{202e} text"))]);
    let info = info(&world, "kit");
    assert_eq!((&info["inside"], &info["refused"]["kind"]), (&Value::Null, &"content".into()));
    let run = asked(&world, 0, &["info", "kit"]);
    assert!(run.stdout.contains("refused") && run.stdout.contains("SKILL.md"), "{run}");
}

#[test]
fn an_entry_that_the_client_refuses_is_told_with_the_reason() {
    let world = World::in_git();
    let entries = r#"{"name":"far","source":{"source":"npm","package":"x"}}"#;
    let repo = Repo::marketplace(&world, "market", entries, &[]);
    world.ok(&["index", "add", "market", &repo.url()]);
    let info = info(&world, "far");
    assert_eq!((&info["indexes"][0]["releases"], &info["indexes"][0]["answers"]), (&json!([]), &true.into()));
    assert!(info["indexes"][0]["problems"][0].as_str().expect("a problem").contains("npm"), "{info:#}");
}

#[test]
fn a_release_with_other_bytes_than_promised_stops() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    index.repo.commit(&[("content/kit/1.0.0/SKILL.md", &skill("kit", "replaced"))]);
    let run = asked(&world, 20, &["info", "kit"]);
    assert!(run.stderr.contains("`kit`"), "{run}");
}

#[test]
fn an_unknown_name_is_not_found_and_near_ones_are_named() {
    let world = World::in_git();
    let run = asked(&world, 14, &["info", "github-tool"]);
    assert!(run.stderr.contains("`github-tools`") && run.stderr.contains("the built-in index"), "{run}");
}

#[test]
fn hostile_text_is_drawn() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    index.yank("kit", "\u{1b}]0;title\u{7} why");
    let run = asked(&world, 0, &["info", "kit"]);
    assert!(!run.stdout.contains('\u{1b}') && run.stdout.contains("⟦U+001B⟧"), "{run}");
}
