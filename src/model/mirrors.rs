//! Mirrors: where a user has repositories fetched from instead. An address stays what manifests, locks and messages
//! name; a mirror is only asked in its place.

use std::collections::BTreeMap;
use std::fmt;

use super::url::GitUrl;
use crate::error::{Error, Kind, Result};

/// The beginning of addresses, up to a `/` that is not part of it; canonical, as [`GitUrl`] is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressPrefix(String);

/// The mirrors of a user: what addresses begin with, and what they begin with at the mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors(BTreeMap<AddressPrefix, AddressPrefix>);

impl AddressPrefix {
    /// Parses an address with or without a path, and with or without a `/` at its end: `https://host/`,
    /// `https://host/owner`, or that of one repository.
    ///
    /// # Errors
    /// As [`GitUrl::parse`].
    pub fn parse(text: &str) -> Result<Self> {
        const ANY: &str = "/x";
        let bare = text.strip_suffix('/').unwrap_or(text);
        GitUrl::parse(bare).map(|url| AddressPrefix(url.as_str().to_owned())).or_else(|error| {
            // Without a path it is no address yet. The first error is about what was written.
            let url = GitUrl::parse(&format!("{bare}{ANY}")).map_err(|_| error)?;
            Ok(AddressPrefix(url.as_str().strip_suffix(ANY).unwrap_or(url.as_str()).to_owned()))
        })
    }

    /// What follows in an address: nothing, or from a `/` on. `None` when the address begins otherwise.
    fn rest_of<'u>(&self, url: &'u GitUrl) -> Option<&'u str> {
        let rest = url.as_str().strip_prefix(&self.0)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Mirrors {
    /// Adds a mirror.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when addresses that begin so have one already.
    pub fn add(&mut self, from: AddressPrefix, to: AddressPrefix) -> Result<()> {
        match self.0.entry(from) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(to);
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(taken) => {
                Err(Error::new(Kind::Invalid, format!("`{}` has two mirrors", taken.key()))
                    .because(format!("`{}` and `{to}`", taken.get())))
            }
        }
    }

    /// The address to ask in place of `url`: the mirror with the longest beginning; `None` when no mirror is for it.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when what comes out is no address of a repository.
    pub fn of(&self, url: &GitUrl) -> Result<Option<GitUrl>> {
        let fitting = self.0.iter().filter_map(|(from, to)| Some((from, to, from.rest_of(url)?)));
        let Some((_, to, rest)) = fitting.max_by_key(|(from, ..)| from.0.len()) else { return Ok(None) };
        let mirrored = GitUrl::parse(&format!("{to}{rest}"));
        mirrored.map(Some).map_err(|error| error.context(format!("the mirror of {url} is not a repository")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(pairs: &[(&str, &str)]) -> Mirrors {
        let mut mirrors = Mirrors::default();
        for (from, to) in pairs {
            let prefix = |text| AddressPrefix::parse(text).expect(text);
            mirrors.add(prefix(from), prefix(to)).expect("a mirror");
        }
        mirrors
    }

    fn asked(mirrors: &Mirrors, url: &str) -> Option<String> {
        let url = GitUrl::parse(url).expect(url);
        mirrors.of(&url).expect("an address").map(|url| url.to_string())
    }

    #[test]
    fn the_longest_beginning_wins_and_ends_at_a_slash() {
        let mirrors = mirrors(&[
            ("https://GitHub.com/", "https://git.acme.dev/mirrors/github/"),
            ("https://github.com/acme", "ssh://git@git.acme.dev/own"),
            ("https://github.com/acme/big.git", "https://cdn.acme.dev/big.git"),
            ("git@gitlab.com:", "https://git.acme.dev/gitlab"),
        ]);
        for (url, wanted) in [
            ("https://github.com/o/r", Some("https://git.acme.dev/mirrors/github/o/r")),
            ("https://github.com/acme/r", Some("ssh://git@git.acme.dev/own/r")),
            ("https://github.com/acme-corp/r", Some("https://git.acme.dev/mirrors/github/acme-corp/r")),
            ("https://github.com/acme/big", Some("https://cdn.acme.dev/big.git")),
            ("https://github.com/acme/big2", Some("ssh://git@git.acme.dev/own/big2")),
            ("ssh://git@gitlab.com/a/b", Some("https://git.acme.dev/gitlab/a/b")),
            ("https://github.com.evil.example/o/r", None),
            ("https://github.com:8443/o/r", None),
            ("ssh://git@github.com/o/r", None),
        ] {
            assert_eq!(asked(&mirrors, url).as_deref(), wanted, "{url}");
        }
        assert_eq!(asked(&Mirrors::default(), "https://github.com/o/r"), None);
    }

    #[test]
    fn a_mirror_obeys_the_rules_of_addresses() {
        for (bad, kind) in [
            ("http://git.acme.dev/", Kind::Policy),
            ("ext::sh -c touch", Kind::Policy),
            ("https://me:s3cret@git.acme.dev/", Kind::Invalid),
            ("https://-oProxyCommand=x/", Kind::Invalid),
            ("--upload-pack=x", Kind::Invalid),
            ("https://git.acme.dev/?x=s3cret", Kind::Invalid),
            ("https://git.acme.dev/../", Kind::Invalid),
            ("https://", Kind::Invalid),
            ("github.com", Kind::Invalid),
            ("", Kind::Invalid),
        ] {
            let error = AddressPrefix::parse(bad).expect_err(bad);
            assert!(error.kind() == kind && !format!("{error:?}").contains("s3cret"), "{bad}: {error:?}");
        }
        assert!(AddressPrefix::parse("http://127.0.0.1:8080/").is_ok());
    }

    #[test]
    fn what_is_no_repository_at_the_mirror_is_refused() {
        let whole = mirrors(&[("https://github.com/o/r", "https://git.acme.dev/")]);
        let url = GitUrl::parse("https://github.com/o/r").expect("an address");
        assert_eq!(whole.of(&url).expect_err("no path").kind(), Kind::Invalid);
    }

    #[test]
    fn two_mirrors_for_one_beginning_are_refused() {
        let mut mirrors = mirrors(&[("https://github.com", "https://a.example")]);
        let prefix = |text| AddressPrefix::parse(text).expect(text);
        assert!(mirrors.add(prefix("https://GITHUB.com:443/"), prefix("https://b.example")).is_err());
    }
}
