//! `cpm verify`: everything that is not as locked is named, and nothing else is needed to find out.

use crate::support::{Repo, World, delete, skill, write};

/// A world with a package of a skill with a script, and a server.
fn installed() -> (World, Repo) {
    let world = World::in_git();
    let files = [
        (".claude-plugin/plugin.json", r#"{"name":"kit"}"#),
        ("skills/one/SKILL.md", &skill("one", "text")),
        ("skills/one/notes/deep.md", "notes\n"),
        ("skills/one/run.sh*", "#!/bin/sh\n"),
        (".mcp.json", r#"{"mcpServers":{"srv":{"command":"npx","args":["srv"]}}}"#),
    ];
    let repo = Repo::new(&world, "kit", &files);
    world.ok(&["install", "--git", &repo.url()]);
    assert!(world.read(".mcp.json").contains("srv"));
    (world, repo)
}

/// Runs `cpm verify` and expects exactly these findings, in words and as JSON.
fn finds(world: &World, wanted: &[(&str, &str)]) {
    let run = world.cpm(&["verify"]);
    assert_eq!(run.code, i32::from(!wanted.is_empty()), "{run}");
    for (problem, path) in wanted {
        let named = run.stdout.lines().any(|line| line.starts_with(problem) && line.contains(path));
        assert!(named, "{problem} {path}\n{run}");
    }
    let run = world.cpm(&["verify", "--json"]);
    let json = run.json();
    assert_eq!(json["exit"], run.code, "{run}");
    let scopes = json["scopes"].as_array().expect("scopes").iter();
    let mut found: Vec<(String, String)> = scopes
        .flat_map(|scope| scope["findings"].as_array().expect("findings"))
        .map(|finding| {
            assert_eq!(finding["package"], "kit");
            let text = |key: &str| finding[key].as_str().expect("text").to_owned();
            (text("problem"), text("path"))
        })
        .collect();
    found.sort();
    let mut wanted: Vec<(String, String)> =
        wanted.iter().map(|(problem, path)| ((*problem).to_owned(), (*path).to_owned())).collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn what_is_as_locked_is_clean() {
    let (world, _repo) = installed();
    finds(&world, &[]);
    assert!(world.ok(&["verify"]).stdout.contains("3 files"));
}

#[test]
fn every_changed_missing_and_extra_file_is_named() {
    let (world, _repo) = installed();
    let dir = world.project().join(".claude/skills/one");
    write(&dir.join("SKILL.md"), "changed\n");
    delete(&dir.join("notes/deep.md"));
    write(&dir.join("notes/mine.md"), "mine\n");
    write(&dir.join(".hidden"), "mine\n");
    finds(
        &world,
        &[
            ("changed", ".claude/skills/one/SKILL.md"),
            ("missing", ".claude/skills/one/notes/deep.md"),
            ("extra", ".claude/skills/one/notes/mine.md"),
            ("extra", ".claude/skills/one/.hidden"),
        ],
    );
}

#[test]
fn a_change_that_keeps_size_and_time_is_found() {
    let (world, _repo) = installed();
    let file = world.project().join(".claude/skills/one/notes/deep.md");
    let time = std::fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("a time");
    write(&file, "NOTES\n");
    let handle = std::fs::File::options().write(true).open(&file).expect("a file");
    handle.set_modified(time).expect("set");
    finds(&world, &[("changed", ".claude/skills/one/notes/deep.md")]);
}

#[cfg(unix)]
#[test]
fn a_changed_mode_is_a_change() {
    use std::os::unix::fs::PermissionsExt as _;
    let (world, _repo) = installed();
    for (file, mode, other) in [("SKILL.md", 0o644, 0o755), ("run.sh", 0o755, 0o644)] {
        let path = format!(".claude/skills/one/{file}");
        let set = |mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(world.project().join(&path), permissions).expect("set");
        };
        set(other);
        finds(&world, &[("changed", &path)]);
        set(mode);
        finds(&world, &[]);
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_is_a_change() {
    let (world, _repo) = installed();
    let file = world.project().join(".claude/skills/one/notes/deep.md");
    std::fs::rename(&file, world.path("elsewhere.md")).expect("moved");
    std::os::unix::fs::symlink(world.path("elsewhere.md"), &file).expect("a link");
    finds(&world, &[("changed", ".claude/skills/one/notes/deep.md")]);
}

#[test]
fn an_edited_or_missing_server_is_named_and_other_servers_are_not() {
    let (world, _repo) = installed();
    let good = world.read(".mcp.json");
    world.write(".mcp.json", &good.replace("npx", "evil"));
    finds(&world, &[("changed", ".mcp.json → srv")]);
    world.write(".mcp.json", r#"{"mcpServers":{"mine":{"type":"stdio","command":"x"}}}"#);
    finds(&world, &[("missing", ".mcp.json → srv")]);
    delete(&world.project().join(".mcp.json"));
    finds(&world, &[("missing", ".mcp.json → srv")]);
    // Other spacing and another order of keys is the same entry.
    let json: serde_json::Value = serde_json::from_str(&good).expect("JSON");
    let entry = json["mcpServers"]["srv"].as_object().expect("an entry");
    let turned: serde_json::Map<_, _> = entry.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect();
    let turned = serde_json::json!({ "mcpServers": { "mine": {"command": "x"}, "srv": turned } });
    world.write(".mcp.json", &format!("{turned:#}"));
    finds(&world, &[]);
}

#[test]
fn what_is_locked_but_not_installed_is_named() {
    let (world, _repo) = installed();
    delete(&world.project().join(".cpm"));
    finds(&world, &[("not installed", "cpm.lock")]);
}

#[test]
fn no_network_no_cache_and_no_git_are_needed() {
    let (mut world, repo) = installed();
    world.empty_cache();
    let source = repo.url();
    delete(std::path::Path::new(source.strip_prefix("file://").expect("a path")));
    world.set("PATH", world.path("nothing").display());
    finds(&world, &[]);
    write(&world.project().join(".claude/skills/one/SKILL.md"), "changed\n");
    finds(&world, &[("changed", ".claude/skills/one/SKILL.md")]);
    assert!(!world.path("cache").exists());
}

#[test]
fn findings_are_printed_even_when_quiet() {
    let (world, _repo) = installed();
    delete(&world.project().join(".claude/skills/one/SKILL.md"));
    let run = world.cpm(&["verify", "--quiet"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{run}");
    assert!(run.stdout.contains(".claude/skills/one/SKILL.md"), "{run}");
}
