//! The one way cpm starts `git`: closed to what it fetches and to what surrounds it, while the user's credential
//! helpers, ssh configuration, proxies and `insteadOf` keep working [security.md §4.1].

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::process::{self, Limits, Output, Watch};
use crate::error::{Error, Kind, Result};
use crate::model::url::{GitUrl, Reach};
use crate::progress::Progress;

/// What every process gets with `-c`, above any configuration file.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    // A cache: what a power cut takes is fetched again.
    "core.fsync=none",
    // Larger ones are checked in a stream, never as a whole in memory; no package may hold one.
    "core.bigFileThreshold=10m",
    "protocol.version=2",
    "transfer.bundleURI=false",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "fetch.prune=false",
    "fetch.pruneTags=false",
    "fetch.writeCommitGraph=false",
    // One pack for a fetch, not a file for each object.
    "fetch.unpackLimit=1",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.interactive=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "color.ui=false",
    "color.remote=false",
];

/// The variables of git's own that may pass: where the user's configuration is and how to reach a host. All others
/// (`GIT_DIR`, `GIT_CONFIG_COUNT`, `GIT_EXEC_PATH`, `GIT_TRACE` …) redirect git or make it talk.
const KEPT: &[&str] = &[
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_HTTP_LOW_SPEED_LIMIT",
    "GIT_HTTP_LOW_SPEED_TIME",
    "GIT_HTTP_PROXY_AUTHMETHOD",
    "GIT_PROXY_SSL_CAINFO",
    "GIT_PROXY_SSL_CERT",
    "GIT_PROXY_SSL_KEY",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
];

/// What cpm sets. An empty `GIT_ASKPASS` also silences `core.askPass` and `SSH_ASKPASS`. Plain `http` is for the
/// user's own `insteadOf`: a [`crate::model::url::GitUrl`] has it for loopback only.
const FIXED: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_ALLOW_PROTOCOL", "https:ssh:file:http"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    // Headers of answers, without bodies: only there does git tell `Retry-After`.
    ("GIT_TRACE_CURL", "2"),
    ("GIT_TRACE_CURL_NO_DATA", "1"),
];

/// The oldest git that cpm works with.
pub(super) const OLDEST: (u32, u32) = (2, 36);
/// What to do without one.
pub(super) const GIT_HELP: &str = "install git 2.36 or newer and make sure it is on `PATH`";

/// The git program and the cleaned environment it runs in.
#[derive(Debug)]
pub(super) struct Git {
    environment: Vec<(OsString, OsString)>,
    ssh: OnceLock<Option<OsString>>,
    limits: Limits,
}

/// What a process is about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// The cache repository it works on.
    pub(super) repository: &'a Path,
    /// The address it reaches.
    pub(super) url: &'a GitUrl,
    /// What it is called in reports.
    pub(super) place: &'a str,
    pub(super) progress: &'a dyn Progress,
}

impl Git {
    /// Git in an environment made from `variables`.
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Git { environment: environment(variables), ssh: OnceLock::new(), limits: Limits::default() }
    }

    /// The same git on another leash.
    #[cfg(test)]
    pub(super) fn limited(self, limits: Limits) -> Self {
        Git { limits, ..self }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Runs `git <arguments>` on a repository with `input` on its standard input, to its end.
    ///
    /// # Errors
    /// [`Kind::Usage`] when git cannot be started. How it ended is for the caller to judge.
    pub(super) fn run(&self, about: About<'_>, arguments: &[&str], input: &[u8]) -> Result<Output> {
        let ssh = match about.url.reach() {
            Reach::Local => None,
            Reach::Remote => self.ssh_command(about)?,
        };
        self.start(about, ssh.as_deref(), arguments, input)
    }

    fn start(&self, about: About<'_>, ssh: Option<&OsStr>, arguments: &[&str], input: &[u8]) -> Result<Output> {
        about.progress.detail(&format!("git {}", arguments.join(" ")));
        let mut command = Command::new("git");
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(ssh.map(|ssh| ("GIT_SSH_COMMAND", ssh)));
        // Nothing is read from the folder cpm was started in, not even by an `includeIf` of the user's.
        command.current_dir(about.repository);
        let mut git_dir = OsString::from("--git-dir=");
        git_dir.push(about.repository);
        command.arg(git_dir);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(arguments);
        let packs = about.repository.join("objects/pack");
        let watch = Watch { limits: self.limits, packs: &packs, place: about.place, progress: about.progress };
        process::run(command, input, &watch).map_err(|cause| not_started(&cause))
    }

    /// What git says of its version.
    ///
    /// # Errors
    /// [`Kind::Usage`] when it cannot be started.
    pub(super) fn version(&self) -> Result<String> {
        let mut command = Command::new("git");
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.arg("version").stdin(std::process::Stdio::null()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).map_err(|cause| not_started(&cause))
    }

    /// The user's ssh command with prompts switched off; `None` leaves alone what is not OpenSSH. Asked once.
    fn ssh_command(&self, about: About<'_>) -> Result<Option<OsString>> {
        if let Some(known) = self.ssh.get() {
            return Ok(known.clone());
        }
        let variable = |wanted: &str| self.environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        // In the order in which git looks.
        let command = match variable("GIT_SSH_COMMAND") {
            Some(command) => Some(command.clone()),
            None => {
                let asked = self.start(about, None, &["config", "--get", "core.sshCommand"], &[])?;
                match asked.stdout.trim_end_matches('\n') {
                    "" if variable("GIT_SSH").is_some() => None,
                    "" => Some(OsString::from("ssh")),
                    configured => Some(OsString::from(configured)),
                }
            }
        };
        Ok(self.ssh.get_or_init(|| command.and_then(|command| without_prompts(&command))).clone())
    }
}

