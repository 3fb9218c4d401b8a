//! Runs the commands that find what is wrong and mend it.

use std::process::ExitCode;

use serde_json::json;

use super::args::mending::Mending;
use super::args::{self, Command};
use super::{Session, Wants, render};
use crate::error::{Kind, Result};
use crate::model::scope::Scope;
use crate::ops;
use crate::ops::undo::Undone;

impl Session<'_> {
    pub(super) fn mending(&self, command: &Command, mending: &Mending) -> Result<ExitCode> {
        match mending {
            Mending::Restore(args) => {
                let names = args::names(&args.names)?;
                let wants = Wants { overwrite: true, ..Wants::default() };
                let report = ops::restore::restore(&self.context(wants)?, &names)?;
                self.show_report(command, &report, "Nothing to restore")
            }
            Mending::Undo => self.undo(command),
            Mending::Doctor => self.doctor(command),
        }
    }

    fn doctor(&self, command: &Command) -> Result<ExitCode> {
        let checked = ops::doctor::doctor(&self.all_scopes()?, self.global.scope.map(Scope::from))?;
        let exit = if checked.findings.is_empty() { 0 } else { Kind::Findings.exit_code() };
        render::mending::checked(self.ui, &checked);
        self.document_with(command, exit, json!({ "doctor": checked }));
        Ok(ExitCode::from(exit))
    }

    /// Says what is about to be taken back, then takes it back.
    fn undo(&self, command: &Command) -> Result<ExitCode> {
        let announce = |plan: &Undone| render::mending::about_to_undo(self.ui, plan);
        let undone = ops::undo::undo(&self.context(Wants::default())?, &announce)?;
        render::report(self.ui, &undone.report, "Nothing to take back");
        self.document(command, json!({ "took_back": undone.command, "report": undone.report }));
        Ok(ExitCode::SUCCESS)
    }
}
