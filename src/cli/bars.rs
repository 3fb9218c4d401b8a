//! What moves on a terminal while a run takes longer than a moment: one line for each thing that is waited for.
//!
//! Invariant: on anything but a terminal there are no bars, only one line of text for each thing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long a run may take before something moves on the screen.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it moves then.
const TICK: Duration = Duration::from_millis(100);

/// The moving lines.
#[derive(Debug, Default)]
pub(super) struct Bars {
    shown: Mutex<Option<Arc<Shown>>>,
    /// What was said in lines already.
    told: Mutex<BTreeSet<String>>,
}

#[derive(Debug)]
struct Shown {
    all: MultiProgress,
    /// By what is waited for; `None` before the first moment has passed.
    lines: Mutex<(Visible, BTreeMap<String, ProgressBar>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visible {
    No,
    Yes,
}

impl Bars {
    /// Whether this is said for the first time, where it is said in lines of text.
    pub(super) fn is_new(&self, what: &str) -> bool {
        held(&self.told).insert(what.to_owned())
    }

    /// Shows or changes a line; both texts are safe for a terminal.
    pub(super) fn set(&self, what: &str, state: &str) {
        let shown = Arc::clone(held(&self.shown).get_or_insert_with(Shown::soon));
        let mut lines = held(&shown.lines);
        let (visible, bars) = &mut *lines;
        let visible = *visible;
        let bar = bars.entry(what.to_owned()).or_insert_with(|| {
            let bar = shown.all.add(ProgressBar::no_length());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            if visible == Visible::Yes {
                bar.enable_steady_tick(TICK);
            }
            bar
        });
        bar.set_message(if state.is_empty() { what.to_owned() } else { format!("{what}  {state}") });
    }

    /// Takes a line away.
    pub(super) fn remove(&self, what: &str) {
        let shown = held(&self.shown).clone();
        if let Some(bar) = shown.and_then(|shown| held(&shown.lines).1.remove(what)) {
            bar.finish_and_clear();
        }
    }

    /// Takes all lines away, before something is printed.
    pub(super) fn clear(&self) {
        let Some(shown) = held(&self.shown).take() else { return };
        std::mem::take(&mut held(&shown.lines).1).into_values().for_each(|bar| bar.finish_and_clear());
    }
}

impl Shown {
    /// Lines that appear when the run takes longer than a moment.
    fn soon() -> Arc<Self> {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let shown = Arc::new(Shown { all, lines: Mutex::new((Visible::No, BTreeMap::new())) });
        let later = Arc::downgrade(&shown);
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            let Some(shown) = later.upgrade() else { return };
            let mut lines = held(&shown.lines);
            lines.0 = Visible::Yes;
            shown.all.set_draw_target(ProgressDrawTarget::stderr());
            lines.1.values().for_each(|bar| bar.enable_steady_tick(TICK));
        });
        shown
    }
}

/// What a panicking thread leaves behind is still whole: every change is one insertion.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
