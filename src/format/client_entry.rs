//! MCP entries in the forms of other clients and of the Messages API, or why there is none.
//!
//! Invariant: a `${VAR}` of Claude Code comes out as a reference that the other side expands, or not at all.

use serde_json::{Map, Value, json};

use crate::model::client::Client;
use crate::model::package::{ServerEntry, Transport};

/// What Claude Code fills in, as the other client can write it.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The folder of the plugin that the entry comes from, if it comes from one.
    pub plugin: Option<String>,
    /// The folder of the project.
    pub project: String,
}

/// The entry for a client.
///
/// # Errors
/// In words, why the client cannot have it.
pub fn for_client(client: Client, entry: &ServerEntry, folders: &Folders) -> Result<Value, String> {
    let expand = |text: &str| expand(text, folders, |name, default| reference(client, name, default));
    let table = |key: &str| expanded_table(&entry.json, key, &expand);
    refuse_helpers(entry, &client.to_string())?;
    let mut made = Map::new();
    match &entry.transport {
        Transport::Stdio { command, args } => {
            if client == Client::VsCode {
                made.insert("type".to_owned(), "stdio".into());
            }
            made.insert("command".to_owned(), expand(command)?.into());
            made.insert("args".to_owned(), args.iter().map(|arg| expand(arg)).collect::<Result<Vec<_>, _>>()?.into());
            made.extend(table("env")?);
        }
        Transport::Remote { kind: "ws", .. } => return Err(format!("{client} has no WebSocket servers")),
        Transport::Remote { kind, url } => {
            let key = match client {
                Client::ClaudeDesktop => {
                    return Err("Claude Desktop has remote servers only as connectors in its settings".to_owned());
                }
                Client::VsCode => {
                    made.insert("type".to_owned(), (*kind).into());
                    "url"
                }
                Client::Cursor => "url",
                Client::Windsurf => "serverUrl",
            };
            made.insert(key.to_owned(), expand(url)?.into());
            made.extend(table("headers")?);
        }
    }
    Ok(made.into())
}

/// The server as the Messages API connects to it. Its one secret, a bearer token, stays a `${VAR}` for the caller.
///
/// # Errors
/// In words, why the API cannot reach it.
pub fn for_api(name: &str, entry: &ServerEntry) -> Result<Value, String> {
    refuse_helpers(entry, "the API")?;
    let url = match &entry.transport {
        Transport::Stdio { .. } => {
            return Err("the API reaches only remote servers, and this one is started here".to_owned());
        }
        Transport::Remote { kind: "ws", .. } => return Err("the API has no WebSocket servers".to_owned()),
        Transport::Remote { url, .. } => url,
    };
    if !url.starts_with("https://") {
        return Err("the API wants an address that begins with https://".to_owned());
    }
    let mut made = json!({"type": "url", "url": url, "name": name});
    for (header, value) in entry.json.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let token = value.as_str().and_then(|value| value.strip_prefix("Bearer "));
        match token.filter(|_| header.eq_ignore_ascii_case("authorization")) {
            Some(token) => made["authorization_token"] = token.into(),
            None => return Err(format!("the API sends no header `{header}` but a bearer token")),
        }
    }
    Ok(made)
}

fn refuse_helpers(entry: &ServerEntry, who: &str) -> Result<(), String> {
    match ["headersHelper", "oauth"].into_iter().find(|key| entry.json.contains_key(*key)) {
        Some(key) => Err(format!("{who} knows no `{key}`")),
        None => Ok(()),
    }
}

/// A variable of the environment, as the client writes it. A default is taken where the client has none.
fn reference(client: Client, name: &str, default: Option<&str>) -> Result<String, String> {
    match (client, default) {
        (_, Some(default)) => Ok(default.to_owned()),
        (Client::ClaudeDesktop, None) => {
            Err(format!("Claude Desktop does not fill in `${{{name}}}`: add the server there by hand, with the value"))
        }
        (Client::VsCode | Client::Cursor | Client::Windsurf, None) => Ok(format!("${{env:{name}}}")),
    }
}

fn expanded_table(
    json: &Map<String, Value>,
    key: &str,
    expand: &impl Fn(&str) -> Result<String, String>,
) -> Result<Option<(String, Value)>, String> {
    let Some(Value::Object(table)) = json.get(key) else { return Ok(None) };
    let pairs =
        table.iter().map(|(name, value)| Ok((name.clone(), expand(value.as_str().unwrap_or_default())?.into())));
    let table: Map<String, Value> = pairs.collect::<Result<_, String>>()?;
    Ok(Some((key.to_owned(), table.into())))
}

