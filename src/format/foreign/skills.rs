//! `skills-lock.json` of a project, and the like of it that `skills` keeps for a user. Neither names a commit.

use serde_json::{Map, Value};

use super::{Entry, Folder, Pin, folder, local, not_git, require_version, text};
use crate::error::{Error, Kind, Result};
use crate::model::url::GitUrl;

pub(super) fn read(raw: &Map<String, Value>) -> Result<Vec<Entry>> {
    require_version(raw, "version", &["1", "3"])?;
    let skills = raw.get("skills").and_then(Value::as_object);
    let skills = skills.ok_or_else(|| Error::new(Kind::Invalid, "it has no `skills`"))?;
    Ok(skills.iter().map(|(name, entry)| Entry { name: name.clone(), pin: pin(entry) }).collect())
}

fn pin(entry: &Value) -> Result<Pin> {
    let source = text(entry, "source").ok_or_else(|| Error::new(Kind::Invalid, "it has no `source`"))?;
    let address = text(entry, "sourceUrl").unwrap_or(source);
    let is_whole = address.contains("://") || address.contains('@');
    let url = match text(entry, "sourceType").unwrap_or("github") {
        "github" | "git" => GitUrl::parse_typed(address)?,
        "gitlab" if is_whole => GitUrl::parse(address)?,
        "gitlab" => GitUrl::parse(&format!("https://gitlab.com/{address}"))?,
        "local" | "node_modules" => return Err(local(source)),
        _ => return Err(not_git(source)),
    };
    // The path is that of the file, with its name.
    let place = match text(entry, "skillPath") {
        Some(path) => folder(path.strip_suffix("SKILL.md").unwrap_or(path))?,
        None => Folder::Unknown,
    };
    Pin::new(url, place).at_reference(text(entry, "ref"))
}
