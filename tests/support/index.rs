//! A cpm index in a repository, made release by release; it hosts the content itself.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cpm::format::index_line;
use cpm::model::digest::TreeDigest;
use cpm::model::name::PackageName;
use cpm::model::tree::{Tree, TreeFile};
use serde_json::{Value, json};

use super::{Repo, World, skill};

pub struct Index {
    pub repo: Repo,
    lines: RefCell<BTreeMap<String, String>>,
}

impl Index {
    pub fn new(world: &World, name: &str) -> Self {
        let about = format!("schema = 1\nname = \"{name}\"\n");
        Index { repo: Repo::new(world, name, &[("index.toml", &about)]), lines: RefCell::default() }
    }

    /// An index that the project asks first.
    pub fn added(world: &World, name: &str) -> Self {
        let index = Index::new(world, name);
        world.ok(&["index", "add", name, &index.repo.url()]);
        index
    }

    /// Publishes a lone skill that says its version and needs others.
    pub fn release(&self, name: &str, version: &str, needs: &[(&str, &str)]) {
        self.publish(name, version, needs, &[("SKILL.md", &skill(name, version))]);
    }

    /// Publishes any files.
    pub fn publish(&self, name: &str, version: &str, needs: &[(&str, &str)], files: &[(&str, &str)]) {
        let path = format!("content/{name}/{version}");
        let line = self.line(name, version, needs, files, &json!({ "path": path }));
        let paths: Vec<String> = files.iter().map(|(file, _)| format!("{path}/{file}")).collect();
        let mut all: Vec<(&str, &str)> =
            paths.iter().zip(files).map(|(path, (_, text))| (path.as_str(), *text)).collect();
        all.push((line.0.as_str(), line.1.as_str()));
        self.repo.commit(&all);
    }

    /// Lists a package that lies in another repository.
    pub fn list(&self, name: &str, version: &str, needs: &[(&str, &str)], repo: &Repo, files: &[(&str, &str)]) {
        let source = json!({ "git": repo.url(), "commit": repo.head() });
        let line = self.line(name, version, needs, files, &source);
        self.repo.commit(&[(&line.0, &line.1)]);
    }

    /// Marks all releases of a package as yanked.
    pub fn yank(&self, name: &str, reason: &str) {
        self.yank_if(name, reason, |_| true);
    }

    /// Marks one release as yanked.
    pub fn yank_release(&self, name: &str, version: &str, reason: &str) {
        self.yank_if(name, reason, |line| line["version"] == version);
    }

    fn yank_if(&self, name: &str, reason: &str, is_meant: impl Fn(&Value) -> bool) {
        let mut lines = self.lines.borrow_mut();
        let text = lines.get_mut(name).expect("a published name");
        let marked = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("a line");
            if is_meant(&line) {
                line["yanked"] = reason.into();
            }
            format!("{line}\n")
        });
        *text = marked.collect();
        self.repo.commit(&[(&file_of(name), text.as_str())]);
    }

    /// The file of a package with one more line.
    fn line(
        &self,
        name: &str,
        version: &str,
        needs: &[(&str, &str)],
        files: &[(&str, &str)],
        source: &Value,
    ) -> (String, String) {
        let needs: Vec<Value> = needs.iter().map(|(name, req)| json!({ "name": name, "req": req })).collect();
        let line = json!({
            "name": name, "version": version, "source": source, "checksum": checksum(files), "dependencies": needs,
        });
        let mut lines = self.lines.borrow_mut();
        let text = lines.entry(name.to_owned()).or_default();
        text.push_str(&format!("{line}\n"));
        (file_of(name), text.clone())
    }
}

/// The file of a package in an index.
pub fn file_of(name: &str) -> String {
    index_line::file_of(&PackageName::parse(name).expect("a package name"))
}

/// The `t1` of plain files; an executable one's path ends in `*`.
pub fn checksum(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(path, text)| {
        let (path, executable) = path.strip_suffix('*').map_or((*path, false), |path| (path, true));
        TreeFile::parse(path, executable, text.as_bytes().to_vec()).expect("a path")
    });
    TreeDigest::of(&Tree::new(files).expect("a tree")).to_string()
}
