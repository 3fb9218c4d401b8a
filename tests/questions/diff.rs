//! `cpm diff` shows the lines that an update would change; `cpm update` shows the files, before it does or asks anything.

use std::process::Stdio;

use serde_json::{Value, json};

use super::{answer, asked};
use crate::locking::locked;
use crate::support::{Index, Repo, Run, World, skill, write};

/// A plugin with a text, a binary file, a script and one that goes.
const OLD: [(&str, &str); 6] = [
    (".claude-plugin/plugin.json", r#"{"name":"kit","version":"1.0.0"}"#),
    ("skills/a/SKILL.md", "---\nname: a\ndescription: Does a.\n---\none\ntwo\nthree\n"),
    ("commands/gone.md", "gone\nfor good\n"),
    ("commands/moved.md", "same\n"),
    ("logo.png", "PNG\0old"),
    ("bin/run", "#!/bin/sh\ntrue\n"),
];

/// The plugin installed, and changed since.
fn with_change() -> (World, Repo) {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &OLD);
    world.ok(&["install", "--git", &repo.url()]);
    repo.remove(&["commands/gone.md"]);
    repo.commit(&[
        ("skills/a/SKILL.md", "---\nname: a\ndescription: Does a.\n---\none\n2\n2.5\nthree\n"),
        ("commands/new.md", "new\n"),
        ("logo.png", "PNG\0newer"),
        ("bin/run*", "#!/bin/sh\ntrue\n"),
    ]);
    (world, repo)
}

/// What happens to each file: the action, lines that come and go, whether it is binary.
fn told(package: &Value) -> Vec<(String, String, u64, u64, bool)> {
    let files = package["files"].as_array().expect("files").iter();
    let text = |file: &Value, key: &str| file[key].as_str().expect(key).to_owned();
    let number = |file: &Value, key: &str| file[key].as_u64().expect(key);
    files
        .map(|file| {
            let binary = file["binary"].as_bool().expect("binary");
            (text(file, "change"), text(file, "path"), number(file, "added"), number(file, "removed"), binary)
        })
        .collect()
}

fn wanted() -> Vec<(String, String, u64, u64, bool)> {
    [
        ("changed", "bin/run", 0, 0, false),
        ("removed", "commands/gone.md", 0, 2, false),
        ("added", "commands/new.md", 1, 0, false),
        ("changed", "logo.png", 0, 0, true),
        ("changed", "skills/a/SKILL.md", 2, 1, false),
    ]
    .map(|(change, path, added, removed, binary)| (change.to_owned(), path.to_owned(), added, removed, binary))
    .to_vec()
}

#[test]
fn files_that_come_go_and_change_are_told_with_their_lines() {
    let (world, repo) = with_change();
    let answer = answer(&world, &["diff", "kit"]);
    let package = &answer["diff"]["packages"][0];
    assert_eq!(told(package), wanted());
    assert_eq!((&package["allowed"]["commit"], &package["unknown"]), (&repo.head().into(), &Value::Null));
    assert_eq!(package["files"][0]["executable"], true);
    assert_eq!(package["files"][3]["bytes"], json!([7, 9]));
    let run = asked(&world, 0, &["diff", "kit"]);
    let hunk = "--- a/skills/a/SKILL.md\n+++ b/skills/a/SKILL.md\n@@ -3,5 +3,6 @@\n description: Does a.\n ---\n one\n-two\n+2\n+2.5\n three\n";
    for part in [
        hunk,
        "--- a/commands/gone.md\n+++ /dev/null\n",
        "--- /dev/null\n+++ b/commands/new.md\n",
        "changed logo.png  binary, 7 B → 9 B\n",
        "changed bin/run  +0 -0  now executable\n",
        "  5 files, +3 -3\n",
    ] {
        assert!(run.stdout.contains(part), "{part}\n{run}");
    }
    assert!(!run.stdout.contains("PNG"), "{run}");
}

#[test]
fn the_patches_are_ones_that_git_applies() {
    let (world, repo) = with_change();
    let packages = answer(&world, &["diff"])["diff"]["packages"].take();
    let files = packages[0]["files"].as_array().expect("files").iter();
    let patch: String = files.filter_map(|file| file["patch"].as_str()).collect();
    let copy = world.path("copy");
    for (path, text) in OLD {
        write(&copy.join(path), text);
    }
    write(&world.path("patch"), patch);
    crate::support::git(&copy, &["init", "-q"]);
    crate::support::git(&copy, &["apply", &world.path("patch").display().to_string()]);
    for path in ["skills/a/SKILL.md", "commands/new.md"] {
        let [copied, upstream] = [&copy, repo.dir()].map(|dir| std::fs::read(dir.join(path)).expect("a file"));
        assert_eq!(copied, upstream, "{path}");
    }
    assert!(!copy.join("commands/gone.md").exists());
}

#[test]
fn stat_names_the_files_without_their_lines() {
    let (world, _repo) = with_change();
    let run = asked(&world, 0, &["diff", "--stat"]);
    assert!(run.stdout.contains("changed skills/a/SKILL.md  +2 -1\n") && !run.stdout.contains("2.5"), "{run}");
    let answer = answer(&world, &["diff", "--stat"]);
    assert_eq!(told(&answer["diff"]["packages"][0]), wanted());
    assert!(!answer.to_string().contains("patch"), "{answer:#}");
}

