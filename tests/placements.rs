//! How a package lies in a scope: whole as a plugin, or each part on its own, by its content or as the manifest says.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::samples::{ALPHA, BETA, Files, KIT, TOOL, depend, install, json};
use crate::support::{Repo, World, snapshot};

const PAIR: [(&str, &str); 4] = [
    (".claude-plugin/plugin.json", r#"{"name":"pair","version":"1.0.0"}"#),
    ("skills/alpha/SKILL.md", ALPHA),
    ("skills/beta/SKILL.md", BETA),
    (".mcp.json", r#"{"mcpServers":{"one":{"command":"true"},"two":{"url":"https://example.com/mcp","type":"http"}}}"#),
];

/// The folders that the client finds.
fn folders(world: &World) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(world.project().join(".claude/skills")) else { return BTreeSet::new() };
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// The servers that the client finds.
fn servers(world: &World) -> BTreeSet<String> {
    let file = world.project().join(".mcp.json");
    if !file.exists() {
        return BTreeSet::new();
    }
    json(&file)["mcpServers"].as_object().map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Changes what the manifest says of a package and installs again.
fn change(world: &World, from: &str, to: &str) {
    let text = world.read("cpm.toml");
    assert!(text.contains(from), "{text}");
    world.write("cpm.toml", &text.replacen(from, to, 1));
    world.ok(&["install"]);
    world.ok(&["verify"]);
    world.ok(&["install", "--frozen"]);
}

#[test]
fn a_lone_skill_is_a_folder_called_as_the_dependency() {
    let world = World::in_git();
    install(&world, "house-style", &[("SKILL.md", ALPHA), ("refs/colours.md", "red\n")], &[]);
    assert_eq!(folders(&world), set(["house-style"]));
    assert_eq!(world.read(".claude/skills/house-style/SKILL.md"), ALPHA);
    assert_eq!(world.read(".claude/skills/house-style/refs/colours.md"), "red\n");
    assert!(!world.has(".mcp.json"));
    change(&world, "house-style =", "our-style =");
    assert_eq!(folders(&world), set(["our-style"]));
}

#[test]
fn a_server_alone_is_an_entry_and_no_folder() {
    let world = World::in_git();
    let entry = r#"{"mcpServers":{"srv":{"command":"npx","args":["-y","x@1.0.0"],"env":{"TOKEN":"${TOKEN}"}}}}"#;
    install(&world, "server", &[(".mcp.json", entry), ("README.md", "hi\n")], &[]);
    let wanted = serde_json::json!({
        "mcpServers": { "srv": {
            "type": "stdio", "command": "npx", "args": ["-y", "x@1.0.0"], "env": { "TOKEN": "${TOKEN}" },
        } }
    });
    assert_eq!(json(&world.project().join(".mcp.json")), wanted);
    assert_eq!(folders(&world), set([]));
}

const REGISTERED: &str = r#"{"name":"io.example/weather","version":"1.2.0","packages":[{"registryType":"npm",
    "identifier":"weather-mcp","version":"1.2.0","transport":{"type":"stdio"},
    "environmentVariables":[{"name":"WEATHER_KEY","isRequired":true,"isSecret":true}]}]}"#;

#[test]
fn a_server_json_of_the_mcp_registry_is_an_entry_beside_its_sources() {
    let world = World::in_git();
    let sources = [("server.json", REGISTERED), ("package.json", "{}"), ("bin/run.js", "1\n"), ("src/index.ts", "1\n")];
    let repo = Repo::new(&world, "repository", &sources);
    world.ok(&["install", "--git", &repo.url()]);
    let entry = serde_json::json!({
        "type": "stdio", "command": "npx", "args": ["-y", "weather-mcp@1.2.0"], "env": { "WEATHER_KEY": "${WEATHER_KEY}" },
    });
    assert_eq!(json(&world.project().join(".mcp.json")), serde_json::json!({ "mcpServers": { "weather": entry } }));
    assert!(world.read("cpm.lock").contains("name = \"weather\"\nversion = \"1.2.0\"\n"));
    assert_eq!(folders(&world), set([]));
    world.ok(&["verify"]);
    world.ok(&["remove", "weather"]);
    assert!(!world.has(".mcp.json"));
}

