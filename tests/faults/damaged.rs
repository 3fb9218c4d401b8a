//! Bytes that changed by themselves: in what is installed, in the store, in cpm's own record.

use std::path::PathBuf;

use super::{SKILL, assert_settled, with_kit};
use crate::locking::locked;
use crate::support::samples::{KIT, install};
use crate::support::{World, delete, snapshot};

/// The stored copy of the installed skill's file.
fn stored(world: &World) -> PathBuf {
    let hex = locked(world, "kit", "checksum").replace("t1:", "");
    world.path("cache/store-v1").join(hex).join("skills/alpha/SKILL.md")
}

fn flip(path: &PathBuf) {
    let mut bytes = std::fs::read(path).expect("a file");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_flipped_bit_in_an_installed_file_is_found_and_left_to_the_user() {
    let (world, _repo) = with_kit();
    flip(&world.project().join(SKILL));
    let run = world.cpm(&["verify"]);
    assert!(run.code == 1 && run.stdout.contains("SKILL.md"), "{run}");
    let run = world.fails(30, &["install"]);
    assert!(run.stderr.contains("SKILL.md"), "{run}");
    world.ok(&["install", "--overwrite"]);
    assert_settled(&world);
}

#[test]
fn a_file_added_to_an_installed_skill_is_found() {
    let (world, _repo) = with_kit();
    world.write(".claude/skills/alpha/extra.md", "mine\n");
    let run = world.cpm(&["verify"]);
    assert!(run.code == 1 && run.stdout.contains("extra.md"), "{run}");
}

#[test]
fn a_damaged_store_is_repaired_or_told_and_never_installed() {
    type Damage = fn(&PathBuf);
    let damages: [(&str, Damage); 3] = [
        ("flipped", flip),
        ("cut", |path| std::fs::write(path, "").expect("written")),
        ("deleted", |path| std::fs::remove_file(path).expect("removed")),
    ];
    for (name, damage) in damages {
        let (world, _repo) = with_kit();
        let (file, before) = (stored(&world), snapshot(&world.project()));
        let good = std::fs::read(&file).expect("a file");
        damage(&file);
        world.ok(&["remove", "kit"]);
        world.ok(&["undo"]);
        assert!(snapshot(&world.project().join(".claude")) == below(&before, &world), "{name}");
        assert_eq!(std::fs::read(&file).expect("a file"), good, "{name}: repaired");
        // Without a host or what it gave, nothing can repair it.
        damage(&file);
        delete(&world.path("cache/git-v1"));
        world.check_out_anew();
        let run = world.fails(20, &["install", "--frozen"]);
        assert!(run.stderr.contains("damaged") && !world.has(".claude"), "{name}: {run}");
        let run = world.ok(&["install", "--locked"]);
        assert_eq!(std::fs::read(&file).expect("a file"), good, "{name}: {run}");
    }
}

/// What of a snapshot of the project is below `.claude`.
fn below(
    whole: &std::collections::BTreeMap<PathBuf, Vec<u8>>,
    world: &World,
) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let inside = |path: &PathBuf| path.starts_with(world.project().join(".claude"));
    whole.iter().filter(|(path, _)| inside(path)).map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
}

/// What may become of a receipt.
const LOSSES: [Option<&str>; 5] =
    [None, Some(""), Some("{\"format\":1,\"packages\":{"), Some("\u{0}\u{0}"), Some("[]")];

fn lose_receipt(world: &World, left: Option<&str>) {
    match left {
        None => delete(&world.project().join(".cpm/receipt-project.json")),
        Some(text) => world.write(".cpm/receipt-project.json", text),
    }
}

#[test]
fn a_lost_receipt_is_made_anew_from_the_lock_and_what_is_there() {
    for left in LOSSES {
        let (world, _repo) = with_kit();
        world.write(".claude/skills/mine/SKILL.md", "mine\n");
        let before = snapshot(&world.project());
        lose_receipt(&world, left);
        let run = world.ok(&["install", "--offline"]);
        assert_eq!(run.stderr.contains("receipt"), left.is_some(), "{run}");
        assert!(snapshot(&world.project()) == before);
        assert_settled(&world);
        lose_receipt(&world, left);
        world.ok(&["remove", "kit"]);
        assert!(!world.has(".claude/skills/alpha") && !world.read(".mcp.json").contains("srv"), "{left:?}");
        assert_eq!(world.read(".claude/skills/mine/SKILL.md"), "mine\n");
        assert!(world.read(".mcp.json").contains("theirs"));
    }
}

#[test]
fn a_lost_receipt_does_not_hold_an_update_up() {
    let (world, _repo) = with_kit();
    lose_receipt(&world, Some("garbage"));
    world.ok(&["update", "--accept"]);
    super::assert_updated(&world);
}

#[test]
fn without_a_receipt_no_file_of_the_users_is_deleted_or_replaced() {
    for args in [&["install"][..], &["update", "--accept"], &["remove", "kit"], &["install", "--overwrite"]] {
        let (world, _repo) = with_kit();
        world.write(SKILL, "edited\n");
        world.write(".claude/skills/alpha/mine.md", "mine\n");
        lose_receipt(&world, None);
        let run = world.cpm(args);
        assert!(run.code == 30 || args[0] == "remove", "{args:?}: {run}");
        assert_eq!(
            (world.read(SKILL), world.read(".claude/skills/alpha/mine.md")),
            ("edited\n".into(), "mine\n".into())
        );
    }
}

#[test]
fn what_is_missing_besides_the_receipt_comes_back() {
    let (world, _repo) = with_kit();
    delete(&world.project().join(".claude/skills/alpha"));
    lose_receipt(&world, None);
    world.ok(&["install", "--offline"]);
    assert!(world.has(SKILL));
    assert_settled(&world);
}

#[test]
fn a_receipt_of_a_newer_cpm_is_left_to_it() {
    let (world, _repo) = with_kit();
    let newer = world.read(".cpm/receipt-project.json").replace("\"format\":1", "\"format\":9");
    world.write(".cpm/receipt-project.json", &newer);
    world.fails(42, &["install"]);
    assert_eq!(world.read(".cpm/receipt-project.json"), newer);
}

#[test]
fn a_lost_receipt_of_one_scope_leaves_the_other_alone() {
    let (world, _repo) = with_kit();
    let other = [("SKILL.md", "---\nname: other\ndescription: Does other.\n---\nother\n")];
    install(&world, "other", &other, &["--scope", "local"]);
    lose_receipt(&world, Some("x"));
    world.ok(&["remove", "kit"]);
    assert!(world.has(".claude/skills/other/SKILL.md") && KIT.len() == 3);
    world.ok(&["verify"]);
}
