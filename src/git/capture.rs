//! The output of a process, read beside it so that neither side waits for the other. What git reports of its progress
//! and of the answers' headers is taken out on the way; what stays is what it says to people.

use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::held;
use crate::model::redact::redact;

/// How much of a stream is kept: its end, because git says last what went wrong.
const KEEP: usize = 64 << 10;
/// The longest line that is looked at; a server that sends none cannot fill the memory.
const MAX_LINE: usize = 8 << 10;
/// How long to wait for the end of a stream after git has ended: an ssh it started may live on and hold it open.
const GRACE: Duration = Duration::from_secs(2);

/// A thread that reads a stream line by line.
pub(super) struct Capture {
    said: Arc<Mutex<Said>>,
    ended: Receiver<()>,
}

/// What a stream said, in the order of what came last.
#[derive(Debug)]
struct Said {
    text: String,
    retry_after: Option<Duration>,
    received: Option<String>,
    last: Instant,
}

impl Capture {
    /// Starts reading.
    pub(super) fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let said = Said { text: String::new(), retry_after: None, received: None, last: Instant::now() };
        let said = Arc::new(Mutex::new(said));
        let sink = Arc::clone(&said);
        let (end, ended) = channel::<()>();
        std::thread::spawn(move || {
            let _end = end;
            let (mut buffer, mut line) = ([0; 8 << 10], Vec::new());
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => held(&sink).take(&buffer[..count], &mut line),
                    Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            if !line.is_empty() {
                held(&sink).line(&line);
            }
        });
        Capture { said, ended }
    }

    /// For whoever watches the process meanwhile.
    pub(super) fn heard(&self) -> Heard {
        Heard(Arc::clone(&self.said))
    }

    /// What was said, without credentials, and how long a host wants to be left alone; called when the process has
    /// ended.
    pub(super) fn finish(self) -> (String, Option<Duration>) {
        // Nothing is ever sent: the sender goes away at the end of the stream.
        let _ = self.ended.recv_timeout(GRACE);
        let mut said = held(&self.said);
        (redact(&std::mem::take(&mut said.text)), said.retry_after)
    }
}

/// What a stream has said so far.
pub(super) struct Heard(Arc<Mutex<Said>>);

impl Heard {
    /// When something was last said.
    pub(super) fn last(&self) -> Instant {
        held(&self.0).last
    }

    /// How much git has received, in its own words, if that is new since the last call.
    pub(super) fn received(&self) -> Option<String> {
        held(&self.0).received.take()
    }
}

impl Said {
    fn take(&mut self, bytes: &[u8], line: &mut Vec<u8>) {
        self.last = Instant::now();
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                self.line(line);
                line.clear();
            } else if line.len() < MAX_LINE {
                line.push(*byte);
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if let Some(header) = traced(&line) {
            // <= Recv header: retry-after: 5
            let wait = header.strip_prefix("<= Recv header: retry-after:").map(str::trim).and_then(|s| s.parse().ok());
            self.retry_after = wait.map(Duration::from_secs).or(self.retry_after);
        } else if let Some(received) = line.strip_prefix("Receiving objects:") {
            // Receiving objects:  45% (9/20), 1.20 MiB | 2.00 MiB/s
            self.received = received.split_once(", ").map(|(_, bytes)| bytes.trim_end_matches(", done.").to_owned());
        } else if !is_progress(&line) {
            self.text.push_str(&line);
            self.text.push('\n');
            let excess = self.text.len().saturating_sub(KEEP);
            let end = (excess..=self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
            self.text.drain(..end);
        }
    }
}

/// What a line of `GIT_TRACE_CURL` says, in lower case where it is a header. Other lines of it may hold anything that a
/// header may, so none goes further than here.
fn traced(line: &str) -> Option<String> {
    // 07:12:33.123456 http.c:845              <= Recv header: Retry-After: 5
    let (time, rest) = line.split_once(' ')?;
    let is_time =
        time.len() == "07:12:33.123456".len() && time.bytes().all(|b| b.is_ascii_digit() || b":.".contains(&b));
    let (place, said) = rest.split_once(' ')?;
    (is_time && place.starts_with("http.c:")).then(|| match said.trim_start().strip_prefix("<= Recv header: ") {
        Some(header) => format!("<= Recv header: {}", header.to_lowercase()),
        None => String::new(),
    })
}

/// Whether a line only counts; the host's own such lines too.
fn is_progress(line: &str) -> bool {
    let told = line.strip_prefix("remote: ").unwrap_or(line);
    ["Enumerating objects", "Counting objects", "Compressing objects", "Resolving deltas", "Unpacking objects"]
        .iter()
        .any(|step| told.starts_with(step))
        || line.starts_with("remote: Total ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Capture {
        let capture = Capture::of(std::io::Cursor::new(text.as_bytes().to_vec()));
        let _ = capture.ended.recv();
        capture
    }

    #[test]
    fn long_streams_keep_their_end() {
        let text = "aaaaaaa\n".repeat(KEEP) + "the end\n";
        let (kept, _) = of(&text).finish();
        assert_eq!(kept.len(), KEEP);
        assert!(kept.ends_with("the end\n"));
        let (kept, _) = of(&"é".repeat(3 * KEEP)).finish();
        assert!(kept.len() <= KEEP);
    }

    #[test]
    fn what_is_for_programs_is_taken_out() {
        let text = "remote: Counting objects:  50% (1/2)\rremote: Counting objects: 100% (2/2), done.\n\
            remote: Total 2 (delta 0), reused 0 (delta 0), pack-reused 0\n\
            07:12:33.123456 http.c:845              => Send header: Authorization: Basic abc\n\
            07:12:33.123456 http.c:845              <= Recv header: Retry-After: 7\n\
            Receiving objects:  50% (1/2), 1.20 MiB | 2.00 MiB/s\r\
            Receiving objects: 100% (2/2), 2.40 MiB | 2.00 MiB/s, done.\n\
            remote: hello\nfatal: it broke\n";
        let capture = of(text);
        assert_eq!(capture.heard().received().as_deref(), Some("2.40 MiB | 2.00 MiB/s"));
        assert_eq!(capture.heard().received(), None, "told once");
        assert_eq!(capture.finish(), ("remote: hello\nfatal: it broke\n".to_owned(), Some(Duration::from_secs(7))));
    }
}
