//! Trees that strangers make [security.md §3.4], served by a real git and refused or installed by the real binary;
//! `docs/hostile-inputs.md` says which row is held by which test.

mod content;
mod limits;
mod links;
mod names;
mod placing;

use crate::support::raw_tree::Entry;
use crate::support::{Guarded, RawRepo, Run, skill};

/// A guarded world, a repository of raw trees, and the blob of a good SKILL.md.
struct Served {
    world: Guarded,
    repo: RawRepo,
    skill: git2::Oid,
}

impl Served {
    fn new() -> Self {
        let world = Guarded::new();
        let repo = RawRepo::new(&world, "kit");
        let skill = repo.blob(skill("kit", "good"));
        Served { world, repo, skill }
    }

    /// Serves a skill with more entries, in the order that git demands.
    fn serve(&self, entries: &[Entry<'_>]) {
        let skill: Entry<'_> = ("100644", b"SKILL.md", self.skill);
        let mut all = [&[skill], entries].concat();
        all.sort_by_key(|(mode, name, _)| if *mode == "40000" { [name, &b"/"[..]].concat() } else { name.to_vec() });
        self.repo.serve(self.repo.tree(&all));
    }

    /// Installing what is served ends in this code.
    fn refuses(&self, code: i32) -> Run {
        self.world.refuses(code, &["install", "kit", "--git", &self.repo.url()])
    }

    /// Installing what is served works.
    fn accepts(&self) -> Run {
        self.world.accepts(&["install", "kit", "--git", &self.repo.url()])
    }

    /// The cause was the tree alone: the same repository with a good one is installed.
    fn accepts_a_good_tree(&self) {
        self.serve(&[]);
        self.accepts();
        assert!(self.world.has(".claude/skills/kit/SKILL.md"));
    }
}
