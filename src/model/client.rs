//! The user's other clients: programs beside Claude Code that start or reach the same MCP servers.

use std::fmt;

/// A program that reads MCP servers from a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Claude Desktop.
    ClaudeDesktop,
    /// Visual Studio Code.
    VsCode,
    /// Cursor.
    Cursor,
    /// Windsurf.
    Windsurf,
}

impl Client {
    /// All of them.
    pub const ALL: [Client; 4] = [Client::ClaudeDesktop, Client::VsCode, Client::Cursor, Client::Windsurf];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Client::ClaudeDesktop => "claude-desktop",
            Client::VsCode => "vscode",
            Client::Cursor => "cursor",
            Client::Windsurf => "windsurf",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Client::ClaudeDesktop => "Claude Desktop",
            Client::VsCode => "VS Code",
            Client::Cursor => "Cursor",
            Client::Windsurf => "Windsurf",
        })
    }
}
