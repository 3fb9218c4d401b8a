//! `cpm vendor` and `install --from`: locked packages in a folder, for machines without a network.

use std::path::{Path, PathBuf};

use crate::locking::locked;
use crate::support::{Index, Repo, World, delete, git, skill, snapshot, write};

/// How a machine without a network may install.
const WAYS: [&[&str]; 3] = [
    &["install", "--frozen", "--offline", "--from", "vendor"],
    &["install", "--locked", "--from", "vendor"],
    &["install", "--from", "vendor"],
];

/// A project with a package of each source: `kit` from git, `tool` from an index, `safe-git` compiled in, and
/// `mine`, a folder.
fn with_all_sources() -> World {
    let world = World::in_git();
    let kit = Repo::new(&world, "kit", &[("SKILL.md", &skill("kit", "one")), ("run.sh*", "#!/bin/sh\n")]);
    let index = Index::added(&world, "acme");
    index.release("tool", "1.0.0", &[]);
    world.write("skills/mine/SKILL.md", &skill("mine", "one"));
    world.ok(&["install", "kit", "--git", &kit.url()]);
    world.ok(&["install", "tool", "safe-git"]);
    world.ok(&["install", "mine", "--path", "skills/mine"]);
    world
}

/// Takes away everything but what is committed.
fn leave_only_the_checkout(world: &World) {
    world.check_out_anew();
    world.empty_cache();
    delete(&world.path("repos"));
}

/// Where a package is in the folder.
fn entry(world: &World, name: &str) -> PathBuf {
    world.project().join("vendor").join(locked(world, name, "checksum").replace("t1:", ""))
}

#[test]
fn what_was_vendored_installs_without_a_network_and_without_a_cache() {
    let world = with_all_sources();
    let installed = snapshot(&world.project().join(".claude"));
    let said = world.ok(&["vendor", "vendor"]);
    assert!(["+ kit", "+ tool", "+ safe-git"].iter().all(|line| said.stdout.contains(line)), "{said}");
    assert!(said.stdout.contains("mine is not written: it stays the folder skills/mine"), "{said}");
    let committed = snapshot(&world.project().join("vendor"));
    for way in WAYS {
        leave_only_the_checkout(&world);
        world.ok(way);
        assert!(snapshot(&world.project().join(".claude")) == installed, "{way:?}");
        assert!(!world.path("cache").exists(), "the folder is enough");
        assert!(world.ok(way).stdout.starts_with("Up to date"));
    }
    world.ok(&["verify"]);
    assert!(snapshot(&world.project().join("vendor")) == committed, "installing changes nothing there");
}

#[test]
fn a_vendored_folder_keeps_its_bytes_through_a_commit_and_a_clone() {
    let world = World::in_git();
    let files = [
        ("SKILL.md", "---\nname: kit\ndescription: Does kit.\n---\r\n$Id$\r\n"),
        ("lf.bat", "echo\n"),
        ("scripts/run.sh*", "#!/bin/sh\n"),
        ("dist/code.js", "1\n"),
        ("run.log", "log\n"),
        ("_.gitignore", "also a name\n"),
        ("scripts/.gitattributes", "* text eol=crlf ident\n"),
        (".gitattributes", "* text=auto eol=crlf ident\n"),
        (".gitignore", "dist\n*.log\n"),
    ];
    world.ok(&["install", "kit", "--git", &Repo::new(&world, "kit", &files).url()]);
    world.ok(&["vendor", "vendor"]);
    world.write(".gitignore", "*.log\ndist/\n.claude/\n.cpm/\n");
    world.write(".gitattributes", "*.bat text eol=crlf\n*.md ident text\n");
    git(&world.project(), &["config", "core.autocrlf", "true"]);
    git(&world.project(), &["add", "-A"]);
    git(&world.project(), &["commit", "-q", "-m", "vendor"]);
    let clone = world.path("clone");
    let (from, to) = (world.project().display().to_string(), clone.display().to_string());
    git(&world.home(), &["clone", "-q", "-c", "core.autocrlf=true", &from, &to]);
    let below = |root: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let relative = |path: PathBuf| path.strip_prefix(root).expect("below").to_path_buf();
        snapshot(&root.join("vendor")).into_iter().map(|(path, bytes)| (relative(path), bytes)).collect()
    };
    assert_eq!(below(&clone), below(&world.project()));
    world.empty_cache();
    let run = world.cpm_in(&clone, &["install", "--frozen", "--from", "vendor"]);
    assert_eq!(run.code, 0, "{run}");
    let skill = ".claude/skills/kit";
    assert_eq!(
        std::fs::read(clone.join(skill).join(".gitattributes")).expect("a file"),
        files[7].1.as_bytes(),
        "it has its own name again"
    );
    assert_eq!(snapshot(&clone.join(skill)).len(), files.len());
}

