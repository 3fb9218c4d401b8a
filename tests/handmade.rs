//! Locks, manifests and package metadata that somebody wrote by hand, with bad intent or without care: rows L01–L40 of
//! `docs/hostile-inputs.md`.

use crate::locking::{locked, with_kit};
use crate::support::{Index, Repo, World, skill};

/// Refused with this code and these words, and not too many.
fn refused(world: &World, code: i32, words: &str) {
    for args in [&["install"][..], &["install", "--frozen"]] {
        let run = world.fails(code, args);
        assert!(run.stderr.contains(words) && run.stderr.len() < 10_000, "{words:?} {args:?}\n{run}");
    }
}

#[test]
fn a_lock_of_any_size_and_depth_is_refused_soon() {
    let (world, _repo) = with_kit();
    let lock = world.read("cpm.lock");
    for (text, words) in [
        ("# ".repeat(32 << 20), "more than"),
        (format!("{lock}\nx = {}{}\n", "[".repeat(100_000), "]".repeat(100_000)), "not valid"),
        (format!("version = 1\n{}", "[[package]]\n".repeat(1_000_000)), "not valid"),
        (format!("{lock}surfaces = \"{}\"\n", "x".repeat(1 << 19)), "surfaces"),
        (format!("{lock}surfaces = \"{}\"\n", "x".repeat(10 << 20)), "not valid"),
    ] {
        world.write("cpm.lock", &text);
        refused(&world, 11, words);
    }
}

#[test]
fn numbers_that_are_none_are_no_version_of_a_lock() {
    let (world, _repo) = with_kit();
    let lock = world.read("cpm.lock");
    for number in ["18446744073709551616", "-1", "0", "1e400", "nan", "1.0", "true", "[1]"] {
        world.write("cpm.lock", &lock.replace("version = 1\n", &format!("version = {number}\n")));
        refused(&world, 11, "cpm.lock");
    }
    world.write("cpm.lock", &lock.replace("version = \"0.0.0", "version = 0 # \""));
    refused(&world, 11, "line 6");
}

#[test]
fn a_lock_cannot_name_what_leads_elsewhere() {
    let (world, repo) = with_kit();
    let lock = world.read("cpm.lock");
    let names = ["../x", "/etc/x", "C:\\\\x", "~", "a//b", ".", "", "p\u{430}ckage", "ＫＩＴ", "Kit", &"x".repeat(65)];
    for name in names {
        world.write("cpm.lock", &lock.replace("name = \"kit\"", &format!("name = \"{name}\"")));
        refused(&world, 11, "cpm.lock");
    }
    let source = format!("git+{}", repo.url());
    let elsewhere = [
        format!("git+{}?path=../x", repo.url()),
        format!("git+{}?path=.git/hooks", repo.url()),
        format!("git+{}?path=-rf", repo.url()),
        format!("git+{}?tag=--upload-pack=x", repo.url()),
        "git+ext::sh -c x".to_owned(),
        "git+--upload-pack=x".to_owned(),
        "git+ssh://-oProxyCommand=x/y".to_owned(),
        "builtin+../x".to_owned(),
    ];
    for other in elsewhere {
        world.write("cpm.lock", &lock.replace(&format!("\"{source}\""), &format!("\"{other}\"")));
        refused(&world, 11, "cpm.lock");
    }
    world.write("cpm.lock", &lock.replace(&repo.head(), "--output=x"));
    refused(&world, 11, "cpm.lock");
}

#[test]
fn checksums_of_another_scheme_or_spelling_are_refused() {
    let (world, _repo) = with_kit();
    let lock = world.read("cpm.lock");
    let hex = locked(&world, "kit", "checksum").replace("t1:", "");
    for other in ["t9:", "", "sha256:"] {
        world.write("cpm.lock", &lock.replace("\"t1:", &format!("\"{other}")));
        refused(&world, 11, "t1:");
    }
    for other in [hex.to_uppercase(), hex[1..].to_owned(), format!("{hex}0"), hex.replace(&hex[..1], "g")] {
        world.write("cpm.lock", &lock.replace(&hex, &other));
        refused(&world, 11, "hex");
    }
}

#[test]
fn commit_and_checksum_must_both_be_right() {
    let (world, repo) = with_kit();
    let first = repo.head();
    let second = repo.commit(&[("SKILL.md", &skill("kit", "two"))]);
    let lock = world.read("cpm.lock");
    world.write("cpm.lock", &lock.replace(&first, &second));
    world.check_out_anew();
    world.empty_cache();
    for args in [&["install"][..], &["install", "--locked"]] {
        let run = world.fails(20, args);
        assert!(run.stderr.contains(&locked(&world, "kit", "checksum")), "{run}");
    }
}

#[test]
fn a_manifest_beyond_reason_is_refused_soon() {
    let world = World::in_git();
    for text in [
        format!("[dependencies]\nkit = \"{}\"\n", "1".repeat(10 << 20)),
        format!("[dependencies]\nkit = {}\n", "1".repeat(1 << 19)),
        format!("[dependencies]\nkit = {}{}\n", "[".repeat(100_000), "]".repeat(100_000)),
        format!("[dependencies]\n{}", (0..2).map(|_| "kit = \"1\"\n").collect::<String>()),
        "[dependencies]\nkit = { vresion = \"1\" }\n".to_owned(),
        "[dependencies]\nkit = 1\n".to_owned(),
    ] {
        world.write("cpm.toml", &text);
        let run = world.fails(10, &["install"]);
        assert!(run.stderr.contains("cpm.toml") && run.stderr.len() < 10_000, "{} bytes", run.stderr.len());
    }
}

