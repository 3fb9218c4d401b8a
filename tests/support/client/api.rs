//! A stand-in for the Messages API on loopback: it writes down what it is asked and answers with what a test gave it.
//! Beside it is an MCP server over HTTP with the tool `ping`.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::http::{Listener, Message};

pub(super) struct Api {
    listener: Listener,
    state: Arc<Mutex<State>>,
}

/// What was asked since the last session, and what is left to answer.
#[derive(Default)]
struct State {
    requests: Vec<Value>,
    answers: VecDeque<Value>,
}

impl Api {
    pub(super) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let kept = Arc::clone(&state);
        let listener = Listener::start(Arc::default(), move |stream| {
            if let Some(message) = Message::read(&stream) {
                // A client that has gone away is no concern of the server's.
                let _ = answer(&stream, &message, &kept);
            }
        });
        Api { listener, state }
    }

    pub(super) fn origin(&self) -> String {
        self.listener.origin()
    }

    /// Answers with these blocks from now on, each once, then with a word.
    pub(super) fn answer_with(&self, blocks: &[Value]) {
        let answers = blocks.iter().cloned().collect();
        *self.state.lock().expect("a state") = State { requests: Vec::new(), answers };
    }

    /// The requests to the model since the last [`Self::answer_with`].
    pub(super) fn requests(&self) -> Vec<Value> {
        self.state.lock().expect("a state").requests.clone()
    }
}

fn answer(stream: &TcpStream, message: &Message, state: &Mutex<State>) -> std::io::Result<()> {
    let body: Value = serde_json::from_slice(&message.body).unwrap_or_default();
    let (status, kind, text) = match (message.method.as_str(), message.path()) {
        ("POST", "/v1/messages") => {
            let block = state.lock().expect("a state").next(&body);
            match body["stream"] == true {
                true => ("200 OK", "text/event-stream", stream_of(&block)),
                false => ("200 OK", "application/json", whole(&block).to_string()),
            }
        }
        ("POST", "/v1/messages/count_tokens") => ("200 OK", "application/json", r#"{"input_tokens":1}"#.to_owned()),
        ("POST", "/mcp") => match called(&body) {
            Some(result) => ("200 OK", "application/json", result.to_string()),
            None => ("202 Accepted", "application/json", String::new()),
        },
        ("HEAD", _) => ("200 OK", "text/plain", String::new()),
        ("GET", "/mcp") => ("405 Method Not Allowed", "text/plain", String::new()),
        _ => ("404 Not Found", "text/plain", String::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", text.len());
    let mut stream = stream;
    stream.write_all(format!("{head}Connection: close\r\n\r\n{text}").as_bytes())
}

impl State {
    /// Takes note of a request; the block to answer with. A request without tools is one of the client's own, such as for
    /// a title.
    fn next(&mut self, body: &Value) -> Value {
        self.requests.push(body.clone());
        let has_tools = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
        let planned = if has_tools { self.answers.pop_front() } else { None };
        planned.unwrap_or_else(|| json!({ "type": "text", "text": "ok" }))
    }
}

/// A message of the model's with one block.
fn whole(block: &Value) -> Value {
    let reason = if block["type"] == "tool_use" { "tool_use" } else { "end_turn" };
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "none", "content": [block],
        "stop_reason": reason, "stop_sequence": null, "usage": { "input_tokens": 1, "output_tokens": 1 },
    })
}

/// The same as a stream of events.
fn stream_of(block: &Value) -> String {
    let mut message = whole(block);
    let end = json!({ "stop_reason": message["stop_reason"].take(), "stop_sequence": null });
    message["content"] = json!([]);
    let (mut start, delta) = match block["type"] == "tool_use" {
        true => (block.clone(), json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() })),
        false => (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": block["text"] })),
    };
    if start["type"] == "tool_use" {
        start["input"] = json!({});
    }
    let events = [
        json!({ "type": "message_start", "message": message }),
        json!({ "type": "content_block_start", "index": 0, "content_block": start }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": end, "usage": { "output_tokens": 1 } }),
        json!({ "type": "message_stop" }),
    ];
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect()
}

/// What the MCP server says; nothing to a notice.
fn called(body: &Value) -> Option<Value> {
    let id = body.get("id")?;
    let result = match body["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": "2025-06-18", "capabilities": { "tools": {} },
            "serverInfo": { "name": "test", "version": "1.0.0" },
        }),
        Some("tools/list") => {
            json!({ "tools": [{ "name": "ping", "description": "Answers.", "inputSchema": { "type": "object" } }] })
        }
        _ => json!({}),
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}
