//! The main job on a fresh machine: install from the index that cpm carries, without a network.

use crate::support::{World, write};

#[test]
fn a_newcomer_installs_and_removes_without_a_trace() {
    let world = World::in_git();
    write(&world.project().join(".claude/skills/mine/SKILL.md"), "mine\n");
    let before = crate::support::snapshot(&world.project());
    let run = world.ok(&["install", "github-tools"]);
    assert!(run.stdout.contains("+ github-tools 1.0.0"), "{run}");
    assert!(run.stdout.contains("set GITHUB_TOKEN"), "{run}");
    for skill in ["github-issue-triage", "github-pr-review", "github-release-notes"] {
        assert!(world.has(&format!(".claude/skills/{skill}/SKILL.md")));
    }
    assert_eq!(world.read("cpm.toml"), "[dependencies]\ngithub-tools = \"1.0.0\"\n");
    let mcp: serde_json::Value = serde_json::from_str(&world.read(".mcp.json")).expect("JSON");
    assert_eq!(mcp["mcpServers"]["github"]["headers"]["Authorization"], "Bearer ${GITHUB_TOKEN}");
    assert!(world.read("cpm.lock").contains("source = \"builtin+content/github-tools/1.0.0\"\n"));
    world.ok(&["verify"]);
    world.ok(&["remove", "github-tools"]);
    let mut after = crate::support::snapshot(&world.project());
    after.retain(|path, _| !path.ends_with("cpm.toml") && !path.ends_with("cpm.lock"));
    assert_eq!(after, before);
}

#[test]
fn a_teammate_gets_the_same_bytes_from_the_lock() {
    let world = World::in_git();
    world.ok(&["install", "pr-workflow"]);
    let first = crate::support::snapshot(&world.project());
    let lock = world.read("cpm.lock");
    for part in [".claude", ".cpm", ".mcp.json"] {
        let path = world.project().join(part);
        _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
    world.ok(&["install", "--frozen"]);
    assert_eq!(crate::support::snapshot(&world.project()), first);
    assert_eq!(world.read("cpm.lock"), lock);
}

#[test]
fn without_a_manifest_there_is_nothing_to_install_and_nothing_is_made() {
    let world = World::in_git();
    for command in ["install", "update"] {
        let run = world.fails(14, &[command]);
        assert!(run.stderr.contains("cpm install NAME"), "{run}");
    }
    assert!(!world.has(".cpm"));
}

#[test]
fn init_writes_a_manifest_where_one_is_and_only_once() {
    let world = World::in_git();
    let sub = world.project().join("sub");
    std::fs::create_dir(&sub).expect("a folder");
    assert_eq!(world.cpm_in(&sub, &["init"]).code, 0);
    assert!(world.has("sub/cpm.toml") && !world.has("cpm.toml"));
    assert_eq!(world.cpm_in(&sub, &["init"]).code, 30);
    assert_eq!(world.cpm_in(&sub, &["install", "deepwiki"]).code, 0);
    assert!(world.read("sub/cpm.toml").contains("deepwiki = \"1.0.0\""));
    assert!(world.has("sub/.mcp.json"));
}