#[test]
fn names_that_look_like_others_are_refused_with_what_is_wrong() {
    let world = World::in_git();
    for (name, words) in
        [("p\u{430}ckage", "U+0430"), ("ｋｉｔ", "U+FF4B"), ("Acme", "`A"), (&*"x".repeat(65), "64"), ("a/b", "a/b")]
    {
        world.write("cpm.toml", &format!("[dependencies]\n\"{name}\" = \"1\"\n"));
        let run = world.fails(10, &["install"]);
        assert!(run.stderr.contains(words), "{words}\n{run}");
    }
    world.write("cpm.toml", "[dependencies]\nkit = \"1\"\nother = { package = \"kit\" }\n");
    let run = world.fails(10, &["install"]);
    assert!(run.stderr.contains("`kit`") && run.stderr.contains("`other`"), "{run}");
}

#[test]
fn versions_have_one_meaning_or_none() {
    let world = World::in_git();
    for bad in ["v1.2.3", "01.2.3", "1.2.3.4", "99999999999999999999.0.0", "latest", "1.2.3 || 2"] {
        world.write("cpm.toml", &format!("[dependencies]\ngithub-tools = \"{bad}\"\n"));
        let run = world.fails(10, &["install"]);
        assert!(run.stderr.contains("version requirement"), "{bad}: {run}");
    }
    world.write("cpm.toml", "");
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0+a", &[]);
    index.release("kit", "1.0.0+b", &[]);
    world.ok(&["install", "kit@1.0"]);
    assert_eq!(locked(&world, "kit", "version"), "1.0.0+b");
}

#[test]
fn what_somebody_wrote_is_repeated_in_short() {
    let world = World::in_git();
    let long = "x".repeat(5000);
    for text in [
        format!("kit = \"{long}\""),
        format!("{long} = \"1\""),
        format!("kit = {{ git = \"https://h.dev/k\", rev = \"{long}\" }}"),
        format!("kit = {{ git = \"https://h.dev/k\", branch = \"-{long}\" }}"),
        format!("kit = {{ version = \"1\", index = \"-{long}\" }}"),
    ] {
        world.write("cpm.toml", &format!("[dependencies]\n{text}\n"));
        let run = world.fails(10, &["install"]);
        assert!(run.stderr.contains("xxxx") && run.stderr.len() < 800, "{run}");
    }
    let run = world.cpm(&["install", &format!("kit@{long}")]);
    assert!(run.code != 0 && run.stderr.contains("xxxx") && run.stderr.len() < 800, "{run}");
}

#[test]
fn where_only_pre_releases_are_left_they_are_named() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "2.0.0-rc.1", &[]);
    let run = world.fails(12, &["install", "kit@2"]);
    assert!(run.stderr.contains("2.0.0-rc.1"), "{run}");
    world.ok(&["install", "kit@2.0.0-rc.1"]);
}

#[test]
fn packages_that_need_each_other_or_themselves_install() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("own", "1.0.0", &[("own", "1")]);
    index.release("ring-a", "1.0.0", &[("ring-b", "1")]);
    index.release("ring-b", "1.0.0", &[("ring-a", "1")]);
    world.ok(&["install", "own", "ring-a"]);
    world.ok(&["install", "--frozen"]);
    assert!(world.has(".claude/skills/own") && world.has(".claude/skills/ring-b"));
    world.ok(&["remove", "own", "ring-a"]);
    assert!(!world.has(".claude/skills/ring-b"));
}

/// A plugin with one file of its own.
fn plugin(world: &World, at: usize, path: &str, text: &str) -> Repo {
    let mut files = vec![
        (".claude-plugin/plugin.json", r#"{"name":"kit"}"#),
        ("skills/a/SKILL.md", "---\nname: a\ndescription: Does a.\n---\n"),
    ];
    files.retain(|(other, _)| *other != path);
    files.push((path, text));
    Repo::new(world, &format!("kit{at}"), &files)
}

#[test]
fn metadata_that_two_readers_could_take_differently_is_refused_with_its_file() {
    let world = World::in_git();
    for (at, (path, text)) in [
        (".claude-plugin/plugin.json", "{\"name\":"),
        (".claude-plugin/plugin.json", "[]"),
        (".claude-plugin/plugin.json", r#"{"name":1}"#),
        (".claude-plugin/plugin.json", r#"{"name":"kit","name":"other"}"#),
        ("hooks/hooks.json", r#"{"hooks":{},"hooks":{"Stop":[]}}"#),
        (".mcp.json", r#"{"mcpServers":{"a":{"command":"x","command":"y"}}}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let repo = plugin(&world, at, path, text);
        let run = world.fails(10, &["install", "kit", "--git", &repo.url()]);
        assert!(run.stderr.contains(path), "{path}\n{run}");
        // Together with what could be installed, nothing is.
        world.fails(10, &["install", "safe-git", "--git", &repo.url()]);
        assert!(!world.has(".claude") && !world.has("cpm.lock"));
    }
}

#[test]
fn a_plugin_that_points_out_of_itself_is_refused() {
    let world = World::in_git();
    for (at, field) in [
        r#""skills":"../../x""#,
        r#""skills":["./skills","/etc"]"#,
        r#""hooks":"/etc/passwd""#,
        r#""mcpServers":"./a/../../b""#,
        r#""commands":"../x""#,
        r#""agents":["../x.md"]"#,
    ]
    .into_iter()
    .enumerate()
    {
        let repo = plugin(&world, at, ".claude-plugin/plugin.json", &format!(r#"{{"name":"kit",{field}}}"#));
        let run = world.cpm(&["install", "kit", "--git", &repo.url()]);
        assert!(matches!(run.code, 10 | 24), "{field}\n{run}");
        assert!(!world.has(".claude") && !world.has("cpm.lock"), "{field}");
    }
}
