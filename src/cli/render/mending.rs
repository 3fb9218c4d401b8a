//! Shows edits of the user's that go, what is about to be taken back, and what a check of everything found.

use super::changes::show_file;
use super::count;
use crate::cli::ui::{BOLD, DIM, GREEN, Line, Ui, YELLOW};
use crate::ops::doctor::Checked;
use crate::ops::report::{Action, Report};
use crate::ops::undo::Undone;

/// Shows the edits that a run replaces, line by line.
pub(super) fn edits(ui: &Ui, report: &Report) {
    for edits in &report.edits {
        let verb = if report.dry_run { "would go, and `cpm undo` would" } else { "went, and `cpm undo` does" };
        let what = format!("  these edits of yours in {} {verb} not bring them back:", edits.package);
        ui.answer(Line::new().styled(YELLOW, what));
        for file in &edits.changes.files {
            show_file(ui, file);
        }
        if let Some(why) = &edits.changes.unknown {
            ui.answer(Line::new().styled(YELLOW, format!("  the lines of a changed file are not known: {why}")));
        }
    }
}

/// Says what is about to be taken back.
pub(in crate::cli) fn about_to_undo(ui: &Ui, undone: &Undone) {
    let report = &undone.report;
    let what = format!("taking back `cpm {}` in the {} scope", undone.command, report.scope);
    let packages = report.packages.iter().map(|package| {
        let sign = match package.action {
            Action::Add => "+",
            Action::Update => "~",
            Action::Remove => "-",
        };
        format!("{sign} {} {}", package.name, package.version)
    });
    let packages: Vec<String> = packages.collect();
    let list = if packages.is_empty() { String::new() } else { format!(": {}", packages.join(", ")) };
    ui.note(Line::new().styled(BOLD, what).text(list));
}

/// Shows what a check of everything found.
pub(in crate::cli) fn checked(ui: &Ui, checked: &Checked) {
    for finding in &checked.findings {
        let place = finding.file.as_deref().unwrap_or(finding.topic);
        let scope = finding.scope.map(|scope| format!("  ({scope} scope)")).unwrap_or_default();
        ui.result(Line::new().styled(YELLOW, place).styled(DIM, scope));
        ui.result(Line::new().text("  ").text(&finding.what));
        ui.result(Line::new().styled(GREEN, "  fix").text(": ").text(&finding.fix));
    }
    let scopes: Vec<String> = checked.scopes.iter().map(ToString::to_string).collect();
    let scopes = format!("in the {} scope{}", scopes.join(", "), if scopes.len() == 1 { "" } else { "s" });
    ui.answer(match checked.findings.len() {
        0 => Line::new().styled(GREEN, "ok").text(format!(": nothing is wrong {scopes}")),
        many => Line::new().styled(BOLD, count(many as u64, "finding")).text(format!(" {scopes}")),
    });
}
