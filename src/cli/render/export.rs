//! What `cpm export` did, for people.

use crate::cli::ui::{BOLD, DIM, GREEN, Line, RED, Ui, YELLOW};
use crate::ops::export::{Action, ApiRequest, Export, LeftOut};

/// Shows what another client's file gets.
pub(in crate::cli) fn file(ui: &Ui, export: &Export) {
    let is_change = export.servers.iter().any(|row| row.action != Action::Keep);
    let verb = match (is_change, export.dry_run) {
        (false, _) => "Nothing to change in",
        (true, true) => "Would change",
        (true, false) => "Changed",
    };
    ui.answer(Line::new().styled(BOLD, format!("{verb} {}", export.file)));
    for row in &export.servers {
        let (sign, style) = match row.action {
            Action::Add => ("+", GREEN),
            Action::Update => ("~", YELLOW),
            Action::Remove => ("-", RED),
            Action::Keep => ("=", DIM),
        };
        let entry = row.entry.as_ref().map(|entry| format!("  {entry}")).unwrap_or_default();
        ui.answer(Line::new().styled(style, sign).text(" ").styled(BOLD, &row.name).styled(DIM, entry));
    }
    left_out(ui, &export.left_out);
    if is_change && export.dry_run {
        ui.note(Line::new().text("help: `--write` edits the file; restart the client afterwards"));
    }
}

/// Shows a part of a request.
pub(in crate::cli) fn api(ui: &Ui, exported: &ApiRequest) {
    let text = serde_json::to_string_pretty(&exported.request).unwrap_or_default();
    text.lines().for_each(|line| ui.result(Line::new().text(line)));
    left_out(ui, &exported.left_out);
    ui.note(Line::new().text(format!("help: send it with the header `anthropic-beta: {}`", exported.beta)));
    if text.contains("${") {
        ui.note(Line::new().text("help: put the values in place of `${NAME}` when you send it; cpm fills in none"));
    }
}

fn left_out(ui: &Ui, servers: &[LeftOut]) {
    for server in servers {
        ui.note(Line::new().styled(YELLOW, "left out").text(format!(" {}: {}", server.name, server.why)));
    }
}
