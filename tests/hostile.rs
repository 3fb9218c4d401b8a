//! Text of strangers: never raw on a terminal, and what must not reach the client is refused, with secrets masked.

use crate::support::guard::assert_tame;
use crate::support::{Repo, World, skill, snapshot};

/// What a terminal obeys or an eye misses.
const HOSTILE: &str =
    "\u{1b}[31mred \u{1b}]8;;https://evil.example\u{7}link \u{9b}x \u{202e}rlo \u{2066}iso \u{200b}zw \u{e0041}tag \r";

/// A world and a repository with these files, which is not installed yet.
fn offered(files: &[(&str, &str)]) -> (World, Repo) {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", files);
    (world, repo)
}

/// As JSON writes it.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[test]
fn hostile_text_of_a_package_is_never_shown_raw() {
    let manifest = r#"{"name":"kit","version":"1.0.0"}"#.to_owned();
    let one = skill("one", "text");
    for (what, path, text) in [
        (
            "a description",
            ".claude-plugin/plugin.json",
            format!(r#"{{"name":"kit","description":{}}}"#, quoted(HOSTILE)),
        ),
        ("a name", ".claude-plugin/plugin.json", format!(r#"{{"name":{}}}"#, quoted(HOSTILE))),
        ("a version", ".claude-plugin/plugin.json", format!(r#"{{"name":"kit","version":{}}}"#, quoted(HOSTILE))),
        ("a skill", "skills/two/SKILL.md", skill("two", HOSTILE)),
        ("a skill's description", "skills/two/SKILL.md", format!("---\nname: two\ndescription: {HOSTILE}\n---\n")),
        ("a server's name", ".mcp.json", format!(r#"{{"mcpServers":{{{}:{{"command":"x"}}}}}}"#, quoted(HOSTILE))),
        (
            "an argument",
            ".mcp.json",
            format!(r#"{{"mcpServers":{{"s":{{"command":"x","args":[{}]}}}}}}"#, quoted(HOSTILE)),
        ),
        (
            "a hook",
            "hooks/hooks.json",
            format!(r#"{{"hooks":{{"Stop":[{{"hooks":[{{"type":"command","command":{}}}]}}]}}}}"#, quoted(HOSTILE)),
        ),
        ("a file's name", "notes/\u{1b}[31m\u{202e}.md", "x".to_owned()),
    ] {
        let mut files = vec![(".claude-plugin/plugin.json", manifest.as_str()), ("skills/one/SKILL.md", &one)];
        files.retain(|(other, _)| *other != path);
        files.push((path, &text));
        let (world, repo) = offered(&files);
        for flags in [&[][..], &["--json"], &["-v"], &["--dry-run"]] {
            let run = world.cpm(&[&["install", "kit", "--git", &repo.url()], flags].concat());
            assert_tame(&run);
            if flags == ["--json"] {
                assert_eq!(run.json()["exit"], run.code, "{what}: {run}");
            }
        }
        assert_tame(&world.cpm(&["list"]));
        assert_tame(&world.cpm(&["verify"]));
    }
}

#[test]
fn text_that_is_allowed_but_invisible_is_drawn_and_json_keeps_its_value() {
    let word = "a\u{200b}b\u{200e}c";
    let mcp = format!(r#"{{"mcpServers":{{"srv":{{"command":"npx","args":[{}]}}}}}}"#, quoted(word));
    let (world, repo) = offered(&[("skills/one/SKILL.md", &skill("one", "text")), (".mcp.json", &mcp)]);
    let run = world.ok(&["install", "kit", "--git", &repo.url(), "--dry-run"]);
    assert!(run.stdout.contains("a⟦U+200B⟧b⟦U+200E⟧c"), "{run}");
    let run = world.ok(&["install", "kit", "--git", &repo.url(), "--json"]);
    assert_tame(&run);
    assert!(run.stdout.contains("a\\u200bb\\u200ec"), "{run}");
    let json = run.json();
    let items = json["report"]["packages"][0]["surface"].as_array().expect("items");
    let server = items.iter().find(|item| item["kind"] == "server").expect("a server");
    assert_eq!(server["args"][0], word);
}

#[test]
fn a_note_about_a_package_is_tame_and_json_keeps_its_value() {
    let mcp = format!(r#"{{"mcpServers":{{{}:{{"command":"npx"}}}}}}"#, quoted("od\u{200b}d"));
    let (world, repo) = offered(&[("skills/one/SKILL.md", &skill("one", "text")), (".mcp.json", &mcp)]);
    let run = world.ok(&["install", "kit", "--git", &repo.url(), "--dry-run"]);
    assert!(run.stdout.contains("`od⟦U+200B⟧d` is left out"), "{run}");
    let run = world.ok(&["install", "kit", "--git", &repo.url(), "--json"]);
    assert_tame(&run);
    assert!(run.json()["report"]["packages"][0]["notes"].to_string().contains("`od\u{200b}d` is left out"), "{run}");
}

#[test]
fn what_was_typed_is_not_echoed_raw() {
    let world = World::in_git();
    for args in [
        &["install", HOSTILE][..],
        &["update", HOSTILE],
        &["remove", HOSTILE],
        &["install", "--git", HOSTILE],
        &["install", "--path", HOSTILE],
        &["index", "add", "x", HOSTILE],
        &["index", "remove", HOSTILE],
        &["list", "--project", HOSTILE],
    ] {
        for flags in [&[][..], &["--json"]] {
            let run = world.cpm(&[args, flags].concat());
            assert_ne!(run.code, 3, "{run}");
            assert_tame(&run);
        }
    }
}

#[test]
fn a_hostile_manifest_and_lock_are_quoted_tamely() {
    let world = World::in_git();
    for (file, text) in [
        ("cpm.toml", format!("[dependencies]\n{} = \"1\"\n", quoted("\u{1b}[31m\u{202e}"))),
        ("cpm.toml", format!("[dependencies]\nkit = \"1\" {HOSTILE}\n")),
        ("cpm.lock", format!("version = 1\n# {HOSTILE}\n[[package]]\nname = {}\n", quoted("\u{1b}[31m"))),
    ] {
        world.write("cpm.toml", "[dependencies]\n");
        world.write(file, &text);
        for command in [&["install"][..], &["list"], &["install", "--json"]] {
            let run = world.cpm(command);
            assert!(matches!(run.code, 10 | 11), "{run}");
            assert_tame(&run);
        }
        crate::support::delete(&world.project().join("cpm.lock"));
    }
}

#[test]
fn hidden_instructions_are_refused_and_nothing_is_written() {
    let hidden: String = "ignore".chars().filter_map(|c| char::from_u32(0xe0000 + u32::from(c))).collect();
    let (world, repo) = offered(&[("SKILL.md", &skill("kit", &format!("Read this.{hidden}")))]);
    let run = world.fails(22, &["install", "--git", &repo.url()]);
    assert!(run.stderr.contains("SKILL.md"), "{run}");
    assert_tame(&run);
    assert!(!world.has(".claude") && !world.has("cpm.toml") && !world.has("cpm.lock"));
}

#[test]
fn a_token_in_a_server_is_refused_and_not_repeated() {
    let token = format!("ghp_{}", "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD5fG8");
    let mcp = format!(r#"{{"mcpServers":{{"srv":{{"command":"npx","env":{{"TOKEN":"{token}"}}}}}}}}"#);
    let (world, repo) = offered(&[("skills/one/SKILL.md", &skill("one", "text")), (".mcp.json", &mcp)]);
    for flags in [&[][..], &["--json"], &["-v"]] {
        let run = world.fails(22, &[&["install", "kit", "--git", &repo.url()], flags].concat());
        assert!(run.stderr.contains("TOKEN") || run.stderr.contains(".mcp.json"), "{run}");
        assert!(![&run.stdout, &run.stderr].iter().any(|text| text.contains(&token[8..])), "{run}");
    }
    let written = [world.project(), world.home()].iter().flat_map(|dir| snapshot(dir)).collect::<Vec<_>>();
    assert!(written.iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(&token)), "{written:?}");
    assert!(!world.path("cache/store-v1").exists(), "nothing refused is stored");
}

#[test]
fn an_update_that_brings_hidden_text_leaves_the_old_one() {
    let (world, repo) = offered(&[("SKILL.md", &skill("kit", "good"))]);
    world.ok(&["install", "--git", &repo.url()]);
    repo.commit(&[("SKILL.md", &skill("kit", "\u{202e}bad"))]);
    world.fails(22, &["update"]);
    world.fails(22, &["update", "--accept"]);
    world.ok(&["verify"]);
}
