//! What may not be read or written, and hardware that fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{SKILL, UPDATE, assert_settled, assert_updated, with_kit};
use crate::support::faults::{able, injected, mounted, unprivileged};
use crate::support::{World, snapshot};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

/// Forbids writing in a folder and all folders in it, or allows it again.
fn set_writable(root: &Path, writable: bool) {
    set_mode(root, if writable { 0o755 } else { 0o555 });
    for entry in std::fs::read_dir(root).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            set_writable(&path, writable);
        }
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_named_with_its_owner() {
    let (world, _repo) = with_kit();
    let before = snapshot(&world.project());
    for folder in ["project/.claude/skills", "project/.cpm", "project"] {
        let path = world.path(folder);
        set_mode(&path, 0o555);
        let Some(run) = unprivileged(&world, &UPDATE) else { return };
        set_mode(&path, 0o755);
        assert_eq!(run.code, 40, "{folder}: {run}");
        assert!(run.stderr.contains("Permission denied") && run.stderr.contains("belongs to user"), "{run}");
        assert!(run.stderr.contains(&path.display().to_string()), "{run}");
        assert!(snapshot(&world.project()) == before, "{folder}: {run}");
    }
    world.ok(&UPDATE);
    assert_updated(&world);
}

#[test]
fn a_store_that_may_not_be_written_stops_what_needs_to_and_names_it() {
    let (world, _repo) = with_kit();
    let store = world.path("cache/store-v1");
    let entries = || std::fs::read_dir(&store).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries().for_each(|entry| std::fs::remove_dir_all(entry).expect("removed"));
    set_mode(&store, 0o555);
    world.check_out_anew();
    let Some(run) = unprivileged(&world, &["install", "--frozen"]) else { return };
    set_mode(&store, 0o755);
    assert!(run.code == 40 && run.stderr.contains("store-v1") && run.stderr.contains("belongs to user"), "{run}");
    assert!(!world.has(".claude"));
}

#[test]
fn a_store_that_may_only_be_read_serves_a_frozen_install() {
    let (world, _repo) = with_kit();
    world.check_out_anew();
    set_writable(&world.path("cache"), false);
    let run = unprivileged(&world, &["install", "--frozen"]);
    set_writable(&world.path("cache"), true);
    let Some(run) = run else { return };
    assert_eq!(run.code, 0, "{run}");
    world.ok(&["verify"]);
}

#[test]
fn a_read_only_project_can_be_looked_at_and_is_named_when_it_should_change() {
    let (world, _repo) = with_kit();
    let project = world.project().display().to_string();
    let read_only = format!("mount --bind {project} {project}\nmount -o remount,bind,ro {project}\ncd {project}");
    let looks = [
        &["list"][..],
        &["verify"],
        &["info", "github-tools"],
        &["update", "--dry-run", "--accept", "--offline"],
        &["install", "--dry-run"],
        &["tree"],
        &["diff", "--offline"],
    ];
    for args in looks {
        let Some(run) = mounted(&world, &read_only, args, "") else { return };
        assert_eq!(run.code, 0, "{args:?}: {run}");
    }
    for args in [&UPDATE[..], &["remove", "kit"], &["install", "deepwiki"]] {
        let Some(run) = mounted(&world, &read_only, args, "") else { return };
        assert_eq!(run.code, 40, "{args:?}: {run}");
        assert!(run.stderr.contains("ead-only") && run.stderr.contains(&project), "{run}");
    }
    assert_settled(&world);
}

#[test]
fn an_error_of_the_disk_is_never_taken_for_success() {
    let (world, _repo) = with_kit();
    let before = snapshot(&world.project());
    for call in ["syncfs", "fsync"] {
        for when in 1..=2 {
            let rule = format!("{call}:error=EIO:when={when}");
            let Some(run) = injected(&world, None, &[&rule], &UPDATE) else { return };
            assert_eq!(run.code, 40, "{rule}: {run}");
            let is_old = snapshot(&world.project()) == before;
            // The last one only ends the journal of a change that is in place.
            assert!(is_old || run.stderr.contains("everything is in place"), "{rule}: {run}");
            if !is_old {
                assert_updated(&world);
                world.ok(&["undo"]);
            }
        }
    }
}

#[test]
fn an_error_of_the_disk_that_stays_is_repaired_by_the_next_run() {
    for (call, when) in
        [("read", 2), ("write", 2), ("renameat2", 2), ("rename,renameat", 1), ("unlink,unlinkat", 1), ("openat", 2)]
    {
        let (world, _repo) = with_kit();
        let before = snapshot(&world.project());
        let path = (call == "openat" || call == "read").then_some(".mcp.json");
        let Some(run) = injected(&world, path, &[&format!("{call}:error=EIO:when={when}+")], &UPDATE) else { return };
        assert!(run.code == 40 || path.is_some(), "{call}: {run}");
        world.ok(&["install", "--offline"]);
        assert_settled(&world);
        assert!(snapshot(&world.project()) == before || world.read(SKILL).ends_with("newer\n"), "{call}");
    }
}

/// A file or folder that nobody may change, the administrator included.
struct Immutable<'a>(&'a Path);

impl<'a> Immutable<'a> {
    fn new(path: &'a Path) -> Option<Self> {
        able("chattr", &["+i", &path.display().to_string()]).then_some(Immutable(path))
    }
}

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(self.0).status();
    }
}

#[test]
fn when_one_target_cannot_be_changed_none_is() {
    for target in [".mcp.json", "cpm.lock", ".claude/skills/alpha", ".cpm/receipt-project.json"] {
        let (world, _repo) = with_kit();
        let before = snapshot(&world.project());
        let path = world.project().join(target);
        let Some(immutable) = Immutable::new(&path) else { return };
        let run = world.cpm(&UPDATE);
        assert_eq!(run.code, 40, "{target}: {run}");
        assert!(run.stderr.contains(&path.display().to_string()), "{target}: {run}");
        assert!(snapshot(&world.project()) == before, "{target}: {run}");
        assert_settled(&world);
        drop(immutable);
        world.ok(&UPDATE);
        assert_updated(&world);
    }
}

#[test]
fn an_interrupted_run_that_cannot_be_completed_is_taken_back() {
    let (world, _repo) = with_kit();
    let before = snapshot(&world.project());
    // Killed when the skill is in place and the MCP file is not.
    let Some(_) = injected(&world, None, &["renameat2:signal=KILL:when=2"], &UPDATE) else { return };
    assert!(world.has(".cpm/journal.json") && world.read(SKILL).ends_with("newer\n"));
    let path = world.project().join(".mcp.json");
    let Some(immutable) = Immutable::new(&path) else { return };
    let run = world.ok(&["install", "--offline"]);
    assert!(run.stderr.contains("taken back") && run.stderr.contains(".mcp.json"), "{run}");
    assert!(snapshot(&world.project()) == before);
    drop(immutable);
    assert_settled(&world);
}

#[test]
fn a_world_without_faults_updates() {
    let (world, _repo): (World, _) = with_kit();
    world.ok(&UPDATE);
    assert_updated(&world);
}
