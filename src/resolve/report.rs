//! Says why there is no solution, in sentences about who asks for what: each chain from the manifest on, then what no
//! version can satisfy.

use std::collections::{BTreeMap, BTreeSet};

use pubgrub::{External, Ranges};

use super::Fact;
use super::provider::{Asked, Provider};
use crate::error::{Error, Kind, Result};
use crate::model::dependency::Need;
use crate::model::name::PackageName;
use crate::model::redact::quoted;
use crate::model::version::Requirement;

/// How many releases that are kept back a message names.
const SHOWN: usize = 5;
/// How many sentences of one kind a message has at its beginning, and as many at its end.
const TOLD: usize = 20;

/// What is known, by whom it is about.
#[derive(Default)]
struct Facts {
    /// Who asks for whom, in a sentence.
    asks: BTreeMap<Asked, BTreeSet<(Asked, String)>>,
    /// Why versions cannot be chosen.
    unusable: BTreeMap<Asked, BTreeSet<String>>,
    /// All that is asked for, with its text.
    needs: BTreeMap<PackageName, BTreeMap<String, Need>>,
}

/// The error where there is no solution because of these facts, without help.
pub(super) fn explain(proof: &[Fact], provider: &Provider<'_>) -> Error {
    let mut facts = Facts::default();
    proof.iter().for_each(|fact| facts.add(fact, provider));
    let clashes = facts.needs.iter().flat_map(|(name, needs)| clash(name, needs, provider)).collect();
    let sentences = abridged(facts.tell()).into_iter().chain(abridged(clashes));
    let error = Error::new(Kind::NoSolution, "no set of versions satisfies everything that is asked for");
    sentences.fold(error, Error::because)
}

/// The packages that the manifest asks for, as far as facts are about them.
pub(super) fn roots_in(proof: &[Fact]) -> BTreeSet<PackageName> {
    let asked = proof.iter().filter_map(|fact| match fact {
        External::FromDependencyOf(Asked::Root, _, Asked::Named(name), _) => Some(name.clone()),
        _ => None,
    });
    asked.collect()
}

/// The first sentences and the last ones, where there are more than anybody would read.
fn abridged(mut sentences: Vec<String>) -> Vec<String> {
    if let Some(more) = sentences.len().checked_sub(2 * TOLD).filter(|more| *more > 0) {
        sentences.splice(TOLD..TOLD + more, [format!("… and so on: {more} more like these …")]);
    }
    sentences
}

impl Facts {
    fn add(&mut self, fact: &Fact, provider: &Provider<'_>) {
        match fact {
            External::FromDependencyOf(who, versions, Asked::Named(whom), _) => {
                let needs = provider.known_needs(who, versions).into_iter().filter(|need| need.name == *whom);
                let needs: BTreeMap<String, Need> = needs.map(|need| (need.requirement.to_string(), need)).collect();
                let sentence = match who {
                    Asked::Root => format!("your manifest asks for {}", in_words(whom, &needs, "and")),
                    who => format!("{} needs {}", subject(who, versions, provider), in_words(whom, &needs, "or")),
                };
                self.asks.entry(who.clone()).or_default().insert((Asked::Named(whom.clone()), sentence));
                self.needs.entry(whom.clone()).or_default().extend(needs);
            }
            External::Custom(who, versions, why) => {
                let sentence = format!("{} {why}", subject(who, versions, provider));
                self.unusable.entry(who.clone()).or_default().insert(sentence);
            }
            External::NoVersions(..) | External::NotRoot(..) | External::FromDependencyOf(..) => {}
        }
    }

    /// The sentences about the manifest and all that it asks for, chain by chain, each once.
    fn tell(&self) -> Vec<String> {
        let (mut told, mut sentences) = (BTreeSet::new(), Vec::new());
        // Not by recursion: a chain may be longer than a stack is deep.
        let mut open: Vec<(Option<&String>, &Asked)> = vec![(None, &Asked::Root)];
        while let Some((leads_there, about)) = open.pop() {
            sentences.extend(leads_there.cloned());
            if told.insert(about) {
                sentences.extend(self.unusable.get(about).into_iter().flatten().cloned());
                let asks = self.asks.get(about).into_iter().flatten().rev();
                open.extend(asks.map(|(whom, sentence)| (Some(sentence), whom)));
            }
        }
        sentences
    }
}

