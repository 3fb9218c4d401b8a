//! Versions and requirements: Cargo's semantics by the `semver` crate, plus "any", which also admits pre-releases, and
//! alternatives, which npm has and Cargo has not.

use std::fmt;

use super::redact::quoted;
use crate::error::{Error, Kind, Result};

pub use semver::Version;

/// What a dependency asks for: `"1.2"` means `^1.2`; `*` means any version at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// No wish: the newest release, or a pre-release where there is nothing else.
    Any,
    /// A Cargo range.
    Range(semver::VersionReq),
    /// An npm range: one of these.
    Alternatives {
        /// As its author wrote it.
        text: String,
        /// Comparisons of whole versions only, on which npm and Cargo agree.
        ranges: Vec<semver::VersionReq>,
    },
}

impl Requirement {
    /// Parses a Cargo version requirement.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when `text` is not one.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim() == "*" {
            return Ok(Requirement::Any);
        }
        semver::VersionReq::parse(text).map(Requirement::Range).map_err(|cause| {
            Error::new(Kind::Invalid, format!("`{}` is not a version requirement", quoted(text)))
                .because(cause)
                .help("write it as Cargo does: \"1.2\", \"=1.2.3\", \">=1, <3\" or \"*\"")
        })
    }

    /// What `cargo add` would write after choosing `version`: a caret range, or any where there is no release.
    #[must_use]
    pub fn for_chosen(version: &Version) -> Self {
        if *version < Version::new(0, 0, 1) {
            return Requirement::Any;
        }
        let text = Version { build: semver::BuildMetadata::EMPTY, ..version.clone() }.to_string();
        semver::VersionReq::parse(&text).map_or(Requirement::Any, Requirement::Range)
    }

    /// Whether this is one caret range, as `"1.2"` is: all that is compatible, however new.
    #[must_use]
    pub fn is_caret(&self) -> bool {
        match self {
            Requirement::Any | Requirement::Alternatives { .. } => false,
            Requirement::Range(range) => matches!(range.comparators.as_slice(), [one] if one.op == semver::Op::Caret),
        }
    }

    /// The caret range from `version` on, with as many parts as this one has: `"1"` becomes `"2"`, `"1.2"` becomes
    /// `"2.0"`.
    #[must_use]
    pub fn raised_to(&self, version: &Version) -> Self {
        let parts = match self {
            Requirement::Range(range) => range.comparators.first(),
            Requirement::Any | Requirement::Alternatives { .. } => None,
        };
        let (Version { major, minor, patch, .. }, kept) = (version, parts.map(|parts| (parts.minor, parts.patch)));
        let text = match kept {
            Some((None, _)) => major.to_string(),
            Some((Some(_), None)) => format!("{major}.{minor}"),
            _ => format!("{major}.{minor}.{patch}"),
        };
        Requirement::parse(&text).unwrap_or_else(|_| Requirement::for_chosen(version))
    }

    /// Whether `version` satisfies this.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Requirement::Any => true,
            Requirement::Range(range) => range.matches(version),
            Requirement::Alternatives { ranges, .. } => ranges.iter().any(|range| range.matches(version)),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requirement::Any => f.write_str("*"),
            Requirement::Alternatives { text, .. } => f.write_str(text),
            Requirement::Range(range) => {
                let text = range.to_string();
                f.write_str(text.strip_prefix('^').filter(|_| !text.contains(',')).unwrap_or(&text))
            }
        }
    }
}

/// Whether a version that somebody wrote means one that is offered: without build metadata any will do.
#[must_use]
pub fn is_meant(written: &Version, offered: &Version) -> bool {
    offered == written || (written.build.is_empty() && offered.cmp_precedence(written).is_eq())
}

/// The version of something that has none: `0.0.0-<12 hex of the commit>`, which sorts before every release.
#[must_use]
pub fn from_commit(commit: &super::source::Commit) -> Version {
    let short = commit.short();
    let mut version = Version::new(0, 0, 0);
    // A part of digits only must not start with 0 in semver; `g` is what `git describe` puts there.
    version.pre = semver::Prerelease::new(short)
        .or_else(|_| semver::Prerelease::new(&format!("g{short}")))
        .unwrap_or(semver::Prerelease::EMPTY);
    version
}

/// Newest first, releases before pre-releases.
#[must_use]
pub fn newest_first(a: &Version, b: &Version) -> std::cmp::Ordering {
    a.pre.is_empty().cmp(&b.pre.is_empty()).then_with(|| a.cmp(b)).reverse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::source::Commit;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    #[test]
    fn requirements_read_as_cargo_reads_them() {
        let req = Requirement::parse("1.2").expect("a requirement");
        assert!(req.matches(&version("1.9.0")));
        assert!(!req.matches(&version("2.0.0")));
        assert!(!req.matches(&version("1.3.0-beta.1")));
        assert_eq!(req.to_string(), "1.2");
        assert_eq!(Requirement::parse(">=1, <3").expect("a range").to_string(), ">=1, <3");
        assert!(Requirement::parse("latest").is_err());
    }

    #[test]
    fn a_raised_requirement_is_as_exact_as_before() {
        for (before, after) in [("1", "2"), ("1.2", "2.3"), ("1.2.0", "2.3.4"), ("=1.2.0", "2.3.4"), ("*", "2.3.4")] {
            let raised = Requirement::parse(before).expect("a requirement").raised_to(&version("2.3.4"));
            assert_eq!(raised.to_string(), after);
            assert!(raised.matches(&version("2.3.4")));
        }
        let is_caret = |text| Requirement::parse(text).expect("a requirement").is_caret();
        assert!(is_caret("1") && is_caret("^1.2") && !is_caret("=1.2.0") && !is_caret(">=1, <3") && !is_caret("*"));
    }

    #[test]
    fn any_admits_what_has_no_version() {
        let commit = Commit::parse(&"0".repeat(40)).expect("a commit");
        let unversioned = from_commit(&commit);
        assert_eq!(unversioned.to_string(), "0.0.0-g000000000000");
        assert!(Requirement::Any.matches(&unversioned));
        assert_eq!(Requirement::for_chosen(&unversioned), Requirement::Any);
        assert_eq!(Requirement::for_chosen(&version("1.2.3+b")).to_string(), "1.2.3");
        assert_eq!(newest_first(&version("2.0.0-rc.1"), &version("1.0.0")), std::cmp::Ordering::Greater);
    }
}
