//! Whether an index was only appended to: what any commit listed must be listed now, but for marks of releases that were
//! taken back.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::Checked;
use crate::format::index_edit;
use crate::fsx;
use crate::git::history;
use crate::ops::Context;

/// Where the lines are.
const PACKAGES: &str = "packages";

/// What a file lists, by version.
type Promises = BTreeMap<String, Map<String, Value>>;

/// Compares the folder with every commit of its history. A history that cannot be read whole is said so: it may be cut
/// off where CI cloned it, or belong to somebody else.
pub(super) fn check(context: &Context<'_>, dir: &Path, checked: &mut Checked) {
    let mut now: BTreeMap<String, Promises> = BTreeMap::new();
    let mut findings = BTreeMap::new();
    let extent = history::walk(dir, PACKAGES, &mut |path, bytes| {
        if !path.ends_with(".jsonl") {
            return;
        }
        let path = format!("{PACKAGES}/{path}");
        let present = now.entry(path.clone()).or_insert_with(|| {
            // What cannot be read is a finding of its own.
            promises(&fsx::read_optional(&dir.join(&path)).ok().flatten().unwrap_or_default())
        });
        for (version, promise) in promises(bytes) {
            let problem = match present.get(&version) {
                None => "was published, and is no longer listed",
                Some(now) if *now != promise => "is listed otherwise than when it was published",
                Some(_) => continue,
            };
            findings.entry((path.clone(), version)).or_insert(problem);
        }
    });
    match extent {
        Ok(extent) => {
            if extent.is_some_and(|extent| extent.is_shallow) {
                context.progress.warn(
                    "the git history was cut off when it was cloned, so older releases are not compared; `git fetch --unshallow` brings it",
                );
            }
            checked.commits = extent.map(|extent| extent.commits);
        }
        Err(error) => {
            let why: String = error.causes().iter().map(|cause| format!(": {cause}")).collect();
            context.progress.warn(&format!("{error}, so it is not compared{why}"));
        }
    }
    for ((path, version), problem) in findings {
        checked.say(path, format!("{version} {problem}"));
    }
}

/// The first line of each version, as it counts for clients; a line that is no JSON object promised nothing.
fn promises(bytes: &[u8]) -> Promises {
    let mut found = Promises::new();
    for promise in String::from_utf8_lossy(bytes).lines().filter_map(index_edit::promise) {
        if let Some(version) = promise.get("version").and_then(Value::as_str) {
            let version = version.to_owned();
            found.entry(version).or_insert(promise);
        }
    }
    found
}
