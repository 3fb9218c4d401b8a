//! Commands that find what is wrong and mend it.

use clap::{Args, Subcommand};

/// The commands that find and mend.
#[derive(Debug, Subcommand)]
pub enum Mending {
    /// Give packages their locked bytes back; what you edited there goes, and is shown
    Restore(RestoreArgs),
    /// Take back the last change of cpm.toml or cpm.lock, with what it installed or removed
    Undo,
}

/// What to restore.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Packages
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

impl Mending {
    /// What the JSON document calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Mending::Restore(_) => "restore",
            Mending::Undo => "undo",
        }
    }
}
