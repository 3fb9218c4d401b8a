//! `cpm search`: what the indexes of a scope say of their packages, ranked by where the words are found. An index may have
//! more packages than anybody reads, so only what is shown is made into an answer.

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
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The best packages, best first.
    pub hits: Vec<Hit>,
    /// How many there are in all.
    pub count: usize,
}

/// A package that was found, as small as can be: a word may be in all packages of a large index.
struct Match<'t> {
    /// What the index says of it.
    summary: Summary<'t>,
    name: PackageName,
    /// The place of the index in the order.
    at: usize,
    /// The place of the first index that has the name, where that is another one.
    hidden_by: Option<usize>,
    /// How far from the words it is; 0 is its very name.
    distance: usize,
}

/// Finds the packages in which each of the words is somewhere, best first, and at most so many where that is given.
///
/// # Errors
/// The failure of an index: one that cannot be asked may have just what is looked for.
pub fn search(context: &Context<'_>, scopes: &[Context<'_>], words: &[String], most: Option<usize>) -> Result<Found> {
    let state = state::ScopeState::look(context)?;
    let cache = context.git_cache()?;
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    let shelf = Shelf::new(&context.machine.cache);
    let places = Whereabouts::of(scopes)?;
    Questions::open_all(&indexes);
    let opened: Vec<_> = (0..indexes.count()).map(|at| indexes.nth(at)).collect::<Result<_>>()?;
    let texts: Vec<String> = opened.iter().map(|(_, index)| index.summaries(&shelf)).collect::<Result<_>>()?;
    let mut matches = matches(&indexes, &texts, &Words::new(words));
    let count = matches.len();
    matches.sort_unstable_by(|a, b| {
        let key = |it: &Match<'_>| (it.hidden_by.is_some(), it.distance);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name)).then_with(|| a.at.cmp(&b.at))
    });
    matches.truncate(most.unwrap_or(count));
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let hits = matches.into_iter().map(|Match { summary, name, at, hidden_by, .. }| Hit {
        version: text(summary.version),
        description: text(summary.description),
        keywords: summary.keywords.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        index: opened[at].0.to_owned(),
        hidden_by: hidden_by.map(|at| opened[at].0.to_owned()),
        installed: places.of_index(summary.name, &opened[at].1.id()),
        name,
    });
    Ok(Found { hits: hits.collect(), count })
}

/// The packages in which the words are, in no order.
fn matches<'t>(indexes: &Indexes<'_>, texts: &'t [String], words: &Words) -> Vec<Match<'t>> {
    let mut matches: Vec<Match<'t>> = Vec::new();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    // From the last index to the first, so that the first one that has a name is told last.
    for (at, text) in texts.iter().enumerate().rev() {
        let mut lower = String::new();
        for line in summaries::lines(text) {
            for &hidden in by_name.get(summaries::name(line)).into_iter().flatten() {
                if indexes.is_asked(at, &matches[hidden].name) {
                    matches[hidden].hidden_by = Some(at);
                }
            }
            if !words.are_in(line, &mut lower) {
                continue;
            }
            let Some(summary) = summaries::read(line) else { continue };
            let Some(distance) = words.distance(&summary) else { continue };
            let Ok(name) = PackageName::parse(summary.name) else { continue };
            // Names that belong to another index are not this one's to offer.
            if !indexes.is_asked(at, &name) {
                continue;
            }
            // Nothing comes before the first one.
            if at > 0 {
                by_name.entry(summary.name).or_default().push(matches.len());
            }
            matches.push(Match { summary, name, at, hidden_by: None, distance });
        }
    }
    matches
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

    /// Whether a line can be what is looked for, found out as cheaply as can be; `lower` is only there to be used again.
    fn are_in(&self, line: &str, lower: &mut String) -> bool {
        lower.clear();
        if line.is_ascii() {
            lower.push_str(line);
            lower.make_ascii_lowercase();
        } else {
            lower.push_str(&line.to_lowercase());
        }
        self.each.iter().all(|word| lower.contains(word.as_str()))
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
