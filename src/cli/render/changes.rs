//! Shows what happens to the files of packages: as a list with counts, or line by line.

use anstyle::Style;

use super::{bytes, count};
use crate::cli::ui::{BOLD, DIM, GREEN, Line, RED, Ui, YELLOW};
use crate::ops::changes::{Changes, FileAction, FileChange};
use crate::ops::diff::{Difference, PackageDifference};
use crate::ops::outdated::State;

/// Most files in a list; `--json` has them all.
const MAX_FILES: usize = 20;

/// Gives the list of files to `show`, line by line with the label of the first.
pub(super) fn files(changes: &Changes, show: impl Fn(&str, Line)) {
    let label = |at: usize| if at == 0 { "files" } else { "" };
    let unknown = changes.unknown.iter().map(|why| Line::new().styled(YELLOW, unknown(why)));
    let listed = changes.files.iter().take(MAX_FILES).map(summary);
    let more = changes.files.len().saturating_sub(MAX_FILES);
    let more = (more > 0).then(|| Line::new().styled(DIM, format!("and {more} more")));
    for (at, line) in unknown.chain(listed).chain(more).enumerate() {
        show(label(at), line);
    }
}

/// Shows the differences of all packages.
pub(in crate::cli) fn difference(ui: &Ui, difference: &Difference) {
    if difference.packages.is_empty() {
        let text =
            format!("No difference: an update changes nothing in the {} scope ({})", difference.scope, difference.base);
        return ui.answer(Line::new().text(text));
    }
    for package in &difference.packages {
        ui.answer(Line::new().styled(BOLD, title(package)));
        if let Some(why) = &package.changes.unknown {
            ui.answer(Line::new().styled(YELLOW, format!("  {}", unknown(why))));
        }
        if package.changes.files.is_empty() {
            ui.answer(Line::new().styled(DIM, "  the files are the same"));
        }
        for file in &package.changes.files {
            show_file(ui, file);
        }
        let (added, removed) = package.changes.files.iter().fold((0, 0), |(a, r), f| (a + f.added, r + f.removed));
        let files = count(package.changes.files.len() as u64, "file");
        ui.answer(Line::new().styled(DIM, format!("  {files}, +{added} -{removed}")));
    }
}

/// The package, and from which version to which.
fn title(package: &PackageDifference) -> String {
    let shown = |state: &State| match &state.commit {
        Some(commit) => format!("{} ({})", state.version, commit.short()),
        None => state.version.clone(),
    };
    match (&package.locked, &package.allowed) {
        (Some(old), Some(new)) => format!("{} {} → {}", package.name, shown(old), shown(new)),
        (None, Some(new)) => format!("{} {}, newly needed", package.name, shown(new)),
        (Some(old), None) => format!("{} {}, no longer needed", package.name, shown(old)),
        (None, None) => package.name.to_string(),
    }
}

/// The file in a line, then its difference where there is one.
pub(super) fn show_file(ui: &Ui, file: &FileChange) {
    ui.answer(Line::new().text("  ").line(summary(file)));
    let Some(patch) = &file.patch else { return };
    for line in patch.strip_suffix('\n').unwrap_or(patch).split('\n') {
        let style = match line.as_bytes().first() {
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            Some(b'@') => DIM,
            _ => Style::new(),
        };
        ui.answer(Line::new().code(style, line));
    }
}

/// What happens to a file, in a line.
fn summary(file: &FileChange) -> Line {
    let (style, word) = match file.change {
        FileAction::Added => (GREEN, "added"),
        FileAction::Removed => (RED, "removed"),
        FileAction::Changed => (YELLOW, "changed"),
    };
    let line = Line::new().styled(style, format!("{word:<8}")).text(file.path.as_str());
    let line = match file.binary {
        true => {
            line.styled(DIM, format!("  binary, {} → {}", bytes(file.bytes[0] as u64), bytes(file.bytes[1] as u64)))
        }
        false => line.styled(DIM, format!("  +{} -{}", file.added, file.removed)),
    };
    match file.executable {
        Some(true) => line.styled(YELLOW, "  now executable"),
        Some(false) => line.styled(DIM, "  no longer executable"),
        None => line,
    }
}

fn unknown(why: &str) -> String {
    format!("{why}, so all files are shown as added")
}
