use super::*;
use crate::model::index::Withheld;
use crate::model::version::Requirement;

/// A universe: packages with versions and what each needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Universe(pub(super) BTreeMap<PackageName, Vec<Candidate>>);

impl Catalog for Universe {
    fn candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
        Ok(self.0.get(name).cloned())
    }
}

pub(super) fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

pub(super) fn needs(text: &str) -> Vec<Need> {
    let parse = |part: &str| {
        let (package, requirement) = part.trim().split_once(' ').expect("name and requirement");
        Need::new(name(package), Requirement::parse(requirement).expect("a requirement"))
    };
    text.split(';').filter(|part| !part.trim().is_empty()).map(parse).collect()
}

/// Lines of `name version: needs`; a version that starts with `!` is yanked.
pub(super) fn universe(text: &str) -> Universe {
    let mut universe = Universe::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (head, tail) = line.split_once(':').expect("a colon");
        let (package, version) = head.trim().split_once(' ').expect("a version");
        let candidate = Candidate {
            version: Version::parse(version.trim_start_matches('!')).expect("a version"),
            needs: needs(tail),
            withheld: version.starts_with('!').then(|| Withheld::Yanked("broken".to_owned())),
            last_resort: false,
        };
        universe.0.entry(name(package)).or_default().push(candidate);
    }
    universe
}

fn solve(roots: &str, locked: &[(&str, &str)], universe: &Universe) -> Result<String> {
    let locked = locked.iter().map(|(package, v)| (name(package), Version::parse(v).expect("a version"))).collect();
    let solution = resolve(&needs(roots), &Preferences { locked, ..Preferences::default() }, universe)?;
    Ok(solution.iter().map(|(package, version)| format!("{package} {version}")).collect::<Vec<_>>().join(", "))
}

#[test]
fn newest_first_then_locked_then_yanked() {
    let all = universe("a 1.0.0:\na 1.2.0:\na 2.0.0-rc.1:\na !1.3.0:");
    assert_eq!(solve("a *", &[], &all).expect("solved"), "a 1.2.0");
    assert_eq!(solve("a 1", &[("a", "1.0.0")], &all).expect("solved"), "a 1.0.0");
    assert_eq!(solve("a 1", &[("a", "1.3.0")], &all).expect("solved"), "a 1.3.0", "a locked yanked version stays");
    let only_pre = universe("a 0.0.0-3f2c3f2c3f2c:");
    assert_eq!(solve("a *", &[], &only_pre).expect("solved"), "a 0.0.0-3f2c3f2c3f2c");
}

#[test]
fn what_needs_backtracking_is_solved() {
    // The newest `app` and the newest `tool` exclude each other through `lib`.
    let all = universe(
        "app 2.0.0: lib ^2\napp 1.0.0: lib ^1\ntool 2.0.0: lib ^1\ntool 1.0.0: lib ^1\nlib 2.0.0:\nlib 1.5.0:",
    );
    assert_eq!(solve("app *; tool *", &[], &all).expect("solved"), "app 1.0.0, lib 1.5.0, tool 2.0.0");
}

#[test]
fn what_the_manifest_names_comes_before_what_others_need() {
    // Whoever decided `lib` first, of which there are fewer, would be left with the oldest `tool`.
    let all = universe("app 1.0.0: lib *\nlib 1.0.0:\nlib 2.0.0: tool 1\ntool 1.0.0:\ntool 2.0.0:\ntool 3.0.0:");
    assert_eq!(solve("app *; tool *", &[], &all).expect("solved"), "app 1.0.0, lib 1.0.0, tool 3.0.0");
}

#[test]
fn a_version_that_needs_another_one_of_itself_is_passed_over() {
    let all = universe("a 1.0.0: a 1\na 2.0.0: a 1");
    assert_eq!(solve("a *", &[], &all).expect("solved"), "a 1.0.0");
    let error = solve("a 2", &[], &all).expect_err("no version is left");
    assert!(error.causes().contains(&"`a` 2.0.0 needs itself in version `1`".to_owned()), "{error:?}");
}

