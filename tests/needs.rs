//! What a plugin needs besides its files, and what cpm says of it: options that the user sets, and node packages.

use crate::support::samples::{Files, install};
use crate::support::{Repo, World, write};

const NODE: [(&str, &str); 4] = [
    (".claude-plugin/plugin.json", r#"{"name":"tool","version":"1.0.0"}"#),
    ("commands/go.md", "go\n"),
    ("package.json", r#"{"dependencies":{"left-pad":"1.0.0"}}"#),
    ("package-lock.json", "{}\n"),
];

/// Installs a package as `tool`; what is left to do.
fn next(world: &World, files: &Files<'_>, more: &[&str]) -> String {
    let url = Repo::new(world, "tool", files).url();
    let run = world.ok(&[&["install", "tool", "--git", &url, "--json"], more].concat());
    run.json()["report"]["next"].to_string()
}

/// Does in an installed plugin what `npm ci` does.
fn make_node_packages(world: &World) {
    let folder = world.project().join(".claude/skills/tool/node_modules");
    write(&folder.join("left-pad/index.js"), "x");
    write(&folder.join(".package-lock.json"), "{}");
    std::fs::create_dir(folder.join(".bin")).expect("a folder");
    std::os::unix::fs::symlink("../left-pad/index.js", folder.join(".bin/left-pad")).expect("a link");
}

#[test]
fn node_packages_that_a_plugin_needs_are_named_with_the_command_that_installs_them() {
    let world = World::in_git();
    let told = next(&world, &NODE, &[]);
    assert!(told.contains("`npm ci --ignore-scripts` in .claude/skills/tool"), "{told}");
    assert!(!world.has(".claude/skills/tool/node_modules"), "cpm runs nothing");
    let told = next(&World::in_git(), &NODE[..3], &[]);
    assert!(!told.contains("node packages"), "without a lockfile the author brings what it needs: {told}");
}

#[test]
fn node_packages_in_an_installed_plugin_are_no_edit() {
    let world = World::in_git();
    let repo = install(&world, "tool", &NODE, &[]);
    make_node_packages(&world);
    world.ok(&["verify"]);
    world.ok(&["install", "--frozen"]);
    let loaded = world.ok(&["list", "--loaded", "--json", "--trusted"]).json();
    assert_eq!(loaded["loaded"]["commands"][0]["name"], "tool:go", "{loaded}");
    // An update brings the plugin as it is locked, and says again what it needs.
    repo.commit(&[("commands/go.md", "go on\n")]);
    let updated = world.ok(&["update", "--accept"]);
    assert!(updated.stdout.contains("npm ci") && !world.has(".claude/skills/tool/node_modules"), "{updated}");
    make_node_packages(&world);
    world.ok(&["remove", "tool"]);
    assert!(!world.has(".claude/skills/tool"));
}

#[test]
fn a_folder_of_that_name_is_an_edit_where_the_plugin_has_no_package_json_or_brings_its_own() {
    let own = ("node_modules/left-pad/index.js", "own\n");
    for files in [&NODE[..2], &[&NODE[..], &[own]].concat()] {
        let world = World::in_git();
        install(&world, "tool", files, &[]);
        write(&world.project().join(".claude/skills/tool/node_modules/evil/index.js"), "x");
        let run = world.cpm(&["verify"]);
        assert!(run.code == 1 && run.stdout.contains("node_modules/evil"), "{run}");
    }
}

#[test]
fn options_that_a_plugin_asks_for_are_named_until_they_have_a_value() {
    let option = |more: &str| format!(r#"{{"type":"string","title":"T","description":"d"{more}}}"#);
    let manifest = format!(
        r#"{{"name":"tool","version":"1.0.0","userConfig":{{"api_key":{},"region":{}}}}}"#,
        option(r#","required":true"#),
        option(r#","required":true,"default":"eu""#)
    );
    let server = r#"{"own":{"command":"true","env":{"KEY":"${user_config.api_key}"}}}"#;
    let files = [(".claude-plugin/plugin.json", manifest.as_str()), (".mcp.json", server), ("commands/go.md", "go\n")];
    let world = World::in_git();
    let told = next(&world, &files, &["--scope", "user"]);
    assert!(told.contains("api_key") && told.contains("tool@skills-dir") && !told.contains("region"), "{told}");
    let loaded = || world.ok(&["list", "--loaded", "--json"]).json()["loaded"].clone();
    let (servers, left_out) = (loaded()["servers"].clone(), loaded()["left_out"].to_string());
    assert!(servers == serde_json::json!([]) && left_out.contains("`api_key`"), "{left_out}");
    world.ok(&["remove", "tool", "--scope", "user"]);
    let settings = r#"{"pluginConfigs":{"tool@skills-dir":{"options":{"api_key":"k"}}}}"#;
    write(&world.home().join(".claude/settings.json"), settings);
    let url = format!("file://{}", world.path("repos/tool").display());
    let run = world.ok(&["install", "tool", "--git", &url, "--scope", "user"]);
    assert!(!run.stdout.contains("skills-dir"), "{run}");
    assert_eq!(loaded()["servers"][0]["name"], "plugin:tool:own");
}

#[test]
fn doctor_finds_what_a_plugin_still_needs() {
    let world = World::in_git();
    let manifest = r#"{"name":"tool","version":"1.0.0","userConfig":{"api_key":{"type":"string","required":true}}}"#;
    install(&world, "tool", &[&[(NODE[0].0, manifest)], &NODE[1..]].concat(), &["--scope", "user"]);
    let found = || world.cpm(&["doctor"]).stdout;
    let before = found();
    assert!(
        before.contains("api_key") && before.contains("`npm ci --ignore-scripts` in ~/.claude/skills/tool"),
        "{before}"
    );
    write(&world.home().join(".claude/skills/tool/node_modules/left-pad/index.js"), "x");
    let options = r#"{"pluginConfigs":{"tool@skills-dir":{"options":{"api_key":"k"}}}}"#;
    write(&world.home().join(".claude/settings.json"), options);
    let run = world.ok(&["doctor"]);
    assert!(!run.stdout.contains("`tool`"), "{run}");
}

#[test]
fn background_monitors_themes_and_workflows_lie_whole_in_the_plugin_and_monitors_are_shown() {
    let world = World::in_git();
    let monitors = r#"[{"name":"watch","command":"tail -f log","description":"Watches."}]"#;
    let files = [
        (".claude-plugin/plugin.json", r#"{"name":"tool","version":"1.0.0"}"#),
        ("monitors/monitors.json", monitors),
        ("themes/dark.json", "{\"name\":\"dark\"}\n"),
        ("workflows/ship.js", "export default 1;\n"),
    ];
    let run = world.ok(&["install", "tool", "--git", &Repo::new(&world, "tool", &files).url()]);
    assert!(run.stdout.contains("tail -f log"), "what runs in the background is shown: {run}");
    for (path, text) in files {
        assert_eq!(world.read(&format!(".claude/skills/tool/{path}")), text);
    }
}
