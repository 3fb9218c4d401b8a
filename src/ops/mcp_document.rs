//! The scope's MCP file, read: what is in it now, and the document to edit.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::Context;
use crate::error::{Error, Kind, Result};
use crate::format::json_edit::Document;
use crate::fsx;

/// The scope's MCP file, read.
pub(super) struct McpDocument {
    /// The bytes; `None` when there is no file.
    pub(super) bytes: Option<Vec<u8>>,
    /// The file, or an empty one.
    pub(super) document: Document,
    /// The entries by name.
    pub(super) entries: BTreeMap<String, Value>,
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
        let entries = match document.get(&container) {
            None => BTreeMap::new(),
            Some(Value::Object(map)) => map.into_iter().collect(),
            Some(_) => {
                return Err(Error::new(Kind::ClientFile, format!("`{}` is not an object", container.join(".")))
                    .at_path(&file.path)
                    .help("correct the file; nothing was changed"));
            }
        };
        Ok(McpDocument { bytes, document, entries })
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
