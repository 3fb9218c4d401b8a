//! A world of its own for each test: a home, a project, a cache, and git repositories made from folders of text.

pub mod client;
#[cfg(target_os = "linux")]
pub mod faults;
pub mod guard;
pub mod http;
pub mod index;
mod look;
pub mod raw_index;
pub mod raw_tree;
pub mod repo;
pub mod samples;
#[cfg(target_os = "linux")]
pub mod trace;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub use guard::Guarded;
pub use index::Index;
pub use raw_index::IndexRepo;
pub use raw_tree::RawRepo;
pub use repo::Repo;

/// Temporary directories that one test has for itself.
pub struct World {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// What a run of cpm printed, and how it ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        let world = World { dir: tempfile::tempdir().expect("a directory"), env: Vec::new() };
        for dir in [world.home(), world.project()] {
            std::fs::create_dir_all(dir).expect("a folder");
        }
        world
    }

    /// A world whose project is a git checkout.
    pub fn in_git() -> Self {
        let world = World::new();
        git(&world.project(), &["init", "-q", "-b", "main"]);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        // The real path: some systems have a link above their temporary directory.
        self.dir.path().canonicalize().expect("a path").join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// Sets a variable for all later runs.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        self.env.push((name.to_owned(), value.to_string()));
    }

    /// A command with cpm's environment and nothing else of ours.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.project()).stdin(std::process::Stdio::null());
        command.env("PATH", std::env::var_os("PATH").expect("a PATH"));
        command.env("HOME", self.home()).env("CPM_CACHE_DIR", self.path("cache"));
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs cpm in the project.
    pub fn cpm(&self, args: &[&str]) -> Run {
        self.cpm_in(&self.project(), args)
    }

    /// Runs cpm in a folder.
    pub fn cpm_in(&self, dir: &Path, args: &[&str]) -> Run {
        Run::of(self.command(env!("CARGO_BIN_EXE_cpm")).current_dir(dir).args(args).output().expect("cpm runs"))
    }

    /// Runs cpm and expects success.
    pub fn ok(&self, args: &[&str]) -> Run {
        let run = self.cpm(args);
        assert_eq!(run.code, 0, "cpm {args:?}\n{run}");
        run
    }

    /// Runs cpm and expects this exit code, an error line, and that nothing in the project and home changed.
    pub fn fails(&self, code: i32, args: &[&str]) -> Run {
        let before = (snapshot(&self.project()), snapshot(&self.home()));
        let run = self.cpm(args);
        assert_eq!(run.code, code, "cpm {args:?}\n{run}");
        assert!(run.stderr.contains("error: "), "{run}");
        assert!((snapshot(&self.project()), snapshot(&self.home())) == before, "a failed run changed something: {run}");
        run
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        write(&self.project().join(path), text);
    }

    /// Reads a file of the project.
    pub fn read(&self, path: &str) -> String {
        let path = self.project().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
    }

    /// Takes away what a fresh checkout of the project does not have: everything installed, and cpm's state.
    pub fn check_out_anew(&self) {
        for part in [".claude", ".cpm", ".mcp.json"] {
            delete(&self.project().join(part));
        }
    }

    /// Takes away everything that was fetched.
    pub fn empty_cache(&self) {
        delete(&self.path("cache"));
    }

    /// Whether something is at a path of the project.
    pub fn has(&self, path: &str) -> bool {
        std::fs::symlink_metadata(self.project().join(path)).is_ok()
    }
}

impl Run {
    /// Of a process that a test started itself.
    pub fn of(output: Output) -> Self {
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The JSON document on stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|cause| panic!("{cause}\n{self}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

/// Removes a file or folder; nothing when it is not there.
pub fn delete(path: &Path) {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    assert!(removed.is_ok() || !path.exists(), "{} is still there", path.display());
}

/// Waits until something holds that other processes bring about; only a broken test waits to the end.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every file below a folder with its bytes, except git's own and cpm's state.
pub fn snapshot(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name");
            if name == ".cpm" || name == ".git" {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap_or_default();
                files.insert(path, bytes);
            }
        }
    }
    files
}

/// Runs git for a test's own purposes and returns what it prints.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "t"), ("GIT_AUTHOR_EMAIL", "t@example.com")])
        .envs([("GIT_COMMITTER_NAME", "t"), ("GIT_COMMITTER_EMAIL", "t@example.com")])
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A SKILL.md with a name, a description and a body line.
pub fn skill(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}.\n---\n{body}\n")
}
