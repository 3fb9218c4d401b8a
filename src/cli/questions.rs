//! Answers the commands that only ask.

use std::process::ExitCode;

use serde_json::json;

use super::args::questions::Question;
use super::args::{self, Command};
use super::{Session, Wants, render};
use crate::error::{Error, Kind, Result};
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::ops::diff::Detail;
use crate::ops::{self, Context};

impl Session<'_> {
    /// All scopes there are here, whichever was asked for.
    pub(super) fn all_scopes(&self) -> Result<Vec<Context<'_>>> {
        let scopes = if self.is_in_project() { &Scope::ALL[..] } else { &[Scope::User] };
        scopes.iter().map(|scope| self.context_in(Some(*scope), Wants::default())).collect()
    }

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
            Question::Diff(args) => {
                let detail = if args.stat { Detail::Counts } else { Detail::Lines };
                let names = args::names(&args.names)?;
                let difference = ops::diff::diff(&self.context(Wants::default())?, &names, detail)?;
                render::changes::difference(self.ui, &difference);
                self.document(command, json!({ "diff": difference }));
                Ok(ExitCode::SUCCESS)
            }
            Question::Info { package } => {
                let (name, version) = args::questions::package_and_version(package)?;
                let context = self.context(Wants::default())?;
                let info = ops::info::info(&context, &self.all_scopes()?, &name, version.as_ref())?;
                render::info::info(self.ui, &info);
                self.document(command, json!({ "info": info }));
                Ok(ExitCode::SUCCESS)
            }
            Question::Search { words } => {
                let context = self.context(Wants::default())?;
                let most = (!self.ui.is_json()).then_some(render::search::MAX_SHOWN);
                let found = ops::search::search(&context, &self.all_scopes()?, words, most)?;
                render::search::found(self.ui, &found);
                self.document(command, json!({ "packages": found.hits }));
                Ok(ExitCode::SUCCESS)
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
