//! What a manifest and an index rule about releases: names that belong to one index, releases that were taken back, and
//! how old a release must be.

use std::process::Command;

use serde_json::Value;

use crate::support::{Guarded, IndexRepo, Repo, World, skill};

const TOOL: &str = ".claude/skills/tool/SKILL.md";

/// A guarded world with an index `acme`, to which the manifest gives these keys.
fn with_index(keys: &str) -> (Guarded, IndexRepo) {
    let world = Guarded::new();
    let index = IndexRepo::new(&world, "acme");
    configure(&world, &[("acme", &index, keys)]);
    (world, index)
}

/// Writes `[indexes]`, each with its keys.
fn configure(world: &World, indexes: &[(&str, &IndexRepo, &str)]) {
    let lines = indexes.iter().map(|(name, index, keys)| format!("{name} = {{ git = \"{}\"{keys} }}\n", index.url()));
    world.write("cpm.toml", &format!("[indexes]\n{}", lines.collect::<String>()));
}

/// Lists a release of a skill that says its version, with one field more.
fn publish(index: &IndexRepo, name: &str, version: &str, field: &str, value: &str) {
    let mut line = index.host(name, version, &[("SKILL.md", &skill(name, version))]);
    line[field] = value.into();
    index.list(&[line]);
}

/// Puts a field into the last line about a package, as a maintainer takes a release back.
fn mark(index: &IndexRepo, name: &str, field: &str, value: &str) {
    let file = cpm::format::index_line::file_of(&cpm::model::name::PackageName::parse(name).expect("a name"));
    let text = std::fs::read_to_string(index.repo.dir().join(file)).expect("lines");
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    lines.last_mut().expect("a line")[field] = value.into();
    index.rewrite(name, &lines);
}

/// A commit that changes nothing, made at this time by its own word.
fn tick(repo: &Repo, time: &str) {
    let mut git = Command::new("git");
    git.current_dir(repo.dir()).args(["commit", "-q", "--allow-empty", "-m", "tick"]);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_COMMITTER_DATE", time).env("GIT_AUTHOR_DATE", time);
    git.envs([("GIT_AUTHOR_NAME", "t"), ("GIT_AUTHOR_EMAIL", "t@example.com")]);
    git.envs([("GIT_COMMITTER_NAME", "t"), ("GIT_COMMITTER_EMAIL", "t@example.com")]);
    assert!(git.status().expect("git runs").success());
}

/// X13.
#[test]
fn a_name_that_belongs_to_an_index_is_asked_of_no_other() {
    let (world, acme) = with_index("");
    let other = IndexRepo::new(&world, "other");
    other.publish("acme-tool", &["9.0.0"]);
    other.publish("tool", &["1.0.0"]);
    acme.publish("tool", &["2.0.0"]);
    configure(&world, &[("other", &other, ""), ("acme", &acme, ", packages = [\"acme-*\", \"github-tools\"]")]);
    for name in ["acme-tool", "github-tools"] {
        let run = world.refuses(14, &["install", name]);
        assert!(run.stderr.contains(&acme.url()) && !run.stderr.contains(&other.url()), "{run}");
        assert!(!run.stderr.contains("built-in"), "{run}");
    }
    let run = world.refuses(21, &["install", "acme-tool", "--index", "other"]);
    assert!(run.stderr.contains("belong to the index `acme`"), "{run}");
    // And it is asked for no other name.
    let run = world.refuses(21, &["install", "tool", "--index", "acme"]);
    assert!(run.stderr.contains("`acme-*`"), "{run}");
    world.accepts(&["install", "tool"]);
    assert_eq!(world.read(TOOL), skill("tool", "tool 1.0.0"));
    acme.publish("acme-tool", &["1.0.0"]);
    world.accepts(&["install", "acme-tool"]);
    assert_eq!(world.read(".claude/skills/acme-tool/SKILL.md"), skill("acme-tool", "acme-tool 1.0.0"));
}

