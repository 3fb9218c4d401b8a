//! Links and other repositories inside a package.

use super::Served;
use crate::support::samples::everything;

/// C15, C16, C17, C30, C31, C32.
#[test]
fn a_link_that_is_no_alias_of_a_file_in_the_package_is_refused() {
    let served = Served::new();
    let folder = served.repo.tree(&[("100644", b"x", served.skill)]);
    let commit = git2::Oid::from_str(&"3f".repeat(20)).expect("an id");
    let link = |target: &str| served.repo.blob(target);
    let outside = served.world.path("outside/precious").display().to_string();
    let chain: Vec<(String, git2::Oid)> = (1..=9)
        .map(|at| (format!("l{at}"), link(&if at == 9 { "SKILL.md".to_owned() } else { format!("l{}", at + 1) })))
        .collect();
    let chain: Vec<_> = chain.iter().map(|(name, id)| ("120000", name.as_bytes(), *id)).collect();
    for (row, entries) in [
        ("C15", vec![("120000", &b"a"[..], link("/etc/passwd"))]),
        ("C15", vec![("120000", b"a", link(&outside))]),
        ("C16", vec![("160000", b"a", commit)]),
        ("C17", vec![("120000", b".gitmodules", link("SKILL.md"))]),
        ("C30", chain),
        ("C30", vec![("120000", b"a", link("a"))]),
        ("C30", vec![("120000", b"a", link("b")), ("120000", b"b", link("a"))]),
        ("C30", vec![("120000", b"a", link("nowhere"))]),
        ("C31", vec![("120000", b"a", link("d")), ("40000", b"d", folder)]),
        ("C31", vec![("120000", b"a", link("."))]),
        ("C32", vec![("120000", b"a", link("b")), ("120000", b"b", link("../.."))]),
        ("C32", vec![("120000", b"a", link("../kit/SKILL.md"))]),
        (
            "C32",
            vec![
                ("120000", b"a", link("b/../../outside/precious")),
                ("120000", b"b", link("d")),
                ("40000", b"d", folder),
            ],
        ),
        ("C32", vec![("120000", b"a", link("../../../../outside/precious"))]),
    ] {
        served.serve(&entries);
        let run = served.refuses(24);
        assert!(!run.stderr.contains("precious\n"), "{row}: {run}");
    }
    served.accepts_a_good_tree();
}

/// C29.
#[test]
fn a_link_to_a_file_of_the_package_is_installed_as_a_copy() {
    let served = Served::new();
    let (tool, link) = (served.repo.blob("#!/bin/sh\n"), served.repo.blob("../tools/run"));
    let tools = served.repo.tree(&[("100755", b"run", tool)]);
    let aliases = served.repo.tree(&[("120000", b"go", link)]);
    served.serve(&[("40000", b"aliases", aliases), ("40000", b"tools", tools)]);
    served.accepts();
    let folder = served.world.project().join(".claude/skills/kit");
    assert!(everything(&folder).keys().all(|path| !path.is_symlink()));
    assert_eq!(std::fs::read(folder.join("aliases/go")).expect("a copy"), b"#!/bin/sh\n");
    let link_free = served.repo.tree(&[("100755", b"go", tool)]);
    let checksum = served.world.locked("kit")["checksum"].clone();
    served.serve(&[("40000", b"aliases", link_free), ("40000", b"tools", tools)]);
    served.world.accepts(&["update"]);
    assert_eq!(served.world.locked("kit")["checksum"], checksum, "the checksum is that of the copies");
    served.world.accepts(&["verify"]);
}
