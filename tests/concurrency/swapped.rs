//! A folder on the way to what cpm writes is exchanged for a link while it writes: nothing is ever written through it.
#![cfg(target_os = "linux")]

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::meanwhile;
use crate::support::samples::{KIT, everything};
use crate::support::{Repo, World, write};

/// How often the folder is exchanged at least.
const TRIES: u64 = 10_000;

#[test]
fn a_folder_that_becomes_a_link_during_a_run_leads_nothing_out_of_the_project() {
    for part in [".claude", ".claude/skills", ".cpm"] {
        let world = World::in_git();
        let url = Repo::new(&world, "kit", &KIT).url();
        world.ok(&["install", "kit", "--git", &url]);
        let outside = world.path("outside");
        for file in ["precious", "skills/alpha/SKILL.md", "alpha/SKILL.md", "stage/0/SKILL.md", "lock"] {
            write(&outside.join(file), "precious\n");
        }
        let before = everything(&outside);
        let (folder, link) = (world.project().join(part), world.project().join("link"));
        symlink(&outside, &link).expect("a link");
        let (over, tries) = (AtomicBool::new(false), AtomicU64::new(0));
        let exchange = || {
            renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).expect("exchanged");
            tries.fetch_add(1, Ordering::Relaxed);
        };
        let mut codes = std::collections::BTreeMap::new();
        std::thread::scope(|scope| {
            let _exchanging = meanwhile(scope, &over, exchange);
            for args in [&["remove", "kit"][..], &["install", "kit", "--git", &url]].iter().cycle() {
                let run = world.cpm(args);
                *codes.entry(run.code).or_insert(0) += 1;
                assert!(everything(&outside) == before, "{part}: {args:?} {run}");
                if tries.load(Ordering::Relaxed) > TRIES && codes.values().sum::<u64>() >= 60 {
                    break;
                }
            }
        });
        // What is elsewhere when a run looks can seem not to be installed, or to be somebody else's, or not open at all.
        assert!(codes.keys().all(|code| [0, 14, 24, 30, 40, 41].contains(code)), "{part}: {codes:?}");
        if folder.is_symlink() {
            renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).expect("exchanged");
        }
        world.ok(&["install", "kit", "--git", &url]);
        world.ok(&["verify"]);
    }
}
