//! Settings files and `~/.claude.json`: files that the client reads whole or not at all.

use serde_json::Value;

use super::super::Context;
use super::{Checkup, Finding};
use crate::claude::settings::strict_json;
use crate::error::Result;
use crate::fsx;
use crate::model::scope::Scope;

/// `~/.claude.json`; null when it is not there, or broken, which is a finding.
pub(super) fn read_state(context: &Context<'_>, findings: &mut Vec<Finding>) -> Result<Value> {
    let path = &context.machine.claude_json;
    let bytes = fsx::read_optional(path)?.unwrap_or_default();
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    strict_json(&bytes).or_else(|why| {
        let backups = context.machine.shown(&context.machine.config.join("backups"));
        findings.push(Finding {
            topic: "settings",
            scope: Some(Scope::User),
            file: Some(context.machine.shown(path)),
            what: format!("{why}: Claude Code refuses it, and may go on with an empty one, without its MCP servers"),
            fix: format!("correct the file there, or put back the newest copy from {backups}"),
        });
        Ok(Value::Null)
    })
}

impl Checkup<'_> {
    /// Files that are ignored as a whole.
    pub(super) fn settings(&mut self) {
        for file in self.settings.files.clone() {
            if let Some(why) = file.ignored {
                let what = format!("{why}, so Claude Code ignores the whole file");
                let fix = "correct it there: strict JSON has no comments and no trailing commas".to_owned();
                self.add("settings", Some(file.scope), &file.path, what, fix);
            }
        }
    }
}
