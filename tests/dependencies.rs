//! Packages that need packages: what is chosen, what comes along, what goes again, and why something cannot be.

use crate::locking::locked;
use crate::support::{Index, Repo, World, skill};

fn world() -> (World, Index) {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    (world, index)
}

/// The locked versions, by name.
fn versions(world: &World) -> Vec<String> {
    let json = world.ok(&["list", "--json", "--scope", "project"]).json();
    let rows = json["scopes"][0]["packages"].as_array().expect("rows").iter();
    rows.map(|row| {
        assert_eq!(row["state"], "installed");
        let why = if row["direct"] == true { "" } else { " needed" };
        format!("{} {}{why}", row["name"].as_str().expect("a name"), row["version"].as_str().expect("a version"))
    })
    .collect()
}

#[test]
fn what_a_package_needs_comes_along() {
    let (world, index) = world();
    index.release("base", "1.4.0", &[]);
    index.release("core", "2.0.1", &[("base", "1")]);
    index.release("app", "1.0.0", &[("core", "2")]);
    world.ok(&["install", "app"]);
    assert_eq!(versions(&world), ["app 1.0.0", "base 1.4.0 needed", "core 2.0.1 needed"]);
    assert!(!world.read("cpm.toml").contains("core"));
    assert!(world.read(".claude/skills/base/SKILL.md").contains("1.4.0"));
}

#[test]
fn what_two_need_is_there_once() {
    let (world, index) = world();
    for version in ["1.0.0", "1.5.0", "2.0.0"] {
        index.release("base", version, &[]);
    }
    index.release("left", "1.0.0", &[("base", ">=1, <3")]);
    index.release("right", "1.0.0", &[("base", "1")]);
    world.ok(&["install", "left", "right"]);
    assert_eq!(versions(&world), ["base 1.5.0 needed", "left 1.0.0", "right 1.0.0"]);
}

#[test]
fn an_older_release_is_chosen_where_the_newest_does_not_fit() {
    let (world, index) = world();
    index.release("base", "1.0.0", &[]);
    index.release("base", "2.0.0", &[]);
    index.release("app", "1.0.0", &[("base", "1")]);
    index.release("app", "2.0.0", &[("base", "3")]);
    index.release("app", "1.5.0", &[("base", "1")]);
    world.ok(&["install", "app@*", "base@1"]);
    assert_eq!(versions(&world), ["app 1.5.0", "base 1.0.0"]);
}

#[test]
fn a_conflict_names_everybody_who_asks() {
    let (world, index) = world();
    index.release("base", "1.0.0", &[]);
    index.release("base", "2.0.0", &[]);
    index.release("left", "1.0.0", &[("base", "1")]);
    index.release("right", "1.0.0", &[("base", "2")]);
    world.ok(&["install", "left"]);
    let run = world.fails(12, &["install", "right"]);
    for words in ["`left` 1.0.0 needs `base` `1`", "`right` 1.0.0 needs `base` `2`"] {
        assert!(run.stderr.contains(words), "{words}\n{run}");
    }
}

#[test]
fn a_new_wish_moves_what_is_locked_only_as_far_as_it_must() {
    let (world, index) = world();
    for version in ["1.0.0", "1.1.0"] {
        index.release("base", version, &[]);
        index.release("other", version, &[]);
    }
    world.ok(&["install", "base@=1.0.0", "other@=1.0.0"]);
    world.write("cpm.toml", &world.read("cpm.toml").replace("=1.0.0", "1"));
    index.release("app", "1.0.0", &[("base", "1.1")]);
    world.ok(&["install", "app"]);
    assert_eq!(versions(&world), ["app 1.0.0", "base 1.1.0", "other 1.0.0"]);
}

