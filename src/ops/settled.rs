//! A look at a scope that nobody holds still: what another run is just changing, file by file, is not damage.

use std::time::Duration;

use super::Context;
use crate::error::Result;
use crate::fsx;
use crate::transaction;

/// How often to look again, and how long to wait before: longer than any run takes to put in place what it has staged.
const AGAIN: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// Looks, and looks again as long as something seems wrong while a run changes the scope.
pub(super) fn look<T>(
    context: &Context<'_>,
    look: impl Fn() -> Result<T>,
    seems_right: impl Fn(&T) -> bool,
) -> Result<T> {
    let mut before = None;
    for _ in 0..AGAIN {
        let seen = look();
        if seen.as_ref().is_ok_and(&seems_right) {
            return seen;
        }
        let now = if transaction::is_interrupted(&context.places.state) { None } else { Some(marks(context)) };
        // Nothing changed between two looks, so the second one saw what is there.
        if now.is_some() && now == before {
            return seen;
        }
        before = now;
        std::thread::sleep(PAUSE);
    }
    warn_of_unfinished(context);
    look()
}

/// Says why things can seem edited by somebody who only looks, and so completes nothing.
pub(super) fn warn_of_unfinished(context: &Context<'_>) {
    if transaction::is_interrupted(&context.places.state) {
        context.progress.warn(
            "a run was interrupted here, or is still at work, so files can seem edited; the next `cpm install` here completes it",
        );
    }
}

/// What every run that changes a scope changes too.
fn marks(context: &Context<'_>) -> [Option<Vec<u8>>; 2] {
    [&context.places.receipt(), &context.places.lock].map(|file| fsx::read_optional(file).ok().flatten())
}
