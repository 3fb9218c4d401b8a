//! `cpm import` on the command line.

use std::process::ExitCode;

use serde_json::json;

use super::args::Command;
use super::args::import::ImportArgs;
use super::{Session, Wants, render};
use crate::error::Result;
use crate::ops;

impl Session<'_> {
    pub(super) fn import(&self, command: &Command, args: &ImportArgs) -> Result<ExitCode> {
        let from = args.from.as_ref().map(|file| self.absolute(file));
        let imported = ops::import::import(&self.context(Wants::default())?, from.as_deref())?;
        render::import::imported(self.ui, &imported);
        self.document(command, json!({ "import": imported }));
        Ok(ExitCode::SUCCESS)
    }
}