#[test]
fn vendoring_again_writes_nothing() {
    let world = with_all_sources();
    world.ok(&["vendor", "vendor"]);
    let stamps = |world: &World| -> Vec<_> {
        let files = snapshot(&world.project().join("vendor"));
        files.keys().map(|path| std::fs::metadata(path).and_then(|file| file.modified()).expect("a time")).collect()
    };
    let (files, before) = (snapshot(&world.project()), stamps(&world));
    leave_only_the_checkout(&world);
    let again = world.ok(&["vendor", "vendor", "--json"]).json();
    let vendored = &again["vendored"];
    assert_eq!((vendored["written"].as_array().map(Vec::len), &vendored["unchanged"]), (Some(0), &3.into()), "{again}");
    assert_eq!(stamps(&world), before);
    assert!(world.ok(&["vendor", "vendor"]).stdout.starts_with("Up to date: 3 packages in vendor"));
    world.ok(WAYS[0]);
    assert!(snapshot(&world.project()) == files);
}

#[test]
fn what_is_no_longer_locked_goes_and_what_is_foreign_stays() {
    let world = with_all_sources();
    world.ok(&["vendor", "vendor"]);
    let (kit, tool) = (entry(&world, "kit"), entry(&world, "tool"));
    let vendor = world.project().join("vendor");
    let foreign = ["README.md", "notes/0.md", &format!("{}/SKILL.md", "0".repeat(64))].map(|name| vendor.join(name));
    foreign.iter().for_each(|path| write(path, "mine"));
    write(&tool.join("mine.md"), "mine");
    let checksum = locked(&world, "kit", "checksum");
    world.ok(&["remove", "kit", "tool"]);
    let run = world.ok(&["vendor", "vendor", "--json"]);
    assert_eq!(run.json()["vendored"]["removed"], serde_json::json!([checksum]), "{run}");
    assert!(!kit.exists() && foreign.iter().chain([&tool.join("mine.md"), &tool.join("SKILL.md")]).all(|p| p.exists()));
    for path in [&tool, &vendor.join("0".repeat(64))] {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(run.stderr.contains(&name), "{run}");
    }
}

#[test]
fn a_damaged_entry_stops_the_install_even_if_the_cache_has_the_package() {
    let world = with_all_sources();
    world.ok(&["vendor", "vendor"]);
    world.check_out_anew();
    let kit = entry(&world, "kit");
    let file = kit.join("SKILL.md");
    let good = std::fs::read(&file).expect("a file");
    for damage in [&b"other\n"[..], b""] {
        write(&file, damage);
        for way in WAYS {
            let run = world.fails(20, way);
            let folder = kit.display().to_string();
            assert!(run.stderr.contains("`kit`") && run.stderr.contains(&folder), "{run}");
            assert!(run.stderr.contains(&locked(&world, "kit", "checksum")) && !world.has(".claude"), "{run}");
        }
    }
    delete(&file);
    std::os::unix::fs::symlink("/etc/passwd", &file).expect("a link");
    world.fails(20, WAYS[0]);
    delete(&file);
    world.fails(20, WAYS[0]);
    let again = world.ok(&["vendor", "vendor", "--json"]).json();
    assert_eq!(again["vendored"]["written"][0]["name"], "kit", "{again}");
    assert_eq!(std::fs::read(&file).expect("a file"), good);
    world.ok(WAYS[0]);
}

