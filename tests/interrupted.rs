//! Ctrl-C, and a polite end, while a host keeps cpm waiting.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{World, snapshot, until, write};

/// Whether the process whose number is in a file has ended; what nobody has waited for yet has.
fn has_ended(number: &Path) -> bool {
    let number = std::fs::read_to_string(number).expect("a number");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

#[test]
fn a_signal_ends_cpm_with_all_that_it_started_and_changes_nothing() {
    for (name, signal) in [("INT", 2), ("TERM", 15)] {
        let mut world = World::in_git();
        let (ssh, number) = (world.path("bin/ssh"), world.path("ssh.number"));
        // A child of its own, which does not end because git does.
        write(
            &ssh,
            format!("#!/bin/sh\nsleep 300 &\necho $! > '{0}.new'\nmv '{0}.new' '{0}'\nwait\n", number.display()),
        );
        std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).expect("set");
        world.set("GIT_SSH_COMMAND", ssh.display());
        // As on a busy machine: what ended with the signal is seen to have ended long before cpm ends itself.
        world.set("CPM_FAILPOINT", "late-signal");
        let before = (snapshot(&world.project()), snapshot(&world.home()));
        let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
        command
            .args(["install", "--git", "git@git.example.com:silent/kit"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut cpm = command.spawn().expect("cpm runs");
        until("ssh", || number.exists());
        let sent = Command::new("kill").arg(format!("-{name}")).arg(cpm.id().to_string()).status().expect("kill runs");
        assert!(sent.success());
        assert_eq!(cpm.wait().expect("an end").signal(), Some(signal), "as a shell expects it: 128 and the number");
        until("the end of ssh", || has_ended(&number));
        assert!((snapshot(&world.project()), snapshot(&world.home())) == before);
        assert!(!world.has(".claude") && !world.has("cpm.toml"));
    }
}