#[test]
fn an_index_that_is_gone_stops_no_package_whose_name_belongs_to_another() {
    let (world, acme) = with_index("");
    acme.publish("acme-one", &["1.0.0"]);
    acme.publish("acme-two", &["1.0.0"]);
    let gone = IndexRepo::new(&world, "gone");
    configure(&world, &[("gone", &gone, ""), ("acme", &acme, ", packages = [\"acme-*\"]")]);
    gone.repo.delete();
    world.accepts(&["install", "acme-one", "acme-two"]);
    world.refuses(14, &["install", "safe-git"]);
}

#[test]
fn what_a_package_needs_comes_from_the_index_that_its_name_belongs_to() {
    let (world, acme) = with_index("");
    let other = IndexRepo::new(&world, "other");
    let mut app = other.host("app", "1.0.0", &[("SKILL.md", &skill("app", "x"))]);
    app["dependencies"] = serde_json::json!([{ "name": "acme-core", "req": "*" }]);
    other.list(&[app]);
    other.publish("acme-core", &["9.0.0"]);
    acme.publish("acme-core", &["1.0.0"]);
    configure(&world, &[("other", &other, ""), ("acme", &acme, ", packages = [\"acme-*\"]")]);
    world.accepts(&["install", "app"]);
    assert_eq!(world.read(".claude/skills/acme-core/SKILL.md"), skill("acme-core", "acme-core 1.0.0"));
}

/// X14.
#[test]
fn a_lock_that_takes_such_a_name_from_elsewhere_is_refused_and_update_locks_it_anew() {
    let (world, acme) = with_index("");
    let other = IndexRepo::new(&world, "other");
    other.publish("acme-tool", &["9.0.0"]);
    acme.publish("acme-tool", &["1.0.0"]);
    configure(&world, &[("other", &other, ""), ("acme", &acme, "")]);
    world.accepts(&["install", "acme-tool@*"]);
    let manifest = world.read("cpm.toml").replace("9.0.0", "*");
    let bound =
        manifest.replace(&format!("\"{}\"", acme.url()), &format!("\"{}\", packages = [\"acme-*\"]", acme.url()));
    assert_ne!(manifest, bound);
    world.write("cpm.toml", &bound);
    for command in [&["install"][..], &["install", "--frozen"], &["install", "safe-git"]] {
        let run = world.refuses(20, command);
        assert!(run.stderr.contains(&other.url()) && run.stderr.contains("`acme`"), "{run}");
    }
    world.accepts(&["update", "acme-tool"]);
    assert_eq!(world.read(".claude/skills/acme-tool/SKILL.md"), skill("acme-tool", "acme-tool 1.0.0"));
    world.accepts(&["install", "--frozen"]);
}

#[test]
fn names_that_belong_to_an_index_stand_in_the_manifest_and_in_the_list() {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    world.ok(&["index", "add", "acme", &index.url(), "--packages", "acme-*,tool"]);
    let line = format!("acme = {{ git = \"{}\", packages = [\"acme-*\", \"tool\"] }}\n", index.url());
    assert_eq!(world.read("cpm.toml"), format!("[indexes]\n{line}"));
    // Adding it again for another branch keeps them, and the age that stands there.
    let aged = line.replace("] }", "], min-release-age = \"2w\" }");
    world.write("cpm.toml", &format!("[indexes]\n{aged}"));
    world.ok(&["index", "add", "acme", &index.url(), "--branch", "main"]);
    let row = &world.ok(&["index", "list", "--json"]).json()["indexes"][0];
    assert_eq!((&row["names"], &row["min_release_age_days"]), (&serde_json::json!(["acme-*", "tool"]), &14.into()));
    assert!(world.read("cpm.toml").contains("branch = \"main\""));
    world.fails(10, &["index", "add", "b", &index.url(), "--packages", "Acme"]);
}

