//! Odd places, odd clocks, odd limits.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{SKILL, UPDATE, assert_settled, assert_updated, with_kit};
use crate::support::faults::{injected, limited, mounted};
use crate::support::{Run, World, snapshot};

#[test]
fn few_open_files_are_enough() {
    let (world, _repo) = with_kit();
    let run = limited(&world, "-n 32", &UPDATE);
    assert_eq!(run.code, 0, "{run}");
    assert_updated(&world);
}

#[test]
fn places_on_other_file_systems_are_staged_there() {
    let skills = "mount -t tmpfs none .claude/skills";
    let cases = [
        ("the state", "mkdir -p .cpm\nmount -t tmpfs none .cpm".to_owned()),
        ("the skills", skills.to_owned()),
        ("the client's folder", "mount -t tmpfs none .claude\nmkdir .claude/skills".to_owned()),
        ("the client's file", "mount -t tmpfs none \"$HOME\"".to_owned()),
    ];
    for (what, mount) in cases {
        for scope in ["project", "local"] {
            let (world, _repo) = with_kit();
            std::fs::remove_dir_all(world.project().join(".cpm")).expect("removed");
            std::fs::remove_dir_all(world.project().join(".claude")).expect("removed");
            std::fs::create_dir_all(world.project().join(".claude/skills")).expect("a folder");
            let cpm = env!("CARGO_BIN_EXE_cpm");
            let url = world.path("repos/kit").display().to_string();
            let url = format!("file://{url}");
            let after = format!(
                "{cpm} --offline verify --scope {scope} || code=1\n\
                 find . \"$HOME\" -name '*staged*' -o -name '*.cpm-*' | grep . && code=2\n\
                 {cpm} --offline remove kit --scope {scope} || code=3\n\
                 [ -e {SKILL} ] && code=4"
            );
            let args = ["install", "kit", "--git", &url, "--offline", "--scope", scope];
            let Some(run) = mounted(&world, &mount, &args, &after) else { return };
            assert_eq!(run.code, 0, "{what}, {scope}: {run}");
        }
    }
}

#[test]
fn short_and_interrupted_writes_change_no_byte() {
    let (mut world, _repo) = with_kit();
    world.set("CPM_FAILPOINT", "short-writes");
    world.ok(&UPDATE);
    assert_updated(&world);
    // Not where the loader of programs would meet them.
    let mcp = Some(".mcp.json");
    for (path, rule) in
        [(None, "write:error=EINTR:when=1+2"), (mcp, "openat:error=EINTR:when=1+2"), (mcp, "read:error=EINTR:when=1+2")]
    {
        let (world, _repo) = with_kit();
        let Some(run) = injected(&world, path, &[rule], &UPDATE) else { return };
        assert_eq!(run.code, 0, "{rule}: {run}");
        assert_updated(&world);
    }
}

/// Runs cpm somewhere, with the variables given.
fn cpm_at(world: &World, dir: &std::path::Path, variables: &[(&str, Option<&str>)], args: &[&str]) -> Run {
    let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
    command.current_dir(dir).args(args);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Run::of(command.output().expect("cpm runs"))
}

#[test]
fn without_a_home_nothing_is_written_where_one_stands() {
    let world = World::new();
    let relative: [&[(&str, Option<&str>)]; 3] = [
        &[("HOME", None), ("CPM_CACHE_DIR", None)],
        &[("HOME", Some("here")), ("CPM_CACHE_DIR", None)],
        &[("HOME", Some("")), ("CPM_CACHE_DIR", Some("cache"))],
    ];
    for variables in relative {
        let run = cpm_at(&world, &world.project(), variables, &["install", "deepwiki", "--scope", "user"]);
        assert!(run.code == 2 && run.stderr.contains("HOME"), "{run}");
    }
    let run = cpm_at(
        &world,
        &world.project(),
        &[("CPM_CACHE_DIR", Some("cache")), ("XDG_CACHE_HOME", Some("x")), ("XDG_CONFIG_HOME", Some("y"))],
        &["install", "deepwiki", "--scope", "user"],
    );
    assert_eq!(run.code, 0, "{run}");
    assert!(snapshot(&world.project()).is_empty(), "relative folders are left out of account");
}

