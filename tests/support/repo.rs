//! Git repositories made from text: each commit is a list of files.

use std::path::{Path, PathBuf};

use super::{World, git, write};

/// A repository with a work tree; cpm fetches from it over `file://`, or over HTTP through `support::http`.
pub struct Repo {
    dir: PathBuf,
}

impl Repo {
    /// A repository `name` in the world's `repos` folder with one commit. An executable file's path ends in `*`.
    pub fn new(world: &World, name: &str, files: &[(&str, &str)]) -> Self {
        let repo = Repo { dir: world.path("repos").join(name) };
        std::fs::create_dir_all(&repo.dir).expect("a folder");
        git(&repo.dir, &["init", "-q", "-b", "main"]);
        git(&repo.dir, &["config", "uploadpack.allowFilter", "true"]);
        git(&repo.dir, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        repo.commit(files);
        repo
    }

    /// A marketplace: its entries as JSON, and files.
    pub fn marketplace(world: &World, name: &str, entries: &str, files: &[(&str, &str)]) -> Self {
        let json = format!(r#"{{"name":"{name}","owner":{{"name":"o"}},"plugins":[{entries}]}}"#);
        let mut all = vec![(".claude-plugin/marketplace.json", json.as_str())];
        all.extend_from_slice(files);
        Repo::new(world, name, &all)
    }

    /// Writes files over what is there and commits; the new commit's id.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let (path, executable) = path.strip_suffix('*').map_or((*path, false), |path| (path, true));
            write(&self.dir.join(path), text);
            git(&self.dir, &["add", path]);
            if executable {
                git(&self.dir, &["update-index", "--chmod=+x", path]);
            }
        }
        git(&self.dir, &["commit", "-q", "--allow-empty", "-m", "change"]);
        self.head()
    }

    /// Removes files and commits.
    pub fn remove(&self, paths: &[&str]) -> String {
        let mut args = vec!["rm", "-q", "-r", "--"];
        args.extend_from_slice(paths);
        git(&self.dir, &args);
        git(&self.dir, &["commit", "-q", "-m", "remove"]);
        self.head()
    }

    pub fn head(&self) -> String {
        git(&self.dir, &["rev-parse", "HEAD"])
    }

    /// Runs any git command in the repository.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.dir, args)
    }

    /// The work tree.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Deletes the whole repository.
    pub fn delete(self) {
        std::fs::remove_dir_all(self.dir).expect("removed");
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.dir.display())
    }
}
