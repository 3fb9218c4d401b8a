//! `GitUrl`: a repository address that git will contact as it reads, and nothing else.
//!
//! Invariant: a scheme from the table, a plain host, no credentials, no option in disguise; two spellings of one
//! repository on a known forge are equal. So a lock can name it and a terminal can show it.

use std::fmt;

use super::redact::redact;
use crate::error::{Error, Kind, Result};

/// The address of a git repository, canonical.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitUrl {
    text: String,
    reach: Reach,
}

/// Where a URL leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Another machine, over TLS or SSH.
    Remote,
    /// This machine: `file://`, or `http` to a loopback address.
    Local,
}

/// Forges on which `repo` and `repo.git` are the same repository.
const FORGES: [&str; 4] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];

impl GitUrl {
    /// Parses `https://…`, `ssh://…`, `user@host:path`, `file:///…`, or `http://` to a loopback host.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a malformed address or one with credentials, which are never shown;
    /// [`Kind::Policy`] for a transport cpm does not use.
    pub fn parse(text: &str) -> Result<Self> {
        if text.split_once("::").is_some_and(|(helper, _)| !helper.contains("://")) {
            return Err(Error::new(Kind::Policy, "cpm does not run git remote helpers")
                .at(redact(text))
                .help("use an https or ssh address"));
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(invalid(text, &format!("it contains U+{:04X}", u32::from(bad))));
        }
        if text.is_empty() || text.starts_with('-') || text.contains('\\') {
            return Err(invalid(text, "it is empty, starts with `-` or contains a backslash"));
        }
        let text = text.strip_prefix("git+").unwrap_or(text);
        let Some((scheme, rest)) = text.split_once("://") else { return parse_scp(text) };
        match scheme.to_ascii_lowercase().as_str() {
            "https" => parse_web("https", "443", rest, text),
            "http" => parse_web("http", "80", rest, text),
            "ssh" => parse_ssh(rest, text),
            "file" => parse_file(rest, text),
            other => Err(Error::new(Kind::Policy, format!("cpm does not fetch over `{other}`"))
                .at(redact(text))
                .help("use an https or ssh address")),
        }
    }

    /// Parses what people type: also `owner/repo`, which means GitHub, and an absolute path.
    ///
    /// # Errors
    /// As [`GitUrl::parse`].
    pub fn parse_typed(text: &str) -> Result<Self> {
        if text.starts_with('/') {
            return GitUrl::parse(&format!("file://{}", encode(text)));
        }
        match github_shorthand(text) {
            Some((owner, repo)) => GitUrl::parse(&format!("https://github.com/{owner}/{repo}")),
            None => GitUrl::parse(text),
        }
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this leads to another machine.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The host with its port where it has one; empty for a folder of this machine.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.text.split_once("://").map_or(self.text.as_str(), |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default()
    }

    /// The last path component without `.git`: what a person would call the repository.
    #[must_use]
    pub fn repository_name(&self) -> &str {
        let last = self.text.rsplit('/').next().unwrap_or_default();
        last.strip_suffix(".git").unwrap_or(last)
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn refused(text: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, "this is not an address cpm can fetch from").at(redact(text)).because(why)
}

fn invalid(text: &str, why: &str) -> Error {
    refused(text, why).help(
        "write it as `https://host/owner/repo`, `git@host:owner/repo`, `owner/repo` for GitHub, or `file:///path`",
    )
}

fn holds_credentials(text: &str) -> Error {
    refused(text, "it holds credentials")
        .help("leave them out and let a git credential helper give them: `git help credentials`")
}

/// `owner/repo`, if `text` is that and not a path.
#[must_use]
pub fn github_shorthand(text: &str) -> Option<(&str, &str)> {
    let (owner, repo) = text.split_once('/')?;
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    (plain(owner) && plain(repo)).then_some((owner, repo.strip_suffix(".git").unwrap_or(repo)))
}

fn check_host(host: &str, text: &str) -> Result<String> {
    let host = host.to_ascii_lowercase();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let valid = match bare {
        Some(v6) => !v6.is_empty() && v6.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => {
            host.starts_with(|c: char| c.is_ascii_alphanumeric())
                && !host.ends_with(['.', '-'])
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    };
    if valid { Ok(host) } else { Err(invalid(text, "the host is not a plain host name")) }
}

fn check_path(path: &str, text: &str) -> Result<String> {
    let path = path.trim_end_matches('/');
    let bad_component = path.split('/').any(|part| part == ".." || part == "." || part.starts_with('-'));
    if path.trim_start_matches('/').is_empty() || path.contains(['?', '#']) || bad_component {
        return Err(invalid(text, "the path is empty, has a query, or a component is `.`, `..` or starts with `-`"));
    }
    Ok(path.to_owned())
}

fn split_port<'a>(authority: &'a str, default: &str) -> (&'a str, Option<&'a str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port).filter(|p| *p != default)),
        _ => (authority, None),
    }
}

fn with_port(host: &str, port: Option<&str>, text: &str) -> Result<String> {
    match port {
        None => Ok(host.to_owned()),
        Some(port) if port.parse::<u16>().is_ok_and(|p| p > 0) => Ok(format!("{host}:{port}")),
        Some(_) => Err(invalid(text, "the port is not a number")),
    }
}

fn forge_path(host: &str, path: String) -> String {
    match path.strip_suffix(".git") {
        Some(stem) if FORGES.contains(&host) => stem.to_owned(),
        _ => path,
    }
}

