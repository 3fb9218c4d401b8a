//! `corpus FOLDER`: reads every file of a folder of real manifests as cpm reads packages and indexes, and prints how many
//! are taken, and why a marketplace is not. `client-verdicts.tsv` holds what the real client says of each. It fails when a reader panics
//! or a verdict differs from the client's.

#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use cpm::claude::{gate, inspect, surface};
use cpm::error::{Error, Result};
use cpm::format::{json, marketplace};
use cpm::model::tree::{Tree, TreeFile};
use cpm::model::url::GitUrl;

const VERDICTS: &str = include_str!("client-verdicts.tsv");

fn main() -> ExitCode {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("INDEX.tsv");
    // What panics is told in the table.
    std::panic::set_hook(Box::new(|_| {}));
    let mut table: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut failures = Vec::new();
    let mut entries = Entries::default();
    for line in index.lines().skip(1) {
        let mut fields = line.split('\t');
        let (file, repository) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let bytes = std::fs::read(folder.join(file)).expect(file);
        let kind = file.split('/').next().unwrap_or_default();
        let outcome = match catch_unwind(AssertUnwindSafe(|| read(kind, repository, &bytes, &mut entries))) {
            Ok(Ok(())) => "read",
            Ok(Err(error)) if kind == "marketplaces" => {
                println!("{file} is refused: {}", error.causes().join("; "));
                failures.extend(disagreement(file, Some(&error)));
                "refused"
            }
            Ok(Err(_)) => "refused",
            Err(_) => {
                failures.push(format!("{file}: a reader panicked"));
                "PANIC"
            }
        };
        if kind == "marketplaces" && outcome == "read" {
            failures.extend(disagreement(file, None));
        }
        *table.entry((kind.to_owned(), outcome)).or_default() += 1;
    }
    for ((kind, outcome), count) in &table {
        println!("{kind:<14} {outcome:<8} {count:>5}");
    }
    println!(
        "{:<14} {:<8} {:>5}\n{:<14} {:<8} {:>5}",
        "entries", "usable", entries.good, "entries", "refused", entries.bad
    );
    for failure in &failures {
        println!("{failure}");
    }
    println!("{} differences", failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many entries of marketplaces can be installed, as far as the entry says.
#[derive(Default)]
struct Entries {
    good: usize,
    bad: usize,
}

fn read(kind: &str, repository: &str, bytes: &[u8], entries: &mut Entries) -> Result<()> {
    match kind {
        "marketplaces" => {
            let from = GitUrl::parse(&format!("https://github.com/{repository}"))?;
            let market = marketplace::parse(bytes, &from)?;
            let good = market.entries.values().filter(|entry| entry.is_ok()).count();
            entries.good += good;
            entries.bad += market.entries.len() - good + market.unusable.len();
            Ok(())
        }
        "plugins" => package(&[(inspect::MANIFEST, bytes), ("skills/a/SKILL.md", SKILL)]),
        "mcp" => package(&[(".mcp.json", bytes), ("skills/a/SKILL.md", SKILL)]),
        "lsp" => package(&[(".lsp.json", bytes), ("skills/a/SKILL.md", SKILL)]),
        "hooks" => package(&[("hooks/hooks.json", bytes), ("skills/a/SKILL.md", SKILL)]),
        "frontmatter" => package(&[("SKILL.md", &[b"---\n", bytes, b"\n---\nbody\n"].concat())]),
        _ => json::parse(bytes, kind).map(drop),
    }
}

const SKILL: &[u8] = b"---\nname: a\ndescription: d\n---\n";

/// A package of a few files, taken through everything that reads one before it is installed.
fn package(files: &[(&str, &[u8])]) -> Result<()> {
    let files = files.iter().map(|(path, bytes)| TreeFile::parse(path, false, bytes.to_vec()));
    let tree = Tree::new(files.collect::<Result<Vec<_>>>()?)?;
    let package = inspect::inspect(&tree, None)?;
    let _ = surface::surface(&package, &tree);
    gate::check(&package, &tree).map(drop)
}

/// What is not as the client has it: whether a marketplace loads, and the field it is refused for.
fn disagreement(file: &str, refused: Option<&Error>) -> Option<String> {
    let line = VERDICTS.lines().find_map(|line| line.strip_prefix(file)?.strip_prefix('\t'));
    let Some((verdict, reason)) = line.and_then(|line| line.split_once('\t')) else {
        return Some(format!("{file}: what the client says is not known"));
    };
    match refused {
        None if verdict == "loads" => None,
        None => Some(format!("{file}: cpm loads it; the client says: {reason}")),
        Some(error) => {
            let ours = error.causes().join("; ");
            let field = ours.split('`').nth(1).and_then(|field| field.split('.').next()).unwrap_or_default();
            let is_same = reason.contains(&format!("{field}: ")) || (field == "name" && reason.starts_with("The name"));
            (verdict == "loads" || !is_same)
                .then(|| format!("{file}: cpm says: {error}: {ours}; the client {verdict}: {reason}"))
        }
    }
}
