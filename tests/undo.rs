//! `cpm undo` takes back the last change of a scope: bytes, manifest and lock; and loses nothing that came after it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json as value;

use crate::support::samples::{ALPHA, BETA, KIT, install, json};
use crate::support::{Index, Repo, World, delete, git, skill, snapshot, write};

const SKILL: &str = ".claude/skills/alpha/SKILL.md";

/// Everything of project and home but cpm's state.
fn all(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = snapshot(&world.project());
    files.extend(snapshot(&world.home()));
    files
}

/// A project with `kit`, whose manifest has words of the user's own, and a newer commit in its repository.
fn with_kit() -> (World, Repo) {
    let world = World::in_git();
    world.write("cpm.toml", "# ours\n\n[dependencies]   # all of them\n");
    write(&world.home().join(".claude.json"), "{\n\t\"theirs\": 1.0\n}");
    let repo = install(&world, "kit", &KIT, &[]);
    repo.commit(&[
        ("skills/alpha/SKILL.md", &format!("{ALPHA}newer\n")),
        (".mcp.json", r#"{"mcpServers":{"srv":{"command":"other"}}}"#),
    ]);
    (world, repo)
}

#[test]
fn each_kind_of_change_is_taken_back_byte_for_byte_and_again() {
    let (world, _repo) = with_kit();
    let other = Repo::new(&world, "other", &[("SKILL.md", BETA)]).url();
    let index = Index::new(&world, "acme");
    for change in [
        &["install", "other", "--git", &other][..],
        &["update", "--accept"],
        &["remove", "kit"],
        &["install", "safe-git", "--scope", "local"],
        &["install", "github-tools", "--scope", "user"],
        &["index", "add", "acme", &index.repo.url()],
        &["install", "kit", "--placement", "plugin", "--accept"],
    ] {
        let before = all(&world);
        world.ok(change);
        let after = all(&world);
        assert!(after != before, "{change:?}");
        let scope =
            if let Some(at) = change.iter().position(|word| *word == "--scope") { change[at + 1] } else { "project" };
        let undo = ["undo", "--scope", scope];
        let plan = world.ok(&[&undo[..], &["--dry-run"]].concat());
        assert!(all(&world) == after && plan.stderr.contains(&format!("taking back `cpm {}", change[0])), "{plan}");
        world.ok(&undo);
        assert!(all(&world) == before, "{change:?}");
        world.ok(&["verify"]);
        world.ok(&undo);
        assert!(all(&world) == after, "{change:?} again");
        world.ok(&undo);
        assert!(all(&world) == before, "{change:?} back again");
    }
}

#[test]
fn an_update_beyond_the_manifest_is_taken_back_with_its_requirement() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    index.release("kit", "2.0.0", &[]);
    let before = all(&world);
    world.ok(&["update", "--breaking", "--accept"]);
    assert!(world.read("cpm.toml").contains("\"2"), "{}", world.read("cpm.toml"));
    let undone = world.ok(&["undo", "--json"]).json();
    assert!(all(&world) == before);
    assert_eq!(undone["took_back"], "update");
    assert_eq!(
        (&undone["report"]["packages"][0]["was"], &undone["report"]["packages"][0]["version"]),
        (&value!("2.0.0"), &value!("1.0.0"))
    );
}

#[test]
fn the_first_install_is_taken_back_to_nothing() {
    for scope in ["project", "local", "user"] {
        let world = World::in_git();
        let before = all(&world);
        world.ok(&["install", "github-tools", "safe-git", "--scope", scope]);
        world.ok(&["undo", "--scope", scope]);
        assert!(all(&world) == before, "{scope}");
    }
}

#[test]
fn a_surface_that_comes_back_was_approved_before() {
    let (world, _repo) = with_kit();
    world.ok(&["update", "--accept"]);
    let run = world.ok(&["undo"]);
    assert!(run.stdout.contains("server `srv`"), "what runs again is shown: {run}");
    assert_eq!(json(&world.project().join(".mcp.json"))["mcpServers"]["srv"]["command"], "true");
}

#[test]
fn what_changed_since_is_never_lost() {
    for (path, text) in [(SKILL, "mine\n"), ("cpm.toml", "# mine\n"), ("cpm.lock", "version = 1\n")] {
        let (world, _repo) = with_kit();
        world.ok(&["update", "--accept"]);
        world.write(path, text);
        for args in [&["undo"][..], &["undo", "--dry-run"]] {
            let run = world.fails(30, args);
            assert!(run.stderr.contains(path.rsplit('/').next().unwrap()), "{path}: {run}");
        }
    }
    let (world, _repo) = with_kit();
    world.ok(&["update", "--accept"]);
    delete(&world.project().join("cpm.lock"));
    let run = world.fails(30, &["undo"]);
    assert!(run.stderr.contains("`cpm.lock` changed since `cpm update`"), "{run}");
}

#[test]
fn an_edit_in_a_package_that_the_change_was_not_about_stays() {
    let (world, _repo) = with_kit();
    world.ok(&["install", "safe-git"]);
    world.write(SKILL, "mine\n");
    world.ok(&["undo"]);
    assert_eq!(world.read(SKILL), "mine\n");
    assert!(!world.has(".claude/skills/safe-git"));
}

#[test]
fn what_an_install_only_took_over_stays_when_it_is_taken_back() {
    let world = World::in_git();
    let entry = "{\"mcpServers\":{\"srv\":{\"type\":\"stdio\",\"command\":\"true\"}}}";
    world.write(SKILL, ALPHA);
    world.write(".mcp.json", entry);
    let before = all(&world);
    let repo = install(&world, "kit", &KIT, &[]);
    let after = all(&world);
    let run = world.ok(&["undo"]);
    assert!(
        run.stdout.contains("kept     .claude/skills/alpha") && run.stdout.contains("kept     .mcp.json → srv"),
        "{run}"
    );
    assert!(all(&world) == before);
    world.ok(&["undo"]);
    assert!(all(&world) == after);
    world.ok(&["undo"]);
    // They are the user's again: another package does not take their place.
    repo.commit(&[("skills/alpha/SKILL.md", BETA)]);
    world.fails(30, &["install", "kit", "--git", &repo.url()]);
}

