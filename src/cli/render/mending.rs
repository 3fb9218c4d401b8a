//! Shows edits of the user's that go, and what is about to be taken back.

use super::changes::show_file;
use crate::cli::ui::{BOLD, Line, Ui, YELLOW};
use crate::ops::report::{Action, Report};
use crate::ops::undo::Undone;

/// Shows the edits that a run replaces, line by line.
pub(super) fn edits(ui: &Ui, report: &Report) {
    for edits in &report.edits {
        let verb = if report.dry_run { "would go" } else { "went" };
        let what = format!("  these edits of yours in {} {verb}:", edits.package);
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
