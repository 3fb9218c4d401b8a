use proptest::prelude::*;

use super::*;
use crate::model::version::Version;

fn version(text: &str) -> Version {
    Version::parse(text).expect(text)
}

fn admits(range: &str, text: &str) -> bool {
    parse(range).expect(range).matches(&version(text))
}

/// Ranges with the plain comparisons that node-semver documents for them.
const MEANINGS: &[(&str, &str)] = &[
    // Hyphens.
    ("1.2.3 - 2.3.4", ">=1.2.3 <=2.3.4"),
    ("1.2 - 2.3.4", ">=1.2.0 <=2.3.4"),
    ("1.2.3 - 2.3", ">=1.2.3 <2.4.0-0"),
    ("1.2.3 - 2", ">=1.2.3 <3.0.0-0"),
    ("1.2.3-beta.2 - 2.0.0-rc.1", ">=1.2.3-beta.2 <=2.0.0-rc.1"),
    ("* - 2.3.4", "<=2.3.4"),
    ("1.2.3 - x", ">=1.2.3"),
    // Wildcards and partial versions.
    ("*", ">=0.0.0"),
    ("", ">=0.0.0"),
    ("x", ">=0.0.0"),
    ("1.x", ">=1.0.0 <2.0.0-0"),
    ("1.2.x", ">=1.2.0 <1.3.0-0"),
    ("1.2.*", ">=1.2.0 <1.3.0-0"),
    ("1.X.x", ">=1.0.0 <2.0.0-0"),
    ("^1.x.3", ">=1.0.0 <2.0.0-0"),
    ("1", ">=1.0.0 <2.0.0-0"),
    ("1.2", ">=1.2.0 <1.3.0-0"),
    ("=1.2", ">=1.2.0 <1.3.0-0"),
    ("0", ">=0.0.0 <1.0.0-0"),
    ("1.2.x-beta", ">=1.2.0 <1.3.0-0"),
    // Tildes.
    ("~1.2.3", ">=1.2.3 <1.3.0-0"),
    ("~1.2", ">=1.2.0 <1.3.0-0"),
    ("~1", ">=1.0.0 <2.0.0-0"),
    ("~0.2.3", ">=0.2.3 <0.3.0-0"),
    ("~0.2", ">=0.2.0 <0.3.0-0"),
    ("~0", ">=0.0.0 <1.0.0-0"),
    ("~1.2.3-beta.2", ">=1.2.3-beta.2 <1.3.0-0"),
    ("~> 1.2", ">=1.2.0 <1.3.0-0"),
    ("~x", ">=0.0.0"),
    // Carets.
    ("^1.2.3", ">=1.2.3 <2.0.0-0"),
    ("^0.2.3", ">=0.2.3 <0.3.0-0"),
    ("^0.0.3", ">=0.0.3 <0.0.4-0"),
    ("^1.2.3-beta.2", ">=1.2.3-beta.2 <2.0.0-0"),
    ("^0.0.3-beta", ">=0.0.3-beta <0.0.4-0"),
    ("^1.2.x", ">=1.2.0 <2.0.0-0"),
    ("^0.0.x", ">=0.0.0 <0.1.0-0"),
    ("^0.0", ">=0.0.0 <0.1.0-0"),
    ("^1.x", ">=1.0.0 <2.0.0-0"),
    ("^0.x", ">=0.0.0 <1.0.0-0"),
    ("^ 1.2.3", ">=1.2.3 <2.0.0-0"),
    ("^*", ">=0.0.0"),
    // Comparisons with partial versions.
    (">1", ">=2.0.0"),
    (">1.2", ">=1.3.0"),
    (">=1.2", ">=1.2.0"),
    ("<1.2", "<1.2.0-0"),
    ("<=1.2", "<1.3.0-0"),
    ("<=1", "<2.0.0-0"),
    (">*", "<0.0.0-0"),
    ("<x", "<0.0.0-0"),
    (">=*", ">=0.0.0"),
    ("> =1.2.3", ">=1.2.3"),
    ("~=1.2", ">=1.2.0 <1.3.0-0"),
    ("=1 - v2", ">=1.0.0 <3.0.0-0"),
    // Whole versions, and marks that mean nothing.
    ("1.2.3", "=1.2.3"),
    ("v1.2.3", "=1.2.3"),
    ("= v1.2.3", "=1.2.3"),
    ("1.2.3+build", "=1.2.3"),
    (">=1.2.3+build", ">=1.2.3"),
    // Alternatives.
    ("1.2.7 || >=1.2.9 <2.0.0", "=1.2.7 || >=1.2.9 <2.0.0"),
    ("^2 || ^1.2||~0.4", ">=2.0.0 <3.0.0-0 || >=1.2.0 <2.0.0-0 || >=0.4.0 <0.5.0-0"),
    ("1.2 - 1.4 || 3", ">=1.2.0 <1.5.0-0 || >=3.0.0 <4.0.0-0"),
    ("1 ||", ">=0.0.0"),
];

