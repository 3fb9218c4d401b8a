//! A cpm index in a git repository, line by line, so that lines can also be wrong.

use std::path::Path;

use cpm::format::index_line;
use cpm::fsx;
use cpm::model::digest::TreeDigest;
use cpm::model::name::PackageName;
use serde_json::{Value, json};

use super::{Repo, World};

/// An index; each change of it is a commit.
pub struct IndexRepo {
    pub repo: Repo,
}

impl IndexRepo {
    pub fn new(world: &World, name: &str) -> Self {
        let about = format!("schema = 1\nname = \"{name}\"\n");
        IndexRepo { repo: Repo::new(world, name, &[("index.toml", &about)]) }
    }

    pub fn url(&self) -> String {
        self.repo.url()
    }

    /// Puts the files of a release into the index and returns the line that lists it, which is not added yet.
    pub fn host(&self, name: &str, version: &str, files: &[(&str, &str)]) -> Value {
        let path = format!("content/{name}/{version}");
        let files: Vec<(String, &str)> = files.iter().map(|(file, text)| (format!("{path}/{file}"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), *text)).collect();
        self.repo.commit(&files);
        line(name, version, &json!({ "path": path }), &t1(&self.repo.dir().join(path)))
    }

    /// Appends lines to the files of their packages.
    pub fn list(&self, lines: &[Value]) {
        for line in lines {
            self.append(line["name"].as_str().expect("a name"), &line.to_string());
        }
    }

    /// Hosts releases that are one skill each and lists them.
    pub fn publish(&self, name: &str, versions: &[&str]) {
        for version in versions {
            let line = self.host(name, version, &[("SKILL.md", &super::skill(name, &format!("{name} {version}")))]);
            self.list(&[line]);
        }
    }

    /// Appends any text as a line of a package's file.
    pub fn append(&self, name: &str, line: &str) {
        let file = file_of(name);
        let old = std::fs::read_to_string(self.repo.dir().join(&file)).unwrap_or_default();
        self.repo.commit(&[(&file, &format!("{old}{line}\n"))]);
    }

    /// Replaces all lines of a package, which no honest index does.
    pub fn rewrite(&self, name: &str, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.repo.commit(&[(&file_of(name), &text)]);
    }
}

/// One release.
pub fn line(name: &str, version: &str, source: &Value, checksum: &str) -> Value {
    json!({ "name": name, "version": version, "source": source, "checksum": checksum, "dependencies": [] })
}

/// The checksum of a folder.
pub fn t1(dir: &Path) -> String {
    TreeDigest::of(&fsx::tree::read(dir).expect("a tree")).to_string()
}

fn file_of(name: &str) -> String {
    index_line::file_of(&PackageName::parse(name).expect("a package name"))
}
