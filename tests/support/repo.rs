//! Git repositories made from text: each commit is a list of files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{World, git, write};

/// A repository with a work tree; cpm fetches from it over `file://`, or over HTTP through `support::http`.
pub struct Repo {
    dir: PathBuf,
}

impl Repo {
    /// A repository `name` in the world's `repos` folder with one commit. An executable file's path ends in `*`.
    pub fn new(world: &World, name: &str, files: &[(&str, &str)]) -> Self {
        let repo = Repo::empty(world, name);
        repo.commit(files);
        repo
    }

    /// A repository with one commit of many files, which are made without a work tree: later commits still add to them.
    pub fn import(world: &World, name: &str, files: impl IntoIterator<Item = (String, String)>) -> Self {
        let repo = Repo::empty(world, name);
        let mut stream = b"commit refs/heads/main\ncommitter t <t@example.com> 0 +0000\ndata 6\nimport\n".to_vec();
        for (path, text) in files {
            stream.extend(format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len()).bytes());
        }
        let mut import = Command::new("git");
        import.current_dir(&repo.dir).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
        let mut import = import.spawn().expect("git runs");
        import.stdin.take().expect("a pipe").write_all(&stream).expect("written");
        assert!(import.wait().expect("an end").success(), "git fast-import");
        git(&repo.dir, &["read-tree", "HEAD"]);
        repo
    }

    fn empty(world: &World, name: &str) -> Self {
        let repo = Repo { dir: world.path("repos").join(name) };
        std::fs::create_dir_all(&repo.dir).expect("a folder");
        git(&repo.dir, &["init", "-q", "-b", "main"]);
        git(&repo.dir, &["config", "uploadpack.allowFilter", "true"]);
        git(&repo.dir, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        repo
    }

    /// Gives the repository this many tags, all of its present commit.
    pub fn tag_often(&self, count: usize) {
        let head = self.head();
        let refs: String = (0..count).map(|at| format!("{head} refs/tags/t{at:05}\n")).collect();
        write(&self.dir.join(".git/packed-refs"), format!("# pack-refs with: peeled fully-peeled sorted \n{refs}"));
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
