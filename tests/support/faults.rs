//! Runs of cpm on a machine where something fails. Each is `None`, with a line that says so, where that cannot be had.

use std::process::Command;

use super::{Run, World};

/// Where system calls fail or are interrupted, as strace's `inject` says; `path` narrows it to calls about one path.
pub fn injected(world: &World, path: Option<&str>, rules: &[&str], args: &[&str]) -> Option<Run> {
    let mut command = world.command("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    // Also as a name in an open folder.
    let name = path.and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    let whole = path.map(|path| world.project().join(path).display().to_string());
    command.args(whole.into_iter().chain(name).flat_map(|path| ["-P".to_owned(), path]));
    for rule in rules {
        let calls = rule.split(':').next().expect("the calls");
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={rule}")]);
    }
    able("strace", &["-o", "/dev/null", "true"]).then(|| run(command, args))
}

/// With mounts of its own: `before` is a script that makes them, `after` one that prints what came of it.
pub fn mounted(world: &World, before: &str, args: &[&str], after: &str) -> Option<Run> {
    let mut command = world.command("unshare");
    let script = format!("set -e\n{before}\ncd .\nset +e\n\"$@\"\ncode=$?\n{after}\nexit $code");
    command.args(["-rm", "sh", "-c", &script, "sh"]);
    able("unshare", &["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).then(|| run(command, args))
}

/// Without the power over other people's files that tests have in a container.
pub fn unprivileged(world: &World, args: &[&str]) -> Option<Run> {
    if !rustix::process::geteuid().is_root() {
        return Some(world.cpm(args));
    }
    let powers = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"];
    let mut command = world.command("setpriv");
    command.args(powers);
    able("setpriv", &[powers[0], powers[1], "true"]).then(|| run(command, args))
}

/// Under the limits that `ulimit` sets.
pub fn limited(world: &World, limit: &str, args: &[&str]) -> Run {
    let mut command = world.command("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
    run(command, args)
}

fn run(mut command: Command, args: &[&str]) -> Run {
    Run::of(command.arg(env!("CARGO_BIN_EXE_cpm")).args(args).output().expect("it runs"))
}

/// Whether a program can do this here; says so when not.
#[expect(clippy::print_stdout, reason = "a skipped test must say so")]
pub fn able(program: &str, args: &[&str]) -> bool {
    let works = Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: `{program}` cannot do this here");
    }
    works
}
