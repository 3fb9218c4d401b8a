//! What runs cost, counted in system calls: nothing to do starts nothing, and what is installed appears by rename only.
#![cfg(target_os = "linux")]

use crate::support::trace::Trace;
use crate::support::{Repo, World, skill};

fn creates(call: &str) -> bool {
    let opens = call.starts_with("open") || call.starts_with("creat");
    opens
        && (call.contains("O_CREAT")
            || call.contains("O_TRUNC")
            || call.contains("O_WRONLY")
            || call.contains("O_RDWR"))
}

/// A world with a plugin of 60 files installed from a repository.
fn with_large_plugin() -> World {
    let world = World::in_git();
    let texts: Vec<(String, String)> = (0..58)
        .map(|at| (format!("skills/s{}/notes/{at}.md", at % 6), format!("note {at}\n")))
        .chain([(".claude-plugin/plugin.json".to_owned(), r#"{"name":"kit","version":"1.0.0"}"#.to_owned())])
        .chain([("skills/s0/SKILL.md".to_owned(), skill("s0", "kit:s0"))])
        .collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(files.len(), 60);
    let repo = Repo::new(&world, "kit", &files);
    world.ok(&["install", "--git", &repo.url()]);
    assert!(world.has(".claude/skills/kit/.claude-plugin/plugin.json"));
    world
}

#[test]
fn a_run_with_nothing_to_do_starts_nothing_and_leaves_the_cache_closed() {
    let world = with_large_plugin();
    for args in [
        &["install"][..],
        &["install", "--frozen"],
        &["list"],
        &["verify"],
        &["tree"],
        &["why", "kit"],
        &["search", "github"],
    ] {
        let Some(trace) = Trace::of(&world, args) else { return };
        trace.starts_nothing_and_asks_nobody();
        let cache = world.path("cache").display().to_string();
        assert_eq!(trace.below(&cache, |call| !call.starts_with("execve")), [""; 0], "{args:?}");
        assert_eq!(trace.syncs(), 0, "{args:?}");
    }
}

#[test]
fn a_run_with_nothing_to_do_reads_no_installed_file() {
    let world = with_large_plugin();
    let Some(trace) = Trace::of(&world, &["install"]) else { return };
    let opened = trace.below("/.claude/skills/", |call| call.starts_with("open") && !call.contains("O_DIRECTORY"));
    assert_eq!(opened, [""; 0]);
}

#[test]
fn a_warm_reinstall_starts_nothing_and_syncs_a_fixed_number_of_times() {
    let world = with_large_plugin();
    world.check_out_anew();
    let Some(trace) = Trace::of(&world, &["install", "--frozen"]) else { return };
    trace.starts_nothing_and_asks_nobody();
    // Once all that is staged; then the journal, what was put in place on both sides, and the end of the journal.
    let (all, single) = (trace.named(&["syncfs", "sync"]), trace.named(&["fsync", "fdatasync"]));
    assert!(all.len() == 1 && (1..=4).contains(&single.len()) && trace.syncs() <= 5, "{all:?} {single:?}");
    let store = world.path("cache/store-v1").display().to_string();
    let read = trace.below(&store, |call| call.starts_with("open") && !call.contains("O_DIRECTORY")).len();
    assert_eq!(read, 60, "each stored file is read once");
    assert_eq!(trace.below(&world.path("cache/git-v1").display().to_string(), |_| true), [""; 0]);
}

#[test]
fn a_change_of_many_folders_syncs_no_more_often() {
    let world = with_large_plugin();
    world.write(".mcp.json", "{}\n");
    world.ok(&["remove", "kit"]);
    let url = world.path("repos/kit").display().to_string();
    let Some(trace) = Trace::of(&world, &["install", "--git", &format!("file://{url}"), "--offline"]) else { return };
    assert!(trace.syncs() <= 5, "{:?}", trace.named(&["fsync", "fdatasync", "syncfs", "sync"]));
}

#[test]
fn an_install_from_a_vendored_folder_starts_nothing_and_asks_nobody() {
    let world = with_large_plugin();
    world.ok(&["vendor", "vendor"]);
    world.empty_cache();
    for args in [&["install", "--frozen", "--offline", "--from", "vendor"][..], &["install", "--from", "vendor"]] {
        world.check_out_anew();
        let Some(trace) = Trace::of(&world, args) else { return };
        trace.starts_nothing_and_asks_nobody();
        let vendor = world.project().join("vendor").display().to_string();
        let read = trace.below(&vendor, |call| call.starts_with("open") && !call.contains("O_DIRECTORY"));
        assert_eq!((read.len(), trace.below(&vendor, creates)), (60, vec![]), "each file is read once");
        assert!(!world.path("cache").exists());
    }
}

#[test]
fn nothing_is_ever_written_below_the_skills_folder_but_by_rename() {
    let world = with_large_plugin();
    let skills = "/.claude/skills/";
    let is_made = |call: &str| creates(call) || call.starts_with("mkdir") || call.starts_with("link");
    for (change, args) in [("fresh", &["install", "--frozen"][..]), ("damaged", &["install", "--overwrite"])] {
        match change {
            "fresh" => world.check_out_anew(),
            _ => world.write(".claude/skills/kit/skills/s0/SKILL.md", "damaged\n"),
        }
        let Some(trace) = Trace::of(&world, args) else { return };
        assert_eq!(trace.below(skills, is_made), [""; 0], "{change}");
        let renamed = trace.below(skills, |call| call.starts_with("rename"));
        assert_eq!(renamed.len(), 1, "{change}: {renamed:?}");
        let staged = trace.below("/.cpm/staged-", creates).len();
        assert!((60..70).contains(&staged), "{change}: {staged} files are staged");
        world.ok(&["verify"]);
    }
}
