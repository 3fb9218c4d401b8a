//! What `cpm list` is to show.

use clap::Args;

/// What to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Show what Claude Code will list when it is started here, or in the folder of `--project`
    #[arg(long)]
    pub loaded: bool,
    /// As if it trusted the project, whatever it has written down
    #[arg(long, requires = "loaded", conflicts_with = "untrusted")]
    pub trusted: bool,
    /// As if it did not trust the project
    #[arg(long, requires = "loaded")]
    pub untrusted: bool,
}

impl ListArgs {
    /// What is known of the client's trust; `None` leaves it to the client's files.
    #[must_use]
    pub fn trust(&self) -> Option<bool> {
        (self.trusted || self.untrusted).then_some(self.trusted)
    }
}