/// Replaces what Claude Code would: its own folders, and variables through `variable(name, default)`.
fn expand(
    text: &str,
    folders: &Folders,
    variable: impl Fn(&str, Option<&str>) -> Result<String, String>,
) -> Result<String, String> {
    let (mut made, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inner, behind)) = after.split_once('}') else { break };
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        made.push_str(before);
        made.push_str(&match (name, &folders.plugin) {
            ("CLAUDE_PLUGIN_ROOT", Some(folder)) => folder.clone(),
            ("CLAUDE_PROJECT_DIR", _) => folders.project.clone(),
            _ if name.starts_with("CLAUDE_") || name.contains('.') => {
                return Err(format!("only Claude Code fills in `${{{name}}}`"));
            }
            _ => variable(name, default)?,
        });
        rest = behind;
    }
    Ok(made + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::mcp;

    fn entry(json: &Value) -> ServerEntry {
        let map = Map::from_iter([("s".to_owned(), json.clone())]);
        mcp::read_map(&map).accepted.pop().expect("an entry").1
    }

    fn folders() -> Folders {
        Folders { plugin: Some("/p/.claude/skills/kit".to_owned()), project: "/p".to_owned() }
    }

    #[test]
    fn each_client_gets_its_own_form() {
        let local =
            entry(&json!({"command": "${CLAUDE_PLUGIN_ROOT}/run", "args": ["${CLAUDE_PROJECT_DIR}/x", "${A:-b}"],
            "env": {"T": "${TOKEN}"}}));
        let args = json!(["/p/x", "b"]);
        let command = "/p/.claude/skills/kit/run";
        let env = json!({"T": "${env:TOKEN}"});
        let make = |client| for_client(client, &local, &folders());
        let plain = json!({"command": command, "args": args, "env": env});
        assert_eq!(make(Client::Cursor), Ok(plain.clone()));
        assert_eq!(make(Client::Windsurf), Ok(plain));
        assert_eq!(make(Client::VsCode), Ok(json!({"type": "stdio", "command": command, "args": args, "env": env})));
        assert!(make(Client::ClaudeDesktop).expect_err("a secret").contains("${TOKEN}"));

        let remote =
            entry(&json!({"type": "http", "url": "https://h/mcp", "headers": {"Authorization": "Bearer ${T}"}}));
        let make = |client| for_client(client, &remote, &folders());
        let headers = json!({"Authorization": "Bearer ${env:T}"});
        assert_eq!(make(Client::Cursor), Ok(json!({"url": "https://h/mcp", "headers": headers})));
        assert_eq!(make(Client::Windsurf), Ok(json!({"serverUrl": "https://h/mcp", "headers": headers})));
        assert_eq!(make(Client::VsCode), Ok(json!({"type": "http", "url": "https://h/mcp", "headers": headers})));
        assert!(make(Client::ClaudeDesktop).is_err());
    }

    #[test]
    fn what_only_claude_code_can_do_is_not_pretended() {
        for odd in [
            json!({"type": "ws", "url": "wss://h"}),
            json!({"type": "http", "url": "https://h", "headersHelper": "./x"}),
            json!({"command": "x", "args": ["${CLAUDE_PLUGIN_DATA}"]}),
            json!({"command": "x", "args": ["${user_config.key}"]}),
        ] {
            for client in Client::ALL {
                assert!(for_client(client, &entry(&odd), &folders()).is_err(), "{client}: {odd}");
            }
        }
        let orphan = Folders { plugin: None, ..folders() };
        assert!(for_client(Client::Cursor, &entry(&json!({"command": "${CLAUDE_PLUGIN_ROOT}/x"})), &orphan).is_err());
    }

    #[test]
    fn the_api_gets_remote_servers_with_at_most_a_token() {
        let make = |value: Value| for_api("srv", &entry(&value));
        let headers = json!({"authorization": "Bearer ${TOKEN}"});
        assert_eq!(
            make(json!({"type": "sse", "url": "https://h/mcp", "headers": headers})),
            Ok(json!({"type": "url", "url": "https://h/mcp", "name": "srv", "authorization_token": "${TOKEN}"}))
        );
        for odd in [
            json!({"command": "x"}),
            json!({"type": "ws", "url": "wss://h"}),
            json!({"type": "http", "url": "http://localhost/mcp"}),
            json!({"type": "http", "url": "https://h", "headers": {"X-Key": "${K}"}}),
        ] {
            assert!(make(odd.clone()).is_err(), "{odd}");
        }
    }
}
