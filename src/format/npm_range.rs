//! npm version ranges, as plugin.json uses them, in Cargo's terms. What has no exact equal is refused, never guessed.

use crate::error::{Error, Kind, Result};
use crate::model::version::Requirement;

/// Translates a range.
///
/// # Errors
/// [`Kind::Invalid`] for `||`, hyphen ranges and anything Cargo's grammar cannot say.
pub fn parse(text: &str) -> Result<Requirement> {
    let text = text.trim();
    if text.is_empty() || text == "latest" {
        return Ok(Requirement::Any);
    }
    let refused = || Error::new(Kind::Invalid, format!("cpm does not read the version range `{text}` yet"));
    if text.contains("||") || text.split_whitespace().any(|word| word == "-") {
        return Err(refused().help("pin the dependency in your own manifest"));
    }
    let mut parts = Vec::new();
    let mut operator = String::new();
    for word in text.split_whitespace() {
        // npm allows a space between operator and version.
        if word.chars().all(|c| "<>=^~".contains(c)) {
            operator.push_str(word);
            continue;
        }
        parts.push(comparator(&format!("{}{word}", std::mem::take(&mut operator))));
    }
    if !operator.is_empty() {
        return Err(refused());
    }
    Requirement::parse(&parts.join(", ")).map_err(|error| refused().because(error.message()))
}

/// One comparator: a bare full version means exactly that one to npm; partial ones and `x` are wildcards to both.
fn comparator(word: &str) -> String {
    let version = word.trim_start_matches(['<', '>', '=', '^', '~', 'v']);
    let operator = word[..word.len() - version.len()].trim_end_matches('v');
    let core = version.split(['-', '+']).next().unwrap_or(version);
    let wildcard = core.split('.').any(|part| matches!(part, "x" | "X" | "*"));
    match operator {
        "" | "=" if wildcard => version.to_owned(),
        "" | "=" if core.split('.').count() == 3 => format!("={version}"),
        "" | "=" => format!("{version}.*"),
        other => format!("{other}{version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::Version;

    #[test]
    fn ranges_admit_what_npm_admits() {
        for (range, inside, outside) in [
            ("1.2.3", "1.2.3", "1.2.4"),
            ("^1.2.3", "1.9.0", "2.0.0"),
            ("^0.2.3", "0.2.9", "0.3.0"),
            ("~1.2.3", "1.2.9", "1.3.0"),
            ("1.x", "1.7.0", "2.0.0"),
            ("1.2", "1.2.9", "1.3.0"),
            ("1", "1.9.9", "2.0.0"),
            (">=1.0.0 <2.0.0", "1.5.0", "2.0.0"),
            (">= 1.0.0", "3.0.0", "0.9.0"),
            ("v1.2.3", "1.2.3", "1.2.2"),
        ] {
            let requirement = parse(range).expect(range);
            assert!(requirement.matches(&Version::parse(inside).expect("a version")), "{range} {inside}");
            assert!(!requirement.matches(&Version::parse(outside).expect("a version")), "{range} {outside}");
        }
        for refused in ["1 || 2", "1.0.0 - 2.0.0", "banana", ">="] {
            assert_eq!(parse(refused).expect_err(refused).kind(), Kind::Invalid);
        }
    }
}
