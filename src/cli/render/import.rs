//! What `cpm import` took over and what not, for people.

use super::count;
use crate::cli::ui::{BOLD, DIM, GREEN, Line, Ui, YELLOW};
use crate::ops::import::{Files, Imported};

/// Shows an import.
pub(in crate::cli) fn imported(ui: &Ui, imported: &Imported) {
    let place = format!("{} ({} scope)", imported.manifest, imported.scope);
    let packages = count(imported.packages.len() as u64, "package");
    ui.answer(match (imported.packages.is_empty(), imported.dry_run) {
        (true, _) => Line::new().text(format!("Nothing to take over into {place}")),
        (false, true) => Line::new().styled(BOLD, format!("Would write {packages} to {place}")),
        (false, false) => Line::new().styled(BOLD, format!("Wrote {packages} to {place}")),
    });
    for index in &imported.indexes {
        ui.answer(
            Line::new().styled(GREEN, "+ ").text("index ").styled(BOLD, &index.name).text(format!("  {}", index.url)),
        );
    }
    for package in &imported.packages {
        let line = Line::new().styled(GREEN, "+ ").styled(BOLD, package.name.as_str());
        ui.answer(line.text(format!(" {}  {}", package.version, package.from)));
        let state = match package.files {
            Files::Here => "here, byte for byte",
            Files::Absent => "not here yet",
            Files::Client => "installed by Claude Code",
        };
        ui.answer(Line::new().styled(DIM, format!("    {state}, found in {}", package.found)));
    }
    if !imported.left_out.is_empty() {
        ui.answer(Line::new().styled(BOLD, "Not taken over"));
    }
    for left in &imported.left_out {
        ui.answer(Line::new().styled(YELLOW, format!("  {}", left.name)).styled(DIM, format!("  {}", left.place)));
        ui.answer(Line::new().text(format!("    {}", left.why)));
        if let Some(fix) = &left.fix {
            ui.answer(Line::new().styled(GREEN, "    by hand").text(format!(": {fix}")));
        }
    }
    if !imported.next.is_empty() {
        ui.answer(Line::new().styled(BOLD, "Next"));
    }
    for step in &imported.next {
        ui.answer(Line::new().text(format!("  - {step}")));
    }
}
