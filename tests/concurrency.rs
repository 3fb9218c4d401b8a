//! Any number of runs at once, beside the client and editors that write the same files: nothing is torn, nothing lost.

mod others;
mod readers;
mod runs;
mod swapped;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Work that others do until it is dropped.
pub struct Meanwhile<'s>(&'s AtomicBool);

impl Drop for Meanwhile<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Does something again and again on another thread, as long as what it returns is kept.
pub fn meanwhile<'s>(
    scope: &'s std::thread::Scope<'s, '_>,
    over: &'s AtomicBool,
    mut work: impl FnMut() + Send + 's,
) -> Meanwhile<'s> {
    scope.spawn(move || {
        while !over.load(Ordering::SeqCst) {
            work();
        }
    });
    Meanwhile(over)
}

/// Writes a file as most programs do: another one beside it, then a rename.
pub fn save(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("saving");
    std::fs::write(&new, bytes).expect("written");
    std::fs::rename(&new, path).expect("renamed");
}
