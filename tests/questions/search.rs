//! `cpm search` finds packages in all indexes of the scope and in the built-in one, best first.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{answer, asked};
use crate::support::index::file_of;
use crate::support::{Index, Repo, World, delete, skill};

/// The names of what is found, in order, each with its index.
fn found(world: &World, words: &[&str]) -> Vec<String> {
    let hits = answer(world, &[&["search"], words].concat());
    let hits = hits["packages"].as_array().expect("packages").iter();
    hits.map(|hit| format!("{} {}", hit["name"].as_str().unwrap(), hit["index"].as_str().unwrap())).collect()
}

/// One package of the answer.
fn hit(world: &World, words: &[&str], name: &str) -> Value {
    let answer = answer(world, &[&["search"], words].concat());
    let mut hits = answer["packages"].as_array().expect("packages").iter();
    hits.find(|hit| hit["name"] == name).unwrap_or_else(|| panic!("{name} in {answer:#}")).clone()
}

/// A line of an index without anything that could be installed.
fn line(name: &str, version: &str, more: Value) -> String {
    let mut line = json!({
        "name": name, "version": version, "source": { "path": "content/x" },
        "checksum": format!("t1:{}", "0a".repeat(32)),
    });
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{line}\n")
}

/// An index whose packages have these descriptions and keywords.
fn described(world: &World, packages: &[(&str, &str, &[&str])]) -> Index {
    let index = Index::added(world, "acme");
    let files: Vec<(String, String)> = packages
        .iter()
        .map(|(name, description, keywords)| {
            let more = json!({ "description": description, "keywords": keywords });
            (file_of(name), line(name, "1.0.0", more))
        })
        .collect();
    index.repo.commit(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    index
}

/// The file in which the cache keeps what a search reads of an index.
fn kept(world: &World) -> PathBuf {
    let folder = std::fs::read_dir(world.path("cache/index-v1")).expect("a folder").next().expect("an index");
    folder.expect("an entry").path().join("summaries")
}

#[test]
fn names_come_before_keywords_and_keywords_before_descriptions() {
    let world = World::in_git();
    let _index = described(
        &world,
        &[
            ("aaa", "Draws a zebra on the wall", &[]),
            ("bbb", "Paints", &["zebra"]),
            ("ccc", "Takes zebras for a walk", &["zebras"]),
            ("fine-zebra", "Stripes", &[]),
            ("zebra", "Itself", &[]),
            ("zebrafish", "Swims", &[]),
            ("other", "Nothing to do with it", &["horse"]),
        ],
    );
    let wanted = ["zebra", "fine-zebra", "zebrafish", "bbb", "ccc", "aaa"].map(|name| format!("{name} acme"));
    assert_eq!(found(&world, &["zebra"]), wanted);
    assert_eq!(found(&world, &["ZEBRA"]), wanted, "in any case");
}

#[test]
fn every_word_must_be_somewhere() {
    let world = World::in_git();
    let _index = described(&world, &[("one", "Reads zebra files", &[]), ("two", "Writes zebra files", &["reading"])]);
    assert_eq!(found(&world, &["zebra", "reads"]), ["one acme"]);
    assert_eq!(found(&world, &["zebra files"]), ["one acme", "two acme"]);
    assert_eq!(found(&world, &["zebra", "nowhere"]), [""; 0]);
    let run = asked(&world, 0, &["search", "zebra", "nowhere"]);
    assert!(run.stdout.contains("Nothing found"), "{run}");
}

#[test]
fn a_fresh_machine_finds_what_is_built_in() {
    let world = World::new();
    assert_eq!(found(&world, &["github", "tools"])[0], "github-tools builtin");
    let hit = hit(&world, &["github-tools"], "github-tools");
    assert_eq!((&hit["version"], &hit["installed"]), (&"1.0.0".into(), &json!([])));
    assert!(!world.path("cache").exists(), "nothing to fetch");
}

#[test]
fn marketplaces_are_searched_without_fetching_their_plugins() {
    let world = World::in_git();
    let entries = r#"{"name":"far","description":"Zebra herding","tags":["savanna"],"category":"animals",
        "source":{"source":"url","url":"file:///nowhere/at/all"}},
        {"name":"broken","description":"zebra","source":{"source":"npm","package":"x"}}"#;
    let repo = Repo::marketplace(&world, "market", entries, &[]);
    world.ok(&["index", "add", "market", &repo.url()]);
    assert_eq!(found(&world, &["zebra"]), ["far market"]);
    let hit = hit(&world, &["savanna", "animals"], "far");
    assert_eq!((&hit["version"], &hit["keywords"]), (&Value::Null, &json!(["savanna", "animals"])));
}

#[test]
fn what_is_installed_is_marked_with_its_scope() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    world.ok(&["install", "commit-messages", "--scope", "user"]);
    index.release("kit", "1.1.0", &[]);
    for (name, scope) in [("kit", "project"), ("commit-messages", "user")] {
        let installed = hit(&world, &[name], name)["installed"].take();
        assert_eq!(installed.as_array().expect("places").len(), 1, "{name}");
        let place = ["scope", "name", "version"].map(|key| installed[0][key].as_str().expect(key).to_owned());
        assert_eq!(place, [scope, name, "1.0.0"]);
    }
    assert_eq!(hit(&world, &["kit"], "kit")["version"], "1.1.0");
    let run = asked(&world, 0, &["search", "kit"]);
    assert!(run.stdout.contains("kit 1.1.0  acme  installed: 1.0.0 (project scope)\n"), "{run}");
}

