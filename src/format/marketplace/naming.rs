//! Which names of marketplaces the client refuses, and from where [claude-code.md §5.2, §5.3].

use crate::model::url::{GitUrl, Reach};

/// Names that belong to repositories of Anthropic's own.
const OFFICIAL: [&str; 16] = [
    "claude-code-marketplace",
    "claude-code-plugins",
    "claude-plugins-official",
    "claude-plugins-community",
    "claude-community",
    "anthropic-marketplace",
    "anthropic-plugins",
    "agent-skills",
    "anthropic-agent-skills",
    "knowledge-work-plugins",
    "life-sciences",
    "claude-for-legal",
    "claude-for-financial-services",
    "financial-services-plugins",
    "first-party-plugins",
    "healthcare",
];

/// What is wrong with the name of a marketplace from this address.
pub(super) fn problem(name: &str, from: &GitUrl) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    // A copy on this machine may have the name of what it is a copy of.
    let official_home = from.as_str().starts_with("https://github.com/anthropics/")
        || from.as_str().starts_with("ssh://git@github.com/anthropics/")
        || from.reach() == Reach::Local;
    if name.is_empty() {
        Some("is empty")
    } else if name.contains(' ') {
        Some("has spaces")
    } else if name.contains(['/', '\\']) || name.contains("..") || name == "." {
        Some("has path separators")
    } else if matches!(name, "inline" | "builtin" | "skills-dir") {
        Some("is one that Claude Code keeps for itself")
    } else if OFFICIAL.contains(&lower.as_str()) {
        (!official_home).then_some("belongs to repositories of github.com/anthropics")
    } else if !name.bytes().all(|b| matches!(b, b' '..=b'~')) || impersonates(&lower) {
        Some("looks like one of Anthropic's own")
    } else {
        None
    }
}

/// Whether a name in lower case is what the client takes for an imitation of an official one: `official` beside a name
/// of the makers, or such a name in front of what a marketplace is called. Only signs may stand between.
fn impersonates(name: &str) -> bool {
    const MAKERS: [&str; 2] = ["anthropic", "claude"];
    let follows = |text: &str, words: &[&str]| {
        let rest = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        words.iter().any(|word| rest.starts_with(word))
    };
    let after = |word: &'static str| name.match_indices(word).map(move |(at, _)| &name[at + word.len()..]);
    let heads = MAKERS.iter().filter_map(|maker| name.strip_prefix(maker));
    heads.into_iter().any(|rest| follows(rest, &["marketplace", "plugins", "official"]))
        || after("official").any(|rest| follows(rest, &MAKERS))
        || MAKERS.into_iter().any(|maker| after(maker).any(|rest| follows(rest, &["official"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitations_of_official_names_are_those_that_the_client_refuses() {
        let from = |owner: &str| GitUrl::parse(&format!("https://github.com/{owner}/m")).expect("a URL");
        let is_good = |name: &str| problem(name, &from("acme")).is_none();
        for refused in [
            "claude-marketplace",
            "claudemarketplace",
            "claude.plugins",
            "claude--plugins",
            "claudeplugins2",
            "anthropic-plugins-v2",
            "claude-official",
            "my-official-claude",
            "officialclaude",
            "my-claude-official",
            "Claude-Plugins",
            "ANTHROPIC-Plugins",
            "caf\u{e9}",
            "a..b",
            "a\\b",
            ".",
        ] {
            assert!(!is_good(refused), "{refused}");
        }
        for taken in [
            "claude-market",
            "my-claude-plugins",
            "x-claude-marketplace",
            "claude-plugin",
            "claude-x-official",
            "official-x-claude",
            "anthropic",
            "anthropics-plugins",
            "claude-code-official",
            "claude-code-marketplaces",
            "claude-x-plugins",
            "Upper_case.x!",
        ] {
            assert!(is_good(taken), "{taken}");
        }
        assert_eq!(problem("claude-code-plugins", &from("anthropics")), None);
    }
}
