//! What is other than at an earlier commit is found, and nothing else is fetched.

use super::*;
use crate::git::Changes;

const FOLDER: &str = "skills";

/// The paths that changed, and those that are gone.
fn told(changes: &Changes) -> (Vec<&str>, Vec<&str>) {
    let mut gone: Vec<&str> = changes.gone.iter().map(RelPath::as_str).collect();
    gone.sort_unstable();
    (changes.files.iter().map(|file| file.path.as_str()).collect(), gone)
}

#[test]
fn changes_are_what_is_new_or_other_or_gone() {
    let world = World::new();
    let (cache, url) = (world.cache(), world.url());
    let before = world.commit("main");
    let all = cache.changes(&url, &before, &path(FOLDER), None).expect("all files");
    assert_eq!(told(&all), (vec!["other/SKILL.md", "pdf/SKILL.md", "pdf/scripts/run.sh"], vec![]));
    assert!(all.is_whole);
    let bytes = cache.contents(&url, &before, &all.files[..2]).expect("bytes");
    assert_eq!(bytes, [&b"other\n"[..], b"two\n"]);

    world.write("skills/pdf/SKILL.md", "three\n");
    world.write("skills/new/deep/SKILL.md", "new\n");
    world.write("README.md", "elsewhere\n");
    world.git(&["rm", "--quiet", "-r", "skills/other", "skills/pdf/scripts"]);
    // A file where a folder was, and a link where a file was.
    world.write("skills/other", "a file\n");
    std::os::unix::fs::symlink("SKILL.md", world.path("served/skills/pdf/scripts")).expect("a link");
    world.git(&["add", "."]);
    world.git(&["commit", "--quiet", "-m", "third"]);
    let now = world.commit("main");
    let changes = cache.changes(&url, &now, &path(FOLDER), Some(&before)).expect("changes");
    assert_eq!(
        told(&changes),
        (vec!["new/deep/SKILL.md", "other", "pdf/SKILL.md"], vec!["other/SKILL.md", "pdf/scripts/run.sh"])
    );
    assert!(!changes.is_whole);
    let bytes = cache.contents(&url, &now, &changes.files).expect("bytes");
    assert_eq!(bytes, [&b"new\n"[..], b"a file\n", b"three\n"]);

    let back = cache.changes(&url, &before, &path(FOLDER), Some(&now)).expect("changes");
    assert_eq!(
        told(&back),
        (vec!["other/SKILL.md", "pdf/SKILL.md", "pdf/scripts/run.sh"], vec!["new/deep/SKILL.md", "other"])
    );
    let nothing = cache.changes(&url, &now, &path(FOLDER), Some(&now)).expect("changes");
    assert_eq!((told(&nothing), nothing.is_whole), ((vec![], vec![]), false));
    let gone = cache.changes(&url, &now, &path("nope"), Some(&now)).expect("changes");
    assert_eq!(told(&gone), (vec![], vec![]));
}

#[test]
fn what_is_the_same_on_both_sides_is_not_fetched() {
    let world = World::new();
    let before = world.commit("main");
    world.write("skills/pdf/SKILL.md", "three\n");
    world.git(&["commit", "--quiet", "-a", "-m", "third"]);
    let now = world.commit("main");
    let (cache, url) = (world.cache(), world.url());
    cache.names_below(&url, &before, &path(FOLDER)).expect("trees of the earlier commit");
    let changes = cache.changes(&url, &now, &path(FOLDER), Some(&before)).expect("changes");
    assert_eq!(told(&changes).0, ["pdf/SKILL.md"]);
    let blob = |at: &str| Oid::from_str(&world.git(&["rev-parse", at])).expect("an id");
    let has = |at: &str| world.cached().odb().expect("objects").exists(blob(at));
    assert!(has("main:skills/pdf/SKILL.md") && !has("main:skills/other/SKILL.md"));
    assert_eq!(world.offline().contents(&url, &now, &changes.files).expect("bytes"), [b"three\n"]);
}

#[test]
fn without_the_earlier_commit_everything_counts_as_changed() {
    let world = World::new();
    let (cache, url) = (world.cache(), world.url());
    let (before, now) = (world.commit("light"), world.commit("main"));
    let changes = cache.changes(&url, &now, &path(FOLDER), Some(&before)).expect("changes");
    assert_eq!((changes.is_whole, changes.files.len()), (true, 3));
    // The commit is here, but not the trees that would have to be compared.
    world.write("skills/pdf/SKILL.md", "three\n");
    world.git(&["commit", "--quiet", "-a", "-m", "third"]);
    let third = world.commit("main");
    cache.list(&url, &third, None).expect("the top of the third commit");
    let changes = cache.changes(&url, &now, &path(FOLDER), Some(&third)).expect("changes");
    assert_eq!((changes.is_whole, changes.files.len()), (true, 3));
}
