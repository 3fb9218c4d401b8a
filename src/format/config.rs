//! Reads the user's `config.toml`: what holds on this machine, whatever a project says. Unknown keys are errors,
//! because a misspelt one would silently ask another host.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, Kind, Result};
use crate::model::mirrors::{AddressPrefix, Mirrors};
use crate::model::redact::excerpt;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    mirrors: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Reads the mirrors from a configuration; `path` is for messages.
///
/// # Errors
/// [`Kind::Invalid`], or [`Kind::Policy`] for an address that cpm does not fetch from, with the file and the line.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Mirrors> {
    parse_bytes(bytes).map_err(|error| error.at_path(path).help(format!("correct `{}` and run again", path.display())))
}

fn parse_bytes(bytes: &[u8]) -> Result<Mirrors> {
    let invalid = |why: String| Error::new(Kind::Invalid, "your cpm configuration is not valid").because(why);
    let text = std::str::from_utf8(bytes)
        .map_err(|cause| invalid(format!("line {} is not UTF-8", line_of(&bytes[..cause.valid_up_to()]))))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let raw: RawConfig = toml::from_str(text).map_err(|cause| invalid(excerpt(&cause.to_string())))?;
    let mut mirrors = Mirrors::default();
    for (from, to) in &raw.mirrors {
        let in_line = |at: &Spanned<String>, error: &Error| {
            let line = line_of(&text.as_bytes()[..at.span().start]);
            about_mirror(line, error)
        };
        let prefix =
            |text: &Spanned<String>| AddressPrefix::parse(text.get_ref()).map_err(|error| in_line(text, &error));
        mirrors.add(prefix(from)?, prefix(to)?).map_err(|error| in_line(from, &error))?;
    }
    Ok(mirrors)
}

/// The error for a line. Its place is to be the file, so what an address names as its place becomes a cause.
fn about_mirror(line: usize, error: &Error) -> Error {
    let place = error.place().map(|place| format!(": {place}")).unwrap_or_default();
    let outer = Error::new(error.kind(), format!("the mirror in line {line} is not valid"))
        .because(format!("{}{place}", error.message()));
    let outer = error.causes().iter().fold(outer, Error::because);
    match error.help_text() {
        Some(help) => outer.help(help),
        None => outer,
    }
}

/// The number of the line that begins or goes on after these bytes.
fn line_of(before: &[u8]) -> usize {
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::url::GitUrl;

    #[test]
    fn the_example_of_the_guide_reads() {
        let text = "[mirrors]\n\"https://github.com/\" = \"https://git.acme.dev/mirrors/github/\"\n";
        let mirrors = parse(text.as_bytes(), Path::new("config.toml")).expect("a configuration");
        let url = GitUrl::parse("https://github.com/o/r").expect("an address");
        let asked = mirrors.of(&url).expect("an address").expect("a mirror");
        assert_eq!(asked.as_str(), "https://git.acme.dev/mirrors/github/o/r");
        assert_eq!(parse(b"", Path::new("config.toml")).expect("empty"), Mirrors::default());
    }

    #[test]
    fn mistakes_name_the_file_and_the_line() {
        for (text, kind, line, needle) in [
            ("\n[mirror]\n", Kind::Invalid, "line 2", "mirror"),
            ("[mirrors]\n\"https://a.example/\" = 1\n", Kind::Invalid, "line 2", "string"),
            ("mirrors = [\"x\"]\n", Kind::Invalid, "line 1", "map"),
            ("[mirrors\n", Kind::Invalid, "line 1", "TOML"),
            (
                "[mirrors]\n\n\"https://a.example\" = \"https://me:s3cret@b.example\"",
                Kind::Invalid,
                "line 3",
                "credentials",
            ),
            ("[mirrors]\n\"https://a.example\" = \"http://b.example\"", Kind::Policy, "line 2", "plain http"),
            ("[mirrors]\n\"github\" = \"https://b.example\"", Kind::Invalid, "line 2", "github"),
            (
                "[mirrors]\n\"https://a.example\" = \"https://b.example\"\n\"https://a.example/\" = \"https://c.example\"",
                Kind::Invalid,
                "line 3",
                "two mirrors",
            ),
        ] {
            let error = parse(text.as_bytes(), Path::new("config.toml")).expect_err(text);
            let whole = format!("{error:?}");
            assert_eq!((error.kind(), error.place()), (kind, Some("config.toml")), "{whole}");
            assert!(whole.contains(line) && whole.contains(needle) && !whole.contains("s3cret"), "{text}: {whole}");
            assert!(error.help_text().is_some());
        }
        let error = parse(b"[mirrors]\n# \xff\n", Path::new("config.toml")).expect_err("not UTF-8");
        assert!(format!("{error:?}").contains("line 2"));
    }
}
