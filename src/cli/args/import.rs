//! What `cpm import` takes.

use std::path::PathBuf;

use clap::Args;

/// What to take over.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Only what this lock names: a skills-lock.json, agents.lock, apm.lock.yaml or skills.lock
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}