#[test]
fn a_server_json_without_an_exact_version_needs_a_word_that_the_manifest_keeps() {
    let world = World::in_git();
    let loose = REGISTERED.replacen("\"version\":\"1.2.0\",\"transport", "\"transport", 1);
    let repo = Repo::new(&world, "repository", &[("server.json", &loose)]);
    let refused = world.fails(21, &["install", "--git", &repo.url()]).stderr;
    assert!(refused.contains("weather-mcp") && refused.contains("--allow-unpinned"), "{refused}");
    assert!(!world.has("cpm.toml") && !world.has(".mcp.json"));
    world.ok(&["install", "--git", &repo.url(), "--allow-unpinned"]);
    assert!(world.read("cpm.toml").contains("allow-unpinned = true"));
    world.ok(&["install", "--locked"]);
    change(&world, "allow-unpinned = true", "placement = \"loose\", allow-unpinned = true");
    let plugin = world.read("cpm.toml").replace("loose", "plugin");
    world.write("cpm.toml", &plugin);
    assert!(world.fails(10, &["install"]).stderr.contains("cannot be a plugin"));
}

#[test]
fn a_plugin_lies_whole_in_one_folder() {
    let world = World::in_git();
    install(&world, "tool", &TOOL, &[]);
    assert_eq!(folders(&world), set(["tool"]));
    for (path, text) in TOOL {
        assert_eq!(world.read(&format!(".claude/skills/tool/{}", path.trim_end_matches('*'))), text);
    }
    assert_eq!(snapshot(&world.project().join(".claude")).len(), TOOL.len());
}

#[test]
fn executables_stay_executable_and_nothing_else_becomes_so() {
    let world = World::in_git();
    install(&world, "tool", &TOOL, &[]);
    install(&world, "script", &[("SKILL.md", ALPHA), ("run.sh*", "#!/bin/sh\n"), ("plain.sh", "#!/bin/sh\n")], &[]);
    let is_executable = |path: &str| {
        let metadata = std::fs::metadata(world.project().join(".claude/skills").join(path)).expect("metadata");
        metadata.permissions().mode() & 0o111 != 0
    };
    assert!(is_executable("tool/bin/run") && is_executable("script/run.sh"));
    assert!(!is_executable("script/plain.sh") && !is_executable("tool/hooks/hooks.json"));
}

#[test]
fn a_plugin_without_a_manifest_gets_one() {
    let world = World::in_git();
    install(&world, "bare", &[("commands/go.md", "go\n")], &[]);
    let manifest = json(&world.project().join(".claude/skills/bare/.claude-plugin/plugin.json"));
    assert_eq!(manifest["name"], "bare");
    assert!(manifest["version"].is_string());
}

#[test]
fn the_manifest_of_a_marketplace_entry_goes_into_the_plugin() {
    let world = World::in_git();
    let entry = r#"{"name":"bare","source":"./bare","strict":false,"version":"2.1.0","description":"Goes.",
        "commands":["./go/now.md"]}"#;
    let market = Repo::marketplace(&world, "market", entry, &[("bare/go/now.md", "now\n")]);
    world.ok(&["index", "add", "market", &market.url()]);
    world.ok(&["install", "bare"]);
    let manifest = json(&world.project().join(".claude/skills/bare/.claude-plugin/plugin.json"));
    assert_eq!((&manifest["name"], &manifest["version"]), (&"bare".into(), &"2.1.0".into()));
    assert_eq!(manifest["commands"], serde_json::json!(["./go/now.md"]));
}

