//! Trees that strangers make.

use super::*;
use crate::error::{Error, Kind};
use crate::model::digest::TreeDigest;
use crate::model::tree::{MAX_FILE_BYTES, MAX_FILES};

/// Writes a tree straight into the cache, past the checks of a fetch, and reads it as a package.
fn read_raw(world: &World, entries: &[(&str, &[u8], Oid)]) -> crate::error::Result<crate::model::tree::Tree> {
    let cached = world.cached();
    let tree = raw_tree(&cached, entries);
    read_tree(world, &cached, tree)
}

fn read_tree(world: &World, cached: &Repository, tree: Oid) -> crate::error::Result<crate::model::tree::Tree> {
    let signature = git2::Signature::now("a", "a@b").expect("a signature");
    let mut text = format!(
        "tree {tree}\nauthor {0} <a@b> 0 +0000\ncommitter {0} <a@b> 0 +0000\n\nx",
        signature.name().expect("a name")
    );
    text.push('\n');
    let commit = cached.odb().expect("objects").write(ObjectType::Commit, text.as_bytes()).expect("a commit");
    let commit = Commit::parse(&commit.to_string()).expect("an id");
    world.offline().tree(&world.url(), &commit, None)
}

/// A world with a cache repository, and a blob in it.
fn with_blob() -> (World, Oid) {
    let world = World::new();
    world.cache().resolve(&world.url(), &RefWant::Head, Reading::Index).expect("a commit");
    let blob = world.cached().blob(b"hi\n").expect("a blob");
    (world, blob)
}

fn refusal(result: crate::error::Result<crate::model::tree::Tree>, about: &str) -> Error {
    let error = result.expect_err(about);
    assert_eq!(error.kind(), Kind::UnsafeTree, "{about}: {error:?}");
    assert!(error.place().is_some(), "{about}: {error:?}");
    error
}

#[test]
fn names_that_lead_elsewhere_or_confuse_are_refused() {
    let (world, blob) = with_blob();
    let long = "n".repeat(300);
    let names: &[&[u8]] = &[
        b"..",
        b".",
        b".git",
        b".GiT",
        b"git~1",
        ".g\u{200c}it".as_bytes(),
        b"a/b",
        b"a/../../x",
        b"/etc/passwd",
        b"..\\..\\x",
        b"new\nline",
        b"\x1b[2J",
        b"latin\xe9",
        "e\u{301}".as_bytes(),
        b"CON.md",
        b"a.",
        b"a ",
        b"SKILL.md:evil",
        "a\u{202e}b".as_bytes(),
        long.as_bytes(),
        b"-rf",
    ];
    for name in names {
        let shown = name.escape_ascii().to_string();
        let error = refusal(read_raw(&world, &[("100644", b"SKILL.md", blob), ("100644", name, blob)]), &shown);
        assert!(!format!("{error:?}").contains('\u{1b}'), "{error:?}");
        // The same as a folder, and one level deeper.
        let below = raw_tree(&world.cached(), &[("100644", b"x", blob)]);
        refusal(read_raw(&world, &[("40000", name, below)]), &shown);
        let above = raw_tree(&world.cached(), &[("100644", name, blob)]);
        refusal(read_raw(&world, &[("40000", b"d", above)]), &shown);
    }
}

#[test]
fn entries_that_collide_are_refused() {
    let (world, blob) = with_blob();
    let folder = raw_tree(&world.cached(), &[("100644", b"x", blob)]);
    for (about, entries) in [
        ("twice", [("100644", &b"x"[..], blob), ("100644", b"x", blob)]),
        ("case", [("100644", b"README", blob), ("100644", b"readme", blob)]),
        ("file and folder", [("100644", b"a", blob), ("40000", b"a", folder)]),
        ("file and folder in another case", [("100644", b"Docs", blob), ("40000", b"docs", folder)]),
    ] {
        refusal(read_raw(&world, &entries), about);
    }
}

#[test]
fn only_ordinary_modes_pass() {
    let (world, blob) = with_blob();
    let modes = [("100644", false), ("100664", false), ("100666", false), ("100755", true)];
    for (mode, executable) in modes {
        let tree = read_raw(&world, &[(mode, b"x.sh", blob)]).expect(mode);
        assert_eq!(tree.get("x.sh").map(|file| file.executable), Some(executable), "{mode}");
    }
    for mode in ["104755", "100600", "100777", "60644", "140000"] {
        let error = refusal(read_raw(&world, &[(mode, b"x", blob)]), mode);
        assert!(error.causes()[0].contains(mode), "{error:?}");
    }
    let error = refusal(read_raw(&world, &[("160000", b"sub", blob)]), "a submodule");
    assert!(error.message().contains("submodule"), "{error:?}");
}