#[test]
fn a_name_of_two_indexes_says_which_one_is_asked() {
    let world = World::in_git();
    let first = Index::added(&world, "first");
    first.release("github-tools", "9.0.0", &[]);
    world.ok(&["install", "github-tools"]);
    let answer = answer(&world, &["search", "github-tools"]);
    let told = |at: usize| ["index", "hidden_by"].map(|key| answer["packages"][at][key].clone());
    assert_eq!((told(0), told(1)), ([json!("first"), Value::Null], [json!("builtin"), json!("first")]));
    assert_eq!(answer["packages"][1]["installed"], json!([]), "another package of that name");
}

#[test]
fn an_index_that_must_not_answer_for_a_name_neither_offers_nor_hides_it() {
    let world = World::in_git();
    let [first, acme] = ["first", "acme"].map(|name| Index::added(&world, name));
    for (index, names) in [(&first, ["acme-zebra", "zebra"]), (&acme, ["acme-zebra", "zebra"])] {
        names.iter().for_each(|name| index.release(name, "1.0.0", &[]));
    }
    let owned = format!("acme = {{ git = \"{}\", packages = [\"acme-*\"] }}\n", acme.repo.url());
    world.write("cpm.toml", &format!("[indexes]\nfirst = {{ git = \"{}\" }}\n{owned}", first.repo.url()));
    assert_eq!(found(&world, &["zebra"]), ["zebra first", "acme-zebra acme"]);
    assert_eq!(hit(&world, &["zebra"], "acme-zebra")["hidden_by"], Value::Null);
}

#[test]
fn what_was_taken_back_is_not_found() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "2.0.0"] {
        index.release("zebra", version, &[]);
    }
    index.yank_release("zebra", "2.0.0", "broken");
    assert_eq!(hit(&world, &["zebra"], "zebra")["version"], "1.0.0");
    index.yank("zebra", "broken");
    assert_eq!(found(&world, &["zebra"]), [""; 0]);
}

#[test]
fn an_index_is_read_once_until_it_moves_on() {
    let world = World::in_git();
    let index = described(&world, &[("one", "zebra", &[])]);
    assert_eq!(found(&world, &["zebra"]), ["one acme"]);
    let file = kept(&world);
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, text.replace("one\t", "kept\t")).expect("written");
    assert_eq!(found(&world, &["zebra"]), ["kept acme"], "not read again");
    assert_eq!(found(&world, &["zebra", "--offline"]), ["kept acme"]);
    index.repo.commit(&[(&file_of("two"), &line("two", "1.0.0", json!({ "description": "zebra" })))]);
    assert_eq!(found(&world, &["zebra"]), ["kept acme", "two acme"], "only what changed is read");
    std::fs::write(&file, "cpm-summaries-v1 ").expect("damaged");
    assert_eq!(found(&world, &["zebra"]), ["one acme", "two acme"]);
    index.repo.remove(&[&file_of("one")]);
    assert_eq!(found(&world, &["zebra"]), ["two acme"]);
    let info = world.ok(&["cache", "info", "--json"]).json();
    assert_eq!(
        (&info["cache"]["parts"][3]["name"], &info["cache"]["parts"][3]["count"]),
        (&"listings".into(), &1.into())
    );
    assert_eq!(world.ok(&["cache", "clean", "--json"]).json()["cleaned"]["listings"], 1);
    assert!(!file.exists());
}

#[test]
fn a_bad_line_hides_only_itself() {
    let world = World::in_git();
    let index = described(&world, &[("one", "zebra", &[])]);
    index.repo.commit(&[(&file_of("two"), "not a release\n"), ("packages/README.md", "zebra\n")]);
    assert_eq!(found(&world, &["zebra"]), ["one acme"]);
}

#[test]
fn an_index_that_cannot_be_asked_stops_the_search() {
    let world = World::in_git();
    let index = described(&world, &[("one", "zebra", &[])]);
    found(&world, &["zebra"]);
    delete(index.repo.dir());
    let run = asked(&world, 14, &["search", "zebra"]);
    assert!(run.stderr.contains("`acme`"), "{run}");
    assert_eq!(found(&world, &["zebra", "--offline"]), ["one acme"]);
}

#[test]
fn hostile_text_is_drawn_and_stays_on_its_line() {
    let world = World::in_git();
    let hostile = "zebra \u{1b}[2J\u{202e}gnp\nerror: fake\tend";
    let _index = described(&world, &[("one", hostile, &[])]);
    let run = asked(&world, 0, &["search", "zebra"]);
    assert_eq!(run.stdout.lines().count(), 2, "{run}");
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}', '\t']) && run.stdout.contains("⟦U+001B⟧[2J"), "{run}");
    let run = asked(&world, 0, &["search", "zebra", "--json"]);
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{run}");
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let world = World::in_git();
    let files: Vec<(String, String)> =
        (0..60).map(|at| format!("zebra-{at}")).map(|name| (file_of(&name), line(&name, "1.0.0", json!({})))).collect();
    let index = Index::added(&world, "acme");
    index.repo.commit(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    assert_eq!(found(&world, &["zebra"]).len(), 60);
    let run = asked(&world, 0, &["search", "zebra"]);
    assert!(
        run.stdout.lines().count() == 51 && run.stdout.ends_with("and 10 more packages; another word makes it fewer\n"),
        "{run}"
    );
}

#[test]
fn a_skill_that_is_there_without_an_index_is_not_the_one_that_is_found() {
    let world = World::in_git();
    let repo = Repo::new(&world, "github-tools", &[("SKILL.md", &skill("github-tools", "mine"))]);
    world.ok(&["install", "--git", &repo.url()]);
    assert_eq!(hit(&world, &["github-tools"], "github-tools")["installed"], json!([]));
}
