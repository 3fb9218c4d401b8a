//! `cpm index`: calls what its words ask for, and shows what came of it.

use std::process::ExitCode;

use serde_json::json;

use super::args::{Command, IndexCommand};
use super::render::count;
use super::ui::{BOLD, DIM, GREEN, Line, RED, Ui};
use super::{Session, Wants};
use crate::error::{Error, Kind, Result};
use crate::format::index_edit::Mark;
use crate::index::IndexKind;
use crate::model::index::IndexConfig;
use crate::model::name::{IndexName, PackageName};
use crate::model::namespace::NamePattern;
use crate::model::source::RefName;
use crate::model::url::GitUrl;
use crate::model::version::Version;
use crate::ops::index::accept::{self, Accepted};
use crate::ops::index::check::{self, Checked, Depth};
use crate::ops::index::publish::{self, Added, Created, TakenBack};
use crate::ops::index::{self, IndexRow};

impl Session<'_> {
    pub(super) fn index(&self, command: &Command, what: &IndexCommand) -> Result<ExitCode> {
        let context = self.context(Wants::default())?;
        match what {
            IndexCommand::Add { name, url, branch, packages } => {
                let patterns = packages.iter().map(|text| NamePattern::parse(text));
                let config = IndexConfig {
                    branch: branch.as_deref().map(RefName::parse).transpose()?,
                    packages: patterns.collect::<Result<_>>()?,
                    ..IndexConfig::plain(IndexName::parse(name)?, GitUrl::parse_typed(url)?)
                };
                let row = index::add(&context, &config)?;
                show_added(self.ui, &row, &self.machine.shown(&context.places.manifest));
                self.document(command, json!({ "index": row }));
            }
            IndexCommand::Remove { name } => {
                index::remove(&context, &IndexName::parse(name)?)?;
                let manifest = self.machine.shown(&context.places.manifest);
                self.ui.answer(Line::new().text(format!("Removed the index {name} from {manifest}")));
                self.document(command, json!({ "removed": name }));
            }
            IndexCommand::List => {
                let rows = index::list(&context)?;
                show_list(self.ui, &rows);
                self.document(command, json!({ "indexes": rows }));
            }
            IndexCommand::Accept { name } => {
                let accepted = accept::accept(&context, name)?;
                show_accepted(self.ui, &accepted);
                self.document(command, json!({ "accepted": accepted }));
            }
            IndexCommand::New { dir } => {
                let created = publish::create(&context, &self.absolute(dir))?;
                show_created(self.ui, &created);
                self.document(command, json!({ "created": created }));
            }
            IndexCommand::AddRelease(args) => {
                let added = publish::add_release(&context, &self.current, &args.source()?)?;
                show_release(self.ui, &added);
                self.document(command, json!({ "added": added }));
            }
            IndexCommand::Yank { name, version, reason, revoke } => {
                let mark = if *revoke { Mark::Revoked } else { Mark::Yanked };
                let (name, version) = (PackageName::parse(name)?, read_version(version)?);
                let taken = publish::take_back(&context, &self.current, &name, &version, mark, reason)?;
                show_taken_back(self.ui, &taken);
                self.document(command, json!({ "taken_back": taken }));
            }
            IndexCommand::Check { dir, fetch } => {
                let dir = dir.as_ref().map_or_else(|| self.current.clone(), |dir| self.absolute(dir));
                let depth = if *fetch { Depth::Fetch } else { Depth::Folder };
                let checked = check::check(&context, &dir, depth)?;
                show_checked(self.ui, &checked);
                let exit = if checked.findings.is_empty() { 0 } else { Kind::Findings.exit_code() };
                self.document_with(command, exit, json!({ "checked": checked }));
                return Ok(ExitCode::from(exit));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read_version(text: &str) -> Result<Version> {
    Version::parse(text).map_err(|cause| {
        Error::new(Kind::Usage, format!("`{text}` is not a version"))
            .because(cause)
            .help("give all three numbers, such as 1.2.0")
    })
}

/// Says that an index was added, and what it turned out to be.
fn show_added(ui: &Ui, row: &IndexRow, manifest: &str) {
    let what = match (row.kind, row.packages) {
        (Some(IndexKind::Marketplace), Some(n)) => format!(", a Claude marketplace with {}", count(n, "plugin")),
        (Some(_), Some(n)) => format!(", a cpm index with {}", count(n, "package")),
        _ => ", which was not looked at because of --offline".to_owned(),
    };
    ui.answer(Line::new().text(format!("Added the index {}{what}, to {manifest}", row.name)));
}

/// Shows the indexes.
fn show_list(ui: &Ui, rows: &[IndexRow]) {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for (at, row) in rows.iter().enumerate() {
        let size = row.packages.map(|n| format!("  {}", count(n, "package"))).unwrap_or_default();
        let url = if row.name == row.url { "compiled into cpm" } else { &row.url };
        let names = if row.names.is_empty() { String::new() } else { format!("  alone for {}", row.names.join(", ")) };
        let age = row.min_release_age_days.map(|days| format!("  releases older than {}", count(days, "day")));
        let line = Line::new().text(format!("{}. {:<width$}  ", at + 1, row.name)).text(url);
        ui.answer(line.styled(DIM, size).styled(DIM, names).styled(DIM, age.unwrap_or_default()));
    }
}

/// Says what became of an index.
fn show_accepted(ui: &Ui, accepted: &Accepted) {
    let Accepted { url, before, now, goes_on, dry_run } = accepted;
    let verb = if *dry_run { "Would take" } else { "Took" };
    ui.answer(Line::new().text(match before {
        Some(_) if *goes_on => format!("Nothing to accept: the history of {url} goes on"),
        Some(before) => format!("{verb} {url} as it is now: {now} in place of {before}"),
        None => format!("{verb} {url} as it is now: {now}"),
    }));
}

/// Says that a folder has become an index.
fn show_created(ui: &Ui, created: &Created) {
    let verb = if created.dry_run { "Would write" } else { "Wrote" };
    ui.answer(Line::new().text(format!("{verb} an empty index to {}", created.dir)));
    for file in &created.files {
        ui.answer(Line::new().styled(GREEN, "  + ").text(file));
    }
    ui.answer(Line::new().text("`cpm index add-release` there adds to it; its README says how to publish"));
}

/// Says which release was added.
fn show_release(ui: &Ui, added: &Added) {
    let verb = if added.dry_run { "Would add" } else { "Added" };
    let field = |key: &str| added.release[key].as_str().unwrap_or_default();
    let line = Line::new().styled(GREEN, "+ ").styled(BOLD, field("name")).text(format!(" {}", field("version")));
    ui.answer(line.styled(DIM, format!("  {}", field("checksum"))));
    ui.answer(Line::new().text(format!("{verb} it to {}; commit and push that to publish it", added.file)));
}

/// Says which release was taken back.
fn show_taken_back(ui: &Ui, taken: &TakenBack) {
    let verb = if taken.dry_run { "Would mark" } else { "Marked" };
    let what = format!("{verb} {} {} as {}: ", taken.name, taken.version, taken.mark);
    ui.answer(Line::new().text(what).text(&taken.reason));
    ui.answer(Line::new().text(format!("commit and push {} to tell others", taken.file)));
}

/// Shows what checking an index found.
fn show_checked(ui: &Ui, checked: &Checked) {
    for finding in &checked.findings {
        ui.result(Line::new().styled(RED, &finding.place).text("  ").text(&finding.problem));
    }
    if !checked.findings.is_empty() {
        return;
    }
    let hosted = format!("{} hosted here compared with their checksums", checked.hosted);
    let fetched =
        if checked.fetched > 0 { format!(", {} fetched and compared", checked.fetched) } else { String::new() };
    let history = match checked.commits {
        Some(commits) => format!(", nothing taken back in {}", count(commits, "commit")),
        None => ", no git history to compare with".to_owned(),
    };
    let (packages, releases) = (count(checked.packages, "package"), count(checked.releases, "release"));
    ui.answer(Line::new().styled(GREEN, "ok").text(format!(": {packages}, {releases}; {hosted}{fetched}{history}")));
}
