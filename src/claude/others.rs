//! Where the user's other clients read MCP servers from.

use std::path::{Path, PathBuf};

use super::paths::Machine;
use crate::model::client::Client;

/// The key of the object that holds the servers.
#[must_use]
pub fn container(client: Client) -> &'static str {
    if client == Client::VsCode { "servers" } else { "mcpServers" }
}

/// The user's own file.
#[must_use]
pub fn user_file(client: Client, machine: &Machine) -> PathBuf {
    match client {
        Client::ClaudeDesktop => machine.programs.join("Claude").join("claude_desktop_config.json"),
        Client::VsCode => machine.programs.join("Code").join("User").join("mcp.json"),
        Client::Cursor => machine.home.join(".cursor").join("mcp.json"),
        Client::Windsurf => machine.home.join(".codeium").join("windsurf").join("mcp_config.json"),
    }
}

/// The file of a project, for clients that have one.
#[must_use]
pub fn project_file(client: Client, root: &Path) -> Option<PathBuf> {
    match client {
        Client::VsCode => Some(root.join(".vscode").join("mcp.json")),
        Client::Cursor => Some(root.join(".cursor").join("mcp.json")),
        Client::ClaudeDesktop | Client::Windsurf => None,
    }
}
