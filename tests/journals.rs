//! A journal is completed only at the places of cpm, and outside of the project only with what waits there already: it
//! may have come with a stranger's project.

use std::path::{Path, PathBuf};

use cpm::model::digest::FileDigest;
use serde_json::json as value;

use crate::support::samples::everything;
use crate::support::{World, write};

/// Leaves a journal that would put `{}` at a place where nothing is.
fn plant(world: &World, target: &Path, staged: &Path) {
    write(&world.project().join(staged), "{}");
    let step = value!({ "target": target, "staged": staged, "old": null, "new": FileDigest::of(b"{}").hex() });
    write_journal(world, &value!({ "format": 2, "steps": [step] }));
}

fn write_journal(world: &World, journal: &serde_json::Value) {
    let digest = FileDigest::of(journal.to_string().as_bytes()).hex();
    world.write(".cpm/journal.json", &format!("{journal}\n{digest}\n"));
}

/// Where a file waits that goes to a place which no project can bring along.
fn beside(world: &World, target: &Path) -> PathBuf {
    let state = world.project().join(".cpm");
    std::fs::create_dir_all(&state).expect("a folder");
    let mark = FileDigest::of(state.as_os_str().as_encoded_bytes()).hex();
    let name = target.file_name().expect("a name").to_string_lossy();
    target.with_file_name(format!(".{name}.cpm-{}", &mark[..8]))
}

#[test]
fn a_journal_for_other_places_is_refused() {
    let world = World::in_git();
    let project = world.project();
    let slot = PathBuf::from(".cpm/staged-0");
    let others = world.home().join(".claude/skills/alpha");
    write(&world.path("outside/file"), "{}");
    for (target, staged) in [
        (PathBuf::from(".git/hooks/post-checkout"), slot.clone()),
        (project.join(".git/hooks/post-checkout"), slot.clone()),
        (PathBuf::from(".claude/settings.json"), slot.clone()),
        (PathBuf::from(".claude/skills/../settings.json"), slot.clone()),
        (PathBuf::from(".claude/skills/.."), slot.clone()),
        (PathBuf::from("../../x"), slot.clone()),
        (PathBuf::from(".claude/skills/../../../x"), slot.clone()),
        (world.home().join(".bash_aliases"), slot.clone()),
        (others.clone(), slot.clone()),
        (others.clone(), beside(&world, &others)),
        // Places of cpm, which a stranger's project shall not reach by itself.
        (world.home().join(".claude.json"), slot.clone()),
        (world.home().join(".claude.json"), project.join(".cpm/staged-0")),
        (project.join(".git/info/exclude"), slot.clone()),
        (PathBuf::from("cpm.toml"), PathBuf::from(".cpm/staged-1/../../../outside/file")),
        (PathBuf::from("cpm.toml"), PathBuf::from("../outside/file")),
        (PathBuf::from("cpm.toml"), world.path("outside/file")),
    ] {
        plant(&world, &target, &staged);
        let before = (everything(&world.path("outside")), everything(&world.home()), everything(&project.join(".git")));
        for args in [&["install"][..], &["install", "--scope", "local"], &["remove", "x"]] {
            let run = world.fails(24, args);
            assert!(run.stderr.contains("journal"), "{}: {run}", target.display());
        }
        let after = (everything(&world.path("outside")), everything(&world.home()), everything(&project.join(".git")));
        assert!(after == before && !world.has(".claude"), "{}", target.display());
    }
}

#[test]
fn a_journal_cannot_name_folders_to_remove() {
    let world = World::in_git();
    std::fs::create_dir(world.project().join("empty")).expect("a folder");
    write(&world.project().join(".cpm/staged-0"), "");
    let step = value!({ "target": "cpm.toml", "staged": ".cpm/staged-0", "old": null, "new": "00" });
    write_journal(&world, &value!({ "format": 2, "steps": [step], "made": ["empty"] }));
    world.fails(24, &["install"]);
    assert!(world.has("empty"));
}

#[test]
fn a_journal_for_the_places_of_cpm_is_completed() {
    let places =
        ["project/.mcp.json", "project/.claude/skills/alpha", "project/.git/info/exclude", "home/.claude.json"];
    for place in places {
        for scope in ["project", "local"] {
            let world = World::in_git();
            let target = world.path(place);
            // What git made, if it is this one.
            let _ = std::fs::remove_file(&target);
            std::fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
            let is_beyond = place.contains(".git") || place.starts_with("home");
            let slot = if is_beyond { beside(&world, &target) } else { PathBuf::from(".cpm/staged-0") };
            plant(&world, &target, &slot);
            let run = world.ok(&["install", "--scope", scope]);
            assert!(run.stderr.contains("interrupted"), "{run}");
            assert!(std::fs::read_to_string(&target).expect("text").contains("{}"), "{}", target.display());
            assert!(!world.has(".cpm/journal.json") && !world.project().join(slot).exists());
        }
    }
}

#[test]
fn a_journal_that_is_not_whole_is_left_out_or_stops() {
    let world = World::in_git();
    plant(&world, Path::new("cpm.toml"), Path::new(".cpm/staged-0"));
    let whole = world.read(".cpm/journal.json");
    // From a newer cpm, and damaged.
    for damage in [whole.replace("\"format\":2", "\"format\":3"), whole.replace("cpm.toml", "cpm.lock")] {
        world.write(".cpm/journal.json", &damage);
        let run = world.fails(42, &["install"]);
        assert!(run.stderr.contains("journal") && world.read(".cpm/journal.json") == damage, "{run}");
    }
    // Cut off: it was never durable, so nothing had happened.
    world.write(".cpm/journal.json", &whole[..whole.len() - 9]);
    let run = world.ok(&["install", "deepwiki"]);
    assert!(run.stderr.contains("before it changed anything"), "{run}");
    assert!(!world.has(".cpm/journal.json") && !world.has(".cpm/staged-0"));
    world.ok(&["verify"]);
}
