//! Edits `cpm.toml` as `cargo add` would: comments, order and spelling of everything else stay.

use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use crate::error::{Error, Kind, Result};
use crate::model::dependency::{Dependency, Origin, Placement};
use crate::model::index::IndexConfig;
use crate::model::name::{IndexName, PackageName, SkillName};
use crate::model::redact::excerpt;
use crate::model::source::RefWant;

/// A manifest being edited.
#[derive(Debug)]
pub struct Editor(DocumentMut);

impl Editor {
    /// Opens the text of a manifest; an empty text is an empty manifest.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when it is not TOML.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        text.parse().map(Editor).map_err(|cause: toml_edit::TomlError| {
            Error::new(Kind::Invalid, "the manifest is not valid").at_path(path).because(excerpt(&cause.to_string()))
        })
    }

    /// Writes or replaces a dependency. A new one goes where the order wants it, if there is one, else to the end: in a
    /// sorted table branches that add different packages merge clean.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when `[dependencies]` is not a table.
    pub fn set_dependency(&mut self, name: &PackageName, dependency: &Dependency) -> Result<()> {
        let table = self.table("dependencies")?;
        let value = dependency_value(name, dependency);
        match table.get_mut(name.as_str()).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = value;
                *old.decor_mut() = decor;
            }
            None => {
                let lines = table.iter().filter(|(_, item)| item.is_value());
                let is_sorted = lines.map(|(key, _)| key).is_sorted();
                table.insert(name.as_str(), Item::Value(value));
                if is_sorted {
                    table.sort_values();
                }
            }
        }
        Ok(())
    }

    /// Removes a dependency; whether it was there.
    pub fn remove_dependency(&mut self, name: &PackageName) -> bool {
        self.remove("dependencies", name.as_str())
    }

    /// Writes or replaces an index, after the last one.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when `[indexes]` is not a table.
    pub fn set_index(&mut self, index: &IndexConfig) -> Result<()> {
        let mut value = InlineTable::new();
        value.insert("git", index.url.as_str().into());
        if let Some(branch) = &index.branch {
            value.insert("branch", branch.as_str().into());
        }
        if !index.packages.is_empty() {
            let patterns = index.packages.iter().map(ToString::to_string);
            value.insert("packages", Value::Array(patterns.collect()));
        }
        if let Some(age) = index.min_release_age {
            value.insert("min-release-age", format!("{}d", age.days()).into());
        }
        if let Some(signers) = &index.signers {
            value.insert("signers", signers.as_str().into());
        }
        self.table("indexes")?.insert(index.name.as_str(), Item::Value(value.into()));
        Ok(())
    }

    /// Removes an index; whether it was there.
    pub fn remove_index(&mut self, name: &IndexName) -> bool {
        self.remove("indexes", name.as_str())
    }

    /// The edited text.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    fn remove(&mut self, table: &str, key: &str) -> bool {
        self.0.get_mut(table).and_then(Item::as_table_like_mut).is_some_and(|table| table.remove(key).is_some())
    }

    fn table(&mut self, name: &str) -> Result<&mut dyn toml_edit::TableLike> {
        let had_content = !self.0.as_table().is_empty();
        let item = self.0.entry(name).or_insert_with(|| {
            let mut table = Table::new();
            if had_content {
                table.decor_mut().set_prefix("\n");
            }
            Item::Table(table)
        });
        item.as_table_like_mut().ok_or_else(|| Error::new(Kind::Invalid, format!("`{name}` is not a table")))
    }
}

