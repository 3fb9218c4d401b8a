//! The scope's MCP file, read: what is in it now, and the document to edit.

use std::collections::BTreeMap;

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
        // Reading a pipe would wait for ever.
        if std::fs::metadata(&file.path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::new(Kind::Conflict, "what stands where the MCP file belongs is not a file")
                .at_path(&file.path)
                .help("move it away, then run again"));
        }
        let bytes = fsx::read_optional(&file.path)?;
        let document = match &bytes {
            Some(bytes) => Document::parse(bytes, &file.path)?,
            None => Document::empty(),
        };
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
