//! The undo record: what the last change of a scope's manifest or lock made of them, so that it can be taken back.
//!
//! Invariant: it holds cpm's own files and names only, never a byte of the user's or the client's files. It is written
//! in the transaction that it speaks of.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::digest::FileDigest;
use crate::model::name::{PackageName, ServerName, SkillName};

const FORMAT: u32 = 1;

/// What the last change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// The command, in its own word.
    pub command: String,
    /// The manifest.
    pub manifest: Passage,
    /// The lock.
    pub lock: Passage,
    /// The packages that were installed before.
    pub installed: BTreeSet<PackageName>,
    /// What was there already and only became cpm's.
    pub adopted: Adopted,
}

/// A file of cpm's own, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Its text before; `None` when there was no file.
    pub before: Option<String>,
    after: Option<String>,
}

/// Folders and entries that a run took over as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Names of folders below the skills folder.
    pub dirs: BTreeSet<SkillName>,
    /// Names of entries in the MCP file.
    pub servers: BTreeSet<ServerName>,
}

impl Passage {
    /// From the bytes before to the bytes after.
    ///
    /// # Errors
    /// [`Kind::Bug`] for bytes that are no text; cpm's own files are.
    pub fn new(before: Option<&[u8]>, after: Option<&[u8]>) -> Result<Self> {
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .map_err(|cause| Error::new(Kind::Bug, "a file of cpm's own is not UTF-8").because(cause))
        };
        Ok(Passage { before: before.map(text).transpose()?, after: after.map(|bytes| FileDigest::of(bytes).hex()) })
    }

    /// Whether the file is as the change left it.
    #[must_use]
    pub fn is_at_its_end(&self, now: Option<&[u8]>) -> bool {
        now.map(|bytes| FileDigest::of(bytes).hex()) == self.after
    }

    /// Whether nothing happened to the file.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.is_at_its_end(self.before.as_ref().map(String::as_bytes))
    }
}

#[derive(Serialize, Deserialize)]
struct RawUndo {
    format: u32,
    command: String,
    manifest: Passage,
    lock: Passage,
    installed: BTreeSet<String>,
    adopted_dirs: BTreeSet<String>,
    adopted_servers: BTreeSet<String>,
}

/// Reads a record; `None` when there is none.
///
/// # Errors
/// [`Kind::Recovery`] when it cannot be understood.
pub fn read(path: &Path) -> Result<Option<Undo>> {
    let Some(bytes) = fsx::read_optional(path)? else { return Ok(None) };
    let unreadable = |cause: String| {
        Error::new(Kind::Recovery, "the record of the last change cannot be read")
            .at_path(path)
            .because(cause)
            .help("delete the file: that change can then not be taken back, and all else works")
    };
    let raw: RawUndo = serde_json::from_slice(&bytes).map_err(|cause| unreadable(cause.to_string()))?;
    if raw.format != FORMAT {
        return Err(unreadable(format!("it has format {}, and this cpm reads {FORMAT}", raw.format)));
    }
    from_raw(raw).map(Some).map_err(|error| unreadable(error.to_string()))
}

fn from_raw(raw: RawUndo) -> Result<Undo> {
    Ok(Undo {
        command: raw.command,
        manifest: raw.manifest,
        lock: raw.lock,
        installed: raw.installed.iter().map(|name| PackageName::parse(name)).collect::<Result<_>>()?,
        adopted: Adopted {
            dirs: raw.adopted_dirs.iter().map(|name| SkillName::parse(name)).collect::<Result<_>>()?,
            servers: raw.adopted_servers.iter().map(|name| ServerName::parse(name)).collect::<Result<_>>()?,
        },
    })
}

impl Undo {
    /// The bytes of the record.
    ///
    /// # Errors
    /// [`Kind::Bug`]; plain data always serialises.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let raw = RawUndo {
            format: FORMAT,
            command: self.command.clone(),
            manifest: self.manifest.clone(),
            lock: self.lock.clone(),
            installed: self.installed.iter().map(ToString::to_string).collect(),
            adopted_dirs: self.adopted.dirs.iter().map(ToString::to_string).collect(),
            adopted_servers: self.adopted.servers.iter().map(ToString::to_string).collect(),
        };
        let mut bytes = serde_json::to_vec(&raw)
            .map_err(|cause| Error::new(Kind::Bug, "the record of a change cannot be written").because(cause))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
