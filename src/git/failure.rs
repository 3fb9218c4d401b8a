//! What git's failure means: its words become a kind, a sentence and a way out.

use std::path::Path;

use super::process::{Output, Stopped};
use super::reasons::{Help, LOCAL_DAMAGE, RULES, Retry, Rule};
use crate::error::{Error, Kind};
use crate::model::url::GitUrl;

/// Whether the server does not hand out objects by their id, or does not have this one.
pub(super) fn refuses_id(output: &Output) -> bool {
    let text = searchable(&output.stderr);
    ["not our ref", "unadvertised object", "allowanysha1inwant", "allowreachablesha1inwant", "allowtipsha1inwant"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

/// Whether the server does not leave out of an answer what it was asked to leave out.
pub(super) fn refuses_filter(output: &Output) -> bool {
    let text = searchable(&output.stderr);
    ["filter '' not supported", "tree filter allows max depth"].iter().any(|phrase| text.contains(phrase))
}

/// Whether the server has no commits since the date it was given, or cannot tell.
pub(super) fn knows_none_since(output: &Output) -> bool {
    let text = searchable(&output.stderr);
    ["no commits selected for shallow requests", "does not support --shallow-since", "does not support shallow"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

/// Whether the answer was made for somebody who has more than is here.
pub(super) fn misses_base(output: &Output) -> bool {
    let text = searchable(&output.stderr);
    ["unresolved delta", "from promisor remote"].iter().any(|phrase| text.contains(phrase))
}

/// Whether git complains about the files of the cache repository, not about the server or the disk.
pub(super) fn is_local_damage(output: &Output, repository: &Path) -> bool {
    let name = repository.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = searchable(&output.stderr);
    let is_about_disk = rule(output).is_some_and(|rule| rule.kind == Kind::FileSystem);
    LOCAL_DAMAGE.iter().any(|phrase| text.contains(phrase)) || (output.stderr.contains(&name) && !is_about_disk)
}

/// Why asking again may help.
pub(super) fn transient(output: &Output) -> Option<&'static str> {
    if output.status.success() || output.stopped.is_some() {
        return None;
    }
    rule(output).filter(|rule| rule.retry == Retry::Soon).map(|rule| rule.message)
}

fn rule(output: &Output) -> Option<&'static Rule> {
    let text = searchable(&output.stderr);
    RULES.iter().find(|rule| rule.phrases.iter().any(|phrase| text.contains(phrase)))
}

/// Whether the server answered that it has no such branch or tag.
pub(super) fn lacks_ref(output: &Output) -> bool {
    searchable(&output.stderr).contains("couldn't find remote ref")
}

/// Whether git refused an object, and only for mistakes that are in the list.
pub(super) fn is_about_form(output: &Output, mistakes: &[&str]) -> bool {
    // error: object 43fe07…: zeroPaddedFilemode: contains zero-padded file modes
    let objects = output.stderr.lines().filter_map(|line| line.strip_prefix("error: object "));
    let mut found = objects.filter_map(|line| line.split(": ").nth(1)).peekable();
    output.stderr.contains("fsck error") && found.peek().is_some() && found.all(|id| mistakes.contains(&id))
}

/// The error for a git that failed.
pub(super) fn error(url: &GitUrl, output: &Output) -> Error {
    if let Some(error) = stopped(output) {
        return error.at(url);
    }
    let (kind, message, help) = match rule(output) {
        Some(rule) => (rule.kind, rule.message, rule.help),
        None => (Kind::Network, "git could not fetch from the repository", Help::Text(TRY_GIT)),
    };
    let error = said_last(&output.stderr).fold(Error::new(kind, message).at(url), Error::because);
    match help {
        Help::Text(help) => error.help(help),
        Help::Credentials => error.help(credentials(url)),
    }
}

const TRY_GIT: &str = "see what `git ls-remote` with this address says";

/// A git that did not get as far as an answer.
fn stopped(output: &Output) -> Option<Error> {
    match output.stopped {
        Some(Stopped::Silence(limit)) => {
            let why = format!("nothing came for {} s", limit.as_secs());
            let error = Error::new(Kind::Network, "the host went silent").because(why);
            return Some(error.help("check the network, the proxy and, for ssh, the host; then run again"));
        }
        Some(Stopped::Time(limit)) => {
            let why = format!("it was still going on after {} min", limit.as_secs() / 60);
            let error = Error::new(Kind::Network, "fetching takes too long").because(why);
            return Some(error.help("run again on a faster line; what had come is thrown away"));
        }
        Some(Stopped::Bytes(limit)) => return Some(too_much(limit)),
        None => {}
    }
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&output.status) {
        const SIGINT: i32 = 2;
        if signal == SIGINT {
            return Some(Error::new(Kind::Interrupted, "interrupted while git was fetching"));
        }
        return Some(Error::new(Kind::Network, format!("git was ended by signal {signal}")).help("try again"));
    }
    (output.status.code() == Some(129)).then(|| {
        let error = Error::new(Kind::Usage, "this git is too old for cpm").help("install git 2.36 or newer");
        output.stderr.lines().take(1).fold(error, Error::because)
    })
}

/// A pack without end, or of a repository that is no place for skills.
fn too_much(limit: u64) -> Error {
    Error::new(Kind::UnsafeTree, "the host sends more than cpm takes")
        .because(format!("more than {} MiB came for one commit", limit >> 20))
        .help("use a repository that is not so large, or a host that filters what it sends (`uploadpack.allowFilter`)")
}

fn credentials(url: &GitUrl) -> &'static str {
    match url.as_str().split("://").next() {
        Some("ssh") => {
            "check the address; cpm tried ssh without asking for anything, so ssh-agent must hold a key that the host \
             accepts: `ssh -oBatchMode=yes -T USER@HOST` shows it"
        }
        Some("file") => "check the path",
        _ => {
            "check the address; cpm tried https without asking for anything, so a private repository needs a git \
             credential helper (`git config credential.helper`), or its ssh address"
        }
    }
}

