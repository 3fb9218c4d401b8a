//! The output of a process, read beside it so that neither side waits for the other.

use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::held;
use crate::model::redact::redact;

/// How much of a stream is kept: its end, because git says last what went wrong.
const KEEP: usize = 64 << 10;
/// How long to wait for the end of a stream after git has ended: an ssh it started may live on and hold it open.
const GRACE: Duration = Duration::from_secs(2);

/// A thread that reads a stream, so that neither side waits for the other.
pub(super) struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Capture {
    /// Starts reading.
    pub(super) fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let (end, ended) = channel::<()>();
        std::thread::spawn(move || {
            let _end = end;
            let mut buffer = [0; 8 << 10];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        let mut bytes = held(&sink);
                        bytes.extend_from_slice(&buffer[..count]);
                        let excess = bytes.len().saturating_sub(KEEP);
                        bytes.drain(..excess);
                    }
                    Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        });
        Capture { bytes, ended }
    }

    /// What was said, without credentials; called when the process has ended.
    pub(super) fn finish(self) -> String {
        // Nothing is ever sent: the sender goes away at the end of the stream.
        let _ = self.ended.recv_timeout(GRACE);
        let bytes = std::mem::take(&mut *held(&self.bytes));
        redact(&String::from_utf8_lossy(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_streams_keep_their_end() {
        let text = [vec![b'a'; 3 * KEEP], b"the end".to_vec()].concat();
        let kept = Capture::of(std::io::Cursor::new(text)).finish();
        assert_eq!(kept.len(), KEEP);
        assert!(kept.ends_with("the end"));
    }
}
