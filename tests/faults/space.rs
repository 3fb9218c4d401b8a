//! No room left.

use super::{UPDATE, assert_settled, assert_updated, with_kit};
use crate::support::World;
use crate::support::faults::{injected, mounted};
use crate::support::snapshot;

/// Runs the update while system calls fail, and expects the old state, then that it works.
fn fails_and_recovers(world: &World, path: Option<&str>, rule: &str) -> Option<String> {
    let before = snapshot(&world.project());
    let run = injected(world, path, &[rule], &UPDATE)?;
    assert_eq!(run.code, 40, "{rule}: {run}");
    assert!(run.stderr.contains("help: "), "{rule}: {run}");
    assert!(snapshot(&world.project()) == before, "{rule}: {run}");
    assert_settled(world);
    Some(run.stderr)
}

#[test]
fn a_disk_that_is_full_at_any_moment_leaves_the_old_state() {
    let (world, _repo) = with_kit();
    for error in ["ENOSPC", "EDQUOT", "EFBIG"] {
        // The first write is the word for those who wait, which nothing depends on.
        for (call, when) in
            [("write", 2), ("mkdir,mkdirat", 1), ("renameat2", 1), ("rename,renameat", 1), ("syncfs", 1), ("fsync", 1)]
        {
            let rule = format!("{call}:error={error}:when={when}");
            let Some(said) = fails_and_recovers(&world, None, &rule) else { return };
            assert!(said.contains("cannot "), "{said}");
        }
        for when in 2..=4 {
            fails_and_recovers(&world, None, &format!("renameat2:error={error}:when={when}"));
        }
    }
    world.ok(&UPDATE);
    assert_updated(&world);
}

#[test]
fn what_could_not_be_written_is_named_with_its_size() {
    let (world, _repo) = with_kit();
    let Some(said) = fails_and_recovers(&world, Some(".cpm/staged-1"), "write:error=ENOSPC:when=1+") else { return };
    assert!(
        said.contains("No space left") && said.contains("bytes are needed") && said.contains("make room"),
        "{said}"
    );
    assert!(said.contains(&world.project().display().to_string()), "{said}");
}

#[test]
fn a_journal_that_finds_no_room_was_never_there() {
    let (world, _repo) = with_kit();
    for rule in ["write:error=ENOSPC", "openat:error=ENOSPC", "rename,renameat:error=ENOSPC"] {
        fails_and_recovers(&world, Some(".cpm/journal.tmp"), rule);
    }
}

/// Moves the project to a file system of its own.
fn on_tmpfs(world: &World, options: &str) -> String {
    let project = world.project().display().to_string();
    format!(
        "cp -a {project} {project}.copy\nmount -t tmpfs -o {options} none {project}\ncp -a {project}.copy/. {project}\ncd {project}"
    )
}

#[test]
fn a_small_disk_is_as_before_after_a_run_that_found_no_room() {
    let list = "find . -type f | sort | xargs sha256sum; stat -f -c 'free %f %d' .";
    let cases = [
        // Too few names: met on the way.
        ("size=1m,nr_inodes=FEW", "", "No space left"),
        // Too few bytes: seen before anything is written.
        (
            "size=1m",
            "dd if=/dev/zero of=filler bs=4096 count=$(( $(stat -f -c %f .) - 2 )) 2> /dev/null",
            "too little room",
        ),
    ];
    for (options, fill, said) in cases {
        let (world, _repo) = with_kit();
        let used = std::process::Command::new("find").arg(world.project()).output().expect("find runs").stdout;
        let few = used.iter().filter(|byte| **byte == b'\n').count() + 4;
        let before = on_tmpfs(&world, &options.replace("FEW", &few.to_string()));
        let script = format!("{before}\n{fill}\n( {list} ) > {}", world.path("before").display());
        let after = format!("( {list} ) > {}", world.path("after").display());
        let Some(run) = mounted(&world, &script, &UPDATE, &after) else { return };
        assert_eq!(run.code, 40, "{run}");
        assert!(run.stderr.contains(said) && run.stderr.contains("make room"), "{run}");
        let read = |name: &str| std::fs::read_to_string(world.path(name)).expect("a list");
        let same = |text: String| {
            text.lines().filter(|line| !line.ends_with("/.cpm/lock")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(same(read("after")), same(read("before")), "{options}");
    }
}
