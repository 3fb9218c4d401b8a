//! What a manifest asks for.

use std::collections::BTreeMap;

use super::index::IndexConfig;
use super::name::{IndexName, PackageName, ServerName, SkillName};
use super::relpath::RelPath;
use super::source::{RefWant, Source};
use super::url::GitUrl;
use super::version::Requirement;

/// A manifest: `cpm.toml` or `cpm.local.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Indexes in order of preference, without the built-in one, which comes last.
    pub indexes: Vec<IndexConfig>,
    /// Dependencies by the name this scope gives them.
    pub dependencies: BTreeMap<PackageName, Dependency>,
}

/// One line of `[dependencies]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What the package is called where it comes from.
    pub package: PackageName,
    /// Where it comes from.
    pub origin: Origin,
    /// How it is placed, where the manifest overrides what the content decides.
    pub placement: Option<Placement>,
    /// Only these skills, where the manifest selects.
    pub skills: Option<Vec<SkillName>>,
    /// New names for servers.
    pub servers: BTreeMap<ServerName, ServerName>,
    /// Whether a `server.json` may name a program without one exact version.
    pub allow_unpinned: bool,
    /// The file with the keys that must have signed the tag it is locked from, from the top of the project.
    pub signers: Option<RelPath>,
}

/// Where a dependency comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An index chooses among releases.
    Index {
        /// Which versions will do.
        requirement: Requirement,
        /// Only this index is asked.
        index: Option<IndexName>,
    },
    /// A folder of a repository.
    Git {
        /// The repository.
        url: GitUrl,
        /// The folder; the whole repository for `None`.
        path: Option<RelPath>,
        /// Which commit.
        want: RefWant,
    },
    /// A folder on this machine, relative to the manifest.
    Dir(String),
}

impl Origin {
    /// The source that a lock names for this; `None` where an index decides.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        match self {
            Origin::Index { .. } => None,
            Origin::Git { url, path, want } => {
                Some(Source::Git { url: url.clone(), path: path.clone(), want: want.clone() })
            }
            Origin::Dir(path) => Some(Source::Dir { path: path.clone() }),
        }
    }
}

/// How a package is put where the client looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// The whole tree in one folder; components get the plugin's namespace.
    Plugin,
    /// Each skill in its own folder, each server in the scope's MCP file.
    Loose,
}

/// A package that another one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub name: PackageName,
    /// Which versions will do.
    pub requirement: Requirement,
    /// The marketplace that it names, by that one's own name; `None` where it comes from wherever the asking one does.
    pub market: Option<String>,
}

impl Need {
    /// A need that names no marketplace.
    #[must_use]
    pub fn new(name: PackageName, requirement: Requirement) -> Self {
        Need { name, requirement, market: None }
    }
}

impl Dependency {
    /// A dependency on the package of the same name, placed as its content decides.
    #[must_use]
    pub fn plain(package: PackageName, origin: Origin) -> Self {
        Dependency {
            package,
            origin,
            placement: None,
            skills: None,
            servers: BTreeMap::new(),
            allow_unpinned: false,
            signers: None,
        }
    }
}
