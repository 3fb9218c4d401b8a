//! Commands that only ask: they change nothing in any scope.

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::model::name::PackageName;
use crate::model::version::Version;

/// The commands that only ask.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// Show which packages could move to something newer
    Outdated(OutdatedArgs),
    /// Show the lines that an update would change
    Diff(DiffArgs),
    /// Show what is known about a package: its releases, what is in it, where it is installed
    Info {
        /// The package, and the version to look into; the newest one when none is named
        #[arg(value_name = "NAME[@VERSION]")]
        package: String,
    },
    /// Find packages in all indexes
    Search {
        /// What to look for; each word must be in the name, the keywords or the description
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Show what is locked as a tree: who brought what in
    Tree,
    /// Show each chain of needs that leads to a package
    Why {
        /// The package
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// What to say about newer packages.
#[derive(Debug, Args)]
pub struct OutdatedArgs {
    /// End with exit code 1 when anything is shown
    #[arg(long)]
    pub exit_code: bool,
}

/// What to compare.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Packages; all when none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Only name the files, with counts of lines
    #[arg(long)]
    pub stat: bool,
}

/// A package, and the one version of it that is meant.
///
/// # Errors
/// [`crate::error::Kind::Invalid`] for what is no name; [`crate::error::Kind::Usage`] for what is no version.
pub fn package_and_version(text: &str) -> Result<(PackageName, Option<Version>)> {
    let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
    let version = version.map(|version| super::whole_version(version, &format!("{name}@1.2.3"))).transpose()?;
    Ok((PackageName::parse(name)?, version))
}

impl Question {
    /// What the JSON document calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Question::Outdated(_) => "outdated",
            Question::Diff(_) => "diff",
            Question::Info { .. } => "info",
            Question::Search { .. } => "search",
            Question::Tree => "tree",
            Question::Why { .. } => "why",
        }
    }
}
