//! Tells a literal secret from a reference, a placeholder and an ordinary setting.
//!
//! Invariant: a value is never returned, only the name of what it is; no entropy is guessed at [security.md §4.9].

use serde_json::Value;

/// What a value under a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing to say about it.
    Ordinary,
    /// The author meant the user to fill it in.
    Placeholder,
    /// A secret, written out.
    Literal(&'static str),
}

/// Prefixes that issuers give their tokens, how many characters follow at least, and what that is.
#[rustfmt::skip]
const PREFIXES: [(&str, usize, &str); 24] = [
    ("ghp_", 20, "a GitHub token"), ("gho_", 20, "a GitHub token"), ("ghs_", 20, "a GitHub token"),
    ("ghu_", 20, "a GitHub token"), ("ghr_", 20, "a GitHub token"), ("github_pat_", 20, "a GitHub token"),
    ("glpat-", 16, "a GitLab token"), ("sk-ant-", 20, "an Anthropic key"), ("sk-proj-", 20, "an OpenAI key"),
    ("sk_live_", 16, "a Stripe key"), ("rk_live_", 16, "a Stripe key"), ("AKIA", 16, "an AWS key"),
    ("ASIA", 16, "an AWS key"), ("AIza", 30, "a Google key"), ("xoxa-", 10, "a Slack token"),
    ("xoxb-", 10, "a Slack token"), ("xoxp-", 10, "a Slack token"), ("xoxs-", 10, "a Slack token"),
    ("npm_", 30, "an npm token"), ("pypi-", 30, "a PyPI token"), ("hf_", 30, "a Hugging Face token"),
    ("lin_api_", 20, "a Linear key"), ("ntn_", 30, "a Notion token"), ("eyJ", 20, "a JSON web token"),
];

/// Last words of a key that names a secret.
const SECRET_WORDS: [&str; 21] = [
    "token",
    "tokens",
    "key",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "secret",
    "secrets",
    "pass",
    "password",
    "passwd",
    "passphrase",
    "pat",
    "pwd",
    "auth",
    "authorization",
    "credential",
    "credentials",
    "authtoken",
];

/// Words before `key` that make it something public.
const PUBLIC_WORDS: [&str; 6] = ["public", "cache", "sort", "primary", "partition", "registry"];

/// Parts of a value that the author wrote for the user to replace.
const PLACEHOLDER_PARTS: [&str; 18] = [
    "your",
    "replace",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "example",
    "insert",
    "todo",
    "xxxx",
    "dummy",
    "redacted",
    "enter-",
    "enter_",
    "_here",
    "-here",
    "sample",
    "...",
];

/// Whole values that are settings, or nothing.
const PLAIN_VALUES: [&str; 16] = [
    "true", "false", "none", "null", "auto", "default", "oauth", "oauth2", "basic", "bearer", "adc", "iam", "env",
    "keychain", "test", "optional",
];

/// Judges the value of a variable, header or option.
pub(super) fn judge(key: &str, value: &str) -> Verdict {
    if let Some(what) = known(value) {
        return Verdict::Literal(what);
    }
    if !names_secret(key) {
        return Verdict::Ordinary;
    }
    let (literal, is_whole) = expand(value);
    if !is_whole || (literal.is_empty() && !value.is_empty()) {
        return Verdict::Ordinary;
    }
    let literal = without_scheme(literal.trim());
    let lower = literal.to_ascii_lowercase();
    let is_short_number = (1..=6).contains(&literal.len()) && literal.bytes().all(|b| b.is_ascii_digit());
    let is_place = ["/", "./", "../", "~/"].iter().any(|start| literal.starts_with(start)) || literal.contains("://");
    if is_place || is_short_number || PLAIN_VALUES.contains(&lower.as_str()) {
        Verdict::Ordinary
    } else if is_placeholder(literal) || key.eq_ignore_ascii_case(literal) {
        Verdict::Placeholder
    } else {
        Verdict::Literal("a secret")
    }
}

/// Finds a token of a known issuer anywhere in a text, in the default of a reference too.
pub(super) fn known(text: &str) -> Option<&'static str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let found = PREFIXES.iter().find(|(prefix, least, what)| {
        text.match_indices(prefix).any(|(at, _)| {
            let rest = &text[at + prefix.len()..];
            let tail = &rest[..rest.find(|c: char| !is_part(c)).unwrap_or(rest.len())];
            let is_start = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let is_token = *what != "a JSON web token" || rest[tail.len()..].starts_with(".eyJ");
            is_start && tail.len() >= *least && is_token && !is_placeholder(tail)
        })
    });
    let is_private_key = || text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----");
    found.map(|(_, _, what)| *what).or_else(|| is_private_key().then_some("a private key"))
}

/// The first token of a known issuer in any text of a JSON value.
pub(super) fn known_in(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(text) => known(text),
        Value::Array(items) => items.iter().find_map(known_in),
        Value::Object(members) => members.values().find_map(known_in),
        _ => None,
    }
}

/// Whether the last word of a key says that its value is secret.
pub(super) fn names_secret(key: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for c in key.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && was_lower) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    let is_public = words.iter().any(|word| PUBLIC_WORDS.contains(&word.as_str()));
    !is_public && words.last().is_some_and(|word| SECRET_WORDS.contains(&word.as_str()))
}

