//! Two runs in one scope: the second waits for the first, and what only looks does not wait. Beside the client, cpm
//! waits for the client's own lock.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::locking::with_kit;
use crate::support::samples::{KIT, json};
use crate::support::{Repo, World, until, write};

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

/// A run of `cpm install` that holds the lock of the project until it is killed, because its git never answers.
struct Holder {
    cpm: Child,
    /// Holds the number of its git.
    number: PathBuf,
}

impl Holder {
    fn start(world: &World) -> Self {
        let (program, number) = (world.path("bin/git"), world.path("git.number"));
        let said = number.display();
        write(&program, format!("#!/bin/sh\necho $$ > '{said}.new'\nmv '{said}.new' '{said}'\nexec sleep 300\n"));
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
        let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
        let path = format!("{}:{}", world.path("bin").display(), std::env::var("PATH").expect("a PATH"));
        command.args(["install", "--git", "https://git.example.com/silent/kit"]).env("PATH", path);
        let cpm = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cpm runs");
        let holder = Holder { cpm, number };
        until("git", || holder.number.exists());
        holder
    }

    /// Ends it as no program can prevent.
    fn kill(&mut self) {
        self.cpm.kill().and_then(|()| self.cpm.wait()).expect("it ends");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
        let git = std::fs::read_to_string(&self.number).unwrap_or_default();
        let _ = Command::new("kill").args(["-9", git.trim()]).status();
    }
}

#[test]
fn a_run_that_waited_long_enough_says_which_process_and_command_it_waited_for() {
    let (world, _repo) = with_kit();
    let holder = Holder::start(&world);
    let process = format!("process {}, `cpm install`", holder.cpm.id());
    let run = world.fails(41, &["remove", "kit", "--lock-timeout", "1"]);
    assert!(run.stderr.contains(&format!("waiting for another cpm to finish: {process}")), "{run}");
    assert!(run.stderr.contains("after 1 s") && run.stderr.contains("--lock-timeout"), "{run}");
    let run = world.fails(41, &["install", "--lock-timeout", "0", "--json"]);
    assert!(!run.stderr.contains("waiting"), "{run}");
    assert!(run.json()["error"]["causes"][0].as_str().is_some_and(|cause| cause.contains(&process)), "{run}");
}

#[test]
fn after_a_run_that_was_killed_the_next_one_goes_on_at_once() {
    let (world, _repo) = with_kit();
    let mut holder = Holder::start(&world);
    holder.kill();
    world.ok(&["remove", "kit", "--lock-timeout", "0"]);
}

#[test]
fn what_a_lock_file_says_decides_nothing() {
    let (world, _repo) = with_kit();
    let own = format!("{} cpm update\n", std::process::id());
    for text in [own.as_str(), "1 cpm install\n", "99999999 cpm install\n", "host.example.com:7\n", "\u{1b}[31m"] {
        world.write(".cpm/lock", text);
        world.ok(&["install", "--lock-timeout", "0"]);
        assert_eq!(world.read(".cpm/lock"), "", "whoever is done is nobody to wait for");
    }
    world.write(".cpm/lock", "\u{1b}[31m cpm install\n");
    let _lock = held(&world);
    let run = world.fails(41, &["install", "--lock-timeout", "0"]);
    assert!(!run.stderr.contains("[31m"), "{run}");
}

#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "a skipped test must say so")]
#[test]
fn a_file_system_without_locks_is_refused_with_the_reason() {
    let (world, _repo) = with_kit();
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let mut strace = world.command("strace");
        strace.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=flock",
            "-e",
            &format!("inject=flock:error={error}"),
        ]);
        let Ok(output) = strace.arg(env!("CARGO_BIN_EXE_cpm")).args(["remove", "kit"]).output() else {
            println!("skipped: strace cannot run here");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(41), "{said}");
        assert!(said.contains("cannot lock files"), "{said}");
        assert!(world.read("cpm.toml").contains("kit"));
    }
}

/// A world with a package of a server, and the lock of the client held, as the client holds it.
fn with_client() -> (World, String, PathBuf) {
    let world = World::in_git();
    let url = Repo::new(&world, "kit", &KIT).url();
    let lock = world.home().join(".claude.json.lock");
    std::fs::create_dir(&lock).expect("a folder");
    (world, url, lock)
}

#[test]
fn a_client_that_keeps_its_lock_is_named_and_keeps_it() {
    let (world, url, lock) = with_client();
    let args = ["install", "kit", "--git", &url, "--scope", "user", "--lock-timeout"];
    for (seconds, waits) in [("0", false), ("1", true)] {
        let run = world.cpm(&[&args[..], &[seconds]].concat());
        assert_eq!(run.code, 41, "{run}");
        assert!(run.stderr.contains("Claude Code") && run.stderr.contains(".claude.json.lock"), "{run}");
        assert_eq!(run.stderr.contains("waiting for Claude Code"), waits, "{run}");
        assert!(lock.is_dir() && !world.home().join(".claude.json").exists());
        assert!(!world.home().join(".claude/skills").exists() && !world.home().join(".claude/cpm.toml").exists());
    }
}

#[test]
fn cpm_waits_until_the_client_has_written() {
    let (world, url, lock) = with_client();
    let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
    command.args(["install", "kit", "--git", &url, "--scope", "user"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cpm runs");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let is_waiting = |line: Result<String, _>| line.expect("text").contains("waiting for Claude Code");
    assert!(lines.any(is_waiting), "it waits");
    write(&world.home().join(".claude.json"), r#"{"numStartups":4}"#);
    std::fs::remove_dir(&lock).expect("removed");
    assert!(child.wait().expect("an end").success());
    let whole = json(&world.home().join(".claude.json"));
    assert_eq!((&whole["numStartups"], &whole["mcpServers"]["srv"]["command"]), (&4.into(), &"true".into()));
}

#[test]
fn a_lock_of_the_client_from_tomorrow_is_no_abandoned_one() {
    let (world, url, lock) = with_client();
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
    File::open(&lock).and_then(|dir| dir.set_modified(tomorrow)).expect("a time");
    let run = world.cpm(&["install", "kit", "--git", &url, "--scope", "user", "--lock-timeout", "0"]);
    assert_eq!(run.code, 41, "{run}");
}
