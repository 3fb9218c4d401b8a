//! Holds the layers of `docs/architecture.md`: a module uses only lower layers, and no file grows past its limit.

use std::path::{Path, PathBuf};

/// Each place with its layer. Two places of one layer do not know each other.
const LAYERS: [(&str, u8); 18] = [
    ("error", 0),
    ("progress", 0),
    ("model", 0),
    ("fsx", 1),
    ("format", 1),
    ("git", 2),
    ("store", 2),
    ("claude", 2),
    ("index", 3),
    ("receipt", 3),
    ("resolve", 4),
    ("plan", 4),
    ("transaction", 5),
    ("ops", 6),
    ("cli", 7),
    ("main", 8),
    ("lib", 8),
    ("build", 8),
];

/// Neighbours in a layer that may know each other, with the direction.
const ALLOWED: [(&str, &str); 4] = [("model", "error"), ("progress", "error"), ("format", "fsx"), ("plan", "resolve")];

const MAX_LINES: usize = 500;

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn layer(place: &str) -> u8 {
    LAYERS.iter().find(|(name, _)| *name == place).unwrap_or_else(|| panic!("`{place}` has no layer")).1
}

/// The first part of a file's path below `src`.
fn place_of(file: &Path) -> String {
    let inside = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src");
    let first = inside.components().next().expect("a component").as_os_str().to_string_lossy().into_owned();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// The places a file names after `crate::`.
fn uses(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let group = rest.strip_prefix('{').map(|rest| &rest[..rest.find('}').unwrap_or(rest.len())]);
        for part in group.unwrap_or(rest).split(',').take(if group.is_some() { usize::MAX } else { 1 }) {
            found.push(part.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found.retain(|place: &String| !place.is_empty());
    found
}

#[test]
fn modules_use_only_lower_layers() {
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        let place = place_of(file);
        let text = std::fs::read_to_string(file).expect("a source");
        for used in uses(&text) {
            let allowed =
                used == place || layer(&used) < layer(&place) || ALLOWED.contains(&(place.as_str(), used.as_str()));
            if !allowed {
                wrong.push(format!("{} uses {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_guard_sees_upward_uses() {
    assert_eq!(
        uses("use crate::ops::install;\n// crate::cli\nuse crate::{cli, error::Error};"),
        ["ops", "cli", "error"]
    );
    assert!(layer("ops") > layer("git"));
}

#[test]
fn files_stay_small_and_say_what_they_hold() {
    for file in sources() {
        let text = std::fs::read_to_string(&file).expect("a source");
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
        let is_test = file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs");
        assert!(is_test || text.starts_with("//!"), "{} does not open with its idea", file.display());
    }
}
