//! What `cpm list --loaded` says that Claude Code will list. Each rule here was seen in the real client.

use std::path::Path;

use serde_json::Value;

use crate::support::samples::{KIT, TOOL, install};
use crate::support::{World, git, skill, write};

const PLUGIN: &str = ".claude-plugin/plugin.json";

/// The prediction for a folder.
fn loaded(world: &World, dir: &Path, args: &[&str]) -> Value {
    let run = world.cpm_in(dir, &[&["list", "--loaded", "--json"], args].concat());
    assert_eq!(run.code, 0, "{run}");
    run.json()["loaded"].clone()
}

/// The names in a list, with the package where there is one.
fn names(loaded: &Value, list: &str) -> String {
    let items = loaded[list].as_array().unwrap_or_else(|| panic!("no {list} in {loaded}"));
    let name = |item: &Value| match item["package"].as_str() {
        Some(package) => format!("{}={package}", item["name"].as_str().expect("a name")),
        None => item["name"].as_str().expect("a name").to_owned(),
    };
    items.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// Why something is left out.
fn why<'l>(loaded: &'l Value, name: &str) -> &'l str {
    let items = loaded["left_out"].as_array().expect("a list");
    let item = items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name} in {loaded}"));
    item["why"].as_str().expect("a reason")
}

/// Makes the client trust the project.
fn trust(world: &World) {
    let client = format!(r#"{{"projects":{{"{}":{{"hasTrustDialogAccepted":true}}}}}}"#, world.project().display());
    write(&world.home().join(".claude.json"), client);
}

#[test]
fn what_is_installed_is_listed_in_every_scope_under_the_names_of_the_client() {
    for scope in ["project", "local", "user"] {
        let world = World::in_git();
        trust(&world);
        install(&world, "kit", &KIT, &["--scope", scope]);
        install(&world, "tool", &TOOL, &["--scope", scope]);
        let loaded = loaded(&world, &world.project(), &[]);
        assert_eq!(names(&loaded, "skills"), "alpha=kit", "{scope}");
        assert_eq!(names(&loaded, "plugins"), "tool=tool");
        assert_eq!(names(&loaded, "commands"), "tool:go=tool");
        assert_eq!(names(&loaded, "agents"), "tool:helper=tool");
        assert_eq!(names(&loaded, "hooks"), "Stop=tool");
        assert_eq!(names(&loaded, "servers"), "srv=kit");
        assert_eq!(loaded["servers"][0]["tools"], "mcp__srv__");
        assert_eq!(loaded["servers"][0]["asks"] == true, scope == "project");
        assert!(loaded["skills"].as_array().expect("a list").iter().all(|item| item["scope"] == scope), "{loaded}");
        assert_eq!(loaded["left_out"], serde_json::json!([]));
        world.ok(&["remove", "kit", "tool", "--scope", scope]);
        let after = world.ok(&["list", "--loaded"]);
        assert!(after.stdout.contains("lists nothing"), "{after}");
    }
}

#[test]
fn a_plugin_of_a_project_needs_trust_and_a_start_in_that_very_folder() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    install(&world, "tool", &TOOL, &[]);
    let below = world.project().join("src/deep");
    std::fs::create_dir_all(&below).expect("a folder");
    for (dir, trusted, loads) in
        [(world.project(), true, true), (world.project(), false, false), (below.clone(), true, false)]
    {
        let flag = if trusted { "--trusted" } else { "--untrusted" };
        let loaded = loaded(&world, &dir, &[flag]);
        assert_eq!((names(&loaded, "skills"), names(&loaded, "servers")), ("alpha=kit".into(), "srv=kit".into()));
        assert_eq!(names(&loaded, "plugins"), if loads { "tool=tool" } else { "" });
        assert_eq!(names(&loaded, "hooks"), if loads { "Stop=tool" } else { "" });
        if !loads {
            let reason = if trusted { "started in" } else { "does not trust" };
            assert!(why(&loaded, "tool").contains(reason), "{loaded}");
        }
    }
    // What the client has written down counts where nobody says otherwise.
    assert_eq!(loaded(&world, &world.project(), &[])["trusted"], false);
    trust(&world);
    assert_eq!(loaded(&world, &below, &[])["trusted"], true);
    assert_eq!(names(&loaded(&world, &world.project(), &[]), "plugins"), "tool=tool");
    assert_eq!(names(&loaded(&world, &world.project(), &["--untrusted"]), "plugins"), "");
    let elsewhere = world.cpm_in(&world.home(), &["list", "--loaded", "--json", "--project", "../project"]);
    assert_eq!(names(&elsewhere.json()["loaded"], "plugins"), "tool=tool", "{elsewhere}");
}

#[test]
fn a_plugin_of_the_user_is_listed_everywhere() {
    let world = World::in_git();
    install(&world, "tool", &TOOL, &["--scope", "user"]);
    for dir in [world.project(), world.home(), world.path("")] {
        assert_eq!(names(&loaded(&world, &dir, &["--untrusted"]), "plugins"), "tool=tool", "{}", dir.display());
    }
    assert_eq!(names(&loaded(&world, &world.project(), &["--scope", "project"]), "plugins"), "");
}

