//! Real git on both sides: a served repository made with the `git` program, and the cache that reads it.

#![allow(clippy::expect_used)]

mod changes;
mod fetching;
mod healing;
mod limits;
mod packages;
mod proof;
mod servers;
mod tags;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use git2::{ObjectType, Oid, Repository};
use tempfile::TempDir;

use super::command::Git;
use super::process::Limits;
use super::{Cache, Network, Reading, held};
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefName, RefWant};
use crate::model::url::GitUrl;
use crate::progress::Progress;

/// Keeps what it is told.
#[derive(Default)]
struct Log {
    steps: Mutex<Vec<String>>,
    details: Mutex<Vec<String>>,
    warnings: Mutex<Vec<String>>,
}

impl Progress for Log {
    fn step(&self, text: &str) {
        held(&self.steps).push(text.to_owned());
    }
    fn fetching(&self, place: &str, _: &str) {
        held(&self.steps).push(place.to_owned());
    }
    fn fetched(&self, _: &str) {}
    fn detail(&self, text: &str) {
        held(&self.details).push(text.to_owned());
    }
    fn warn(&self, text: &str) {
        held(&self.warnings).push(text.to_owned());
    }
}

impl Log {
    /// How many git processes were started.
    fn processes(&self) -> usize {
        held(&self.details).iter().filter(|detail| detail.starts_with("git ")).count()
    }
}

/// A served repository, a home and a cache in one temporary folder.
struct World {
    dir: TempDir,
    log: Log,
}

impl World {
    /// A repository with partial fetches switched on and two commits: `first` tagged, `main` with branch `feature/x`.
    fn new() -> Self {
        let world = World::without_options();
        world.git(&["config", "uploadpack.allowFilter", "true"]);
        world.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        world
    }

    /// The same on a server that has only what git has by default.
    fn without_options() -> Self {
        let world = World { dir: tempfile::tempdir().expect("a directory"), log: Log::default() };
        for folder in ["served", "home", "bin"] {
            std::fs::create_dir(world.path(folder)).expect("a folder");
        }
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.write("skills/pdf/SKILL.md", "one\n");
        world.write("skills/pdf/scripts/run.sh", "#!/bin/sh\n");
        world.write("skills/other/SKILL.md", "other\n");
        world.write("README.md", "read me\n");
        world.git(&["add", "."]);
        world.git(&["update-index", "--chmod=+x", "skills/pdf/scripts/run.sh"]);
        world.git(&["commit", "--quiet", "-m", "first"]);
        world.git(&["tag", "light"]);
        world.git(&["tag", "-a", "annotated", "-m", "a tag"]);
        world.git(&["branch", "feature/x"]);
        world.write("skills/pdf/SKILL.md", "two\n");
        world.git(&["add", "."]);
        world.git(&["commit", "--quiet", "-m", "second"]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path("served").join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }

    /// Runs git in the served repository.
    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.env_clear().envs(self.environment(&[])).current_dir(self.path("served")).args(arguments);
        command.envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b")]);
        command.envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@b")]);
        let output = command.output().expect("git");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn commit(&self, revision: &str) -> Commit {
        Commit::parse(&self.git(&["rev-parse", &format!("{revision}^{{commit}}")])).expect("a commit")
    }

    fn url(&self) -> GitUrl {
        GitUrl::parse_typed(self.path("served").to_str().expect("text")).expect("an address")
    }

    /// An environment that sees nothing of the person who runs the tests.
    fn environment(&self, more: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [("PATH".into(), path), ("HOME".into(), self.path("home").into())];
        let system = ("GIT_CONFIG_NOSYSTEM".into(), "1".into());
        own.into_iter().chain([system]).chain(more.iter().map(|(name, value)| (name.into(), value.into()))).collect()
    }

    fn cache_with(&self, network: Network, more: &[(&str, &str)]) -> Cache<'_> {
        let quickly = Limits { backoff: [Duration::from_millis(1); 2], ..Limits::default() };
        self.cache_limited(network, more, quickly)
    }

    fn cache_limited(&self, network: Network, more: &[(&str, &str)], limits: Limits) -> Cache<'_> {
        let git = Git::new(self.environment(more)).limited(limits);
        Cache::with_git(self.path("cache/git-v1"), network, &self.log, git)
    }

    fn cache(&self) -> Cache<'_> {
        self.cache_with(Network::Online, &[])
    }

    fn offline(&self) -> Cache<'_> {
        self.cache_with(Network::Offline, &[])
    }

    /// The served repository over ssh, and a stand-in for `ssh` that is this script.
    fn over_ssh(&self, script: &str) -> (GitUrl, String) {
        let ssh = self.path("bin/ssh");
        std::fs::write(&ssh, script).expect("a script");
        std::fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
        let url = format!("ssh://git@example.invalid{}", self.path("served").display());
        (GitUrl::parse(&url).expect("an address"), ssh.to_str().expect("text").to_owned())
    }

    /// The cache repository for [`World::url`].
    fn cached(&self) -> Repository {
        Repository::open_bare(self.cache().repository(&self.url())).expect("a cache repository")
    }

    /// A commit in the served repository on a tree of raw entries; git itself would refuse to make many of them.
    fn serve_tree(&self, entries: &[(&str, &[u8], Oid)]) -> Commit {
        let served = Repository::open(self.path("served")).expect("the served repository");
        let tree = raw_tree(&served, entries);
        let commit = self.git(&["commit-tree", "-m", "raw", &tree.to_string()]);
        self.git(&["update-ref", "refs/heads/raw", &commit]);
        Commit::parse(&commit).expect("a commit")
    }

    fn serve_blob(&self, bytes: &[u8]) -> Oid {
        Repository::open(self.path("served")).expect("the served repository").blob(bytes).expect("a blob")
    }
}

fn raw_tree(repository: &Repository, entries: &[(&str, &[u8], Oid)]) -> Oid {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    repository.odb().expect("objects").write(ObjectType::Tree, &bytes).expect("a tree")
}

fn path(text: &str) -> RelPath {
    RelPath::parse(text).expect("a path")
}

fn branch(name: &str) -> RefWant {
    RefWant::Branch(RefName::parse(name).expect("a name"))
}

fn tag(name: &str) -> RefWant {
    RefWant::Tag(RefName::parse(name).expect("a name"))
}

fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}