#[test]
fn packages_in_neither_place_are_all_named() {
    let world = with_all_sources();
    world.ok(&["vendor", "vendor"]);
    for name in ["kit", "tool", "safe-git"] {
        delete(&entry(&world, name));
    }
    world.check_out_anew();
    world.ok(WAYS[0]);
    // The repositories are still there: `--from` alone says that no host is asked.
    world.check_out_anew();
    world.empty_cache();
    for way in WAYS {
        let run = world.fails(14, way);
        for name in ["kit", "tool"] {
            let (checksum, source) = (locked(&world, name, "checksum"), locked(&world, name, "source"));
            for part in
                [&format!("`{name}`"), &checksum, &source, &world.project().join("vendor").display().to_string()]
            {
                assert!(run.stderr.contains(part), "{part}: {run}");
            }
        }
        assert!(!run.stderr.contains("safe-git") && !run.stderr.contains("mine"), "those are here: {run}");
    }
    let run = world.fails(14, &["install", "--frozen", "--from", "nowhere"]);
    assert!(run.stderr.contains("nowhere") && run.stderr.contains("cpm vendor"), "{run}");
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let world = with_all_sources();
    world.write("notes/a.md", "mine");
    world.write("attributes/.gitattributes", "*.md text\n");
    world.write("file", "mine");
    for dir in ["notes", "attributes", "file", ".", ".claude/skills", ".claude/skills/vendor"] {
        let run = world.fails(30, &["vendor", dir]);
        assert!(run.stderr.contains("help: "), "{run}");
    }
    std::fs::create_dir(world.project().join("empty")).expect("a folder");
    world.ok(&["vendor", "empty"]);
}

#[test]
fn a_file_that_somebody_put_into_an_entry_is_not_lost() {
    let world = with_all_sources();
    world.ok(&["vendor", "vendor"]);
    let mine = entry(&world, "kit").join("mine.md");
    write(&mine, "mine");
    let run = world.fails(30, &["vendor", "vendor"]);
    assert!(run.stderr.contains("mine.md"), "{run}");
    delete(&mine);
    world.ok(&["vendor", "vendor"]);
}

#[test]
fn a_dry_run_says_what_would_be_written() {
    let world = with_all_sources();
    world.ok(&["vendor", "old"]);
    world.ok(&["remove", "kit"]);
    let before = snapshot(&world.project());
    let run = world.ok(&["vendor", "vendor", "--dry-run"]);
    assert!(
        run.stdout.starts_with("Would write to vendor\n+ safe-git 1.0.0") && run.stdout.contains("+ tool"),
        "{run}"
    );
    assert!(!run.stdout.contains("kit"), "{run}");
    let run = world.ok(&["vendor", "old", "--dry-run", "--json"]).json();
    assert_eq!(
        (&run["vendored"]["dry_run"], run["vendored"]["removed"].as_array().map(Vec::len)),
        (&true.into(), Some(1))
    );
    assert!(snapshot(&world.project()) == before);
}

#[test]
fn only_what_may_be_installed_is_vendored() {
    let world = with_all_sources();
    let good = world.read("cpm.lock");
    let surface = locked(&world, "kit", "surface");
    world.write("cpm.lock", &good.replace(&surface, &format!("s1:{}", "0".repeat(64))));
    world.fails(20, &["vendor", "vendor"]);
    world.write("cpm.lock", &good);
    world.write("cpm.toml", &(world.read("cpm.toml") + "deepwiki = \"1\"\n"));
    let run = world.fails(11, &["vendor", "vendor"]);
    assert!(run.stderr.contains("`deepwiki`") && run.stderr.contains("cpm install"), "{run}");
    delete(&world.project().join("cpm.lock"));
    world.fails(11, &["vendor", "vendor"]);
    assert!(!world.has("vendor"));
    delete(&world.project().join("cpm.toml"));
    world.fails(14, &["vendor", "vendor"]);
}

#[test]
fn what_is_neither_cached_nor_reachable_is_not_half_vendored() {
    let world = with_all_sources();
    leave_only_the_checkout(&world);
    let run = world.fails(14, &["vendor", "vendor"]);
    assert!(run.stderr.contains("`kit`"), "{run}");
    let run = world.fails(14, &["vendor", "vendor", "--offline"]);
    assert!(run.stderr.contains("`kit`") && !world.has("vendor"), "{run}");
}