#[test]
fn a_dry_run_of_an_update_tells_the_files() {
    let (world, _repo) = with_change();
    let run = asked(&world, 0, &["update", "--dry-run", "--json"]);
    assert_eq!(told(&run.json()["report"]["packages"][0]["changes"]), wanted());
    let run = asked(&world, 0, &["update", "--dry-run"]);
    assert!(run.stdout.contains("    files    changed bin/run  +0 -0  now executable\n"), "{run}");
    assert!(run.stdout.contains("             changed skills/a/SKILL.md  +2 -1\n"), "{run}");
    assert!(world.ok(&["update", "--accept", "--json"]).json()["report"]["packages"][0].get("changes").is_none());
}

#[test]
fn an_update_shows_the_files_before_it_asks() {
    let (world, _repo) = with_change();
    let Ok(mut child) = world
        .command("script")
        .args(["-q", "-e", "-c", &format!("{} update", env!("CARGO_BIN_EXE_cpm")), "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        return;
    };
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, b"n\n").expect("answered");
    let run = Run::of(child.wait_with_output().expect("it ends"));
    drop(stdin);
    let (shown, question) = (run.stdout.find("changed skills/a/SKILL.md"), run.stdout.find("Go on?"));
    assert!(shown.is_some() && shown < question, "{run}");
    assert_eq!(run.code, 23, "{run}");
}

#[test]
fn an_update_is_not_stopped_by_what_it_replaces() {
    for damage in ["cache", "surface"] {
        let (world, repo) = with_change();
        match damage {
            "cache" => world.empty_cache(),
            _ => {
                let lock = world
                    .read("cpm.lock")
                    .replace(&locked(&world, "kit", "surface"), &format!("s1:{}", "0".repeat(64)));
                world.write("cpm.lock", &lock);
            }
        }
        asked(&world, 0, &["update", "--dry-run"]);
        world.ok(&["update", "--accept"]);
        assert_eq!(locked(&world, "kit", "commit"), repo.head(), "{damage}");
    }
}

#[test]
fn only_what_was_named_is_compared() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    for version in ["1.0.0", "1.1.0"] {
        for name in ["one", "two"] {
            index.release(name, version, &[]);
        }
        if version == "1.0.0" {
            world.ok(&["install", "one", "two"]);
        }
    }
    let names = |args: &[&str]| {
        let answer = answer(&world, args);
        let packages = answer["diff"]["packages"].as_array().expect("packages").iter();
        packages.map(|package| package["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["diff", "two"]), ["two"]);
    assert_eq!(names(&["diff"]), ["one", "two"]);
    let run = asked(&world, 14, &["diff", "three"]);
    assert!(run.stderr.contains("`three`"), "{run}");
    world.ok(&["update"]);
    assert!(asked(&world, 0, &["diff"]).stdout.starts_with("No difference"));
}

#[test]
fn a_package_that_comes_and_one_that_goes_are_told_whole() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("old", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("old", "1")]);
    world.ok(&["install", "app"]);
    index.release("new", "1.0.0", &[]);
    index.release("app", "1.1.0", &[("new", "1")]);
    let answer = answer(&world, &["diff"]);
    let changes =
        |at: usize| answer["diff"]["packages"][at]["files"][0]["change"].as_str().expect("a change").to_owned();
    assert_eq!([changes(0), changes(1), changes(2)], ["changed", "added", "removed"]);
}

#[test]
fn a_replaced_history_can_be_looked_at_although_no_update_takes_it() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "good"))]);
    repo.git(&["tag", "v1"]);
    world.ok(&["install", "--git", &repo.url(), "--tag", "v1"]);
    repo.commit(&[("SKILL.md", &skill("kit", "EVIL"))]);
    repo.git(&["tag", "-f", "v1"]);
    world.fails(20, &["update"]);
    assert!(asked(&world, 0, &["diff"]).stdout.contains("-good\n+EVIL\n"));
}

#[test]
fn a_folder_is_compared_with_what_was_installed_from_it() {
    let world = World::in_git();
    write(&world.path("style/SKILL.md"), skill("style", "one"));
    world.ok(&["install", "--path", &world.path("style").display().to_string()]);
    write(&world.path("style/SKILL.md"), skill("style", "two"));
    assert!(asked(&world, 0, &["diff"]).stdout.contains("-one\n+two\n"));
    world.write(".claude/skills/style/SKILL.md", "edited\n");
    let answer = answer(&world, &["diff"]);
    let package = &answer["diff"]["packages"][0];
    assert!(package["unknown"].as_str().is_some_and(|why| why.contains("folder")), "{package:#}");
    assert_eq!(package["files"][0]["change"], "added");
}

#[test]
fn what_nobody_has_any_more_is_said_and_the_new_files_are_told() {
    let world = World::in_git();
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one"))]);
    world.ok(&["install", "--git", &repo.url()]);
    repo.git(&["commit", "-q", "--amend", "-m", "replaced"]);
    repo.commit(&[("SKILL.md", &skill("kit", "two"))]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    world.empty_cache();
    let package = answer(&world, &["diff"])["diff"]["packages"][0].take();
    assert!(package["unknown"].is_string(), "{package:#}");
    assert_eq!((&package["files"][0]["change"], &package["files"][0]["path"]), (&"added".into(), &"SKILL.md".into()));
    assert_ne!(locked(&world, "kit", "commit"), repo.head());
}

#[test]
fn hostile_lines_are_drawn_and_tabs_stay() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("kit", "1.0.0", &[]);
    world.ok(&["install", "kit"]);
    let body = "\u{1b}[2Jcleared\n\tindented\nend\n";
    index.publish("kit", "1.1.0", &[], &[("SKILL.md", &skill("kit", "ok")), ("notes.txt", body)]);
    let run = asked(&world, 0, &["diff"]);
    assert!(run.stdout.contains("+⟦U+001B⟧[2Jcleared\n+\tindented\n+end\n"), "{run}");
    assert!(!run.stdout.contains('\u{1b}'), "{run}");
}
