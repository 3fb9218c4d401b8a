//! The real Claude Code client, started once for each question with a home of the test's own. It talks to a stand-in for
//! the Messages API on loopback, so nothing leaves the machine.

mod api;
mod listing;

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::{Run, World};
use api::Api;
pub use listing::{Listing, predicted};

/// An MCP server with the tool `ping`, for `sh`.
pub const SERVER: &str = include_str!("client/server.sh");

/// A language server that knows of the symbol `found_by_the_plugin` in every file.
pub const LANGUAGE_SERVER: &str = include_str!("client/language.sh");

/// How long a session may take; only a broken one takes as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// The client, and the API that it talks to.
pub struct Client {
    program: PathBuf,
    api: Api,
}

/// What a session of the client said, and what it asked the model.
pub struct Session {
    events: Vec<Value>,
    requests: Vec<Value>,
}

impl Client {
    /// The client that `CLAUDE_BIN` names; without it, says so once and there is none.
    pub fn found() -> Option<Self> {
        static MISSING: OnceLock<()> = OnceLock::new();
        let program = std::env::var_os("CLAUDE_BIN").filter(|program| !program.is_empty());
        if program.is_none() {
            // Straight to the terminal: what a passing test prints is not shown.
            MISSING.get_or_init(|| {
                let _ = writeln!(
                    std::io::stderr(),
                    "skipped: the tests with the real client, because CLAUDE_BIN is not set"
                );
            });
        }
        Some(Client { program: program?.into(), api: Api::start() })
    }

    /// Starts a session in a folder, which asks the model one thing.
    pub fn start(&self, world: &World, dir: &Path) -> Session {
        self.converse(world, dir, &[], &[])
    }

    /// Starts a session in which the model answers first with these blocks, one answer each, with more arguments.
    pub fn converse(&self, world: &World, dir: &Path, answers: &[Value], args: &[&str]) -> Session {
        self.api.answer_with(answers);
        let mut command = self.command(world, dir);
        command
            .args(["-p", "hi", "--output-format", "stream-json", "--verbose", "--no-session-persistence"])
            .args(args);
        let events = lines(&run(world, command).stdout);
        let session = Session { events, requests: self.api.requests() };
        assert!(!session.init().is_null(), "the client did not start: {:?}", session.events);
        session
    }

    /// Runs one of the client's own commands in a folder; what it prints.
    pub fn ask(&self, world: &World, dir: &Path, args: &[&str]) -> String {
        self.run(world, dir, args).stdout
    }

    /// Runs one of the client's own commands in a folder; what it prints and how it ends.
    pub fn run(&self, world: &World, dir: &Path, args: &[&str]) -> Run {
        let mut command = self.command(world, dir);
        command.args(args);
        run(world, command)
    }

    /// The address of an MCP server with the tool `ping`.
    pub fn remote_server(&self) -> String {
        format!("{}mcp", self.api.origin())
    }

    /// What the client has of itself, in an empty home.
    fn builtin(&self) -> &'static Session {
        static BUILTIN: OnceLock<Session> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let alone = Client { program: self.program.clone(), api: Api::start() };
            let world = World::new();
            alone.start(&world, &world.project())
        })
    }

    fn command(&self, world: &World, dir: &Path) -> Command {
        let mut command = world.command(self.program.to_str().expect("UTF-8"));
        command.current_dir(dir).process_group(0);
        command.env("LANG", "C.UTF-8").env("TMPDIR", world.path(""));
        command.env("ANTHROPIC_API_KEY", "sk-ant-none").env("ANTHROPIC_BASE_URL", self.api.origin());
        command.env("DISABLE_AUTOUPDATER", "1").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        // Waits for MCP servers before it lists anything.
        command.env("MCP_CONNECTION_NONBLOCKING", "0").env("MCP_CONNECT_TIMEOUT_MS", "30000");
        command
    }
}

impl Session {
    /// The first event: what the client has loaded.
    pub fn init(&self) -> &Value {
        self.event("system", "init")
    }

    fn event(&self, kind: &str, subtype: &str) -> &Value {
        let found = self.events.iter().find(|event| event["type"] == kind && event["subtype"] == subtype);
        found.unwrap_or(&Value::Null)
    }

    /// The requests to the model, as they were sent.
    pub fn requests(&self) -> &[Value] {
        &self.requests
    }

    /// What the client gave back for the tools that the model asked for.
    pub fn results(&self) -> String {
        let told = self.events.iter().filter(|event| event["type"] == "user");
        told.map(|event| event["message"]["content"].to_string()).collect()
    }
}

/// Runs a command to its end; what it prints and how it ends.
fn run(world: &World, mut command: Command) -> Run {
    let paths = ["out", "err"].map(|stream| world.path(&format!("client.{stream}")));
    let [out, err] = paths.each_ref().map(|path| std::fs::File::create(path).expect("a file"));
    let child = command.stdout(out).stderr(err).spawn().expect("the client starts");
    let printed = || paths.each_ref().map(|path| std::fs::read_to_string(path).expect("its output"));
    let mut running = Running(child);
    let start = Instant::now();
    let status = loop {
        if let Some(status) = running.0.try_wait().expect("a state") {
            break status;
        }
        assert!(start.elapsed() < PATIENCE, "the client did not end: {:?}", printed());
        std::thread::sleep(Duration::from_millis(20));
    };
    let [stdout, stderr] = printed();
    Run { code: status.code().unwrap_or(-1), stdout, stderr }
}

/// A client that does not outlive its test, nor does what it started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// The JSON values that a text has, one a line.
fn lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
