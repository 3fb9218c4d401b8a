//! `cpm tree` and `cpm why` say who brought what in.

use serde_json::{Value, json};

use super::{answer, asked};
use crate::locking::locked;
use crate::support::{Index, Repo, World, skill};

/// An index from which `app` (which needs `core` and `extra`) and `tool` (which needs `core`) are installed.
fn with_graph() -> (World, Index) {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("base", "0.3.1", &[]);
    index.release("core", "1.2.0", &[("base", "0.3")]);
    index.release("extra", "1.0.0", &[("core", "1")]);
    index.release("app", "2.0.0", &[("core", "1"), ("extra", "1")]);
    index.release("tool", "1.0.0", &[("core", "1")]);
    world.ok(&["install", "app", "tool"]);
    (world, index)
}

/// The chains of an answer as names with versions.
fn chains(world: &World, name: &str) -> Vec<String> {
    let answer = answer(world, &["why", name]);
    let chains = answer["why"][0]["chains"].as_array().expect("chains").iter();
    let link = |link: &Value| format!("{} {}", link["name"].as_str().unwrap(), link["version"].as_str().unwrap_or("-"));
    chains.map(|chain| chain.as_array().unwrap().iter().map(link).collect::<Vec<_>>().join(" > ")).collect()
}

#[test]
fn the_tree_shows_roots_first_and_marks_what_is_further_up() {
    let (world, _index) = with_graph();
    let run = asked(&world, 0, &["tree"]);
    let wanted = "project scope  cpm.toml\n  app 2.0.0\n  ├── core 1.2.0\n  │   └── base 0.3.1\n  └── extra 1.0.0\n      \
                  └── core 1.2.0  (see above)\n  tool 1.0.0\n  └── core 1.2.0  (see above)\n";
    assert_eq!(run.stdout, wanted);
    let rows = &answer(&world, &["tree"])["trees"][0]["rows"];
    let row = json!({
        "depth": 2, "name": "core", "package": "core", "version": "1.2.0", "repeated": true, "needed": true
    });
    assert_eq!(rows[4], row);
}

#[test]
fn every_scope_has_its_own_tree() {
    let (world, _index) = with_graph();
    world.ok(&["install", "commit-messages", "--scope", "user"]);
    let run = asked(&world, 0, &["tree"]);
    assert!(run.stdout.contains("user scope  ~/.claude/cpm.toml\n  commit-messages 1.0.0\n"), "{run}");
    assert!(!asked(&world, 0, &["tree", "--scope", "user"]).stdout.contains("app"));
}

#[test]
fn what_is_not_locked_and_what_is_not_needed_is_said() {
    let (world, _index) = with_graph();
    world.write("cpm.toml", &world.read("cpm.toml").replace("app = \"2.0.0\"", "other = \"1\""));
    let run = asked(&world, 0, &["tree"]);
    assert!(run.stdout.contains("  other not locked\n"), "{run}");
    assert!(run.stdout.contains("  app 2.0.0  not needed by the manifest\n"), "{run}");
    let run = asked(&world, 0, &["why", "extra"]);
    assert!(run.stdout.contains("nothing needs it"), "{run}");
}

#[test]
fn a_circle_of_needs_ends() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("one", "1.0.0", &[("two", "1")]);
    index.release("two", "1.0.0", &[("one", "1")]);
    world.ok(&["install", "one"]);
    let run = asked(&world, 0, &["tree"]);
    assert!(run.stdout.ends_with("one 1.0.0\n  └── two 1.0.0\n      └── one 1.0.0  (see above)\n"), "{run}");
    assert_eq!(chains(&world, "two"), ["one 1.0.0 > two 1.0.0"]);
}

