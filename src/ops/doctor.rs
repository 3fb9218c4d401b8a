//! `cpm doctor`: looks at every scope's files for what the client will ignore and what cpm left undone, and says for each
//! finding what mends it. Changes nothing, and asks no host.

mod client_files;
mod folders;
mod frontmatter;
mod installed;
mod plugins;
mod servers;

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::Context;
use crate::claude::paths::{McpFile, ScopePlaces};
use crate::claude::settings::{ProjectState, Settings};
use crate::error::{Error, Result};
use crate::git;
use crate::model::scope::Scope;

/// What looking at everything found.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// The scopes that were looked at.
    pub scopes: Vec<Scope>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// One thing that is not as it seems, or not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: `settings`, `servers`, `approval`, `variables`, `skills`, `plugins`, `trust`, `installed`,
    /// `locks` or `git`.
    pub topic: &'static str,
    /// Whose, if it is about one scope.
    pub scope: Option<Scope>,
    /// The file or folder; nothing when it is about the machine.
    pub file: Option<String>,
    /// What is wrong.
    pub what: String,
    /// The command or edit that mends it.
    pub fix: String,
}

/// Looks at the scopes of `contexts`, which are all there are here; `only` tells what concerns one of them or none.
///
/// # Errors
/// [`crate::error::Kind::FileSystem`] when a file is there but cannot be read. What is wrong in a file is a finding.
pub fn doctor(contexts: &[Context<'_>], only: Option<Scope>) -> Result<Checked> {
    let Some(context) = contexts.first() else { return Ok(Checked { scopes: Vec::new(), findings: Vec::new() }) };
    let mut findings = Vec::new();
    let client = client_files::read_state(context, &mut findings)?;
    let key = contexts.iter().find(|context| context.places.scope == Scope::Local).map(|context| &context.places.mcp);
    let key = key.and_then(|file| file.container.get(1)).cloned().unwrap_or_default();
    let mut checkup = Checkup {
        settings: Settings::of(context.machine, &context.places)?,
        state: ProjectState::of(&client, &key),
        contexts,
        client,
        findings,
    };
    checkup.settings();
    checkup.servers()?;
    checkup.folders()?;
    for context in contexts {
        checkup.installed(context)?;
    }
    checkup.locks(context);
    if let Err(error) = git::version::check() {
        checkup.add_error("git", None, &error);
    }
    let mut findings = checkup.findings;
    findings.retain(|finding| only.is_none() || finding.scope.is_none() || finding.scope == only);
    let scopes = contexts.iter().map(|context| context.places.scope);
    Ok(Checked { scopes: scopes.filter(|scope| only.is_none_or(|only| only == *scope)).collect(), findings })
}

/// What was read once, and what was found so far.
struct Checkup<'a> {
    contexts: &'a [Context<'a>],
    /// The settings that hold in the project, or for the user alone.
    settings: Settings,
    /// `~/.claude.json`; null when it is not there or no JSON.
    client: Value,
    /// What the client keeps about the project.
    state: ProjectState,
    findings: Vec<Finding>,
}

impl<'a> Checkup<'a> {
    fn add(&mut self, topic: &'static str, scope: Option<Scope>, file: &Path, what: String, fix: String) {
        let file = Some(self.shown(file));
        self.findings.push(Finding { topic, scope, file, what, fix });
    }

    /// An error is a finding like others, once for each place.
    fn add_error(&mut self, topic: &'static str, scope: Option<Scope>, error: &Error) {
        let file = error.place().map(|place| self.shown(Path::new(place)));
        if file.is_some() && self.findings.iter().any(|finding| finding.file == file) {
            return;
        }
        let causes = error.causes().iter().map(|cause| format!("; {cause}"));
        let what = std::iter::once(error.message().to_owned()).chain(causes).collect();
        let fix = error.help_text().unwrap_or("correct it, then run `cpm doctor` again").to_owned();
        self.findings.push(Finding { topic, scope, file, what, fix });
    }

    /// The scope `scope`, where there is one.
    fn places(&self, scope: Scope) -> Option<&'a ScopePlaces> {
        self.contexts.iter().map(|context| &context.places).find(|places| places.scope == scope)
    }

    /// A path as people read it: in the project where it is inside, else with `~`.
    fn shown(&self, path: &Path) -> String {
        let inside = self.places(Scope::Project).and_then(|places| path.strip_prefix(&places.base).ok());
        match inside {
            Some(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
            _ => self.contexts.first().map_or_else(String::new, |context| context.machine.shown(path)),
        }
    }

    /// The directory in which the client is to be started.
    fn start(&self) -> String {
        self.places(Scope::Project).map_or_else(|| "any folder".to_owned(), |places| places.base.display().to_string())
    }

    /// Whether a variable is set where the client will be started, or by one of its settings files.
    fn is_set(&self, variable: &str) -> bool {
        let set_here = self.contexts.first().is_some_and(|context| (context.variable)(variable));
        set_here || self.settings.word_on("env", variable).is_some()
    }
}

/// The object of a scope's entries in a file.
fn entries<'v>(whole: &'v Value, file: &McpFile) -> Option<&'v Value> {
    file.container.iter().try_fold(whole, |value, key| value.get(key))
}

/// ` --scope SCOPE`, for a command that would else be about another one.
fn with_scope(scope: Scope) -> String {
    format!(" --scope {scope}")
}