/// What no version of a package satisfies, where that is so, and which versions there are.
fn clash(name: &PackageName, needs: &BTreeMap<String, Need>, provider: &Provider<'_>) -> Vec<String> {
    // A failure was told when it happened, and then there is no derivation.
    let Some(versions) = provider.versions(name).ok().flatten() else { return Vec::new() };
    let mut common = needs.values().map(|need| versions.set(&need.requirement));
    let first = common.next().unwrap_or_else(Ranges::full);
    if common.fold(first, |all, set| all.intersection(&set)) != Ranges::empty() {
        return Vec::new();
    }
    let there = match versions.shown() {
        None => format!("no release of `{name}` may be chosen"),
        Some(shown) if needs.len() > 1 => format!("no version of `{name}` suits all of them; there are: {shown}"),
        Some(shown) => format!("no version of `{name}` is like that; there are: {shown}"),
    };
    let excluded = needs.values().flat_map(|need| excluded(need, provider).unwrap_or_default());
    let excluded: BTreeSet<String> = excluded.map(|why| format!("`{name}` {why}")).collect();
    [there].into_iter().chain(excluded).collect()
}

/// The versions that nearly satisfy a need, newest first, and why each will not do.
pub(super) fn excluded(need: &Need, provider: &Provider<'_>) -> Result<Vec<String>> {
    let withheld = provider.withheld(need)?;
    let mut told: Vec<String> = withheld.iter().map(|(version, why)| format!("{version} {why}")).collect();
    let versions = provider.versions(&need.name)?;
    for (_, candidate) in versions.iter().flat_map(|versions| versions.numbered().rev()) {
        let version = &candidate.version;
        if is_only_early(version, &need.requirement) {
            told.push(format!(
                "{version} is a pre-release, and only a requirement that names it takes it: `={version}`"
            ));
        }
    }
    let more = told.len().saturating_sub(SHOWN);
    told.truncate(SHOWN);
    told.extend((more > 0).then(|| format!("{more} more are excluded likewise")));
    Ok(told)
}

/// Whether a version would satisfy a requirement if it were no pre-release.
fn is_only_early(version: &semver::Version, requirement: &Requirement) -> bool {
    let released = semver::Version { pre: semver::Prerelease::EMPTY, ..version.clone() };
    !version.pre.is_empty() && !requirement.matches(version) && requirement.matches(&released)
}

/// A package with what is asked of it, as its author wrote it.
fn in_words(whom: &PackageName, needs: &BTreeMap<String, Need>, word: &str) -> String {
    if needs.values().all(|need| need.requirement == Requirement::Any) {
        return format!("`{whom}` in any version");
    }
    let written: Vec<String> = needs.keys().map(|text| format!("`{}`", quoted(text))).collect();
    format!("`{whom}` {}", written.join(&format!(" {word} ")))
}

/// The package with the versions that this is about.
fn subject(who: &Asked, versions: &Ranges<u32>, provider: &Provider<'_>) -> String {
    let Asked::Named(name) = who else { return who.to_string() };
    // As in `clash`.
    let Some(choice) = provider.versions(name).ok().flatten() else { return who.to_string() };
    let about: Vec<String> = choice
        .numbered()
        .filter(|(place, _)| versions.contains(place))
        .map(|(_, candidate)| candidate.version.to_string())
        .collect();
    match about.as_slice() {
        _ if about.len() == choice.numbered().len() && about.len() > 1 => format!("every version of {who}"),
        [] => who.to_string(),
        [first, .., last] => format!("{who} {first} to {last}"),
        [one] => format!("{who} {one}"),
    }
}
