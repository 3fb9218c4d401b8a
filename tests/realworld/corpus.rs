//! `corpus FOLDER`: reads every file of a folder of real manifests as cpm reads packages and indexes, and prints how many
//! are taken, and why a marketplace is not. `client-verdicts.tsv` holds what the real client says of each marketplace, and
//! what it refuses of entries and of the files of plugins. It fails when a reader panics, or when a verdict differs from
//! the client's and `DIFFERENCES` does not say why.

#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use cpm::claude::{gate, inspect, surface};
use cpm::error::{Error, Result};
use cpm::format::json;
use cpm::format::marketplace::{self, Marketplace};
use cpm::model::tree::{Tree, TreeFile};
use cpm::model::url::GitUrl;

const VERDICTS: &str = include_str!("client-verdicts.tsv");

/// What cpm may refuse otherwise than the client: a part of cpm's reason, and what docs/compatibility.md has it under.
const DIFFERENCES: [(&str, &str); 3] = [
    ("is not a valid package name", "names of entries"),
    ("`.mcp.json` is not valid JSON", "an MCP file that is not JSON"),
    ("is not a safe path in a package", "paths of components"),
];

fn main() -> ExitCode {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("INDEX.tsv");
    // What panics is told in the table.
    std::panic::set_hook(Box::new(|_| {}));
    let mut comparison = Comparison::default();
    for line in index.lines().skip(1) {
        let mut fields = line.split('\t');
        let (file, repository) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let bytes = std::fs::read(folder.join(file)).expect(file);
        let kind = file.split('/').next().unwrap_or_default();
        match catch_unwind(AssertUnwindSafe(|| read(kind, repository, &bytes))) {
            Ok(Ok(None)) => comparison.note(kind, file, None),
            Ok(Ok(Some(market))) => {
                comparison.note(kind, file, None);
                for (name, refused) in entries(&market) {
                    comparison.note("entries", &format!("{file}#{name}"), refused);
                }
            }
            Ok(Err(error)) => {
                if kind == "marketplaces" {
                    println!("{file} is refused: {}", error.causes().join("; "));
                }
                comparison.note(kind, file, Some(&error));
            }
            Err(_) => comparison.failures.push(format!("{file}: a reader panicked")),
        }
    }
    comparison.print()
}

/// How cpm's verdicts compare with the client's.
#[derive(Default)]
struct Comparison {
    counts: BTreeMap<(String, &'static str), usize>,
    /// By what `DIFFERENCES` calls them.
    explained: BTreeMap<&'static str, usize>,
    failures: Vec<String>,
}

impl Comparison {
    fn note(&mut self, kind: &str, what: &str, refused: Option<&Error>) {
        let outcome = if refused.is_some() { "refused" } else { "read" };
        *self.counts.entry((kind.to_owned(), outcome)).or_default() += 1;
        let Some(difference) = disagreement(kind, what, refused) else { return };
        let ours = refused.map(told).unwrap_or_default();
        match DIFFERENCES.iter().find(|(reason, _)| ours.contains(reason)) {
            Some((_, name)) => *self.explained.entry(name).or_default() += 1,
            None => self.failures.push(difference),
        }
    }

    fn print(&self) -> ExitCode {
        for ((kind, outcome), count) in &self.counts {
            println!("{kind:<14} {outcome:<8} {count:>5}");
        }
        for (name, count) in &self.explained {
            println!("{name}: {count} refused otherwise, as docs/compatibility.md says");
        }
        for failure in &self.failures {
            println!("{failure}");
        }
        println!("{} other differences", self.failures.len());
        if self.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Each entry of a marketplace, and why it cannot be installed as far as the entry says.
fn entries(market: &Marketplace) -> impl Iterator<Item = (&str, Option<&Error>)> {
    let named = market.entries.iter().map(|(name, entry)| (name.as_str(), entry.as_ref().err()));
    named.chain(market.unusable.iter().map(|(name, error)| (name.as_str(), Some(error))))
}

/// Reads one file; a marketplace comes out.
fn read(kind: &str, repository: &str, bytes: &[u8]) -> Result<Option<Marketplace>> {
    match kind {
        "marketplaces" => {
            let from = GitUrl::parse(&format!("https://github.com/{repository}"))?;
            return marketplace::parse(bytes, &from).map(Some);
        }
        "plugins" => package(&[(inspect::MANIFEST, bytes), ("skills/a/SKILL.md", SKILL)]),
        "mcp" => package(&[(".mcp.json", bytes), ("skills/a/SKILL.md", SKILL)]),
        "lsp" => package(&[(".lsp.json", bytes), ("skills/a/SKILL.md", SKILL)]),
        "hooks" => package(&[("hooks/hooks.json", bytes), ("skills/a/SKILL.md", SKILL)]),
        "frontmatter" => package(&[("SKILL.md", &[b"---\n", bytes, b"\n---\nbody\n"].concat())]),
        _ => json::parse(bytes, kind).map(drop),
    }?;
    Ok(None)
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

/// What is not as the client has it: whether something is taken, and the field it is refused for.
fn disagreement(kind: &str, what: &str, refused: Option<&Error>) -> Option<String> {
    let line = VERDICTS.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix('\t'));
    let (verdict, reason) = match line.and_then(|line| line.split_once('\t')) {
        Some(known) => known,
        None if kind == "marketplaces" => return Some(format!("{what}: what the client says is not known")),
        // Of all else, only what it refuses is kept.
        None => ("loads", ""),
    };
    match refused.map(told) {
        None if verdict == "loads" => None,
        None => Some(format!("{what}: cpm takes it; the client says: {reason}")),
        Some(ours) => {
            let is_same = verdict == "refused" && (is_verdict_alone(kind) || names_the_same(&ours, reason));
            (!is_same).then(|| format!("{what}: cpm says: {ours}; the client {verdict}: {reason}"))
        }
    }
}

/// An error in one line.
fn told(error: &Error) -> String {
    std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str)).collect::<Vec<_>>().join("; ")
}

/// Of entries the client says only that it does not support them; of hooks both refuse the whole plugin.
fn is_verdict_alone(kind: &str) -> bool {
    matches!(kind, "entries" | "hooks")
}

/// Whether both reasons are about the same field.
fn names_the_same(ours: &str, reason: &str) -> bool {
    let field = ours.split('`').nth(1).and_then(|field| field.split('.').next()).unwrap_or_default();
    reason.contains(&format!("{field}: ")) || (field == "name" && reason.starts_with("The name"))
}
