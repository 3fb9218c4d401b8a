//! The receipt: what cpm put where in one scope, with digests. It is how cpm tells its own files from the user's.
//!
//! Invariant: machine state, never committed; losing it loses no user file, because what it does not list is foreign.

pub mod exports;
pub mod undo;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::{Error, IoContext as _, Kind, Result};
use crate::format::json_edit::Scaffold;
use crate::fsx;
use crate::model::digest::{FileDigest, TreeDigest};
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::relpath::RelPath;
use crate::model::surface::{Surface, canonical_json};
use crate::model::tree::{FileContent, Tree};
use crate::model::version::Version;

const FORMAT: u32 = 1;

/// What is installed in a scope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Receipt {
    /// The packages.
    pub packages: BTreeMap<PackageName, Installed>,
    /// What cpm added to the scope's MCP file besides entries.
    pub mcp_file: McpFileState,
    /// Lines cpm added to git's private ignore list.
    pub excluded: Vec<String>,
}

/// One installed package.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// Its version.
    pub version: Version,
    /// Its bytes, as locked.
    pub checksum: TreeDigest,
    /// What it can run, so that an update can show what changes.
    pub surface: Surface,
    /// How the manifest placed it, as text; another text means that it has to be placed anew.
    pub options: String,
    /// Its folders below the scope's skills folder, each with its files.
    pub dirs: BTreeMap<SkillName, BTreeMap<RelPath, Stamp>>,
    /// Its entries in the scope's MCP file.
    pub servers: BTreeMap<ServerName, FileDigest>,
}

/// A file as cpm wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its bytes.
    pub digest: FileDigest,
    /// Its mode.
    pub executable: bool,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, in nanoseconds since 1970: a file with this time and size is not read again.
    pub modified: u64,
}

/// What cpm added to an MCP file besides entries, so that it can take everything out again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct McpFileState {
    /// Whether cpm made the file.
    #[serde(default)]
    pub created: bool,
    /// The objects and white space that came with entries.
    #[serde(default)]
    pub scaffold: Scaffold,
}

/// The digest by which cpm knows an MCP entry of its own again: over its canonical JSON, so that reformatting by the
/// client is no edit.
#[must_use]
pub fn entry_digest(entry: &serde_json::Value) -> FileDigest {
    FileDigest::of(canonical_json(entry).as_bytes())
}

/// The stamps of the files of a tree that lies at `root`.
///
/// # Errors
/// [`Kind::FileSystem`] when one of them is not there.
pub fn stamps(tree: &Tree, root: &Path) -> Result<BTreeMap<RelPath, Stamp>> {
    let stamp = |(path, content): (&RelPath, &FileContent)| {
        let place = path.below(root);
        let metadata = std::fs::symlink_metadata(&place).path("look at", &place)?;
        Ok((path.clone(), Stamp::of(content, &metadata)))
    };
    tree.files().map(stamp).collect()
}

/// How a file on disk compares with its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// As cpm wrote it.
    Same,
    /// Other bytes or another mode.
    Changed,
    /// Gone.
    Missing,
}

impl Stamp {
    /// The stamp of a file that was just written with this content.
    #[must_use]
    pub fn of(content: &FileContent, metadata: &std::fs::Metadata) -> Self {
        Stamp {
            digest: content.digest(),
            executable: content.executable,
            size: content.bytes.len() as u64,
            modified: modified(metadata),
        }
    }

    /// Whether this file has this content.
    #[must_use]
    pub fn is(&self, content: &FileContent) -> bool {
        self.executable == content.executable
            && self.size == content.bytes.len() as u64
            && self.digest == content.digest()
    }

    /// Compares by one `stat` where that is enough, else by reading.
    ///
    /// # Errors
    /// [`Kind::FileSystem`] when the file is there but cannot be read.
    pub fn compare(&self, path: &Path, care: Care) -> Result<FileState> {
        let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(FileState::Missing) };
        let mode_differs = cfg!(unix) && fsx::tree::is_executable(&metadata) != self.executable;
        if !metadata.is_file() || metadata.len() != self.size || mode_differs {
            return Ok(FileState::Changed);
        }
        if care == Care::Stat && modified(&metadata) == self.modified {
            return Ok(FileState::Same);
        }
        let bytes = std::fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
        Ok(if FileDigest::of(&bytes) == self.digest { FileState::Same } else { FileState::Changed })
    }
}

/// How closely to look at installed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Trust size and time, as build tools do.
    Stat,
    /// Hash everything.
    Hash,
}