#[test]
fn links_to_files_of_the_package_become_copies() {
    let world = World::new();
    let link = |target: &str| world.serve_blob(target.as_bytes());
    let file = world.serve_blob(b"#!/bin/sh\n");
    let served = Repository::open(world.path("served")).expect("the served repository");
    let folder = raw_tree(&served, &[("120000", b"alias", link("../chain"))]);
    let commit =
        world.serve_tree(&[("120000", b"chain", link("run.sh")), ("40000", b"d", folder), ("100755", b"run.sh", file)]);
    let tree = world.cache().tree(&world.url(), &commit, None).expect("a tree");
    let files: Vec<_> = tree.files().map(|(path, file)| (path.as_str(), file.executable)).collect();
    assert_eq!(files, [("chain", true), ("d/alias", true), ("run.sh", true)]);
    assert!(tree.files().all(|(_, file)| file.bytes == b"#!/bin/sh\n"));
    let listed = world.cache().list(&world.url(), &commit, None).expect("a list").expect("the top");
    assert_eq!(listed[0].kind, crate::git::EntryKind::Link);
    let read = world.cache().file(&world.url(), &commit, &path("chain")).expect_err("a link");
    assert_eq!(read.kind(), Kind::UnsafeTree);
}

#[test]
fn all_other_links_are_refused() {
    let (world, blob) = with_blob();
    let cached = world.cached();
    let folder = raw_tree(&cached, &[("100644", b"x", blob)]);
    for target in
        ["/etc/passwd", "../outside", "d/../../x", "nowhere", "d", ".", "link", "d/x/y", "\u{1b}]52;", "", "link2"]
    {
        let target_blob = cached.blob(target.as_bytes()).expect("a blob");
        let back = cached.blob(b"link").expect("a blob");
        let entries = [("40000", &b"d"[..], folder), ("120000", b"link", target_blob), ("120000", b"link2", back)];
        let error = refusal(read_raw(&world, &entries), target);
        assert!(error.message().contains("`link"), "{error:?}");
        assert!(!format!("{error:?}").contains('\u{1b}'), "{error:?}");
    }
    let text = |number: usize| format!("l{number}");
    for (links, good) in [(8, true), (9, false)] {
        let blobs: Vec<Oid> = (1..=links)
            .map(|number| cached.blob(if number == links { "file".into() } else { text(number + 1) }.as_bytes()))
            .map(|blob| blob.expect("a blob"))
            .collect();
        let names: Vec<String> = (1..=links).map(text).collect();
        let mut entries = vec![("100644", &b"file"[..], blob)];
        entries.extend(names.iter().zip(blobs).map(|(name, blob)| ("120000", name.as_bytes(), blob)));
        assert_eq!(read_raw(&world, &entries).is_ok(), good, "{links} links");
    }
}

#[test]
fn limits_stop_early() {
    let (world, blob) = with_blob();
    let cached = world.cached();
    let names: Vec<String> = (0..=MAX_FILES).map(|number| format!("f{number:05}")).collect();
    let entries: Vec<_> = names.iter().map(|name| ("100644", name.as_bytes(), blob)).collect();
    refusal(read_raw(&world, &entries), "one file too many");
    assert_eq!(read_raw(&world, &entries[1..]).expect("as many as allowed").len(), MAX_FILES);

    // 10^10 files, or as many folders and no file, in eleven objects.
    for bottom in [blob, raw_tree(&cached, &[])] {
        let mode = if bottom == blob { "100644" } else { "40000" };
        let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
        let level = |mode: &str, id: Oid| {
            raw_tree(&cached, &names.iter().map(|name| (mode, name.as_bytes(), id)).collect::<Vec<_>>())
        };
        let bomb = (1..10).fold(level(mode, bottom), |below, _| level("40000", below));
        let start = std::time::Instant::now();
        refusal(read_tree(&world, &cached, bomb), "a bomb");
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }

    let big = cached.blob(&vec![0; usize::try_from(MAX_FILE_BYTES).expect("fits") + 1]).expect("a blob");
    let error = refusal(read_raw(&world, &[("100644", b"zeros", big)]), "a large file");
    assert!(error.causes()[0].contains("zeros"), "{error:?}");
    let tenth = cached.blob(&vec![0; 10 << 20]).expect("a blob");
    let names: Vec<String> = (0..6).map(|number| format!("f{number}")).collect();
    let entries: Vec<_> = names.iter().map(|name| ("100644", name.as_bytes(), tenth)).collect();
    refusal(read_raw(&world, &entries), "too much in all");
    assert!(read_raw(&world, &entries[..5]).is_ok());
}

