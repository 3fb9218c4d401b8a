//! What a person reads where versions cannot be chosen, word for word: what is asked for, by whom, and what would help.

use serde_json::json;

use crate::support::{Index, IndexRepo, World, skill};

/// What a refused run says, with the addresses of the test's repositories shortened.
fn said(world: &World, code: i32, args: &[&str]) -> String {
    let run = world.fails(code, args);
    let repos = format!("file://{}", world.path("repos").display());
    let lines = run.stderr.lines().filter(|line| !line.starts_with("fetching "));
    lines.map(|line| format!("{}\n", line.replace(&repos, "git.acme.dev"))).collect()
}

fn world() -> (World, Index) {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    (world, index)
}

#[test]
fn no_such_package() {
    let (world, index) = world();
    index.release("core-tools", "1.0.0", &[]);
    assert_eq!(
        said(&world, 14, &["install", "core-tool"]),
        "\
error: there is no package `core-tool`
  because: looked in: acme (git.acme.dev/acme), the built-in index
help: did you mean `core-tools`?
"
    );
}

#[test]
fn no_such_package_and_none_like_it() {
    let (world, _index) = world();
    assert_eq!(
        said(&world, 14, &["install", "xyzzy-plugh"]),
        "\
error: there is no package `xyzzy-plugh`
  because: looked in: acme (git.acme.dev/acme), the built-in index
help: add the index that has it: `cpm index add NAME URL`, or install it with `--git URL`
"
    );
}

#[test]
fn no_such_version() {
    let (world, index) = world();
    for minor in 0..8 {
        index.release("kit", &format!("1.{minor}.0"), &[]);
    }
    assert_eq!(
        said(&world, 12, &["install", "kit@3"]),
        "\
error: no version of `kit` satisfies `3`
  because: there are: 1.7.0, 1.6.0, 1.5.0, 1.4.0, 1.3.0 and 3 more
help: ask for one of these, such as `1.7.0`
"
    );
}

#[test]
fn every_version_that_would_do_is_excluded() {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    let manifest = format!("[indexes]\nacme = {{ git = \"{}\", min-release-age = \"2d\" }}\n", index.url());
    world.write("cpm.toml", &manifest);
    for (version, published, field, reason) in [
        ("0.9.0", "2020-01-01T00:00:00Z", "description", "Does it."),
        ("1.0.0", "2020-01-01T00:00:00Z", "yanked", "it loses files"),
        ("1.1.0", "2020-01-02T00:00:00Z", "revoked", "it steals tokens"),
        ("1.2.0", "2099-01-01T00:00:00Z", "description", "Does it."),
        ("1.3.0-beta.1", "2020-01-03T00:00:00Z", "description", "Does it."),
    ] {
        let mut line = index.host("kit", version, &[("SKILL.md", &skill("kit", version))]);
        line["published"] = json!(published);
        line[field] = json!(reason);
        index.list(&[line]);
    }
    assert_eq!(
        said(&world, 21, &["install", "kit@1"]),
        "\
error: no version of `kit` satisfies `1`
  because: 1.2.0 is younger than 2 days: it was published at 2099-01-01T00:00:00Z
  because: 1.1.0 is revoked: it steals tokens
  because: 1.0.0 is yanked: it loses files
  because: 1.3.0-beta.1 is a pre-release, and only a requirement that names it takes it: `=1.3.0-beta.1`
  because: there are: 0.9.0, 1.3.0-beta.1
help: ask for one of these, such as `0.9.0`
"
    );
}

#[test]
fn two_packages_want_different_versions_of_a_third() {
    let (world, index) = world();
    index.release("base", "1.0.0", &[]);
    index.release("base", "2.0.0", &[]);
    index.release("left", "1.0.0", &[("base", "1")]);
    index.release("left", "2.0.0", &[("base", "2")]);
    index.release("right", "1.0.0", &[("base", "2")]);
    world.ok(&["install", "left@1"]);
    assert_eq!(
        said(&world, 12, &["install", "right"]),
        "\
error: no set of versions satisfies everything that is asked for
  because: your manifest asks for `left` `1`
  because: `left` 1.0.0 needs `base` `1`
  because: your manifest asks for `right` in any version
  because: `right` 1.0.0 needs `base` `2`
  because: no version of `base` suits all of them; there are: 2.0.0, 1.0.0
help: one of these would help: ask for `left` 2.0.0 instead of `1`; or do without `right`
"
    );
}

#[test]
fn a_conflict_over_three_levels() {
    let (world, index) = world();
    index.release("base", "1.4.0", &[]);
    index.release("base", "2.0.0", &[]);
    index.release("middle", "1.2.0", &[("base", "1.2")]);
    index.release("app", "1.0.0", &[("middle", "1")]);
    index.release("tool", "3.1.0", &[("base", "2")]);
    assert_eq!(
        said(&world, 12, &["install", "app@1", "tool@3"]),
        "\
error: no set of versions satisfies everything that is asked for
  because: your manifest asks for `app` `1`
  because: `app` 1.0.0 needs `middle` `1`
  because: `middle` 1.2.0 needs `base` `1.2`
  because: your manifest asks for `tool` `3`
  because: `tool` 3.1.0 needs `base` `2`
  because: no version of `base` suits all of them; there are: 2.0.0, 1.4.0
help: one of these would help: do without `app`; or do without `tool`
"
    );
}

#[test]
fn a_need_that_nobody_can_meet() {
    let (world, index) = world();
    index.release("core-tools", "1.0.0", &[]);
    index.release("app", "1.0.0", &[("core-tools", "2")]);
    index.release("app", "1.1.0", &[("core-tool", "1")]);
    assert_eq!(
        said(&world, 12, &["install", "app@1"]),
        "\
error: no set of versions satisfies everything that is asked for
  because: your manifest asks for `app` `1`
  because: `app` 1.1.0 needs `core-tool`, which no index has
  because: `app` 1.0.0 needs `core-tools` `2`
  because: no version of `core-tools` is like that; there are: 1.0.0
help: no change of one line of your manifest would help; tell the authors of these packages
"
    );
}