#[test]
fn a_name_that_nobody_has_is_not_found_and_near_ones_are_offered() {
    let (world, index) = world();
    index.release("core-tools", "1.0.0", &[]);
    let run = world.fails(14, &["install", "core-tool"]);
    assert!(run.stderr.contains("`core-tools`") && run.stderr.contains("acme"), "{run}");
    let run = world.fails(14, &["install", "github-tool"]);
    assert!(run.stderr.contains("`github-tools`"), "{run}");
    world.fails(14, &["install", "core-tools", "--index", "nowhere"]);
}

#[test]
fn a_version_that_nobody_has_names_those_there_are() {
    let (world, index) = world();
    index.release("kit", "1.0.0", &[]);
    index.release("kit", "1.2.0", &[]);
    let run = world.fails(12, &["install", "kit@3"]);
    assert!(run.stderr.contains("`3`") && run.stderr.contains("1.2.0, 1.0.0"), "{run}");
}

#[test]
fn a_need_that_nobody_has_names_who_needs_it() {
    let (world, index) = world();
    index.release("app", "1.0.0", &[("phantom", "1")]);
    let run = world.fails(12, &["install", "app"]);
    assert!(run.stderr.contains("`app` 1.0.0 needs `phantom`"), "{run}");
}

#[test]
fn a_yanked_release_is_passed_over_but_stays_where_it_is_locked() {
    let (world, index) = world();
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    index.yank("kit", "it loses files");
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install"]);
    assert_eq!(versions(&world), ["kit 1.0.0"]);
    let other = World::in_git();
    other.ok(&["index", "add", "acme", &index.repo.url()]);
    let run = other.fails(12, &["install", "kit"]);
    assert!(run.stderr.contains("yanked"), "{run}");
    index.release("kit", "1.1.0", &[]);
    world.ok(&["update"]);
    assert_eq!(versions(&world), ["kit 1.1.0"]);
}

#[test]
fn a_locked_release_stays_and_is_warned_of_where_all_that_would_do_is_yanked() {
    let (world, index) = world();
    index.release("kit", "1.0.0", &[]);
    index.release("kit", "1.1.0", &[]);
    index.release("app", "1.0.0", &[("kit", "1")]);
    world.ok(&["install", "app"]);
    index.yank("kit", "it loses files");
    let lock = world.read("cpm.lock");
    for args in [&["update"][..], &["update", "kit"], &["outdated"], &["verify", "--online"], &["update", "app"]] {
        let run = world.ok(args);
        assert!(run.stderr.contains("`kit` 1.1.0 is yanked: it loses files"), "{args:?}\n{run}");
        assert_eq!(world.read("cpm.lock"), lock, "{args:?}");
    }
    // As soon as there is another one, an update takes it, also an older one.
    index.release("kit", "1.0.1", &[]);
    let run = world.ok(&["update"]);
    assert_eq!(versions(&world), ["app 1.0.0", "kit 1.0.1 needed"]);
    assert!(!run.stderr.contains("yanked"), "{run}");
}

#[test]
fn what_a_plugin_says_itself_counts_where_its_index_says_less() {
    let (world, index) = world();
    for version in ["1.0.0", "2.0.0"] {
        index.release("base", version, &[]);
    }
    let manifest = r#"{"name":"app","version":"1.0.0","dependencies":[{"name":"base","version":"~1.0"}]}"#;
    let files = [(".claude-plugin/plugin.json", manifest), ("commands/go.md", "Go.\n")];
    index.publish("app", "1.0.0", &[("base", "*")], &files);
    world.ok(&["install", "app"]);
    assert_eq!(versions(&world), ["app 1.0.0", "base 1.0.0 needed"]);
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install", "--locked"]);
    let run = world.fails(12, &["install", "base@2"]);
    assert!(run.stderr.contains("`app` 1.0.0 needs `base`"), "{run}");
}

