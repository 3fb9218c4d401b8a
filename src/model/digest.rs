//! Digests that carry their scheme: `t1:` over a package tree, `s1:` over what it can run.
//!
//! `t1` is SHA-256 over `cpm-tree-v1\n` and one line `mode size sha256 path\n` per file, sorted by path bytes; the
//! shell pipeline in `docs/formats.md` computes the same.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::redact::quoted;
use super::tree::Tree;
use crate::error::{Error, Kind, Result};

/// SHA-256 of one file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileDigest([u8; 32]);

impl FileDigest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        FileDigest(Sha256::digest(bytes).into())
    }

    /// 64 lower-case hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads what [`FileDigest::hex`] wrote.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text).map(FileDigest)
    }
}

/// The identity of a package's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeDigest([u8; 32]);

/// The identity of everything in a package that can run or reach out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SurfaceDigest([u8; 32]);

impl TreeDigest {
    /// The digest of a tree.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"cpm-tree-v1\n");
        for (path, file) in tree.files() {
            let mode = if file.executable { "100755" } else { "100644" };
            let content = file.digest().hex();
            hash.update(format!("{mode} {} {content} {path}\n", file.bytes.len()));
        }
        TreeDigest(hash.finalize().into())
    }

    /// The hex digits without the scheme: the name of the store entry.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads what [`TreeDigest::hex`] wrote.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text).map(TreeDigest)
    }
}

impl SurfaceDigest {
    /// The digest of a surface in canonical JSON.
    #[must_use]
    pub fn of_canonical(json: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"cpm-surface-v1\n");
        hash.update(json);
        SurfaceDigest(hash.finalize().into())
    }
}

macro_rules! scheme {
    ($type:ident, $prefix:literal) => {
        impl $type {
            /// Parses the scheme prefix and 64 lower-case hex digits.
            ///
            /// # Errors
            /// [`Kind::Lock`] when the scheme is unknown or the digits are not exactly that.
            pub fn parse(text: &str) -> Result<Self> {
                text.strip_prefix($prefix).and_then(parse_hex).map($type).ok_or_else(|| {
                    let wanted = concat!("it must be `", $prefix, "` and 64 lower-case hex digits");
                    Error::new(Kind::Lock, format!("`{}` is not a checksum this cpm knows", quoted(text)))
                        .because(wanted)
                })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), hex(&self.0))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    };
}

scheme!(TreeDigest, "t1:");
scheme!(SurfaceDigest, "s1:");

fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::TreeFile;

    fn t1(files: &[(&str, bool, &str)]) -> String {
        let files = files.iter().map(|(path, executable, text)| {
            TreeFile::parse(path, *executable, text.as_bytes().to_vec()).expect("a valid path")
        });
        TreeDigest::of(&Tree::new(files).expect("a valid tree")).to_string()
    }

    /// The vectors of security.md §4.2, on which Rust, Python, a shell pipeline and a reader of git agree. V0 (no
    /// files) is not a package and is tested in `tree`.
    #[test]
    fn vectors() {
        let hi = "hi\n";
        for (name, files, want) in [
            ("V1", vec![("SKILL.md", false, hi)], "adc893db38f5ee6dd91831a7b416823fb8811770e9c4d01b2c0c486f24a658a2"),
            ("V2", vec![("SKILL.md", true, hi)], "44efb570032d5b9a816338cf60ff561aa3b468061a39811b636fa1d55d2431a5"),
            (
                "V3",
                vec![("SKILL.md", false, hi), ("scripts/run.sh", true, "#!/bin/sh\necho ok\n")],
                "4798ff41600a763bfb68ec255a9ac7a9b98aa53faec19848e875d8f0e5706ef4",
            ),
            (
                "V4",
                vec![("a/b", false, "1"), ("a.b", false, "2"), ("aB", false, "3")],
                "863ccdc0b5134a789ce318155323ef6fc7e33979399e50fe29ab7da6cce7cec9",
            ),
            (
                "V5a",
                vec![("SKILL.md", false, "safe\n"), ("a.sh", false, "b.shecho hi\n")],
                "e5336a67e24b0841b7e2101156eb07ed8e6958dfb403f0e1d2030a3307d598ce",
            ),
            (
                "V5b",
                vec![("SKILL.md", false, "safe\n"), ("a.sh", false, ""), ("b.sh", false, "echo hi\n")],
                "7338bfd39ba6b945ab8c658840dc8803805a45d02956e9612e59c43c09435377",
            ),
            (
                "V6",
                vec![("SKILL.md", false, ""), ("r\u{e9}f.md", false, "x")],
                "4696d1285bea868aad18319f893a3175f0b09983998406038e5bd06ed55f7ea8",
            ),
            (
                "V7",
                vec![("SKILL.md", false, "hi\r\n")],
                "44d8c04c830b84e2da457da065c5053b3bd5416961515a1c0cfd0785e21f03c3",
            ),
        ] {
            assert_eq!(t1(&files), format!("t1:{want}"), "{name}");
        }
    }

    #[test]
    fn only_the_exact_form_parses() {
        let good = format!("t1:{}", "0a".repeat(32));
        assert_eq!(TreeDigest::parse(&good).expect("valid").to_string(), good);
        for bad in ["", "t1:", "t9:00", &good.to_uppercase(), &good[..66], &format!("{good}0")] {
            assert!(TreeDigest::parse(bad).is_err(), "{bad}");
        }
    }
}
