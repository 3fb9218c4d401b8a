//! Skill folders and MCP entries that nobody's lock names: known by their bytes, where an index has them.

use serde_json::json;

use super::{import, install_changes_nothing_but, names, row};
use crate::support::samples::json;
use crate::support::{Index, World, delete, skill, write};

/// Moves what cpm installed into a project of somebody who does not use cpm.
fn forget_cpm(world: &World) {
    for part in ["cpm.toml", "cpm.lock", ".cpm"] {
        delete(&world.project().join(part));
    }
}

#[test]
fn folders_and_entries_of_the_built_in_index_are_known_by_their_bytes() {
    let world = World::in_git();
    world.ok(&["install", "github-tools", "deepwiki", "commit-messages", "safe-git"]);
    forget_cpm(&world);
    world.write(".claude/skills/mine/SKILL.md", &skill("mine", "mine"));
    let answer = import(&world, &["--offline"]);
    assert_eq!(names(&answer, "packages"), ["commit-messages", "deepwiki", "github-tools", "safe-git"]);
    assert_eq!(names(&answer, "left_out"), ["mine"]);
    install_changes_nothing_but(&world, &[]);
    assert_eq!(names(&import(&world, &[]), "packages"), Vec::<String>::new());
}

#[test]
fn other_names_in_the_project_stay() {
    let world = World::in_git();
    world.ok(&["install", "deepwiki", "commit-messages"]);
    forget_cpm(&world);
    let skills = world.project().join(".claude/skills");
    std::fs::rename(skills.join("commit-messages"), skills.join("my-commits")).expect("moved");
    let entries = json(&world.project().join(".mcp.json"));
    world.write(".mcp.json", &json!({"mcpServers": {"wiki": entries["mcpServers"]["deepwiki"]}}).to_string());
    let answer = import(&world, &[]);
    assert_eq!(names(&answer, "packages"), ["deepwiki", "my-commits"]);
    assert_eq!(world.dependency("my-commits")["package"], "commit-messages");
    assert_eq!(world.dependency("deepwiki")["servers"], json!({"deepwiki": "wiki"}));
    install_changes_nothing_but(&world, &[]);
}

#[test]
fn of_a_package_of_skills_only_those_that_are_here_are_taken() {
    let world = World::in_git();
    world.ok(&["install", "review-checklists"]);
    let skills = world.project().join(".claude/skills");
    let all: Vec<_> = skills.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert!(all.len() > 1);
    forget_cpm(&world);
    delete(&all[0]);
    import(&world, &[]);
    assert_eq!(world.dependency("review-checklists")["skills"].as_array().expect("a list").len(), all.len() - 1);
    install_changes_nothing_but(&world, &[]);
}

#[test]
fn an_older_release_of_an_index_is_locked_as_it_is_here() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "1.1.0", "2.0.0", "2.1.0", "2.2.0"] {
        index.release("kit", version, &[]);
    }
    index.release("other", "1.0.0", &[]);
    world.write(".claude/skills/kit/SKILL.md", &skill("kit", "1.0.0"));
    world.write(".claude/skills/other/SKILL.md", &skill("other", "edited"));
    let answer = import(&world, &[]);
    assert_eq!(names(&answer, "packages"), ["kit"]);
    assert_eq!((world.locked("kit")["version"].as_str(), world.dependency("kit")), (Some("1.0.0"), json!("1.0.0")));
    let why = row(&answer, "left_out", "other")["why"].as_str().expect("why").to_owned();
    assert!(why.contains("not the same") && why.contains("SKILL.md"), "{why}");
    install_changes_nothing_but(&world, &[]);
}

#[test]
fn what_a_package_needs_comes_into_the_lock_and_is_told() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("core", "1")]);
    world.write(".claude/skills/app/SKILL.md", &skill("app", "1.0.0"));
    let answer = import(&world, &[]);
    assert_eq!(row(&answer, "packages", "core")["files"], "absent");
    assert_eq!(world.dependency("core"), json!(null));
    install_changes_nothing_but(&world, &[".claude/skills/core"]);
}

#[test]
fn a_revoked_release_is_not_taken_over() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    let file = crate::support::index::file_of("kit");
    let line = std::fs::read_to_string(index.repo.dir().join(&file)).expect("a file");
    index.repo.commit(&[(&file, &line.trim_end().replace("}\n", "").replacen('{', "{\"revoked\":\"steals\",", 1))]);
    world.write(".claude/skills/kit/SKILL.md", &skill("kit", "1.0.0"));
    assert_eq!(names(&import(&world, &[]), "packages"), Vec::<String>::new());
}

#[test]
fn servers_of_all_scopes_are_found_in_their_own_files() {
    for scope in ["user", "local"] {
        let world = World::in_git();
        world.ok(&["install", "deepwiki", "--scope", scope]);
        let files = match scope {
            "user" => [".claude/cpm.toml", ".claude/cpm.lock", ".claude/.cpm"].map(|file| world.home().join(file)),
            _ => [".claude/cpm.local.toml", ".claude/cpm.local.lock", ".cpm"].map(|file| world.project().join(file)),
        };
        files.iter().for_each(|file| delete(file));
        let claude = std::fs::read(world.home().join(".claude.json")).expect("a file");
        world.ok(&["import", "--scope", scope]);
        let run = world.ok(&["install", "--scope", scope]);
        assert!(files[0].exists() && run.stdout.contains("deepwiki"), "{run}");
        assert_eq!(std::fs::read(world.home().join(".claude.json")).expect("a file"), claude);
    }
}

#[test]
fn a_server_that_is_written_otherwise_is_not_taken_over() {
    let world = World::in_git();
    world.write(
        ".mcp.json",
        r#"{"mcpServers":{"deepwiki":{"type":"http","url":"https://mcp.deepwiki.com/other"},"mine":{"command":"x"}}}"#,
    );
    let answer = import(&world, &[]);
    assert_eq!(names(&answer, "left_out"), ["deepwiki", "mine"]);
    assert!(!world.has("cpm.toml"));
    write(&world.project().join(".mcp.json"), "{ // no\n}");
    world.fails(31, &["import"]);
}
