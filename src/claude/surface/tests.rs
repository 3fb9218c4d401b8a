use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::package::{Shape, Skill};
use crate::model::tree::TreeFile;

fn tree(files: &[(&str, bool, &str)]) -> Tree {
    let parsed = files.iter().map(|(path, executable, text)| {
        TreeFile::parse(path, *executable, text.as_bytes().to_vec()).expect("a valid path")
    });
    Tree::new(parsed).expect("a valid tree")
}

fn path(text: &str) -> RelPath {
    RelPath::parse(text).expect("a valid path")
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn server(transport: Transport, json: &Value) -> ServerEntry {
    ServerEntry { transport, json: object(json) }
}

fn skill(dir: &str) -> Skill {
    Skill { name: Err(String::new()), dir: Some(path(dir)), description: None }
}

fn of_hooks(hooks: &Value) -> Surface {
    let package = Package { hooks: vec![object(hooks)], ..Package::default() };
    surface(&package, &tree(&[("README.md", false, "")]))
}

fn items(surface: &Surface) -> Vec<Value> {
    surface.items().map(|item| serde_json::to_value(item).expect("JSON")).collect()
}

#[test]
fn a_hook_is_an_item_a_handler() {
    let found = of_hooks(&json!({
        "PreToolUse": [
            {"matcher": "Bash", "hooks": [{"type": "command", "command": "a"}, {"command": "b", "type": "command"}]},
            {"hooks": [{"type": "http", "url": "https://u:p@Hook.Example.:8443/x?y", "headers": {"A": "${TOKEN}"}}]},
            {"matcher": "", "hooks": []},
        ],
        "Stop": [],
    }));
    let http = r#"{"headers":{"A":"${TOKEN}"},"type":"http","url":"https://u:p@Hook.Example.:8443/x?y"}"#;
    assert_eq!(
        items(&found),
        [
            json!({"kind": "hook", "event": "PreToolUse", "matcher": "", "action": http}),
            json!({"kind": "hook", "event": "PreToolUse", "matcher": "Bash",
                "action": r#"{"command":"a","type":"command"}"#}),
            json!({"kind": "hook", "event": "PreToolUse", "matcher": "Bash",
                "action": r#"{"command":"b","type":"command"}"#}),
            json!({"kind": "env", "name": "TOKEN"}),
            json!({"kind": "host", "name": "hook.example"}),
        ]
    );
}

#[test]
fn odd_hooks_are_kept_whole() {
    for (odd, action) in [
        (json!({"Stop": "make"}), r#""make""#),
        (json!({"Stop": [{"command": "make"}]}), r#"{"command":"make"}"#),
        (json!({"Stop": [{"matcher": 1, "hooks": [1]}]}), r#"{"hooks":[1],"matcher":1}"#),
        (json!({"Stop": [{"if": "x", "hooks": [{"command": "a"}]}]}), r#"{"hooks":[{"command":"a"}],"if":"x"}"#),
    ] {
        let wanted = Item::Hook { event: "Stop".into(), matcher: String::new(), action: action.into() };
        assert_eq!(of_hooks(&odd).items().collect::<Vec<_>>(), [&wanted]);
    }
}

#[test]
fn servers_and_what_they_reach() {
    let mut package = Package::default();
    let stdio =
        Transport::Stdio { command: "npx".into(), args: vec!["remote".into(), "wss://a.example/${PLACE}".into()] };
    let json = json!({"type": "stdio", "command": "npx", "args": ["remote", "wss://a.example/${PLACE}"],
        "env": {"KEY": "${KEY_FROM:-x}", "CLAUDE_PROJECT_DIR": "${CLAUDE_PLUGIN_ROOT}"}, "cwd": "/x"});
    package.servers.insert("one".parse_name(), server(stdio, &json));
    let remote = Transport::Remote { kind: "http", url: "https://[2001:DB8::1]:1/x".into() };
    let json = json!({"type": "http", "url": "https://[2001:DB8::1]:1/x", "headers": {"Authorization": "Bearer ${T}"},
        "headersHelper": "${CLAUDE_PLUGIN_ROOT}/h.txt"});
    package.servers.insert("two".parse_name(), server(remote, &json));
    let found = surface(&package, &tree(&[("h.txt", false, "x"), ("g.txt", false, "x")]));
    assert_eq!(
        items(&found),
        [
            json!({"kind": "server", "name": "one", "transport": "stdio", "command": "npx",
                "args": ["remote", "wss://a.example/${PLACE}"],
                "env": {"KEY": "${KEY_FROM:-x}", "CLAUDE_PROJECT_DIR": "${CLAUDE_PLUGIN_ROOT}"}}),
            json!({"kind": "server", "name": "two", "transport": "http", "url": "https://[2001:DB8::1]:1/x",
                "headers": {"Authorization": "Bearer ${T}"}, "headers-helper": "${CLAUDE_PLUGIN_ROOT}/h.txt"}),
            json!({"kind": "program", "path": "h.txt", "executable": false, "sha256": FileDigest::of(b"x").hex()}),
            json!({"kind": "grant", "path": "mcpServers.one", "key": "cwd", "value": "\"/x\""}),
            json!({"kind": "env", "name": "KEY"}),
            json!({"kind": "env", "name": "KEY_FROM"}),
            json!({"kind": "env", "name": "PLACE"}),
            json!({"kind": "env", "name": "T"}),
            json!({"kind": "host", "name": "2001:db8::1"}),
            json!({"kind": "host", "name": "a.example"}),
        ]
    );
}

trait ParseName {
    fn parse_name(&self) -> crate::model::name::ServerName;
}

impl ParseName for str {
    fn parse_name(&self) -> crate::model::name::ServerName {
        crate::model::name::ServerName::parse(self).expect("a valid name")
    }
}

#[test]
fn programs_are_told_by_mode_place_content_extension_or_name() {
    let files = [
        ("bin/tool", false, "x"),
        ("a.md", true, "x"),
        ("b", false, "#!/bin/sh\n"),
        ("c.txt", false, "\u{7f}ELF"),
        ("d.PY", false, "x"),
        ("e.jar", false, "x"),
        ("f/Makefile", false, "x"),
        ("g.dat", false, "MZ\0\0"),
        ("h.dat", false, "\0asm"),
        // What a hook names, as a path and after a `cd`.
        ("hooks/i.txt", false, "x"),
        ("hooks/j.txt", false, "x"),
    ];
    let prose = [
        ("README.md", false, "MZ is two letters"),
        ("data.json", false, "{}"),
        ("notes.txt", false, "see x.py"),
        ("hooks/k.txt", false, "x"),
        ("prompt.txt", false, "x"),
    ];
    let hooks = json!({"Stop": [{"hooks": [
        {"type": "command", "command": "sh \"${CLAUDE_PLUGIN_ROOT}/hooks/i.txt\"; cd hooks && . ./x; sh j.txt"},
        {"type": "prompt", "prompt": "read prompt.txt"},
    ]}]});
    let package = Package { hooks: vec![object(&hooks)], ..Package::default() };
    let found = surface(&package, &tree(&[&files[..], &prose[..]].concat()));
    let programs = found.items().filter_map(|item| match item {
        Item::Program { path, .. } => Some(path.as_str()),
        _ => None,
    });
    assert_eq!(programs.collect::<Vec<_>>(), {
        let mut paths = files.map(|(path, ..)| path);
        paths.sort_unstable();
        paths
    });
}

/// A plugin with one of everything that is text.
fn plugin(skill_text: &str, command: &str, agent: &str) -> (Package, Tree) {
    let package = Package {
        shape: Shape::Plugin,
        skills: vec![skill("skills/a"), skill("skills/absent")],
        commands: vec![path("commands/b.md")],
        agents: vec![path("agents/c.md")],
        lsp: [("go".to_owned(), json!({"command": "gopls", "env": {"GOFLAGS": "x"}}))].into(),
        monitors: vec![json!({"command": "tail ${LOG}", "name": "m"})],
        settings: Some(object(&json!({"agent": "c", "subagentStatusLine": {"b": 1, "a": 2}}))),
        ..Package::default()
    };
    let files = [
        ("README.md", false, skill_text),
        ("agents/c.md", false, agent),
        ("commands/b.md", false, command),
        ("skills/a/SKILL.md", false, skill_text),
        ("skills/a/references/r.md", false, "!`not run here`"),
    ];
    (package, tree(&files))
}

#[test]
fn powers_in_text_and_settings() {
    let (package, tree) = plugin(
        "---\nname: a\nallowed-tools: Bash(git *)\nhooks:\n  Stop:\n  - hooks:\n    \
         - {type: command, command: '${IN_HOOK}'}\n---\n!`git log`\n",
        "---\nallowed-tools: [Read]\nshell: powershell\ntools: not a key here\n---\n```!\nmake\n```\n",
        "---\nname: c\ntools: '*'\npermissionMode: plan\nmcpServers: [x]\nmodel: m\n---\n",
    );
    let hook = r#"{"Stop":[{"hooks":[{"command":"${IN_HOOK}","type":"command"}]}]}"#;
    let grant = |path: &str, key: &str, value: &str| json!({"kind": "grant", "path": path, "key": key, "value": value});
    assert_eq!(
        items(&surface(&package, &tree)),
        [
            json!({"kind": "lsp", "name": "go", "config": r#"{"command":"gopls","env":{"GOFLAGS":"x"}}"#}),
            json!({"kind": "monitor", "config": r#"{"command":"tail ${LOG}","name":"m"}"#}),
            json!({"kind": "shell-in-text", "path": "commands/b.md", "command": "make"}),
            json!({"kind": "shell-in-text", "path": "skills/a/SKILL.md", "command": "git log"}),
            grant("agents/c.md", "mcpServers", r#"["x"]"#),
            grant("agents/c.md", "permissionMode", r#""plan""#),
            grant("agents/c.md", "tools", r#""*""#),
            grant("commands/b.md", "allowed-tools", r#"["Read"]"#),
            grant("commands/b.md", "shell", r#""powershell""#),
            grant("settings.json", "agent", r#""c""#),
            grant("settings.json", "subagentStatusLine", r#"{"a":2,"b":1}"#),
            grant("skills/a/SKILL.md", "allowed-tools", r#""Bash(git *)""#),
            grant("skills/a/SKILL.md", "hooks", hook),
            json!({"kind": "env", "name": "GOFLAGS"}),
            json!({"kind": "env", "name": "IN_HOOK"}),
            json!({"kind": "env", "name": "LOG"}),
        ]
    );
}

#[test]
fn a_block_that_nobody_can_read_counts_as_a_whole() {
    let digest = |word: &str| {
        let text = format!("---\nname: {word}\n\"allowed\\x2dtools\": Bash\nbad:\n  - [\n---\n");
        let (package, tree) = plugin(&text, "", "");
        surface(&package, &tree).digest()
    };
    assert_ne!(digest("a"), digest("b"));
}

proptest! {
    #[test]
    fn prose_never_changes_the_digest(words in "[a-zA-Z0-9 ,.$#*\n-]{0,80}", line in "[a-z0-9 ,.]{0,40}") {
        let text = |line: &str, words: &str| {
            let fields = format!("name: a\ndescription: x {line}\nallowed-tools: Bash");
            format!("---\n{fields}\n---\n# Title\n{words} ${{HOME}} https://x.example\n")
        };
        let (package, before) = plugin(&text("", ""), &text("", ""), &text("", ""));
        let (_, after) = plugin(&text(&line, &words), &text(&line, &words), &text(&line, &words));
        prop_assert_eq!(surface(&package, &before).digest(), surface(&package, &after).digest());
    }

    #[test]
    fn order_never_changes_the_digest(hooks in hooks(), seed in any::<u64>()) {
        let mut shuffled = hooks.clone();
        shuffle(&mut shuffled, &mut seed.max(1));
        prop_assert_eq!(of_hooks(&shuffled).digest(), of_hooks(&hooks).digest());
    }

    #[test]
    fn every_changed_value_changes_the_digest(hooks in hooks(), which in any::<prop::sample::Index>()) {
        let leaves = count_leaves(&hooks);
        prop_assume!(leaves > 0);
        let mut changed = hooks.clone();
        change_leaf(&mut changed, &mut which.index(leaves));
        prop_assert_ne!(of_hooks(&changed).digest(), of_hooks(&hooks).digest());
    }
}

fn hooks() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        "[a-z ${}:/]{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![Just("type"), Just("command"), Just("url"), Just("env"), Just("timeout"), Just("x")];
    let handler = prop::collection::btree_map(key.prop_map(str::to_owned), scalar.clone(), 1..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()));
    let group = (scalar.clone(), prop::option::of(scalar), prop::collection::vec(handler, 1..3)).prop_map(
        |(matcher, more, handlers)| match more {
            None => json!({"matcher": matcher, "hooks": handlers}),
            Some(more) => json!({"hooks": handlers, "more": more, "matcher": matcher}),
        },
    );
    let event = prop_oneof![Just("Stop"), Just("PreToolUse"), Just("SessionStart")].prop_map(str::to_owned);
    prop::collection::btree_map(event, prop::collection::vec(group, 1..3), 1..3).prop_map(|events| {
        Value::Object(events.into_iter().map(|(event, groups)| (event, Value::Array(groups))).collect())
    })
}

/// Rotates the members of every object.
fn shuffle(value: &mut Value, seed: &mut u64) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| shuffle(item, seed)),
        Value::Object(members) => {
            let mut list: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let turns = usize::try_from(*seed >> 40).expect("24 bits") % list.len().max(1);
            list.rotate_left(turns);
            list.iter_mut().for_each(|(_, member)| shuffle(member, seed));
            members.extend(list);
        }
        _ => {}
    }
}

fn count_leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count_leaves).sum(),
        Value::Object(members) => members.values().map(count_leaves).sum(),
        _ => 1,
    }
}

fn change_leaf(value: &mut Value, index: &mut usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change_leaf(item, index)),
        Value::Object(members) => members.values_mut().for_each(|member| change_leaf(member, index)),
        leaf if *index == 0 => {
            *leaf = Value::from("CHANGED");
            *index = usize::MAX;
        }
        _ => *index -= 1,
    }
}
