//! Updates: what moves, what stays, and what needs a yes because it would run something else.

use crate::locking::{locked, with_kit};
use crate::support::{Index, Repo, Run, World, skill, snapshot};

const PLUGIN: [(&str, &str); 7] = [
    (".claude-plugin/plugin.json", r#"{"name":"kit","version":"1.0.0"}"#),
    (
        "hooks/hooks.json",
        r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"./check --old-hook"}]}]}}"#,
    ),
    (
        ".mcp.json",
        r#"{"mcpServers":{
            "db":{"command":"npx","args":["db","--old-arg"],"env":{"OLD_NAME":"${OLD_NAME}"}},
            "web":{"type":"http","url":"https://old.example.com/mcp"}}}"#,
    ),
    ("scripts/check.sh", "#!/bin/sh\necho old\n"),
    ("commands/go.md", "---\ndescription: Goes.\n---\nState: !`git status --old-shell`\n"),
    ("skills/a/SKILL.md", "---\nname: a\ndescription: Does a.\nallowed-tools: Read\n---\nold prose\n"),
    ("README.md", "old prose\n"),
];

/// A world with the plugin installed.
fn with_plugin() -> (World, Repo) {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &PLUGIN);
    world.ok(&["install", "--git", &repo.url()]);
    (world, repo)
}

/// Commits the plugin's files with a text replaced.
fn replace(repo: &Repo, old: &str, new: &str) {
    let changed: Vec<(&str, String)> = PLUGIN
        .iter()
        .filter(|(_, text)| text.contains(old))
        .map(|(path, text)| (*path, text.replace(old, new)))
        .collect();
    assert!(!changed.is_empty(), "{old}");
    repo.commit(&changed.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>());
}

/// The lines of a refusal that say what would newly run, and what no more; a change (`~`) is both.
fn difference(run: &Run) -> (String, String) {
    let lines = |sign: char| {
        let lines = run.stderr.lines().filter_map(|line| line.trim_start().strip_prefix("because: "));
        lines.filter(|line| line.starts_with([sign, '~'])).collect::<Vec<_>>().join("\n")
    };
    (lines('+'), lines('-'))
}

#[test]
fn prose_moves_without_a_question() {
    let (world, repo) = with_plugin();
    replace(&repo, "old prose", "new prose");
    replace(&repo, "1.0.0", "1.1.0");
    let run = world.ok(&["update"]);
    assert!(run.stdout.contains("1.0.0 → 1.1.0"), "{run}");
    assert_eq!((locked(&world, "kit", "version"), locked(&world, "kit", "commit")), ("1.1.0".into(), repo.head()));
    assert!(world.read(".claude/skills/kit/README.md").contains("new"));
    world.ok(&["verify"]);
}

#[test]
fn what_would_newly_run_needs_a_yes_and_is_shown() {
    for (old, new, added, removed) in [
        ("--old-hook", "--new-hook", "./check --new-hook", "./check --old-hook"),
        ("--old-arg", "--new-arg", "db --new-arg", "db --old-arg"),
        ("OLD_NAME", "NEW_NAME", "${NEW_NAME}", "${OLD_NAME}"),
        ("old.example.com", "new.example.com", "https://new.example.com/mcp", "https://old.example.com/mcp"),
        ("echo old", "echo new", "scripts/check.sh", "scripts/check.sh"),
        ("--old-shell", "--new-shell", "git status --new-shell", "git status --old-shell"),
        ("allowed-tools: Read", "allowed-tools: Bash", "\"Bash\"", "\"Read\""),
    ] {
        let (world, repo) = with_plugin();
        replace(&repo, old, new);
        let run = world.fails(23, &["update"]);
        let (plus, minus) = difference(&run);
        assert!(plus.contains(added) && minus.contains(removed), "{new}\n{run}");
        assert!(run.stderr.contains("--accept"), "{run}");
        world.ok(&["update", "--accept"]);
        assert_eq!(locked(&world, "kit", "commit"), repo.head(), "{new}");
        world.ok(&["verify"]);
    }
}

#[test]
fn what_only_stops_running_is_shown_and_needs_a_yes_too() {
    let (world, repo) = with_plugin();
    repo.remove(&["hooks"]);
    let (plus, minus) = difference(&world.fails(23, &["update"]));
    assert!(plus.is_empty() && minus.contains("./check --old-hook"), "{minus}");
}

