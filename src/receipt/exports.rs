//! What cpm wrote into files of other clients: how it tells its entries there from the user's.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::McpFileState;
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::digest::FileDigest;

const FORMAT: u32 = 1;

/// The exports of one state folder, by file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exports {
    format: u32,
    /// By the path of the file.
    pub files: BTreeMap<String, Exported>,
}

/// What cpm has in one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// What came with the entries.
    pub file: McpFileState,
    /// The entries by name.
    pub servers: BTreeMap<String, Entry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The digest of what cpm wrote, in hex.
    digest: String,
    /// The folder of the scope that it is from: several can share a file.
    pub from: String,
}

impl Default for Exports {
    fn default() -> Self {
        Exports { format: FORMAT, files: BTreeMap::new() }
    }
}

impl Entry {
    /// The note of an entry that cpm writes.
    #[must_use]
    pub fn new(digest: &FileDigest, from: &str) -> Self {
        Entry { digest: digest.hex(), from: from.to_owned() }
    }

    /// Whether this is what cpm wrote.
    #[must_use]
    pub fn is(&self, digest: &FileDigest) -> bool {
        self.digest == digest.hex()
    }
}

impl Exports {
    /// Reads the record; an absent file is an empty one.
    ///
    /// # Errors
    /// [`Kind::Recovery`] when it cannot be understood.
    pub fn read(path: &Path) -> Result<Self> {
        let Some(bytes) = fsx::read_optional(path)? else { return Ok(Exports::default()) };
        let unreadable = |cause: String| {
            Error::new(Kind::Recovery, "the record of exports cannot be read")
                .at_path(path)
                .because(cause)
                .help("delete it and run again: entries that are as they should be are recognised")
        };
        let exports: Exports = serde_json::from_slice(&bytes).map_err(|cause| unreadable(cause.to_string()))?;
        match exports.format {
            FORMAT => Ok(exports),
            other => Err(unreadable(format!("it has format {other}, and this cpm reads {FORMAT}"))),
        }
    }

    /// The bytes of the record.
    ///
    /// # Errors
    /// [`Kind::Bug`]; plain data always serialises.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|cause| Error::new(Kind::Bug, "the exports cannot be written").because(cause))
    }
}
