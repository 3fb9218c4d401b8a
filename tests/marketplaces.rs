//! Plugins of Claude marketplaces: where their bytes come from, and which version and commit is locked.

pub mod dependencies;
mod entries;
mod manifests;
mod oddities;
mod tags;

use crate::support::{Repo, World, skill};

const KIT: &str = r#"{"name":"kit","version":"1.2.0"}"#;
const COMMAND: &str = ".claude/skills/kit/commands/go.md";

/// A project whose one index `market` has these entries and files.
fn with_market(entries: &str, files: &[(&str, &str)]) -> (World, Repo) {
    let world = World::in_git();
    let market = Repo::marketplace(&world, "market", entries, files);
    world.ok(&["index", "add", "market", &market.url()]);
    (world, market)
}

/// A repository with the plugin `kit` in a folder that ends in `/`, or at its top.
fn kit(world: &World, name: &str, folder: &str) -> Repo {
    let (manifest, command) = (format!("{folder}.claude-plugin/plugin.json"), format!("{folder}commands/go.md"));
    Repo::new(world, name, &[(&manifest, KIT), (&command, "one\n")])
}

#[test]
fn a_plugin_in_the_marketplaces_own_repository_is_locked_to_its_commit() {
    let (world, market) = with_market(
        r#"{"name":"kit","source":"./plugins/kit","description":"Does it."}"#,
        &[
            ("plugins/kit/.claude-plugin/plugin.json", KIT),
            ("plugins/kit/commands/go.md", "one\n"),
            ("other.md", "x\n"),
        ],
    );
    world.ok(&["install", "kit"]);
    assert_eq!(world.read(COMMAND), "one\n");
    assert!(!world.has(".claude/skills/kit/other.md"));
    assert_eq!(world.dependency("kit"), "1.2.0");
    let locked = world.locked("kit");
    assert_eq!((&locked["version"], &locked["index"]), (&"1.2.0".into(), &market.url().into()));
    assert_eq!(locked["source"], format!("git+{}?path=plugins/kit", market.url()));
    assert_eq!(locked["commit"], market.head());
    assert!(locked["manifest"].is_null());
}

#[test]
fn a_plugin_may_be_the_whole_marketplace_repository() {
    let (world, market) = with_market(
        r#"{"name":"kit","source":"./"}"#,
        &[(".claude-plugin/plugin.json", KIT), ("commands/go.md", "one\n")],
    );
    world.ok(&["install", "kit"]);
    assert_eq!(world.read(COMMAND), "one\n");
    assert_eq!(world.locked("kit")["source"], format!("git+{}", market.url()));
}

#[test]
fn plugins_in_other_repositories_come_from_there() {
    let world = World::in_git();
    world.instead_of("https://github.com/acme/", &format!("file://{}/", world.path("repos").display()));
    let (sub, url, github) = (kit(&world, "sub", "deep/kit/"), kit(&world, "whole", ""), kit(&world, "hub", ""));
    let entries = format!(
        r#"{{"name":"by-subdir","source":{{"source":"git-subdir","url":"{}","path":"deep/kit"}}}},
        {{"name":"by-short-subdir","source":{{"source":"git-subdir","url":"acme/sub","path":"./deep/kit/"}}}},
        {{"name":"by-url","source":{{"source":"url","url":"{}"}}}},
        {{"name":"by-github","source":{{"source":"github","repo":"acme/hub"}}}}"#,
        sub.url(),
        url.url()
    );
    let market = Repo::marketplace(&world, "market", &entries, &[]);
    world.ok(&["index", "add", "market", &market.url()]);
    for (name, source, commit) in [
        ("by-subdir", format!("git+{}?path=deep/kit", sub.url()), sub.head()),
        ("by-short-subdir", "git+https://github.com/acme/sub?path=deep/kit".to_owned(), sub.head()),
        ("by-url", format!("git+{}", url.url()), url.head()),
        ("by-github", "git+https://github.com/acme/hub".to_owned(), github.head()),
    ] {
        world.ok(&["install", name]);
        assert_eq!(world.read(&format!(".claude/skills/{name}/commands/go.md")), "one\n");
        let locked = world.locked(name);
        assert_eq!((&locked["source"], &locked["commit"]), (&source.into(), &commit.into()));
        assert_eq!(locked["index"], market.url());
        world.ok(&["remove", name]);
    }
}

