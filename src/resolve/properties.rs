//! What a resolution promises, held against trying everything on thousands of small universes.

use std::cell::Cell;
use std::fmt;

use super::tests::{Universe, name, needs};
use super::*;
use crate::model::version::newest_first;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

const CASES: u32 = 2000;
const PACKAGES: [&str; 4] = ["p0", "p1", "p2", "p3"];
const VERSIONS: [&str; 6] = ["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0", "2.0.0+b", "3.0.0"];
const REQUIREMENTS: [&str; 12] =
    ["*", "*", "*", "*", ">=1", "1", "2", ">=1, <3", "=1.0.0", "~2.0", "=2.0.0-rc.1", ">=1.1"];

/// What is asked, and what there is.
#[derive(Clone)]
struct Case {
    universe: Universe,
    roots: Vec<Need>,
    preferences: Preferences,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |needs: &[Need]| {
            needs.iter().map(|need| format!("{} {}; ", need.name, need.requirement)).collect::<String>()
        };
        for (name, candidates) in &self.universe.0 {
            for Candidate { version, needs, withheld, .. } in candidates {
                let yanked = if withheld.is_some() { "!" } else { "" };
                writeln!(f, "{name} {yanked}{version}: {}", told(needs))?;
            }
        }
        writeln!(f, "roots: {}", told(&self.roots))?;
        writeln!(f, "locked: {:?}, moving: {:?}", self.preferences.locked, self.preferences.moving)
    }
}

fn need() -> impl Strategy<Value = String> {
    // Once in a while a package that nobody has.
    let packages = prop_oneof![40 => select(PACKAGES.to_vec()), 1 => Just("nobody-has-it")];
    (packages, select(REQUIREMENTS.to_vec())).prop_map(|(package, requirement)| format!("{package} {requirement}"))
}

fn release() -> impl Strategy<Value = (Vec<String>, bool)> {
    (prop::collection::vec(need(), 0..3), prop::bool::weighted(0.2))
}

fn package() -> impl Strategy<Value = Vec<Candidate>> {
    let versions = subsequence(VERSIONS.to_vec(), 1..=3);
    (versions, prop::collection::vec(release(), 3)).prop_map(|(versions, releases)| {
        let candidate = |(version, (wants, is_yanked)): (&str, (Vec<String>, bool))| Candidate {
            version: Version::parse(version).expect("a version"),
            needs: needs(&wants.join(";")),
            withheld: is_yanked.then(|| Withheld::Yanked("broken".to_owned())),
            last_resort: false,
        };
        versions.into_iter().zip(releases).map(candidate).collect()
    })
}

fn case() -> impl Strategy<Value = Case> {
    let roots = subsequence(PACKAGES.to_vec(), 1..=3);
    let wanted = prop::collection::vec(select(REQUIREMENTS.to_vec()), 3);
    let locked = subsequence(PACKAGES.to_vec(), 0..=4);
    let versions = prop::collection::vec(select(VERSIONS.to_vec()), 4);
    let moving = subsequence(PACKAGES.to_vec(), 0..=2);
    (prop::collection::vec(package(), 4), roots, wanted, locked, versions, moving).prop_map(
        |(packages, roots, wanted, locked, versions, moving)| {
            let moving: BTreeSet<PackageName> = moving.into_iter().map(name).collect();
            let locked = locked.into_iter().map(name).zip(versions).filter(|(name, _)| !moving.contains(name));
            let locked = locked.map(|(name, version)| (name, Version::parse(version).expect("a version"))).collect();
            let roots: Vec<String> =
                roots.iter().zip(wanted).map(|(package, wanted)| format!("{package} {wanted}")).collect();
            Case {
                universe: Universe(PACKAGES.map(name).into_iter().zip(packages).collect()),
                roots: needs(&roots.join(";")),
                preferences: Preferences { locked, moving },
            }
        },
    )
}

impl Case {
    fn solve(&self) -> Result<Versions> {
        resolve(&self.roots, &self.preferences, &self.universe)
    }

    /// The same with every list the other way round.
    fn reversed(&self) -> Case {
        let mut case = self.clone();
        case.roots.reverse();
        for candidates in case.universe.0.values_mut() {
            candidates.reverse();
            candidates.iter_mut().for_each(|candidate| candidate.needs.reverse());
        }
        case
    }

    /// Every solution without anything that nobody needs: all choices are tried.
    fn solutions(&self) -> Vec<Versions> {
        let mut found = Vec::new();
        self.search(&PACKAGES.map(name), &mut BTreeMap::new(), &mut found);
        found
    }