#[test]
fn whole_ranges_admit_what_node_semver_documents() {
    for (range, inside, outside) in [
        (">=1.2.7", vec!["1.2.7", "1.2.8", "2.5.3", "1.3.9"], vec!["1.2.6", "1.1.0"]),
        (">=1.2.7 <1.3.0", vec!["1.2.7", "1.2.8", "1.2.99"], vec!["1.2.6", "1.3.0", "1.1.0"]),
        ("1.2.7 || >=1.2.9 <2.0.0", vec!["1.2.7", "1.2.9", "1.4.6"], vec!["1.2.8", "2.0.0"]),
        (">1.2.3-alpha.3", vec!["1.2.3-alpha.7", "3.4.5"], vec!["3.4.5-alpha.9", "1.2.3-alpha.3"]),
        ("~1.2.3-beta.2", vec!["1.2.3-beta.4", "1.2.9"], vec!["1.2.4-beta.2", "1.2.3-beta.1"]),
        ("^1.2.3-beta.2", vec!["1.2.3-beta.4", "1.9.0"], vec!["1.2.4-beta.2", "2.0.0-alpha"]),
        ("^0.0.3-beta", vec!["0.0.3-pr.2", "0.0.3"], vec!["0.0.3-alpha", "0.0.4"]),
        ("<1.2", vec!["1.1.9"], vec!["1.2.0-beta", "1.2.0"]),
        ("*", vec!["0.0.0", "9.9.9"], vec!["1.0.0-rc.1"]),
        ("^1.2 <1.5.0-beta.2", vec!["1.5.0-beta.1", "1.4.9"], vec!["1.5.0", "1.4.0-beta.1", "1.5.0-beta.2"]),
        ("1.2.3", vec!["1.2.3", "1.2.3+build.5"], vec!["1.2.3-beta", "1.2.4"]),
    ] {
        for text in inside {
            assert!(admits(range, text), "{range} should admit {text}");
        }
        for text in outside {
            assert!(!admits(range, text), "{range} should not admit {text}");
        }
    }
}

#[test]
fn what_npm_does_not_read_is_refused() {
    for text in [
        "banana",
        "latest",
        ">=",
        "1.2.3.4",
        "01.2.3",
        "1.2.3-01",
        "1 -",
        "- 2",
        "1 - 2 - 3",
        "^1 - 2",
        "1.2-beta",
        "1.",
        ".1",
        "1..2",
        ">=1, <2",
        "1 && 2",
        "1 | 2",
        "^^1",
        "><1",
        "1.2.3-",
        "1.2.3+",
        "9007199254740992.0.0",
        "github:o/r",
        "npm:x@1",
        "1.x.3",
        ">x.1",
        "==1.2.3",
        ">==1.2.3",
        "v 1.2.3",
    ] {
        assert_eq!(parse(text).expect_err(text).kind(), Kind::Invalid);
    }
}

/// Compares with plain comparisons only, in the words of node-semver: each must hold, and a pre-release needs one that
/// has a pre-release of the same version.
fn plainly(meaning: &str, version: &Version) -> bool {
    meaning.split("||").any(|all| {
        let comparisons: Vec<(&str, Version)> = all
            .split_whitespace()
            .map(|word| {
                let operator = word.trim_end_matches(|c| !"<>=".contains(c));
                (operator, Version::parse(&word[operator.len()..]).expect(word))
            })
            .collect();
        let holds = comparisons.iter().all(|(operator, bound)| match *operator {
            "<" => version.cmp_precedence(bound).is_lt(),
            "<=" => version.cmp_precedence(bound).is_le(),
            ">" => version.cmp_precedence(bound).is_gt(),
            ">=" => version.cmp_precedence(bound).is_ge(),
            _ => version.cmp_precedence(bound).is_eq(),
        });
        let core = |version: &Version| (version.major, version.minor, version.patch);
        let named = |(_, bound): &(&str, Version)| !bound.pre.is_empty() && core(bound) == core(version);
        holds && (version.pre.is_empty() || comparisons.iter().any(named))
    })
}

/// Versions near the ends of the ranges in the table.
fn versions() -> impl Strategy<Value = Version> {
    let pre = prop::sample::select(vec!["", "", "", "-0", "-alpha", "-beta.1", "-beta.2", "-beta.3", "-rc.1"]);
    let build = prop::sample::select(vec!["", "+b"]);
    (0..4_u64, 0..6_u64, 0..10_u64, pre, build)
        .prop_map(|(major, minor, patch, pre, build)| version(&format!("{major}.{minor}.{patch}{pre}{build}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_range_admits_exactly_what_its_documented_meaning_admits(version in versions()) {
        for (range, meaning) in MEANINGS {
            let got = parse(range).expect(range).matches(&version);
            prop_assert_eq!(got, plainly(meaning, &version), "{} {}", range, version);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[0-9xvX*.^~<>=| +a-]{0,24}") {
        let _ = parse(&text);
    }
}