#[test]
fn a_new_colleague_is_not_asked_about_what_the_lock_has() {
    let (world, repo) = with_plugin();
    let before = (world.read("cpm.toml"), world.read("cpm.lock"));
    replace(&repo, "--old-hook", "--new-hook");
    world.ok(&["update", "--accept"]);
    let after = world.read("cpm.lock");
    // A colleague who has the old state pulls the new lock.
    world.write("cpm.toml", &before.0);
    world.write("cpm.lock", &before.1);
    world.ok(&["install"]);
    world.write("cpm.lock", &after);
    world.ok(&["install", "--frozen"]);
    assert!(world.read(".claude/skills/kit/hooks/hooks.json").contains("--new-hook"));
}

#[test]
fn a_dry_run_shows_an_update_and_changes_nothing() {
    let (world, repo) = with_plugin();
    replace(&repo, "--old-hook", "--new-hook");
    let before = snapshot(&world.project());
    let run = world.ok(&["update", "--dry-run"]);
    assert!(run.stdout.contains("./check --new-hook") && run.stdout.contains("Would change"), "{run}");
    assert_eq!(snapshot(&world.project()), before);
    let json = world.ok(&["update", "--dry-run", "--json"]).json();
    assert_eq!(json["report"]["dry_run"], true);
    assert_eq!(json["report"]["packages"][0]["action"], "update");
}

#[test]
fn a_name_updates_that_package_only() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "1.1.0"] {
        for name in ["one", "two"] {
            index.release(name, version, &[]);
        }
        if version == "1.0.0" {
            world.ok(&["install", "one", "two"]);
        }
    }
    world.ok(&["update", "one"]);
    assert_eq!((locked(&world, "one", "version"), locked(&world, "two", "version")), ("1.1.0".into(), "1.0.0".into()));
    world.ok(&["update"]);
    assert_eq!(locked(&world, "two", "version"), "1.1.0");
}

#[test]
fn a_name_updates_also_what_it_newly_needs_and_nothing_else() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for name in ["core", "other"] {
        index.release(name, "1.0.0", &[]);
        index.release(name, "1.1.0", &[]);
    }
    index.release("app", "1.0.0", &[("core", "=1.0.0")]);
    world.ok(&["install", "app", "other@=1.0.0"]);
    world.write("cpm.toml", &world.read("cpm.toml").replace("=1.0.0", "1"));
    index.release("app", "1.1.0", &[("core", "1.1"), ("extra", "1")]);
    index.release("extra", "1.0.0", &[]);
    world.ok(&["update", "app"]);
    for (name, version) in [("app", "1.1.0"), ("core", "1.1.0"), ("extra", "1.0.0"), ("other", "1.0.0")] {
        assert_eq!(locked(&world, name, "version"), version, "{name}");
    }
    assert!(world.has(".claude/skills/extra/SKILL.md"));
}

#[test]
fn what_an_update_no_longer_needs_goes() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("core", "1")]);
    world.ok(&["install", "app"]);
    index.release("app", "1.1.0", &[]);
    let run = world.ok(&["update"]);
    assert!(run.stdout.contains("- core 1.0.0"), "{run}");
    assert!(!world.has(".claude/skills/core") && !world.read("cpm.lock").contains("core"));
}

