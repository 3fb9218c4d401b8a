//! `agents.lock` of `dotagents`; older ones call the commit otherwise, or name none.

use serde_json::{Map, Value};

use super::{Entry, Pin, folder, local, not_git, require_version, text};
use crate::error::{Error, Kind, Result};
use crate::model::source::Commit;
use crate::model::url::GitUrl;

pub(super) fn read(raw: &Map<String, Value>) -> Result<Vec<Entry>> {
    require_version(raw, "version", &["1"])?;
    let skills = match raw.get("skills") {
        None => return Ok(Vec::new()),
        Some(skills) => skills.as_object().ok_or_else(|| Error::new(Kind::Invalid, "`skills` is not a table"))?,
    };
    Ok(skills.iter().map(|(name, entry)| Entry { name: name.clone(), pin: pin(entry) }).collect())
}

fn pin(entry: &Value) -> Result<Pin> {
    let source = text(entry, "source").unwrap_or_default();
    if let Some(path) = source.strip_prefix("path:") {
        return Err(local(path));
    }
    // What was found on a web server has an address, and no folder of a repository.
    let Some(path) = text(entry, "resolved_path") else { return Err(not_git(source)) };
    let address = text(entry, "resolved_url").unwrap_or_else(|| source.strip_prefix("git:").unwrap_or(source));
    let mut pin = Pin::new(GitUrl::parse_typed(address)?, folder(path)?).at_reference(text(entry, "resolved_ref"))?;
    if let Some(commit) = text(entry, "resolved_commit").or_else(|| text(entry, "commit")) {
        pin.commit = Some(Commit::parse(commit)?);
    }
    Ok(pin)
}
