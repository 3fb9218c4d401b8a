//! A smart-HTTP git server on loopback: `git http-backend` behind a listener. It counts requests and ends when dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A server for the repositories below a folder.
pub struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (requests, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stopped, root) = (Arc::clone(&requests), Arc::clone(&stop), root.to_path_buf());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (counter, root) = (Arc::clone(&counter), root.clone());
                std::thread::spawn(move || serve(stream, &root, &counter));
            }
        });
        Server { port, requests, stop, thread: Some(thread) }
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// How many requests were answered so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees the flag.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request and closes the connection.
fn serve(mut stream: TcpStream, root: &Path, counter: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) if line == "\r\n" => break,
            Ok(_) => head.push(line.trim_end().to_owned()),
        }
    }
    let Some(request) = head.first() else { return };
    counter.fetch_add(1, Ordering::SeqCst);
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let header = |name: &str| {
        let found =
            head.iter().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let body = read_body(&mut reader, &header("transfer-encoding"), &header("content-length"));
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut backend = Command::new("git");
    backend.arg("http-backend").env_clear().env("PATH", std::env::var_os("PATH").expect("a PATH"));
    backend.envs([("GIT_PROJECT_ROOT", root.as_os_str()), ("GIT_HTTP_EXPORT_ALL", "1".as_ref())]);
    backend.env("PATH_INFO", path.strip_suffix(".git").unwrap_or(path)).env("QUERY_STRING", query);
    backend.env("REQUEST_METHOD", &method).env("CONTENT_TYPE", header("content-type"));
    backend.env("CONTENT_LENGTH", body.len().to_string()).env("HTTP_CONTENT_ENCODING", header("content-encoding"));
    backend.env("GIT_PROTOCOL", header("git-protocol")).env("REMOTE_ADDR", "127.0.0.1");
    backend.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = backend.spawn().expect("git http-backend runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || _ = stdin.write_all(&body));
    let output = child.wait_with_output().expect("output");
    let _ = writer.join();
    let split = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.stdout.len());
    let headers = String::from_utf8_lossy(&output.stdout[..split]).into_owned();
    let answer = output.stdout.get(split + 4..).unwrap_or_default();
    let status = headers.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let rest: String =
        headers.lines().filter(|line| !line.starts_with("Status: ")).map(|l| format!("{l}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\n{rest}Content-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer));
}

fn read_body(reader: &mut BufReader<TcpStream>, encoding: &str, length: &str) -> Vec<u8> {
    let mut body = Vec::new();
    if !encoding.eq_ignore_ascii_case("chunked") {
        body.resize(length.parse().unwrap_or(0), 0);
        let _ = reader.read_exact(&mut body);
        return body;
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() {
            return body;
        }
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
        let mut chunk = vec![0; size];
        let _ = reader.read_exact(&mut chunk);
        let _ = reader.read_line(&mut line);
        if size == 0 {
            return body;
        }
        body.extend(chunk);
    }
}
