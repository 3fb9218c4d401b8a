//! A file system that fails: full, read-only, forbidden, damaged, odd. A run ends with the old state or the new one, says
//! what failed and what to do, and the next run goes on.
#![cfg(target_os = "linux")]

mod damaged;
mod denied;
mod failpoints;
mod odd;
mod recovery;
mod space;

use crate::support::samples::{ALPHA, KIT, install};
use crate::support::{Repo, World};

pub const SKILL: &str = ".claude/skills/alpha/SKILL.md";
/// An update of [`with_kit`].
pub const UPDATE: [&str; 3] = ["update", "--accept", "--offline"];

/// A project with an installed skill and server, and a newer commit, already fetched, that changes both.
pub fn with_kit() -> (World, Repo) {
    let world = World::in_git();
    let repo = install(&world, "kit", &KIT, &[]);
    world.write(".mcp.json", &world.read(".mcp.json").replacen('{', "{\"theirs\": 1,", 1));
    repo.commit(&[
        ("skills/alpha/SKILL.md", &format!("{ALPHA}newer\n")),
        (".mcp.json", r#"{"mcpServers":{"srv":{"command":"true","args":["newer"]}}}"#),
    ]);
    world.ok(&["diff"]);
    (world, repo)
}

/// The whole of the update, and nothing else.
pub fn assert_updated(world: &World) {
    assert!(world.read(SKILL).ends_with("newer\n"));
    assert!(world.read(".mcp.json").contains("newer") && world.read(".mcp.json").contains("theirs"));
    assert_settled(world);
}

/// Nothing of a run that did not come to its end.
pub fn assert_settled(world: &World) {
    world.ok(&["verify"]);
    let state = std::fs::read_dir(world.project().join(".cpm")).expect("a folder");
    let names: Vec<String> = state.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect();
    let unfinished = |name: &&String| name.starts_with("staged") || name.contains("journal") || name.ends_with(".tmp");
    assert_eq!(names.iter().find(unfinished), None);
}
