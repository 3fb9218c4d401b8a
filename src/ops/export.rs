//! `cpm export`: the MCP servers of a scope for the user's other clients, and for the Messages API.
//!
//! Invariant: in files of other clients only entries that cpm wrote, and nobody changed since, are replaced or removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::apply::shown_path;
use super::mcp_document::McpDocument;
use super::state::{ScopeState, commit};
use super::{Context, Effect};
use crate::claude::paths::ScopePlaces;
use crate::claude::{inspect, others};
use crate::error::{Error, Kind, Result};
use crate::format::client_entry::{self, Folders};
use crate::format::json_edit::Document;
use crate::format::mcp;
use crate::fsx;
use crate::model::client::Client;
use crate::model::package::ServerEntry;
use crate::model::scope::Scope;
use crate::receipt::entry_digest;
use crate::receipt::exports::{Entry, Exported, Exports};
use crate::transaction::{Privacy, Transaction};

/// What an export did, or would do.
#[derive(Debug, Clone, Serialize)]
pub struct Export {
    /// The client.
    pub client: &'static str,
    /// The file, as people read it.
    pub file: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The servers, by name.
    pub servers: Vec<Row>,
    /// Servers that the client cannot have.
    pub left_out: Vec<LeftOut>,
}

/// One entry.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its key.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// What it is then; `None` when it is removed.
    pub entry: Option<Value>,
}

/// What happens to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It comes.
    Add,
    /// It becomes another.
    Update,
    /// It goes.
    Remove,
    /// It is there already.
    Keep,
}

/// A server that cannot be exported.
#[derive(Debug, Clone, Serialize)]
pub struct LeftOut {
    /// Its name in Claude Code.
    pub name: String,
    /// Why.
    pub why: String,
}

/// The part of a request to the Messages API.
#[derive(Debug, Clone, Serialize)]
pub struct ApiRequest {
    /// The `anthropic-beta` header that it needs.
    pub beta: &'static str,
    /// `mcp_servers` and `tools`.
    pub request: Value,
    /// Servers that the API cannot reach.
    pub left_out: Vec<LeftOut>,
}

/// The version of the API that [`api`] writes for.
const BETA: &str = "mcp-client-2025-11-20";

/// What is to become of the client's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// It has the servers of the scope.
    Servers,
    /// It has none of them any more.
    Nothing,
}

/// A server of the scope.
struct Server {
    name: String,
    entry: ServerEntry,
    /// The plugin that it comes from.
    plugin: Option<PathBuf>,
}

/// Brings the servers of the scope into the file of another client.
///
/// # Errors
/// [`Kind::Conflict`] when an entry of the same name is not cpm's or was edited; [`Kind::ClientFile`] when the file is
/// not strict JSON; then nothing has changed.
pub fn export(context: &Context<'_>, client: Client, want: Want) -> Result<Export> {
    let places = &context.places;
    let in_project = others::project_file(client, &places.base).filter(|_| places.scope == Scope::Project);
    let keeper = match &in_project {
        Some(_) => places.clone(),
        None => ScopePlaces::user(context.machine),
    };
    let file = in_project.clone().unwrap_or_else(|| others::user_file(client, context.machine));
    let servers = match want {
        Want::Servers => servers(context)?,
        Want::Nothing => Vec::new(),
    };
    let mut left_out = Vec::new();
    let mut wanted = BTreeMap::new();
    for server in servers {
        let folders = folders(places, in_project.is_some(), server.plugin.as_deref());
        match client_entry::for_client(client, &server.entry, &folders) {
            Ok(entry) => _ = wanted.insert(server.name, entry),
            Err(why) => left_out.push(LeftOut { name: server.name, why }),
        }
    }
    let keeper = Context { places: keeper, from: None, ..*context };
    let _state = ScopeState::open(&keeper)?;
    let from = places.base.display().to_string();
    let servers = write(&keeper, &file, others::container(client), &from, &wanted, &mut left_out)?;
    let dry_run = context.effect == Effect::DryRun;
    Ok(Export { client: client.name(), file: shown_path(context, &file), dry_run, servers, left_out })
}

