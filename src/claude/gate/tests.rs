use serde_json::{Map, json};

use super::*;
use crate::model::name::ServerName;
use crate::model::package::{ServerEntry, Skill, Transport};
use crate::model::tree::TreeFile;

fn path(text: &str) -> RelPath {
    RelPath::parse(text).expect("a valid path")
}

fn tree(files: &[(&str, &[u8])]) -> Tree {
    let parsed = files.iter().map(|(path, bytes)| TreeFile::parse(path, false, bytes.to_vec()).expect("a valid path"));
    Tree::new(parsed).expect("a valid tree")
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// A plugin with a skill, a command and an agent.
fn plugin() -> Package {
    Package {
        skills: vec![Skill { name: Err(String::new()), dir: Some(path("skills/a")), description: None }],
        commands: vec![path("commands/b.md")],
        agents: vec![path("agents/c.md")],
        ..Package::default()
    }
}

fn check_file(path: &str, text: &str) -> Result<Vec<String>> {
    check(&plugin(), &tree(&[(path, text.as_bytes())]))
}

#[track_caller]
fn blocked(result: Result<Vec<String>>) -> Error {
    let error = result.expect_err("must be blocked");
    assert_eq!(error.kind(), Kind::Content, "{error:?}");
    assert!(error.help_text().is_some());
    error
}

#[test]
fn an_ordinary_plugin_passes_without_a_word() {
    let skill = "\u{feff}---\r\nname: a\r\ndescription: Use when: ready \u{1f680}\r\n---\r\n# A\r\n!`git log`\r\n";
    let files = tree(&[
        ("skills/a/SKILL.md", skill.as_bytes()),
        ("skills/a/logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xe2\x80\xae"),
        ("commands/b.md", b"Do it.\n"),
        (
            "hooks/hooks.json",
            br#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "printf '\u001b[1m'"}]}]}}"#,
        ),
        ("scripts/x.py", "print('caf\u{e9}')\n".as_bytes()),
        ("LICENSE", b"MIT\n\x0c\n"),
        (".npmrc", b"registry=https://registry.npmjs.org/\n"),
        ("CLAUDE.md", b"For those who work on this plugin.\n"),
    ]);
    assert!(check(&plugin(), &files).expect("passes").is_empty());
}

#[test]
fn hidden_characters_are_found_in_every_text_file() {
    for file in
        ["skills/a/SKILL.md", "skills/a/r/x.md", "commands/b.md", "README", "x.py", "x.sh", "x.txt", "x.html", "x.json"]
    {
        let error = blocked(check_file(file, "one\ntwo \u{e0041}\u{e0042} three\n"));
        assert_eq!(error.place(), Some(format!("{file}:2").as_str()));
        assert_eq!(
            error.message(),
            format!("`{file}` contains U+E0041, a tag character, which spells text that only a model reads")
        );
        assert_eq!(error.causes(), [format!("{file}:2: `two \\u{{e0041}}\\u{{e0042}} three`, which spells `AB`")]);
    }
}

#[test]
fn control_characters_block_prompts_and_warn_elsewhere() {
    for file in ["skills/a/SKILL.md", "other/SKILL.md", "commands/b.md", "agents/c.md"] {
        blocked(check_file(file, "a\u{1b}[8mb\n"));
    }
    for file in ["skills/a/reference.md", "x.sh", "agents/notes.md"] {
        let warnings = check_file(file, "a\u{1b}[8mb\n").expect("only warns");
        assert_eq!(warnings, [format!("`{file}:1` contains a control character")]);
    }
}

#[test]
fn one_bad_byte_does_not_switch_the_gate_off() {
    for file in ["skills/a/SKILL.md", "README.md", ".claude-plugin/plugin.json", "hooks/hooks.json", ".mcp.json"] {
        for (bytes, at) in [(&b"\xe2\x80\x8b\xffx"[..], 3), (b"\xff\xfes\0k\0", 0), (b"s\0k\0i\0", 1)] {
            let error = blocked(check(&plugin(), &tree(&[(file, bytes)])));
            assert_eq!(error.causes(), [format!("byte {at} is not part of UTF-8 text")]);
        }
    }
    let warnings = check(&plugin(), &tree(&[("x.py", b"# caf\xe9\n")])).expect("only warns");
    assert_eq!(warnings, ["`x.py` is not valid UTF-8"]);
    let mut bytes = "#\u{202e}".as_bytes().to_vec();
    bytes.push(0xff);
    blocked(check(&plugin(), &tree(&[("x.py", &bytes)])));
}

#[test]
fn a_stray_zero_byte_in_prose_is_told_and_one_in_a_prompt_blocks() {
    let drawing = [&b"mychart/\n\x1c\0\0 Chart.yaml\n"[..], &[b'x'; 300]].concat();
    let warnings = check(&plugin(), &tree(&[("skills/a/reference.md", &drawing)])).expect("only warns");
    assert_eq!(warnings, ["`skills/a/reference.md:2` contains a control character"]);
    blocked(check(&plugin(), &tree(&[("skills/a/SKILL.md", &drawing)])));
    let hidden = [&drawing, "\u{e0041}".as_bytes()].concat();
    blocked(check(&plugin(), &tree(&[("skills/a/reference.md", &hidden)])));
}

#[test]
fn escapes_are_decoded_before_they_are_judged() {
    for (file, text) in [
        (".claude-plugin/plugin.json", r#"{"description": "x\udb40\udc41"}"#),
        (".mcp.json", r#"{"mcpServers": {"a\u202e": {}}}"#),
        ("hooks/hooks.json", "\u{feff}{\"hooks\": [\"\\u3164\"]}"),
        ("skills/a/SKILL.md", "---\ndescription: \"x\\U000E0041\"\n---\n"),
        ("commands/b.md", "---\nhooks: {\"\\u202e\": [x]}\n---\n"),
        ("agents/c.md", "---\ntools: \"\\e[8m\"\n---\n"),
    ] {
        let error = blocked(check_file(file, text));
        assert_eq!(error.place(), Some(file));
        assert!(error.message().contains(&format!("in `{file}` contains U+")), "{error}");
    }
    // A name may hold what few path rules know.
    assert!(blocked(check_file("a\u{3164}.txt", "")).message().contains("U+3164"));
    // Values from files with other names.
    let hooks = object(&json!({"Stop": [{"hooks": [{"command": "x\u{e0041}"}]}]}));
    let package = Package { hooks: vec![hooks], ..plugin() };
    assert!(blocked(check(&package, &tree(&[("x", b"")]))).message().contains("in `the hooks`"));
}

#[test]
fn sizes() {
    let long = "x".repeat(MAX_SKILL);
    blocked(check_file("skills/a/SKILL.md", &format!("{long}x")));
    let warnings = check_file("skills/a/SKILL.md", &long).expect("only warns");
    assert_eq!(warnings, ["`skills/a/SKILL.md` has a line too long to read"]);
    let comment = format!("---\n# {}\nallowed-tools: Bash\n", "x".repeat(frontmatter::MAX_BLOCK));
    blocked(check_file("commands/b.md", &comment));
    blocked(check_file("commands/b.md", &(comment + "---\n")));
}

#[test]
fn many_findings_make_one_error() {
    let error = blocked(check_file("x.md", &"\u{202e}\n".repeat(9)));
    assert_eq!(error.causes().len(), MAX_CAUSES + 1);
    assert_eq!(error.causes()[MAX_CAUSES], "and 4 more");
}

#[test]
fn a_skill_must_not_configure_the_client() {
    for inside in
        ["CLAUDE.md", "sub/claude.MD", ".claude/settings.json", "x/.Claude/agents/y.md", ".mcp.json", "CLAUDE.local.md"]
    {
        let in_plugin = format!("skills/a/{inside}");
        blocked(check(&plugin(), &tree(&[(&in_plugin, b"{}")])));
        let skill = Package { shape: Shape::Skill, ..Package::default() };
        blocked(check(&skill, &tree(&[("SKILL.md", b"x"), (inside, b"{}")])));
        assert!(check(&plugin(), &tree(&[(inside, b"{}")])).is_ok(), "{inside}");
    }
}

fn with_server(transport: Transport, json: &Value) -> Result<Vec<String>> {
    let mut package = Package::default();
    package.servers.insert(ServerName::parse("srv").expect("a name"), ServerEntry { transport, json: object(json) });
    check(&package, &tree(&[("README.md", b"x")]))
}

fn with_args(command: &str, args: &[&str]) -> Result<Vec<String>> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let json = json!({"command": command, "args": args});
    with_server(Transport::Stdio { command: command.to_owned(), args }, &json)
}

fn with_url(url: &str) -> Result<Vec<String>> {
    with_server(Transport::Remote { kind: "http", url: url.to_owned() }, &json!({"url": url}))
}

#[test]
fn literal_secrets_block_and_are_never_shown() {
    let token = format!("ghp_{}", "a1B2c3D4e5f6".repeat(3));
    let stdio = || Transport::Stdio { command: "x".to_owned(), args: Vec::new() };
    let handler = |command: String| {
        let hooks = object(&json!({"Stop": [{"hooks": [{"type": "command", "command": command}]}]}));
        check(&Package { hooks: vec![hooks], ..Package::default() }, &tree(&[("x", b"")]))
    };
    for (secret, result) in [
        (token.as_str(), with_server(stdio(), &json!({"env": {"X": token}}))),
        (&token, with_server(stdio(), &json!({"env": {"X": format!("${{Y:-{token}}}")}}))),
        (&token, with_server(stdio(), &json!({"headers": {"X": format!("Bearer {token}")}}))),
        (&token, with_args("x", &[&token])),
        (&token, handler(format!("curl -H 'Authorization: {token}' https://x.example"))),
        ("hunter2", with_server(stdio(), &json!({"env": {"DB_PASSWORD": "hunter2"}}))),
        ("hunter2", with_server(stdio(), &json!({"env": {"DB_PASSWORD": "${P:-hunter2}"}}))),
        ("hunter2", with_server(stdio(), &json!({"headers": {"Authorization": "Bearer hunter2"}}))),
        ("hunter2", with_args("x", &["--api-key", "hunter2"])),
        ("hunter2", with_args("x", &["--api-key=hunter2"])),
        ("hunter2", with_args("docker", &["run", "-e", "API_TOKEN=hunter2", "image"])),
        ("hunter2", with_args("x", &["--header", "Authorization: Bearer hunter2"])),
        ("hunter2", with_url("https://x.example/mcp?a=b&token=hunter2")),
        ("hunter2", with_url("https://x.example/mcp?sig=hunter2#x")),
    ] {
        let error = blocked(result);
        assert!(!format!("{error:?}").contains(secret), "{error:?}");
    }
    for (key, value) in [("API_KEY", "${API_KEY}"), ("REGION", "eu-west-1"), ("TOKEN", "${T:-}")] {
        assert!(with_server(stdio(), &json!({"env": {key: value}})).expect("passes").is_empty());
    }
    for value in ["", "...", "<token>", "YOUR_API_KEY", "changeme"] {
        let warnings = with_server(stdio(), &json!({"env": {"API_KEY": value}})).expect("only warns");
        assert_eq!(warnings, ["MCP server `srv` needs a value for `API_KEY`"]);
    }
    assert!(with_args("x", &["--token", "${TOKEN}", "--auth", "oauth", "--key", "./k.pem", "--pass"]).is_ok());
}

#[test]
fn addresses() {
    for url in [
        "http://x.example/mcp",
        "ws://x.example",
        "HTTP://10.0.0.1/",
        "http://${SUB}.x.example/",
        "${BASE:-http://x.example}/mcp",
        "https://user@x.example/",
        "https://${USER}:${PASS}@x.example/",
        "https://169.254.169.254/latest",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://0251.0376.0251.0376/",
        "https://\u{ff11}69.254.169.254/",
        "https://%31/",
        "https:x.example",
        "https:///x.example",
        "https://\\x.example",
        "https://x.\texample/",
    ] {
        assert_eq!(with_url(url).expect_err(url).kind(), Kind::Policy, "{url}");
    }
    for url in [
        "https://x.example/mcp",
        "wss://x.example:8443/",
        "${BASE_URL}/mcp",
        "http://${HOST}/",
        "https://1.2.3.4/",
        "https://${SUB}.x.example/",
        "",
    ] {
        assert!(with_url(url).expect(url).is_empty(), "{url}");
    }
    for url in [
        "http://localhost:3000/mcp",
        "http://127.0.0.1/",
        "https://[::1]:1/",
        "http://${HOST:-localhost}:1/",
        "http://a.localhost",
    ] {
        assert!(with_url(url).expect(url)[0].starts_with("MCP server `srv` connects to this machine"), "{url}");
    }
    let hooks = object(&json!({"Stop": [{"hooks": [{"type": "http", "url": "http://x.example/"}]}]}));
    let package = Package { hooks: vec![hooks], ..Package::default() };
    assert_eq!(check(&package, &tree(&[("x", b"")])).expect_err("plain http").kind(), Kind::Policy);
}

#[test]
fn runners_without_an_exact_version_warn() {
    for (command, args, package) in [
        ("npx", &["-y", "pkg"][..], "pkg"),
        ("npx", &["@scope/pkg@latest", "serve"], "@scope/pkg@latest"),
        ("npx", &["--yes", "pkg@^1"], "pkg@^1"),
        ("npx", &["-p", "pkg@1", "bin"], "pkg@1"),
        ("cmd", &["/c", "npx", "-y", "pkg"], "pkg"),
        ("C:\\x\\npx.cmd", &["pkg"], "pkg"),
        ("pnpm", &["dlx", "pkg"], "pkg"),
        ("bunx", &["pkg"], "pkg"),
        ("uvx", &["pkg"], "pkg"),
        ("uvx", &["--python", "3.12", "pkg@latest"], "pkg@latest"),
        ("uvx", &["--from", "git+https://x.example/y", "z"], "git+https://x.example/y"),
        ("pipx", &["run", "pkg"], "pkg"),
        ("uv", &["tool", "run", "pkg"], "pkg"),
    ] {
        let warnings = with_args(command, args).expect("only warns");
        assert_eq!(warnings.len(), 1, "{command} {args:?}");
        assert!(warnings[0].contains(&format!("runs `{package}` without")), "{warnings:?}");
    }
    let commit = format!("git+https://x.example/y@{}", "0a".repeat(20));
    for (command, args) in [
        ("npx", &["-y", "pkg@1.2.3"][..]),
        ("npx", &["@scope/pkg@1.2.3-rc.1", "serve"]),
        ("npx", &["./local"]),
        ("uvx", &["pkg==1.2"]),
        ("uvx", &["pkg@1.2.3"]),
        ("uvx", &["--from", &commit, "z"]),
        ("node", &["npx.js", "a", "b", "npx", "pkg"]),
        ("npm", &["start"]),
        ("npx", &[]),
    ] {
        assert!(with_args(command, args).expect("passes").is_empty(), "{command} {args:?}");
    }
}

#[test]
fn forbidden_settings_are_listed() {
    let settings = json!({
        "agent": "a",
        "permissions": {"allow": ["Bash"], "deny": ["Read"]},
        "env": {"ANTHROPIC_BASE_URL": "x", "A": "b"},
        "sandbox": {"enabled": false}, "statusLine": {},
    });
    let package = Package { settings: Some(object(&settings)), ..Package::default() };
    let error = check(&package, &tree(&[("settings.json", b"{}")])).expect_err("forbidden");
    assert_eq!(error.kind(), Kind::Policy);
    assert_eq!(
        error.message(),
        "the package sets `permissions.allow`, `env.ANTHROPIC_BASE_URL`, `sandbox`, `statusLine`, \
         which a package may not"
    );
    let harmless = json!({"agent": "a", "permissions": {"deny": ["Read"]}, "env": {"A": "b"}});
    let package = Package { settings: Some(object(&harmless)), ..Package::default() };
    assert!(check(&package, &tree(&[("settings.json", b"{}")])).is_ok());
}

#[test]
fn warnings_are_few_and_name_the_place() {
    let many: Vec<(String, &[u8])> = (0..4).map(|n| (format!("f{n}.txt"), "a\u{200b}b".as_bytes())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    let warnings = check(&plugin(), &tree(&many)).expect("only warns");
    assert_eq!(warnings, ["`f0.txt:1` contains a zero-width character (and 3 more places)"]);

    for (file, text) in [(".env", "A=b"), (".npmrc", "//x/:_authToken=${T}"), ("k.pem", "-----BEGIN PRIVATE KEY-----")]
    {
        let warnings = check_file(file, text).expect("only warns");
        assert_eq!(warnings, [format!("`{file}` may hold secrets of its author")]);
    }

    let env: Map<String, Value> = (0..20).map(|n| (format!("A{n}_KEY"), json!(""))).collect();
    let stdio = Transport::Stdio { command: "x".to_owned(), args: Vec::new() };
    let warnings = with_server(stdio, &json!({ "env": env })).expect("only warns");
    assert_eq!((warnings.len(), warnings[9].as_str()), (MAX_WARNINGS, "and 11 more warnings"));
}
