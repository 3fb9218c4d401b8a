//! MCP server entries: from what authors write to what the client stores [claude-code.md §2.2, §2.8].
//!
//! Invariant: an entry that comes out has a `type`, only keys the client knows, and would not be skipped by it.

use serde_json::{Map, Value};

use crate::model::name::ServerName;
use crate::model::package::{ServerEntry, Transport};
use crate::model::redact::quoted;

/// What became of the entries of one file.
#[derive(Debug, Default)]
pub struct Servers {
    /// Those the client accepts.
    pub accepted: Vec<(ServerName, ServerEntry)>,
    /// Those it would skip, or that cpm will not write, each with the reason.
    pub refused: Vec<(String, String)>,
}

/// The entries of a `.mcp.json` value: `{"mcpServers": {…}}`, or the bare map that plugins may use.
#[must_use]
pub fn read_file(value: &Map<String, Value>) -> Servers {
    match value.get("mcpServers") {
        Some(Value::Object(map)) => read_map(map),
        Some(_) => refuse_all("mcpServers", "it is not an object"),
        None if value.contains_key("servers") => refuse_all("servers", "Claude Code wants the key `mcpServers`"),
        None => read_map(value),
    }
}

/// The entries of a map from name to entry.
#[must_use]
pub fn read_map(map: &Map<String, Value>) -> Servers {
    let mut servers = Servers::default();
    for (name, value) in map {
        let entry = ServerName::parse(name)
            .map_err(|error| error.message().to_owned())
            .and_then(|name| Ok((name, read_entry(value)?)));
        match entry {
            Ok(entry) => servers.accepted.push(entry),
            Err(reason) => servers.refused.push((quoted(name), reason)),
        }
    }
    servers
}

fn refuse_all(name: &str, reason: &str) -> Servers {
    Servers { accepted: Vec::new(), refused: vec![(name.to_owned(), reason.to_owned())] }
}

/// The entry as the client would store it, whatever its name.
///
/// # Errors
/// Why the client would skip it, in a few words.
pub fn read_entry(value: &Value) -> Result<ServerEntry, String> {
    let Value::Object(raw) = value else { return Err("the entry is not an object".to_owned()) };
    let text = |key: &str| match raw.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{key}` is not a string")),
    };
    let kind = text("type")?;
    let (url, command) = (text("url")?, text("command")?);
    let transport = match kind.as_deref() {
        None | Some("stdio") => match command {
            Some(command) if !command.is_empty() => Transport::Stdio { command, args: strings(raw, "args")? },
            _ if url.is_some() => return Err("it has a `url` but no `type`".to_owned()),
            _ => return Err("it has no `command`".to_owned()),
        },
        Some("http" | "streamable-http") => remote("http", url)?,
        Some("sse") => remote("sse", url)?,
        Some("ws") => remote("ws", url)?,
        Some(other) => return Err(format!("the type `{other}` is unknown to Claude Code")),
    };
    for key in ["env", "headers"] {
        string_map(raw, key)?;
    }
    Ok(ServerEntry { json: canonical_order(raw, &transport), transport })
}

fn remote(kind: &'static str, url: Option<String>) -> Result<Transport, String> {
    match url {
        Some(url) if !url.is_empty() => Ok(Transport::Remote { kind, url }),
        _ => Err("its `url` is missing or empty".to_owned()),
    }
}

fn strings(raw: &Map<String, Value>, key: &str) -> Result<Vec<String>, String> {
    let Some(value) = raw.get(key) else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| format!("`{key}` is not a list"))?;
    let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    texts.ok_or_else(|| format!("`{key}` holds something else than strings"))
}

fn string_map(raw: &Map<String, Value>, key: &str) -> Result<(), String> {
    match raw.get(key) {
        None => Ok(()),
        Some(Value::Object(map)) => match map.iter().find(|(_, value)| !value.is_string()) {
            Some((name, _)) => Err(format!("`{key}.{name}` is not a string")),
            None => Ok(()),
        },
        Some(_) => Err(format!("`{key}` is not an object")),
    }
}

/// The keys the client knows, in the order it writes them; it ignores or drops the rest.
fn canonical_order(raw: &Map<String, Value>, transport: &Transport) -> Map<String, Value> {
    let (kind, keys): (&str, &[&str]) = match transport {
        Transport::Stdio { .. } => ("stdio", &["command", "args", "env", "timeout", "alwaysLoad"]),
        Transport::Remote { kind, .. } => {
            (kind, &["url", "headers", "headersHelper", "oauth", "timeout", "alwaysLoad"])
        }
    };
    let mut json = Map::new();
    json.insert("type".to_owned(), kind.into());
    for key in keys {
        if let Some(value) = raw.get(*key) {
            json.insert((*key).to_owned(), value.clone());
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Servers {
        read_file(&crate::format::json::parse_object(json.as_bytes(), "t").expect("JSON"))
    }

    #[test]
    fn entries_get_a_type_and_lose_what_the_client_ignores() {
        let servers = read(
            r#"{"mcpServers":{
                "a":{"args":["x"],"command":"node","cwd":"/","disabled":true,"x-note":1},
                "b":{"type":"streamable-http","url":"https://h/mcp","headers":{"A":"${T}"}}}}"#,
        );
        let texts: Vec<String> =
            servers.accepted.iter().map(|(name, e)| format!("{name} {}", Value::Object(e.json.clone()))).collect();
        assert_eq!(
            texts,
            [
                r#"a {"type":"stdio","command":"node","args":["x"]}"#,
                r#"b {"type":"http","url":"https://h/mcp","headers":{"A":"${T}"}}"#
            ]
        );
    }

    #[test]
    fn what_the_client_skips_is_refused_with_its_reason() {
        let servers = read(
            r#"{"google calendar":{"type":"http","url":"https://h"},"empty":{"type":"http","url":""},
                "untyped":{"url":"https://h"},"none":{},"odd":{"type":"carrier-pigeon"},"args":{"command":"x","args":"y"},
                "env":{"command":"x","env":{"A":1}},"flat":{"command":"x"}}"#,
        );
        assert_eq!(servers.refused.len(), 7, "{:?}", servers.refused);
        assert_eq!(servers.accepted.len(), 1);
        assert_eq!(read(r#"{"servers":{}}"#).refused[0].0, "servers");
    }
}
