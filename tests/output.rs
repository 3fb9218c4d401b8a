//! What people and programs read: one JSON document, quiet and verbose, colour, help, and the exit codes.

use cpm::error::Kind;

use crate::locking::with_kit;
use crate::support::samples::{KIT, install};
use crate::support::{Index, Run, World, delete};

/// Every command, with arguments that work in the order given and the name that its document has.
const COMMANDS: [(&str, &[&str]); 20] = [
    ("init", &["init"]),
    ("index list", &["index", "list"]),
    ("index add", &["index", "add", "acme", "URL"]),
    ("install", &["install", "kit"]),
    ("update", &["update"]),
    ("outdated", &["outdated"]),
    ("search", &["search", "kit"]),
    ("info", &["info", "kit"]),
    ("diff", &["diff"]),
    ("tree", &["tree"]),
    ("why", &["why", "kit"]),
    ("list", &["list"]),
    ("verify", &["verify"]),
    ("vendor", &["vendor", "vendor"]),
    ("remove", &["remove", "kit"]),
    ("index remove", &["index", "remove", "acme"]),
    ("cache dir", &["cache", "dir"]),
    ("cache info", &["cache", "info"]),
    ("cache prune", &["cache", "prune", "--older-than", "30d"]),
    ("cache clean", &["cache", "clean"]),
];

/// Runs all commands in order; the answers.
fn run_all(world: &World, flags: &[&str]) -> Vec<(&'static str, Run)> {
    let index = Index::new(world, "acme");
    index.release("kit", "1.0.0", &[]);
    let url = index.repo.url();
    let run = |(name, args): &(&'static str, &[&str])| {
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "URL" { url.as_str() } else { arg }).collect();
        (*name, world.ok(&[&args[..], flags].concat()))
    };
    COMMANDS.iter().map(run).collect()
}

#[test]
fn every_command_answers_with_one_json_document() {
    let world = World::in_git();
    for (name, run) in run_all(&world, &["--json"]) {
        let json = run.json();
        assert_eq!((&json["version"], &json["command"], &json["exit"]), (&1.into(), &name.into(), &0.into()), "{run}");
        assert_eq!(run.stdout.lines().count(), 1, "{run}");
    }
}

#[test]
fn a_failure_is_one_json_document_with_the_exit_code() {
    let (world, _repo) = with_kit();
    let parts = ["kind", "message", "place", "causes", "help"];
    for (code, kind, args) in [
        (14, "not-found", &["install", "no-such-package"][..]),
        (12, "no-solution", &["install", "github-tools@99"]),
        (11, "lock", &["install", "commit-messages", "--locked"]),
        (14, "not-found", &["update", "nothing"]),
        (14, "not-found", &["remove", "nothing"]),
        (30, "conflict", &["init"]),
        (10, "invalid", &["install", "Not_A_Name"]),
        (14, "not-found", &["index", "remove", "nothing"]),
        (21, "policy", &["index", "add", "x", "http://example.com/r"]),
        (2, "usage", &["install", "a", "b", "--git", "o/r"]),
    ] {
        let run = world.fails(code, &[args, &["--json"]].concat());
        let json = run.json();
        assert_eq!((&json["version"], &json["exit"], &json["error"]["kind"]), (&1.into(), &code.into(), &kind.into()));
        assert!(parts.iter().all(|part| json["error"].get(part).is_some()), "{run}");
        assert!(json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{run}");
    }
    world.write("cpm.lock", "");
    for command in ["list", "verify"] {
        let run = world.fails(11, &[command, "--json"]);
        assert_eq!((&run.json()["command"], &run.json()["exit"]), (&command.into(), &11.into()), "{run}");
    }
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let world = World::in_git();
    for (name, run) in run_all(&world, &["--quiet"]) {
        // The folder is the whole point of asking for it.
        let wanted = if name == "cache dir" { format!("{}\n", world.path("cache").display()) } else { String::new() };
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (wanted.as_str(), ""), "{name}");
    }
    let run = world.fails(14, &["install", "nothing-here", "-q"]);
    assert!(run.stdout.is_empty() && run.stderr.starts_with("error: "), "{run}");
}

#[test]
fn the_answer_is_on_stdout_and_the_rest_on_stderr() {
    let (world, repo) = with_kit();
    world.check_out_anew();
    world.empty_cache();
    let run = world.ok(&["install"]);
    assert!(run.stdout.contains("+ kit") && !run.stdout.contains("fetching"), "{run}");
    assert!(run.stderr.contains(&format!("fetching {}", repo.url())), "{run}");
}

#[test]
fn verbose_shows_every_git_command() {
    let (world, _repo) = with_kit();
    world.check_out_anew();
    world.empty_cache();
    let run = world.ok(&["install", "-v"]);
    assert!(run.stderr.lines().any(|line| line.starts_with("git ") && line.contains(" fetch ")), "{run}");
    assert!(!world.ok(&["update"]).stderr.contains(" fetch "), "only when asked");
}

