//! A world that watches: after each run it asserts what no input may ever bring about [security.md §3.0, G1–G10].
//!
//! Around the world of every test it puts a folder beside the project, secrets in the environment, and stand-ins on
//! `PATH` that write down which programs were started.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::samples::{Thing, everything};
use super::{Run, World, delete, write};

/// In the environment of every run, and nowhere else.
const SECRET: &str = "canary-5d1f-secret";
const SECRET_VARIABLES: [&str; 4] = ["ANTHROPIC_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "HTTP_PASSWORD"];
/// What cpm may start, or git for it; these stand-ins go on to the real program.
const ALLOWED: [&str; 2] = ["git", "ssh"];
/// What packages, hooks and configuration would like to start.
#[rustfmt::skip]
const FORBIDDEN: [&str; 25] = [
    "sh", "bash", "zsh", "dash", "env", "curl", "wget", "nc", "node", "npx", "npm", "bun", "python", "python3", "pip",
    "uv", "uvx", "ruby", "perl", "claude", "gpg", "touch", "less", "vi", "xdg-open",
];
/// The folders of a world that a run, or the test itself, may write into.
const ROOTS: [&str; 8] = ["project", "home", "cache", "repos", "outside", "programs", "tmp", "started"];

/// A [`World`] with guards.
pub struct Guarded {
    world: World,
    outside: BTreeMap<PathBuf, Thing>,
}

impl Guarded {
    /// A guarded world whose project is a git checkout.
    pub fn new() -> Self {
        let mut world = World::in_git();
        write(&world.path("outside/precious"), "precious\n");
        std::fs::create_dir(world.path("tmp")).expect("a folder");
        for name in ALLOWED.iter().chain(&FORBIDDEN) {
            stand_in(&world, name, real(name).filter(|_| ALLOWED.contains(name)).as_deref());
        }
        let path = std::env::var("PATH").expect("a PATH");
        world.set("PATH", format!("{}:{path}", world.path("programs").display()));
        world.set("TMPDIR", world.path("tmp").display());
        for name in SECRET_VARIABLES {
            world.set(name, SECRET);
        }
        let outside = everything(&world.path("outside"));
        Guarded { world, outside }
    }

    /// Runs cpm twice, the second time for JSON, and expects the same refusal and that nothing changed.
    pub fn refuses(&self, code: i32, args: &[&str]) -> Run {
        let before = self.owned();
        let first = self.cpm(args);
        assert_eq!(first.code, code, "cpm {args:?}\n{first}");
        assert!(first.stderr.contains("error: ") && first.stderr.contains("help: "), "{first}");
        let second = self.cpm(&[args, &["--json"]].concat());
        assert_eq!(second.code, code, "cpm {args:?} --json\n{second}");
        let error = &second.json()["error"];
        let message = error["message"].as_str().expect("a message");
        assert_eq!(second.json()["exit"], code, "{second}");
        assert!(first.stderr.contains(first_words(message)), "the second run says something else: {first}\n{second}");
        assert!(self.owned() == before, "a refused run changed something: {first}");
        for run in [&first, &second] {
            self.assert_guarded(run);
        }
        first
    }

    /// Runs cpm and expects success.
    pub fn accepts(&self, args: &[&str]) -> Run {
        let run = self.cpm(args);
        assert_eq!(run.code, 0, "cpm {args:?}\n{run}");
        self.assert_guarded(&run);
        run
    }

    /// The programs started so far, each once.
    pub fn started(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("started")).unwrap_or_default();
        let mut names: Vec<String> =
            log.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What a run must never have done, whatever it was given and however it ended.
    pub fn assert_guarded(&self, run: &Run) {
        assert_tame(run);
        assert!(everything(&self.path("outside")) == self.outside, "something outside was changed: {run}");
        let roots =
            std::fs::read_dir(self.path("")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let strange: Vec<_> = roots.filter(|name| !ROOTS.iter().any(|root| name == root)).collect();
        assert!(strange.is_empty(), "written beside the project: {strange:?}");
        assert_eq!(everything(&self.path("tmp")).len(), 1, "left in the temporary folder");
        let started = self.started();
        assert!(started.iter().all(|name| ALLOWED.contains(&name.as_str())), "started {started:?}");
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(SECRET), "a secret was shown: {run}");
        }
        for root in ["project", "home", "cache", "started"] {
            assert_without(&self.path(root), SECRET);
        }
        self.assert_no_debris();
    }

    /// Nothing but whole packages where the client looks, and nothing unfinished in cpm's state.
    fn assert_no_debris(&self) {
        let project = self.project();
        let is_kept =
            |name: &str| [".gitignore", "lock"].contains(&name) || name.ends_with(".json") && name.contains('-');
        let state = std::fs::read_dir(project.join(".cpm")).into_iter().flatten().flatten();
        let unfinished: Vec<String> =
            state.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| !is_kept(name)).collect();
        assert!(unfinished.is_empty(), "{unfinished:?}");
        for entry in std::fs::read_dir(project.join(".claude/skills")).into_iter().flatten() {
            let name = entry.expect("an entry").file_name();
            assert!(!name.to_string_lossy().starts_with('.'), "{name:?} is left where the client looks");
        }
    }

    /// The project with its git folder, and the home directory, without cpm's state.
    fn owned(&self) -> BTreeMap<PathBuf, Thing> {
        let state = self.project().join(".cpm");
        let both = everything(&self.project()).into_iter().chain(everything(&self.home()));
        both.filter(|(path, _)| !path.starts_with(&state)).collect()
    }
}

impl Deref for Guarded {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Guarded {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// Whether a terminal obeys it, or an eye misses it.
fn is_hostile(c: char) -> bool {
    let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    (c.is_control() && c != '\n') || hidden || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

/// Nothing in the output can move a cursor or hide.
pub fn assert_tame(run: &Run) {
    let found = run.stdout.chars().chain(run.stderr.chars()).find(|c| is_hostile(*c));
    assert_eq!(found, None, "{:?}", (&run.stdout, &run.stderr));
}

/// No file below a folder, nor a file itself, holds a text.
pub fn assert_without(root: &Path, text: &str) {
    if !root.exists() {
        return;
    }
    for (path, thing) in everything(root) {
        let holds = thing.bytes().is_some_and(|bytes| String::from_utf8_lossy(bytes).contains(text));
        assert!(!holds, "{} holds {text}", path.display());
    }
}

/// Puts a program on the world's `PATH` that writes down how it was called and goes on to the real one.
fn stand_in(world: &World, name: &str, real: Option<&Path>) {
    let mut script = format!("#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>'{}'\n", world.path("started").display());
    match real {
        Some(program) => writeln!(script, "exec '{}' \"$@\"", program.display()).expect("a text"),
        None => script.push_str("exit 1\n"),
    }
    program(&world.path("programs").join(name), &script);
}

/// Where the person's own `PATH` has a program.
fn real(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").expect("a PATH");
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

/// Writes a program, over what is there.
pub fn program(path: &Path, script: &str) {
    delete(path);
    write(path, script);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

/// Up to what is escaped or quoted differently on a terminal.
fn first_words(message: &str) -> &str {
    let end = message.find(|c: char| !c.is_ascii() || c.is_control() || c == '\\').unwrap_or(message.len());
    &message[..end]
}
