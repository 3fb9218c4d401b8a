//! Where a package's bytes come from, and the text a lock says it with.

use std::fmt;

use super::redact::quoted;
use super::relpath::RelPath;
use super::url::GitUrl;
use crate::error::{Error, Kind, Result};

/// A full commit id, SHA-1 or SHA-256; short ids are never accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit(String);

impl Commit {
    /// Parses 40 or 64 lower-case hex digits.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(text.len(), 40 | 64) {
            return Ok(Commit(text.to_owned()));
        }
        Err(Error::new(Kind::Invalid, format!("`{}` is not a full commit id", quoted(text)))
            .help("give all 40 lower-case hex digits: `git rev-parse REV` prints them"))
    }

    /// All digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Commit {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

/// Which commit of a repository is wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefWant {
    /// Whatever `HEAD` names there.
    Head,
    /// The tip of a branch.
    Branch(RefName),
    /// A tag, peeled.
    Tag(RefName),
    /// Exactly this commit.
    Rev(Commit),
}

/// The short name of a branch or tag that git accepts and that cannot be an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

impl RefName {
    /// Parses a short ref name by the rules of `git check-ref-format`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when git would refuse it.
    pub fn parse(text: &str) -> Result<Self> {
        let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
        let bad = text.is_empty()
            || text.len() > 200
            || text.starts_with('-')
            || text.ends_with('.')
            || text.contains("..")
            || text.contains("@{")
            || text == "@"
            || text.split('/').any(bad_part)
            || text.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\&#%".contains(c));
        if bad {
            return Err(Error::new(
                Kind::Invalid,
                format!("`{}` is not a branch or tag name", quoted(text).escape_debug()),
            )
            .help("give it as `git branch` or `git tag` prints it"));
        }
        Ok(RefName(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a package's bytes come from. The commit stands beside it in the lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A folder of a git repository.
    Git {
        /// The repository.
        url: GitUrl,
        /// The folder, or the whole repository.
        path: Option<RelPath>,
        /// What the manifest asked for; [`RefWant::Head`] where an index or nobody chose a ref.
        want: RefWant,
    },
    /// A package that cpm itself carries.
    Builtin {
        /// Its folder in `registry-index/`.
        path: RelPath,
    },
    /// A folder on this machine, relative to the manifest.
    Dir {
        /// As written in the manifest, `/`-separated.
        path: String,
    },
}

impl Source {
    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// [`Kind::Lock`] or the error of a part.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("builtin+") {
            return Ok(Source::Builtin { path: RelPath::parse(path)? });
        }
        if let Some(path) = text.strip_prefix("path+") {
            return Ok(Source::Dir { path: path.to_owned() });
        }
        let Some(rest) = text.strip_prefix("git+") else {
            return Err(Error::new(Kind::Lock, format!("`{}` is not a source this cpm knows", quoted(text))));
        };
        let (url, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (mut path, mut want) = (None, RefWant::Head);
        for (key, value) in
            query.split('&').filter(|pair| !pair.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")))
        {
            let value =
                decode(value).ok_or_else(|| Error::new(Kind::Lock, format!("`{}` is badly encoded", quoted(text))))?;
            match key {
                "path" => path = Some(RelPath::parse(&value)?),
                "branch" => want = RefWant::Branch(RefName::parse(&value)?),
                "tag" => want = RefWant::Tag(RefName::parse(&value)?),
                "rev" => want = RefWant::Rev(Commit::parse(&value)?),
                other => return Err(Error::new(Kind::Lock, format!("`{other}` is not part of a source"))),
            }
        }
        Ok(Source::Git { url: GitUrl::parse(url)?, path, want })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Builtin { path } => write!(f, "builtin+{path}"),
            Source::Dir { path } => write!(f, "path+{path}"),
            Source::Git { url, path, want } => {
                write!(f, "git+{url}")?;
                let path = path.as_ref().map(|path| ("path", encode(path.as_str())));
                let want = match want {
                    RefWant::Head => None,
                    RefWant::Branch(name) => Some(("branch", encode(name.as_str()))),
                    RefWant::Tag(name) => Some(("tag", encode(name.as_str()))),
                    RefWant::Rev(commit) => Some(("rev", commit.to_string())),
                };
                for (i, (key, value)) in path.into_iter().chain(want).enumerate() {
                    write!(f, "{}{key}={value}", if i == 0 { '?' } else { '&' })?;
                }
                Ok(())
            }
        }
    }
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '%' | '&' | '#' | ' ' | '+' | '=' => {
                let _ = write!(out, "%{:02X}", u32::from(c));
            }
            _ => out.push(c),
        }
        out
    })
}

fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_back() {
        let rev = "3f".repeat(20);
        for text in [
            "git+https://github.com/trailofbits/skills?path=plugins/modern-python",
            "git+https://github.com/o/r",
            "git+ssh://git@h.dev/o/r.git?path=a%20b&tag=v1.0",
            &format!("git+file:///srv/x.git?rev={rev}"),
            "builtin+content/github-tools/1.0.0",
            "path+skills/house-style",
        ] {
            assert_eq!(Source::parse(text).expect(text).to_string(), text);
        }
        for bad in ["", "https://github.com/o/r", "git+https://h/x?path=../y", "git+https://h/x?evil=1", "builtin+../x"]
        {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refs_and_commits_cannot_be_options() {
        for bad in ["-x", "--upload-pack=x", "a..b", "a b", "a~1", "x.lock", "/a", "@{u}"] {
            assert!(RefName::parse(bad).is_err(), "{bad}");
        }
        assert!(RefName::parse("feature/x-1.2").is_ok());
        assert!(Commit::parse("abc1234").is_err());
        assert!(Commit::parse(&"A".repeat(40)).is_err());
    }
}