/// The text as written out, with defaults for references; and whether no reference lacks one.
pub(super) fn expand(text: &str) -> (String, bool) {
    let (mut expanded, mut is_whole, mut rest) = (String::new(), true, text);
    while let Some((before, reference)) = rest.split_once("${") {
        let (inner, after) = reference.split_once('}').unwrap_or((reference, ""));
        let default = inner.split_once(":-").map(|(_, default)| default);
        is_whole &= default.is_some();
        expanded.push_str(before);
        expanded.push_str(default.unwrap_or_default());
        rest = after;
    }
    expanded.push_str(rest);
    (expanded, is_whole)
}

fn without_scheme(value: &str) -> &str {
    let is_scheme = |word: &str| ["bearer", "basic", "token", "apikey"].contains(&word.to_ascii_lowercase().as_str());
    value.split_once(' ').filter(|(word, _)| is_scheme(word)).map_or(value, |(_, rest)| rest.trim())
}

fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let mut letters = lower.bytes().filter(u8::is_ascii_alphanumeric);
    let first = letters.next();
    let is_one_letter = letters.all(|letter| Some(letter) == first);
    let brackets = [('<', '>'), ('[', ']'), ('{', '}'), ('%', '%')];
    let is_bracketed = brackets.iter().any(|(open, close)| value.starts_with(*open) && value.ends_with(*close));
    let is_variable = value.contains('_') && value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    // `api-key`, `secret`
    let is_its_own_name = value.len() <= 12 && names_secret(value);
    is_one_letter
        || is_bracketed
        || is_variable
        || is_its_own_name
        || value.starts_with('$')
        || PLACEHOLDER_PARTS.iter().any(|part| lower.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that no scanner takes this file for a leak.
    fn token(prefix: &str, length: usize) -> String {
        prefix.chars().chain("a1B2c3D4e5".chars().cycle().take(length)).collect()
    }

    #[test]
    fn tokens_of_known_issuers() {
        for (prefix, least, what) in PREFIXES.iter().filter(|(prefix, ..)| *prefix != "eyJ") {
            assert_eq!(known(&format!("x {}", token(prefix, *least))), Some(*what), "{prefix}");
            assert_eq!(known(&format!("${{V:-{}}}", token(prefix, *least))), Some(*what), "{prefix}");
            assert_eq!(known(&token(prefix, least - 1)), None, "{prefix}");
            assert_eq!(known(&format!("{prefix}{}", "x".repeat(*least))), None, "{prefix}");
        }
        let web = format!("{}.{}.sig", token("eyJ", 20), token("eyJ", 20));
        assert_eq!(known(&web), Some("a JSON web token"));
        assert_eq!(known(&token("eyJ", 40)), None);
        assert_eq!(known(&format!("-----BEGIN {} PRIVATE KEY-----", "EC")), Some("a private key"));
        assert_eq!(known(&format!("AKIA{}EXAMPLE", "IOSFODNN7")), None);
        assert_eq!(known("the key starts with sk-ant-, ghp_ or AKIA"), None);
        assert_eq!(known_in(&serde_json::json!({"a": ["x", {"b": token("ghp_", 36)}]})), Some("a GitHub token"));
    }

    #[test]
    fn keys_that_name_a_secret() {
        for key in [
            "GITHUB_TOKEN",
            "apiKey",
            "X-API-Key",
            "DB_PASSWORD",
            "client-secret",
            "Authorization",
            "APIKEY",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(names_secret(key), "{key}");
        }
        for key in [
            "PATH",
            "AUTHOR",
            "TOKEN_LIMIT",
            "AUTH_TYPE",
            "MONKEY",
            "SECRET_NAME",
            "PUBLIC_KEY",
            "KEYBOARD",
            "",
            "TOKENIZER",
        ] {
            assert!(!names_secret(key), "{key}");
        }
    }

    #[test]
    fn literals_references_and_placeholders() {
        for value in ["hunter2", "Bearer abc123def", "${TOKEN:-hunter2}", "s3cr3t-v4lue", "pa55 word"] {
            assert_eq!(judge("API_TOKEN", value), Verdict::Literal("a secret"), "{value}");
            assert_eq!(judge("REGION", value), Verdict::Ordinary);
        }
        for value in [
            "",
            "...",
            "<token>",
            "YOUR_API_KEY",
            "your-key",
            "changeme",
            "REPLACE_WITH_KEY",
            "xxxx",
            "****",
            "API_TOKEN",
            "{{token}}",
            "$TOKEN",
            "Bearer <token>",
            "sk-ant-xxxxxxxx",
            "api-key",
            "secret",
            "TODO",
        ] {
            assert_eq!(judge("API_TOKEN", value), Verdict::Placeholder, "{value}");
        }
        for value in [
            "${TOKEN}",
            "${T:-}",
            "Bearer ${TOKEN}",
            "${user_config.token}",
            "x-${A}",
            "true",
            "oauth",
            "8000",
            "/run/secrets/t",
            "~/.t",
            "https://x.example/t",
        ] {
            assert_eq!(judge("API_TOKEN", value), Verdict::Ordinary, "{value}");
        }
    }
}
