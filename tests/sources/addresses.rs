//! Addresses that cpm refuses: before git is started, without a trace, and without showing a secret.

use std::path::{Path, PathBuf};

use crate::support::raw_index::line;
use crate::support::{IndexRepo, Repo, Run, World, skill, write};

const TOKEN: &str = "t0k3n-c4n4ry";

/// A world in which every start of git leaves a file behind, and that file.
fn watched() -> (World, PathBuf) {
    let mut world = World::new();
    let (started, shim) = (world.path("git-was-started"), world.path("bin/git"));
    write(&shim, format!("#!/bin/sh\necho \"$@\" >>{}\nexit 1\n", started.display()));
    std::fs::set_permissions(&shim, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    let path = std::env::var("PATH").expect("a PATH");
    world.set("PATH", format!("{}:{path}", world.path("bin").display()));
    write(&world.project().join("cpm.toml"), "[dependencies]\n");
    (world, started)
}

/// Every address with the exit code it must end in. `CANARY` stands for a file that must not come to be.
fn refused() -> Vec<(String, i32)> {
    let token = format!("https://user:{TOKEN}@host.example/x");
    let fixed = [
        ("ext::sh -c touch% CANARY", 21),
        ("ext::sh", 21),
        ("fd::7", 21),
        ("git://example.com/x", 21),
        ("http://example.com/x", 21),
        ("http://127.0.0.1.example.com/x", 21),
        ("ftp://example.com/x", 21),
        ("--upload-pack=touch CANARY", 10),
        ("-oProxyCommand=touch CANARY:y", 10),
        ("ssh://-oProxyCommand=touch%20CANARY/x", 10),
        ("ssh://host/-x", 10),
        ("https://host/a/../../b", 10),
        ("https://host/x?token=t0k3n-c4n4ry", 10),
        ("ssh://user:t0k3n-c4n4ry@host/x", 10),
        ("https://t0k3n-c4n4ry@host.example/x", 10),
        ("https://user:/t0k3n-c4n4ry@host.example/x", 10),
        ("user:t0k3n-c4n4ry@host.example/x", 10),
        ("./here", 10),
        ("", 10),
    ];
    [(token, 10)].into_iter().chain(fixed.map(|(address, code)| (address.to_owned(), code))).collect()
}

/// What a refused run must not have done.
fn assert_clean(world: &World, started: &Path, run: &Run) {
    assert!(!started.exists(), "git was started: {run}");
    assert!(!world.path("canary").exists(), "{run}");
    assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "{run}");
}

#[test]
fn a_refused_address_on_the_command_line_starts_nothing_and_shows_no_secret() {
    let (world, started) = watched();
    for (address, code) in refused() {
        let address = address.replace("CANARY", &world.path("canary").display().to_string());
        let git = format!("--git={address}");
        for args in [
            &["install", git.as_str()][..],
            &["install", "x", &git, "--json", "-v"],
            &["index", "add", "x", "--", &address],
        ] {
            let run = world.fails(code, args);
            assert_clean(&world, &started, &run);
        }
    }
}

#[test]
fn a_secret_in_an_address_typed_as_a_package_is_not_repeated() {
    let (world, started) = watched();
    for (address, _) in refused().iter().filter(|(address, _)| address.contains(TOKEN)) {
        for more in [&[][..], &["--json"]] {
            let run = world.fails(10, &[&["install", address.as_str()], more].concat());
            assert_clean(&world, &started, &run);
        }
    }
}

#[test]
fn the_way_to_give_credentials_is_told() {
    let (world, _) = watched();
    let run = world.fails(10, &["install", "--git", &format!("https://user:{TOKEN}@host.example/x")]);
    assert!(run.stderr.contains("credential helper"), "{run}");
}

#[test]
fn a_refused_address_in_the_manifest_starts_nothing_and_shows_no_secret() {
    let (world, started) = watched();
    for (address, code) in refused() {
        let address = address.replace("CANARY", &world.path("canary").display().to_string());
        for text in [
            format!("[dependencies]\nx = {{ git = '{address}' }}\n"),
            format!("[indexes]\nx = {{ git = '{address}' }}\n\n[dependencies]\n"),
        ] {
            world.write("cpm.toml", &text);
            for args in [&["install"][..], &["update", "--json"], &["index", "list"]] {
                let run = world.fails(code, args);
                assert_clean(&world, &started, &run);
            }
        }
    }
}

