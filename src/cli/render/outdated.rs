//! Shows what could move.

use super::count;
use crate::cli::ui::{BOLD, DIM, Line, Ui, YELLOW};
use crate::ops::outdated::{Change, Outdated, Row, State};

/// Shows the packages that are not as new as can be, one a line.
pub(in crate::cli) fn outdated(ui: &Ui, outdated: &Outdated) {
    let scope = format!("{} scope ({})", outdated.scope, outdated.base);
    if outdated.packages.is_empty() {
        let packages = count(outdated.current, "package");
        return ui.answer(Line::new().text(format!("Nothing newer: {packages} in the {scope}")));
    }
    ui.answer(Line::new().styled(BOLD, format!("What could move in the {scope}")));
    let header = ["package", "locked", "update", "newest"].map(str::to_owned);
    let rows: Vec<[String; 4]> = outdated.packages.iter().map(cells).collect();
    let mut widths = header.each_ref().map(String::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let padded = |cells: &[String; 4]| {
        let [name, locked, update, newest] = std::array::from_fn(|at| format!("{:<1$}", cells[at], widths[at]));
        format!("  {name}  {locked}  {update}  {newest}")
    };
    ui.answer(Line::new().styled(DIM, padded(&header).trim_end()));
    for (row, cells) in outdated.packages.iter().zip(&rows) {
        let notes = notes(row);
        let text = padded(cells);
        let line = Line::new().text(if notes.is_empty() { text.trim_end() } else { &text });
        ui.answer(if notes.is_empty() { line } else { line.styled(YELLOW, format!("  {}", notes.join("; "))) });
    }
}

/// What stands in the columns.
fn cells(row: &Row) -> [String; 4] {
    let version = |state: &Option<State>| state.as_ref().map_or("-", |state| &state.version).to_owned();
    let newest = row.newest.clone().unwrap_or_else(|| "-".to_owned());
    [row.name.to_string(), version(&row.locked), version(&row.allowed), newest]
}

/// What the versions do not say.
fn notes(row: &Row) -> Vec<String> {
    let mut notes = Vec::new();
    match row.change {
        Change::Content => notes.push("new content, same version".to_owned()),
        Change::New => notes.push("newly needed".to_owned()),
        Change::Unneeded => notes.push("no longer needed".to_owned()),
        Change::Version | Change::Held | Change::Rewritten => {}
    }
    match row.held_by.as_slice() {
        [] => {}
        [one] if one == "manifest" => notes.push("the manifest does not allow the newest".to_owned()),
        packages => notes.push(format!("held back by {}", packages.join(", "))),
    }
    if row.rewritten {
        notes.push("its tag was moved or its history replaced: ask its owner".to_owned());
    }
    notes
}