#[test]
fn skills_come_from_the_checkout_and_servers_from_all_folders_above() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    let inner = world.project().join("inner");
    std::fs::create_dir_all(inner.join("src")).expect("a folder");
    git(&inner, &["init", "-q"]);
    write(&inner.join(".claude/skills/own/SKILL.md"), skill("own", "x"));
    let loaded = loaded(&world, &inner.join("src"), &[]);
    assert_eq!((names(&loaded, "skills"), names(&loaded, "servers")), ("own".into(), "srv=kit".into()));
}

#[test]
fn a_linked_work_tree_has_its_own_files_and_the_entries_and_trust_of_the_main_one() {
    let world = World::in_git();
    install(&world, "kit", &KIT, &[]);
    world.ok(&["install", "deepwiki", "--scope", "local"]);
    write(&world.project().join(".gitignore"), ".claude\n.cpm\n");
    git(&world.project(), &["add", "."]);
    git(&world.project(), &["commit", "-q", "-m", "x"]);
    let tree = world.path("tree");
    git(&world.project(), &["worktree", "add", "-q", &tree.display().to_string()]);
    let seen = loaded(&world, &tree, &[]);
    assert_eq!((names(&seen, "skills"), names(&seen, "servers")), (String::new(), "deepwiki=deepwiki srv".into()));
    let text = std::fs::read_to_string(world.home().join(".claude.json")).expect("a file");
    let mut client: Value = serde_json::from_str(&text).expect("JSON");
    client["projects"][world.project().display().to_string()]["hasTrustDialogAccepted"] = true.into();
    write(&world.home().join(".claude.json"), client.to_string());
    assert_eq!(loaded(&world, &tree, &[])["trusted"], true);
}

