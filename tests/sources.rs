//! Packages straight from git repositories: which commit is taken, what manifest and lock say, and when it moves.

mod addresses;
mod folders;
mod index_commands;
mod index_order;
mod indexes;
mod naming;
mod offline;

use crate::support::http::Server;
use crate::support::{Repo, World, skill};

const SKILL: &str = ".claude/skills/pdf/SKILL.md";

/// A repository with the skill `pdf` in a folder.
fn repository(world: &World) -> Repo {
    Repo::new(world, "skills", &[("skills/pdf/SKILL.md", &skill("pdf", "one")), ("README.md", "x\n")])
}

/// Commits another text of the skill.
fn change(repo: &Repo, body: &str) -> String {
    repo.commit(&[("skills/pdf/SKILL.md", &skill("pdf", body))])
}

/// Installs the skill with more arguments.
fn install(world: &World, repo: &Repo, more: &[&str]) {
    let url = repo.url();
    world.ok(&[&["install", "--git", &url, "--path", "skills/pdf"], more].concat());
}

#[test]
fn a_folder_of_a_repository_is_locked_to_the_commit_at_its_head() {
    let world = World::in_git();
    let repo = repository(&world);
    install(&world, &repo, &[]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    assert!(!world.has(".claude/skills/pdf/README.md"));
    let url = repo.url();
    assert_eq!(world.read("cpm.toml"), format!("[dependencies]\npdf = {{ git = \"{url}\", path = \"skills/pdf\" }}\n"));
    let locked = world.locked("pdf");
    assert_eq!(locked["source"], format!("git+{url}?path=skills/pdf"));
    assert_eq!(locked["commit"], repo.head());
    assert_eq!(locked["version"], format!("0.0.0-{}", &repo.head()[..12]));
    assert!(locked["index"].is_null());
}

#[test]
fn a_repository_that_moves_on_moves_the_lock_only_on_update() {
    let world = World::in_git();
    let repo = repository(&world);
    install(&world, &repo, &[]);
    let lock = world.read("cpm.lock");
    let newer = change(&repo, "two");
    world.check_out_anew();
    world.ok(&["install"]);
    assert_eq!((world.read(SKILL), world.read("cpm.lock")), (skill("pdf", "one"), lock));
    world.ok(&["update"]);
    assert_eq!(world.read(SKILL), skill("pdf", "two"));
    assert_eq!(world.locked("pdf")["commit"], newer);
}

#[test]
fn installing_something_else_does_not_move_what_is_locked() {
    let world = World::in_git();
    let repo = repository(&world);
    install(&world, &repo, &[]);
    let locked = world.locked("pdf");
    change(&repo, "two");
    world.ok(&["install", "pr-workflow"]);
    assert_eq!((world.read(SKILL), world.locked("pdf")), (skill("pdf", "one"), locked));
}

#[test]
fn a_commit_elsewhere_in_the_repository_does_not_touch_the_lock() {
    let world = World::in_git();
    let repo = repository(&world);
    // With a version of its own; else the commit is the version.
    repo.commit(&[
        ("kit/.claude-plugin/plugin.json", r#"{"name":"kit","version":"1.0.0"}"#),
        ("kit/commands/c.md", "c\n"),
    ]);
    world.ok(&["install", "--git", &repo.url(), "--path", "kit"]);
    let lock = world.read("cpm.lock");
    repo.commit(&[("README.md", "y\n")]);
    world.ok(&["update"]);
    assert_eq!(world.read("cpm.lock"), lock);
}

#[test]
fn a_package_comes_over_smart_http_as_over_a_file_address() {
    let world = World::in_git();
    let repo = repository(&world);
    let server = Server::start(&world.path("repos"));
    let url = server.url("skills");
    world.ok(&["install", "--git", &url, "--path", "skills/pdf"]);
    assert!(server.requests() > 0);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    assert_eq!(world.dependency("pdf")["git"], url);
    let locked = world.locked("pdf");
    assert_eq!(locked["source"], format!("git+{url}?path=skills/pdf"));
    assert_eq!(locked["commit"], repo.head());
}

#[test]
fn a_revision_pins_the_commit_for_good() {
    let world = World::in_git();
    let repo = repository(&world);
    let first = repo.head();
    change(&repo, "two");
    install(&world, &repo, &["--rev", &first]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    assert_eq!(world.dependency("pdf")["rev"], first);
    let locked = world.locked("pdf");
    assert_eq!(locked["source"], format!("git+{}?path=skills/pdf&rev={first}", repo.url()));
    assert_eq!(locked["commit"], first);
    world.ok(&["update"]);
    assert_eq!(world.locked("pdf"), locked);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
}

#[test]
fn a_revision_must_be_a_full_commit_id() {
    let world = World::in_git();
    let repo = repository(&world);
    let (url, head) = (repo.url(), repo.head());
    for rev in [&head[..7], "HEAD", "main", &head.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")] {
        let run = world.fails(10, &["install", "--git", &url, "--path", "skills/pdf", "--rev", rev]);
        assert!(run.stderr.contains(rev) && run.stderr.contains("git rev-parse"), "{run}");
    }
}

#[test]
fn a_tag_is_locked_to_its_commit_whether_light_or_annotated() {
    let world = World::in_git();
    let repo = repository(&world);
    let commit = repo.head();
    repo.git(&["tag", "light"]);
    repo.git(&["tag", "-a", "-m", "a release", "rel/1.0"]);
    change(&repo, "two");
    for tag in ["light", "rel/1.0"] {
        install(&world, &repo, &["--tag", tag]);
        assert_eq!(world.dependency("pdf")["tag"], tag);
        let locked = world.locked("pdf");
        assert_eq!(locked["source"], format!("git+{}?path=skills/pdf&tag={tag}", repo.url()));
        assert_eq!(locked["commit"], commit);
        assert_eq!(world.read(SKILL), skill("pdf", "one"));
    }
}

#[test]
fn a_branch_is_followed_by_update_and_by_nothing_else() {
    let world = World::in_git();
    let repo = repository(&world);
    repo.git(&["checkout", "-q", "-b", "next"]);
    let next = change(&repo, "next");
    repo.git(&["checkout", "-q", "main"]);
    install(&world, &repo, &["--branch", "next"]);
    assert_eq!(world.dependency("pdf")["branch"], "next");
    let locked = world.locked("pdf");
    assert_eq!(locked["source"], format!("git+{}?path=skills/pdf&branch=next", repo.url()));
    assert_eq!(locked["commit"], next);
    change(&repo, "main moved");
    world.ok(&["update"]);
    assert_eq!(world.locked("pdf"), locked);
    repo.git(&["checkout", "-q", "next"]);
    let newer = change(&repo, "newer");
    world.ok(&["install"]);
    assert_eq!(world.locked("pdf"), locked);
    world.ok(&["update"]);
    assert_eq!(world.locked("pdf")["commit"], newer);
    assert_eq!(world.read(SKILL), skill("pdf", "newer"));
}

#[test]
fn another_tag_replaces_the_one_in_manifest_and_lock() {
    let world = World::in_git();
    let repo = repository(&world);
    repo.git(&["tag", "v1"]);
    let second = change(&repo, "two");
    repo.git(&["tag", "v2"]);
    install(&world, &repo, &["--tag", "v1"]);
    let manifest = world.read("cpm.toml").replace("[dependencies]\n", "[dependencies]\n# for the reports\n");
    world.write("cpm.toml", &manifest);
    install(&world, &repo, &["--tag", "v2"]);
    assert_eq!(world.read("cpm.toml"), manifest.replace("\"v1\"", "\"v2\""));
    assert_eq!(world.locked("pdf")["commit"], second);
    assert_eq!(world.read(SKILL), skill("pdf", "two"));
}

#[test]
fn what_the_repository_does_not_have_is_named_and_nothing_is_written() {
    let world = World::in_git();
    let repo = repository(&world);
    let url = repo.url();
    let no_commit = "3f".repeat(20);
    let gone = format!("{url}-gone");
    for (address, path, more, named) in [
        (&url, "skills/pdf", ["--tag", "v9"], "tag `v9`"),
        (&url, "skills/pdf", ["--branch", "nope"], "branch `nope`"),
        (&url, "skills/pdf", ["--rev", &no_commit], no_commit.as_str()),
        (&url, "skills/nope", ["--branch", "main"], "`skills/nope`"),
        (&gone, "skills/pdf", ["--branch", "main"], "skills-gone"),
    ] {
        let run = world.fails(14, &["install", "x", "--git", address, "--path", path, more[0], more[1]]);
        assert!(run.stderr.contains(named), "{run}");
    }
    assert!(!world.has("cpm.toml") && !world.has(".claude"));
}

#[test]
fn options_that_exclude_each_other_are_a_usage_error() {
    let world = World::in_git();
    for args in [
        &["--git", "o/r", "--tag", "a", "--branch", "b"][..],
        &["--git", "o/r", "--tag", "a", "--rev", "b"],
        &["x", "--tag", "a"],
        &["x", "--git", "o/r", "--index", "i"],
        &["x", "y", "--git", "o/r"],
    ] {
        world.fails(2, &[&["install"], args].concat());
    }
}

#[test]
fn the_installed_bytes_are_those_in_git_whatever_gitattributes_says() {
    let world = World::in_git();
    // Before there are attributes, so that git takes it as it is.
    let repo = Repo::new(&world, "odd", &[("notes.md", "a\r\nb\n$Id$\n")]);
    let attributes = "* text eol=crlf ident\nhidden.md export-ignore\n";
    let files = [
        (".gitattributes", attributes),
        ("SKILL.md", &skill("odd", "$Id$")),
        ("hidden.md", "hidden\n"),
        ("run.sh*", "#!/bin/sh\n"),
    ];
    repo.commit(&files);
    world.ok(&["install", "--git", &repo.url()]);
    for (file, text) in files.iter().chain(&[("notes.md", "a\r\nb\n$Id$\n")]) {
        assert_eq!(world.read(&format!(".claude/skills/odd/{}", file.trim_end_matches('*'))), *text);
    }
    let mode = |file: &str| {
        let metadata = world.project().join(".claude/skills/odd").join(file).metadata().expect("a file");
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111
    };
    assert!(mode("run.sh") != 0 && mode("SKILL.md") == 0);
}

#[test]
fn a_tree_that_may_not_be_installed_is_refused_whole() {
    let world = World::in_git();
    let repo = Repo::new(&world, "linked", &[("SKILL.md", &skill("linked", "x"))]);
    std::os::unix::fs::symlink("/etc/passwd", repo.dir().join("notes.md")).expect("a link");
    repo.git(&["add", "notes.md"]);
    repo.commit(&[]);
    let run = world.fails(24, &["install", "--git", &repo.url()]);
    assert!(run.stderr.contains("notes.md"), "{run}");
}
