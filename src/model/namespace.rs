//! `NamePattern`: the package names that belong to one index, so that nobody else can offer a package under them.

use std::fmt;

use super::name::PackageName;
use super::redact::quoted;
use crate::error::{Error, Kind, Result};

/// A package name, or the beginning of names and `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    start: String,
    is_open: bool,
}

impl NamePattern {
    /// Parses `acme-tools`, `acme-*` or `*`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what no package name can match.
    pub fn parse(text: &str) -> Result<Self> {
        let (start, is_open) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        // Names are checked with something after the part that is given.
        let example = if is_open { format!("{start}x") } else { start.to_owned() };
        PackageName::parse(&example).map_err(|_| {
            Error::new(Kind::Invalid, format!("`{}` matches no package name", quoted(text)))
                .help("write a name such as `acme-tools`, or the beginning of names such as `acme-*`")
        })?;
        Ok(NamePattern { start: start.to_owned(), is_open })
    }

    /// Whether a name belongs here.
    #[must_use]
    pub fn matches(&self, name: &PackageName) -> bool {
        if self.is_open { name.as_str().starts_with(&self.start) } else { name.as_str() == self.start }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.start, if self.is_open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_the_beginning_of_names() {
        for (pattern, inside, outside) in [
            ("acme-*", "acme-tools", "acme"),
            ("acme", "acme", "acme-tools"),
            ("a*", "a", "ba"),
            ("acme-*", "acme-", "x-acme-y"),
        ] {
            let pattern = NamePattern::parse(pattern).expect(pattern);
            let matches = |name: &str| PackageName::parse(name).is_ok_and(|name| pattern.matches(&name));
            assert!(!matches(outside), "{pattern} {outside}");
            assert!(matches(inside) || PackageName::parse(inside).is_err(), "{pattern} {inside}");
        }
        let all = NamePattern::parse("*").expect("all names");
        assert!(all.matches(&PackageName::parse("anything").expect("a name")));
        for bad in ["", "Acme-*", "a*b", "**", "-*", "acme_*", "a b"] {
            assert_eq!(NamePattern::parse(bad).expect_err(bad).kind(), Kind::Invalid, "{bad}");
        }
    }
}
