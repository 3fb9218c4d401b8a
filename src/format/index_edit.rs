//! Writes the files of a cpm index: one more line at the end, or a mark in a line that is there. All other bytes stay,
//! because an index is appended to and never rewritten.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Result};
use crate::format::json;
use crate::format::json_edit::{Document, Scaffold};
use crate::model::dependency::Need;
use crate::model::digest::TreeDigest;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::relpath::RelPath;
use crate::model::source::Commit;
use crate::model::timestamp::Timestamp;
use crate::model::url::GitUrl;
use crate::model::version::Version;

/// A release that lies in another repository, as a line says it.
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// Its package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// One line about it.
    pub description: Option<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Its repository.
    pub git: GitUrl,
    /// The commit there.
    pub commit: Commit,
    /// The folder there; the whole repository for `None`.
    pub path: Option<RelPath>,
    /// Its bytes.
    pub checksum: TreeDigest,
    /// What it needs.
    pub dependencies: Vec<Need>,
    /// Its skills.
    pub skills: Vec<SkillName>,
    /// Its MCP servers.
    pub servers: Vec<ServerName>,
    /// When the index got it.
    pub published: Timestamp,
}

/// How a release is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is not chosen any more; who has it locked keeps it.
    Yanked,
    /// Nobody gets it, locked or not.
    Revoked,
}

impl Mark {
    /// The field of a line that says so.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Mark::Yanked => "yanked",
            Mark::Revoked => "revoked",
        }
    }
}

impl NewRelease {
    /// Its line as JSON, fields in the order of `docs/formats.md`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut source = Map::from_iter([("git".to_owned(), json!(self.git.as_str()))]);
        source.insert("commit".to_owned(), json!(self.commit.as_str()));
        if let Some(path) = &self.path {
            source.insert("path".to_owned(), json!(path.as_str()));
        }
        let needs = self.dependencies.iter().map(|need| {
            let (name, requirement) = (need.name.as_str(), need.requirement.to_string());
            json!({ "name": name, "req": requirement })
        });
        let mut line = Map::from_iter([("name".to_owned(), json!(self.name))]);
        let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
        put("version", json!(self.version.to_string()));
        if let Some(description) = &self.description {
            put("description", json!(description));
        }
        put("keywords", json!(self.keywords));
        put("source", Value::Object(source));
        put("checksum", json!(self.checksum));
        put("dependencies", needs.collect());
        put("skills", json!(self.skills));
        put("servers", json!(self.servers));
        put("published", json!(self.published.to_string()));
        Value::Object(line)
    }
}

/// The text of a package's file with one more line.
#[must_use]
pub fn append(text: &str, line: &Value) -> String {
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{gap}{line}\n")
}

/// The text of a package's file with a mark and its reason in one line, counted from 1. A reason that is there already
/// is replaced.
///
/// # Errors
/// [`Kind::NotFound`] when there is no such line; [`Kind::Invalid`] when it is not one JSON object.
pub fn mark(text: &str, number: usize, mark: Mark, reason: &str) -> Result<String> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let missing = || Error::new(Kind::NotFound, format!("there is no line {number}"));
    let line = lines.get_mut(number.saturating_sub(1)).ok_or_else(missing)?;
    let invalid = |error: Error| {
        let error = Error::new(Kind::Invalid, format!("line {number} is not a JSON object")).because(error);
        error.help("correct the line; `cpm index check` says what is wrong")
    };
    let bare = line.trim_end_matches(['\n', '\r']);
    let end = &line[bare.len()..];
    let mut document = Document::parse(bare.as_bytes(), Path::new("line")).map_err(invalid)?;
    document.set(&[], mark.field(), &json!(reason), &mut Scaffold::default()).map_err(invalid)?;
    let marked = String::from_utf8_lossy(&document.to_bytes()).into_owned() + end;
    *line = &marked;
    Ok(lines.concat())
}

/// A line without its marks: what a release promised when it was published and must always promise. `None` for what is
/// no JSON object.
#[must_use]
pub fn promise(line: &str) -> Option<Map<String, Value>> {
    let mut object = json::parse_object(line.as_bytes(), "line").ok()?;
    for mark in [Mark::Yanked, Mark::Revoked] {
        object.shift_remove(mark.field());
    }
    Some(object)
}

/// The text of `index.toml` for a new index.
#[must_use]
pub fn about(schema: i64, name: &str) -> String {
    let name = toml_edit::Value::from(name);
    format!("schema = {schema}\nname = {name}\ndescription = \"\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_changes_nothing_but_its_line() {
        let text = "{\"name\": \"x\", \"odd\": 1e400}\n{\"version\":\"2\"}\r\n{}";
        let once = mark(text, 1, Mark::Yanked, "it \"breaks\"").expect("a line");
        assert_eq!(once, text.replace("1e400", "1e400, \"yanked\": \"it \\\"breaks\\\"\""));
        let both = mark(&once, 2, Mark::Revoked, "theft").expect("a line");
        assert_eq!(both, once.replace("\"2\"}\r\n", "\"2\",\"revoked\":\"theft\"}\r\n"));
        assert_eq!(mark(&both, 2, Mark::Revoked, "other").expect("a line"), both.replace("theft", "other"));
        assert_eq!(mark(text, 4, Mark::Yanked, "x").expect_err("no line").kind(), Kind::NotFound);
        assert_eq!(mark("[]\n", 1, Mark::Yanked, "x").expect_err("no object").kind(), Kind::Invalid);
    }

    #[test]
    fn marks_are_no_part_of_what_a_release_promised() {
        let plain = promise(r#"{"version":"1","checksum":"t1:0"}"#).expect("an object");
        assert_eq!(promise(r#"{"version":"1","yanked":"x","checksum":"t1:0","revoked":true}"#), Some(plain.clone()));
        assert_ne!(promise(r#"{"version":"1","checksum":"t1:1"}"#), Some(plain));
        assert_eq!(promise("not json"), None);
    }

    #[test]
    fn a_line_goes_after_the_last_one() {
        let line = json!({ "a": 1 });
        assert_eq!(append("", &line), "{\"a\":1}\n");
        assert_eq!(append("{}\n", &line), "{}\n{\"a\":1}\n");
        assert_eq!(append("{}", &line), "{}\n{\"a\":1}\n");
    }
}