#[test]
fn what_is_only_a_last_resort_is_taken_where_nothing_else_will_do() {
    let mut all = universe("a 1.0.0:\na 2.0.0:\nb 1.0.0: a 2");
    all.0.get_mut(&name("a")).expect("a package")[1].last_resort = true;
    assert_eq!(solve("a *", &[], &all).expect("solved"), "a 1.0.0");
    assert_eq!(solve("a *; b *", &[], &all).expect("solved"), "a 2.0.0, b 1.0.0");
}

#[test]
fn failures_name_who_asks() {
    let all = universe("a 1.0.0: c ^1\nb 1.0.0: c ^2\nc 1.0.0:\nc 2.0.0:\nd 1.0.0: gone *\ny !1.0.0:");
    let conflict = solve("a *; b *", &[], &all).expect_err("a conflict");
    assert_eq!(conflict.kind(), Kind::NoSolution);
    let causes = conflict.causes().join("\n");
    assert!(causes.contains("`a` 1.0.0 needs `c` `1`") && causes.contains("`b` 1.0.0 needs `c` `2`"), "{causes}");
    let missing = solve("d *", &[], &all).expect_err("a missing dependency");
    assert!(missing.causes().join("\n").contains("`d` 1.0.0 needs `gone`, which no index has"), "{missing:?}");
    assert_eq!(solve("zzz *", &[], &all).expect_err("no package").kind(), Kind::NotFound);
    let no_version = solve("c 3", &[], &all).expect_err("no version");
    assert_eq!((no_version.kind(), no_version.causes()[0].as_str()), (Kind::NoSolution, "there are: 2.0.0, 1.0.0"));
    assert!(solve("y *", &[], &all).expect_err("yanked").causes()[0].contains("yanked"));
}

#[test]
fn waiting_for_an_answer_is_not_choosing() {
    /// Answers as a slow server does.
    struct Slow(Universe);
    impl Catalog for Slow {
        fn candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
            std::thread::sleep(Duration::from_millis(200));
            self.0.candidates(name)
        }
    }
    let slow = Slow(universe("a 1.0.0: b *\nb 1.0.0: c *\nc 1.0.0:"));
    let solution = resolve_within(&needs("a *"), &Preferences::default(), &slow, Duration::from_millis(400));
    assert_eq!(solution.expect("solved").len(), 3);
    let error =
        resolve_within(&needs("a *"), &Preferences::default(), &slow, Duration::ZERO).expect_err("no time at all");
    assert!(error.message().contains("too long"), "{error:?}");
}

#[test]
fn a_version_that_turns_out_to_be_of_no_use_gives_way_to_the_next_and_is_told_when_there_is_none() {
    /// What is tagged as 2 and more is something else.
    struct Lying(Universe);
    impl Catalog for Lying {
        fn candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
            self.0.candidates(name)
        }
        fn needs(&self, _: &PackageName, candidate: &Candidate) -> Result<Needs> {
            let is_right = candidate.version.major < 2;
            Ok(if is_right { Ok(candidate.needs.clone()) } else { Err("is something else".to_owned()) })
        }
    }
    let lying = Lying(universe("a 1.0.0: b *\na 2.0.0:\na 3.0.0:\nb 1.0.0:"));
    let solution = resolve(&needs("a *"), &Preferences::default(), &lying).expect("solved");
    assert_eq!(solution.values().map(ToString::to_string).collect::<Vec<_>>(), ["1.0.0", "1.0.0"]);
    let error = resolve(&needs("a >=2"), &Preferences::default(), &lying).expect_err("nothing is left");
    assert_eq!(error.kind(), Kind::NoSolution);
    assert!(error.causes().iter().any(|cause| cause.contains("`a` 3.0.0 is something else")), "{error:?}");
}
