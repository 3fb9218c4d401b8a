//! A package of each kind that cpm can install, and what the client lists of it.

use crate::support::client::{Client, SERVER};
use crate::support::guard::program;
use crate::support::{Repo, World, skill, write};

/// A package, with how it is installed and what the client lists of it.
pub struct Kind {
    pub name: &'static str,
    /// Arguments of `cpm install`.
    pub install: Vec<String>,
    /// Its loose parts, which load wherever the client looks.
    pub loose: &'static [&'static str],
    /// Its parts as a plugin, which load where the client loads plugins.
    pub whole: &'static [&'static str],
}

/// The name of the marketplace that some of the packages are in.
pub const MARKET: &str = "market";

const WEATHER: &str = r#"{"name":"io.example/weather","version":"1.2.0","packages":[{"registryType":"npm",
    "identifier":"weather-mcp","version":"1.2.0","transport":{"type":"stdio"}}]}"#;

/// Writes what the packages need on this machine, and makes their repositories.
pub fn kinds(world: &mut World, client: &Client) -> Vec<Kind> {
    let server = world.path("server.sh").display().to_string();
    write(&world.path("server.sh"), SERVER);
    program(&world.path("programs/npx"), &format!("#!/bin/sh\n{SERVER}"));
    let path = std::env::var("PATH").expect("a PATH");
    world.set("PATH", format!("{}:{path}", world.path("programs").display()));
    let entry = |name: &str| format!(r#""{name}":{{"command":"sh","args":["{server}","{name}"]}}"#);
    let remote = format!(r#""remote":{{"type":"http","url":"{}"}}"#, client.remote_server());
    let described =
        |name: &str, more: &str| format!("---\nname: {name}\ndescription: Does {name}.\n{more}---\n{name}\n");
    let manifest = |name: &str| (".claude-plugin/plugin.json", format!(r#"{{"name":"{name}","version":"1.0.0"}}"#));
    let mut all = Vec::new();
    let mut kind = |name, files: &[(&str, String)], more: &[&str], loose, whole| {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let url = Repo::new(world, name, &files).url();
        let install = ["install", name, "--git", &url].iter().chain(more).map(|word| (*word).to_owned()).collect();
        all.push(Kind { name, install, loose, whole });
    };
    kind("lone", &[("SKILL.md", skill("lone", "x"))], &[], &["skill lone"], &[]);
    kind(
        "kit",
        &[
            manifest("kit"),
            ("skills/alpha/SKILL.md", skill("alpha", "x")),
            ("skills/quiet/SKILL.md", described("quiet", "user-invocable: false\n")),
            ("skills/later/SKILL.md", described("later", "paths: '*.nothing'\n")),
            (".mcp.json", format!(r#"{{"mcpServers":{{{}}}}}"#, entry("srv"))),
        ],
        &[],
        &["server srv", "skill alpha", "skill quiet (model only)", "tool mcp__srv__ping"],
        &[],
    );
    kind(
        "servers",
        &[(".mcp.json", format!(r#"{{"mcpServers":{{{},{remote}}}}}"#, entry("one")))],
        &[],
        &["server one", "server remote", "tool mcp__one__ping", "tool mcp__remote__ping"],
        &[],
    );
    kind("weather", &[("server.json", WEATHER.to_owned())], &[], &["server weather", "tool mcp__weather__ping"], &[]);
    let own = r#"{"mcpServers":{"own":{"command":"sh","args":["${CLAUDE_PLUGIN_ROOT}/server.sh"]}}}"#;
    kind(
        "tool",
        &[
            manifest("tool"),
            ("commands/go.md", "---\ndescription: Goes.\n---\ngo\n".to_owned()),
            ("commands/sub/deep.md", "deep\n".to_owned()),
            ("agents/helper.md", described("helper", "")),
            ("skills/s/SKILL.md", skill("s", "x")),
            ("hooks/hooks.json", hooks()),
            (".mcp.json", own.to_owned()),
            ("server.sh", SERVER.to_owned()),
        ],
        &[],
        &[],
        &[
            "agent tool:helper",
            "command tool:go",
            "command tool:sub:deep",
            "plugin tool",
            "server plugin:tool:own",
            "skill tool:s",
            "tool mcp__plugin_tool_own__ping",
        ],
    );
    let speaks = skill("a", "then use speaks:b");
    kind(
        "speaks",
        &[manifest("speaks"), ("skills/a/SKILL.md", speaks), ("skills/b/SKILL.md", skill("b", "x"))],
        &[],
        &[],
        &["plugin speaks", "skill speaks:a", "skill speaks:b"],
    );
    // At the top of its folder the client takes it for a skill, which needs no trust.
    kind("solo", &[("SKILL.md", skill("solo", "x"))], &["--placement", "plugin"], &["skill solo"], &["plugin solo"]);
    let listed = |name, loose, whole| Kind { name, install: vec!["install".to_owned(), name.to_owned()], loose, whole };
    all.push(listed("bare", &[], &["agent bare:guide", "command bare:now", "plugin bare"]));
    all.push(listed("some", &["skill picked"], &[]));
    all.push(listed("needy", &[], &["command base:go", "command needy:go", "plugin base", "plugin needy"]));
    market(world, &described("guide", ""));
    all
}

/// A plugin without plugin.json, one that picks a skill, and one that needs another.
fn market(world: &World, agent: &str) {
    let entries = r#"{"name":"bare","source":"./bare","strict":false,"version":"2.1.0","commands":["./go/now.md"]},
        {"name":"some","source":"./some","strict":false,"skills":["./more/picked"]},
        {"name":"needy","source":"./needy"},{"name":"base","source":"./base"}"#;
    let files = [
        ("bare/go/now.md", "now\n"),
        ("bare/agents/guide.md", agent),
        ("some/more/picked/SKILL.md", &skill("picked", "x")),
        ("some/more/passed/SKILL.md", &skill("passed", "x")),
        ("needy/.claude-plugin/plugin.json", r#"{"name":"needy","version":"1.0.0","dependencies":["base"]}"#),
        ("needy/commands/go.md", "go\n"),
        ("base/.claude-plugin/plugin.json", r#"{"name":"base","version":"1.0.0"}"#),
        ("base/commands/go.md", "go\n"),
    ];
    Repo::marketplace(world, MARKET, entries, &files);
}

/// Hooks that write down their event and plugin in the file `hooks` of the home.
pub fn hooks() -> String {
    let hook = |event: &str| {
        let command = format!(r#"echo {event} of ${{CLAUDE_PLUGIN_ROOT##*/}} >> $HOME/hooks"#);
        let group = serde_json::json!([{ "hooks": [{ "type": "command", "command": command }] }]);
        (event.to_owned(), group)
    };
    let events: serde_json::Map<_, _> = ["SessionStart", "UserPromptSubmit", "Stop"].map(hook).into_iter().collect();
    serde_json::json!({ "hooks": events }).to_string()
}
