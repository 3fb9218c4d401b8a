//! Graphs that nobody needs, and that somebody may publish to stop others: long, wide, endless, and hard to choose from.

use super::tests::{Universe, name, needs, universe};
use super::*;
use crate::format::lockfile::MAX_PACKAGES;

const MANY: usize = 10_000;

/// `p0` needs `p1`, and so on, in each of so many versions.
fn chain(versions: usize, end: &str) -> Universe {
    let needs = |at: usize| if at + 1 < MANY { format!("p{} *", at + 1) } else { end.to_owned() };
    let lines = (0..MANY).flat_map(|at| (1..=versions).map(move |version| (at, version)));
    let lines = lines.map(|(at, version)| format!("p{at} {version}.0.0: {}\n", needs(at)));
    universe(&lines.collect::<String>())
}

/// `pigeons` packages of which each sits in one of one `hole` less, and no two in the same. Whoever does not count tries
/// them all.
fn pigeons(pigeons: usize) -> (Vec<Need>, Universe) {
    let holes = 1..pigeons;
    let sits = |pigeon| holes.clone().map(move |hole| format!("pigeon{pigeon} {hole}.0.0: hole{hole} ={pigeon}.0.0\n"));
    let places = holes.clone().flat_map(|hole| (1..=pigeons).map(move |pigeon| format!("hole{hole} {pigeon}.0.0:\n")));
    let text: String = (1..=pigeons).flat_map(sits).chain(places).collect();
    let roots: String = (1..=pigeons).map(|pigeon| format!("pigeon{pigeon} *;")).collect();
    (needs(&roots), universe(&text))
}

/// What an error says, where it is short enough to be read.
fn told(error: &Error) -> String {
    assert!(error.causes().len() < 100, "{} causes", error.causes().len());
    error.causes().join("\n")
}

#[test]
fn a_chain_of_ten_thousand_packages_is_resolved() {
    let all = chain(2, "");
    let solution = resolve(&needs("p0 *"), &Preferences::default(), &all).expect("solved");
    assert_eq!(solution.len(), MANY);
    assert!(solution.values().all(|version| version.major == 2));
}

#[test]
fn a_conflict_at_the_end_of_such_a_chain_is_told_by_its_beginning_and_its_end() {
    let mut all = chain(1, "shared 2");
    all.0.extend(universe("shared 1.0.0:\nshared 2.0.0:").0);
    let roots = needs("p0 *; shared 1");
    let limit = Duration::from_secs(600);
    let error = resolve_within(&roots, &Preferences::default(), &all, limit).expect_err("a conflict");
    assert_eq!(error.kind(), Kind::NoSolution);
    let told = told(&error);
    assert!(told.contains("`p0` 1.0.0 needs `p1` in any version") && told.contains("9962 more like these"), "{told}");
    assert!(
        told.contains("`p9999` 1.0.0 needs `shared` `2`") && told.contains("no version of `shared` suits all"),
        "{told}"
    );
    assert!(error.help_text().is_some_and(|help| help.contains("do without")), "{error:?}");
}

#[test]
fn a_package_that_needs_ten_thousand_others_is_resolved() {
    let others: String = (0..MANY).map(|at| format!("p{at} 1.0.0: shared *\np{at} 2.0.0: shared 1\n")).collect();
    let wide: String = (0..MANY).map(|at| format!("p{at} *;")).collect();
    let all = universe(&format!("{others}hub 1.0.0: {wide}\nshared 1.0.0:\nshared 2.0.0:"));
    let solution = resolve(&needs("hub *"), &Preferences::default(), &all).expect("solved");
    assert_eq!(solution.len(), MANY + 2);
}

#[test]
fn needs_without_end_stop_at_a_limit_that_is_named() {
    /// Whatever is asked for needs one more.
    struct Endless;
    impl Catalog for Endless {
        fn candidates(&self, asked: &PackageName) -> Result<Option<Vec<Candidate>>> {
            let number: usize = asked.as_str().trim_start_matches('p').parse().expect("a number");
            let candidate = Candidate {
                version: Version::new(1, 0, 0),
                needs: vec![Need::new(name(&format!("p{}", number + 1)), crate::model::version::Requirement::Any)],
                withheld: None,
                last_resort: false,
            };
            Ok(Some(vec![candidate]))
        }
    }
    let error = resolve(&needs("p0 *"), &Preferences::default(), &Endless).expect_err("no end");
    assert_eq!(error.kind(), Kind::NoSolution);
    assert!(error.message().contains(&format!("more than {MAX_PACKAGES} packages")), "{error:?}");
}

#[test]
fn what_would_take_for_ever_to_choose_ends_at_the_deadline() {
    let (roots, all) = pigeons(14);
    let limit = Duration::from_millis(500);
    let error = resolve_within(&roots, &Preferences::default(), &all, limit).expect_err("no time");
    assert_eq!(error.kind(), Kind::NoSolution);
    assert!(error.message().contains("took too long"), "{error:?}");
}

#[test]
fn a_proof_that_uses_its_parts_again_and_again_is_told_once() {
    let (roots, all) = pigeons(6);
    let error = resolve(&roots, &Preferences::default(), &all).expect_err("one hole is missing");
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::NoSolution, "no set of versions satisfies everything that is asked for")
    );
    let told = told(&error);
    assert_eq!(told.matches("your manifest asks for `pigeon1` in any version").count(), 1, "{told}");
    assert!(error.help_text().is_some_and(|help| help.contains("do without")), "{error:?}");
}
