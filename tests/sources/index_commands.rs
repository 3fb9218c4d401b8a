//! `cpm index add`, `remove` and `list`.

use serde_json::json;

use crate::support::{IndexRepo, Repo, World, skill};

fn index(world: &World) -> IndexRepo {
    let index = IndexRepo::new(world, "acme");
    index.publish("tool", &["1.0.0"]);
    index
}

#[test]
fn an_added_index_stands_in_the_manifest_and_in_the_list_before_the_built_in_one() {
    let world = World::in_git();
    let (one, two) = (index(&world), IndexRepo::new(&world, "second"));
    let run = world.ok(&["index", "add", "zeta", &one.url(), "--json"]);
    assert_eq!(run.json()["index"], json!({ "name": "zeta", "url": one.url(), "kind": "cpm", "packages": 1 }));
    world.ok(&["index", "add", "alpha", &two.url(), "--branch", "main"]);
    assert_eq!(
        world.read("cpm.toml"),
        format!(
            "[indexes]\nzeta = {{ git = \"{}\" }}\nalpha = {{ git = \"{}\", branch = \"main\" }}\n",
            one.url(),
            two.url()
        )
    );
    let rows = world.ok(&["index", "list", "--json"]).json();
    let names: Vec<&str> =
        rows["indexes"].as_array().expect("rows").iter().map(|row| row["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["zeta", "alpha", "builtin"]);
}

#[test]
fn an_index_may_be_a_marketplace() {
    let world = World::in_git();
    let files = [("a/SKILL.md", &*skill("a", "x"))];
    let market = Repo::marketplace(&world, "market", r#"{"name":"a","source":"./a"}"#, &files);
    let row = world.ok(&["index", "add", "market", &market.url(), "--json"]).json();
    assert_eq!((&row["index"]["kind"], &row["index"]["packages"]), (&"marketplace".into(), &1.into()));
}

#[test]
fn what_is_no_index_is_refused_and_nothing_is_written() {
    let world = World::in_git();
    let plain = Repo::new(&world, "plain", &[("SKILL.md", &skill("plain", "x"))]);
    let newer = Repo::new(&world, "newer", &[("index.toml", "schema = 2\nname = \"newer\"\n")]);
    let broken = Repo::new(&world, "broken", &[("index.toml", "schema = \n")]);
    for (url, code) in [(plain.url(), 10), (newer.url(), 10), (broken.url(), 10), (format!("{}-gone", plain.url()), 14)]
    {
        let run = world.fails(code, &["index", "add", "x", &url]);
        assert!(run.stderr.contains(&url), "{run}");
    }
    assert!(!world.has("cpm.toml"));
    world.fails(10, &["index", "add", "Not A Name", &plain.url()]);
}

#[test]
fn offline_an_index_is_added_on_trust() {
    let world = World::in_git();
    world.ok(&["index", "add", "--offline", "acme", "acme/claude-index"]);
    assert_eq!(world.read("cpm.toml"), "[indexes]\nacme = { git = \"https://github.com/acme/claude-index\" }\n");
}

#[test]
fn adding_an_index_again_changes_nothing_and_another_address_needs_another_name() {
    let world = World::in_git();
    let (one, two) = (index(&world), IndexRepo::new(&world, "second"));
    world.ok(&["index", "add", "acme", &one.url()]);
    let manifest = world.read("cpm.toml");
    world.ok(&["index", "add", "acme", &one.url()]);
    assert_eq!(world.read("cpm.toml"), manifest);
    let run = world.fails(30, &["index", "add", "acme", &two.url()]);
    assert!(run.stderr.contains(&one.url()) && run.stderr.contains("cpm index remove acme"), "{run}");
    world.ok(&["index", "add", "acme", &one.url(), "--branch", "main"]);
    assert_eq!(world.read("cpm.toml"), manifest.replace("\" }", "\", branch = \"main\" }"));
}

#[test]
fn a_removed_index_is_no_longer_asked() {
    let world = World::in_git();
    let index = index(&world);
    world.ok(&["index", "add", "acme", &index.url()]);
    world.ok(&["index", "remove", "acme"]);
    assert!(!world.read("cpm.toml").contains("acme"));
    let run = world.fails(14, &["install", "tool"]);
    assert!(!run.stderr.contains(&index.url()), "{run}");
    world.fails(14, &["index", "remove", "acme"]);
}

#[test]
fn an_index_that_a_dependency_names_is_not_removed() {
    let world = World::in_git();
    let index = index(&world);
    world.ok(&["index", "add", "acme", &index.url()]);
    world.ok(&["install", "tool", "--index", "acme"]);
    let run = world.fails(30, &["index", "remove", "acme"]);
    assert!(run.stderr.contains("`tool`"), "{run}");
    world.ok(&["remove", "tool"]);
    world.ok(&["index", "remove", "acme"]);
}

#[test]
fn comments_and_order_in_the_manifest_stay() {
    let world = World::in_git();
    let index = index(&world);
    let before = "# our tools\n\n[dependencies] # keep sorted\n# none yet\n\n[indexes]\n# the old one\nold = { git = 'file:///old' } # soon gone\n\n# the end\n";
    world.write("cpm.toml", before);
    world.ok(&["index", "add", "acme", &index.url()]);
    let added = format!("acme = {{ git = \"{}\" }}\n", index.url());
    assert_eq!(world.read("cpm.toml").replace(&added, ""), before);
    world.ok(&["index", "remove", "acme"]);
    assert_eq!(world.read("cpm.toml"), before);
}

#[test]
fn a_dry_run_adds_and_removes_nothing() {
    let world = World::in_git();
    let index = index(&world);
    world.ok(&["index", "add", "acme", &index.url(), "--dry-run"]);
    assert!(!world.has("cpm.toml"));
    world.ok(&["index", "add", "acme", &index.url()]);
    let manifest = world.read("cpm.toml");
    world.ok(&["index", "remove", "acme", "--dry-run"]);
    assert_eq!(world.read("cpm.toml"), manifest);
}
