//! What becomes of manifest and lock: as locked, or as they were before a change that is taken back.

use super::super::state::ScopeState;
use super::super::{Context, undo};
use crate::format::lockfile;
use crate::model::lock::Lock;
use crate::model::scope::Scope;

/// What becomes of manifest and lock.
pub(in crate::ops) enum Files {
    /// The manifest gets this text, if any, and the lock what is locked.
    AsLocked(Option<String>),
    /// Both get back what they were before, which was approved then, whatever it runs.
    AsBefore { manifest: Option<Vec<u8>>, lock: Option<Vec<u8>> },
}

/// What becomes of one file of cpm's own.
pub(super) enum Fate {
    Stays,
    Becomes(Vec<u8>),
    Goes,
}

impl Fate {
    fn between(now: Option<&[u8]>, wanted: Option<Vec<u8>>) -> Self {
        match wanted {
            None if now.is_some() => Fate::Goes,
            Some(wanted) if now != Some(&wanted) => Fate::Becomes(wanted),
            _ => Fate::Stays,
        }
    }

    pub(super) fn changes(&self) -> bool {
        self.action().is_some()
    }

    /// The word for it in a report.
    pub(super) fn action(&self) -> Option<&'static str> {
        match self {
            Fate::Stays => None,
            Fate::Becomes(_) => Some("write"),
            Fate::Goes => Some("remove"),
        }
    }

    /// The bytes of the file afterwards.
    pub(super) fn after<'a>(&'a self, now: Option<&'a [u8]>) -> Option<&'a [u8]> {
        match self {
            Fate::Stays => now,
            Fate::Becomes(bytes) => Some(bytes),
            Fate::Goes => None,
        }
    }
}

/// What becomes of manifest and lock.
pub(super) fn fates(
    context: &Context<'_>,
    state: &ScopeState,
    lock: &Lock,
    files: Files,
    lock_changes: bool,
) -> (Fate, Fate) {
    let now = undo::manifest_bytes(state);
    match files {
        Files::AsBefore { manifest, lock } => {
            (Fate::between(now, manifest), Fate::between(state.lock_bytes.as_deref(), lock))
        }
        Files::AsLocked(text) if leaves_nothing(context, lock, text.as_deref()) => (Fate::Goes, Fate::Goes),
        Files::AsLocked(text) => {
            let writes_lock = lock_changes || state.lock_bytes.is_none();
            let lock_file = || Fate::Becomes(lockfile::emit(lock).into_bytes());
            let manifest_file = text.map_or(Fate::Stays, |text| Fate::Becomes(text.into_bytes()));
            (manifest_file, if writes_lock { lock_file() } else { Fate::Stays })
        }
    }
}

/// Whether the local scope ends with this run. Its files were hidden from git for one person, so none are left; a
/// manifest with a word of the user's own stays.
fn leaves_nothing(context: &Context<'_>, lock: &Lock, manifest_text: Option<&str>) -> bool {
    let is_bare = |text: &str| matches!(text.trim(), "" | "[dependencies]");
    context.places.scope == Scope::Local && lock.packages.is_empty() && manifest_text.is_some_and(is_bare)
}