/// Lower case, and the quoted parts (addresses, paths) emptied, so that a name cannot pass for a reason.
fn searchable(stderr: &str) -> String {
    let mut text = String::with_capacity(stderr.len());
    for line in stderr.to_lowercase().lines() {
        let mut rest = line;
        while let Some(open) = quote(rest) {
            let Some(length) = rest[open + 1..].find('\'') else { break };
            text.push_str(&rest[..=open]);
            text.push('\'');
            rest = &rest[open + length + 2..];
        }
        text.push_str(rest);
        text.push('\n');
    }
    text
}

/// Where a quote opens; the apostrophe in "couldn't" does not.
fn quote(text: &str) -> Option<usize> {
    let opens = |at: &usize| text[..*at].chars().next_back().is_none_or(|before| before == ' ' || before == '(');
    text.match_indices('\'').map(|(at, _)| at).find(opens)
}

/// The last few lines that say something about this failure.
fn said_last(stderr: &str) -> impl Iterator<Item = &str> {
    const MOST: usize = 5;
    let boilerplate = |line: &str| {
        let told = line.strip_prefix("remote:").unwrap_or(line).trim();
        told.is_empty()
            || told.starts_with("Please make sure you have the correct access rights")
            || told.starts_with("and the repository exists.")
            || told.starts_with("warning: filtering not recognized")
    };
    let lines: Vec<&str> = stderr.split(['\n', '\r']).map(str::trim_end).filter(|line| !boilerplate(line)).collect();
    let skipped = lines.len().saturating_sub(MOST);
    lines.into_iter().skip(skipped)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    fn raw(status: i32, stderr: &str) -> Output {
        let (status, stderr) = (ExitStatus::from_raw(status), stderr.to_owned());
        Output { status, stdout: String::new(), stderr, retry_after: None, stopped: None }
    }

    fn output(code: i32, stderr: &str) -> Output {
        raw(code << 8, stderr)
    }

    fn kind(stderr: &str) -> Kind {
        error(&GitUrl::parse("https://example.com/ssl/timeout").expect("an address"), &output(128, stderr)).kind()
    }

    /// Most of these were printed by git 2.47 against a server made to fail.
    #[test]
    fn what_git_says_becomes_a_kind() {
        for (stderr, wanted) in [
            ("fatal: unable to access 'https://h/ssl/': Could not resolve host: h", Kind::Network),
            (
                "fatal: unable to access 'http://h/r/': Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect to server",
                Kind::Network,
            ),
            ("fatal: could not read Username for 'http://h': terminal prompts disabled", Kind::Network),
            ("fatal: unable to get password from user", Kind::Network),
            ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", Kind::Network),
            ("fatal: unable to access 'http://h/': The requested URL returned error: 503", Kind::Network),
            ("fatal: unable to access 'http://h/': The requested URL returned error: 301", Kind::Network),
            ("error: RPC failed; curl 18 transfer closed\nfatal: early EOF", Kind::Network),
            ("fatal: http://h/info/refs not valid: is this a git repository?", Kind::Network),
            ("fatal: repository 'http://h/404/r/' not found", Kind::NotFound),
            ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", Kind::NotFound),
            ("fatal: '/srv/x' does not appear to be a git repository", Kind::NotFound),
            (
                "fatal: couldn't find remote ref refs/heads/x\nfatal: the remote end hung up unexpectedly",
                Kind::NotFound,
            ),
            ("fatal: mismatched algorithms: client sha1; server sha256", Kind::NotFound),
            (
                "error: object b6: hasDotdot: contains '..'\nfatal: fsck error in packed object\nfatal: index-pack failed",
                Kind::UnsafeTree,
            ),
            ("fatal: bad config line 2 in file /home/a/.gitconfig", Kind::Usage),
            ("fatal: transport 'git' not allowed", Kind::Policy),
            ("fatal: detected dubious ownership in repository at '/srv/x'", Kind::Policy),
            ("fatal: write error: No space left on device", Kind::FileSystem),
            ("error: something new", Kind::Network),
        ] {
            assert_eq!(kind(stderr), wanted, "{stderr}");
        }
    }

    #[test]
    fn names_do_not_pass_for_reasons() {
        let stderr = "fatal: unable to access 'https://h/repository not found/': Could not resolve host: h";
        assert_eq!(kind(stderr), Kind::Network);
        let padded = "error: object 43: zeroPaddedFilemode: contains\nfatal: fsck error in packed object";
        assert!(is_about_form(&output(128, padded), &["zeroPaddedFilemode"]));
        assert!(!is_about_form(&output(128, padded), &["badDate"]));
        assert!(!is_about_form(&output(128, "fatal: fsck error in packed object"), &["badDate"]));
        assert!(refuses_id(&output(128, "fatal: remote error: upload-pack: not our ref 11")));
        assert!(refuses_id(&output(1, "error: Server does not allow request for unadvertised object 11")));
        assert!(!refuses_id(&output(128, "fatal: repository 'https://h/not our ref' not found")));
    }

    #[test]
    fn the_help_names_the_transport_and_old_gits_are_told() {
        let denied = output(128, "fatal: Authentication failed for 'https://h/'");
        for (url, transport) in [("https://h/o/r", "https"), ("ssh://git@h/o/r", "ssh-agent")] {
            let error = error(&GitUrl::parse(url).expect(url), &denied);
            assert!(error.help_text().is_some_and(|help| help.contains(transport)), "{error:?}");
        }
        let url = GitUrl::parse("https://h/o/r").expect("an address");
        assert_eq!(error(&url, &output(129, "error: unknown option `refetch'\nusage: …")).kind(), Kind::Usage);
        let interrupted = raw(2, "");
        assert_eq!(error(&url, &interrupted).kind(), Kind::Interrupted);
    }

    #[test]
    fn causes_are_the_last_lines_that_say_something() {
        let url = GitUrl::parse("ssh://git@h/o/r").expect("an address");
        let stderr = "remote: \nremote: ERROR: gone\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
        let error = error(&url, &output(128, stderr));
        assert_eq!(error.causes(), ["remote: ERROR: gone", "fatal: Could not read from remote repository."]);
        assert_eq!(error.place(), Some(url.as_str()));
    }
}