/// Two plugins of a marketplace, as entries and files; the text says which state.
fn market(world: &World, version: &str) -> Repo {
    let entries = r#"{"name":"one","source":"./one"},{"name":"two","source":"./two"}"#;
    let manifests = ["one", "two"].map(|name| format!(r#"{{"name":"{name}"{version}}}"#));
    let skills = ["one", "two"].map(|name| skill(name, "old"));
    let files = [
        ("one/.claude-plugin/plugin.json", manifests[0].as_str()),
        ("one/skills/one/SKILL.md", &skills[0]),
        ("two/.claude-plugin/plugin.json", &manifests[1]),
        ("two/skills/two/SKILL.md", &skills[1]),
    ];
    let repo = Repo::marketplace(world, "market", entries, &files);
    world.ok(&["index", "add", "market", &repo.url()]);
    world.ok(&["install", "one", "two"]);
    repo
}

#[test]
fn a_marketplace_that_moved_on_elsewhere_leaves_the_lock_alone() {
    for version in [r#","version":"1.0.0""#, ""] {
        let world = World::in_git();
        let repo = market(&world, version);
        let before = world.read("cpm.lock");
        repo.commit(&[("README.md", "other\n")]);
        let run = world.ok(&["update"]);
        assert_eq!(world.read("cpm.lock"), before, "version {version:?}\n{run}");
    }
}

#[test]
fn a_repository_that_moved_on_outside_the_folder_leaves_the_lock_alone() {
    let world = World::in_git();
    let repo = Repo::new(&world, "mono", &[("skills/kit/SKILL.md", &skill("kit", "text"))]);
    world.ok(&["install", "--git", &repo.url(), "--path", "skills/kit"]);
    let before = world.read("cpm.lock");
    repo.commit(&[("README.md", "other\n")]);
    world.ok(&["update"]);
    assert_eq!(world.read("cpm.lock"), before);
}

#[test]
fn a_name_moves_no_other_plugin_of_its_marketplace() {
    for version in [r#","version":"1.0.0""#, ""] {
        let world = World::in_git();
        let repo = market(&world, version);
        let before = locked(&world, "two", "commit");
        repo.commit(&[
            ("one/skills/one/SKILL.md", &skill("one", "new")),
            ("two/skills/two/SKILL.md", &skill("two", "new")),
        ]);
        world.ok(&["update", "one"]);
        assert!(world.read(".claude/skills/one/SKILL.md").contains("new"), "version {version:?}");
        assert!(world.read(".claude/skills/two/SKILL.md").contains("old"), "version {version:?}");
        assert_eq!(locked(&world, "two", "commit"), before, "version {version:?}");
    }
}

#[test]
fn an_unknown_name_is_not_found() {
    let (world, _repo) = with_kit();
    let run = world.fails(14, &["update", "kitt"]);
    assert!(run.stderr.contains("`kitt`"), "{run}");
}

#[test]
fn installing_again_with_a_requirement_changes_it_and_without_one_keeps_it() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        index.release("kit", version, &[]);
    }
    let asked = |args: &[&str]| {
        world.ok(args);
        let manifest: toml::Value = toml::from_str(&world.read("cpm.toml")).expect("TOML");
        (manifest["dependencies"]["kit"].as_str().expect("a version").to_owned(), locked(&world, "kit", "version"))
    };
    assert_eq!(asked(&["install", "kit@=1.0.0"]), ("=1.0.0".into(), "1.0.0".into()));
    assert_eq!(asked(&["install", "kit"]), ("=1.0.0".into(), "1.0.0".into()));
    assert_eq!(asked(&["install", "kit@1.1"]), ("1.1".into(), "1.1.0".into()));
    assert_eq!(asked(&["update"]), ("1.1".into(), "1.1.0".into()));
    assert_eq!(asked(&["install", "kit@2"]), ("2".into(), "2.0.0".into()));
}

/// A world with `kit` and `app`, which needs `core`, in three versions each; the first are installed.
fn with_three_versions(requirement: &str) -> (World, Index) {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        index.release("kit", version, &[]);
        index.release("core", version, &[]);
        index.release("app", version, &[("core", "1")]);
    }
    world.ok(&["install", "kit@=1.0.0", "app@=1.0.0"]);
    world.write("cpm.toml", &world.read("cpm.toml").replace("\"=1.0.0\"", &format!("\"{requirement}\"")));
    world.ok(&["install"]);
    (world, index)
}

#[test]
fn a_precise_update_moves_one_package_to_that_version_newer_or_older() {
    let (world, _index) = with_three_versions("1");
    let manifest = world.read("cpm.toml");
    world.ok(&["update", "kit", "--precise", "1.1.0"]);
    assert_eq!((locked(&world, "kit", "version"), locked(&world, "app", "version")), ("1.1.0".into(), "1.0.0".into()));
    assert!(world.read(".claude/skills/kit/SKILL.md").contains("1.1.0"));
    world.ok(&["update", "kit", "--precise", "1.0.0"]);
    assert_eq!(locked(&world, "kit", "version"), "1.0.0");
    // Also what only another one needs.
    world.ok(&["update", "core", "--precise", "1.0.0"]);
    assert_eq!(locked(&world, "core", "version"), "1.0.0");
    world.ok(&["install"]);
    assert_eq!((locked(&world, "core", "version"), world.read("cpm.toml")), ("1.0.0".into(), manifest));
}

