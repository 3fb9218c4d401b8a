//! Draws trees and chains of packages.

use crate::cli::ui::{BOLD, DIM, Line, Ui, YELLOW};
use crate::ops::tree::{ScopeTree, TreeRow};
use crate::ops::why::{Link, MAX_CHAINS, Why};

/// Draws the tree of each scope that has packages.
pub(in crate::cli) fn trees(ui: &Ui, trees: &[ScopeTree]) {
    if trees.iter().all(|tree| tree.rows.is_empty()) {
        return ui.answer(Line::new().text("Nothing is installed. `cpm install github-tools` is a start."));
    }
    for tree in trees.iter().filter(|tree| !tree.rows.is_empty()) {
        ui.answer(heading(tree.scope.name(), &tree.manifest));
        for (row, branches) in tree.rows.iter().zip(branches(&tree.rows)) {
            let line = Line::new().text("  ").styled(DIM, branches).text(row.name.as_str());
            let line = match &row.version {
                Some(version) => line.text(format!(" {version}")),
                None => line.styled(YELLOW, " not locked"),
            };
            let line = match row.package == row.name {
                true => line,
                false => line.styled(DIM, format!("  ({})", row.package)),
            };
            let line = if row.repeated { line.styled(DIM, "  (see above)") } else { line };
            let is_stray = !row.needed && row.depth == 0;
            ui.answer(if is_stray { line.styled(YELLOW, "  not needed by the manifest") } else { line });
        }
    }
}

/// What leads from each row to the one it belongs to.
fn branches(rows: &[TreeRow]) -> Vec<String> {
    let mut drawn = Vec::with_capacity(rows.len());
    // Whether a row further down continues the branch at a depth.
    let mut continues: Vec<bool> = Vec::new();
    for row in rows.iter().rev() {
        let is_last = !continues.get(row.depth).copied().unwrap_or_default();
        let trunk = (1..row.depth).map(|depth| if continues.get(depth) == Some(&true) { "│   " } else { "    " });
        let own = match (row.depth, is_last) {
            (0, _) => "",
            (_, true) => "└── ",
            (_, false) => "├── ",
        };
        drawn.push(trunk.chain([own]).collect());
        continues.resize(row.depth + 1, false);
        continues[row.depth] = true;
    }
    drawn.reverse();
    drawn
}

/// Shows why each scope has a package.
pub(in crate::cli) fn why(ui: &Ui, answers: &[Why]) {
    for why in answers.iter().filter(|why| why.unneeded || !why.chains.is_empty()) {
        ui.answer(heading(why.scope.name(), &why.manifest));
        for chain in &why.chains {
            let names: Vec<String> = chain.iter().map(shown).collect();
            ui.answer(Line::new().text(format!("  {}", names.join(" → "))));
        }
        if why.unneeded {
            ui.answer(Line::new().styled(YELLOW, "  it is locked, and nothing needs it: `cpm install` takes it away"));
        }
        if why.more {
            ui.answer(Line::new().styled(DIM, format!("  and perhaps more; at most {MAX_CHAINS} are shown")));
        }
    }
}

fn shown(link: &Link) -> String {
    match &link.version {
        Some(version) => format!("{} {version}", link.name),
        None => format!("{} (not locked)", link.name),
    }
}

fn heading(scope: &str, manifest: &str) -> Line {
    Line::new().styled(BOLD, format!("{scope} scope")).styled(DIM, format!("  {manifest}"))
}
