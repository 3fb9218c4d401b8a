//! A child process under watch: in a process group of its own, which ends with a signal to cpm, after too long a silence,
//! after too long a time, or when it writes more than it may.
//!
//! Invariant: a limit or a signal ends the whole group, not only its leader. After an ordinary end the group is left
//! alone: a credential helper may have started a daemon that is to outlive this.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::capture::{Capture, Heard};
use crate::progress::Progress;

/// How often a running child is looked at; it is waited for without that.
const TICK: Duration = Duration::from_millis(100);

/// How far a child may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long it may say nothing at all. Git counts aloud while it or the host works.
    pub(super) silence: Duration,
    /// How long it may take.
    pub(super) time: Duration,
    /// How many bytes it may add to the folder it writes packs to.
    pub(super) bytes: u64,
    /// How long to wait before asking a server again that is overloaded or out of reach.
    pub(super) backoff: [Duration; 2],
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            silence: Duration::from_secs(60),
            time: Duration::from_secs(30 * 60),
            bytes: 1 << 30,
            backoff: [Duration::from_millis(500), Duration::from_secs(2)],
        }
    }
}

/// Which limit ended a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Silence(Duration),
    Time(Duration),
    Bytes(u64),
}

/// How a process ended and what it said, without credentials.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// How long the host wants to be left alone, when it said so.
    pub(super) retry_after: Option<Duration>,
    pub(super) stopped: Option<Stopped>,
}

/// What a running child is watched for.
pub(super) struct Watch<'a> {
    pub(super) limits: Limits,
    /// Where its packs grow.
    pub(super) packs: &'a Path,
    /// The address in reports of how much came.
    pub(super) place: &'a str,
    pub(super) progress: &'a dyn Progress,
}

/// Runs a command to its end with `input` on its standard input.
///
/// # Errors
/// The failure to start it.
pub(super) fn run(mut command: Command, input: &[u8], watch: &Watch<'_>) -> std::io::Result<Output> {
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let at_first = bytes_in(watch.packs);
    let mut child = group::spawn(&mut command)?;
    group::limit_files(&child, watch.limits.bytes);
    let stdout = child.stdout.take().map(Capture::of);
    let stderr = child.stderr.take().map(Capture::of);
    let pipe = child.stdin.take();
    let group = child.id();
    let (end, ended) = channel();
    let (status, stopped) = std::thread::scope(|scope| {
        let input = scope.spawn(move || {
            // A git that ended early does not read on; its exit status says why.
            pipe.map(|mut pipe| std::io::Write::write_all(&mut pipe, input));
        });
        let heard = stderr.as_ref().map(Capture::heard);
        let watcher = scope.spawn(move || watch.until(&ended, group, at_first, heard.as_ref()));
        let status = child.wait();
        drop(end);
        let _ = input.join();
        (status, watcher.join().ok().flatten())
    });
    group::ended(group);
    let status = status?;
    // The kernel's limit is met without a word.
    let is_full = || !status.success() && watch.grown(at_first) >= watch.limits.bytes;
    let stopped = stopped.or_else(|| is_full().then_some(Stopped::Bytes(watch.limits.bytes)));
    let finish = |capture: Option<Capture>| capture.map(Capture::finish).unwrap_or_default();
    let ((stdout, _), (stderr, retry_after)) = (finish(stdout), finish(stderr));
    Ok(Output { status, stdout, stderr, retry_after, stopped })
}

impl Watch<'_> {
    /// Looks at a child until it has ended; ends it when it goes too far.
    fn until(&self, ended: &Receiver<()>, group: u32, at_first: u64, stderr: Option<&Heard>) -> Option<Stopped> {
        let start = Instant::now();
        while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            if let Some(bytes) = stderr.and_then(Heard::received) {
                self.progress.fetching(self.place, &bytes);
            }
            let Limits { silence, time, bytes, .. } = self.limits;
            let last = stderr.map_or(start, Heard::last);
            let stopped = if last.elapsed() > silence {
                Stopped::Silence(silence)
            } else if start.elapsed() > time {
                Stopped::Time(time)
            } else if self.grown(at_first) > bytes {
                Stopped::Bytes(bytes)
            } else {
                continue;
            };
            group::end(group);
            return Some(stopped);
        }
        None
    }

    /// How much came since the packs had `at_first` bytes.
    fn grown(&self, at_first: u64) -> u64 {
        bytes_in(self.packs).saturating_sub(at_first)
    }
}

/// The size of the files directly in a folder; what cannot be read counts nothing.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|about| about.len()).sum()
}

/// Process groups, so that what git has started ends with it.
#[cfg(unix)]
mod group {
    use std::collections::BTreeSet;
    use std::os::unix::process::CommandExt as _;
    use std::sync::{Mutex, Once};

    use rustix::process::{Pid, Signal, kill_process_group};
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    use super::super::held;
    use super::{Child, Command};
    use crate::fsx::failpoint;

    /// The groups that run now.
    static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
    static WATCHING: Once = Once::new();

    /// Starts a child as the leader of a group.
    pub(super) fn spawn(command: &mut Command) -> std::io::Result<Child> {
        WATCHING.call_once(watch_signals);
        // Held while it starts, so that a signal meanwhile does not miss it.
        let mut running = held(&RUNNING);
        let child = command.process_group(0).spawn()?;
        running.insert(child.id());
        Ok(child)
    }

    /// A signal to cpm reaches its children first: they are in groups of their own, so a Ctrl-C in the terminal does
    /// not. Then it does to cpm what it always did. A hang-up is left alone, because `nohup` may have switched it off.
    fn watch_signals() {
        // Without the handlers everything works, but a Ctrl-C leaves a git behind until its host has answered.
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
        std::thread::spawn(move || {
            for signal in &mut signals {
                // Held to the end: whoever waits for a child that ends here forgets it under this lock, so no run
                // takes that for a failure of git's and ends in another way first.
                let running = held(&RUNNING);
                running.iter().copied().for_each(end);
                failpoint::pause("late-signal");
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
    }

    /// Ends a group at once. What it leaves is cleared away by the next that writes.
    pub(super) fn end(group: u32) {
        if let Some(pid) = i32::try_from(group).ok().and_then(Pid::from_raw) {
            // It fails when nobody is left, which is what is wanted.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    /// Forgets a group whose leader has ended.
    pub(super) fn ended(group: u32) {
        held(&RUNNING).remove(&group);
    }

    /// The kernel's own limit on the size of a file, where it can be set from outside: it holds between two looks.
    #[cfg(target_os = "linux")]
    pub(super) fn limit_files(child: &Child, bytes: u64) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        // The watch holds without it.
        let _ = prlimit(pid, Resource::Fsize, limit);
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn limit_files(_: &Child, _: u64) {}
}

/// Elsewhere a console sends Ctrl-C to everything in it, and a limit ends the child alone.
#[cfg(not(unix))]
mod group {
    use super::{Child, Command};

    pub(super) fn spawn(command: &mut Command) -> std::io::Result<Child> {
        command.spawn()
    }

    pub(super) fn end(group: u32) {
        // The standard library ends only a child it may borrow, and that one is being waited for.
        let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &group.to_string()]).output();
    }

    pub(super) fn ended(_: u32) {}

    pub(super) fn limit_files(_: &Child, _: u64) {}
}
