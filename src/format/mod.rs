//! Readers and writers of every file format. Raw types stay private to their file; what comes out is domain data.

pub mod client_entry;
pub mod config;
pub mod foreign;
pub mod frontmatter;
pub mod hooks;
pub mod index_edit;
pub mod index_line;
pub mod json;
pub mod json_edit;
pub mod lockfile;
pub mod manifest;
pub mod manifest_edit;
pub mod marketplace;
pub mod mcp;
pub mod npm_range;
pub mod plugin;
pub mod server_json;
pub mod summaries;