#[test]
fn a_precise_version_that_is_not_there_or_not_allowed_is_refused() {
    let (world, index) = with_three_versions("1");
    let run = world.fails(14, &["update", "kit", "--precise", "1.5.0"]);
    assert!(run.stderr.contains("1.5.0") && run.stderr.contains("2.0.0, 1.1.0, 1.0.0"), "{run}");
    world.fails(12, &["update", "kit", "--precise", "2.0.0"]);
    world.fails(12, &["update", "core", "--precise", "2.0.0"]);
    index.yank("kit", "leaks");
    let run = world.fails(12, &["update", "kit", "--precise", "1.1.0"]);
    assert!(run.stderr.contains("leaks"), "{run}");
    for args in [&["update", "--precise", "1.0.0"][..], &["update", "kit", "app", "--precise", "1.0.0"]] {
        assert_eq!(world.cpm(args).code, 2, "{args:?}");
    }
    world.fails(2, &["update", "kit", "--precise", "1"]);
    let (direct, _repo) = with_kit();
    let run = direct.fails(2, &["update", "kit", "--precise", "1.0.0"]);
    assert!(run.stderr.contains("--rev"), "{run}");
}

/// What the manifest asks for, by name.
fn asked(world: &World, name: &str) -> String {
    let manifest: toml::Value = toml::from_str(&world.read("cpm.toml")).expect("TOML");
    manifest["dependencies"][name].as_str().expect("a version").to_owned()
}

#[test]
fn a_breaking_update_changes_the_manifest_and_shows_both_requirements() {
    for (before, after) in [("1", "2"), ("1.0", "2.0"), ("1.0.0", "2.0.0")] {
        let (world, index) = with_three_versions(before);
        index.release("kit", "3.0.0-rc.1", &[]);
        let preview = world.ok(&["update", "--breaking", "kit", "--dry-run", "--json"]).json();
        assert_eq!(preview["report"]["requirements"][0]["now"], after);
        assert_eq!(asked(&world, "kit"), before);
        let run = world.ok(&["update", "--breaking", "kit"]);
        assert!(run.stdout.contains(&format!("kit \"{before}\" → \"{after}\"")), "{run}");
        assert_eq!((asked(&world, "kit"), locked(&world, "kit", "version")), (after.into(), "2.0.0".into()));
        assert_eq!((asked(&world, "app"), locked(&world, "app", "version")), (before.into(), "1.0.0".into()));
        world.ok(&["install", "--frozen"]);
    }
}

#[test]
fn a_breaking_update_of_all_leaves_what_was_pinned_on_purpose() {
    let (world, _index) = with_three_versions("1");
    world.write("cpm.toml", &world.read("cpm.toml").replace("app = \"1\"", "app = \"=1.0.0\" # ops"));
    world.ok(&["update", "--breaking"]);
    assert_eq!((asked(&world, "kit"), locked(&world, "kit", "version")), ("2".into(), "2.0.0".into()));
    assert!(world.read("cpm.toml").contains("app = \"=1.0.0\" # ops\n"));
    let run = world.ok(&["update", "--breaking"]);
    assert!(run.stdout.contains("Nothing newer"), "{run}");
    world.ok(&["update", "--breaking", "app"]);
    assert!(world.read("cpm.toml").contains("app = \"2.0.0\" # ops\n"), "{}", world.read("cpm.toml"));
    world.fails(14, &["update", "--breaking", "core"]);
    let (direct, _repo) = with_kit();
    direct.fails(2, &["update", "--breaking", "kit"]);
    direct.ok(&["update", "--breaking"]);
}

#[test]
fn a_breaking_update_that_does_not_fit_changes_nothing() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "2.0.0"] {
        index.release("core", version, &[]);
    }
    index.release("app", "1.0.0", &[("core", "1")]);
    world.ok(&["install", "app", "core@1"]);
    let run = world.fails(12, &["update", "--breaking", "core"]);
    assert!(run.stderr.contains("`app`"), "{run}");
}