#[test]
fn why_tells_each_chain_shortest_first() {
    let (world, _index) = with_graph();
    let core = ["app 2.0.0 > core 1.2.0", "tool 1.0.0 > core 1.2.0", "app 2.0.0 > extra 1.0.0 > core 1.2.0"];
    assert_eq!(chains(&world, "core"), core);
    assert_eq!(chains(&world, "app"), ["app 2.0.0"]);
    let run = asked(&world, 0, &["why", "extra"]);
    assert_eq!(run.stdout, "project scope  cpm.toml\n  app 2.0.0 → extra 1.0.0\n");
    let run = asked(&world, 14, &["why", "nothing"]);
    assert!(run.stderr.contains("`nothing`") && run.stderr.contains("help: "), "{run}");
}

#[test]
fn a_longer_chain_through_another_root_comes_after_a_shorter_one() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    let needs = [("t", None), ("s", Some("t")), ("u", Some("s")), ("v", Some("u")), ("w", Some("v"))];
    for (name, need) in needs.into_iter().chain([("p", Some("t")), ("q", Some("p")), ("r", Some("q"))]) {
        index.release(name, "1.0.0", &need.map(|need| (need, "1")).into_iter().collect::<Vec<_>>());
    }
    world.ok(&["install", "u", "w", "r"]);
    let names: Vec<String> = chains(&world, "t").iter().map(|chain| chain.replace(" 1.0.0", "")).collect();
    assert_eq!(names, ["u > s > t", "r > q > p > t", "w > v > u > s > t"]);
}

#[test]
fn a_package_is_found_by_what_the_manifest_calls_it_and_by_its_own_name() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    world.write(
        "cpm.toml",
        &(world.read("cpm.toml") + "[dependencies]\nmine = { version = \"1\", package = \"core\" }\n"),
    );
    world.ok(&["install"]);
    assert_eq!(
        (chains(&world, "mine"), chains(&world, "core")),
        (vec!["mine 1.0.0".into()], vec!["mine 1.0.0".into()])
    );
    assert!(asked(&world, 0, &["tree"]).stdout.contains("  mine 1.0.0  (core)\n"));
}

#[test]
fn a_graph_with_more_chains_than_anybody_can_count_is_answered() {
    let world = World::in_git();
    let layers = 40;
    let mut lock = "# cpm.lock: generated by cpm; commit it\nversion = 1\n".to_owned();
    let mut names = Vec::new();
    for layer in 0..layers {
        for side in ["a", "b"] {
            names.push((format!("p{layer:02}{side}"), layer));
        }
    }
    for (name, layer) in &names {
        let digest = "0a".repeat(32);
        lock += &format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"path+{name}\"\nchecksum = \
             \"t1:{digest}\"\nsurface = \"s1:{digest}\"\n"
        );
        if layer + 1 < layers {
            lock += &format!("dependencies = [\n    \"p{0:02}a\",\n    \"p{0:02}b\",\n]\n", layer + 1);
        }
    }
    world.write("cpm.lock", &lock);
    world.write("cpm.toml", "[dependencies]\np00a = { path = \"p00a\" }\np00b = { path = \"p00b\" }\n");
    let why = &answer(&world, &["why", "p06a"])["why"][0];
    assert_eq!((why["chains"].as_array().expect("chains").len(), &why["more"]), (64, &false.into()));
    let why = &answer(&world, &["why", "p39a"])["why"][0];
    assert_eq!((why["chains"].as_array().expect("chains").len(), &why["more"]), (100, &true.into()));
    let rows = answer(&world, &["tree"])["trees"][0]["rows"].as_array().expect("rows").len();
    assert_eq!(rows, 2 + 2 * 2 * (layers - 1));
}

#[test]
fn a_repository_of_its_own_is_a_root_like_others() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    world.ok(&["install", "--git", &repo.url()]);
    let run = asked(&world, 0, &["tree"]);
    assert!(run.stdout.contains(&format!("  kit {}\n", locked(&world, "kit", "version"))), "{run}");
    assert!(asked(&world, 0, &["tree", "--scope", "user"]).stdout.contains("Nothing is installed"));
}