    fn search<'c>(
        &'c self,
        open: &[PackageName],
        chosen: &mut BTreeMap<PackageName, &'c Candidate>,
        found: &mut Vec<Versions>,
    ) {
        let Some((package, open)) = open.split_first() else {
            if self.is_solution(chosen) {
                found.push(chosen.iter().map(|(name, it)| (name.clone(), it.version.clone())).collect());
            }
            return;
        };
        self.search(open, chosen, found);
        let locked = self.preferences.locked.get(package);
        let may_be = |it: &&Candidate| it.withheld.is_none() || locked == Some(&it.version);
        for candidate in self.universe.0[package].iter().filter(may_be) {
            chosen.insert(package.clone(), candidate);
            self.search(open, chosen, found);
            chosen.remove(package);
        }
    }

    fn is_solution(&self, chosen: &BTreeMap<PackageName, &Candidate>) -> bool {
        let admits = |need: &Need| chosen.get(&need.name).is_some_and(|it| need.requirement.matches(&it.version));
        let mut reached: BTreeSet<&PackageName> = BTreeSet::new();
        let mut open: Vec<&Need> = self.roots.iter().collect();
        while let Some(need) = open.pop() {
            if !admits(need) {
                return false;
            }
            if reached.insert(&need.name) {
                open.extend(&chosen[&need.name].needs);
            }
        }
        reached.len() == chosen.len()
    }

    /// How far a version of a package is from the best one.
    fn rank(&self, package: &PackageName, version: &Version) -> usize {
        let is_newer = |other: &&Candidate| newest_first(&other.version, version).is_lt();
        match self.preferences.locked.get(package) == Some(version) {
            true => 0,
            false => 1 + self.universe.0[package].iter().filter(is_newer).count(),
        }
    }

    /// Whether one solution is better than another in some of these packages, and worse in none.
    fn is_better<'n>(
        &self,
        one: &Versions,
        other: &Versions,
        packages: impl Iterator<Item = &'n PackageName> + Clone,
    ) -> bool {
        let ranks = packages.map(|name| (self.rank(name, &one[name]), self.rank(name, &other[name])));
        ranks.clone().all(|(one, other)| one <= other) && ranks.clone().any(|(one, other)| one < other)
    }

    /// The locked packages that a solution moves.
    fn moved(&self, solution: &Versions) -> BTreeSet<PackageName> {
        let locked = self.preferences.locked.iter();
        let moved = locked.filter(|(name, before)| solution.get(*name).is_some_and(|now| now != *before));
        moved.map(|(name, _)| name.clone()).collect()
    }

    fn is_moving(&self, name: &PackageName) -> bool {
        self.preferences.moving.contains(name)
    }
}

/// Holds `promise` for thousands of cases with their outcome, solvable ones and others.
fn hold(promise: impl Fn(&Case, Option<&Versions>) -> std::result::Result<(), TestCaseError>) {
    let (solved, unsolved) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let run = runner.run(&case(), |case| {
        let solution = case.solve();
        let count = if solution.is_ok() { &solved } else { &unsolved };
        count.set(count.get() + 1);
        promise(&case, solution.as_ref().ok())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(solved.get() > CASES / 5 && unsolved.get() > CASES / 5, "{} of {CASES} were solved", solved.get());
}

#[test]
fn it_solves_what_has_a_solution_and_takes_nothing_that_nobody_needs() {
    hold(|case, solution| {
        let solutions = case.solutions();
        match solution {
            Some(solution) => prop_assert!(solutions.contains(solution), "{solution:?} is not one of {solutions:?}"),
            None => prop_assert!(solutions.is_empty(), "it gave up on {solutions:?}"),
        }
        Ok(())
    });
}

#[test]
fn the_order_of_what_is_asked_and_listed_does_not_matter() {
    hold(|case, solution| {
        let reversed = case.reversed().solve();
        prop_assert_eq!(solution, reversed.as_ref().ok());
        if let (None, Err(one), Err(other)) = (solution, case.solve(), reversed) {
            prop_assert_eq!((one.message(), one.causes()), (other.message(), other.causes()));
            prop_assert_eq!(one.help_text(), other.help_text());
        }
        Ok(())
    });
}

#[test]
fn what_should_move_becomes_as_new_as_it_can() {
    hold(|case, solution| {
        let Some(solution) = solution else { return Ok(()) };
        let moving = case.roots.iter().map(|need| &need.name).filter(|name| case.is_moving(name));
        let better = case.solutions().into_iter().find(|other| case.is_better(other, solution, moving.clone()));
        prop_assert!(better.is_none(), "{better:?} is newer than {solution:?}");
        Ok(())
    });
}

#[test]
fn no_locked_package_moves_that_could_stay() {
    hold(|case, solution| {
        let Some(solution) = solution else { return Ok(()) };
        let moved = case.moved(solution);
        let moves_as_far =
            |other: &Versions| case.preferences.moving.iter().all(|name| other.get(name) == solution.get(name));
        let moves_less = |other: &Versions| {
            let less = case.moved(other);
            less.is_subset(&moved) && less != moved
        };
        let better = case.solutions().into_iter().find(|other| moves_as_far(other) && moves_less(other));
        prop_assert!(better.is_none(), "{better:?} moves less than {solution:?}");
        Ok(())
    });
}

#[test]
fn what_the_manifest_names_is_as_new_as_the_locked_packages_allow() {
    hold(|case, solution| {
        let Some(solution) = solution else { return Ok(()) };
        let moved = case.moved(solution);
        let is_like = |other: &Versions| {
            case.preferences.moving.iter().all(|name| other.get(name) == solution.get(name))
                && case.moved(other).is_subset(&moved)
        };
        let roots = case.roots.iter().map(|need| &need.name);
        let mut others = case.solutions().into_iter().filter(is_like);
        let better = others.find(|other| case.is_better(other, solution, roots.clone()));
        prop_assert!(better.is_none(), "{better:?} is newer than {solution:?}");
        Ok(())
    });
}

#[test]
fn what_is_advised_where_there_is_no_solution_works() {
    hold(|case, solution| {
        let Err(error) = case.solve() else { return Ok(()) };
        prop_assert!(solution.is_none());
        let advice = error.help_text().unwrap_or_default();
        for offer in advice.split_once("would help: ").map_or("", |(_, offers)| offers).split("; or ") {
            let words: Vec<&str> = offer.split('`').collect();
            let mut changed = case.clone();
            match words.as_slice() {
                ["do without ", package, ""] => changed.roots.retain(|need| need.name.as_str() != *package),
                ["ask for ", package, version, ..] => {
                    let version = version.trim().trim_end_matches(" instead of");
                    let exact = needs(&format!("{package} ={version}"));
                    changed.roots.retain(|need| need.name.as_str() != *package);
                    changed.roots.extend(exact);
                }
                _ => continue,
            }
            prop_assert!(changed.solve().is_ok(), "`{offer}` does not help");
        }
        Ok(())
    });
}
