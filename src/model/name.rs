//! Names the client accepts [claude-code.md §2.7, §3]. A name that exists can be a directory, a key and a tool prefix.

use std::borrow::Borrow;
use std::fmt;

use super::redact::quoted;
use crate::error::{Error, Kind, Result};

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Parses a name.
            ///
            /// # Errors
            /// [`Kind::Invalid`] with the rule that `text` breaks.
            pub fn parse(text: &str) -> Result<Self> {
                $check(text).map(|()| Self(text.to_owned()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The name of a package: what `cpm install` takes and what a lone skill's folder is called.
    PackageName,
    check_package
);
name_type!(
    /// The folder name of a skill, which is the name the client shows.
    SkillName,
    check_skill
);
name_type!(
    /// The key of an MCP server entry.
    ServerName,
    check_server
);
name_type!(
    /// What a manifest calls one of its indexes.
    IndexName,
    check_index
);

impl PackageName {
    /// The name of the skill that a package of this name is when it is one.
    #[must_use]
    pub fn to_skill(&self) -> SkillName {
        SkillName(self.0.clone())
    }
}

const MAX_NAME: usize = 64;
/// Newer clients keep `synced` for themselves [claude-code.md §3.3].
const RESERVED_FOLDERS: [&str; 1] = ["synced"];
/// Refused or skipped by the client, or special keys in JavaScript [claude-code.md §2.7].
const RESERVED_SERVERS: [&str; 5] = ["workspace", "claude-in-chrome", "computer-use", "constructor", "__proto__"];

fn invalid(what: &str, text: &str, why: impl fmt::Display) -> Error {
    Error::new(Kind::Invalid, format!("`{}` is not a valid {what} name: {why}", quoted(text)))
}

fn check_kebab(what: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(invalid(what, text, "it is empty"));
    }
    if text.len() > MAX_NAME {
        return Err(invalid(what, text, format!("it is longer than {MAX_NAME} characters")));
    }
    if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        let why = format!("U+{:04X} is not one of a-z, 0-9 and `-`", u32::from(bad));
        return Err(invalid(what, text, why));
    }
    if text.starts_with('-') {
        return Err(invalid(what, text, "it starts with `-`"));
    }
    if super::relpath::is_device_name(text) {
        return Err(invalid(what, text, "it is a device name on Windows"));
    }
    Ok(())
}

fn check_folder(what: &str, text: &str) -> Result<()> {
    check_kebab(what, text)?;
    if RESERVED_FOLDERS.contains(&text) {
        return Err(invalid(what, text, "Claude Code keeps this name for itself"));
    }
    Ok(())
}

fn check_package(text: &str) -> Result<()> {
    check_folder("package", text)
}

fn check_skill(text: &str) -> Result<()> {
    check_folder("skill", text)
}

fn check_index(text: &str) -> Result<()> {
    check_kebab("index", text)?;
    if text == "builtin" {
        return Err(invalid("index", text, "cpm's own index has it"));
    }
    Ok(())
}

/// Whether the client keeps the name of a server for itself.
#[must_use]
pub fn is_reserved_server(text: &str) -> bool {
    RESERVED_SERVERS.contains(&text)
}

fn check_server(text: &str) -> Result<()> {
    const WHAT: &str = "MCP server";
    if text.is_empty() || text.len() > MAX_NAME {
        return Err(invalid(WHAT, text, format!("it must have 1 to {MAX_NAME} characters")));
    }
    if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_')) {
        let why = format!("U+{:04X} is not a letter, digit, `-` or `_`", u32::from(bad));
        return Err(invalid(WHAT, text, why));
    }
    if is_reserved_server(text) {
        return Err(invalid(WHAT, text, "Claude Code keeps this name for itself"));
    }
    if text.contains("__") {
        return Err(invalid(WHAT, text, "`__` separates server and tool in tool names"));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid(WHAT, text, "it is a number, which JSON objects reorder"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_are_plain_ascii() {
        for good in ["a", "github-tools", "3d", "a--b", "trail-"] {
            assert!(PackageName::parse(good).is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        let cyrillic = "p\u{430}ckage";
        for bad in ["", "-a", "A", "a_b", "a.b", "../x", "a/b", "con", "nul", "synced", cyrillic, &long] {
            let error = PackageName::parse(bad).expect_err(bad);
            assert_eq!(error.kind(), Kind::Invalid);
        }
        assert!(PackageName::parse(cyrillic).expect_err("cyrillic").message().contains("U+0430"));
    }

    #[test]
    fn server_names_follow_the_client() {
        for good in ["github", "My_Server-1", "-lead"] {
            assert!(ServerName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "has space", "dot.ted", "workspace", "a__b", "123", "__proto__", "é"] {
            assert!(ServerName::parse(bad).is_err(), "{bad}");
        }
    }
}