/// Adds batch mode to a command whose program is OpenSSH's.
fn without_prompts(command: &OsStr) -> Option<OsString> {
    let program = command.to_str()?.split_whitespace().next()?.trim_matches(['"', '\'']);
    let is_openssh = Path::new(program).file_name() == Some(OsStr::new("ssh"));
    is_openssh.then(|| {
        let mut command = command.to_owned();
        command.push(" -oBatchMode=yes");
        command
    })
}

/// The environment of every git: the user's, less what would redirect it, plus what cpm sets.
fn environment(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let passes = |name: &OsStr| {
        let name = name.to_string_lossy();
        let own = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("GIT_"));
        (!own || KEPT.contains(&&*name)) && !FIXED.iter().any(|(fixed, _)| *fixed == name) && name != "SSH_ASKPASS"
    };
    let kept = variables.into_iter().filter(|(name, _)| passes(name));
    kept.chain(FIXED.iter().map(|(name, value)| (name.into(), value.into()))).collect()
}

fn not_started(cause: &std::io::Error) -> Error {
    let message = if cause.kind() == ErrorKind::NotFound { "cannot find `git`" } else { "cannot run `git`" };
    Error::new(Kind::Usage, message).because(cause).help(GIT_HELP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use std::collections::BTreeMap;

    fn cleaned(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let text = |text: OsString| text.into_string().expect("text");
        environment(variables).into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn the_environment_keeps_the_users_ways_and_drops_what_redirects() {
        let kept = [("PATH", "/bin"), ("HOME", "/h"), ("SSH_AUTH_SOCK", "/s"), ("https_proxy", "p"), ("GIT_SSH", "x")];
        let dropped = [
            ("GIT_DIR", "/evil"),
            ("GIT_WORK_TREE", "/evil"),
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "core.sshCommand"),
            ("GIT_CONFIG_PARAMETERS", "'a=b'"),
            ("GIT_EXEC_PATH", "/evil"),
            ("GIT_OBJECT_DIRECTORY", "/evil"),
            ("GIT_TRACE", "1"),
            ("GIT_SSL_NO_VERIFY", "1"),
            ("SSH_ASKPASS", "/evil"),
        ];
        let changed = [("GIT_ASKPASS", "/evil"), ("LC_ALL", "de_DE"), ("GIT_ALLOW_PROTOCOL", "ext")];
        let environment = cleaned(&[&kept[..], &dropped[..], &changed[..]].concat());
        for (name, value) in kept {
            assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
        }
        for (name, _) in dropped {
            assert_eq!(environment.get(name), None, "{name}");
        }
        for (name, value) in FIXED {
            assert_eq!(environment.get(*name).map(String::as_str), Some(*value), "{name}");
        }
    }

    #[test]
    fn only_openssh_gets_batch_mode() {
        for (command, batch) in [
            ("ssh", true),
            ("ssh -i ~/.ssh/deploy", true),
            ("/usr/bin/ssh", true),
            ("'/opt/bin/ssh' -v", true),
            ("plink -batch", false),
            ("sh -c 'exec ssh'", false),
            ("", false),
        ] {
            assert_eq!(without_prompts(OsStr::new(command)).is_some(), batch, "{command}");
        }
    }

    #[test]
    fn a_missing_git_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let git = Git::new([("PATH".into(), dir.path().into())]);
        let url = GitUrl::parse("https://git.acme.dev/team/skills").expect("an address");
        let about = About { repository: dir.path(), url: &url, place: "", progress: &Silent };
        let error = git.run(about, &["version"], &[]).expect_err("no git");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.help_text().is_some());
    }
}
