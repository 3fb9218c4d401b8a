//! `RelPath`: the only way to name a file inside a package.
//!
//! Invariant: joined to any directory on any platform it stays inside, and no two platforms read it as different
//! files. Hostile paths are refused, never normalised [security.md §4.2].

use std::fmt;
use std::path::{Path, PathBuf};

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::error::{Error, Kind, Result};

/// Longest path in bytes; the longest real one had 186 [real-world.md §7].
pub const MAX_PATH: usize = 200;
/// Longest component in bytes.
pub const MAX_COMPONENT: usize = 100;
/// Deepest nesting in components.
pub const MAX_DEPTH: usize = 20;

/// A relative path of valid components, joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(String);

impl RelPath {
    /// Parses a path as it stands in a git tree or a manifest.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] with the component and the rule it breaks.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: String| {
            let shown = text.escape_debug();
            Err(Error::new(Kind::UnsafeTree, format!("`{shown}` is not a safe path in a package")).because(why))
        };
        if text.len() > MAX_PATH {
            return refuse(format!("it is longer than {MAX_PATH} bytes"));
        }
        if text.split('/').count() > MAX_DEPTH {
            return refuse(format!("it is nested deeper than {MAX_DEPTH}"));
        }
        for component in text.split('/') {
            if let Err(why) = check_component(component) {
                return refuse(why);
            }
        }
        Ok(RelPath(text.to_owned()))
    }

    /// The path as text, `/`-separated.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components from the top.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Every directory above this path, outermost first.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }

    /// This path below `dir`, if it is there.
    #[must_use]
    pub fn strip_dir(&self, dir: &RelPath) -> Option<RelPath> {
        let rest = self.0.strip_prefix(&dir.0)?.strip_prefix('/')?;
        Some(RelPath(rest.to_owned()))
    }

    /// `self/child`.
    ///
    /// # Errors
    /// [`Kind::UnsafeTree`] when the result is too long or too deep.
    pub fn join(&self, child: &RelPath) -> Result<RelPath> {
        RelPath::parse(&format!("{}/{}", self.0, child.0))
    }

    /// The path below `root` on this machine.
    #[must_use]
    pub fn below(&self, root: &Path) -> PathBuf {
        let mut path = root.to_path_buf();
        path.extend(self.components());
        path
    }

    /// A key that is equal for any two paths that some file system takes for the same.
    #[must_use]
    pub fn fold_key(text: &str) -> String {
        if text.is_ascii() {
            return text.to_ascii_lowercase();
        }
        let composed: String = text.nfc().collect();
        caseless::default_case_fold_str(&composed).nfc().collect()
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for RelPath {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

/// Checks one component, as a git tree names it.
fn check_component(component: &str) -> std::result::Result<(), String> {
    if component.is_empty() {
        return Err("a component is empty, or the path is absolute".to_owned());
    }
    if component == "." || component == ".." {
        return Err(format!("`{component}` leads elsewhere"));
    }
    if component.len() > MAX_COMPONENT {
        return Err(format!("a component is longer than {MAX_COMPONENT} bytes"));
    }
    if let Some(bad) = component.chars().find(|c| is_forbidden(*c)) {
        return Err(format!("it contains U+{:04X}", u32::from(bad)));
    }
    if component.starts_with(' ') || component.ends_with([' ', '.']) {
        return Err("a component starts with a space, or ends with a space or a dot".to_owned());
    }
    if component.starts_with('-') {
        return Err("a component starts with `-`, which programs read as an option".to_owned());
    }
    if is_git_lookalike(component) {
        return Err("a component reads as `.git` on some file system".to_owned());
    }
    if is_device_name(component) {
        return Err("a component is a device name on Windows".to_owned());
    }
    let is_composed = match is_nfc_quick(component.chars()) {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => component.nfc().eq(component.chars()),
    };
    if !is_composed {
        return Err("it is not in Unicode normal form C".to_owned());
    }
    Ok(())
}

fn is_forbidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    }
    c.is_whitespace()
        || matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::Surrogate
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

/// `.git` in any case, and NTFS short names for it. HFS+ and stream forms fall to the character rules.
fn is_git_lookalike(component: &str) -> bool {
    let lower = component.to_ascii_lowercase();
    lower == ".git" || lower.strip_prefix("git~").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether Windows opens a device for this name, whatever its extension.
pub(crate) fn is_device_name(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$") {
        return true;
    }
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    port.is_some_and(|n| {
        let mut digits = n.chars();
        matches!((digits.next(), digits.next()), (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_pass() {
        for good in
            ["SKILL.md", "a/b.c/d", ".claude-plugin/plugin.json", "r\u{e9}f.md", "a b.md", ".gitignore", "com10"]
        {
            assert_eq!(RelPath::parse(good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn hostile_paths_are_refused() {
        let long = "a".repeat(101);
        let deep = ["d"; 21].join("/");
        for bad in [
            "",
            ".",
            "..",
            "/etc/passwd",
            "a//b",
            "a/../../x",
            "a/",
            ".git",
            ".GiT/config",
            "git~1/x",
            ".g\u{200c}it/x",
            "..\\..\\x",
            "a\nb",
            "a\u{1b}b",
            "e\u{301}.md",
            "CON.md",
            "aux",
            "nul.txt",
            "COM\u{b9}",
            "CONIN$",
            "a.",
            "a ",
            " a",
            "SKILL.md:evil",
            "a*b",
            "a\u{202e}b",
            "-rf",
            "a\u{a0}b",
            "a\u{e0041}",
            "a\u{2028}b",
            &long,
            &deep,
        ] {
            assert_eq!(RelPath::parse(bad).expect_err(bad).kind(), Kind::UnsafeTree);
        }
    }

    #[test]
    fn fold_keys_meet_where_file_systems_do() {
        for (a, b) in [("README", "readme"), ("stra\u{df}e", "STRASSE"), ("\u{212a}", "k"), ("\u{130}", "i\u{307}")] {
            assert_eq!(RelPath::fold_key(a), RelPath::fold_key(b), "{a} {b}");
        }
        assert_ne!(RelPath::fold_key("a"), RelPath::fold_key("b"));
    }
}
