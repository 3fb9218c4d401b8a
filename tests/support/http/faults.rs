//! What can go wrong with a server, on purpose.

use std::io::Result;
use std::path::Path;
use std::time::Duration;

use super::{Message, Question, Wire, backend, pack};

/// One way to misbehave.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An answer with this status; header lines may follow it, each after a line end.
    Status(&'static str),
    /// A web page in place of git's answer, as a login form gives.
    Page,
    /// A redirect to this address and the rest of the path.
    Redirect(String),
    /// The connection ends after this many hundredths of the answer.
    Cut(usize),
    /// The answer comes after this time.
    Late(Duration),
    /// The answer comes byte by byte, with a pause before each.
    Trickle(Duration),
    /// One bit of the pack is another.
    FlippedBit,
    /// The objects of this commit in place of those that were asked for.
    Instead(String),
    /// No objects but the tips of branches and tags, whatever the repository's own settings.
    OnlyTips,
    /// Protocol v0, as if the server knew no other.
    OldProtocol,
}

/// A fault and the requests it hits.
#[derive(Debug)]
pub struct Rule {
    fault: Fault,
    question: Option<Question>,
    repository: Option<String>,
    skipped: usize,
    left: usize,
}

impl Rule {
    /// Hits every request.
    pub fn new(fault: Fault) -> Self {
        Rule { fault, question: None, repository: None, skipped: 0, left: usize::MAX }
    }

    /// Only requests of this kind.
    pub fn on(self, question: Question) -> Self {
        Rule { question: Some(question), ..self }
    }

    /// Only requests for this repository.
    pub fn of(self, repository: &str) -> Self {
        Rule { repository: Some(repository.to_owned()), ..self }
    }

    /// Lets this many of them through first.
    pub fn after(self, count: usize) -> Self {
        Rule { skipped: count, ..self }
    }

    /// Hits this many, then no more.
    pub fn times(self, count: usize) -> Self {
        Rule { left: count, ..self }
    }

    /// The fault, when it hits this request.
    pub(super) fn take(&mut self, message: &Message) -> Option<Fault> {
        let is_meant = self.question.is_none_or(|question| question == message.question())
            && self.repository.as_ref().is_none_or(|repository| *repository == message.repository());
        if !is_meant || self.left == 0 {
            return None;
        }
        if self.skipped > 0 {
            self.skipped -= 1;
            return None;
        }
        self.left -= 1;
        Some(self.fault.clone())
    }
}

impl Fault {
    /// Answers a request in this way.
    pub(super) fn commit(self, wire: &mut Wire<'_>, root: &Path, mut message: Message) -> Result<()> {
        const PAGE: &[u8] = b"<!DOCTYPE html><title>Sign in</title><form></form>";
        const OBJECTS: &str = "200 OK\r\nContent-Type: application/x-git-upload-pack-result";
        match &self {
            Fault::Status(status) => return wire.status(status, b""),
            Fault::Page => return wire.status("200 OK\r\nContent-Type: text/html", PAGE),
            Fault::Redirect(to) => return wire.status(&format!("302 Found\r\nLocation: {to}{}", message.target), b""),
            Fault::OnlyTips => {
                let wanted = pack::wanted(&message.body).unwrap_or_default();
                if !backend::is_tip(root, &message, &wanted) {
                    let refusal = format!("ERR upload-pack: not our ref {wanted}");
                    return wire.status(OBJECTS, &pack::line(refusal.as_bytes()));
                }
            }
            Fault::Late(wait) => std::thread::sleep(*wait),
            Fault::OldProtocol => message.headers.retain(|(name, _)| name != "git-protocol"),
            Fault::Instead(other) => pack::want_instead(&mut message.body, other),
            Fault::Cut(_) | Fault::Trickle(_) | Fault::FlippedBit => {}
        }
        let mut answer = backend::ask(root, &message);
        if let Fault::FlippedBit = self {
            pack::flip_bit(&mut answer.body);
        }
        wire.head(&answer.head, answer.body.len())?;
        match self {
            Fault::Cut(percent) => wire.send(&answer.body[..answer.body.len() * percent / 100]),
            Fault::Trickle(pause) => answer.body.chunks(1).try_for_each(|byte| {
                std::thread::sleep(pause);
                // Nobody waits for the rest when the test has ended.
                if wire.is_over() { Ok(()) } else { wire.send(byte) }
            }),
            _ => wire.send(&answer.body),
        }
    }
}
