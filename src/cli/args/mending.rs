//! Commands that find what is wrong and mend it.

use clap::{Args, Subcommand};

/// The commands that find and mend.
#[derive(Debug, Subcommand)]
pub enum Mending {
    /// Give packages their locked bytes back; what you edited there goes, and is shown
    Restore(RestoreArgs),
    /// Take back the last change of cpm.toml or cpm.lock, with what it installed or removed
    Undo,
    /// Say what is wrong in every scope, what Claude Code ignores, and what to do about it; changes nothing
    Doctor,
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
            Mending::Doctor => "doctor",
        }
    }
}