#[test]
fn a_sha_rules_over_a_ref_and_a_ref_over_the_head() {
    let world = World::in_git();
    let repo = kit(&world, "kit", "");
    let pinned = repo.head();
    repo.git(&["tag", "-a", "-m", "x", "v2"]);
    repo.commit(&[("commands/go.md", "two\n")]);
    let tagged = repo.head();
    repo.git(&["tag", "-f", "-a", "-m", "x", "v2"]);
    repo.git(&["checkout", "-q", "-b", "next"]);
    let next = repo.commit(&[("commands/go.md", "three\n")]);
    repo.git(&["checkout", "-q", "main"]);
    let head = repo.commit(&[("commands/go.md", "four\n")]);
    let source = |rest: &str| format!(r#"{{"name":"kit","source":{{"source":"url","url":"{}"{rest}}}}}"#, repo.url());
    for (rest, commit, text) in [
        (format!(r#","ref":"next","sha":"{pinned}""#), pinned, "one\n"),
        (r#","ref":"v2""#.to_owned(), tagged, "two\n"),
        (r#","ref":"next""#.to_owned(), next, "three\n"),
        (String::new(), head, "four\n"),
    ] {
        let market = Repo::marketplace(&world, "market", &source(&rest), &[]);
        let here = World::in_git();
        here.ok(&["index", "add", "market", &market.url()]);
        here.ok(&["install", "kit"]);
        assert_eq!((here.locked("kit")["commit"].clone(), here.read(COMMAND)), (commit.into(), text.to_owned()));
        market.delete();
    }
}

#[test]
fn what_an_entry_points_at_must_be_there() {
    let world = World::in_git();
    let repo = kit(&world, "kit", "");
    let (url, no_commit) = (repo.url(), "3f".repeat(20));
    let source =
        |name: &str, rest: &str| format!(r#"{{"name":"{name}","source":{{"source":"url","url":"{url}{rest}"}}}}"#);
    let entries = [
        source("no-ref", r#"","ref":"nope"#),
        source("no-commit", &format!(r#"","sha":"{no_commit}"#)),
        source("no-repository", "-gone"),
        r#"{"name":"no-folder","source":"./nope"}"#.to_owned(),
    ];
    let market = Repo::marketplace(&world, "market", &entries.join(","), &[]);
    world.ok(&["index", "add", "market", &market.url()]);
    for (name, named) in
        [("no-ref", "nope"), ("no-commit", &*no_commit), ("no-repository", "kit-gone"), ("no-folder", "`nope`")]
    {
        let run = world.fails(14, &["install", name]);
        assert!(run.stderr.contains(named), "{run}");
    }
}

#[test]
fn an_update_takes_the_entry_at_the_marketplaces_head() {
    let entries = r#"{"name":"kit","source":"./kit"}"#;
    let (world, market) =
        with_market(entries, &[("kit/.claude-plugin/plugin.json", KIT), ("kit/commands/go.md", "one\n")]);
    world.ok(&["install", "kit"]);
    let lock = world.read("cpm.lock");
    market.commit(&[("README.md", "elsewhere\n")]);
    world.ok(&["update"]);
    assert_eq!(world.read("cpm.lock"), lock);
    let newer = market
        .commit(&[("kit/.claude-plugin/plugin.json", &KIT.replace("1.2.0", "1.3.0")), ("kit/commands/go.md", "two\n")]);
    world.ok(&["install"]);
    assert_eq!(world.read(COMMAND), "one\n");
    world.ok(&["update"]);
    assert_eq!(world.read(COMMAND), "two\n");
    assert_eq!((&world.locked("kit")["version"], &world.locked("kit")["commit"]), (&"1.3.0".into(), &newer.into()));
}

#[test]
fn the_same_version_with_other_bytes_moves_only_on_update() {
    let entries = r#"{"name":"kit","source":"./kit"}"#;
    let (world, market) =
        with_market(entries, &[("kit/.claude-plugin/plugin.json", KIT), ("kit/commands/go.md", "one\n")]);
    world.ok(&["install", "kit"]);
    let before = world.locked("kit");
    let newer = market.commit(&[("kit/commands/go.md", "two\n")]);
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install"]);
    assert_eq!((world.read(COMMAND), world.locked("kit")), ("one\n".to_owned(), before.clone()));
    world.ok(&["update"]);
    assert_eq!(world.read(COMMAND), "two\n");
    let after = world.locked("kit");
    assert_eq!((&after["version"], &after["commit"]), (&before["version"], &newer.into()));
    assert_ne!(after["checksum"], before["checksum"]);
}

#[test]
fn the_version_is_that_of_plugin_json_else_of_the_entry_else_of_the_commit() {
    let entry = |name: &str, version: &str| format!(r#"{{"name":"{name}","source":"./{name}"{version}}}"#);
    let entries = [
        entry("both", r#","version":"9.0.0""#),
        entry("entry", r#","version":"2.5.0""#),
        entry("prefixed", r#","version":"v3.1.0""#),
        entry("label", r#","version":"latest""#),
        entry("none", ""),
    ];
    let named = |name: &str, version: &str| format!(r#"{{"name":"{name}"{version}}}"#);
    let mut files = Vec::new();
    for name in ["both", "entry", "prefixed", "label", "none"] {
        let version = if name == "both" { r#","version":"1.0.0""# } else { "" };
        files.push((format!("{name}/.claude-plugin/plugin.json"), named(name, version)));
        files.push((format!("{name}/commands/{name}.md"), "x\n".to_owned()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (world, market) = with_market(&entries.join(","), &files);
    let of_commit = format!("0.0.0-{}", &market.head()[..12]);
    for (name, version) in
        [("both", "1.0.0"), ("entry", "2.5.0"), ("prefixed", "3.1.0"), ("label", &of_commit), ("none", &of_commit)]
    {
        world.ok(&["install", name]);
        assert_eq!(world.locked(name)["version"], version, "{name}");
    }
    world.ok(&["install", "--locked"]);
}

#[test]
fn a_marketplace_may_list_lone_skills() {
    let files = [("skills/pdf/SKILL.md", &*skill("pdf", "x")), ("skills/pdf/notes.md", "n\n")];
    let (world, _market) = with_market(r#"{"name":"pdf","source":"./skills/pdf"}"#, &files);
    world.ok(&["install", "pdf"]);
    assert_eq!(world.read(".claude/skills/pdf/SKILL.md"), skill("pdf", "x"));
    assert!(world.has(".claude/skills/pdf/notes.md") && !world.has(".claude/skills/pdf/.claude-plugin"));
}

#[test]
fn a_marketplace_comes_over_smart_http_too() {
    let world = World::in_git();
    let files = [("kit/.claude-plugin/plugin.json", KIT), ("kit/commands/go.md", "one\n")];
    Repo::marketplace(&world, "market", r#"{"name":"kit","source":"./kit"}"#, &files);
    let server = crate::support::http::Server::start(&world.path("repos"));
    world.ok(&["index", "add", "market", &server.url("market")]);
    world.ok(&["install", "kit"]);
    assert_eq!(world.locked("kit")["source"], format!("git+{}?path=kit", server.url("market")));
    let asked = server.requests();
    world.ok(&["install"]);
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    assert_eq!((server.requests(), world.read(COMMAND)), (asked, "one\n".to_owned()));
}