#[test]
fn a_plugin_of_skills_and_servers_lies_in_its_parts() {
    let world = World::in_git();
    let url = Repo::new(&world, "pair", &PAIR).url();
    let report = world.ok(&["install", "pair", "--git", &url, "--json"]).json();
    assert_eq!(report["report"]["packages"][0]["placement"], "loose");
    assert_eq!((folders(&world), servers(&world)), (set(["alpha", "beta"]), set(["one", "two"])));
    assert_eq!(snapshot(&world.project().join(".claude")).len(), 2, "nothing but the skills");
}

#[test]
fn a_plugin_that_speaks_of_itself_lies_whole() {
    for text in [
        "then run pair:beta",
        "call mcp__plugin_pair_one__go",
        "the server plugin:pair:one must run",
        "cat ${CLAUDE_PLUGIN_ROOT}/x",
        "ls $CLAUDE_PLUGIN_DATA",
    ] {
        let world = World::in_git();
        let notes = [("skills/alpha/notes.md", text)];
        install(&world, "pair", &[&PAIR[..], &notes].concat(), &[]);
        assert_eq!((folders(&world), servers(&world)), (set(["pair"]), set([])), "{text}");
    }
}

#[test]
fn a_plugin_whose_skill_names_a_file_outside_of_its_folder_lies_whole() {
    let guide = ("shared/GUIDE.md", "how\n");
    for (text, lies) in [("see ../../shared/GUIDE.md", set(["pair"])), ("see GUIDE.md", set(["alpha", "beta"]))] {
        let world = World::in_git();
        let notes = [("skills/alpha/notes.md", text), guide];
        install(&world, "pair", &[&PAIR[..], &notes].concat(), &[]);
        assert_eq!(folders(&world), lies, "{text}");
        assert_eq!(world.has(".claude/skills/pair/shared/GUIDE.md"), lies.contains("pair"), "{text}");
    }
}

#[test]
fn speaking_of_others_does_not_keep_a_plugin_whole() {
    let world = World::in_git();
    let notes = [("skills/alpha/notes.md", "see other:beta and mcp__plugin_other_one__go")];
    install(&world, "pair", &[&PAIR[..], &notes].concat(), &[]);
    assert_eq!(folders(&world), set(["alpha", "beta"]));
}

#[test]
fn another_placement_in_the_manifest_places_anew() {
    let world = World::in_git();
    depend(&world, "pair", &PAIR, ", placement = \"plugin\"");
    world.ok(&["install"]);
    assert_eq!((folders(&world), servers(&world)), (set(["pair"]), set([])));
    assert!(!world.has(".mcp.json"), "a plugin brings its own");
    change(&world, "\"plugin\"", "\"loose\"");
    assert_eq!((folders(&world), servers(&world)), (set(["alpha", "beta"]), set(["one", "two"])));
    change(&world, "\"loose\"", "\"plugin\"");
    assert_eq!((folders(&world), servers(&world)), (set(["pair"]), set([])));
    change(&world, ", placement = \"plugin\"", "");
    assert_eq!(folders(&world), set(["alpha", "beta"]));
}

#[test]
fn the_placement_can_be_given_on_the_command_line() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &["--placement", "plugin"]);
    assert_eq!(folders(&world), set(["kit"]));
    assert!(world.read("cpm.toml").contains("placement = \"plugin\""));
    world.ok(&["install", "kit", "--placement", "loose"]);
    assert_eq!((folders(&world), servers(&world)), (set(["alpha"]), set(["srv"])));
}

#[test]
fn a_skill_can_be_placed_as_a_plugin() {
    let world = World::in_git();
    install(&world, "solo", &[("SKILL.md", ALPHA)], &["--placement", "plugin"]);
    let manifest = json(&world.project().join(".claude/skills/solo/.claude-plugin/plugin.json"));
    assert_eq!(manifest["name"], "solo");
}