#[test]
fn colour_comes_only_where_it_is_wanted() {
    let (mut world, _repo) = with_kit();
    let colours = |world: &World, flags: &[&str]| {
        let good = world.ok(&[&["list"], flags].concat());
        let bad = world.cpm(&[&["update", "nothing"], flags].concat());
        (good.stdout.contains('\u{1b}'), bad.stderr.contains('\u{1b}'))
    };
    assert_eq!(colours(&world, &[]), (false, false), "no terminal");
    assert_eq!(colours(&world, &["--color", "never"]), (false, false));
    assert_eq!(colours(&world, &["--color", "always"]), (true, true));
    world.set("CLICOLOR_FORCE", "1");
    assert_eq!(colours(&world, &[]), (true, true));
    assert_eq!(colours(&world, &["--color", "never"]), (false, false));
    world.set("NO_COLOR", "1");
    assert_eq!(colours(&world, &[]), (false, false));
    let json = world.cpm(&["list", "--json", "--color", "always"]);
    assert!(!json.stdout.contains('\u{1b}'), "{json}");
}

#[test]
fn every_command_has_help_and_its_alias_works() {
    let world = World::new();
    let overview = world.ok(&["--help"]).stdout;
    for (command, aliases) in [
        ("install", &["add", "i"][..]),
        ("update", &["up"]),
        ("remove", &["rm", "uninstall"]),
        ("outdated", &[]),
        ("search", &[]),
        ("info", &[]),
        ("diff", &[]),
        ("tree", &[]),
        ("why", &[]),
        ("list", &["ls"]),
        ("verify", &[]),
        ("vendor", &[]),
        ("index", &[]),
        ("init", &[]),
        ("cache", &[]),
    ] {
        let line = overview.lines().find(|line| line.trim_start().starts_with(&format!("{command} ")));
        let line = line.unwrap_or_else(|| panic!("{command} is not in\n{overview}"));
        let help = world.ok(&[command, "--help"]).stdout;
        assert!(help.contains(&format!("Usage: cpm {command}")), "{help}");
        for alias in aliases {
            assert!(line.contains(alias), "{line}");
            assert_eq!(world.ok(&[alias, "--help"]).stdout, help, "{alias}");
        }
    }
    let index = world.ok(&["index", "--help"]).stdout;
    assert!(index.contains("[alias: rm]") && index.contains("[alias: ls]"), "{index}");
}

#[test]
fn a_mistyped_command_line_is_a_usage_error() {
    let world = World::in_git();
    for args in [
        &["instal"][..],
        &["install", "--nope"],
        &["install", "x", "--rev", "0"],
        &["remove"],
        &["list", "--scope", "galaxy"],
        &["install", "x", "--git", "o/r", "--index", "acme"],
        &[],
    ] {
        let run = world.cpm(args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}\n{run}");
        assert!(run.stderr.contains("--help"), "{run}");
    }
}

#[test]
fn the_exit_codes_are_the_documented_ones() {
    let codes: Vec<u8> = Kind::ALL.iter().map(|kind| kind.exit_code()).collect();
    assert_eq!(codes, [1, 2, 3, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 30, 31, 40, 41, 42, 130]);
}

#[test]
fn a_missing_git_is_said_so() {
    let (mut world, _repo) = with_kit();
    world.check_out_anew();
    world.empty_cache();
    world.set("PATH", world.path("nothing").display());
    let run = world.fails(2, &["install"]);
    assert!(run.stderr.contains("`git`") && run.stderr.contains("help: "), "{run}");
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let (world, repo) = with_kit();
    world.check_out_anew();
    world.empty_cache();
    let url = repo.url();
    delete(std::path::Path::new(url.strip_prefix("file://").expect("a path")));
    let run = world.fails(14, &["install"]);
    assert!(run.stderr.contains(&url), "{run}");
}

#[test]
fn a_dry_run_names_the_files_that_the_run_changes() {
    let world = World::in_git();
    let repo = install(&world, "kit", &KIT, &[]);
    let url = repo.url();
    repo.commit(&[(".mcp.json", r#"{"mcpServers":{"srv":{"command":"newer"}}}"#)]);
    for args in [
        &["update", "--accept"][..],
        &["remove", "kit"],
        &["undo"],
        &["undo"],
        &["install", "kit", "--git", &url, "--scope", "local"],
        &["install", "safe-git", "deepwiki"],
        &["remove", "kit", "--scope", "local"],
        &["remove", "safe-git", "deepwiki"],
    ] {
        let files = |more: &[&str]| {
            let mut files = world.ok(&[args, &["--json"], more].concat()).json()["report"]["files"].clone();
            files.as_array_mut().expect("a list").sort_by_key(ToString::to_string);
            files
        };
        let told = files(&["--dry-run"]);
        assert_eq!(told, files(&[]), "{args:?}");
        assert_ne!(told, serde_json::json!([]), "{args:?}");
    }
}
