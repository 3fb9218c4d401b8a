//! A `server.json` of the MCP registry as one entry that Claude Code can start [mcp-registry.md §1–§5].
//!
//! Invariant: what its publisher marks as secret, or leaves to the user, is a `${NAME}` reference and never a value.

mod inputs;
mod runners;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{json, mcp};
use crate::error::{Error, Kind, Result};
use crate::model::name::ServerName;
use crate::model::package::ServerEntry;
use inputs::{Named, variable_name};

/// What a `server.json` says.
#[derive(Debug)]
pub struct RegistryServer {
    /// The key of its entry: the part of its name after the slash.
    pub key: ServerName,
    /// Its version, as written.
    pub version: String,
    /// One line about it.
    pub description: Option<String>,
    /// The entry.
    pub entry: ServerEntry,
    /// The program it starts, when that is not named with one exact version.
    pub unpinned: Option<String>,
    /// What else it offers that was not taken, each with the reason.
    pub notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    name: String,
    version: String,
    description: Option<String>,
    #[serde(default)]
    packages: Vec<Value>,
    #[serde(default)]
    remotes: Vec<Remote>,
}

#[derive(Deserialize)]
struct Remote {
    #[serde(rename = "type")]
    kind: String,
    url: String,
    #[serde(default)]
    headers: Vec<Named>,
    #[serde(default)]
    variables: Map<String, Value>,
}

/// One way to have the server.
struct Offer {
    entry: Value,
    unpinned: Option<String>,
}

/// Whether a file called `server.json` is one of the registry: other tools use the name too.
#[must_use]
pub fn is_one(bytes: &[u8]) -> bool {
    let Ok(Value::Object(map)) = serde_json::from_slice(bytes) else { return false };
    let is_named = map.get("name").and_then(Value::as_str).is_some_and(|name| name.contains('/'));
    is_named && (map.contains_key("packages") || map.contains_key("remotes"))
}

/// Reads a `server.json`. Of several ways to have the server the first with an exact version is taken, else the first
/// remote one, else the first.
///
/// # Errors
/// [`Kind::Invalid`] when it is not valid or nothing in it can be expressed, with the reason for each.
pub fn parse(bytes: &[u8], place: &str) -> Result<RegistryServer> {
    let invalid = |cause: String| Error::new(Kind::Invalid, format!("`{place}` is not valid")).at(place).because(cause);
    let object = json::parse_object(bytes, place)?;
    let raw: Raw = serde_json::from_value(Value::Object(object)).map_err(|cause| invalid(cause.to_string()))?;
    let Some((_, short)) = raw.name.split_once('/').filter(|(_, short)| !short.contains('/')) else {
        return Err(invalid(format!("its name must be NAMESPACE/NAME, and is `{}`", raw.name)));
    };
    let key: String = short.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let key = ServerName::parse(&key).map_err(|error| error.at(place))?;

    let packages = raw.packages.iter().map(runners::offer);
    let offers = packages.chain(raw.remotes.iter().map(remote)).collect::<Vec<_>>();
    let mut notes = Vec::new();
    let mut usable = Vec::new();
    for offer in offers {
        match offer {
            Ok(offer) => usable.push(offer),
            Err(why) => notes.push(format!("`{place}` also offers something that was left out: {why}")),
        }
    }
    let is_remote = |offer: &Offer| offer.entry.get("url").is_some();
    let best = usable.iter().position(|offer| offer.unpinned.is_none() && !is_remote(offer));
    let Some(at) = best.or_else(|| usable.iter().position(is_remote)).or((!usable.is_empty()).then_some(0)) else {
        let error = Error::new(Kind::Invalid, format!("`{place}` offers nothing that Claude Code can start or reach"));
        let error = notes.iter().fold(error.at(place), Error::because);
        return Err(error.help("npm, PyPI, NuGet and container packages over stdio, and remote servers can be used"));
    };
    let Offer { entry, unpinned } = usable.swap_remove(at);
    let map = Map::from_iter([(key.as_str().to_owned(), entry)]);
    let mcp::Servers { mut accepted, refused } = mcp::read_map(&map);
    match (accepted.pop(), refused.first()) {
        (Some((key, entry)), _) => {
            Ok(RegistryServer { key, version: raw.version, description: raw.description, entry, unpinned, notes })
        }
        (None, why) => Err(invalid(why.map(|(_, why)| why.clone()).unwrap_or_default())),
    }
}

fn remote(remote: &Remote) -> std::result::Result<Offer, String> {
    let kind = match remote.kind.as_str() {
        "streamable-http" => "http",
        "sse" => "sse",
        other => return Err(format!("the remote type `{other}` is unknown to Claude Code")),
    };
    let variables = inputs::variables(&remote.variables)?;
    let mut headers = Map::new();
    for header in &remote.headers {
        if let Some(value) = header.input.literal_or_reference(&variable_name(&header.name))? {
            headers.insert(header.name.clone(), value.into());
        }
    }
    let mut entry = json!({"type": kind, "url": inputs::substitute(&remote.url, &variables)?});
    if !headers.is_empty() {
        entry["headers"] = headers.into();
    }
    Ok(Offer { entry, unpinned: None })
}

#[cfg(test)]
mod tests;
