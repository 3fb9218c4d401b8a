//! One use case a file: the only place that orders the layers. Nothing here prints; each returns what happened.

mod apply;
mod at_once;
mod breaking;
pub mod cache;
pub mod changes;
pub mod diff;
pub mod doctor;
pub mod edits;
pub mod export;
mod fetch;
mod identity;
pub mod import;
pub mod index;
pub mod info;
pub mod init;
pub mod install;
mod installed;
pub mod list;
pub mod loaded;
pub mod lock;
mod locking;
mod lost;
mod mcp_document;
pub mod merge_driver;
pub mod outdated;
pub mod remove;
pub mod report;
pub mod restore;
mod revoked;
pub mod search;
mod settled;
mod signed;
mod state;
pub mod tree;
pub mod undo;
pub mod update;
pub mod vendor;
pub mod verify;
mod whereabouts;
pub mod why;

use std::path::PathBuf;

use crate::claude::paths::{Machine, ScopePlaces};
use crate::error::Result;
use crate::format::config;
use crate::fsx;
use crate::fsx::lock::Waiting;
use crate::git::{Cache, Network};
use crate::plan::Edited;
use crate::progress::Progress;
use report::SurfaceChange;

/// Everything a use case needs to know of this run.
pub struct Context<'a> {
    /// The command, in its own word, for the record of what it changes.
    pub command: &'static str,
    /// This machine.
    pub machine: &'a Machine,
    /// The scope it is about.
    pub places: ScopePlaces,
    /// Whether hosts may be asked.
    pub network: Network,
    /// The folder that packages are taken from, absolute (`--from`).
    pub from: Option<PathBuf>,
    /// Whether the lock may change.
    pub lock_mode: LockMode,
    /// Whether anything may change.
    pub effect: Effect,
    /// What to do about edited files.
    pub edited: Edited,
    /// How long to wait for others that are at work here.
    pub waiting: Waiting,
    /// Who is told what goes on.
    pub progress: &'a dyn Progress,
    /// Who is asked when an update would run something new.
    pub approver: &'a dyn Approver,
    /// The environment, for `${VAR}` references.
    pub variable: &'a dyn Fn(&str) -> bool,
}

impl Context<'_> {
    /// The cached repositories, asked as this run may and the user's configuration says.
    fn git_cache(&self) -> Result<Cache<'_>> {
        let cache = Cache::new(cache::git_root(self.machine), self.network, self.progress)
            .with_signers_at(self.places.base.clone());
        // Who asks nobody needs no mirror, and reads nothing for it.
        let settings = match self.network {
            Network::Online => fsx::read_optional(&self.machine.settings)?,
            Network::Offline => None,
        };
        Ok(match settings {
            Some(bytes) => cache.with_mirrors(config::parse(&bytes, &self.machine.settings)?),
            None => cache,
        })
    }
}

/// Whether the lock may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// As the manifest wants.
    Free,
    /// It must not (`--locked`, `--frozen`).
    Locked,
}

/// Whether anything may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Yes.
    Change,
    /// Only say what would (`--dry-run`).
    DryRun,
}

/// Decides about updates that change what packages can run.
pub trait Approver {
    /// Whether to go on.
    fn approve(&self, changes: &[SurfaceChange]) -> Answer;
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Yes,
    /// A person saw the difference and said no.
    No,
    /// There is nobody to ask.
    NobodyThere,
}
