//! What real marketplaces have that no specification says: each is installed, or refused with its reason.

use std::os::unix::fs::symlink;

use super::{KIT, with_market};
use crate::support::{Repo, World, git, skill};

/// A marketplace with one plugin `kit` in `kit/`, made of a plugin.json, one command, and more files.
fn with_kit(entry: &str, files: &[(&str, &str)]) -> (World, Repo) {
    let mut all = vec![("kit/.claude-plugin/plugin.json", KIT), ("kit/commands/go.md", "go\n")];
    all.extend_from_slice(files);
    with_market(&format!(r#"{{"name":"kit","source":"./kit"{entry}}}"#), &all)
}

#[test]
fn fields_that_nobody_knows_are_ignored() {
    let world = World::in_git();
    let json = r#"{"$schema":"x","name":"m","owner":{"name":"o","url":"u"},"metadata":{"pluginRoot":"./plugins"},
        "pluginRoot":"./plugins","featured":["kit"],"plugins":[{"name":"kit","source":"./kit","category":"odd","icon":7,
        "tags":["t"],"value_type":null,"relevance":{"x":1},"compatibility":[]}]}"#;
    let files = [
        (".claude-plugin/marketplace.json", json),
        ("kit/.claude-plugin/plugin.json", KIT),
        ("kit/commands/go.md", "go\n"),
    ];
    let market = Repo::new(&world, "m", &files);
    world.ok(&["index", "add", "m", &market.url()]);
    world.ok(&["install", "kit"]);
    // The client ignores `pluginRoot` for what starts with `./`.
    assert_eq!(world.locked("kit")["source"], format!("git+{}?path=kit", market.url()));
}

#[test]
fn versions_that_disagree_are_told_and_plugin_json_is_right() {
    let (world, _market) = with_kit(r#","version":"9.0.0""#, &[]);
    let run = world.ok(&["install", "kit"]);
    assert!(run.stderr.contains("9.0.0") && run.stderr.contains("1.2.0"), "{run}");
    assert_eq!(world.locked("kit")["version"], "1.2.0");
}

#[test]
fn the_name_of_the_entry_is_the_one_to_ask_for() {
    let (world, _market) = with_market(
        r#"{"name":"kit-plugin","source":"./kit"}"#,
        &[("kit/.claude-plugin/plugin.json", KIT), ("kit/commands/go.md", "go\n")],
    );
    let run = world.fails(14, &["install", "kit"]);
    assert!(run.stderr.contains("did you mean `kit-plugin`"), "{run}");
    world.ok(&["install", "kit-plugin"]);
    assert!(!world.locked("kit-plugin").is_null());
}

#[test]
fn one_name_twice_is_told() {
    let files = [("good/SKILL.md", &*skill("good", "x")), ("second/SKILL.md", "second\n")];
    let entries = r#"{"name":"good","source":"./good"},{"name":"good","source":"./second"}"#;
    let (world, _market) = with_market(entries, &files);
    let run = world.ok(&["install", "good"]);
    assert!(run.stderr.contains("more than once"), "{run}");
}

#[test]
fn a_url_source_may_name_a_folder() {
    let world = World::in_git();
    let repo = super::kit(&world, "kit", "deep/kit/");
    let entry = format!(r#"{{"name":"kit","source":{{"source":"url","url":"{}","path":"./deep/kit"}}}}"#, repo.url());
    let market = Repo::marketplace(&world, "market", &entry, &[]);
    world.ok(&["index", "add", "market", &market.url()]);
    world.ok(&["install", "kit"]);
    assert_eq!(world.locked("kit")["source"], format!("git+{}?path=deep/kit", repo.url()));
}

#[test]
fn a_source_that_is_no_folder_is_refused_with_what_it_is() {
    let world = World::in_git();
    let inner = Repo::new(&world, "inner", &[("SKILL.md", &skill("inner", "x"))]);
    let entries = r#"{"name":"file","source":"./commands/x.md"},{"name":"inside","source":"./plugins/inner"},
        {"name":"linked","source":"./linked"},{"name":"nowhere","source":"./plugins/nowhere"},{"name":"good","source":"./good"}"#;
    let market = Repo::marketplace(
        &world,
        "market",
        entries,
        &[("commands/x.md", "x\n"), ("good/SKILL.md", &skill("good", "x"))],
    );
    git(
        market.dir(),
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &inner.url(), "plugins/inner"],
    );
    symlink("good", market.dir().join("linked")).expect("a link");
    git(market.dir(), &["add", "linked"]);
    market.commit(&[]);
    world.ok(&["index", "add", "market", &market.url()]);
    for (name, code, why) in [
        ("file", 14, "not a folder"),
        ("linked", 14, "not a folder"),
        ("nowhere", 14, "no folder `plugins/nowhere`"),
        ("inside", 24, "submodule"),
    ] {
        let run = world.fails(code, &["install", name]);
        assert!(run.stderr.contains(why), "{name}: {run}");
    }
    world.ok(&["install", "good"]);
}

#[test]
fn what_the_client_refuses_in_an_entry_is_refused_before_anything_is_fetched() {
    let world = World::in_git();
    let source = r#""source":{"source":"url","url":"http://127.0.0.1:9/gone"}"#;
    let cases = [
        ("author", r#""author":"me""#),
        ("repository", r#""repository":{"url":"https://h/r"}"#),
        ("keywords", r#""keywords":"a b""#),
        ("homepage", r#""homepage":"acme.dev""#),
        ("version", r#""version":1"#),
        ("strict", r#""strict":"no""#),
        ("skills", r#""skills":{"count":3}"#),
        ("commands", r#""commands":[{"name":"x"}]"#),
        ("agents", r#""agents":["./agents"]"#),
        ("dependencies", r#""dependencies":{"zod":"latest"}"#),
    ];
    let entries: Vec<String> =
        cases.iter().map(|(name, field)| format!(r#"{{"name":"{name}",{source},{field}}}"#)).collect();
    let market = Repo::marketplace(&world, "market", &entries.join(","), &[]);
    world.ok(&["index", "add", "market", &market.url()]);
    for (name, _) in cases {
        let run = world.fails(10, &["install", name]);
        assert!(run.stderr.contains(&format!("`{name}`: ")) || run.stderr.contains("its `strict`"), "{run}");
    }
}

#[test]
fn sources_that_look_like_addresses_disable_their_entry_only() {
    let sources = [
        r#""git+https://github.com/o/r""#,
        r#""github:o/r/path""#,
        r#""o/r""#,
        r#""plugins/x""#,
        r#""../x""#,
        r#""""#,
        r#"null"#,
        r#"["./x"]"#,
        r#"{"source":"pip","package":"x"}"#,
        r#"{"source":"git","url":"https://h/r"}"#,
        r#"{"source":"archive","url":"https://h/x.zip"}"#,
        r#"{"source":"directory","path":"/etc"}"#,
        r#"{"source":"github","repo":"https://evil.dev/x"}"#,
        r#"{"source":"github","repo":"o"}"#,
        r#"{"source":"url","url":"https://h/r","sha":"3F2C3F2C3F2C3F2C3F2C3F2C3F2C3F2C3F2C3F2C"}"#,
    ];
    let entries = sources.iter().enumerate().map(|(at, source)| format!(r#"{{"name":"p{at}","source":{source}}}"#));
    let entries = entries.chain([r#"{"name":"good","source":"./good/"}"#.to_owned()]).collect::<Vec<_>>();
    let (world, _market) = with_market(&entries.join(","), &[("good/SKILL.md", &skill("good", "x"))]);
    for (at, source) in sources.iter().enumerate() {
        let run = world.fails(10, &["install", &format!("p{at}")]);
        assert!(run.stderr.contains(&format!("`p{at}` cannot be installed")), "{source}: {run}");
    }
    world.ok(&["install", "good"]);
}

#[test]
fn manifests_of_other_tools_and_copies_in_the_tree_are_not_taken_for_plugins() {
    let other = r#"{"name":"other","version":"9.9.9","author":"somebody"}"#;
    let (world, _market) = with_kit(
        "",
        &[
            ("kit/.cursor-plugin/plugin.json", other),
            ("kit/.codex-plugin/plugin.json", "{"),
            ("kit/plugin.json", "no JSON"),
            ("backups/kit/.claude-plugin/plugin.json", other),
            (".agents/marketplace.json", "{"),
            ("nested/.claude-plugin/marketplace.json", "{"),
        ],
    );
    world.ok(&["install", "kit"]);
    assert_eq!(world.locked("kit")["version"], "1.2.0");
    assert!(world.has(".claude/skills/kit/.codex-plugin/plugin.json"));
    world.fails(14, &["install", "other"]);
}

#[test]
fn only_a_marketplace_at_the_top_of_a_repository_is_one() {
    let world = World::in_git();
    let json = r#"{"name":"m","owner":{"name":"o"},"plugins":[]}"#;
    let repo = Repo::new(&world, "m", &[("cli/.claude-plugin/marketplace.json", json), ("marketplace.json", json)]);
    let run = world.fails(10, &["index", "add", "m", &repo.url()]);
    assert!(run.stderr.contains("not an index"), "{run}");
}

#[test]
fn a_mark_at_the_beginning_of_the_file_is_refused_as_the_client_does() {
    let world = World::in_git();
    let json = "\u{feff}{\"name\":\"m\",\"owner\":{\"name\":\"o\"},\"plugins\":[]}";
    let repo = Repo::new(&world, "m", &[(".claude-plugin/marketplace.json", json)]);
    world.fails(10, &["index", "add", "m", &repo.url()]);
}

#[test]
fn line_ends_of_windows_mean_the_same() {
    let world = World::in_git();
    let json = "{\r\n\"name\":\"m\",\r\n\"owner\":{\"name\":\"o\"},\r\n\"plugins\":[{\"name\":\"kit\",\"source\":\"./kit\"}]\r\n}\r\n";
    let plugin = "{\r\n\"name\":\"kit\",\r\n\"version\":\"1.2.0\"\r\n}\r\n";
    let files = [
        (".claude-plugin/marketplace.json", json),
        ("kit/.claude-plugin/plugin.json", plugin),
        ("kit/commands/go.md", "a\r\n"),
    ];
    let market = Repo::new(&world, "m", &files);
    world.ok(&["index", "add", "m", &market.url()]);
    world.ok(&["install", "kit"]);
    assert_eq!(
        (world.read(super::COMMAND), world.locked("kit")["version"].clone()),
        ("a\r\n".to_owned(), "1.2.0".into())
    );
}

#[test]
fn a_plugin_inside_a_plugin_comes_along_and_its_skills_are_not_the_outer_ones() {
    let inner = skill("inner", "x");
    let (world, _market) = with_kit(
        "",
        &[
            ("kit/plugins/deep/.claude-plugin/plugin.json", r#"{"name":"deep"}"#),
            ("kit/plugins/deep/skills/inner/SKILL.md", &inner),
        ],
    );
    let run = world.ok(&["install", "kit"]);
    assert!(world.has(".claude/skills/kit/plugins/deep/skills/inner/SKILL.md") && !world.has(".claude/skills/inner"));
    assert!(!run.stdout.contains("inner"), "{run}");
}

#[test]
fn hooks_that_are_a_list_are_refused_before_anything_is_written() {
    let (world, _market) = with_kit("", &[("kit/hooks/hooks.json", "[]")]);
    let run = world.fails(10, &["install", "kit"]);
    assert!(run.stderr.contains("hooks/hooks.json"), "{run}");
}

#[test]
fn hooks_with_a_mistake_are_refused_and_an_unknown_event_is_told() {
    let mistaken = r#"{"hooks":{"Stop":[{"hooks":[{"type":"prompt"}]}]}}"#;
    let (world, market) = with_kit("", &[("kit/hooks/hooks.json", mistaken)]);
    let run = world.fails(10, &["install", "kit"]);
    assert!(run.stderr.contains("hooks.Stop.0.hooks.0.prompt"), "{run}");
    market.commit(&[("kit/hooks/hooks.json", r#"{"hooks":{"NewEvent":[]}}"#)]);
    let run = world.ok(&["install", "kit"]);
    assert!(run.stdout.contains("`NewEvent`"), "{run}");
}

#[test]
fn servers_are_read_in_both_shapes_and_a_bad_one_is_left_out() {
    let flat = r#"{"files":{"command":"files-server"},"google calendar":{"type":"http","url":"https://h.dev/mcp"},"blank":{"type":"http","url":""}}"#;
    let wrapped = format!(r#"{{"mcpServers":{flat}}}"#);
    for json in [flat, &wrapped] {
        let (world, _market) = with_market(
            r#"{"name":"kit","source":"./kit"}"#,
            &[("kit/.claude-plugin/plugin.json", KIT), ("kit/.mcp.json", json)],
        );
        let run = world.ok(&["install", "kit"]);
        assert!(run.stdout.contains("files-server"), "{run}");
        for left_out in ["google calendar", "blank"] {
            assert!(run.stdout.contains(&format!("`{left_out}` is left out")), "{run}");
        }
    }
    let (world, _market) = with_kit("", &[("kit/.mcp.json", r#"{"mcpServers":{},}"#)]);
    world.fails(10, &["install", "kit"]);
}

#[test]
fn skills_are_known_by_their_folder_whatever_their_frontmatter_says() {
    let files = [
        ("kit/skills/spaced/SKILL.md", "---\nname: Has Spaces\ndescription: d\n---\n"),
        ("kit/skills/slashed/SKILL.md", "---\nname: ../../up\ndescription: d\n---\n"),
        ("kit/skills/truth/SKILL.md", "---\nname: yes\ndescription: d\n---\n"),
        ("kit/skills/missing/SKILL.md", "---\ndescription: d\n---\n"),
        ("kit/skills/broken/SKILL.md", "---\nname: broken\ndescription: Use: when: this\n---\n"),
        ("kit/skills/bare/SKILL.md", "no frontmatter\n"),
    ];
    let (world, _market) = with_market(r#"{"name":"kit","source":"./kit"}"#, &files);
    world.ok(&["install", "kit"]);
    for (path, text) in files {
        let folder = path.trim_start_matches("kit/skills/");
        assert_eq!(world.read(&format!(".claude/skills/{folder}")), text);
    }
    world.ok(&["verify"]);
}

#[test]
fn a_skill_file_that_is_not_called_exactly_so_is_no_skill() {
    let (world, _market) = with_market(
        r#"{"name":"kit","source":"./kit"}"#,
        &[("kit/skills/low/skill.md", &skill("low", "x")), ("kit/skills/high/SKILL.MD", &skill("high", "x"))],
    );
    let run = world.fails(10, &["install", "kit"]);
    assert!(run.stderr.contains("skills/low/skill.md") && run.stderr.contains("SKILL.md"), "{run}");
}

#[test]
fn a_plugin_with_a_link_to_elsewhere_in_the_marketplace_is_refused() {
    let (world, market) = with_kit("", &[(".agents/skills/x/SKILL.md", &skill("x", "x")), ("kit/skills/.keep", "")]);
    symlink("../../.agents/skills/x", market.dir().join("kit/skills/x")).expect("a link");
    git(market.dir(), &["add", "kit/skills/x"]);
    market.commit(&[]);
    let run = world.fails(24, &["install", "kit"]);
    assert!(run.stderr.contains("skills/x"), "{run}");
}
