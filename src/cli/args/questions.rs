//! Commands that only ask: they change nothing in any scope.

use clap::{Args, Subcommand};

/// The commands that only ask.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// Show which packages could move to something newer
    Outdated(OutdatedArgs),
}

/// What to say about newer packages.
#[derive(Debug, Args)]
pub struct OutdatedArgs {
    /// End with exit code 1 when anything is shown
    #[arg(long)]
    pub exit_code: bool,
}

impl Question {
    /// What the JSON document calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Question::Outdated(_) => "outdated",
        }
    }
}