#[test]
fn a_restore_is_no_change_of_manifest_or_lock_so_what_came_before_it_is_taken_back() {
    let (world, _repo) = with_kit();
    let before = all(&world);
    world.ok(&["install", "safe-git"]);
    world.write(".claude/skills/safe-git/README.md", "mine\n");
    world.ok(&["restore", "safe-git"]);
    let run = world.ok(&["undo"]);
    assert!(run.stderr.contains("taking back `cpm install`"), "{run}");
    assert!(all(&world) == before);
}

#[test]
fn old_bytes_come_from_the_store_else_from_their_commit() {
    let (world, repo) = with_kit();
    let before = all(&world);
    world.ok(&["update", "--accept"]);
    world.ok(&["undo", "--offline"]);
    assert!(all(&world) == before);
    world.ok(&["undo", "--offline"]);
    world.empty_cache();
    world.fails(14, &["undo", "--offline"]);
    world.ok(&["undo"]);
    assert!(all(&world) == before);
    drop(repo);
}

#[test]
fn without_a_change_there_is_nothing_to_take_back() {
    let world = World::in_git();
    let run = world.fails(14, &["undo"]);
    assert!(run.stderr.contains("nothing to take back") && !world.has(".cpm"), "{run}");
    world.ok(&["install", "safe-git"]);
    world.fails(14, &["undo", "--scope", "local"]);
    world.check_out_anew();
    world.ok(&["install"]);
    world.fails(14, &["undo"]);
}

#[test]
fn what_was_only_locked_is_not_installed_by_going_back() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    world.write("cpm.toml", &format!("[dependencies]\nkit = {{ git = \"{}\" }}\n", repo.url()));
    world.ok(&["lock"]);
    world.write("cpm.toml", "");
    let before = all(&world);
    world.ok(&["lock"]);
    world.ok(&["undo"]);
    assert!(all(&world) == before);
}

#[test]
fn a_merged_lock_is_nothing_to_go_back_to() {
    let (world, _repo) = with_kit();
    let project = world.project();
    git(&project, &["add", "cpm.toml", "cpm.lock"]);
    git(&project, &["commit", "-q", "-m", "one"]);
    git(&project, &["checkout", "-q", "-b", "theirs"]);
    world.ok(&["install", "github-tools"]);
    git(&project, &["commit", "-q", "-a", "-m", "theirs"]);
    git(&project, &["checkout", "-q", "main"]);
    world.ok(&["install", "deepwiki"]);
    git(&project, &["commit", "-q", "-a", "-m", "ours"]);
    let lock = world.read("cpm.lock");
    let sides =
        lock.replace("[[package]]\nname = \"kit\"", "<<<<<<< a\n=======\n>>>>>>> b\n[[package]]\nname = \"kit\"");
    world.write("cpm.lock", &sides);
    world.ok(&["install"]);
    world.fails(14, &["undo"]);
}

#[test]
fn the_record_holds_nothing_but_cpms_own() {
    let (world, _repo) = with_kit();
    write(&world.home().join(".claude.json"), r#"{"mcpServers":{"x":{"command":"secret-of-mine"}}}"#);
    world.ok(&["install", "github-tools", "--scope", "user"]);
    let record = std::fs::read_to_string(world.home().join(".claude/.cpm/undo-user.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    let keys: Vec<&String> = record.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["format", "command", "manifest", "lock", "installed", "adopted_dirs", "adopted_servers"]);
    assert!(!record.to_string().contains("secret-of-mine"));
    assert_eq!(world.read(".cpm/.gitignore"), "*\n");
}

#[test]
fn a_record_that_is_none_is_named() {
    let (world, _repo) = with_kit();
    for text in ["", "{}", r#"{"format":2}"#] {
        world.write(".cpm/undo-project.json", text);
        let run = world.fails(42, &["undo"]);
        assert!(run.stderr.contains("undo-project.json"), "{run}");
    }
    world.ok(&["install", "safe-git"]);
    world.ok(&["undo"]);
}

#[test]
fn a_folder_that_changed_is_taken_back_to_what_was_installed_from_it() {
    let world = World::in_git();
    let notes = ["one", "two", "three"].map(|text| skill("notes", text));
    world.write("mine/notes/SKILL.md", &notes[0]);
    world.ok(&["install", "--path", "mine/notes"]);
    let first = [world.read("cpm.toml"), world.read("cpm.lock")];
    world.write("mine/notes/SKILL.md", &notes[1]);
    world.ok(&["update", "notes"]);
    world.write("mine/notes/SKILL.md", &notes[2]);
    let installed = ".claude/skills/notes/SKILL.md";
    world.ok(&["undo"]);
    assert_eq!((world.read(installed), [world.read("cpm.toml"), world.read("cpm.lock")]), (notes[0].clone(), first));
    world.ok(&["verify"]);
    world.ok(&["undo"]);
    assert_eq!((world.read(installed), world.read("mine/notes/SKILL.md")), (notes[1].clone(), notes[2].clone()));
    // Without a copy in the cache nothing has the old bytes any more.
    world.empty_cache();
    let before = all(&world);
    let run = world.fails(20, &["undo"]);
    assert!(run.stderr.contains("no copy") && run.stderr.contains("cpm update notes"), "{run}");
    assert!(all(&world) == before);
}
