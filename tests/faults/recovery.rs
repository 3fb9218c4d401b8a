//! After a run that was killed: what the next one does, and what the client sees meanwhile.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;

use rustix::fs::inotify;

use super::{SKILL, UPDATE, assert_settled, assert_updated, with_kit};
use crate::support::faults::injected;
use crate::support::samples::{ALPHA, everything};
use crate::support::{Repo, Run, World, skill, snapshot};

/// An update that was killed when it came to its nth exchange.
fn killed_at(world: &World, exchange: usize) -> Option<Run> {
    let run = injected(world, None, &[&format!("renameat2:signal=KILL:when={exchange}")], &UPDATE)?;
    assert!(run.code == -1 && world.has(".cpm/journal.json"), "{run}");
    Some(run)
}

#[test]
fn the_next_command_completes_a_killed_run_and_says_so() {
    for args in [&["install", "--offline"][..], &["remove", "kit"], &["update", "--accept", "--offline"]] {
        let (world, _repo) = with_kit();
        let Some(_) = killed_at(&world, 2) else { return };
        let run = world.ok(args);
        assert!(run.stderr.contains("an interrupted run was completed"), "{run}");
        assert_settled(&world);
        if args[0] != "remove" {
            assert_updated(&world);
        }
        let after = everything(&world.project());
        let run = world.ok(&["install", "--offline"]);
        assert!(!run.stderr.contains("interrupted") && everything(&world.project()) == after, "{run}");
    }
}

#[test]
fn who_only_looks_after_a_killed_run_is_told_of_it() {
    let (world, _repo) = with_kit();
    let Some(_) = killed_at(&world, 2) else { return };
    for args in [&["verify"][..], &["list"], &["update", "--dry-run"], &["install", "--dry-run"]] {
        let before = everything(&world.project());
        let run = world.cpm(args);
        assert!(run.stderr.contains("interrupted") && run.stderr.contains("`cpm install` here completes it"), "{run}");
        assert!(everything(&world.project()) == before, "{args:?}");
    }
    world.ok(&["install", "--offline"]);
    assert!(!world.ok(&["verify"]).stderr.contains("interrupted"));
}

#[test]
fn an_edit_after_a_killed_run_stops_the_next_one_and_both_sides_are_shown() {
    for exchange in 1..=4 {
        let (world, _repo) = with_kit();
        let Some(_) = killed_at(&world, exchange) else { return };
        world.write(SKILL, "mine\n");
        let before = everything(&world.project());
        for args in [&["install", "--offline"][..], &["remove", "kit"], &["install", "--overwrite", "--offline"]] {
            let run = world.fails(42, args);
            assert!(run.stderr.contains(".claude/skills/alpha") && run.stderr.contains(".cpm/staged-"), "{run}");
            let now = everything(&world.project());
            let lock = world.project().join(".cpm/lock");
            assert!(now.iter().all(|(path, thing)| *path == lock || before.get(path) == Some(thing)), "{args:?}");
        }
        // As the help says.
        std::fs::rename(world.project().join(".claude/skills/alpha"), world.path("kept")).expect("moved");
        world.ok(&["install", "--offline"]);
        assert_settled(&world);
        assert_eq!(std::fs::read_to_string(world.path("kept/SKILL.md")).expect("there"), "mine\n");
    }
}

#[test]
fn a_project_that_was_moved_after_a_killed_run_recovers_where_it_is() {
    let (world, _repo) = with_kit();
    let Some(_) = killed_at(&world, 2) else { return };
    let moved = world.path("moved");
    std::fs::rename(world.project(), &moved).expect("moved");
    let run = world.cpm_in(&moved, &["install", "--offline"]);
    assert!(run.code == 0 && run.stderr.contains("completed"), "{run}");
    assert_eq!(world.cpm_in(&moved, &["verify"]).code, 0);
    std::fs::create_dir(world.project()).expect("a folder");
}

#[test]
fn a_signal_at_any_moment_leaves_the_old_state_or_the_new_one() {
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        for call in ["write:when=4", "renameat2:when=1", "renameat2:when=3", "fsync:when=2", "unlink,unlinkat:when=1"] {
            let (world, _repo) = with_kit();
            let before = snapshot(&world.project());
            let (name, when) = call.split_once(':').expect("two parts");
            let rule = format!("{name}:signal={signal}:{when}");
            let Some(run) = injected(&world, None, &[&rule], &UPDATE) else { return };
            assert_eq!(run.code, -1, "ended by signal {number}: {run}");
            world.ok(&["install", "--offline"]);
            if snapshot(&world.project()) != before {
                assert_updated(&world);
            }
            assert_settled(&world);
        }
    }
}

#[test]
fn a_panic_at_any_change_leaves_the_old_state_or_the_new_one() {
    let (mut world, mut repo) = with_kit();
    let mut before = snapshot(&world.project());
    let mut ends = [0, 0];
    for change in 1.. {
        let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
        command.args(UPDATE).env("CPM_FAILPOINT", format!("panic:{change}"));
        let run = Run::of(command.output().expect("cpm runs"));
        if run.code == 0 {
            break;
        }
        assert!(run.stderr.contains(&format!("asked for at change {change}")), "{run}");
        world.ok(&["install", "--offline"]);
        assert_settled(&world);
        let is_new = snapshot(&world.project()) != before;
        ends[usize::from(is_new)] += 1;
        if is_new {
            assert_updated(&world);
            (world, repo) = with_kit();
            before = snapshot(&world.project());
        }
    }
    assert!(ends.iter().all(|count| *count > 3), "{ends:?} old and new");
    drop(repo);
}

#[test]
fn one_bad_package_among_twenty_changes_nothing() {
    let world = World::in_git();
    let names: Vec<String> = (1..=20).map(|at| format!("p{at:02}")).collect();
    let files: Vec<(String, String)> =
        names.iter().map(|name| (format!("{name}/SKILL.md"), skill(name, "one"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repo = Repo::new(&world, "many", &files);
    let entries = names.iter().map(|name| format!("{name} = {{ git = \"{}\", path = \"{name}\" }}\n", repo.url()));
    world.write("cpm.toml", &format!("[dependencies]\n{}", entries.collect::<String>()));
    world.ok(&["install"]);
    let checksum = crate::locking::locked(&world, "p13", "checksum");
    world.write("cpm.lock", &world.read("cpm.lock").replace(&checksum, &format!("t1:{}", "0".repeat(64))));
    world.check_out_anew();
    let run = world.fails(20, &["install", "--locked"]);
    assert!(run.stderr.contains("p13") && !world.has(".claude"), "{run}");
}

#[test]
fn the_client_only_ever_sees_final_names() {
    let (world, _repo) = with_kit();
    std::fs::create_dir_all(world.project().join(".claude/commands")).expect("a folder");
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("inotify");
    let all = inotify::WatchFlags::ALL_EVENTS;
    for folder in [".claude/skills", ".claude/commands"] {
        inotify::add_watch(&watch, world.project().join(folder), all).expect("a watch");
    }
    world.ok(&UPDATE);
    world.write(SKILL, "damaged\n");
    world.ok(&["install", "--overwrite", "--offline"]);
    world.ok(&["remove", "kit"]);
    world.ok(&["install", "deepwiki", "commit-messages"]);
    world.ok(&["undo"]);
    let mut buffer = [MaybeUninit::uninit(); 65536];
    let mut reader = inotify::Reader::new(&watch, &mut buffer);
    let mut names = BTreeSet::new();
    while let Ok(event) = reader.next() {
        names.extend(event.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    assert_eq!(names, ["alpha", "commit-messages"].map(str::to_owned).into(), "{ALPHA}");
}
