//! A journal is completed only at the places of cpm: it may have come with a stranger's project.

use std::path::Path;

use serde_json::json as value;

use crate::support::samples::everything;
use crate::support::{World, write};

/// SHA-256 of `{}`.
const EMPTY_OBJECT: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Leaves a journal that would put `{}` at a place where nothing is.
fn plant(world: &World, target: &Path, staged: &Path) {
    world.write(".cpm/stage/0", "{}");
    let step = value!({ "target": target, "staged": staged, "old": null, "new": EMPTY_OBJECT });
    world.write(".cpm/journal.json", &value!({ "format": 1, "steps": [step] }).to_string());
}

#[test]
fn a_journal_for_other_places_is_refused() {
    let world = World::in_git();
    let project = world.project();
    let slot = project.join(".cpm/stage/0");
    write(&world.path("outside/file"), "{}");
    for (target, staged) in [
        (Path::new(".git/hooks/post-checkout").to_path_buf(), slot.clone()),
        (project.join(".git/hooks/post-checkout"), slot.clone()),
        (project.join(".claude/settings.json"), slot.clone()),
        (project.join(".claude/skills/../settings.json"), slot.clone()),
        (project.join(".claude/skills/.."), slot.clone()),
        (world.home().join(".bash_aliases"), slot.clone()),
        (world.home().join(".claude/skills/alpha"), slot),
        (project.join("cpm.toml"), Path::new(".cpm/stage/0").to_path_buf()),
        (project.join("cpm.toml"), project.join(".cpm/stage/../../../outside/file")),
        (project.join("cpm.toml"), world.path("outside/file")),
    ] {
        plant(&world, &target, &staged);
        let before = (everything(&world.path("outside")), everything(&world.home()), everything(&project.join(".git")));
        for args in [&["install"][..], &["install", "--scope", "local"], &["remove", "x"]] {
            let run = world.fails(24, args);
            assert!(run.stderr.contains("journal"), "{run}");
        }
        let after = (everything(&world.path("outside")), everything(&world.home()), everything(&project.join(".git")));
        assert!(after == before && !world.has(".claude"), "{}", target.display());
    }
}

#[test]
fn a_journal_for_the_places_of_cpm_is_completed() {
    let places =
        ["project/.mcp.json", "project/.claude/skills/alpha", "project/.git/info/exclude", "home/.claude.json"];
    for target in places {
        for scope in ["project", "local"] {
            let world = World::in_git();
            let target = world.path(target);
            // What git made, if it is this one.
            let _ = std::fs::remove_file(&target);
            std::fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
            plant(&world, &target, &world.project().join(".cpm/stage/0"));
            let run = world.ok(&["install", "--scope", scope]);
            assert!(run.stderr.contains("interrupted"), "{run}");
            assert!(std::fs::read_to_string(&target).expect("text").contains("{}"), "{}", target.display());
            assert!(!world.has(".cpm/journal.json"));
        }
    }
}
