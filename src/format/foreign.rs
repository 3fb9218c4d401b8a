//! Locks of other tools for skills: the repository, folder and commit of each entry, as far as it names them.
//!
//! Invariant: an entry that cannot be used spoils only itself, and says why; nothing here asks anybody.

mod apm;
mod dotagents;
mod skillcask;
mod skills;

use std::path::Path;

use serde_json::{Map, Value};

use super::json;
use crate::error::{Error, Kind, Result};
use crate::model::redact::{excerpt, quoted};
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefName};
use crate::model::url::GitUrl;

/// Far above any real lock, in bytes.
const MAX_BYTES: usize = 8 << 20;
/// Far above any real lock; each entry may ask a host.
const MAX_ENTRIES: usize = 1_000;

/// A tool whose lock can be read [peers.md §5].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `skills`, of Vercel.
    Skills,
    /// `dotagents`, of Sentry.
    Dotagents,
    /// `apm`, of Microsoft.
    Apm,
    /// `skillcask`.
    Skillcask,
}

/// What a lock says of one package.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What the tool calls it.
    pub name: String,
    /// Where it comes from; the error says why cpm cannot know or use that.
    pub pin: Result<Pin>,
}

/// Where an entry comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The repository.
    pub url: GitUrl,
    /// The folder in it.
    pub folder: Folder,
    /// The branch or tag that was asked for; locks do not say which of the two it is.
    pub reference: Option<RefName>,
    /// The commit, where the lock names one.
    pub commit: Option<Commit>,
    /// Files that the tool wrote for it, as the lock names them.
    pub written: Vec<RelPath>,
}

/// A folder of a repository, as a lock names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// This one; `None` is the whole repository.
    At(Option<RelPath>),
    /// The lock does not say.
    Unknown,
}

impl Tool {
    /// All of them.
    pub const ALL: [Tool; 4] = [Tool::Skills, Tool::Dotagents, Tool::Apm, Tool::Skillcask];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tool::Skills => "skills",
            Tool::Dotagents => "dotagents",
            Tool::Apm => "apm",
            Tool::Skillcask => "skillcask",
        }
    }

    /// The name of its lock in a project.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Tool::Skills => "skills-lock.json",
            Tool::Dotagents => "agents.lock",
            Tool::Apm => "apm.lock.yaml",
            Tool::Skillcask => "skills.lock",
        }
    }

    /// The name of its lock for all projects of a user, from the home directory on, where it is known.
    #[must_use]
    pub fn user_file(self) -> Option<&'static str> {
        match self {
            Tool::Skills => Some(".agents/.skill-lock.json"),
            Tool::Dotagents => Some(".agents/agents.lock"),
            Tool::Apm => Some(".apm/apm.lock.yaml"),
            Tool::Skillcask => None,
        }
    }

    /// The tool that writes files of this name.
    #[must_use]
    pub fn of_file(path: &Path) -> Option<Tool> {
        let name = path.file_name()?.to_str()?;
        let is_its = |tool: &Tool| name == tool.file() || tool.user_file().is_some_and(|file| file.ends_with(name));
        Tool::ALL.into_iter().find(is_its)
    }
}

/// Reads a lock; `place` is for messages.
///
/// # Errors
/// [`Kind::Invalid`] when it is not a lock of this tool in a version that cpm knows.
pub fn read(tool: Tool, bytes: &[u8], place: &str) -> Result<Vec<Entry>> {
    let refuse = |error: Error| error.context(format!("`{place}` is not a lock of {} that cpm can read", tool.name()));
    if bytes.len() > MAX_BYTES {
        let why = format!("it has {} bytes, more than {MAX_BYTES}", bytes.len());
        return Err(refuse(Error::new(Kind::Invalid, why)));
    }
    let entries = match tool {
        Tool::Skills => json::parse_object(bytes, place).and_then(|raw| skills::read(&raw)),
        Tool::Dotagents => toml_table(bytes).and_then(|raw| dotagents::read(&raw)),
        Tool::Apm => apm::read(bytes),
        Tool::Skillcask => toml_table(bytes).and_then(|raw| skillcask::read(&raw)),
    };
    let entries = entries.map_err(refuse)?;
    if entries.len() > MAX_ENTRIES {
        let why = format!("it has {} entries, more than {MAX_ENTRIES}", entries.len());
        return Err(refuse(Error::new(Kind::Invalid, why)));
    }
    Ok(entries)
}

fn toml_table(bytes: &[u8]) -> Result<Map<String, Value>> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::new(Kind::Invalid, "it is not UTF-8"))?;
    toml::from_str(text).map_err(|cause| Error::new(Kind::Invalid, excerpt(cause.message())))
}

/// Refuses a lock of a version that nobody here has seen: it may mean something else.
fn require_version(raw: &Map<String, Value>, key: &str, known: &[&str]) -> Result<()> {
    let version = match raw.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(Error::new(Kind::Invalid, format!("it has no `{key}`"))),
    };
    if known.contains(&version.as_str()) {
        return Ok(());
    }
    Err(Error::new(Kind::Invalid, format!("its `{key}` is {}, and cpm knows {}", quoted(&version), known.join(", "))))
}

/// The text at a key; nothing where it is empty or something else.
fn text<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A folder as locks write it: from the top, `.` or nothing for the top itself.
fn folder(path: &str) -> Result<Folder> {
    match path.trim_start_matches("./").trim_end_matches('/') {
        "" | "." => Ok(Folder::At(None)),
        path => RelPath::parse(path).map(|path| Folder::At(Some(path))),
    }
}

impl Pin {
    fn new(url: GitUrl, folder: Folder) -> Self {
        Pin { url, folder, reference: None, commit: None, written: Vec::new() }
    }

    /// With what was asked for, which may be a commit.
    fn at_reference(mut self, reference: Option<&str>) -> Result<Self> {
        match reference.map(|text| (Commit::parse(text), text)) {
            None | Some((_, "HEAD")) => {}
            Some((Ok(commit), _)) => self.commit = Some(commit),
            Some((Err(_), text)) => self.reference = Some(RefName::parse(text)?),
        }
        Ok(self)
    }
}

/// The error of an entry that comes from a folder, which every tool writes in its own way.
fn local(what: &str) -> Error {
    Error::new(Kind::Invalid, format!("it comes from the folder `{}`, not from a repository", quoted(what)))
        .help("install the folder itself: `cpm install NAME --path FOLDER`")
}

/// The error of an entry that comes from where git does not lead.
fn not_git(what: &str) -> Error {
    Error::new(Kind::Invalid, format!("it comes from `{}`, which is not a git repository", quoted(what)))
        .help("if its author has a repository: `cpm install NAME --git URL --path FOLDER`")
}

#[cfg(test)]
mod tests;
