//! Faults that a test asks for by the variable `CPM_FAILPOINT`, where no tracer reaches. A release build has none of it:
//! there [`is_set`] is a constant, and the name of the variable is not in the binary.

/// Whether this fault is asked for.
#[cfg(debug_assertions)]
#[must_use]
pub fn is_set(fault: &str) -> bool {
    std::env::var_os("CPM_FAILPOINT").is_some_and(|asked| asked == fault)
}

/// Never: this is a release build.
#[cfg(not(debug_assertions))]
#[must_use]
pub const fn is_set(_: &str) -> bool {
    false
}

/// Waits for a moment at this point, where a test asks for that.
pub fn pause(point: &str) {
    if is_set(point) {
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
}

/// To be called before each change of the file system: panics at the nth one, where a test asks for `panic:N`.
#[cfg(debug_assertions)]
pub fn change() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static CHANGES: AtomicUsize = AtomicUsize::new(0);
    let asked = std::env::var("CPM_FAILPOINT").unwrap_or_default();
    if let Some(wanted) = asked.strip_prefix("panic:").and_then(|number| number.parse::<usize>().ok()) {
        let now = CHANGES.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(now != wanted, "asked for at change {now}");
    }
}

/// Nothing: this is a release build.
#[cfg(not(debug_assertions))]
pub const fn change() {}

#[cfg(not(debug_assertions))]
const _: () = assert!(!is_set("no-journal"), "a release build has no faults");

/// Writes as if the system took a few bytes at a time and was interrupted in between, where a test asks for that.
///
/// # Errors
/// As the file's.
pub fn write_all(file: &mut std::fs::File, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    #[cfg(debug_assertions)]
    if is_set("short-writes") {
        return Halting { file, interrupts: false }.write_all(bytes);
    }
    file.write_all(bytes)
}

#[cfg(debug_assertions)]
struct Halting<'a> {
    file: &'a mut std::fs::File,
    interrupts: bool,
}

#[cfg(debug_assertions)]
impl std::io::Write for Halting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.interrupts = !self.interrupts;
        if self.interrupts {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        self.file.write(&bytes[..bytes.len().min(7)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
