//! Says why there is no solution, in sentences about who asks for what.

use std::collections::BTreeSet;

use pubgrub::{DerivationTree, External, Ranges};

use super::provider::{Asked, Provider};
use crate::error::{Error, Kind};

type Tree = DerivationTree<Asked, Ranges<u32>, String>;

/// The error for a derivation that ends in "no solution".
pub(super) fn explain(tree: &Tree, provider: &Provider<'_>) -> Error {
    let mut sentences = BTreeSet::new();
    collect(tree, provider, &mut sentences);
    let error = Error::new(Kind::NoSolution, "no set of versions satisfies everything that is asked for");
    sentences
        .into_iter()
        .fold(error, |error, (_, sentence)| error.because(sentence))
        .help("loosen one of these requirements in your manifest, or remove one of the packages that asks for them")
}

/// The facts at the leaves; what the manifest asks comes first.
fn collect(tree: &Tree, provider: &Provider<'_>, sentences: &mut BTreeSet<(bool, String)>) {
    match tree {
        DerivationTree::Derived(derived) => {
            collect(&derived.cause1, provider, sentences);
            collect(&derived.cause2, provider, sentences);
        }
        DerivationTree::External(External::FromDependencyOf(who, versions, whom, _)) => {
            let sentence =
                format!("{} needs {whom} `{}`", subject(who, versions, provider), asks(who, versions, whom, provider));
            sentences.insert((*who != Asked::Root, sentence));
        }
        DerivationTree::External(External::Custom(who, versions, why)) => {
            sentences.insert((*who != Asked::Root, format!("{} {why}", subject(who, versions, provider))));
        }
        DerivationTree::External(External::NoVersions(Asked::Named(name), _)) => {
            let there = provider.versions(name).ok().flatten().map(|versions| versions.newest(3)).unwrap_or_default();
            let sentence = match there.as_slice() {
                [] => format!("`{name}` has no release that may be chosen"),
                some => format!("`{name}` has: {}", some.join(", ")),
            };
            sentences.insert((true, sentence));
        }
        DerivationTree::External(External::NoVersions(Asked::Root, _) | External::NotRoot(..)) => {}
    }
}

/// The package with the versions that this is about.
fn subject(who: &Asked, versions: &Ranges<u32>, provider: &Provider<'_>) -> String {
    let Asked::Named(name) = who else { return "the manifest".to_owned() };
    let places: Vec<u32> = (0..).take_while(|place| provider.version(name, *place).is_ok()).collect();
    let about: Vec<String> = places
        .iter()
        .filter(|place| versions.contains(place))
        .filter_map(|place| provider.version(name, *place).ok())
        .map(|version| version.to_string())
        .collect();
    match about.as_slice() {
        _ if about.len() == places.len() && places.len() > 1 => format!("every version of {who}"),
        [] => who.to_string(),
        [first, .., last] => format!("{who} {first} to {last}"),
        [one] => format!("{who} {one}"),
    }
}

/// The requirement as its author wrote it.
fn asks(who: &Asked, versions: &Ranges<u32>, whom: &Asked, provider: &Provider<'_>) -> String {
    let places = (0..).take_while(|place| match who {
        Asked::Root => *place == 0,
        Asked::Named(name) => provider.version(name, *place).is_ok(),
    });
    let needs = places.filter(|place| versions.contains(place)).flat_map(|place| provider.needs(who, place));
    let written: BTreeSet<String> = needs
        .filter(|need| Asked::Named(need.name.clone()) == *whom)
        .map(|need| need.requirement.to_string())
        .collect();
    written.into_iter().collect::<Vec<_>>().join("` or `")
}
