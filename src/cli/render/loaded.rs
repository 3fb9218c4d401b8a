//! Shows what Claude Code will list.

use crate::claude::loaded::State;
use crate::cli::ui::{BOLD, DIM, Line, Ui, YELLOW};
use crate::ops::loaded::{Item, LISTS, Loaded, Owner};

/// Shows each list, and what is left out.
pub(in crate::cli) fn loaded(ui: &Ui, loaded: &Loaded) {
    let trust = if loaded.trusted { "which it trusts" } else { "which it does not trust" };
    if loaded.parts.values().all(Vec::is_empty) {
        let dir = &loaded.dir;
        ui.answer(Line::new().text(format!("Claude Code, started in {dir}, {trust}, lists nothing of packages")));
    } else {
        ui.answer(Line::new().styled(BOLD, format!("Claude Code, started in {}, {trust}, lists", loaded.dir)));
    }
    for (_, list) in LISTS {
        for (at, item) in loaded.parts.get(list).into_iter().flatten().enumerate() {
            let label = if at == 0 { list } else { "" };
            let line = Line::new().styled(DIM, format!("  {label:<9} ")).text(&item.name);
            ui.answer(line.styled(DIM, owner(&item.owner)).styled(YELLOW, remark(item)));
        }
    }
    if !loaded.left_out.is_empty() {
        ui.answer(Line::new().styled(BOLD, "Not listed"));
    }
    for missing in &loaded.left_out {
        let line = Line::new().text("  ").text(&missing.name).styled(DIM, owner(&missing.owner));
        ui.answer(line.styled(YELLOW, format!("  {}", missing.why)));
    }
}

fn owner(owner: &Owner) -> String {
    match &owner.package {
        Some(package) => format!("  {package}, {} scope", owner.scope),
        None => format!("  {}", owner.place),
    }
}

fn remark(item: &Item) -> &'static str {
    match item.state {
        State::Listed if item.asks => "  asks you first",
        State::Listed => "",
        State::ModelOnly => "  for the model only",
        State::OnDemand => "  once a file of its `paths` is touched",
        State::Disabled => "  disabled",
    }
}
