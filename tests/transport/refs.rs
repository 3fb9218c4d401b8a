//! Refs that moved, vanished or share a name: the locked commit is taken, or none.

use super::{SKILL, with_kit};
use crate::support::guard::program;
use crate::support::{Guarded, Repo, delete, skill, write};

/// Adds a commit with another text.
fn change(repo: &Repo, text: &str) -> String {
    repo.commit(&[("SKILL.md", &skill("kit", text))])
}

/// T06.
#[test]
fn a_pack_with_one_flipped_bit_is_not_stored() {
    let (world, repo) = with_kit();
    // Bytes that do not compress: some of them are the one that the connection damages.
    let mut state = 1_u32;
    let noise: String = (0..20_000).map(|_| next(&mut state)).collect();
    repo.commit(&[("noise.txt", &noise)]);
    let (hook, config) = (world.path("repos/pack-objects"), world.home().join(".gitconfig"));
    program(&hook, "#!/bin/sh\n\"$@\" | LC_ALL=C tr '\\376' '\\377'\n");
    write(&config, format!("[uploadpack]\n\tpackObjectsHook = {}\n", hook.display()));
    let run = world.refuses(13, &["install", "kit", "--git", &repo.url()]);
    assert!(run.stderr.contains("damaged"), "{run}");
    assert!(!world.path("cache/store-v1").exists());
    delete(&config);
    world.accepts(&["install", "kit", "--git", &repo.url()]);
    assert_eq!(world.read(".claude/skills/kit/noise.txt"), noise);
}

fn next(state: &mut u32) -> char {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    char::from_u32(0x4e00 + *state % 0x5000).expect("a character")
}

/// T11.
#[test]
fn a_deleted_tag_stops_an_update_and_no_locked_install() {
    let (world, repo) = with_kit();
    repo.git(&["tag", "v1"]);
    world.accepts(&["install", "kit", "--git", &repo.url(), "--tag", "v1"]);
    repo.git(&["tag", "-d", "v1"]);
    change(&repo, "two");
    for cached in [true, false] {
        world.check_out_anew();
        if !cached {
            world.empty_cache();
        }
        world.accepts(&["install", "--locked"]);
        assert_eq!(world.read(SKILL), skill("kit", "one"));
    }
    let run = world.refuses(14, &["update"]);
    assert!(run.stderr.contains("tag `v1`"), "{run}");
}

/// X32.
#[test]
fn a_tag_in_the_place_of_another_is_refused_also_when_it_was_brought_before() {
    let (world, repo) = with_kit();
    repo.git(&["tag", "-a", "-m", "x", "v1.0.0"]);
    let tag = repo.git(&["rev-parse", "v1.0.0"]);
    repo.git(&["update-ref", "refs/tags/v9.9.9", &tag]);
    repo.git(&["tag", "light"]);
    repo.git(&["-c", "advice.nestedTag=false", "tag", "-a", "-m", "x", "team/outer", "v1.0.0"]);
    let install = |tag: &'static str| ["install", "kit", "--git", &repo.url(), "--tag", tag].map(str::to_owned);
    for offline in [None, Some("--offline")] {
        let refused = install("v9.9.9");
        let arguments: Vec<&str> = refused.iter().map(String::as_str).chain(offline).collect();
        let run = world.refuses(if offline.is_none() { 20 } else { 14 }, &arguments);
        assert!(run.stderr.contains("`v9.9.9`"), "{run}");
        assert!(offline.is_some() || run.stderr.contains("made as the tag `v1.0.0`"), "{run}");
    }
    for good in ["v1.0.0", "light", "team/outer"] {
        world.accepts(&install(good).each_ref().map(String::as_str));
    }
}

/// T13.
#[test]
fn a_branch_named_like_a_commit_does_not_stand_for_it() {
    let (world, repo) = with_kit();
    let first = repo.head();
    change(&repo, "two");
    repo.git(&["update-ref", &format!("refs/heads/{first}"), "HEAD"]);
    repo.git(&["update-ref", &format!("refs/tags/{first}"), "HEAD"]);
    world.accepts(&["install", "kit", "--git", &repo.url(), "--rev", &first]);
    assert_eq!((world.read(SKILL), world.locked("kit")["commit"].clone()), (skill("kit", "one"), first.into()));
}

/// T14.
#[test]
fn a_tag_and_a_branch_of_one_name_are_told_apart() {
    let (world, repo) = with_kit();
    repo.git(&["tag", "same"]);
    change(&repo, "two");
    repo.git(&["branch", "same"]);
    for (option, text) in [("--tag", "one"), ("--branch", "two"), ("--tag", "one")] {
        world.accepts(&["install", "kit", "--git", &repo.url(), option, "same"]);
        assert_eq!(world.read(SKILL), skill("kit", text), "{option}");
    }
}

/// T14.
#[test]
fn a_tag_is_followed_to_its_commit_and_to_nothing_else() {
    let (world, repo) = with_kit();
    repo.git(&["tag", "-a", "-m", "1", "t1"]);
    for at in 1..8 {
        repo.git(&["tag", "-a", "-m", "more", &format!("t{}", at + 1), &format!("t{at}")]);
    }
    world.accepts(&["install", "kit", "--git", &repo.url(), "--tag", "t8"]);
    assert_eq!(world.locked("kit")["commit"], repo.head());
    repo.git(&["tag", "tree", "HEAD^{tree}"]);
    repo.git(&["tag", "-a", "-m", "a file", "blob", "HEAD:SKILL.md"]);
    for tag in ["tree", "blob"] {
        let run = world.refuses(14, &["install", "kit", "--git", &repo.url(), "--tag", tag]);
        assert!(run.stderr.contains(&format!("tag `{tag}`")), "{run}");
    }
}

/// T15.
#[test]
fn a_repository_with_sha_256_ids_is_told_apart() {
    let world = Guarded::new();
    let dir = world.path("repos/new");
    std::fs::create_dir_all(&dir).expect("a folder");
    crate::support::git(&dir, &["init", "-q", "-b", "main", "--object-format=sha256"]);
    crate::support::write(&dir.join("SKILL.md"), skill("kit", "one"));
    crate::support::git(&dir, &["add", "."]);
    crate::support::git(&dir, &["commit", "-q", "-m", "first"]);
    let run = world.refuses(14, &["install", "kit", "--git", &format!("file://{}", dir.display())]);
    assert!(run.stderr.contains("SHA-256"), "{run}");
}

/// T37.
#[test]
fn replaced_objects_of_the_server_are_not_taken_for_the_real_ones() {
    let (world, repo) = with_kit();
    let first = repo.head();
    let evil = change(&repo, "evil");
    repo.git(&["replace", &first, &evil]);
    repo.git(&["replace", &format!("{first}:SKILL.md"), &format!("{evil}:SKILL.md")]);
    world.accepts(&["install", "kit", "--git", &repo.url(), "--rev", &first]);
    assert_eq!(world.read(SKILL), skill("kit", "one"));
}