fn dependency_value(name: &PackageName, dependency: &Dependency) -> Value {
    let mut table = InlineTable::new();
    let mut put = |key: &str, value: Value| {
        table.insert(key, value);
    };
    match &dependency.origin {
        Origin::Index { requirement, index } => {
            if index.is_none() || *requirement != crate::model::version::Requirement::Any {
                put("version", requirement.to_string().into());
            }
            if let Some(index) = index {
                put("index", index.as_str().into());
            }
        }
        Origin::Git { url, path, want } => {
            put("git", url.as_str().into());
            if let Some(path) = path {
                put("path", path.as_str().into());
            }
            match want {
                RefWant::Head => {}
                RefWant::Branch(branch) => put("branch", branch.as_str().into()),
                RefWant::Tag(tag) => put("tag", tag.as_str().into()),
                RefWant::Rev(commit) => put("rev", commit.as_str().into()),
            }
        }
        Origin::Dir(path) => put("path", path.as_str().into()),
    }
    if dependency.package != *name {
        put("package", dependency.package.as_str().into());
    }
    match dependency.placement {
        Some(Placement::Plugin) => put("placement", "plugin".into()),
        Some(Placement::Loose) => put("placement", "loose".into()),
        None => {}
    }
    if let Some(skills) = &dependency.skills {
        put("skills", skills.iter().map(SkillName::as_str).collect::<toml_edit::Array>().into());
    }
    if !dependency.servers.is_empty() {
        let renames = dependency.servers.iter().map(|(old, new)| (old.as_str(), Value::from(new.as_str())));
        put("servers", renames.collect::<InlineTable>().into());
    }
    if dependency.allow_unpinned {
        put("allow-unpinned", true.into());
    }
    if let Some(signers) = &dependency.signers {
        put("signers", signers.as_str().into());
    }
    match (table.len(), table.get("version")) {
        (1, Some(version)) => version.clone().decorated(" ", ""),
        _ => table.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::manifest;
    use crate::model::version::Requirement;

    fn plain(name: &str, requirement: &str) -> (PackageName, Dependency) {
        let name = PackageName::parse(name).expect("a name");
        let requirement = Requirement::parse(requirement).expect("a requirement");
        (name.clone(), Dependency::plain(name, Origin::Index { requirement, index: None }))
    }

    #[test]
    fn comments_and_order_stay() {
        let path = Path::new("cpm.toml");
        let before = "# ours\n[dependencies]\nzeta = \"1\" # pinned by ops\nbeta = \"1.0\"\n\n[indexes]\nacme = { git = 'o/r' }\n";
        let mut editor = Editor::parse(before, path).expect("TOML");
        let (name, dependency) = plain("alpha", "2.1");
        editor.set_dependency(&name, &dependency).expect("a table");
        let (zeta, newer) = plain("zeta", "3");
        editor.set_dependency(&zeta, &newer).expect("a table");
        let text = editor.text();
        assert!(text.contains("zeta = \"3\" # pinned by ops\nbeta = \"1.0\"\nalpha = \"2.1\"\n"), "{text}");
        assert!(editor.remove_dependency(&name));
        assert_eq!(editor.text(), before.replace("\"1\"", "\"3\""));
    }

    #[test]
    fn a_sorted_table_stays_sorted() {
        let before =
            "[dependencies]\nalpha = \"1\"\n# pinned by ops\nzeta = \"1\"\n\n[dependencies.big]\npath = \"x\"\n";
        let mut editor = Editor::parse(before, Path::new("cpm.toml")).expect("TOML");
        let (name, dependency) = plain("beta", "2");
        editor.set_dependency(&name, &dependency).expect("a table");
        assert_eq!(editor.text(), before.replace("# pinned", "beta = \"2\"\n# pinned"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let path = Path::new("cpm.toml");
        let text = "[indexes]\nacme = { git = \"https://github.com/o/r\", branch = \"main\" }\n\n[dependencies]\n\
            a = \"1.2\"\nb = { index = \"acme\" }\nc = { git = \"https://github.com/o/r\", path = \"x\", tag = \"v1\" }\n\
            d = { path = \"skills/d\" }\n\
            e = { version = \"2\", package = \"ee\", placement = \"plugin\", skills = [\"s\"], servers = { g = \"h\" }, allow-unpinned = true }\n";
        let manifest = manifest::parse(text, path).expect("a manifest");
        let mut editor = Editor::parse("", path).expect("TOML");
        manifest.indexes.iter().for_each(|index| editor.set_index(index).expect("a table"));
        for (name, dependency) in &manifest.dependencies {
            editor.set_dependency(name, dependency).expect("a table");
        }
        assert_eq!(editor.text(), text);
    }
}
