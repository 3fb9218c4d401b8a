//! What only plugins have: the client does with each what its author meant, when cpm has installed the plugin.

use serde_json::{Value, json};

use crate::support::client::{Client, LANGUAGE_SERVER, SERVER, Session, predicted};
use crate::support::samples::{Files, install, json as read_json};
use crate::support::{World, write};

/// A world with the plugin `tool`, which has these files, in the user's scope.
fn with_tool(files: &Files<'_>) -> World {
    let world = World::in_git();
    install_tool(&world, files);
    world
}

fn install_tool(world: &World, files: &Files<'_>) {
    let manifest = (".claude-plugin/plugin.json", r#"{"name":"tool","version":"1.0.0"}"#);
    let has_own = files.iter().any(|(path, _)| *path == manifest.0);
    let all: Vec<(&str, &str)> = (!has_own).then_some(manifest).into_iter().chain(files.iter().copied()).collect();
    install(world, "tool", &all, &["--scope", "user"]);
}

/// A session in which the model uses a tool.
fn uses(client: &Client, world: &World, tool: &str, input: &Value) -> Session {
    let block = json!({ "type": "tool_use", "id": "toolu_1", "name": tool, "input": input });
    client.converse(world, &world.project(), &[block], &["--allowedTools", tool])
}

/// Whether a request says something to the model before the conversation.
fn instructs(session: &Session, text: &str) -> bool {
    session.requests().iter().any(|request| request["system"].to_string().contains(text))
}

/// What the environment of a server was.
fn environment(world: &World, server: &str) -> Vec<String> {
    let file = world.home().join(format!("environment-{server}"));
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_program_in_bin_runs_by_its_name() {
    let Some(client) = Client::found() else { return };
    let world = with_tool(&[("bin/greet*", "#!/bin/sh\necho \"greetings from $0\"\n")]);
    let input = json!({ "command": "greet", "description": "Greets" });
    let program = world.home().join(".claude/skills/tool/bin/greet");
    let results = uses(&client, &world, "Bash", &input).results();
    assert!(results.contains(&format!("greetings from {}", program.display())), "{results}");
    world.ok(&["remove", "tool", "--scope", "user"]);
    let results = uses(&client, &world, "Bash", &input).results();
    assert!(!results.contains("greetings from"), "{results}");
}

#[test]
fn a_language_server_answers_for_its_files() {
    let Some(client) = Client::found() else { return };
    let config =
        r#"{"odd":{"command":"${CLAUDE_PLUGIN_ROOT}/language.sh","args":[],"extensionToLanguage":{".odd":"odd"}}}"#;
    let world = with_tool(&[(".lsp.json", config), ("language.sh*", LANGUAGE_SERVER)]);
    world.write("a.odd", "x\n");
    let file = world.project().join("a.odd").display().to_string();
    let input = json!({ "operation": "documentSymbol", "filePath": file, "line": 1, "character": 1 });
    let results = uses(&client, &world, "LSP", &input).results();
    assert!(results.contains("found_by_the_plugin"), "{results}");
}

#[test]
fn an_output_style_can_be_chosen_by_its_name_in_the_plugin() {
    let Some(client) = Client::found() else { return };
    let style = "---\nname: Loud\ndescription: Loud.\n---\nAnswer in capitals, says the plugin.\n";
    let world = with_tool(&[("output-styles/loud.md", style)]);
    let start = || client.start(&world, &world.project());
    assert!(!instructs(&start(), "says the plugin"), "nobody chose it");
    write(&world.home().join(".claude/settings.json"), r#"{"outputStyle":"tool:Loud"}"#);
    assert!(instructs(&start(), "says the plugin"));
    world.ok(&["remove", "tool", "--scope", "user"]);
    assert!(!instructs(&start(), "says the plugin"));
}

#[test]
fn settings_of_a_plugin_choose_the_agent_that_leads() {
    let Some(client) = Client::found() else { return };
    let agent = "---\nname: lead\ndescription: Leads.\n---\nYou lead, says the plugin.\n";
    let world = with_tool(&[("agents/lead.md", agent), ("settings.json", r#"{"agent":"tool:lead"}"#)]);
    assert!(instructs(&client.start(&world, &world.project()), "You lead, says the plugin."));
    world.ok(&["remove", "tool", "--scope", "user"]);
    assert!(!instructs(&client.start(&world, &world.project()), "You lead"));
}

/// A server that writes down its environment, for `sh`.
fn curious() -> String {
    format!("env > \"$HOME/environment-$1\"\n{SERVER}")
}

#[test]
fn a_plugin_keeps_its_data_in_a_folder_that_cpm_leaves_alone() {
    let Some(client) = Client::found() else { return };
    let config = r#"{"mcpServers":{"own":{"command":"sh","args":["${CLAUDE_PLUGIN_ROOT}/server.sh","own"]}}}"#;
    let world = with_tool(&[(".mcp.json", config), ("server.sh", &curious())]);
    client.start(&world, &world.project());
    let data = world.home().join(".claude/plugins/data/tool-skills-dir");
    assert!(
        environment(&world, "own").contains(&format!("CLAUDE_PLUGIN_DATA={}", data.display())),
        "{:?}",
        environment(&world, "own")
    );
    write(&data.join("kept"), "kept");
    world.ok(&["verify", "--scope", "user"]);
    world.ok(&["remove", "tool", "--scope", "user"]);
    client.start(&world, &world.project());
    assert_eq!(std::fs::read_to_string(data.join("kept")).expect("a file"), "kept");
}

#[test]
fn what_refers_to_an_option_without_a_value_loads_once_it_has_one() {
    let Some(client) = Client::found() else { return };
    let option = |more: &str| format!(r#"{{"type":"string","title":"T","description":"d"{more}}}"#);
    let manifest = format!(
        r#"{{"name":"tool","version":"1.0.0","userConfig":{{"key":{},"plain":{},"given":{},"both":{}}}}}"#,
        option(r#","required":true,"sensitive":true"#),
        option(""),
        option(r#","default":"x""#),
        option(r#","required":true,"default":"y""#),
    );
    let names = ["key", "plain", "given", "both", "undeclared"];
    let servers = names.map(|name| {
        let args = format!(r#"["${{CLAUDE_PLUGIN_ROOT}}/server.sh","{name}"]"#);
        format!(r#""{name}":{{"command":"sh","args":{args},"env":{{"VALUE":"${{user_config.{name}}}"}}}}"#)
    });
    let hook = |command: &str| format!(r#"[{{"hooks":[{{"type":"command","command":"{command} >> $HOME/hooks"}}]}}]"#);
    let mut world = with_tool(&[
        (".claude-plugin/plugin.json", &manifest),
        (".mcp.json", &format!(r#"{{"mcpServers":{{{}}}}}"#, servers.join(","))),
        ("server.sh", &curious()),
        (
            "hooks/hooks.json",
            &format!(
                r#"{{"hooks":{{"SessionStart":{},"Stop":{}}}}}"#,
                hook("echo SessionStart of tool with ${user_config.given}"),
                hook("echo Stop of tool")
            ),
        ),
    ]);
    world.set("SECRET", "from the environment");
    let project = world.project();
    let look = || {
        let ran = world.home().join("hooks");
        let _ = std::fs::remove_file(&ran);
        let (said, hooks) = predicted(&world, &project);
        assert_eq!(client.lists(&world, &project), said);
        assert_eq!(std::fs::read_to_string(&ran).unwrap_or_default().lines().collect::<Vec<_>>().len(), hooks.len());
        (said.into_iter().filter(|line| line.starts_with("server")).collect::<Vec<_>>(), hooks.len())
    };
    let named = |names: &[&str]| names.iter().map(|name| format!("server plugin:tool:{name}")).collect::<Vec<_>>();
    assert_eq!(look(), (named(&["both", "given", "plain"]), 1));
    let options =
        json!({ "pluginConfigs": { "tool@skills-dir": { "options": { "key": "${SECRET}", "given": "g" } } } });
    write(&world.home().join(".claude/settings.json"), options.to_string());
    assert_eq!(look(), (named(&["both", "given", "key", "plain"]), 2));
    for (server, value) in [("key", "from the environment"), ("given", "g"), ("both", "y"), ("plain", "")] {
        let environment = environment(&world, server);
        assert!(environment.contains(&format!("VALUE={value}")), "{server}: {environment:?}");
    }
}

#[test]
fn a_plugin_loads_beside_the_node_packages_that_it_needs() {
    let Some(client) = Client::found() else { return };
    let world = with_tool(&[
        ("commands/go.md", "go\n"),
        ("package.json", r#"{"dependencies":{"left-pad":"1.0.0"}}"#),
        ("package-lock.json", "{}"),
    ]);
    let folder = world.home().join(".claude/skills/tool");
    let (before, _) = predicted(&world, &world.project());
    assert_eq!(client.lists(&world, &world.project()), before);
    assert!(!folder.join("node_modules").exists(), "the client installs them only for its own copies");
    write(&folder.join("node_modules/left-pad/index.js"), "x");
    std::fs::create_dir(folder.join("node_modules/.bin")).expect("a folder");
    std::os::unix::fs::symlink("../left-pad/index.js", folder.join("node_modules/.bin/left-pad")).expect("a link");
    assert_eq!(predicted(&world, &world.project()).0, before);
    assert_eq!(client.lists(&world, &world.project()), before);
}

#[test]
fn the_client_finds_everything_where_its_folder_was_moved_to() {
    let Some(client) = Client::found() else { return };
    let mut world = World::in_git();
    world.set("CLAUDE_CONFIG_DIR", world.path("elsewhere").display().to_string());
    install_tool(&world, &[("commands/go.md", "go\n")]);
    let server = world.path("server.sh").display().to_string();
    write(&world.path("server.sh"), SERVER);
    let entry = format!(r#"{{"mcpServers":{{"srv":{{"command":"sh","args":["{server}"]}}}}}}"#);
    install(&world, "server", &[(".mcp.json", &entry)], &["--scope", "local"]);
    let (said, _) = predicted(&world, &world.project());
    assert_eq!(client.lists(&world, &world.project()), said);
    assert_eq!(
        said.iter().collect::<Vec<_>>(),
        ["command tool:go", "plugin tool", "server srv", "tool mcp__srv__ping"]
    );
    assert!(read_json(&world.path("elsewhere/.claude.json"))["projects"].is_object());
}
