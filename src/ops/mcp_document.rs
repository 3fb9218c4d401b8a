//! The scope's MCP file, read: what is in it now, and the document to edit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Context;
use crate::error::{Error, Kind, Result};
use crate::format::json_edit::Document;
use crate::fsx;
use crate::model::name::ServerName;
use crate::plan::Change;

/// The scope's MCP file, read.
pub(super) struct McpDocument {
    /// The bytes; `None` when there is no file.
    pub(super) bytes: Option<Vec<u8>>,
    /// The file, or an empty one.
    pub(super) document: Document,
    /// The entries by name.
    pub(super) entries: BTreeMap<String, Value>,
    /// Whether there is a place for entries, be it empty, as `claude mcp remove` leaves it.
    has_container: bool,
}

impl McpDocument {
    pub(super) fn read(context: &Context<'_>) -> Result<Self> {
        let file = &context.places.mcp;
        let bytes = fsx::read_optional(&file.path)?;
        let document = match &bytes {
            Some(bytes) => Document::parse(bytes, &file.path)?,
            None => Document::empty(),
        };
        if !file.shared_with_client {
            refuse_other_key(&document, &file.path)?;
        }
        let container: Vec<&str> = file.container.iter().map(String::as_str).collect();
        let found = document.get(&container);
        let has_container = found.is_some();
        let entries = match found {
            None => BTreeMap::new(),
            Some(Value::Object(map)) => map.into_iter().collect(),
            Some(_) => {
                return Err(Error::new(Kind::ClientFile, format!("`{}` is not an object", container.join(".")))
                    .at_path(&file.path)
                    .help("correct the file; nothing was changed"));
            }
        };
        Ok(McpDocument { bytes, document, entries, has_container })
    }

    /// Whether somebody took an entry of cpm's out, as `claude mcp remove` does, and not the whole file.
    pub(super) fn lacks(&self, server: &ServerName) -> bool {
        self.has_container && !self.entries.contains_key(server.as_str())
    }
}

/// How long the client needs, once it has read its file, to write it.
const WRITING: Duration = Duration::from_millis(100);

/// Makes sure that the client did not write what it had read before these changes over them: it waits for no lock
/// [claude-code.md §1.6].
pub(super) fn confirm(context: &Context<'_>, changes: &[Change]) -> Result<()> {
    std::thread::sleep(WRITING);
    let entries = McpDocument::read(context)?.entries;
    let is_there =
        |server: &ServerName, entry: &Value| entries.get(server.as_str()).is_some_and(|there| there == entry);
    let scope = context.places.scope;
    let lost = changes.iter().find_map(|change| match change {
        Change::SetServer { package, server, entry } if !is_there(server, entry) => {
            Some((server, format!("run `cpm restore {package} --scope {scope}`, which puts it back")))
        }
        Change::RemoveServer { server, .. } if entries.contains_key(server.as_str()) => {
            Some((server, format!("`claude mcp remove {server}` removes it")))
        }
        _ => None,
    });
    match lost {
        None => Ok(()),
        Some((server, help)) => {
            Err(Error::new(Kind::Locked, format!("Claude Code wrote over what cpm did about `{server}`"))
                .at_path(&context.places.mcp.path)
                .because("it had read its configuration just before, and waits for nobody; all else is done")
                .help(help))
        }
    }
}

/// Other programs keep their servers under `servers`, and the client refuses such a file. With our entries beside them
/// it would not, and say nothing of theirs any more.
fn refuse_other_key(document: &Document, path: &Path) -> Result<()> {
    match document.place(&["servers"]) {
        Some(place) if document.get(&["mcpServers"]).is_none() => {
            Err(Error::new(Kind::ClientFile, "the file has `servers` in place of `mcpServers`")
                .at_path(path)
                .because(format!("{}:{place}: Claude Code does not read what is there", path.display()))
                .help("rename the key to `mcpServers`, then run again; nothing was changed"))
        }
        _ => Ok(()),
    }
}