#[test]
fn the_root_of_all_and_the_home_directory_are_no_projects() {
    let world = World::new();
    for place in ["/", &world.home().display().to_string()] {
        let run = world.cpm(&["--project", place, "install", "deepwiki", "--scope", "project"]);
        assert!(run.code == 2 && run.stderr.contains("cannot be a project"), "{run}");
    }
    assert!(snapshot(&world.home()).is_empty());
}

#[test]
fn a_current_folder_that_is_gone_is_told() {
    let world = World::new();
    let mut command = world.command("sh");
    let script = "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" list";
    command.args(["-c", script, env!("CARGO_BIN_EXE_cpm")]);
    let run = Run::of(command.output().expect("sh runs"));
    assert!(run.code == 2 && run.stderr.contains("gone"), "{run}");
}

#[test]
fn projects_with_odd_paths_work_or_are_told() {
    let world = World::new();
    let long = vec!["x".repeat(200); 4].join("/");
    let names = ["with space".as_bytes(), b"new\nline", "\u{e9}\u{4e2d}".as_bytes(), long.as_bytes(), b"'\"$(x)"];
    for name in names {
        let dir = world.path("").join(PathBuf::from(OsStr::from_bytes(name)));
        std::fs::create_dir_all(&dir).expect("a folder");
        for scope in ["project", "local"] {
            for args in [["install", "deepwiki"], ["install", "commit-messages"], ["remove", "deepwiki"]] {
                let run = cpm_at(&world, &dir, &[], &[&["--project", ".", "--scope", scope], &args[..]].concat());
                assert_eq!(run.code, if scope == "local" && args[1] == "commit-messages" { 30 } else { 0 }, "{run}");
            }
            assert_eq!(cpm_at(&world, &dir, &[], &["--project", ".", "verify"]).code, 0);
        }
    }
    // The client could not name such a project in its own file.
    let dir = world.path("").join(OsStr::from_bytes(b"latin-\xe9"));
    std::fs::create_dir(&dir).expect("a folder");
    let run = cpm_at(&world, &dir, &[], &["--project", ".", "install", "deepwiki"]);
    assert!(run.code == 0, "{run}");
    assert_eq!(cpm_at(&world, &dir, &[], &["--project", ".", "verify"]).code, 0);
}

#[test]
fn names_that_the_system_cannot_hold_leave_the_old_state() {
    let (world, _repo) = with_kit();
    let before = snapshot(&world.project());
    for error in ["ENAMETOOLONG", "ELOOP"] {
        let Some(run) = injected(&world, None, &[&format!("renameat2:error={error}:when=3")], &UPDATE) else { return };
        assert!(run.code == 40 && snapshot(&world.project()) == before, "{run}");
    }
    std::fs::remove_file(world.project().join(".mcp.json")).expect("removed");
    std::os::unix::fs::symlink(".mcp.json", world.project().join(".mcp.json")).expect("a link");
    let run = world.cpm(&UPDATE);
    assert!([24, 40].contains(&run.code) && !world.read(SKILL).ends_with("newer\n"), "{run}");
}

#[test]
fn times_of_files_and_clocks_have_no_effect() {
    let (world, _repo) = with_kit();
    for seconds in [0, 4_070_908_800] {
        for path in [SKILL, "cpm.lock", "cpm.toml", ".mcp.json", ".cpm/receipt-project.json"] {
            let file = std::fs::File::options().write(true).open(world.project().join(path)).expect("a file");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("set");
        }
        assert!(world.ok(&["install"]).stdout.contains("Up to date"));
        assert_settled(&world);
    }
    world.ok(&UPDATE);
    assert_updated(&world);
}

#[test]
fn staging_that_is_swept_away_during_a_run_leaves_the_old_state() {
    let (world, _repo) = with_kit();
    let before = snapshot(&world.project());
    for when in 1..=4 {
        let rule = format!("renameat2:error=ENOENT:when={when}");
        let Some(run) = injected(&world, None, &[&rule], &UPDATE) else { return };
        assert!(run.code == 40 && snapshot(&world.project()) == before, "{rule}: {run}");
        assert_settled(&world);
    }
}
