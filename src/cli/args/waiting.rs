//! How long a command waits for others that are at work in the same place.

use std::time::Duration;

use clap::Args;

/// How long to wait.
#[derive(Debug, Clone, Args)]
pub struct WaitingArgs {
    /// How long to wait for another cpm, or for Claude Code, to finish here
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60)]
    pub lock_timeout: u32,
}

impl WaitingArgs {
    /// The longest wait.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.lock_timeout.into())
    }
}