/// X09, X10, L39.
#[test]
fn a_revoked_release_is_refused_locked_or_not_and_a_yanked_one_stays() {
    let (world, index) = with_index("");
    publish(&index, "tool", "1.0.0", "description", "x");
    publish(&index, "tool", "1.1.0", "yanked", "slow");
    publish(&index, "tool", "1.2.0", "description", "x");
    world.accepts(&["install", "tool@1"]);
    assert_eq!(world.read(TOOL), skill("tool", "1.2.0"));
    mark(&index, "tool", "revoked", "steals tokens");
    // Whoever resolves anew gets another one, or the reason.
    let other = Guarded::new();
    other.accepts(&["index", "add", "acme", &index.url()]);
    let run = other.refuses(21, &["install", "tool@=1.2.0"]);
    assert!(run.stderr.contains("1.2.0 is revoked: steals tokens"), "{run}");
    other.accepts(&["install", "tool"]);
    assert_eq!(other.read(TOOL), skill("tool", "1.0.0"));
    // Who has it locked is stopped as soon as this machine has heard of it.
    index.publish("other", &["1.0.0"]);
    world.refuses(21, &["install", "other"]);
    world.check_out_anew();
    for command in [&["install"][..], &["install", "--locked"], &["install", "--frozen"]] {
        let run = world.refuses(21, command);
        assert!(run.stderr.contains("`tool` 1.2.0 is revoked: steals tokens"), "{run}");
        assert!(run.stderr.contains("cpm remove tool"), "{run}");
    }
    world.accepts(&["update", "tool"]);
    assert_eq!(world.read(TOOL), skill("tool", "1.0.0"));
}

#[test]
fn verify_names_what_was_revoked_since_it_was_installed() {
    let (world, index) = with_index("");
    publish(&index, "tool", "1.0.0", "description", "x");
    index.publish("other", &["1.0.0"]);
    world.accepts(&["install", "tool"]);
    mark(&index, "tool", "revoked", "steals tokens");
    world.accepts(&["verify"]);
    let run = world.refuses(21, &["install", "other"]);
    assert!(run.stderr.contains("steals tokens"), "{run}");
    let run = world.cpm(&["verify", "--json"]);
    let found = &run.json()["scopes"][0]["findings"];
    assert_eq!((run.code, &found[0]["problem"], &found[0]["package"]), (1, &"revoked".into(), &"tool".into()), "{run}");
    world.accepts(&["remove", "tool"]);
    world.accepts(&["install", "other"]);
}

#[test]
fn when_every_release_is_revoked_an_update_says_why() {
    let (world, index) = with_index("");
    publish(&index, "tool", "1.0.0", "description", "x");
    world.accepts(&["install", "tool"]);
    mark(&index, "tool", "revoked", "steals tokens");
    let run = world.refuses(21, &["update"]);
    assert!(run.stderr.contains("steals tokens"), "{run}");
}

/// X08, X34.
#[test]
fn a_release_younger_than_the_manifest_allows_is_passed_over() {
    let (world, index) = with_index(", min-release-age = \"1d\"");
    publish(&index, "tool", "1.0.0", "published", "2026-01-01T00:00:00Z");
    publish(&index, "tool", "1.1.0", "published", "2026-01-09T22:00:00Z");
    tick(&index.repo, "2026-01-10T00:00:00Z");
    let run = world.refuses(12, &["install", "tool@=1.1.0"]);
    assert!(run.stderr.contains("1.1.0 is younger than 1 day") && run.stderr.contains("there are: 1.0.0"), "{run}");
    world.accepts(&["install", "tool"]);
    assert_eq!(world.read(TOOL), skill("tool", "1.0.0"));
    tick(&index.repo, "2026-01-10T22:00:00Z");
    world.accepts(&["update"]);
    assert_eq!(world.read(TOOL), skill("tool", "1.1.0"));
}

#[test]
fn a_locked_release_stays_however_young_it_is() {
    let (world, index) = with_index("");
    publish(&index, "tool", "1.0.0", "published", "2026-01-01T00:00:00Z");
    publish(&index, "tool", "1.1.0", "published", "2026-01-09T22:00:00Z");
    tick(&index.repo, "2026-01-10T00:00:00Z");
    world.accepts(&["install", "tool"]);
    let lock = world.read("cpm.lock");
    let manifest = world.read("cpm.toml").replace(" }", ", min-release-age = \"1d\" }");
    world.write("cpm.toml", &manifest);
    world.check_out_anew();
    world.accepts(&["install", "--locked"]);
    world.accepts(&["update"]);
    assert_eq!(world.read("cpm.lock"), lock);
}

