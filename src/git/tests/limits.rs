//! How far a git may go: in silence, in time, in bytes.

use super::*;
use crate::error::Kind;

/// A host that takes the connection and says nothing, and the file with the number of its process.
fn silent_host(world: &World) -> (GitUrl, String, PathBuf) {
    let pid = world.path("ssh.pid");
    // A child of its own, which does not end because git does.
    let script = format!("#!/bin/sh\nsleep 300 &\necho $! > '{}'\nwait\n", pid.display());
    let (url, ssh) = world.over_ssh(&script);
    (url, ssh, pid)
}

/// Whether the process whose number is in a file ends; a signal needs a moment to do that on a busy machine.
fn ends(pid: &Path) -> bool {
    let pid = std::fs::read_to_string(pid).expect("a number");
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // What nobody has waited for yet is a zombie, not a process.
        if state.is_empty() || state.contains(") Z ") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn a_host_that_says_nothing_is_left_with_all_that_was_started_to_reach_it() {
    let world = World::new();
    let (url, ssh, pid) = silent_host(&world);
    for (limits, said) in [
        (Limits { silence: Duration::from_millis(400), ..Limits::default() }, "silent"),
        (Limits { time: Duration::from_millis(400), ..Limits::default() }, "too long"),
    ] {
        let cache = world.cache_limited(Network::Online, &[("GIT_SSH_COMMAND", &ssh)], limits);
        let error = cache.resolve(&url, &RefWant::Head, Reading::Index).expect_err("silence");
        assert_eq!(error.kind(), Kind::Network, "{error:?}");
        assert!(error.message().contains(said) && error.help_text().is_some(), "{error:?}");
        assert!(!cfg!(target_os = "linux") || ends(&pid), "an orphan");
    }
}

#[test]
fn more_bytes_than_a_cache_takes_are_refused_and_nothing_stays() {
    let world = World::without_options();
    // Noise, so that it is as large on the way.
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    std::fs::write(world.path("served/noise"), noise.take(8 << 20).collect::<Vec<u8>>()).expect("a file");
    world.git(&["add", "."]);
    world.git(&["commit", "--quiet", "-m", "noise"]);
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let cache = world.cache_limited(Network::Online, &[], limits);
    let error = cache.tree(&world.url(), &world.commit("main"), Some(&path("skills/pdf"))).expect_err("too much");
    assert_eq!(error.kind(), Kind::UnsafeTree, "{error:?}");
    assert!(error.message().contains("more than cpm takes"), "{error:?}");
    // The unfinished pack goes with the next fetch.
    let tree = world.cache().tree(&world.url(), &world.commit("light"), Some(&path("skills/pdf"))).expect("a tree");
    assert_eq!(tree.len(), 2);
    let packs = std::fs::read_dir(cache.repository(&world.url()).join("objects/pack")).expect("a folder");
    assert!(packs.flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with("tmp_")));
}
