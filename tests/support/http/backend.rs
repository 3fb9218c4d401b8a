//! The honest answer: what `git http-backend` says.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Message;

/// What to send.
pub struct Answer {
    /// The status, then header lines, each with its line end.
    pub head: String,
    pub body: Vec<u8>,
}

/// Lets git answer for the repositories below a folder.
pub fn ask(root: &Path, message: &Message) -> Answer {
    let path = message.path();
    let mut backend = Command::new("git");
    backend.arg("http-backend").env_clear().env("PATH", std::env::var_os("PATH").expect("a PATH"));
    backend.envs([("GIT_PROJECT_ROOT", root.as_os_str()), ("GIT_HTTP_EXPORT_ALL", "1".as_ref())]);
    backend.env("PATH_INFO", path.strip_suffix(".git").unwrap_or(path)).env("QUERY_STRING", message.query());
    backend.env("REQUEST_METHOD", &message.method).env("CONTENT_TYPE", message.header("content-type"));
    backend.env("CONTENT_LENGTH", message.body.len().to_string());
    backend.env("HTTP_CONTENT_ENCODING", message.header("content-encoding"));
    backend.env("GIT_PROTOCOL", message.header("git-protocol")).env("REMOTE_ADDR", "127.0.0.1");
    backend.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    // What git says about a refused request goes to the client too.
    backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = backend.spawn().expect("git http-backend runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let body = message.body.clone();
    let writer = std::thread::spawn(move || _ = stdin.write_all(&body));
    let output = child.wait_with_output().expect("output");
    let _ = writer.join();
    let split = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.stdout.len());
    let headers = String::from_utf8_lossy(&output.stdout[..split]).into_owned();
    let status = headers.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let rest = headers.lines().filter(|line| !line.starts_with("Status: "));
    let head = std::iter::once(status).chain(rest).map(|line| format!("{line}\r\n")).collect();
    Answer { head, body: output.stdout.get(split + 4..).unwrap_or_default().to_vec() }
}

/// Whether a branch or tag of the repository that a request is about is this object.
pub fn is_tip(root: &Path, message: &Message, id: &str) -> bool {
    let tips = super::super::git(&root.join(message.repository()), &["for-each-ref", "--format=%(objectname)"]);
    tips.lines().any(|tip| tip == id)
}
