//! Between cpm and a git server [security.md §3.3]: what moves, what is started for it, and what is said.
//! `docs/hostile-inputs.md` says which row is held by which test.

mod confined;
mod refs;
mod told;

use crate::support::guard::{Guarded, program};
use crate::support::{Repo, skill};

const SKILL: &str = ".claude/skills/kit/SKILL.md";

/// A guarded world with a repository that is one skill.
fn with_kit() -> (Guarded, Repo) {
    let world = Guarded::new();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    (world, repo)
}

/// Makes `ssh` this script; `$last` is the command that a server would run.
fn with_ssh(world: &Guarded, script: &str) {
    let started = world.path("started").display().to_string();
    let head = format!("#!/bin/sh\nprintf '%s\\n' \"ssh $*\" >>'{started}'\nfor last; do :; done\n");
    program(&world.path("programs/ssh"), &(head + script));
}

/// The address of a repository over `ssh`.
fn over_ssh(repo: &Repo) -> String {
    format!("ssh://git@git.example.com{}", repo.dir().display())
}