fn modified(metadata: &std::fs::Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

#[derive(Serialize, Deserialize)]
struct RawReceipt {
    format: u32,
    packages: BTreeMap<String, RawInstalled>,
    #[serde(default)]
    mcp_file: McpFileState,
    #[serde(default)]
    excluded: Vec<String>,
}

/// Path to digest, executable bit, size and time: a short form, because there is one for every installed file.
type RawFiles = BTreeMap<String, (String, bool, u64, u64)>;

#[derive(Serialize, Deserialize)]
struct RawInstalled {
    version: String,
    checksum: String,
    options: String,
    surface: Surface,
    dirs: BTreeMap<String, RawFiles>,
    servers: BTreeMap<String, String>,
}

/// What there is of a receipt.
#[derive(Debug)]
pub enum Found {
    /// No file.
    Absent,
    /// A file that no cpm wrote like that, and why.
    Damaged(Error),
    /// All of it.
    Whole(Receipt),
}

impl Found {
    /// The receipt; an empty one where there is none, because what a receipt does not list is foreign.
    #[must_use]
    pub fn receipt(self) -> Receipt {
        match self {
            Found::Whole(receipt) => receipt,
            Found::Absent | Found::Damaged(_) => Receipt::default(),
        }
    }
}

/// Reads a receipt.
///
/// # Errors
/// [`Kind::Recovery`] when it is from a newer cpm; [`Kind::FileSystem`].
pub fn read(path: &Path) -> Result<Found> {
    let Some(bytes) = fsx::read_optional(path)? else { return Ok(Found::Absent) };
    let unreadable = |cause: String| {
        Error::new(Kind::Recovery, "the receipt of this scope cannot be read").at_path(path).because(cause)
    };
    if let Ok(Format { format }) = serde_json::from_slice(&bytes)
        && format > FORMAT
    {
        return Err(unreadable(format!("it has format {format}, and this cpm reads {FORMAT}"))
            .help("use the newer cpm that wrote it; or delete the file: what is as locked is recognised"));
    }
    let read = serde_json::from_slice::<RawReceipt>(&bytes).map_err(|cause| unreadable(cause.to_string()));
    let read = read.and_then(|raw| from_raw(raw).map_err(|error| unreadable(error.to_string())));
    Ok(read.map_or_else(Found::Damaged, Found::Whole))
}

/// What every format of the receipt says.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn from_raw(raw: RawReceipt) -> Result<Receipt> {
    let bad = |what: &str| Error::new(Kind::Recovery, format!("`{what}` is not a digest"));
    let mut receipt = Receipt { mcp_file: raw.mcp_file, excluded: raw.excluded, ..Receipt::default() };
    for (name, raw) in raw.packages {
        let mut installed = Installed {
            version: Version::parse(&raw.version)
                .map_err(|cause| Error::new(Kind::Recovery, "a version is invalid").because(cause))?,
            checksum: TreeDigest::parse(&raw.checksum)?,
            surface: raw.surface,
            options: raw.options,
            dirs: BTreeMap::new(),
            servers: BTreeMap::new(),
        };
        for (dir, files) in raw.dirs {
            let mut stamps = BTreeMap::new();
            for (path, (digest, executable, size, modified)) in files {
                let digest = FileDigest::from_hex(&digest).ok_or_else(|| bad(&digest))?;
                stamps.insert(RelPath::parse(&path)?, Stamp { digest, executable, size, modified });
            }
            installed.dirs.insert(SkillName::parse(&dir)?, stamps);
        }
        for (server, digest) in raw.servers {
            let digest = FileDigest::from_hex(&digest).ok_or_else(|| bad(&digest))?;
            installed.servers.insert(ServerName::parse(&server)?, digest);
        }
        receipt.packages.insert(PackageName::parse(&name)?, installed);
    }
    Ok(receipt)
}

impl Receipt {
    /// The bytes of the receipt file.
    ///
    /// # Errors
    /// [`Kind::Bug`]; plain data always serialises.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let stamps = |files: &BTreeMap<RelPath, Stamp>| {
            let raw = |s: &Stamp| (s.digest.hex(), s.executable, s.size, s.modified);
            files.iter().map(|(path, stamp)| (path.to_string(), raw(stamp))).collect()
        };
        let package = |installed: &Installed| RawInstalled {
            version: installed.version.to_string(),
            checksum: installed.checksum.to_string(),
            options: installed.options.clone(),
            surface: installed.surface.clone(),
            dirs: installed.dirs.iter().map(|(dir, files)| (dir.to_string(), stamps(files))).collect(),
            servers: installed.servers.iter().map(|(name, digest)| (name.to_string(), digest.hex())).collect(),
        };
        let raw = RawReceipt {
            format: FORMAT,
            packages: self.packages.iter().map(|(name, installed)| (name.to_string(), package(installed))).collect(),
            mcp_file: self.mcp_file.clone(),
            excluded: self.excluded.clone(),
        };
        let mut bytes = serde_json::to_vec(&raw)
            .map_err(|cause| Error::new(Kind::Bug, "the receipt cannot be written").because(cause))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The package that a skills folder of this name belongs to.
    #[must_use]
    pub fn owner_of_dir(&self, name: &SkillName) -> Option<(&PackageName, &BTreeMap<RelPath, Stamp>)> {
        self.packages.iter().find_map(|(package, installed)| Some((package, installed.dirs.get(name)?)))
    }

    /// The package that an MCP entry of this name belongs to.
    #[must_use]
    pub fn owner_of_server(&self, name: &ServerName) -> Option<(&PackageName, &FileDigest)> {
        self.packages.iter().find_map(|(package, installed)| Some((package, installed.servers.get(name)?)))
    }
}
