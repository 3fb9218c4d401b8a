//! Answers the commands that only ask.

use std::process::ExitCode;

use serde_json::json;

use super::args::Command;
use super::args::questions::Question;
use super::{Session, Wants, render};
use crate::error::{Kind, Result};
use crate::ops;

impl Session<'_> {
    pub(super) fn question(&self, command: &Command, question: &Question) -> Result<ExitCode> {
        match question {
            Question::Outdated(args) => {
                let outdated = ops::outdated::outdated(&self.context(Wants::default())?)?;
                let finds = args.exit_code && !outdated.packages.is_empty();
                let exit = if finds { Kind::Findings.exit_code() } else { 0 };
                render::outdated::outdated(self.ui, &outdated);
                self.document_with(command, exit, json!({ "outdated": outdated }));
                Ok(ExitCode::from(exit))
            }
        }
    }
}
