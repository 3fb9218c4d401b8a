//! `cpm init`: an empty manifest with a few words on what goes where.

use super::state::{self, ScopeState};
use super::{Context, Effect, undo};
use crate::error::{Error, Kind, Result};
use crate::receipt::undo::Adopted;
use crate::transaction::Privacy;

const EMPTY: &str = "\
# What Claude Code loads here, installed by cpm. `cpm install NAME` adds to it; commit it together with cpm.lock.

[dependencies]
";

/// Whether a scope has a manifest.
#[must_use]
pub fn is_done(context: &Context<'_>) -> bool {
    context.places.manifest.exists()
}

/// Writes the manifest; its path as people read it.
///
/// # Errors
/// [`Kind::Conflict`] when there is one.
pub fn init(context: &Context<'_>) -> Result<String> {
    let state = ScopeState::open(context)?;
    let path = &context.places.manifest;
    if state.manifest_text.is_some() {
        return Err(Error::new(Kind::Conflict, "there is a manifest already")
            .at_path(path)
            .help("`cpm install NAME` adds a package to it"));
    }
    if context.effect == Effect::Change {
        let mut transaction = state.begin(context)?;
        let after = [Some(EMPTY.as_bytes()), state.lock_bytes.as_deref()];
        undo::stage_record(context, &state, &mut transaction, after, Adopted::default())?;
        transaction.put_file(path, EMPTY.as_bytes(), Privacy::Shared)?;
        state::commit(transaction)?;
    }
    Ok(context.machine.shown(path))
}
