//! Two runs in one scope: the second waits for the first, and what only looks does not wait.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::locking::with_kit;
use crate::support::World;

/// The lock of the project's scope, held as another cpm would.
fn held(world: &World) -> File {
    let path = world.project().join(".cpm/lock");
    let file = File::options().write(true).open(path).expect("a lock file");
    file.try_lock().expect("nobody has it");
    file
}

#[test]
fn a_change_waits_until_the_other_run_has_ended() {
    let (world, _repo) = with_kit();
    let lock = held(&world);
    let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
    command.args(["install", "commit-messages"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cpm runs");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let said = lines.next().expect("a line").expect("text");
    assert!(said.contains("waiting for another cpm"), "{said}");
    assert!(child.try_wait().expect("a process").is_none() && !world.has(".claude/skills/commit-messages"));
    drop(lock);
    assert!(child.wait().expect("an end").success());
    assert!(world.has(".claude/skills/commit-messages/SKILL.md"));
}

#[test]
fn what_only_looks_does_not_wait() {
    let (world, _repo) = with_kit();
    let _lock = held(&world);
    for args in [
        &["list"][..],
        &["verify"],
        &["install", "--dry-run"],
        &["install", "commit-messages", "--dry-run"],
        &["remove", "kit", "--dry-run"],
        &["update", "--dry-run"],
        &["index", "list"],
    ] {
        world.ok(args);
    }
}
