use super::*;
use crate::model::digest::{SurfaceDigest, TreeDigest};
use crate::model::index::IndexId;
use crate::model::source::Source;
use crate::model::version::Version;
use proptest::prelude::*;

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

/// Packages as `name`, minor version and what they need.
fn lock(packages: &[(&str, u8, &[&str])]) -> Lock {
    let locked = |(package, minor, needs): &(&str, u8, &[&str])| {
        let hex = format!("{minor:02x}").repeat(32);
        let locked = Locked {
            version: Version::new(1, u64::from(*minor), 0),
            index: Some(IndexId::Builtin),
            source: Source::parse("builtin+x").expect("a source"),
            commit: None,
            checksum: TreeDigest::parse(&format!("t1:{hex}")).expect("a digest"),
            surface: SurfaceDigest::parse(&format!("s1:{hex}")).expect("a digest"),
            manifest: None,
            dependencies: needs.iter().map(|need| name(need)).collect(),
        };
        (name(package), locked)
    };
    Lock { packages: packages.iter().map(locked).collect() }
}

fn all(_: &PackageName, _: &Locked) -> bool {
    true
}

fn open(merged: &Merged) -> Vec<&str> {
    merged.open.keys().map(PackageName::as_str).collect()
}

#[test]
fn what_one_side_changed_is_taken_from_there() {
    let sides = Sides {
        base: lock(&[("a", 1, &[]), ("b", 1, &[]), ("c", 1, &[])]),
        ours: lock(&[("a", 2, &[]), ("b", 1, &[]), ("c", 1, &[]), ("d", 1, &[])]),
        theirs: lock(&[("a", 1, &[]), ("c", 3, &[])]),
    };
    let wanted = lock(&[("a", 2, &[]), ("c", 3, &[]), ("d", 1, &[])]);
    assert_eq!(sides.merge(None), Merged { settled: wanted, open: BTreeMap::new() });
}

#[test]
fn of_what_both_changed_the_newest_that_the_manifest_allows_is_taken() {
    let sides = Sides { base: lock(&[("a", 1, &[])]), ours: lock(&[("a", 2, &[])]), theirs: lock(&[("a", 3, &[])]) };
    assert_eq!(open(&sides.merge(None)), ["a"]);
    assert_eq!(sides.merge(Some(&all)).settled, sides.theirs);
    let second = |_: &PackageName, locked: &Locked| locked.version.minor == 2;
    assert_eq!(sides.merge(Some(&second)).settled, sides.ours);
    assert_eq!(open(&sides.merge(Some(&|_, _| false))), ["a"]);
}

#[test]
fn what_one_side_dropped_and_the_other_still_needs_stays() {
    let sides = Sides {
        base: lock(&[("app", 1, &["core"]), ("core", 1, &[])]),
        ours: Lock::default(),
        theirs: lock(&[("app", 1, &["core"]), ("core", 1, &[]), ("x", 1, &["core"])]),
    };
    assert_eq!(sides.merge(None).settled, lock(&[("core", 1, &[]), ("x", 1, &["core"])]));
}

#[test]
fn packages_that_never_stood_together_are_left_open() {
    let sides = Sides {
        base: lock(&[("app", 1, &["core"]), ("core", 1, &[])]),
        ours: lock(&[("app", 2, &["core"]), ("core", 2, &[])]),
        theirs: lock(&[("app", 1, &["core"]), ("core", 1, &[]), ("x", 1, &["core"])]),
    };
    // `x` was locked beside core 1.1; whether 1.2 will do, its lock does not say.
    assert_eq!(open(&sides.merge(Some(&all))), ["core"]);
}

fn any_side() -> impl Strategy<Value = Lock> {
    let names = ["a", "b", "c", "d"];
    prop::collection::vec((0..4_usize, 0..3_u8, prop::collection::vec(0..4_usize, 0..3)), 0..5).prop_map(move |list| {
        let mut lock = Lock::default();
        for (at, minor, needs) in list {
            let needs: Vec<&str> = needs.iter().map(|need| names[*need]).collect();
            lock.packages.extend(self::lock(&[(names[at], minor, needs.as_slice())]).packages);
        }
        let there = lock.packages.clone();
        lock.packages.values_mut().for_each(|locked| locked.dependencies.retain(|need| there.contains_key(need)));
        lock
    })
}

proptest! {
    #[test]
    fn nothing_is_settled_that_was_no_solution_on_a_side(base in any_side(), ours in any_side(), theirs in any_side()) {
        let sides = Sides { base, ours, theirs };
        let merged = sides.merge(Some(&all));
        for (name, locked) in &merged.settled.packages {
            for need in &locked.dependencies {
                prop_assert!(merged.settled.packages.contains_key(need) || merged.open.contains_key(need));
                let both_in = |lock: &Lock| {
                    [name, need].into_iter().all(|name| lock.packages.get(name) == merged.settled.packages.get(name))
                };
                let is_proven = [&sides.base, &sides.ours, &sides.theirs].into_iter().any(both_in);
                prop_assert!(merged.open.contains_key(need) || is_proven, "{name} {need}");
            }
        }
        let turned = Sides { base: sides.base.clone(), ours: sides.theirs.clone(), theirs: sides.ours.clone() };
        prop_assert_eq!(turned.merge(Some(&all)).settled, merged.settled);
    }
}
