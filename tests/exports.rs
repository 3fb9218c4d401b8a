//! `cpm export`: the installed MCP servers in the files of other clients, and in a request to the Messages API.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::samples::{depend, install, json};
use crate::support::{Run, World, write};

const SERVERS: [(&str, &str); 1] = [(
    ".mcp.json",
    r#"{"mcpServers":{
        "local":{"command":"npx","args":["-y","x@1.0.0"],"env":{"TOKEN":"${TOKEN}"}},
        "plain":{"command":"node","args":["${LEVEL:-info}"]},
        "web":{"type":"http","url":"https://example.com/mcp","headers":{"Authorization":"Bearer ${KEY}"}}}}"#,
)];

const PLUGIN: [(&str, &str); 4] = [
    (".claude-plugin/plugin.json", r#"{"name":"tool","version":"1.0.0"}"#),
    ("commands/go.md", "Go.\n"),
    ("run.sh", "true\n"),
    (".mcp.json", r#"{"mcpServers":{"inside":{"command":"${CLAUDE_PLUGIN_ROOT}/run.sh"}}}"#),
];

fn export(world: &World, client: &str, more: &[&str]) -> Run {
    world.ok(&[&["export", "--client", client], more].concat())
}

fn user_file(world: &World, path: &str) -> PathBuf {
    world.home().join(path)
}

#[test]
fn a_project_gets_the_file_of_its_editor_and_back() {
    let world = World::in_git();
    install(&world, "servers", &SERVERS, &[]);
    let theirs = "{\n\t\"mcpServers\": {\n\t\t\"mine\": {\"command\": \"x\"}\n\t}\n}";
    world.write(".cursor/mcp.json", theirs);
    let preview = export(&world, "cursor", &[]);
    assert!(preview.stdout.contains("Would change") && preview.stderr.contains("--write"), "{preview}");
    assert_eq!(world.read(".cursor/mcp.json"), theirs);

    export(&world, "cursor", &["--write"]);
    let servers = json(&world.project().join(".cursor/mcp.json"))["mcpServers"].take();
    let wanted = json!({
        "mine": {"command": "x"},
        "local": {"command": "npx", "args": ["-y", "x@1.0.0"], "env": {"TOKEN": "${env:TOKEN}"}},
        "plain": {"command": "node", "args": ["info"]},
        "web": {"url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${env:KEY}"}},
    });
    assert_eq!(servers, wanted);
    let again = export(&world, "cursor", &["--write", "--json"]).json();
    assert!(again["export"]["servers"].as_array().expect("rows").iter().all(|row| row["action"] == "keep"), "{again}");

    export(&world, "cursor", &["--remove", "--write"]);
    assert_eq!(world.read(".cursor/mcp.json"), theirs);
    export(&world, "vscode", &["--write"]);
    let code = json(&world.project().join(".vscode/mcp.json"));
    assert_eq!(code["servers"]["web"]["type"], "http");
    export(&world, "vscode", &["--remove", "--write"]);
    assert!(!world.has(".vscode/mcp.json"), "cpm made it");
}

#[test]
fn a_client_without_variables_is_told_what_it_cannot_have() {
    let world = World::in_git();
    install(&world, "servers", &SERVERS, &[]);
    let run = export(&world, "claude-desktop", &["--write", "--json"]).json();
    let left_out: Vec<&str> =
        run["export"]["left_out"].as_array().expect("a list").iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(left_out, ["local", "web"]);
    let file = user_file(&world, ".config/Claude/claude_desktop_config.json");
    assert_eq!(json(&file), json!({"mcpServers": {"plain": {"command": "node", "args": ["info"]}}}));
}

#[test]
fn a_server_inside_a_plugin_is_started_from_where_it_lies() {
    let world = World::in_git();
    install(&world, "tool", &PLUGIN, &[]);
    export(&world, "vscode", &["--write"]);
    let command = json(&world.project().join(".vscode/mcp.json"))["servers"]["inside"]["command"].take();
    assert_eq!(command, "${workspaceFolder}/.claude/skills/tool/run.sh");
    export(&world, "windsurf", &["--write"]);
    let file = json(&user_file(&world, ".codeium/windsurf/mcp_config.json"));
    let place = world.project().canonicalize().expect("a project").join(".claude/skills/tool/run.sh");
    assert_eq!(file["mcpServers"]["inside"]["command"], place.display().to_string());
}

#[test]
fn an_entry_follows_its_package_until_somebody_edits_it() {
    let world = World::in_git();
    let repo = install(&world, "servers", &SERVERS, &[]);
    export(&world, "cursor", &["--write"]);
    repo.commit(&[(".mcp.json", &SERVERS[0].1.replace("x@1.0.0", "x@1.1.0").replace("\"plain\"", "\"renamed\""))]);
    world.ok(&["update", "--accept"]);
    let rows = export(&world, "cursor", &["--write", "--json"]).json()["export"]["servers"].take();
    let actions: Vec<(&str, &str)> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["name"].as_str().expect("a name"), row["action"].as_str().expect("an action")))
        .collect();
    assert_eq!(actions, [("local", "update"), ("renamed", "add"), ("web", "keep"), ("plain", "remove")]);

    let edited = world.read(".cursor/mcp.json").replace("x@1.1.0", "x@9.9.9");
    world.write(".cursor/mcp.json", &edited);
    let refused = world.fails(30, &["export", "--client", "cursor", "--write"]);
    assert!(refused.stderr.contains("local"), "{refused}");
    let run = export(&world, "cursor", &["--remove", "--write"]);
    assert!(run.stderr.contains("left out local"), "{run}");
    let left = json(&world.project().join(".cursor/mcp.json"))["mcpServers"].take();
    assert_eq!(
        left.as_object().expect("servers").keys().collect::<Vec<_>>(),
        ["local"],
        "an edited entry is the user's"
    );
}