#[test]
fn a_secret_in_a_file_that_does_not_parse_is_not_shown() {
    let (world, started) = watched();
    let address = format!("git = \"https://user:{TOKEN}@host.example/x?{TOKEN}\"");
    world.write("cpm.toml", &format!("[dependencies]\nx = {{ {address}\n"));
    for args in [&["install"][..], &["index", "add", "--offline", "x", "o/r"], &["list", "--json"]] {
        let run = world.fails(10, args);
        assert!(run.stderr.contains("host.example"), "{run}");
        assert_clean(&world, &started, &run);
    }
    world.write("cpm.toml", "[dependencies]\n");
    world.write("cpm.lock", &format!("version = 1\n\n[[package]]\n{address}\"\n"));
    let run = world.fails(11, &["install"]);
    assert_clean(&world, &started, &run);
}

#[test]
fn a_secret_in_the_lock_is_refused_and_not_shown() {
    let (world, started) = watched();
    world.write("cpm.toml", "[dependencies]\nx = { git = \"https://host.example/x\" }\n");
    let zeros = "0".repeat(64);
    world.write(
        "cpm.lock",
        &format!(
            "version = 1\n\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\n\
             source = \"git+https://user:{TOKEN}@host.example/x\"\ncommit = \"{}\"\n\
             checksum = \"t1:{zeros}\"\nsurface = \"s1:{zeros}\"\n",
            &zeros[..40]
        ),
    );
    for args in [&["install"][..], &["install", "--frozen", "--json"], &["update"]] {
        let run = world.fails(11, args);
        assert_clean(&world, &started, &run);
    }
}

#[test]
fn refused_addresses_in_an_index_disable_only_their_releases() {
    let world = World::in_git();
    let index = IndexRepo::new(&world, "acme");
    index.publish("tool", &["1.0.0"]);
    let (commit, checksum) = ("3f".repeat(20), format!("t1:{}", "0".repeat(64)));
    let evil = refused().into_iter().map(|(address, _)| address).filter(|address| !address.contains("CANARY"));
    let lines: Vec<_> = evil
        .enumerate()
        .map(|(at, address)| {
            let source = serde_json::json!({ "git": address, "commit": commit });
            line("tool", &format!("2.0.{at}"), &source, &checksum)
        })
        .collect();
    index.list(&lines);
    world.ok(&["index", "add", "acme", &index.url()]);
    let run = world.ok(&["install", "tool"]);
    assert_eq!(world.locked("tool")["version"], "1.0.0");
    assert_eq!(run.stderr.matches("warning: ").count(), lines.len(), "{run}");
    assert!(run.stderr.contains("tool.jsonl:2") && run.stderr.contains("`git`"), "{run}");
    assert!(!run.stderr.contains(TOKEN), "{run}");
}

#[test]
fn refused_addresses_in_a_marketplace_disable_only_their_entries() {
    let world = World::in_git();
    let source = |address: &str| format!(r#"{{"source":"url","url":"{address}"}}"#);
    let evil: Vec<(String, i32)> = refused().into_iter().filter(|(address, _)| !address.contains("CANARY")).collect();
    let mut entries = r#"{"name":"good","source":"./good"}"#.to_owned();
    for (at, (address, _)) in evil.iter().enumerate() {
        entries += &format!(r#",{{"name":"evil-{at}","source":{}}}"#, source(address));
    }
    let market = Repo::marketplace(&world, "market", &entries, &[("good/SKILL.md", &skill("good", "x"))]);
    world.ok(&["index", "add", "market", &market.url()]);
    for (at, (_, code)) in evil.iter().enumerate() {
        let run = world.fails(*code, &["install", &format!("evil-{at}")]);
        assert!(!run.stderr.contains(TOKEN), "{run}");
    }
    world.ok(&["install", "good"]);
}

#[test]
fn an_index_on_another_machine_may_not_point_at_this_one() {
    let world = World::in_git();
    let local = Repo::new(&world, "local", &[("SKILL.md", &skill("local", "x"))]);
    let entry = format!(r#"{{"name":"local","source":{{"source":"url","url":"{}"}}}}"#, local.url());
    Repo::marketplace(&world, "market", &entry, &[]);
    world.instead_of("https://github.com/acme/", &format!("file://{}/", world.path("repos").display()));
    world.ok(&["index", "add", "market", "acme/market"]);
    let run = world.fails(21, &["install", "local"]);
    assert!(run.stderr.contains("this machine"), "{run}");
}
