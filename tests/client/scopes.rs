//! Every kind of package in every scope: the client lists exactly what cpm says, and after `remove` what was there before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::kinds::{Kind, MARKET, kinds};
use crate::support::client::{Client, Listing, predicted};
use crate::support::{World, delete, git, skill, write};

/// Where a session is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Below,
    WorkTree,
}

const PLACES: [Place; 3] = [Place::Root, Place::Below, Place::WorkTree];

/// A project with a folder in it and a linked work tree beside it, and things of the user's in all that cpm writes to.
struct Machine {
    world: World,
    client: Client,
    kinds: Vec<Kind>,
    scope: &'static str,
    is_trusted: bool,
}

impl Machine {
    fn new(client: Client, scope: &'static str, is_trusted: bool) -> Self {
        let mut world = World::in_git();
        let kinds = kinds(&mut world, &client);
        let project = world.project();
        git(&project, &["commit", "-q", "--allow-empty", "-m", "x"]);
        git(&project, &["worktree", "add", "-q", &world.path("tree").display().to_string()]);
        std::fs::create_dir_all(project.join("src/deep")).expect("a folder");
        write(&world.home().join(".claude/skills/mine/SKILL.md"), skill("mine", "x"));
        write(&project.join(".claude/skills/ours/SKILL.md"), skill("ours", "x"));
        let entry = |name: &str| {
            format!(r#""{name}":{{"command":"sh","args":["{}","{name}"]}}"#, world.path("server.sh").display())
        };
        let trust = format!(r#""projects":{{"{}":{{"hasTrustDialogAccepted":{is_trusted}}}}}"#, project.display());
        write(&world.home().join(".claude.json"), format!(r#"{{"mcpServers":{{{}}},{trust}}}"#, entry("mine")));
        write(&project.join(".mcp.json"), format!(r#"{{"mcpServers":{{{}}}}}"#, entry("ours")));
        Machine { world, client, kinds, scope, is_trusted }
    }

    fn dir(&self, place: Place) -> PathBuf {
        match place {
            Place::Root => self.world.project(),
            Place::Below => self.world.project().join("src/deep"),
            Place::WorkTree => self.world.path("tree"),
        }
    }

    /// Runs cpm in the scope.
    fn ok(&self, args: &[&str]) {
        self.world.ok(&[args, &["--scope", self.scope]].concat());
    }

    fn add_market(&self) {
        let market = self.world.path("repos").join(MARKET);
        self.ok(&["index", "add", MARKET, &format!("file://{}", market.display())]);
    }

    fn install(&self, kind: &Kind) {
        self.ok(&kind.install.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Starts a session and holds what the client lists, and which hooks run, against what cpm says.
    fn lists(&self, place: Place) -> (Listing, BTreeSet<String>) {
        let ran = self.world.home().join("hooks");
        delete(&ran);
        let dir = self.dir(place);
        let (said, hooks) = predicted(&self.world, &dir);
        let listed = self.client.lists(&self.world, &dir);
        let what = format!("{} scope, trusted: {}, {place:?}", self.scope, self.is_trusted);
        assert_eq!(listed, said, "what the client lists, and what cpm says: {what}");
        assert_eq!(lines(&ran), hooks, "the hooks that ran, and those that cpm says: {what}");
        (listed, hooks)
    }

    /// Whether the client loads plugins of the scope there.
    fn loads_plugins(&self, place: Place) -> bool {
        self.scope == "user" || self.is_trusted && place == Place::Root
    }

    /// What the client should list of some packages.
    fn expected(&self, kinds: &[&Kind], place: Place) -> Listing {
        let is_loaded = |line: &&str| {
            // A work tree has its own files; it shares the entries of `~/.claude.json`.
            let is_file = self.scope == "project" || line.starts_with("skill ");
            self.scope == "user" || place != Place::WorkTree || !is_file
        };
        let loose = kinds.iter().flat_map(|kind| kind.loose).copied().filter(is_loaded);
        let whole = kinds.iter().flat_map(|kind| kind.whole).copied().filter(|_| self.loads_plugins(place));
        loose.chain(whole).map(str::to_owned).collect()
    }
}

fn lines(path: &Path) -> BTreeSet<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Installs all kinds at once and looks from every place, twice; then removes all and looks again.
fn all_at_once(scope: &'static str) {
    for is_trusted in [false, true] {
        let Some(client) = Client::found() else { return };
        let machine = Machine::new(client, scope, is_trusted);
        let all: Vec<&Kind> = machine.kinds.iter().collect();
        let before = PLACES.map(|place| machine.lists(place));
        machine.add_market();
        all.iter().for_each(|kind| machine.install(kind));
        for (place, (before, _)) in PLACES.into_iter().zip(&before) {
            let wanted = before.union(&machine.expected(&all, place)).cloned().collect();
            let (first, hooks) = machine.lists(place);
            assert_eq!(first, wanted, "{scope} scope, trusted: {is_trusted}, {place:?}");
            assert_eq!(!hooks.is_empty(), machine.loads_plugins(place), "{hooks:?}");
            assert_eq!(machine.lists(place), (first, hooks), "the second session");
        }
        let names: Vec<&str> = all.iter().map(|kind| kind.name).collect();
        machine.ok(&[&["remove"], names.as_slice()].concat());
        assert_eq!(PLACES.map(|place| machine.lists(place)), before);
    }
}

#[test]
fn the_client_lists_all_that_is_installed_in_the_project_scope_and_nothing_after_remove() {
    all_at_once("project");
}

#[test]
fn the_client_lists_all_that_is_installed_in_the_local_scope_and_nothing_after_remove() {
    all_at_once("local");
}

#[test]
fn the_client_lists_all_that_is_installed_in_the_user_scope_and_nothing_after_remove() {
    all_at_once("user");
}

/// Installs and removes one kind after the other where the client trusts the project.
fn one_by_one(scope: &'static str) {
    let Some(client) = Client::found() else { return };
    let machine = Machine::new(client, scope, true);
    let (before, _) = machine.lists(Place::Root);
    machine.add_market();
    for kind in &machine.kinds {
        machine.install(kind);
        let wanted = before.union(&machine.expected(&[kind], Place::Root)).cloned().collect();
        assert_eq!(machine.lists(Place::Root).0, wanted, "{}", kind.name);
        machine.ok(&["remove", kind.name]);
        assert_eq!(machine.lists(Place::Root).0, before, "{}", kind.name);
    }
}

#[test]
fn each_kind_alone_is_listed_in_the_project_scope_and_goes_with_remove() {
    one_by_one("project");
}

#[test]
fn each_kind_alone_is_listed_in_the_local_scope_and_goes_with_remove() {
    one_by_one("local");
}

#[test]
fn each_kind_alone_is_listed_in_the_user_scope_and_goes_with_remove() {
    one_by_one("user");
}

#[test]
fn a_linked_work_tree_loads_what_is_committed() {
    for is_trusted in [false, true] {
        let Some(client) = Client::found() else { return };
        let machine = Machine::new(client, "project", is_trusted);
        machine.add_market();
        machine.kinds.iter().for_each(|kind| machine.install(kind));
        let project = machine.world.project();
        git(&project, &["add", ".claude", ".mcp.json", "cpm.toml", "cpm.lock"]);
        git(&project, &["commit", "-q", "-m", "x"]);
        git(&machine.dir(Place::WorkTree), &["merge", "-q", "--ff-only", "main"]);
        let (listed, hooks) = machine.lists(Place::Root);
        let (in_tree, hooks_in_tree) = machine.lists(Place::WorkTree);
        assert_eq!((&in_tree, &hooks_in_tree), (&listed, &hooks));
        assert_eq!(!hooks.is_empty(), is_trusted);
    }
}
