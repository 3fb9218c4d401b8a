//! A smart-HTTP git server on loopback: `git http-backend` behind a listener. It logs every request with the bytes that
//! went down, misbehaves when told to ([`Rule`]), and ends when dropped.

mod backend;
mod faults;
mod listener;
mod message;
mod pack;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub use faults::{Fault, Rule};
pub use listener::Listener;
pub use message::{Message, Question};

/// How long a request waits for others before the meeting is called off.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server for the repositories below a folder.
pub struct Server {
    listener: Listener,
    shared: Arc<Shared>,
}

/// A request and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub message: Message,
    /// When it came.
    pub at: Instant,
    /// Bytes of the answer's body.
    pub sent: usize,
}

struct Shared {
    root: PathBuf,
    stop: Arc<AtomicBool>,
    log: Mutex<Vec<Exchange>>,
    rules: Mutex<Vec<Rule>>,
    /// A header and its value, without which the answer is 401.
    required: Mutex<Option<(String, String)>>,
    meeting: Meeting,
}

/// Where requests wait until enough repositories were asked for.
#[derive(Default)]
struct Meeting {
    state: Mutex<Attendance>,
    changed: Condvar,
}

#[derive(Default)]
struct Attendance {
    wanted: usize,
    present: BTreeSet<String>,
    over: bool,
}

impl Server {
    pub fn start(root: &Path) -> Self {
        let shared = Arc::new(Shared {
            root: root.to_path_buf(),
            stop: Arc::default(),
            log: Mutex::default(),
            rules: Mutex::default(),
            required: Mutex::default(),
            meeting: Meeting::default(),
        });
        let served = Arc::clone(&shared);
        let listener = Listener::start(Arc::clone(&shared.stop), move |stream| served.answer(stream));
        Server { listener, shared }
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("{}{name}", self.origin())
    }

    /// The address of the server, with a slash at its end.
    pub fn origin(&self) -> String {
        self.listener.origin()
    }

    /// How many requests came so far.
    pub fn requests(&self) -> usize {
        self.shared.log.lock().expect("a log").len()
    }

    /// How many bytes went down in the bodies of answers so far.
    pub fn sent(&self) -> usize {
        self.log().iter().map(|exchange| exchange.sent).sum()
    }

    /// Everything so far, in the order in which it came.
    pub fn log(&self) -> Vec<Exchange> {
        self.shared.log.lock().expect("a log").clone()
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        self.shared.log.lock().expect("a log").clear();
    }

    /// Misbehaves from now on.
    pub fn inject(&self, rule: Rule) {
        self.shared.rules.lock().expect("rules").push(rule);
    }

    /// Behaves from now on.
    pub fn heal(&self) {
        self.shared.rules.lock().expect("rules").clear();
    }

    /// Answers 401 from now on to requests that lack this header.
    pub fn require(&self, header: &str, value: &str) {
        *self.shared.required.lock().expect("a header") = Some((header.to_owned(), value.to_owned()));
    }

    /// Answers nobody from now on until requests for this many repositories have come.
    pub fn gather(&self, repositories: usize) {
        self.shared.meeting.state.lock().expect("a meeting").wanted = repositories;
    }

    /// How many repositories were asked for before the first answer.
    pub fn gathered(&self) -> usize {
        self.shared.meeting.state.lock().expect("a meeting").present.len()
    }
}

impl Shared {
    /// Answers one request and closes the connection.
    fn answer(&self, stream: TcpStream) {
        let Some(message) = Message::read(&stream) else { return };
        let number = {
            let mut log = self.log.lock().expect("a log");
            log.push(Exchange { message: message.clone(), at: Instant::now(), sent: 0 });
            log.len() - 1
        };
        self.meeting.attend(message.repository());
        let mut wire = Wire { stream, number, shared: self };
        // A client that has gone away is no concern of the server's.
        let _ = self.respond(&mut wire, message);
    }

    fn respond(&self, wire: &mut Wire<'_>, message: Message) -> std::io::Result<()> {
        let lacks = |(name, value): &(String, String)| message.header(name) != value;
        if self.required.lock().expect("a header").as_ref().is_some_and(lacks) {
            return wire.status("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"", b"");
        }
        let fault = self.rules.lock().expect("rules").iter_mut().find_map(|rule| rule.take(&message));
        match fault {
            Some(fault) => fault.commit(wire, &self.root, message),
            None => {
                let answer = backend::ask(&self.root, &message);
                wire.head(&answer.head, answer.body.len())?;
                wire.send(&answer.body)
            }
        }
    }
}

impl Meeting {
    fn attend(&self, repository: String) {
        let mut state = self.state.lock().expect("a meeting");
        if state.over || state.wanted == 0 {
            return;
        }
        state.present.insert(repository);
        state.over = state.present.len() >= state.wanted;
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, PATIENCE, |state| !state.over);
        waited.expect("a meeting").0.over = true;
        self.changed.notify_all();
    }
}

/// The way back to a client; what goes down is in the log before the client can have it.
struct Wire<'s> {
    stream: TcpStream,
    number: usize,
    shared: &'s Shared,
}

impl Wire<'_> {
    /// A whole answer: a status with more header lines, and a body.
    fn status(&mut self, status: &str, body: &[u8]) -> std::io::Result<()> {
        self.head(&format!("{status}\r\n"), body.len())?;
        self.send(body)
    }

    /// The status and header lines, and how long the body will be.
    fn head(&mut self, lines: &str, length: usize) -> std::io::Result<()> {
        let head = format!("HTTP/1.1 {lines}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        self.stream.write_all(head.as_bytes())
    }

    /// Whether the server is about to end.
    fn is_over(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }

    /// A part of the body.
    fn send(&mut self, body: &[u8]) -> std::io::Result<()> {
        if let Some(exchange) = self.shared.log.lock().expect("a log").get_mut(self.number) {
            exchange.sent += body.len();
        }
        self.stream.write_all(body)
    }
}
