//! What cpm itself has to say: files that are not as locked, a lock out of step, interrupted runs, and locks that a
//! killed session left.

use super::super::{Context, lock, verify};
use super::{Checkup, with_scope};
use crate::claude::client_lock;
use crate::error::Result;
use crate::model::scope::Scope;
use crate::transaction;

impl Checkup<'_> {
    /// Compares what is installed in a scope with its lock, and the lock with its manifest.
    pub(super) fn installed(&mut self, context: &Context<'_>) -> Result<()> {
        let (places, scope) = (&context.places, context.places.scope);
        if transaction::is_interrupted(&places.state) {
            // The local scope has the same state folder as the project.
            if scope != Scope::Local {
                let what = "an interrupted run of cpm waits to be completed".to_owned();
                let fix = format!("run `cpm install{}`: it completes that run first", with_scope(scope));
                self.add("locks", Some(scope), &places.state, what, fix);
            }
            return Ok(());
        }
        if places.lock.exists()
            && let Err(error) = lock::check(context)
        {
            self.add_error("installed", Some(scope), &error);
        }
        match verify::verify(context, false) {
            Ok(verified) => {
                for finding in verified.findings {
                    let name = &finding.package;
                    let command = match finding.problem {
                        "changed" | "missing" | "extra" => format!("restore {name}"),
                        "revoked" => format!("update {name}"),
                        _ => "install".to_owned(),
                    };
                    let what = match finding.problem {
                        "changed" | "extra" | "missing" => {
                            format!("it is {}, unlike the locked `{name}`", finding.problem)
                        }
                        problem => format!("`{name}` is {problem}"),
                    };
                    self.findings.push(super::Finding {
                        topic: "installed",
                        scope: Some(scope),
                        file: Some(finding.path),
                        what,
                        fix: format!("run `cpm {command}{}`", with_scope(scope)),
                    });
                }
            }
            Err(error) => self.add_error("installed", Some(scope), &error),
        }
        Ok(())
    }

    /// The client's own lock on its file, left by a session that was killed.
    pub(super) fn locks(&mut self, context: &Context<'_>) {
        if let Some(path) = client_lock::left_behind(&context.machine.claude_json) {
            let what = "a killed session of Claude Code or cpm left this lock on ~/.claude.json".to_owned();
            let fix = format!("close Claude Code, then run `rmdir {}`", path.display());
            self.add("locks", Some(Scope::User), &path, what, fix);
        }
    }
}
