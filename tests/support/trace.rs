//! What a run asks of the operating system, as strace sees it.

use super::World;
use super::faults::able;

/// System calls as strace prints them, one a line, failed ones left out.
pub struct Trace(Vec<String>);

impl Trace {
    /// Runs cpm under strace and expects success; `None`, with a line that says so, where strace cannot run.
    pub fn of(world: &World, args: &[&str]) -> Option<Self> {
        let (code, trace) = Trace::with_code(world, args)?;
        assert_eq!(code, 0, "cpm {args:?}");
        Some(trace)
    }

    /// Runs cpm under strace; its exit code too.
    pub fn with_code(world: &World, args: &[&str]) -> Option<(i32, Self)> {
        if !able("strace", &["-o", "/dev/null", "true"]) {
            return None;
        }
        let file = world.path("trace");
        let calls = "process,network,file,fsync,fdatasync,syncfs,sync,sync_file_range,msync";
        let mut command = world.command("strace");
        command.args(["-f", "-y", "-s", "4096", "-e", &format!("trace={calls}"), "-o"]).arg(&file);
        let output = command.arg(env!("CARGO_BIN_EXE_cpm")).args(args).output().expect("strace runs");
        let text = std::fs::read_to_string(file).expect("a trace");
        let calls = text.lines().filter_map(|line| line.split_once(' ').map(|(_, call)| call.trim_start()));
        let calls = calls.filter(|call| !call.contains(" = -1 ")).map(with_whole_paths).collect();
        Some((output.status.code().unwrap_or(-1), Trace(calls)))
    }

    /// The calls with one of these names.
    pub fn named<'a>(&'a self, names: &'a [&str]) -> Vec<&'a str> {
        let is_named = |call: &&String| names.contains(&call.split('(').next().unwrap_or_default());
        self.0.iter().filter(is_named).map(String::as_str).collect()
    }

    /// The calls that create or rename to something at or below a path.
    pub fn below(&self, path: &str, what: impl Fn(&str) -> bool) -> Vec<&str> {
        self.0.iter().map(String::as_str).filter(|call| call.contains(path) && what(call)).collect()
    }

    pub fn starts_nothing_and_asks_nobody(&self) {
        let programs = self.named(&["execve", "execveat"]);
        assert_eq!(programs.len(), 1, "only cpm itself: {programs:?}");
        for names in [
            &["fork", "vfork", "clone", "clone3"][..],
            &["socket", "socketpair", "connect", "bind", "sendto", "sendmsg", "recvfrom"],
        ] {
            assert_eq!(self.named(names), [""; 0]);
        }
    }

    pub fn syncs(&self) -> usize {
        self.named(&["fsync", "fdatasync", "syncfs", "sync", "sync_file_range", "msync"]).len()
    }
}

/// A call with each name in an open folder as a path: `4</folder>, "name"` becomes `"/folder/name"`.
fn with_whole_paths(call: &str) -> String {
    let function = call.split('(').next().unwrap_or_default();
    if !function.ends_with("at") && !function.ends_with("at2") {
        return call.to_owned();
    }
    let mut whole = String::new();
    let mut rest = call;
    while let Some((before, (folder, after))) =
        rest.split_once('<').map(|(a, b)| (a, b.split_once('>').unwrap_or((b, ""))))
    {
        match after.strip_prefix(", \"") {
            Some(name) if name.starts_with('/') => whole += &format!("{before}<{folder}>, \""),
            Some(_) => {
                let before = before.trim_end_matches(|char: char| char.is_alphanumeric() || char == '_');
                whole += &format!("{before}\"{folder}/");
            }
            None => whole += &format!("{before}<{folder}>"),
        }
        rest = after.strip_prefix(", \"").unwrap_or(after);
    }
    whole + rest
}
