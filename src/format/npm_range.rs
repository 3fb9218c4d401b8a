//! npm version ranges, as plugin.json uses them, taken apart into plain comparisons as node-semver documents it: each
//! caret, tilde, hyphen and `x` stands for a lower and an upper bound.
//!
//! Invariant: a range admits exactly what node-semver admits without options. What is no range is refused, never guessed.

use semver::{BuildMetadata, Comparator, Op, Prerelease, VersionReq};

use crate::error::{Error, Kind, Result};
use crate::model::redact::quoted;
use crate::model::version::Requirement;

/// The largest number that npm reads in a version.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Reads a range.
///
/// # Errors
/// [`Kind::Invalid`] when npm would not read it.
pub fn parse(text: &str) -> Result<Requirement> {
    let alternatives: Option<Vec<VersionReq>> = text.split("||").map(alternative).collect();
    alternatives.map(|ranges| Requirement::Alternatives { text: text.trim().to_owned(), ranges }).ok_or_else(|| {
        Error::new(Kind::Invalid, format!("`{}` is not a version range", quoted(text).escape_debug()))
            .help("a range looks like `^1.2`, `~1.2.3`, `1.x`, `>=1.2 <3`, `1.2 - 1.4` or `1 || 2`")
    })
}

/// Comparisons that must all hold.
fn alternative(text: &str) -> Option<VersionReq> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [from, "-", to] = words.as_slice() {
        let end = |text: &str| Partial::parse(text.strip_prefix('=').unwrap_or(text));
        return Some(hyphen(&end(from)?, &end(to)?));
    }
    let mut comparators = Vec::new();
    let mut operator = String::new();
    for word in words {
        operator.push_str(word);
        // npm allows spaces between operator and version.
        if !word.chars().all(|c| "<>=^~".contains(c)) {
            comparators.extend(comparison(&std::mem::take(&mut operator))?);
        }
    }
    operator.is_empty().then_some(VersionReq { comparators })
}

/// What one word asks for.
fn comparison(word: &str) -> Option<Vec<Comparator>> {
    let operator = ["<=", ">=", "~>", "<", ">", "~", "^", "="].into_iter().find(|operator| word.starts_with(operator));
    let operator = operator.unwrap_or_default();
    let rest = &word[operator.len()..];
    let is_loose = matches!(operator, "^" | "~" | "~>");
    let version = Partial::parse(rest.strip_prefix('=').filter(|_| is_loose).unwrap_or(rest))?;
    if version.is_odd && !is_loose {
        return None;
    }
    Some(match operator {
        "^" => between(&version, version.caret()),
        "~" | "~>" => between(&version, version.tilde()),
        "<" | "<=" | ">" | ">=" => ordered(operator, &version),
        _ if version.patch.is_some() => vec![version.compared(Op::Exact)],
        _ => between(&version, version.tilde()),
    })
}

/// From a version up to a bound. Without a bound there is nothing to compare.
fn between(version: &Partial, bound: Option<Comparator>) -> Vec<Comparator> {
    bound.map(|bound| vec![version.compared(Op::GreaterEq), bound]).unwrap_or_default()
}

/// `1.2 - 1.4`: a partial end includes all that begins like it.
fn hyphen(from: &Partial, to: &Partial) -> VersionReq {
    let lower = from.major.map(|_| from.compared(Op::GreaterEq));
    let upper = if to.patch.is_some() { Some(to.compared(Op::LessEq)) } else { to.tilde() };
    VersionReq { comparators: lower.into_iter().chain(upper).collect() }
}

/// `<`, `<=`, `>` and `>=`: a partial version stands for all that begins like it.
fn ordered(operator: &str, version: &Partial) -> Vec<Comparator> {
    if version.major.is_none() {
        // All is at least and at most anything; nothing is more or less.
        return if operator.ends_with('=') { Vec::new() } else { vec![below(0, 0, 0)] };
    }
    let is_whole = version.patch.is_some();
    match operator {
        "<" if is_whole => vec![version.compared(Op::Less)],
        "<" => vec![below(version.major.unwrap_or(0), version.minor.unwrap_or(0), 0)],
        "<=" if is_whole => vec![version.compared(Op::LessEq)],
        "<=" => version.tilde().into_iter().collect(),
        ">" if is_whole => vec![version.compared(Op::Greater)],
        ">" => version
            .tilde()
            .map(|next| Comparator { op: Op::GreaterEq, pre: Prerelease::EMPTY, ..next })
            .into_iter()
            .collect(),
        _ => vec![version.compared(Op::GreaterEq)],
    }
}

/// Before the first pre-release of a version, as npm writes it: `<1.2.3-0`.
fn below(major: u64, minor: u64, patch: u64) -> Comparator {
    let pre = Prerelease::new("0").unwrap_or(Prerelease::EMPTY);
    Comparator { op: Op::Less, major, minor: Some(minor), patch: Some(patch), pre }
}

/// A version that may lack its end; what follows a missing number is missing.
#[derive(Debug)]
struct Partial {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: Prerelease,
    /// Whether a number follows a wildcard.
    is_odd: bool,
}

impl Partial {
    /// Reads `1`, `1.x`, `1.2.*`, `v1.2.3-beta+build` …; `None` for anything else.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        let numbers: Vec<Option<u64>> = core.split('.').map(number).collect::<Option<_>>()?;
        let [major, rest @ ..] = numbers.as_slice() else { return None };
        let (minor, patch) = (rest.first().copied().flatten(), rest.get(1).copied().flatten());
        // Only after three places can more follow.
        let is_short = numbers.len() < 3 && (pre.is_some() || build.is_some());
        if numbers.len() > 3
            || is_short
            || build.is_some_and(|build| BuildMetadata::new(build).map_or(true, |b| b.is_empty()))
        {
            return None;
        }
        let pre = match pre {
            Some("") => return None,
            Some(pre) => Prerelease::new(pre).ok()?,
            None => Prerelease::EMPTY,
        };
        let is_odd = numbers.windows(2).any(|pair| pair[0].is_none() && pair[1].is_some());
        let minor = major.and(minor);
        let patch = minor.and(patch);
        let pre = if patch.is_some() { pre } else { Prerelease::EMPTY };
        Some(Partial { major: *major, minor, patch, pre, is_odd })
    }

    /// This version, missing numbers as 0.
    fn compared(&self, op: Op) -> Comparator {
        let (minor, patch) = (self.minor.unwrap_or(0), self.patch.unwrap_or(0));
        Comparator { op, major: self.major.unwrap_or(0), minor: Some(minor), patch: Some(patch), pre: self.pre.clone() }
    }

    /// The bound of what has the same major and minor number, as far as these are given.
    fn tilde(&self) -> Option<Comparator> {
        let major = self.major?;
        Some(self.minor.map_or_else(|| below(major + 1, 0, 0), |minor| below(major, minor + 1, 0)))
    }

    /// The bound of what keeps the first number that is not 0.
    fn caret(&self) -> Option<Comparator> {
        let major = self.major?;
        Some(match (self.minor, self.patch) {
            (Some(0), Some(patch)) if major == 0 => below(0, 0, patch + 1),
            (Some(minor), _) if major == 0 => below(0, minor + 1, 0),
            _ => below(major + 1, 0, 0),
        })
    }
}

/// One place: a number, or `Some(None)` for a wildcard.
fn number(text: &str) -> Option<Option<u64>> {
    if matches!(text, "x" | "X" | "*") {
        return Some(None);
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| is_plain && *number <= MAX_NUMBER).map(Some)
}

#[cfg(test)]
mod tests;
