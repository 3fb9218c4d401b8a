//! Shows what is known about a package.

use super::{bytes, count, sentences};
use crate::cli::ui::{BOLD, DIM, GREEN, Line, RED, Ui, YELLOW};
use crate::ops::info::{InIndex, Info, Inside, Refused, ReleaseRow};

/// Most releases shown; `--json` has them all.
const MAX_RELEASES: usize = 10;

/// Shows everything, the package first.
pub(in crate::cli) fn info(ui: &Ui, info: &Info) {
    let version = info.inside.as_ref().map(|inside| &inside.version);
    let version = version.or(info.refused.as_ref().map(|refused| &refused.version));
    let title = Line::new().styled(BOLD, info.name.as_str());
    let title = version.into_iter().fold(title, |line, version| line.text(format!(" {version}")));
    ui.answer(info.inside.iter().fold(title, |line, inside| line.styled(DIM, format!("  {}", inside.kind))));
    if let Some(description) = info.inside.as_ref().and_then(|inside| inside.description.as_ref()) {
        ui.answer(Line::new().text(format!("  {description}")));
    }
    let indexes = info.indexes.iter().map(|index| match index.answers {
        true => index.index.clone(),
        false => format!("{} (not asked: the other index answers)", index.index),
    });
    field(ui, "index", indexes);
    info.inside.iter().for_each(|inside| show_inside(ui, inside));
    info.refused.iter().for_each(|refused| show_refused(ui, refused));
    for place in &info.installed {
        let from = place.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        let label = Line::new().styled(DIM, format!("  {:<10} ", "installed"));
        ui.answer(label.styled(GREEN, format!("{} in the {} scope", place.version, place.scope)).text(from));
    }
    for index in info.indexes.iter().filter(|index| index.answers) {
        show_releases(ui, index);
    }
}

/// A label with what belongs to it, one a line.
fn field(ui: &Ui, label: &str, lines: impl IntoIterator<Item = String>) {
    for (at, line) in lines.into_iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        ui.answer(Line::new().styled(DIM, format!("  {label:<10} ")).text(line));
    }
}

fn show_inside(ui: &Ui, inside: &Inside) {
    let list = |label: &str, names: &[String]| field(ui, label, (!names.is_empty()).then(|| names.join(", ")));
    let paths = |paths: &[crate::model::relpath::RelPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    field(ui, "from", [inside.from.clone()]);
    field(ui, "size", [format!("{}, {}", count(inside.files as u64, "file"), bytes(inside.bytes))]);
    list("needs", &inside.dependencies);
    list("skills", &inside.skills);
    list("commands", &paths(&inside.commands));
    list("agents", &paths(&inside.agents));
    list("hooks", &inside.hooks);
    list("servers", &inside.servers);
    list("languages", &inside.lsp);
    field(ui, "runs", sentences(&inside.surface));
    field(ui, "note", inside.notes.iter().cloned());
}

fn show_refused(ui: &Ui, refused: &Refused) {
    ui.answer(Line::new().styled(RED, "  refused    ").text(&refused.message));
    field(ui, "", refused.causes.iter().cloned());
}

fn show_releases(ui: &Ui, index: &InIndex) {
    if !index.releases.is_empty() {
        ui.answer(Line::new().styled(BOLD, "Releases"));
    }
    for release in index.releases.iter().take(MAX_RELEASES) {
        let line = Line::new().text(format!("  {:<10} ", release.version)).styled(DIM, day(release));
        ui.answer(match &release.withheld {
            Some(why) => line.styled(YELLOW, format!("  {why}")),
            None => line,
        });
    }
    if index.releases.len() > MAX_RELEASES {
        let more = count(index.releases.len() as u64 - MAX_RELEASES as u64, "older release");
        ui.answer(Line::new().styled(DIM, format!("  and {more}")));
    }
    for problem in &index.problems {
        ui.answer(Line::new().styled(YELLOW, "  unusable   ").text(problem));
    }
}

/// The day of a time such as `2026-11-23T00:00:00Z`; what has another form is shown as it is.
fn day(release: &ReleaseRow) -> &str {
    let published = release.published.as_deref().unwrap_or_default();
    published.split_once('T').map_or(published, |(day, _)| day)
}
