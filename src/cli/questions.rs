//! Answers the commands that only ask.

use std::process::ExitCode;

use serde_json::json;

use super::args::Command;
use super::args::questions::Question;
use super::{Session, Wants, render};
use crate::error::{Error, Kind, Result};
use crate::model::name::PackageName;
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
            Question::Tree => {
                let trees = self.each_scope(ops::tree::tree)?;
                render::tree::trees(self.ui, &trees);
                self.document(command, json!({ "trees": trees }));
                Ok(ExitCode::SUCCESS)
            }
            Question::Why { name } => {
                let name = PackageName::parse(name)?;
                let why = self.each_scope(|context| ops::why::why(context, &name))?;
                if why.iter().all(|why| why.chains.is_empty() && !why.unneeded) {
                    let what = format!("`{name}` is neither asked for nor locked here");
                    return Err(Error::new(Kind::NotFound, what).help("`cpm tree` shows what is"));
                }
                render::tree::why(self.ui, &why);
                self.document(command, json!({ "why": why }));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