/// The servers of the scope as a part of a request to the Messages API.
///
/// # Errors
/// Any failure to read the scope.
pub fn api(context: &Context<'_>) -> Result<ApiRequest> {
    let (mut servers, mut tools, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for Server { name, entry, .. } in self::servers(context)? {
        match client_entry::for_api(&name, &entry) {
            Ok(server) => {
                servers.push(server);
                tools.push(json!({"type": "mcp_toolset", "mcp_server_name": name}));
            }
            Err(why) => left_out.push(LeftOut { name, why }),
        }
    }
    Ok(ApiRequest { beta: BETA, request: json!({ "mcp_servers": servers, "tools": tools }), left_out })
}

/// The servers that are installed in the scope: entries of its MCP file, and those inside plugins.
fn servers(context: &Context<'_>) -> Result<Vec<Server>> {
    let state = ScopeState::look(context)?;
    let entries = McpDocument::read(context)?.entries;
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    for (package, installed) in &state.receipt.packages {
        let ours = installed.servers.keys().filter_map(|name| {
            let entry = entries.get(name.as_str())?.clone();
            Some((name.as_str().to_owned(), entry))
        });
        for (name, entry) in mcp::read_map(&Map::from_iter(ours)).accepted {
            servers.insert(name.as_str().to_owned(), Server { name: name.as_str().to_owned(), entry, plugin: None });
        }
        for dir in installed.dirs.keys().map(|dir| context.places.skills.join(dir.as_str())) {
            if !dir.join(inspect::MANIFEST).exists() {
                continue;
            }
            for (name, entry) in inspect::inspect(&fsx::tree::read_in_use(&dir)?, None)?.servers {
                // In Claude Code a plugin's servers have its name before theirs; other clients know no plugins.
                let taken = servers.contains_key(name.as_str());
                let name = if taken { format!("{package}-{name}") } else { name.as_str().to_owned() };
                servers.insert(name.clone(), Server { name, entry, plugin: Some(dir.clone()) });
            }
        }
    }
    Ok(servers.into_values().collect())
}

/// A file in the project names folders relative to it, so that it can be committed.
fn folders(places: &ScopePlaces, in_project: bool, plugin: Option<&Path>) -> Folders {
    let shown = |path: &Path| match path.strip_prefix(&places.base) {
        Ok(inside) if in_project && inside.as_os_str().is_empty() => "${workspaceFolder}".to_owned(),
        Ok(inside) if in_project => format!("${{workspaceFolder}}/{}", inside.display()),
        _ => path.display().to_string(),
    };
    Folders { plugin: plugin.map(shown), project: shown(&places.base) }
}

/// Edits the file in place and notes what is cpm's in it.
fn write(
    keeper: &Context<'_>,
    file: &Path,
    container: &str,
    from: &str,
    wanted: &BTreeMap<String, Value>,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Row>> {
    let record = keeper.places.exports();
    let mut exports = Exports::read(&record)?;
    let key = file.display().to_string();
    let mut ours = exports.files.remove(&key).unwrap_or_default();
    let bytes = fsx::read_optional(file)?;
    let mut document = match &bytes {
        Some(bytes) => Document::parse(bytes, file)?,
        None => Document::empty(),
    };
    if bytes.is_none() {
        ours.file = Default::default();
    }
    let (rows, edited) = plan(&document, file, container, from, &ours, wanted)?;
    left_out.extend(edited);
    for row in &rows {
        match &row.entry {
            Some(entry) => {
                if row.action != Action::Keep {
                    document
                        .set(&[container], &row.name, entry, &mut ours.file.scaffold)
                        .map_err(|error| error.at_path(file))?;
                }
                ours.servers.insert(row.name.clone(), Entry::new(&entry_digest(entry), from));
            }
            None => {
                document.remove(&[container], &row.name, &mut ours.file.scaffold);
                ours.servers.remove(&row.name);
            }
        }
    }
    let changed = rows.iter().any(|row| row.action != Action::Keep);
    if keeper.effect == Effect::DryRun || (!changed && rows.is_empty()) {
        return Ok(rows);
    }
    let mut transaction = Transaction::begin(&keeper.places)?;
    transaction.was_read(file, bytes.as_deref());
    let is_left_empty = ours.file.created && document.keys(&[]).is_empty();
    if is_left_empty {
        transaction.remove(file, Privacy::Owner)?;
    } else if changed {
        ours.file.created |= bytes.is_none();
        transaction.put_file(file, &document.to_bytes(), Privacy::Owner)?;
    }
    if !ours.servers.is_empty() {
        exports.files.insert(key, ours);
    }
    transaction.put_file(&record, &exports.to_bytes()?, Privacy::Shared)?;
    commit(transaction)?;
    Ok(rows)
}

/// What happens to each entry of ours, and to those that we want there; and entries of ours that are not any more.
fn plan(
    document: &Document,
    file: &Path,
    container: &str,
    from: &str,
    ours: &Exported,
    wanted: &BTreeMap<String, Value>,
) -> Result<(Vec<Row>, Vec<LeftOut>)> {
    let mut rows = Vec::new();
    let mut in_the_way = Vec::new();
    for (name, entry) in wanted {
        let action = match document.get(&[container, name]) {
            None => Action::Add,
            Some(there) if entry_digest(&there) == entry_digest(entry) => Action::Keep,
            Some(there) if ours.servers.get(name).is_some_and(|known| known.is(&entry_digest(&there))) => {
                Action::Update
            }
            Some(_) => {
                in_the_way.push(name.as_str());
                continue;
            }
        };
        rows.push(Row { name: name.clone(), action, entry: Some(entry.clone()) });
    }
    if !in_the_way.is_empty() {
        let what = format!("the client has another server called {}", in_the_way.join(", "));
        return Err(Error::new(Kind::Conflict, what)
            .at_path(file)
            .because("cpm did not write it, or somebody changed it since; nothing was changed")
            .help(
                "rename it there or delete it, or give ours another name: `servers = { old = \"new\" }` in cpm.toml",
            ));
    }
    let mut edited = Vec::new();
    for (name, known) in ours.servers.iter().filter(|(name, known)| known.from == from && !wanted.contains_key(*name)) {
        match document.get(&[container, name]) {
            Some(there) if known.is(&entry_digest(&there)) => {
                rows.push(Row { name: name.clone(), action: Action::Remove, entry: None });
            }
            Some(_) => edited.push(LeftOut { name: name.clone(), why: "it was edited there, and stays".to_owned() }),
            None => {}
        }
    }
    Ok((rows, edited))
}
