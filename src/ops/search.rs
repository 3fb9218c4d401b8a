//! `cpm search`: what the indexes of a scope say of their packages, ranked by where the words are found.

use std::collections::HashMap;

use serde::Serialize;

use super::at_once::Questions;
pub use super::whereabouts::InstalledIn;
use super::whereabouts::Whereabouts;
use super::{Context, state};
use crate::error::Result;
use crate::format::summaries::{self, Summary};
use crate::index::{Indexes, Shelf};
use crate::model::name::PackageName;

/// A package that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Hit {
    /// Its name.
    pub name: PackageName,
    /// Its newest version, where the index says it.
    pub version: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// Its keywords.
    pub keywords: Vec<String>,
    /// The index: what the manifest calls it, or `builtin`.
    pub index: String,
    /// The index before it that has the name too, and so is the one that is asked.
    pub hidden_by: Option<String>,
    /// Where it is installed.
    pub installed: Vec<InstalledIn>,
    /// How far from the words it is; 0 is its very name.
    #[serde(skip)]
    distance: usize,
    /// The place of the index in the order.
    #[serde(skip)]
    at: usize,
}

/// Finds the packages in which each of the words is somewhere, best first; without words, all packages.
///
/// # Errors
/// The failure of an index: one that cannot be asked may have just what is looked for.
pub fn search(context: &Context<'_>, scopes: &[Context<'_>], words: &[String]) -> Result<Vec<Hit>> {
    let state = state::ScopeState::look(context)?;
    let cache = context.git_cache()?;
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    let shelf = Shelf::new(&context.machine.cache);
    let places = Whereabouts::of(scopes)?;
    Questions::open_all(&indexes);
    let words = Words::new(words);
    let mut hits: Vec<Hit> = Vec::new();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    // From the last index to the first, so that the first one that has a name is told last.
    for at in (0..indexes.count()).rev() {
        let (label, index) = indexes.nth(at)?;
        let text = index.summaries(&shelf)?;
        for line in summaries::lines(&text) {
            for &hidden in by_name.get(summaries::name(line)).into_iter().flatten() {
                if indexes.is_asked(at, &hits[hidden].name) {
                    hits[hidden].hidden_by = Some(label.to_owned());
                }
            }
            if !words.are_in(line) {
                continue;
            }
            let Some(summary) = summaries::read(line) else { continue };
            let Some(distance) = words.distance(&summary) else { continue };
            let Ok(name) = PackageName::parse(summary.name) else { continue };
            // Names that belong to another index are not this one's to offer.
            if !indexes.is_asked(at, &name) {
                continue;
            }
            by_name.entry(summary.name.to_owned()).or_default().push(hits.len());
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            hits.push(Hit {
                version: text(summary.version),
                description: text(summary.description),
                keywords: summary.keywords.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
                index: label.to_owned(),
                hidden_by: None,
                installed: places.of_index(summary.name, &index.id()),
                distance,
                at,
                name,
            });
        }
    }
    hits.sort_by(|a, b| {
        let key = |hit: &Hit| (hit.hidden_by.is_some(), hit.distance);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name)).then_with(|| a.at.cmp(&b.at))
    });
    Ok(hits)
}

/// The words that are looked for, in lower case.
struct Words {
    each: Vec<String>,
    /// The name that they would be together.
    name: String,
}

impl Words {
    fn new(words: &[String]) -> Self {
        let each: Vec<String> = words.iter().flat_map(|word| word.split_whitespace()).map(str::to_lowercase).collect();
        Words { name: each.join("-"), each }
    }

    /// Whether a line can be what is looked for, found out as cheaply as can be.
    fn are_in(&self, line: &str) -> bool {
        let line = line.to_lowercase();
        self.each.iter().all(|word| line.contains(word.as_str()))
    }

    /// How far a package is from the words; nothing where one of them is nowhere in it.
    fn distance(&self, summary: &Summary<'_>) -> Option<usize> {
        let keywords = summary.keywords.to_lowercase();
        let description = summary.description.to_lowercase();
        let each = self.each.iter().map(|word| distance(word, summary.name, &keywords, &description));
        let sum = each.sum::<Option<usize>>()?;
        Some(if summary.name == self.name { 0 } else { sum })
    }
}

/// How far a word is from a package: in its name, among its keywords, in its description; whole before part.
fn distance(word: &str, name: &str, keywords: &str, description: &str) -> Option<usize> {
    let is_word = |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    let ways = [
        name.split('-').any(|part| part == word) || name == word,
        name.contains(word),
        keywords.split(',').any(|keyword| keyword == word),
        keywords.contains(word),
        is_word(description),
        description.contains(word),
    ];
    ways.iter().position(|way| *way).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_nearer_than_a_keyword_and_a_keyword_nearer_than_a_description() {
        let far = |word: &str| distance(word, "git-hooks", "review,safe commits", "guards the branches of a team");
        let order = ["git", "hook", "review", "commit", "team", "branch"].map(|word| far(word).expect(word));
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        assert_eq!((far("git-hooks"), far("nothing")), (Some(order[0]), None));
    }
}
