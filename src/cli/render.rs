//! Turns reports into lines for people. Programs get the same data as JSON.

pub(super) mod changes;
pub(super) mod export;
pub(super) mod import;
pub(super) mod info;
pub(super) mod loaded;
pub(super) mod mending;
pub(super) mod outdated;
pub(super) mod search;
pub(super) mod tree;

use std::fmt;

use super::ui::{BOLD, DIM, GREEN, Line, RED, Ui, YELLOW};
use crate::model::dependency::Placement;
use crate::model::name::{ServerName, SkillName};
use crate::model::surface::{self, Difference, Item};
use crate::ops::cache::{Info, Part, Removed};
use crate::ops::list::ScopeList;
use crate::ops::lock::{Change, Locked};
use crate::ops::report::{Action, PackageReport, Report, SurfaceChange};
use crate::ops::vendor::Vendored;
use crate::ops::verify::Verified;
use crate::progress::Progress as _;

/// Longest list of scripts shown; `--json` has them all.
const MAX_PROGRAMS: usize = 6;

/// Shows what install, update, remove, restore or undo did.
pub(super) fn report(ui: &Ui, report: &Report, did_nothing: &str) {
    let scope = format!("{} scope ({})", report.scope, report.base);
    if report.packages.is_empty() && report.files.is_empty() {
        let packages = count(report.unchanged, "package");
        return ui.answer(Line::new().text(format!("{did_nothing}: {packages} in the {scope}")));
    }
    let verb = if report.dry_run { "Would change" } else { "Changed" };
    ui.answer(Line::new().styled(BOLD, format!("{verb} the {scope}")));
    for change in &report.requirements {
        let line = Line::new().styled(YELLOW, "~").text(" the manifest asks for ").styled(BOLD, change.name.as_str());
        ui.answer(line.text(format!(" \"{}\" → \"{}\"", change.was, change.now)));
    }
    for package in &report.packages {
        show_package(ui, package);
    }
    mending::edits(ui, report);
    for file in &report.files {
        let word = match (file.action, report.dry_run) {
            ("write", false) => "wrote",
            ("remove", false) => "removed",
            ("adopt", false) => "adopted",
            ("keep", false) => "kept",
            (other, _) => other,
        };
        ui.answer(Line::new().styled(DIM, format!("  {word:<8} ")).text(&file.path));
    }
    if !report.next.is_empty() && !report.dry_run {
        ui.answer(Line::new().styled(BOLD, "Next"));
        for step in &report.next {
            ui.answer(Line::new().text(format!("  - {step}")));
        }
    }
}

fn show_package(ui: &Ui, package: &PackageReport) {
    let (sign, style) = match package.action {
        Action::Add => ("+", GREEN),
        Action::Update => ("~", YELLOW),
        Action::Remove => ("-", RED),
    };
    let version = match package.was.as_ref().filter(|was| **was != package.version) {
        Some(was) => format!("{was} → {}", package.version),
        None => package.version.clone(),
    };
    let mut line =
        Line::new().styled(style, sign).text(" ").styled(BOLD, package.name.as_str()).text(format!(" {version}"));
    if let (Some(kind), Some(from)) = (package.kind, &package.from) {
        line = line.styled(DIM, format!("  {kind} from {from}"));
    }
    ui.answer(line);
    if package.action == Action::Remove {
        return;
    }
    let field = |name: &str, text: String| {
        if !text.is_empty() {
            ui.answer(Line::new().styled(DIM, format!("    {name:<8} ")).text(text));
        }
    };
    let list = |names: Vec<&str>| names.join(", ");
    let folders = list(package.skills.iter().map(SkillName::as_str).collect());
    field(if package.placement == Some(Placement::Plugin) { "plugin" } else { "skills" }, folders);
    field("servers", list(package.servers.iter().map(ServerName::as_str).collect()));
    if package.action == Action::Add {
        labelled(&field, "runs", sentences(&package.surface));
    } else {
        let differences = surface::differences(&package.surface, &package.surface_gone);
        let pick =
            |wanted: fn(&Difference) -> Option<&String>| differences.iter().filter_map(wanted).cloned().collect();
        labelled(&field, "now runs", pick(|d| if let Difference::Added(text) = d { Some(text) } else { None }));
        labelled(&field, "changed", pick(|d| if let Difference::Changed(text) = d { Some(text) } else { None }));
        labelled(&field, "no more", pick(|d| if let Difference::Removed(text) = d { Some(text) } else { None }));
    }
    for note in &package.notes {
        field("note", note.clone());
    }
    if let Some(changes) = &package.changes {
        changes::files(changes, |label, line| {
            ui.answer(Line::new().styled(DIM, format!("    {label:<8} ")).line(line));
        });
    }
}