#[test]
fn of_servers_with_one_name_the_nearest_counts_and_of_one_command_a_plugin_starts_no_second() {
    let world = World::in_git();
    let server = |command: &str| format!(r#"{{"command":"{command}"}}"#);
    let (user, near) = (server("user"), server("near"));
    let client = format!(
        r#"{{"mcpServers":{{"both":{user},"mine":{user}}},"projects":{{"{}":{{"mcpServers":{{"here":{near}}},
            "disabledMcpServers":["off","plugin:p:off"],"disabledMcpjsonServers":["noted"]}}}}}}"#,
        world.project().display()
    );
    write(&world.home().join(".claude.json"), client);
    write(
        &world.project().join("../.mcp.json"),
        r#"{"mcpServers":{"both":{"command":"above"},"a.b c":{"command":"x"}}}"#,
    );
    let entries = r#""both":{"command":"p"},"off":{"command":"o"},"no":{"command":"n"},"noted":{"command":"n"},"bad":{"type":"ws"}"#;
    world.write(".mcp.json", &format!(r#"{{"mcpServers":{{{entries},"workspace":{{"command":"w"}}}}}}"#));
    world.write(".claude/settings.local.json", r#"{"disabledMcpjsonServers":["no"],"enabledMcpjsonServers":["both"]}"#);
    let skills = world.home().join(".claude/skills");
    write(&skills.join("p").join(PLUGIN), r#"{"name":"p"}"#);
    let own = r#"{"u":{"command":"user"},"e":{"command":"user","env":{"A":"1"}},"off":{"command":"z"},"r":{"command":"${CLAUDE_PLUGIN_ROOT}/r"}}"#;
    write(&skills.join("p/.mcp.json"), own);
    write(&skills.join("q").join(PLUGIN), r#"{"name":"q"}"#);
    write(
        &skills.join("q/.mcp.json"),
        r#"{"u":{"command":"user","env":{"A":"1"}},"r":{"command":"${CLAUDE_PLUGIN_ROOT}/r"}}"#,
    );
    let loaded = loaded(&world, &world.project(), &["--untrusted"]);
    assert_eq!(names(&loaded, "servers"), "a.b c both here mine off plugin:p:e plugin:p:off plugin:p:r plugin:q:r");
    let item = |name: &str| {
        let servers = loaded["servers"].as_array().expect("a list");
        servers.iter().find(|item| item["name"] == name).cloned().expect("a server")
    };
    assert_eq!((item("both")["scope"].as_str(), item("both")["asks"].as_bool()), (Some("project"), None));
    assert!(item("both")["place"].as_str().expect("a place").ends_with("project/.mcp.json"));
    assert_eq!(
        (item("off")["state"].as_str(), item("plugin:p:off")["state"].as_str()),
        (Some("disabled"), Some("disabled"))
    );
    assert_eq!((item("a.b c")["tools"].as_str(), item("a.b c")["asks"].as_bool()), (Some("mcp__a_b_c__"), Some(true)));
    for (name, reason) in [
        ("both", "nearer"),
        ("no", "rejected"),
        ("noted", "rejected"),
        ("bad", "url"),
        ("workspace", "for itself"),
        ("plugin:p:u", "`mine` starts or reaches the same"),
        ("plugin:q:u", "`plugin:p:e` starts"),
    ] {
        assert!(why(&loaded, name).contains(reason), "{name}: {loaded}");
    }
}

#[test]
fn a_plugin_that_is_hidden_switched_off_or_lacks_another_is_not_listed() {
    let world = World::in_git();
    let (users, projects) = (world.home().join(".claude/skills"), world.project().join(".claude/skills"));
    for (skills, folder, manifest) in [
        (&users, "a", r#"{"name":"twin"}"#),
        (&users, "b", r#"{"name":"twin"}"#),
        (&users, "market", r#"{"name":"market"}"#),
        (&users, "off", r#"{"name":"off"}"#),
        (&users, "on", r#"{"name":"on","defaultEnabled":false}"#),
        (&users, "empty", r#"{"name":"empty"}"#),
        (&users, "sleeps", r#"{"name":"sleeps","defaultEnabled":false}"#),
        (&projects, "c", r#"{"name":"twin"}"#),
        (&projects, "needs", r#"{"name":"needs","dependencies":["needy"]}"#),
        (&projects, "needy", r#"{"name":"needy","dependencies":["absent"]}"#),
        (&projects, "content", r#"{"name":"content","dependencies":["on","market"]}"#),
        (&projects, "broken", r#"{"name":"two words"}"#),
    ] {
        write(&skills.join(folder).join(PLUGIN), manifest);
        if folder != "empty" {
            write(&skills.join(folder).join("commands/go.md"), "go\n");
        }
    }
    write(&world.home().join(".claude/settings.json"), r#"{"enabledPlugins":{"off@skills-dir":true,"market@m":true}}"#);
    world.write(".claude/settings.json", r#"{"enabledPlugins":{"off@skills-dir":false,"on@skills-dir":true}}"#);
    let loaded = loaded(&world, &world.project(), &["--trusted"]);
    assert_eq!(names(&loaded, "plugins"), "content empty on twin");
    assert_eq!(names(&loaded, "commands"), "content:go on:go twin:go");
    for (name, reason) in [
        ("twin", "same name"),
        ("market", "`market@m`"),
        ("off", "disabled"),
        ("sleeps", "disabled"),
        ("needy", "`absent`"),
        ("needs", "`needy`"),
        ("broken", "name"),
    ] {
        assert!(why(&loaded, name).contains(reason), "{name}: {loaded}");
    }
}

#[test]
fn parts_of_a_plugin_have_the_names_that_the_client_gives_them() {
    let world = World::new();
    let skills = world.home().join(".claude/skills");
    let described = |name: &str| format!("---\nname: {name}\ndescription: d\n---\nx\n");
    for (path, text) in [
        ("p/.claude-plugin/plugin.json", r#"{"name":"P"}"#.to_owned()),
        ("p/SKILL.md", described("top")),
        ("p/skills/other/SKILL.md", described("fancy")),
        ("p/skills/silent/SKILL.md", "x\n".to_owned()),
        ("p/commands/c.md", described("renamed")),
        ("p/commands/sub/d.md", "x\n".to_owned()),
        ("p/commands/e/SKILL.md", described("e")),
        ("p/commands/e/beside.md", "x\n".to_owned()),
        ("p/agents/g.md", described("gg")),
        ("p/agents/sub/h.md", described("hh")),
        ("p/agents/plain.md", "x\n".to_owned()),
        (
            "l/.claude-plugin/plugin.json",
            r#"{"name":"L","skills":["./x","./more"],"commands":["./one.md","./dir"],"agents":["./ag/a.md"]}"#
                .to_owned(),
        ),
        ("l/x/SKILL.md", described("own")),
        ("l/more/m/SKILL.md", described("ignored")),
        ("l/skills/s/SKILL.md", described("s")),
        ("l/commands/not.md", "x\n".to_owned()),
        ("l/one.md", "x\n".to_owned()),
        ("l/dir/sub/two.md", "x\n".to_owned()),
        ("l/agents/not.md", described("not")),
        ("l/ag/a.md", described("a")),
        (
            "o/.claude-plugin/plugin.json",
            r#"{"name":"O","commands":{"first":{"source":"./c.md"},"second":{"content":"x"}}}"#.to_owned(),
        ),
        ("o/c.md", "x\n".to_owned()),
    ] {
        write(&skills.join(path), text);
    }
    let loaded = loaded(&world, &world.project(), &[]);
    assert_eq!(names(&loaded, "plugins"), "L O P");
    assert_eq!(names(&loaded, "skills"), "L:m L:own L:s P:e P:other p");
    assert_eq!(names(&loaded, "commands"), "L:one L:sub:two O:first O:second P:c P:silent P:sub:d");
    assert_eq!(names(&loaded, "agents"), "L:a P:gg P:plain P:sub:hh");
}

#[test]
fn files_of_the_client_that_cannot_be_read_are_told() {
    let world = World::in_git();
    world.write(".mcp.json", "{\"mcpServers\":{} // no\n}");
    assert!(why(&loaded(&world, &world.project(), &[]), ".mcp.json").contains("not JSON"));
    write(&world.home().join(".claude.json"), "{");
    world.fails(31, &["list", "--loaded"]);
    world.fails(14, &["list", "--loaded", "--project", "nowhere"]);
    world.fails(2, &["list", "--trusted"]);
}
