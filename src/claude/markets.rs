//! What the client notes of marketplaces and of the plugins that it installed from them by itself [claude-code.md §1.2,
//! §1.3]. All of it is only read.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::paths::{Machine, ScopePlaces};
use super::settings::strict_json;
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::index::IndexConfig;
use crate::model::name::IndexName;
use crate::model::scope::Scope;
use crate::model::source::{Commit, RefName};
use crate::model::url::GitUrl;

/// A plugin as the client installed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its own copy of the files.
    pub copy: PathBuf,
    /// The version that it says.
    pub version: String,
    /// The commit that it noted; an update does not refresh it, so only the files prove it.
    pub commit: Option<Commit>,
}

/// One of the client's notes.
#[derive(Debug, Clone)]
pub struct Notes {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds; nothing where there is no file.
    pub values: Map<String, Value>,
}

impl Notes {
    /// The marketplaces that the client knows, by name.
    ///
    /// # Errors
    /// [`Kind::ClientFile`] when the client cannot read the file either.
    pub fn marketplaces(machine: &Machine) -> Result<Self> {
        Self::read(machine, "known_marketplaces.json")
    }

    /// The plugins that the client installed.
    ///
    /// # Errors
    /// [`Kind::ClientFile`] when it is no JSON.
    pub fn installed(machine: &Machine) -> Result<Self> {
        Self::read(machine, "installed_plugins.json")
    }

    fn read(machine: &Machine, file: &str) -> Result<Self> {
        let path = machine.config.join("plugins").join(file);
        let values = match fsx::read_optional(&path)? {
            None => Map::new(),
            Some(bytes) => match strict_json(&bytes) {
                Ok(Value::Object(values)) => values,
                Ok(_) => return Err(unreadable(&path, "it is not a JSON object")),
                Err(why) => return Err(unreadable(&path, &why)),
            },
        };
        Ok(Notes { path, values })
    }

    /// The record of a plugin that fits a scope best; the copy is the same for all of them.
    #[must_use]
    pub fn record(&self, id: &str, places: &ScopePlaces) -> Option<Installed> {
        let records = self.records(id)?;
        let base = (places.scope != Scope::User).then_some(places.base.as_path());
        let record = records.iter().find(|record| fits(record, places.scope, base)).or_else(|| records.first())?;
        let text = |key: &str| record.get(key).and_then(Value::as_str);
        Some(Installed {
            copy: PathBuf::from(text("installPath")?),
            version: text("version").unwrap_or_default().to_owned(),
            commit: text("gitCommitSha").and_then(|text| Commit::parse(text).ok()),
        })
    }

    /// Whether there is a record of a plugin for a scope, and for the folder of its project if it has one.
    #[must_use]
    pub fn has(&self, id: &str, scope: Scope, base: Option<&Path>) -> bool {
        self.records(id).is_some_and(|records| records.iter().any(|record| fits(record, scope, base)))
    }

    fn records(&self, id: &str) -> Option<&Vec<Value>> {
        self.values.get("plugins")?.get(id)?.as_array()
    }
}

fn fits(record: &Value, scope: Scope, base: Option<&Path>) -> bool {
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    text("scope") == Some(scope.name()) && base.is_none_or(|base| text("projectPath") == base.to_str())
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::new(Kind::ClientFile, format!("`{}` cannot be read", path.display()))
        .at_path(path)
        .because(why)
        .help("start `claude`, which makes it anew or says what is wrong with it")
}

/// The index that a marketplace is, where it lies in a git repository.
///
/// # Errors
/// [`Kind::Invalid`] with what it is instead.
pub fn as_index(name: &str, source: &Value) -> Result<IndexConfig> {
    let text = |key: &str| source.get(key).and_then(Value::as_str);
    let refuse = |why: String| {
        Error::new(Kind::Invalid, format!("the marketplace `{name}` {why}"))
            .help("an index is a git repository: `cpm index add NAME URL`, then `cpm install PLUGIN --index NAME`")
    };
    let url = match text("source") {
        Some("github") => GitUrl::parse_typed(text("repo").unwrap_or_default())?,
        Some("git") if text("path").is_some() => {
            return Err(refuse("is not at the top of its repository".to_owned()));
        }
        Some("git") => GitUrl::parse_typed(text("url").unwrap_or_default())?,
        Some("directory" | "file") => {
            return Err(refuse(format!("is the folder `{}` on this machine", text("path").unwrap_or_default())));
        }
        other => return Err(refuse(format!("comes from `{}`, not from git", other.unwrap_or("nowhere")))),
    };
    let plain = name.to_ascii_lowercase().replace(['_', '.', ' '], "-");
    let branch = text("ref").map(RefName::parse).transpose()?;
    Ok(IndexConfig { branch, ..IndexConfig::plain(IndexName::parse(&plain)?, url) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_marketplace_in_git_is_an_index_and_others_say_what_they_are() {
        let index = |source: Value| as_index("My_Market", &source);
        let github = index(json!({"source": "github", "repo": "o/r", "ref": "main"})).expect("an index");
        assert_eq!((github.name.as_str(), github.url.as_str()), ("my-market", "https://github.com/o/r"));
        assert_eq!(github.branch.expect("a branch").as_str(), "main");
        assert!(index(json!({"source": "git", "url": "https://h.dev/r.git"})).is_ok());
        for (source, words) in [
            (json!({"source": "directory", "path": "/x"}), "the folder `/x`"),
            (json!({"source": "git", "url": "https://h.dev/r", "path": "a"}), "not at the top"),
            (json!({"source": "npm", "package": "x"}), "`npm`"),
            (json!({"source": "git", "url": "https://u:tok@h.dev/r"}), "not an address"),
            (json!({"source": "github"}), "not an address"),
            (json!("x"), "`nowhere`"),
        ] {
            let error = format!("{:?}", index(source).expect_err(words));
            assert!(error.contains(words) && !error.contains("tok"), "{words}: {error}");
        }
    }
}
