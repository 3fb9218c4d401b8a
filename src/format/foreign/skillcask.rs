//! `skills.lock` of `skillcask`: each package is a commit of a repository with several skills. Other tools have files of
//! this name too, and those are refused as a whole.

use serde_json::{Map, Value};

use super::{Entry, Pin, folder, not_git, require_version, text};
use crate::error::{Error, Kind, Result};
use crate::model::source::Commit;
use crate::model::url::GitUrl;

pub(super) fn read(raw: &Map<String, Value>) -> Result<Vec<Entry>> {
    require_version(raw, "version", &["1", "2"])?;
    let packages = match raw.get("package") {
        None if raw.len() == 1 => return Ok(Vec::new()),
        packages => packages.and_then(Value::as_array),
    };
    let packages = packages.ok_or_else(|| Error::new(Kind::Invalid, "it has no `[[package]]`"))?;
    Ok(packages.iter().flat_map(skills_of).collect())
}

fn skills_of(package: &Value) -> Vec<Entry> {
    let whole = text(package, "name").unwrap_or("a package without a name");
    let skills = package.get("skills").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if skills.is_empty() {
        let why = Error::new(Kind::Invalid, "the lock names no skill of it");
        return vec![Entry { name: whole.to_owned(), pin: Err(why) }];
    }
    let entry = |skill| Entry { name: text(skill, "name").unwrap_or(whole).to_owned(), pin: pin(package, skill) };
    skills.iter().map(entry).collect()
}

fn pin(package: &Value, skill: &Value) -> Result<Pin> {
    let dist = package.get("dist").unwrap_or(&Value::Null);
    let address = text(dist, "url").unwrap_or_default();
    if text(dist, "type") != Some("git") {
        return Err(not_git(address));
    }
    let place = folder(text(skill, "path").unwrap_or_default())?;
    let reference = text(dist, "reference").ok_or_else(|| Error::new(Kind::Invalid, "it has no `dist.reference`"))?;
    // Its versions are the tags that it chose.
    let mut pin = Pin::new(GitUrl::parse_typed(address)?, place).at_reference(text(package, "version"))?;
    pin.commit = Some(Commit::parse(reference)?);
    Ok(pin)
}
