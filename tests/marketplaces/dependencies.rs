//! Plugins that need plugins: of their own marketplace first, with npm ranges.

use serde_json::json;

use super::with_market;
use crate::support::{IndexRepo, Repo, World};

/// Files of a plugin with a version and dependencies, in a folder of its name.
pub fn plugin(name: &str, version: &str, dependencies: &str) -> [(String, String); 2] {
    let manifest = format!(r#"{{"name":"{name}","version":"{version}","dependencies":[{dependencies}]}}"#);
    [
        (format!("{name}/.claude-plugin/plugin.json"), manifest),
        (format!("{name}/commands/{name}.md"), format!("{name}\n")),
    ]
}

/// Entries and files of plugins as a marketplace takes them.
pub fn market(world: &World, name: &str, plugins: &[[(String, String); 2]]) -> Repo {
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

#[test]
fn no_other_index_can_stand_in_for_what_a_plugins_marketplace_lacks() {
    let world = World::in_git();
    market(&world, "market", &[plugin("app", "1.0.0", r#""lib""#)]);
    let other = IndexRepo::new(&world, "other");
    other.publish("lib", &["9.0.0"]);
    world.ok(&["index", "add", "other", &other.url()]);
    let run = world.fails(12, &["install", "app"]);
    assert!(run.stderr.contains("`lib`, which its marketplace"), "{run}");
    // The user may choose it.
    world.ok(&["install", "lib", "app"]);
    assert_eq!(world.locked("lib")["index"], other.url());
}

/// A marketplace whose one plugin `app` needs `lib` of the marketplace `other`, with more at its top level.
fn crossing(world: &World, more: &str) -> Repo {
    let json =
        format!(r#"{{"name":"market","owner":{{"name":"o"}},"plugins":[{{"name":"app","source":"./app"}}]{more}}}"#);
    let [manifest, command] = plugin("app", "1.0.0", r#""lib@other""#);
    let files =
        [(".claude-plugin/marketplace.json", json.as_str()), (&*manifest.0, &*manifest.1), (&*command.0, &*command.1)];
    let repo = Repo::new(world, "market", &files);
    world.ok(&["index", "add", "market", &repo.url()]);
    repo
}

const TRUST: &str = r#","allowCrossMarketplaceDependenciesOn":["other"]"#;

#[test]
fn a_plugin_may_need_one_of_a_marketplace_that_its_own_trusts() {
    let world = World::in_git();
    crossing(&world, TRUST);
    let run = world.fails(12, &["install", "app"]);
    assert!(run.stderr.contains("`other`, which is none of your indexes"), "{run}");
    // What an index is called here is the user's matter.
    let lib = [plugin("lib", "1.0.0", r#""leaf""#), plugin("leaf", "1.0.0", "")];
    let other = market(&world, "other", &lib);
    world.ok(&["index", "remove", "other"]);
    world.ok(&["index", "add", "renamed", &other.url()]);
    world.ok(&["install", "app"]);
    for name in ["lib", "leaf"] {
        assert_eq!(world.locked(name)["index"], other.url());
    }
}

#[test]
fn a_plugin_may_not_need_one_of_a_marketplace_that_its_own_does_not_trust() {
    let world = World::in_git();
    crossing(&world, "");
    market(&world, "other", &[plugin("lib", "1.0.0", "")]);
    let run = world.fails(12, &["install", "app"]);
    assert!(run.stderr.contains("allowCrossMarketplaceDependenciesOn"), "{run}");
    world.ok(&["install", "lib", "app"]);
}

#[test]
fn only_the_marketplace_that_the_user_chose_can_extend_trust() {
    let world = World::in_git();
    crossing(&world, TRUST);
    let third =
        Repo::marketplace(&world, "third", r#"{"name":"leaf","source":"./leaf"}"#, &[("leaf/commands/l.md", "l\n")]);
    world.ok(&["index", "add", "third", &third.url()]);
    let [manifest, command] = plugin("lib", "1.0.0", r#""leaf@third""#);
    let json = r#"{"name":"other","owner":{"name":"o"},"plugins":[{"name":"lib","source":"./lib"}],"allowCrossMarketplaceDependenciesOn":["third"]}"#;
    let files = [(".claude-plugin/marketplace.json", json), (&*manifest.0, &*manifest.1), (&*command.0, &*command.1)];
    let other = Repo::new(&world, "other", &files);
    world.ok(&["index", "add", "other", &other.url()]);
    let run = world.fails(12, &["install", "app"]);
    assert!(run.stderr.contains("`third`"), "{run}");
    world.ok(&["install", "lib"]);
    assert!(!world.locked("leaf").is_null());
}

#[test]
fn two_plugins_that_mean_different_ones_by_one_name_are_told_apart() {
    let world = World::in_git();
    market(&world, "one", &[plugin("app", "1.0.0", r#""lib""#), plugin("lib", "1.0.0", "")]);
    let two = market(&world, "two", &[plugin("tool", "1.0.0", r#""lib""#), plugin("lib", "2.0.0", "")]);
    let run = world.fails(12, &["install", "app", "tool"]);
    assert!(run.stderr.contains("name `lib` in your manifest"), "{run}");
    world.write("cpm.toml", &world.read("cpm.toml").replace("[dependencies]", ""));
    let manifest = format!("{}\n[dependencies]\nlib = {{ index = \"two\" }}\n", world.read("cpm.toml"));
    world.write("cpm.toml", &manifest);
    world.ok(&["install", "app", "tool"]);
    assert_eq!(world.locked("lib")["index"], two.url());
}
