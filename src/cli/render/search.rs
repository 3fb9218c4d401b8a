//! Shows what a search found.

use super::count;
use crate::cli::ui::{BOLD, DIM, GREEN, Line, Ui, YELLOW};
use crate::ops::search::{Found, InstalledIn};

/// Most packages shown; `--json` has them all.
pub(in crate::cli) const MAX_SHOWN: usize = 50;
/// Most characters of a description.
const MAX_DESCRIPTION: usize = 200;

/// Shows the packages, best first.
pub(in crate::cli) fn found(ui: &Ui, found: &Found) {
    if found.hits.is_empty() {
        return ui.answer(
            Line::new()
                .text("Nothing found. Try fewer words, or add an index that may have it: `cpm index add NAME URL`."),
        );
    }
    for hit in found.hits.iter().take(MAX_SHOWN) {
        let version = hit.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let line = Line::new().styled(BOLD, hit.name.as_str()).text(version);
        let line = line.styled(DIM, format!("  {}", hit.index));
        let line = match installed(&hit.installed) {
            Some(text) => line.styled(GREEN, format!("  {text}")),
            None => line,
        };
        ui.answer(match &hit.hidden_by {
            Some(other) => line.styled(YELLOW, format!("  hidden by {other}; pin it with `index = \"{}\"`", hit.index)),
            None => line,
        });
        if let Some(description) = &hit.description {
            ui.answer(Line::new().text(format!("  {}", shortened(description))));
        }
    }
    if found.count > MAX_SHOWN {
        let more = count(found.count - MAX_SHOWN, "more package");
        ui.answer(Line::new().styled(DIM, format!("and {more}; another word makes it fewer")));
    }
}

/// Where a package is installed, in words.
pub(super) fn installed(places: &[InstalledIn]) -> Option<String> {
    let places: Vec<String> = places.iter().map(|place| format!("{} ({} scope)", place.version, place.scope)).collect();
    (!places.is_empty()).then(|| format!("installed: {}", places.join(", ")))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_DESCRIPTION) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
