//! `apm.lock.yaml`. Of its MCP servers there is nothing to read: what it wrote of them is in the client's own file.

use serde_json::{Map, Value};

use super::{Entry, Pin, folder, local, not_git, require_version, text};
use crate::error::{Error, Kind, Result};
use crate::model::redact::excerpt;
use crate::model::relpath::RelPath;
use crate::model::source::Commit;
use crate::model::url::GitUrl;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>> {
    // Real locks are lists of maps of texts; the rest of YAML is there for nobody but an attacker.
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { flow_nesting_limit: 32, max_depth: 32, max_aliases: 1_000, max_documents: 1 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 8 },
    };
    let raw: Map<String, Value> = serde_saphyr::from_slice_with_options(bytes, options)
        .map_err(|cause| Error::new(Kind::Invalid, excerpt(&cause.to_string())))?;
    require_version(&raw, "lockfile_version", &["1", "2"])?;
    match raw.get("dependencies") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(entries)) => Ok(entries.iter().map(entry).collect()),
        Some(_) => Err(Error::new(Kind::Invalid, "`dependencies` is not a list")),
    }
}

fn entry(raw: &Value) -> Entry {
    let address = text(raw, "repo_url").unwrap_or_default();
    let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    // What apm calls the folder that it writes: a part of a repository by its folder, else the repository.
    let name = text(raw, "virtual_path").map(last).unwrap_or_else(|| last(address.trim_end_matches(".git")));
    Entry { name, pin: pin(raw, address) }
}

fn pin(raw: &Value, address: &str) -> Result<Pin> {
    match text(raw, "source") {
        Some("local") => return Err(local(text(raw, "local_path").unwrap_or(address))),
        Some("registry") => return Err(not_git(address)),
        _ if address.is_empty() => return Err(Error::new(Kind::Invalid, "it has no `repo_url`")),
        _ => {}
    }
    let is_whole = address.contains("://") || address.contains('@');
    let url = match text(raw, "host").filter(|_| !is_whole) {
        Some(host) => GitUrl::parse(&format!("https://{host}/{address}"))?,
        None => GitUrl::parse_typed(address)?,
    };
    let mut pin = Pin::new(url, folder(text(raw, "virtual_path").unwrap_or_default())?)
        .at_reference(text(raw, "resolved_ref"))?;
    if let Some(commit) = text(raw, "resolved_commit") {
        pin.commit = Some(Commit::parse(commit)?);
    }
    let written = raw.get("deployed_files").and_then(Value::as_array).into_iter().flatten();
    pin.written = written.filter_map(|file| RelPath::parse(file.as_str()?).ok()).collect();
    Ok(pin)
}