/// Several lines under one label.
fn labelled(field: &impl Fn(&str, String), label: &str, lines: Vec<String>) {
    for (at, line) in lines.into_iter().enumerate() {
        field(if at == 0 { label } else { "" }, line);
    }
}

/// The surface in words; hosts are part of the addresses already shown, and many scripts are only counted.
fn sentences(items: &[Item]) -> Vec<String> {
    let is_program = |item: &&Item| matches!(item, Item::Program { .. });
    let mut shown: Vec<String> = items
        .iter()
        .filter(|item| !is_program(item) && !matches!(item, Item::Host { .. }))
        .map(Item::sentence)
        .collect();
    let programs: Vec<&Item> = items.iter().filter(is_program).collect();
    shown.extend(programs.iter().take(MAX_PROGRAMS).map(|item| item.sentence()));
    if programs.len() > MAX_PROGRAMS {
        shown.push(format!("and {} more scripts and programs", programs.len() - MAX_PROGRAMS));
    }
    shown
}

/// Shows what updates would newly run, before they happen.
pub(super) fn surface_changes(ui: &Ui, changes: &[SurfaceChange]) {
    for change in changes {
        ui.note(Line::new().styled(BOLD, format!("{} changes what it can run:", change.title())));
        for difference in surface::differences(&change.added, &change.removed) {
            let (style, sign, sentence) = match difference {
                Difference::Added(sentence) => (GREEN, "+", sentence),
                Difference::Removed(sentence) => (RED, "-", sentence),
                Difference::Changed(sentence) => (YELLOW, "~", sentence),
            };
            ui.note(Line::new().styled(style, format!("  {sign} ")).text(sentence));
        }
        changes::files(&change.changes, |label, line| {
            ui.note(Line::new().styled(DIM, format!("  {label:<6} ")).line(line));
        });
    }
}

/// Shows what each scope has.
pub(super) fn lists(ui: &Ui, lists: &[ScopeList]) {
    if lists.iter().all(|list| list.packages.is_empty()) {
        return ui.answer(Line::new().text("Nothing is installed. `cpm install github-tools` is a start."));
    }
    for list in lists.iter().filter(|list| !list.packages.is_empty()) {
        ui.answer(
            Line::new().styled(BOLD, format!("{} scope", list.scope)).styled(DIM, format!("  {}", list.manifest)),
        );
        let width = list.packages.iter().map(|row| row.name.as_str().len()).max().unwrap_or(0);
        let version = list.packages.iter().map(|row| row.version.len()).max().unwrap_or(0);
        for row in &list.packages {
            let mut line = Line::new().text(format!("  {:<width$}  {:<version$}  ", row.name.as_str(), row.version));
            if row.state != "installed" {
                line = line.styled(YELLOW, format!("{}  ", row.state));
            }
            let package = if row.package == row.name { String::new() } else { format!("{} from ", row.package) };
            let why = if row.direct { "" } else { "  (needed by another)" };
            ui.answer(line.styled(DIM, format!("{package}{}{why}", row.from)));
        }
    }
}

/// Shows what verifying found.
pub(super) fn verified(ui: &Ui, all: &[Verified]) {
    for scope in all {
        for finding in &scope.findings {
            let line = Line::new().styled(RED, format!("{:<13} ", finding.problem)).text(&finding.path);
            ui.result(line.styled(DIM, format!("  ({})", finding.package)));
        }
    }
    let packages: usize = all.iter().map(|scope| scope.packages).sum();
    let files: usize = all.iter().map(|scope| scope.files).sum();
    if all.iter().all(|scope| scope.findings.is_empty()) {
        let what = format!(": {}, {} are as locked", count(packages, "package"), count(files, "file"));
        ui.answer(Line::new().styled(GREEN, "ok").text(what));
    }
}