/// X33.
#[test]
fn the_age_is_what_the_index_says_and_no_clock_of_this_machine() {
    for (tick_at, young, old) in [
        ("2001-01-10T00:00:00Z", "2001-01-09T00:00:01Z", "2001-01-09T00:00:00Z"),
        ("2098-01-10T00:00:00Z", "2098-01-09T00:00:01Z", "2098-01-09T00:00:00Z"),
    ] {
        let (world, index) = with_index(", min-release-age = \"1d\"");
        publish(&index, "tool", "1.0.0", "published", old);
        publish(&index, "tool", "1.1.0", "published", young);
        tick(&index.repo, tick_at);
        world.accepts(&["install", "tool"]);
        assert_eq!(world.read(TOOL), skill("tool", "1.0.0"), "{tick_at}");
    }
}

/// X35.
#[test]
fn old_dates_in_git_make_no_release_older() {
    let (world, index) = with_index(", min-release-age = \"1d\"");
    let elsewhere = Repo::new(&world, "tool", &[("SKILL.md", &skill("tool", "forged"))]);
    tick(&elsewhere, "2001-01-01T00:00:00Z");
    let source = serde_json::json!({ "git": elsewhere.url(), "commit": elsewhere.head() });
    let mut line =
        crate::support::raw_index::line("tool", "1.0.0", &source, &crate::support::raw_index::t1(elsewhere.dir()));
    line["published"] = "2026-01-09T22:00:00Z".into();
    index.list(&[line]);
    tick(&index.repo, "2026-01-10T00:00:00Z");
    let run = world.refuses(12, &["install", "tool"]);
    assert!(run.stderr.contains("younger than 1 day"), "{run}");
}

/// X36.
#[test]
fn a_release_without_a_date_is_refused_where_an_age_is_asked_for() {
    let (world, index) = with_index(", min-release-age = \"0d\"");
    index.publish("tool", &["1.0.0"]);
    let run = world.refuses(21, &["install", "tool"]);
    assert!(run.stderr.contains("does not say when it was published"), "{run}");
    publish(&index, "tool", "0.9.0", "published", "2026-01-01T00:00:00Z");
    world.accepts(&["install", "tool"]);
    assert_eq!(world.read(TOOL), skill("tool", "0.9.0"));
    // A marketplace has no dates at all.
    let entry = r#"{"name":"kit","source":"./kit"}"#;
    let market = Repo::marketplace(&world, "shop", entry, &[("kit/SKILL.md", &skill("kit", "x"))]);
    let line = format!("[indexes]\nshop = {{ git = \"{}\", min-release-age = \"0d\" }}", market.url());
    world.write("cpm.toml", &world.read("cpm.toml").replace("[indexes]", &line));
    world.refuses(21, &["install", "kit"]);
}

/// X11, X15.
#[test]
fn who_else_has_a_name_is_said_where_it_matters() {
    let (world, first) = with_index("");
    let second = IndexRepo::new(&world, "second");
    first.publish("tool", &["1.0.0"]);
    first.publish("github-tools", &["0.1.0"]);
    second.publish("tool", &["9.0.0"]);
    configure(&world, &[("acme", &first, ""), ("second", &second, "")]);
    let run = world.refuses(12, &["install", "tool@9"]);
    assert!(run.stderr.contains("`second` has `tool` 9.0.0") && run.stderr.contains("--index second"), "{run}");
    let run = world.accepts(&["install", "github-tools"]);
    assert!(run.stdout.contains("the built-in index has a package of this name too; `acme` answers"), "{run}");
    let run = world.accepts(&["install", "tool", "--index", "second"]);
    assert!(!run.stdout.contains("of this name too"), "{run}");
}
