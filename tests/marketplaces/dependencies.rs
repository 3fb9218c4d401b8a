//! Plugins that need plugins: of their own marketplace first, with npm ranges.

use serde_json::json;

use super::with_market;
use crate::support::{IndexRepo, Repo, World};

/// Files of a plugin with a version and dependencies, in a folder of its name.
fn plugin(name: &str, version: &str, dependencies: &str) -> [(String, String); 2] {
    let manifest = format!(r#"{{"name":"{name}","version":"{version}","dependencies":[{dependencies}]}}"#);
    [
        (format!("{name}/.claude-plugin/plugin.json"), manifest),
        (format!("{name}/commands/{name}.md"), format!("{name}\n")),
    ]
}

/// Entries and files of plugins as a marketplace takes them.
fn market(world: &World, name: &str, plugins: &[[(String, String); 2]]) -> Repo {
    let names = plugins.iter().map(|files| files[0].0.split('/').next().expect("a folder"));
    let entries: Vec<String> = names.map(|name| format!(r#"{{"name":"{name}","source":"./{name}"}}"#)).collect();
    let files: Vec<(&str, &str)> =
        plugins.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repo = Repo::marketplace(world, name, &entries.join(","), &files);
    world.ok(&["index", "add", name, &repo.url()]);
    repo
}

#[test]
fn what_a_plugin_needs_comes_along_from_its_marketplace_and_goes_along() {
    let world = World::in_git();
    let repo = market(
        &world,
        "market",
        &[
            plugin("app", "1.0.0", r#""leaf@market",{"name":"lib","version":"^1.1"}"#),
            plugin("lib", "1.4.0", r#""leaf""#),
            plugin("leaf", "0.3.0", ""),
        ],
    );
    world.ok(&["install", "app"]);
    assert_eq!(world.locked("app")["dependencies"], json!(["leaf", "lib"]));
    for name in ["app", "lib", "leaf"] {
        assert_eq!(world.read(&format!(".claude/skills/{name}/commands/{name}.md")), format!("{name}\n"));
        assert_eq!(world.locked(name)["index"], repo.url());
    }
    assert!(world.dependency("lib").is_null());
    world.fails(14, &["remove", "lib"]);
    world.ok(&["remove", "app"]);
    assert!(!world.has(".claude/skills/lib") && !world.has(".claude/skills/leaf"));
}

#[test]
fn a_plugins_own_marketplace_answers_before_the_first_index() {
    let world = World::in_git();
    let first = IndexRepo::new(&world, "first");
    first.publish("lib", &["9.0.0"]);
    world.ok(&["index", "add", "first", &first.url()]);
    let repo = market(&world, "market", &[plugin("app", "1.0.0", r#""lib""#), plugin("lib", "1.0.0", "")]);
    world.ok(&["install", "app"]);
    assert_eq!((&world.locked("lib")["index"], &world.locked("lib")["version"]), (&repo.url().into(), &"1.0.0".into()));
}

#[test]
fn a_range_that_the_marketplace_cannot_meet_is_explained_and_nothing_is_written() {
    let world = World::in_git();
    market(
        &world,
        "market",
        &[plugin("app", "1.0.0", r#"{"name":"lib","version":"~2.0"}"#), plugin("lib", "1.4.0", "")],
    );
    let run = world.fails(12, &["install", "app"]);
    for part in ["`app`", "`lib`", "2.0"] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
}

#[test]
fn a_dependency_that_nobody_has_is_named_with_who_needs_it() {
    let world = World::in_git();
    market(&world, "market", &[plugin("app", "1.0.0", r#""nowhere-to-be-found""#)]);
    let run = world.fails(12, &["install", "app"]);
    assert!(run.stderr.contains("`app`") && run.stderr.contains("`nowhere-to-be-found`"), "{run}");
}

#[test]
fn dependencies_of_an_entry_without_plugin_json_count() {
    let (world, _market) = with_market(
        r#"{"name":"app","source":"./app","dependencies":["lib"]},{"name":"lib","source":"./lib"}"#,
        &[("app/commands/app.md", "app\n"), ("lib/commands/lib.md", "lib\n")],
    );
    world.ok(&["install", "app"]);
    assert!(world.has(".claude/skills/lib/commands/lib.md"));
}
