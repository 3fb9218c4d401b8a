//! A request as it came over the wire.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

/// A request with its body.
#[derive(Debug, Clone)]
pub struct Message {
    pub method: String,
    /// As in the first line: a path, or a whole address when it came through a proxy.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What a client wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What the server can do and, in protocol v0, which refs there are.
    Greeting,
    /// Which refs there are.
    Refs,
    /// Objects.
    Objects,
}

impl Message {
    /// Reads a request; `None` when the client says nothing.
    pub fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => head.push(line.trim_end().to_owned()),
            }
        }
        let mut words = head.first()?.split(' ').map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let headers = head.iter().skip(1).filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let mut message = Message { method, target, headers, body: Vec::new() };
        message.read_body(&mut reader);
        Some(message)
    }

    fn read_body(&mut self, reader: &mut BufReader<&TcpStream>) {
        if !self.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
            self.body.resize(self.header("content-length").parse().unwrap_or(0), 0);
            let _ = reader.read_exact(&mut self.body);
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).is_err() {
                return;
            }
            let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
            let mut chunk = vec![0; size];
            let _ = reader.read_exact(&mut chunk);
            let _ = reader.read_line(&mut line);
            if size == 0 {
                return;
            }
            self.body.extend(chunk);
        }
    }

    /// The value of a header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The path, without a host.
    pub fn path(&self) -> &str {
        let path = self.target.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        path.unwrap_or(&self.target).split('?').next().unwrap_or_default()
    }

    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The folder of the repository it is about.
    pub fn repository(&self) -> String {
        let path = self.path();
        let path = ["/info/refs", "/git-upload-pack"].iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path);
        path.trim_start_matches('/').to_owned()
    }

    pub fn question(&self) -> Question {
        // A long body comes compressed, and only one that asks for objects is long.
        match () {
            () if self.method == "GET" => Question::Greeting,
            () if self.body.windows(15).any(|part| part == b"command=ls-refs") => Question::Refs,
            () => Question::Objects,
        }
    }
}