/// Shows what became of the lock.
pub(super) fn locked(ui: &Ui, locked: &Locked) {
    let packages = count(locked.packages, "package");
    let verb = match (locked.written, locked.dry_run) {
        (false, _) => "Up to date:",
        (true, false) => "Wrote",
        (true, true) => "Would write",
    };
    ui.answer(Line::new().styled(BOLD, verb).text(format!(" {} with {packages}", locked.path)));
    for Change { name, was, now } in &locked.changed {
        let (sign, style, versions) = match (was, now) {
            (Some(was), Some(now)) if was != now => ("~", YELLOW, format!("{was} → {now}")),
            (Some(_), Some(now)) => ("~", YELLOW, format!("{now} (other content)")),
            (_, Some(now)) => ("+", GREEN, now.clone()),
            (was, None) => ("-", RED, was.clone().unwrap_or_default()),
        };
        ui.answer(Line::new().styled(style, sign).text(" ").styled(BOLD, name.as_str()).text(format!(" {versions}")));
    }
}

/// Says that the lock is as the manifest wants it.
pub(super) fn in_step(ui: &Ui, packages: usize) {
    let what = format!(": the lock is in step with the manifest, {}", count(packages, "package"));
    ui.answer(Line::new().styled(GREEN, "ok").text(what));
}

/// Shows what vendoring did.
pub(super) fn vendored(ui: &Ui, vendored: &Vendored) {
    let dir = &vendored.dir;
    let packages = count(vendored.written.len() + vendored.unchanged, "package");
    let headline = match (vendored.written.is_empty() && vendored.removed.is_empty(), vendored.dry_run) {
        (true, _) => Line::new().text(format!("Up to date: {packages} in {dir}")),
        (false, true) => Line::new().styled(BOLD, format!("Would write to {dir}")),
        (false, false) => Line::new().styled(BOLD, format!("Wrote to {dir}")),
    };
    ui.answer(headline);
    for package in &vendored.written {
        let line = Line::new().styled(GREEN, "+").text(" ").styled(BOLD, package.name.as_str());
        ui.answer(line.text(format!(" {}", package.version)).styled(DIM, format!("  {}", package.from)));
    }
    for checksum in &vendored.removed {
        ui.answer(Line::new().styled(RED, "-").text(format!(" {}", checksum.hex())).styled(DIM, "  no longer locked"));
    }
    for package in &vendored.skipped {
        let why = format!(" is not written: it stays {}", package.from);
        ui.answer(Line::new().text("  ").styled(BOLD, package.name.as_str()).text(why));
    }
}

/// Shows what is in the cache.
pub(super) fn cache_info(ui: &Ui, info: &Info) {
    ui.answer(Line::new().styled(BOLD, &info.dir));
    let is_told = |part: &&Part| part.count > 0 || !matches!(part.name, "listings" | "leftovers");
    for part in info.parts.iter().filter(is_told) {
        ui.answer(Line::new().text(format!("  {:<12}  {:>5}  {:>9}", part.name, part.count, bytes(part.size.bytes))));
    }
    if !info.repositories.is_empty() {
        ui.answer(Line::new().styled(BOLD, "Repositories"));
    }
    for row in &info.repositories {
        let used = match row.unused_days {
            0 => "used today".to_owned(),
            days => format!("not used for {}", count(days, "day")),
        };
        let name = row.address.as_ref().unwrap_or(&row.folder);
        let line = Line::new().text(format!("{:>9}  ", bytes(row.size.bytes))).text(name);
        ui.answer(line.styled(DIM, format!("  {used}")));
    }
}

/// Says what was removed from the cache.
pub(super) fn cache_removed(ui: &Ui, removed: &Removed) {
    let parts = [
        (removed.repositories, "repository", "repositories"),
        (removed.packages, "package", "packages"),
        (removed.listings, "listing of an index", "listings of indexes"),
        (removed.leftovers, "leftover of a killed run", "leftovers of killed runs"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _, _)| *n > 0)
        .map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many }))
        .collect();
    let dir = &removed.dir;
    ui.answer(Line::new().text(match parts.as_slice() {
        [] => format!("Nothing to remove from {dir}"),
        some => {
            let verb = if removed.dry_run { "Would remove" } else { "Removed" };
            format!("{verb} {} ({}) from {dir}", some.join(", "), bytes(removed.size.bytes))
        }
    }));
    for name in &removed.busy {
        ui.warn(&format!("another cpm is fetching from {name}, so it stays"));
    }
}

/// Bytes in the largest unit of which there is at least one.
fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = n.saturating_mul(10);
    let mut unit = None;
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = Some(next);
    }
    match unit {
        None => format!("{n} B"),
        Some(unit) => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// A number with its noun.
pub(super) fn count<N: fmt::Display + PartialEq + From<u8>>(n: N, noun: &str) -> String {
    if n == N::from(1) { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_largest_unit() {
        for (n, text) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB")] {
            assert_eq!(bytes(n), text);
        }
    }
}
