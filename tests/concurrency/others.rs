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

/// What stands before the number that the client counts.
const KEY: &[u8] = b"\"counter\": \"";

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
        if self.manner == Manner::Locked {
            while let Err(cause) = std::fs::create_dir(&lock) {
                assert_eq!(cause.kind(), ErrorKind::AlreadyExists, "{cause}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        // In few steps, because cpm must find it at rest most of the time.
        let mut bytes = std::fs::read(&self.file).expect("the state is always there");
        let at =
            bytes.windows(KEY.len()).position(|window| window == KEY).expect("the client's key is there") + KEY.len();
        let number = std::str::from_utf8(&bytes[at..at + 10]).ok().and_then(|digits| digits.parse::<u64>().ok());
        let counted = self.count.fetch_add(1, Ordering::SeqCst);
        assert_eq!(number, Some(counted), "what the client saved last was lost");
        bytes[at..at + 10].copy_from_slice(format!("{:010}", counted + 1).as_bytes());
        save(&self.file, &bytes);
        if self.manner == Manner::Locked {
            std::fs::remove_dir(&lock).expect("nobody else takes it away");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_client_that_saves_all_the_time_loses_nothing() {
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
        let codes = (runs[0].code, runs[1].code);
        let allowed: &[(i32, i32)] = match manner {
            Manner::Locked => &[(0, 0)],
            // Where the first run gave up there may be nothing to remove.
            Manner::Anyway => &[(0, 0), (0, 41), (41, 0), (41, 14), (41, 41)],
        };
        assert!(allowed.contains(&codes), "{} {}", runs[0], runs[1]);
        assert!(whole["mcpServers"] == Value::Null || runs[1].code == 41, "{} {}", runs[0], runs[1]);
        for run in runs.iter().filter(|run| run.code == 41) {
            assert!(run.stderr.contains(".claude.json"), "{run}");
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

#[test]
fn a_client_that_writes_what_it_read_before_over_cpm_is_told() {
    let world = World::in_git();
    let url = Repo::new(&world, "kit", SERVER).url();
    let file = world.home().join(".claude.json");
    let before = r#"{"numStartups":1}"#;
    write(&file, before);
    let over = AtomicBool::new(false);
    let write_over = || {
        if std::fs::read(&file).expect("always there") != before.as_bytes() {
            save(&file, before.as_bytes());
        }
    };
    let args = ["install", "kit", "--git", &url, "--scope", "user"];
    let run = std::thread::scope(|scope| {
        let _client = meanwhile(scope, &over, write_over);
        world.cpm(&args)
    });
    assert_eq!(run.code, 41, "{run}");
    assert!(run.stderr.contains("`srv`") && run.stderr.contains("`cpm restore kit --scope user`"), "{run}");
    assert_eq!(std::fs::read_to_string(&file).expect("text"), before);
    world.ok(&["restore", "kit", "--scope", "user"]);
    assert_eq!(json(&file)["mcpServers"]["srv"]["command"], "true");
}