#[test]
fn a_fetch_already_refuses_what_git_knows_to_be_hostile() {
    let world = World::new();
    let blob = world.serve_blob(b"x");
    let commit = world.serve_tree(&[("100644", b"..", blob)]);
    let error = refusal(world.cache().tree(&world.url(), &commit, None), "fsck");
    assert!(error.causes().iter().any(|cause| cause.contains("hasDotdot")), "{error:?}");
    // Old programs padded modes with a zero; such repositories are honest.
    let served = Repository::open(world.path("served")).expect("the served repository");
    let folder = raw_tree(&served, &[("100644", b"SKILL.md", blob)]);
    let commit = world.serve_tree(&[("040000", b"skill", folder), ("100644", b"..", blob)]);
    refusal(world.cache().tree(&world.url(), &commit, Some(&path("skill"))), "bad form hides nothing");
    let commit = world.serve_tree(&[("040000", b"skill", folder)]);
    assert_eq!(world.cache().tree(&world.url(), &commit, Some(&path("skill"))).expect("a tree").len(), 1);
}

#[test]
fn a_hostile_neighbour_does_no_harm() {
    let world = World::new();
    let blob = world.serve_blob(b"x");
    let served = Repository::open(world.path("served")).expect("the served repository");
    let bad = raw_tree(&served, &[("100644", b"CON.md", blob)]);
    let good = raw_tree(&served, &[("100644", b"SKILL.md", blob)]);
    let commit = world.serve_tree(&[("40000", b"bad", bad), ("40000", b"good", good)]);
    let cache = world.cache();
    cache.ensure(&world.url(), &commit, &[Some(path("bad")), Some(path("good"))]).expect("the good one");
    let processes = world.log.processes();
    assert_eq!(cache.tree(&world.url(), &commit, Some(&path("good"))).expect("a tree").len(), 1);
    refusal(cache.tree(&world.url(), &commit, Some(&path("bad"))), "the bad one");
    assert_eq!(world.log.processes(), processes);
}

#[test]
fn pointers_to_lfs_are_refused_where_they_would_be_read_or_run() {
    let (world, blob) = with_blob();
    let text = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let pointer = world.cached().blob(text).expect("a blob");
    for (mode, name) in [("100644", "SKILL.md"), ("100644", "x.json"), ("100755", "run")] {
        let error = refusal(read_raw(&world, &[(mode, name.as_bytes(), pointer)]), name);
        assert!(error.causes()[0].contains("LFS"), "{error:?}");
    }
    assert!(held(&world.log.warnings).is_empty());
    read_raw(&world, &[("100644", b"SKILL.md", blob), ("100644", b"logo.png", pointer)]).expect("a picture");
    assert!(held(&world.log.warnings)[0].contains("logo.png"));
}

#[test]
fn attributes_change_no_byte_and_hide_nothing() {
    let world = World::new();
    world.write("p/.gitattributes", "* text eol=crlf ident\nhidden export-ignore\nSKILL.md export-subst filter=x\n");
    world.write("p/SKILL.md", "$Id$ $Format:%H$\n");
    world.write("p/hidden", "here\n");
    world.git(&["add", "p"]);
    world.git(&["commit", "--quiet", "-m", "attributes"]);
    let tree = world.cache().tree(&world.url(), &world.commit("main"), Some(&path("p"))).expect("a tree");
    assert_eq!(tree.len(), 3);
    assert_eq!(tree.get("SKILL.md").map(|file| &file.bytes[..]), Some(&b"$Id$ $Format:%H$\n"[..]));
}

/// Vector V3 of security.md §4.2, out of git.
#[test]
fn the_digest_of_a_fetched_tree_is_the_published_one() {
    let world = World::new();
    world.write("v3/SKILL.md", "hi\n");
    world.write("v3/scripts/run.sh", "#!/bin/sh\necho ok\n");
    world.git(&["add", "v3"]);
    world.git(&["update-index", "--chmod=+x", "v3/scripts/run.sh"]);
    world.git(&["commit", "--quiet", "-m", "v3"]);
    let tree = world.cache().tree(&world.url(), &world.commit("main"), Some(&path("v3"))).expect("a tree");
    let digest = "t1:4798ff41600a763bfb68ec255a9ac7a9b98aa53faec19848e875d8f0e5706ef4";
    assert_eq!(TreeDigest::of(&tree).to_string(), digest);
}
