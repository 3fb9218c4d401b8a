//! MCP servers: files and entries that the client skips, entries that others hide, approvals, and variables
//! [claude-code.md §2.4–2.9].

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::super::apply::is_clients_own;
use super::{Checkup, entries};
use crate::claude::settings::strict_json;
use crate::error::Result;
use crate::format::mcp;
use crate::fsx;
use crate::model::package::required_variables;
use crate::model::scope::Scope;
use crate::receipt::entry_digest;

/// Names that the client keeps for itself.
const RESERVED: [&str; 3] = ["workspace", "claude-in-chrome", "computer-use"];

/// An entry that the client can load.
struct Server {
    name: String,
    entry: Value,
    scope: Scope,
    file: PathBuf,
}

/// Whether a server is loaded where it asks for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Loaded,
    Pending,
    Off,
}

impl Checkup<'_> {
    /// Looks at the MCP file of every scope.
    pub(super) fn servers(&mut self) -> Result<()> {
        let mut servers = Vec::new();
        for scope in [Scope::Local, Scope::Project, Scope::User] {
            let Some(places) = self.places(scope) else { continue };
            let file = &places.mcp.path;
            let map = match places.mcp.shared_with_client {
                true => entries(&self.client, &places.mcp).and_then(Value::as_object).cloned(),
                false => self.read_project_file(file)?,
            };
            for (name, entry) in map.unwrap_or_default() {
                if self.is_usable(&name, &entry, scope, file) {
                    servers.push(Server { name, entry, scope, file: file.clone() });
                }
            }
        }
        let mut winners: Vec<&Server> = Vec::new();
        for server in &servers {
            // Local comes before project, and project before user; what is not loaded hides nothing.
            if let Some(winner) = winners.iter().find(|winner| winner.name == server.name) {
                if entry_digest(&winner.entry) != entry_digest(&server.entry) {
                    self.hidden(server, winner);
                }
                continue;
            }
            let standing = match server.scope {
                Scope::Project => self.approval(&server.name, &server.file),
                _ => self.toggle(&server.name, server.scope, &server.file),
            };
            if standing == Standing::Loaded {
                winners.push(server);
            }
            if standing != Standing::Off {
                self.variables(&server.name, &server.entry, server.scope, &server.file);
            }
        }
        Ok(())
    }

    /// The entries of `.mcp.json`.
    fn read_project_file(&mut self, path: &Path) -> Result<Option<Map<String, Value>>> {
        let Some(bytes) = fsx::read_optional(path)? else { return Ok(None) };
        let why = match strict_json(&bytes) {
            Ok(mut whole) => match whole.get_mut("mcpServers").map(Value::take) {
                Some(Value::Object(map)) => return Ok(Some(map)),
                Some(_) => "its `mcpServers` is not an object".to_owned(),
                None => "it has no object `mcpServers`".to_owned(),
            },
            Err(why) => why,
        };
        let what = format!("{why}, so Claude Code ignores the whole file");
        let fix = "make it strict JSON of the form `{\"mcpServers\": {\"NAME\": {…}}}`, without comments".to_owned();
        self.add("servers", Some(Scope::Project), path, what, fix);
        Ok(None)
    }

    fn is_usable(&mut self, name: &str, entry: &Value, scope: Scope, file: &Path) -> bool {
        let (why, fix) = match mcp::read_entry(entry) {
            _ if RESERVED.contains(&name) => {
                ("its name is reserved for Claude Code".to_owned(), "give it another name there".to_owned())
            }
            Ok(_) => return true,
            Err(why) if why.contains("no `type`") => {
                (why, "add `\"type\": \"http\"`, or what the server speaks, to the entry".to_owned())
            }
            Err(why) => (why, "correct the entry there".to_owned()),
        };
        let what = format!("Claude Code cannot use the MCP server `{name}`: {why}");
        self.add("servers", Some(scope), file, what, fix);
        false
    }

    fn hidden(&mut self, server: &Server, winner: &Server) {
        let Server { name, scope, file, .. } = server;
        let what = format!(
            "the MCP server `{name}` of the {scope} scope is hidden by the one of the {} scope in {}",
            winner.scope,
            self.shown(&winner.file)
        );
        let fix = format!("rename or remove one of them: `claude mcp remove {name} -s {scope}`");
        self.add("servers", Some(*scope), file, what, fix);
    }

    /// Whether a server that a project brings is approved; what is pending, rejected or off is a finding.
    pub(super) fn approval(&mut self, name: &str, file: &Path) -> Standing {
        if self.toggle(name, Scope::Project, file) == Standing::Off {
            return Standing::Off;
        }
        let rejected = self.settings.listing("disabledMcpjsonServers", name).map(|file| file.path.clone());
        let kept_by_client = self.state.lists("disabledMcpjsonServers", name).then(|| self.claude_json().to_path_buf());
        if let Some(place) = rejected.or(kept_by_client) {
            let place = self.shown(&place);
            let what = format!("the MCP server `{name}` was rejected, so Claude Code does not start it");
            let fix = format!("take `{name}` out of `disabledMcpjsonServers` in {place}");
            self.add("approval", Some(Scope::Project), file, what, fix);
            return Standing::Off;
        }
        if self.settings.approves(name, self.state.is_trusted()) || self.state.lists("enabledMcpjsonServers", name) {
            return Standing::Loaded;
        }
        let what = format!("the MCP server `{name}` waits for your approval (only `claude -p` starts it without)");
        let fix = format!("start `claude` in {} and approve it", self.start());
        self.add("approval", Some(Scope::Project), file, what, fix);
        Standing::Pending
    }

    /// Whether a server was switched off in the client.
    fn toggle(&mut self, name: &str, scope: Scope, file: &Path) -> Standing {
        if !self.state.lists("disabledMcpServers", name) {
            return Standing::Loaded;
        }
        let what = format!("the MCP server `{name}` was switched off in this project");
        let fix = format!("switch it on with `/mcp` in a session in {}", self.start());
        self.add("approval", Some(scope), file, what, fix);
        Standing::Off
    }

    /// Variables that an entry needs and nobody sets.
    pub(super) fn variables(&mut self, name: &str, entry: &Value, scope: Scope, file: &Path) {
        let json = entry.to_string();
        let mut unset: Vec<&str> =
            required_variables(&json).filter(|variable| !is_clients_own(variable) && !self.is_set(variable)).collect();
        unset.sort_unstable();
        unset.dedup();
        for variable in unset {
            let what =
                format!("the MCP server `{name}` gets the text `${{{variable}}}`, because {variable} is not set");
            let fix = format!("set it where Claude Code is started: `export {variable}=…`");
            self.add("variables", Some(scope), file, what, fix);
        }
    }

    fn claude_json(&self) -> &Path {
        &self.contexts[0].machine.claude_json
    }
}
