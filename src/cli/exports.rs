//! `cpm export` on the command line.

use std::process::ExitCode;

use serde_json::json;

use super::args::Command;
use super::args::export::ExportArgs;
use super::render::export as render;
use super::{Session, Wants};
use crate::error::{Error, Kind, Result};
use crate::ops::Effect;
use crate::ops::export::{self, Want};

impl Session<'_> {
    pub(super) fn export(&self, command: &Command, args: &ExportArgs) -> Result<ExitCode> {
        let mut context = self.context(Wants::default())?;
        let Some(client) = args.client.client() else {
            if args.write || args.remove {
                return Err(Error::new(Kind::Usage, "the API has no file to write")
                    .help("`cpm export --client api` prints what belongs into a request"));
            }
            let exported = export::api(&context)?;
            render::api(self.ui, &exported);
            self.document(command, json!({ "api": exported }));
            return Ok(ExitCode::SUCCESS);
        };
        if !args.write {
            context.effect = Effect::DryRun;
        }
        let want = if args.remove { Want::Nothing } else { Want::Servers };
        let exported = export::export(&context, client, want)?;
        render::file(self.ui, &exported);
        self.document(command, json!({ "export": exported }));
        Ok(ExitCode::SUCCESS)
    }
}