#[test]
fn what_a_locked_package_from_a_repository_needs_is_not_forgotten() {
    let (world, index) = world();
    for version in ["1.0.0", "2.0.0"] {
        index.release("base", version, &[]);
    }
    let manifest = r#"{"name":"app","version":"1.0.0","dependencies":[{"name":"base","version":"^1"}]}"#;
    let own = Repo::new(&world, "app", &[(".claude-plugin/plugin.json", manifest), ("commands/go.md", "Go.\n")]);
    world.ok(&["install", "--git", &own.url()]);
    let run = world.fails(12, &["install", "base@2"]);
    assert!(run.stderr.contains("`app` 1.0.0 needs `base` `^1`"), "{run}");
}

#[test]
fn what_nobody_needs_any_more_goes_with_the_last_that_did() {
    let (world, index) = world();
    index.release("base", "1.0.0", &[]);
    index.release("left", "1.0.0", &[("base", "1")]);
    index.release("right", "1.0.0", &[("base", "1")]);
    world.ok(&["install", "left", "right"]);
    world.ok(&["remove", "left"]);
    assert_eq!(versions(&world), ["base 1.0.0 needed", "right 1.0.0"]);
    world.ok(&["remove", "right"]);
    assert!(versions(&world).is_empty() && !world.has(".claude/skills/base") && !world.has(".claude/skills/right"));
}

#[test]
fn removing_what_another_needs_says_who_does() {
    let (world, index) = world();
    index.release("base", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("base", "1")]);
    world.ok(&["install", "app"]);
    let run = world.fails(14, &["remove", "base"]);
    assert!(run.stderr.contains("`app` needs it"), "{run}");
}

#[test]
fn what_is_wanted_itself_stays_when_its_dependant_goes() {
    let (world, index) = world();
    index.release("base", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("base", "1")]);
    world.ok(&["install", "app", "base"]);
    world.ok(&["remove", "app"]);
    assert_eq!(versions(&world), ["base 1.0.0"]);
}

#[test]
fn a_plugin_of_a_marketplace_brings_the_plugins_it_names() {
    let world = World::in_git();
    let names = ["app", "core", "base"];
    let entries = names.map(|name| format!(r#"{{"name":"{name}","source":"./{name}"}}"#)).join(",");
    let skills = names.map(|name| skill(name, "text"));
    let files = [
        (
            "app/.claude-plugin/plugin.json",
            r#"{"name":"app","version":"1.0.0","dependencies":["core@market",{"name":"base","version":"^2.0.0"}]}"#,
        ),
        ("app/skills/app/SKILL.md", &skills[0]),
        ("core/.claude-plugin/plugin.json", r#"{"name":"core","version":"0.1.0","dependencies":["base"]}"#),
        ("core/skills/core/SKILL.md", &skills[1]),
        ("base/.claude-plugin/plugin.json", r#"{"name":"base","version":"2.3.0"}"#),
        ("base/skills/base/SKILL.md", &skills[2]),
    ];
    let repo = Repo::marketplace(&world, "market", &entries, &files);
    world.ok(&["index", "add", "market", &repo.url()]);
    world.ok(&["install", "app"]);
    assert_eq!(versions(&world), ["app 1.0.0", "base 2.3.0 needed", "core 0.1.0 needed"]);
    repo.commit(&[("base/.claude-plugin/plugin.json", r#"{"name":"base","version":"3.0.0"}"#)]);
    let run = world.fails(12, &["update"]);
    assert!(run.stderr.contains("`app` 1.0.0 needs `base`"), "{run}");
    world.ok(&["install", "--frozen"]);
}

#[test]
fn a_direct_dependency_answers_for_its_name_whoever_asks() {
    let (world, index) = world();
    index.release("base", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("base", "*")]);
    let own = Repo::new(&world, "base", &[("SKILL.md", &skill("base", "our own"))]);
    world.ok(&["install", "--git", &own.url()]);
    world.ok(&["install", "app"]);
    assert!(world.read(".claude/skills/base/SKILL.md").contains("our own"));
    assert_eq!(locked(&world, "base", "index"), "");
}
