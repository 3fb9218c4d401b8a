//! What `cpm export` takes.

use clap::{Args, ValueEnum};

use crate::model::client::Client;

/// Where to bring MCP servers.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The client; `api` prints a part of a request to the Messages API
    #[arg(long, value_enum)]
    pub client: ClientArg,
    /// Edit the client's file; without, only show what would change
    #[arg(long)]
    pub write: bool,
    /// Take the servers that came from here out again
    #[arg(long)]
    pub remove: bool,
}

/// A client on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientArg {
    /// Claude Desktop
    ClaudeDesktop,
    /// Visual Studio Code
    Vscode,
    /// Cursor
    Cursor,
    /// Windsurf
    Windsurf,
    /// The Messages API
    Api,
}

impl ClientArg {
    /// The client; `None` for the API, which has no file.
    #[must_use]
    pub fn client(self) -> Option<Client> {
        match self {
            ClientArg::ClaudeDesktop => Some(Client::ClaudeDesktop),
            ClientArg::Vscode => Some(Client::VsCode),
            ClientArg::Cursor => Some(Client::Cursor),
            ClientArg::Windsurf => Some(Client::Windsurf),
            ClientArg::Api => None,
        }
    }
}