#[test]
fn the_manifest_chooses_among_skills() {
    let world = World::in_git();
    depend(&world, "pair", &PAIR, ", skills = [\"beta\"]");
    world.ok(&["install"]);
    assert_eq!((folders(&world), servers(&world)), (set(["beta"]), set(["one", "two"])));
    change(&world, "[\"beta\"]", "[\"alpha\"]");
    assert_eq!(folders(&world), set(["alpha"]));
    change(&world, "[\"alpha\"]", "[]");
    assert_eq!((folders(&world), servers(&world)), (set([]), set(["one", "two"])));
    change(&world, ", skills = []", "");
    assert_eq!(folders(&world), set(["alpha", "beta"]));
}

#[test]
fn the_manifest_renames_servers() {
    let world = World::in_git();
    depend(&world, "pair", &PAIR, ", servers = { one = \"uno\" }");
    world.ok(&["install"]);
    assert_eq!(servers(&world), set(["two", "uno"]));
    assert_eq!(json(&world.project().join(".mcp.json"))["mcpServers"]["uno"]["command"], "true");
    change(&world, "one = \"uno\"", "one = \"two\", two = \"one\"");
    let entries = json(&world.project().join(".mcp.json"));
    assert_eq!(entries["mcpServers"]["two"]["command"], "true");
    assert_eq!(entries["mcpServers"]["one"]["type"], "http");
    change(&world, ", servers = { one = \"two\", two = \"one\" }", "");
    assert_eq!(servers(&world), set(["one", "two"]));
}

#[test]
fn a_package_can_have_another_name_here() {
    let world = World::in_git();
    world.write("cpm.toml", "[dependencies]\nchecks = { version = \"1\", package = \"review-checklists\" }\n");
    world.ok(&["install"]);
    assert!(world.read("cpm.lock").contains("name = \"review-checklists\""));
    let placed = folders(&world);
    change(&world, "checks =", "lists =");
    assert!(world.ok(&["remove", "lists"]).stdout.contains("- review-checklists"));
    assert!(!placed.is_empty() && folders(&world).is_empty());
}

#[test]
fn a_lone_skill_takes_its_other_name_as_its_folder() {
    let world = World::in_git();
    let repo = Repo::new(&world, "solo", &[("SKILL.md", ALPHA)]);
    let manifest = format!("[dependencies]\nmine = {{ git = \"{}\", package = \"solo\" }}\n", repo.url());
    world.write("cpm.toml", &manifest);
    world.ok(&["install"]);
    assert_eq!(folders(&world), set(["mine"]));
    assert!(world.read("cpm.lock").contains("name = \"solo\""));
}

#[test]
fn a_package_under_another_key_keeps_what_it_has() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    change(&world, "kit =", "tools =");
    assert_eq!((folders(&world), servers(&world)), (set(["alpha"]), set(["srv"])));
    world.ok(&["remove", "tools"]);
    assert!(folders(&world).is_empty() && !world.has(".mcp.json"), "{:?}", servers(&world));
}

#[test]
fn impossible_wishes_name_the_choices() {
    let server: &Files<'_> = &KIT;
    for (files, keys, words) in [
        (&PAIR[..], "skills = [\"gamma\"]", &["`gamma`", "alpha, beta"][..]),
        (&PAIR[..], "servers = { gamma = \"x\" }", &["`gamma`", "one, two"]),
        (&PAIR[..], "servers = { one = \"two\" }", &["`two`"]),
        (&PAIR[..], "placement = \"plugin\", skills = [\"alpha\"]", &["`skills`", "loose"]),
        (&PAIR[..], "placement = \"plugin\", servers = { one = \"uno\" }", &["`servers`", "loose"]),
        (&TOOL[..], "placement = \"loose\"", &["commands", "`placement = \"loose\"`"]),
        (&TOOL[..], "skills = [\"go\"]", &["plugin"]),
        (server, "placement = \"flat\"", &["flat", "plugin", "loose"]),
        (server, "servers = { srv = \"not a name\" }", &["not a name"]),
    ] {
        let world = World::in_git();
        depend(&world, "pair", files, &format!(", {keys}"));
        let run = world.fails(10, &["install"]);
        for word in words {
            assert!(run.stderr.contains(word), "{keys}: {word}: {run}");
        }
    }
}
