//! The client and editors write the files that cpm edits, at the same time and as they like.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json as value};

use super::{meanwhile, save};
use crate::support::samples::{Files, install, json};
use crate::support::{Repo, World, write};

const SERVER: &Files<'_> = &[(".mcp.json", r#"{"mcpServers":{"srv":{"command":"true"}}}"#)];

/// A client's state of five megabytes.
fn large_state() -> String {
    let history = |at| format!("    \"/p/{at}\": {{ \"history\": [\"{}\"] }}", "x".repeat(1_000));
    let projects: Vec<String> = (0..5_000).map(history).collect();
    format!("{{\n  \"counter\": \"0000000000\",\n  \"projects\": {{\n{}\n  }}\n}}", projects.join(",\n"))
}

/// How the client saves its state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It waits until it has its lock.
    Locked,
    /// It writes without its lock, as it does when somebody else has it.
    Anyway,
}

/// A client that counts in its state: it reads the file, changes one value, and saves.
struct Client {
    file: PathBuf,
    manner: Manner,
    count: AtomicU64,
}

impl Client {
    fn save(&self) {
        let lock = PathBuf::from(format!("{}.lock", self.file.display()));
        while self.manner == Manner::Locked {
            match std::fs::create_dir(&lock) {
                Ok(()) => break,
                Err(cause) => assert_eq!(cause.kind(), ErrorKind::AlreadyExists, "{cause}"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let text = std::fs::read_to_string(&self.file).expect("the state is always there");
        let (before, after) = text.split_once("\"counter\": \"").expect("the client's key is always there");
        let number: u64 = after[..10].parse().expect("whole");
        let counted = self.count.fetch_add(1, Ordering::SeqCst);
        assert_eq!(number, counted, "what the client saved last was lost");
        save(&self.file, format!("{before}\"counter\": \"{:010}{}", counted + 1, &after[10..]).as_bytes());
        if self.manner == Manner::Locked {
            std::fs::remove_dir(&lock).expect("nobody else takes it away");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_client_that_saves_all_the_time_loses_nothing_and_neither_does_cpm() {
    for manner in [Manner::Locked, Manner::Anyway] {
        let world = World::in_git();
        let url = Repo::new(&world, "kit", SERVER).url();
        let file = world.home().join(".claude.json");
        write(&file, large_state());
        let client = Client { file: file.clone(), manner, count: AtomicU64::new(0) };
        let over = AtomicBool::new(false);
        let mut runs = Vec::new();
        std::thread::scope(|scope| {
            let _saving = meanwhile(scope, &over, || client.save());
            for args in
                [&["install", "kit", "--git", &url, "--scope", "user"][..], &["remove", "kit", "--scope", "user"]]
            {
                runs.push(world.cpm(args));
            }
        });
        let whole = json(&file);
        let saved = client.count.load(Ordering::SeqCst);
        assert_eq!(whole["counter"], format!("{saved:010}"));
        assert_eq!(whole["projects"].as_object().map(serde_json::Map::len), Some(5_000));
        match (runs[0].code, runs[1].code) {
            (0, 0) => assert_eq!(whole["mcpServers"], Value::Null),
            (0, 41) => assert_eq!(whole["mcpServers"]["srv"]["command"], "true"),
            (41, 14) => assert_eq!(whole["mcpServers"], Value::Null),
            other => panic!("{other:?}: {} {}", runs[0], runs[1]),
        }
        if manner == Manner::Locked {
            assert_eq!((runs[0].code, runs[1].code), (0, 0), "{} {}", runs[0], runs[1]);
        }
        for run in runs.iter().filter(|run| run.code == 41) {
            assert!(run.stderr.contains(".claude.json") && run.stderr.contains("changed while cpm"), "{run}");
        }
    }
}

#[test]
fn an_editor_that_saves_all_the_time_loses_nothing() {
    let world = World::in_git();
    let url = Repo::new(&world, "kit", SERVER).url();
    let file = world.project().join(".mcp.json");
    write(&file, "{}");
    let over = AtomicBool::new(false);
    let saves = AtomicU64::new(0);
    let edit = || {
        let mut whole = json(&file);
        let number = saves.fetch_add(1, Ordering::SeqCst);
        assert!(number == 0 || whole["mine"] == number, "what was saved last was lost: {whole} and not {number}");
        whole["mine"] = value!(number + 1);
        save(&file, whole.to_string().as_bytes());
        std::thread::sleep(Duration::from_millis(number % 40));
    };
    let mut codes = Vec::new();
    std::thread::scope(|scope| {
        let _editing = meanwhile(scope, &over, edit);
        for _ in 0..10 {
            let run = world.cpm(&["install", "kit", "--git", &url]);
            assert!([0, 41].contains(&run.code), "{run}");
            codes.push(run.code);
            if run.code == 0 {
                let run = world.cpm(&["remove", "kit"]);
                assert!([0, 41].contains(&run.code), "{run}");
                codes.push(run.code);
            }
        }
    });
    assert_eq!(json(&file)["mine"], saves.load(Ordering::SeqCst));
    assert!(codes.contains(&0), "sometimes there is time enough: {codes:?}");
    world.ok(&["verify"]);
}

/// A git that first writes into a file: what happens while a run fetches.
fn with_busy_git(world: &mut World, file: &Path, text: &str) {
    let found = std::env::var("PATH").expect("a PATH");
    let real = found.split(':').map(|dir| Path::new(dir).join("git")).find(|git| git.exists()).expect("git");
    let script = format!("#!/bin/sh\nprintf '%s' '{text}' > '{}'\nexec '{}' \"$@\"\n", file.display(), real.display());
    let program = world.path("bin/git");
    write(&program, script);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).expect("set");
    world.set("PATH", format!("{}:{found}", world.path("bin").display()));
}

#[test]
fn a_manifest_that_is_edited_during_a_long_run_stays_as_it_was_saved() {
    let mut world = World::in_git();
    install(&world, "kit", SERVER, &[]);
    let other = Repo::new(&world, "other", &[("SKILL.md", &crate::support::skill("other", "text"))]);
    let (lock, entries) = (world.read("cpm.lock"), world.read(".mcp.json"));
    let edited = format!("# mine\n{}", world.read("cpm.toml"));
    let file = world.project().join("cpm.toml");
    with_busy_git(&mut world, &file, &edited);
    let run = world.cpm(&["install", "other", "--git", &other.url()]);
    assert_eq!(run.code, 41, "{run}");
    assert!(run.stderr.contains("cpm.toml") && run.stderr.contains("nothing was changed"), "{run}");
    assert_eq!((world.read("cpm.toml"), world.read("cpm.lock"), world.read(".mcp.json")), (edited, lock, entries));
    assert!(!world.has(".claude"));
}