fn parse_web(scheme: &str, default_port: &str, rest: &str, text: &str) -> Result<GitUrl> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(holds_credentials(text));
    }
    let (host, port) = split_port(authority, default_port);
    let host = check_host(host, text)?;
    let loopback = host == "localhost" || host == "[::1]" || is_loopback_v4(&host);
    if scheme == "http" && !loopback {
        return Err(Error::new(Kind::Policy, "cpm does not fetch over plain http")
            .at(redact(text))
            .help("use the https address of the repository"));
    }
    let path = forge_path(&host, check_path(path, text)?);
    let host = with_port(&host, port, text)?;
    let reach = if loopback { Reach::Local } else { Reach::Remote };
    Ok(GitUrl { text: format!("{scheme}://{host}{path}"), reach })
}

fn is_loopback_v4(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn parse_ssh(rest: &str, text: &str) -> Result<GitUrl> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    ssh_url(authority, path, text)
}

/// `user@host:path`; git reads anything else without a scheme as a local path, so that is refused.
fn parse_scp(text: &str) -> Result<GitUrl> {
    match text.split_once(':') {
        // `user:password@host/path`, an https address without its scheme, would be the host `user`.
        Some((user, rest)) if !user.contains('@') && rest.split('/').next().is_some_and(|part| part.contains('@')) => {
            Err(holds_credentials(text))
        }
        Some((authority, path)) if !authority.contains('/') && !path.is_empty() => {
            ssh_url(authority, &format!("/{}", path.trim_start_matches('/')), text)
        }
        _ => Err(invalid(text, "it has no scheme")),
    }
}

fn ssh_url(authority: &str, path: &str, text: &str) -> Result<GitUrl> {
    let (user, address) = authority.split_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if let Some(user) = user {
        let plain = user.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && user.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !plain {
            return Err(invalid(text, "the user is not a plain name; passwords do not belong in an address"));
        }
    }
    let (host, port) = split_port(address, "22");
    let host = check_host(host, text)?;
    let path = forge_path(&host, check_path(path, text)?);
    let host = with_port(&host, port, text)?;
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    Ok(GitUrl { text: format!("ssh://{user}{host}{path}"), reach: Reach::Remote })
}

fn parse_file(rest: &str, text: &str) -> Result<GitUrl> {
    if !rest.starts_with('/') {
        return Err(invalid(text, "a file address needs three slashes and an absolute path"));
    }
    Ok(GitUrl { text: format!("file://{}", check_path(rest, text)?), reach: Reach::Local })
}

/// Percent-encodes what must not stand in a path of a URL.
fn encode(path: &str) -> String {
    use std::fmt::Write as _;
    path.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b'@' | b',' => {
                text.push(char::from(byte));
            }
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository_are_equal() {
        for (typed, canonical) in [
            ("owner/repo", "https://github.com/owner/repo"),
            ("https://GitHub.com/owner/repo.git", "https://github.com/owner/repo"),
            ("https://github.com:443/owner/repo/", "https://github.com/owner/repo"),
            ("git+https://github.com/o/r", "https://github.com/o/r"),
            ("git@github.com:o/r.git", "ssh://git@github.com/o/r"),
            ("ssh://git@git.acme.dev:2222/x/index.git", "ssh://git@git.acme.dev:2222/x/index.git"),
            ("/srv/a b.git", "file:///srv/a%20b.git"),
            ("http://127.0.0.1:8080/x.git", "http://127.0.0.1:8080/x.git"),
        ] {
            assert_eq!(GitUrl::parse_typed(typed).expect(typed).as_str(), canonical);
        }
    }

    #[test]
    fn hostile_addresses_are_refused() {
        for (bad, kind) in [
            ("http://example.com/x", Kind::Policy),
            ("git://example.com/x", Kind::Policy),
            ("ext::sh -c touch", Kind::Policy),
            ("ext::sh", Kind::Policy),
            ("--upload-pack=touch", Kind::Invalid),
            ("ssh://-oProxyCommand=x/y", Kind::Invalid),
            ("-oProxyCommand=x:y", Kind::Invalid),
            ("ssh://h/-x", Kind::Invalid),
            ("ssh://-l@h/x", Kind::Invalid),
            ("https://user:tok@host/x", Kind::Invalid),
            ("user:tok@host/x", Kind::Invalid),
            ("https://good.com@evil.com/x", Kind::Invalid),
            ("https://good.com\\@evil.com/x", Kind::Invalid),
            ("https://host./x", Kind::Invalid),
            ("https://h\u{f6}st/x", Kind::Invalid),
            ("https://host/x\r", Kind::Invalid),
            ("https://host/x\ny", Kind::Invalid),
            ("https://host/\0x", Kind::Invalid),
            ("https://ho\tst/x", Kind::Invalid),
            ("https://host /x", Kind::Invalid),
            ("https://host/../x", Kind::Invalid),
            ("https://host/", Kind::Invalid),
            ("./x", Kind::Invalid),
        ] {
            assert_eq!(GitUrl::parse(bad).expect_err(bad).kind(), kind, "{bad}");
        }
        for secret in [
            "https://me:s3cret@host/x",
            "me:s3cret@host/x",
            "ssh://me:s3cret@host/x",
            "https://me:/s3cret@h/x",
            "https://h/x?t=s3cret",
        ] {
            let error = GitUrl::parse(secret).expect_err("credentials");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