#[test]
fn projects_that_share_a_users_file_keep_out_of_each_others_entries() {
    let world = World::in_git();
    install(&world, "servers", &SERVERS, &[]);
    export(&world, "windsurf", &["--write"]);
    let other = world.path("other");
    crate::support::git(&world.path(""), &["init", "-q", other.to_str().expect("UTF-8")]);
    let package = world.path("package");
    write(&package.join(".mcp.json"), r#"{"mcpServers":{"second":{"command":"y"}}}"#);
    let run = |args: &[&str]| {
        let run = world.cpm_in(&other, args);
        assert_eq!(run.code, 0, "{run}");
    };
    run(&["install", "second", "--path", package.to_str().expect("UTF-8"), "--scope", "project"]);
    run(&["export", "--client", "windsurf", "--scope", "project", "--write"]);
    let names = || -> Vec<String> {
        let file = json(&user_file(&world, ".codeium/windsurf/mcp_config.json"));
        file["mcpServers"].as_object().expect("servers").keys().cloned().collect()
    };
    assert_eq!(names(), ["local", "plain", "web", "second"]);
    run(&["export", "--client", "windsurf", "--scope", "project", "--remove", "--write"]);
    assert_eq!(names(), ["local", "plain", "web"]);
}

#[test]
fn a_request_to_the_api_has_the_remote_servers_and_no_value() {
    let mut world = World::in_git();
    world.set("KEY", "hunter2");
    install(&world, "servers", &SERVERS, &[]);
    let run = export(&world, "api", &[]);
    let request: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let server =
        json!({"type": "url", "url": "https://example.com/mcp", "name": "web", "authorization_token": "${KEY}"});
    let wanted = json!({"mcp_servers": [server], "tools": [{"type": "mcp_toolset", "mcp_server_name": "web"}]});
    assert_eq!(request, wanted);
    assert!(run.stderr.contains("left out local") && run.stderr.contains("anthropic-beta"), "{run}");
    world.fails(2, &["export", "--client", "api", "--write"]);
}

#[test]
fn files_that_cpm_cannot_edit_safely_stay_as_they_are() {
    let world = World::in_git();
    depend(&world, "servers", &SERVERS, "");
    world.ok(&["install"]);
    for commented in ["{\n  // mine\n  \"servers\": {}\n}\n", "[]", "{\"servers\": []}"] {
        world.write(".vscode/mcp.json", commented);
        world.fails(31, &["export", "--client", "vscode", "--write"]);
        assert_eq!(world.read(".vscode/mcp.json"), commented);
    }
    let outside = world.path("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::os::unix::fs::symlink(&outside, world.project().join(".cursor")).expect("a link");
    world.fails(24, &["export", "--client", "cursor", "--write"]);
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
}
