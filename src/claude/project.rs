//! Which directory is "the project", read from the file system as git lays it out; no process is started.

use std::path::{Path, PathBuf};

/// A git checkout around some directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The top of the work tree.
    pub top: PathBuf,
    /// The directory that all work trees of the repository share: `.git` of the main one.
    pub common: PathBuf,
}

impl Checkout {
    /// The checkout that `dir` is in.
    #[must_use]
    pub fn around(dir: &Path) -> Option<Checkout> {
        let top = dir.ancestors().find(|dir| dir.join(".git").exists())?;
        let dot_git = top.join(".git");
        if dot_git.is_dir() {
            return Some(Checkout { top: top.to_path_buf(), common: dot_git });
        }
        // A linked work tree or a submodule: a file that names the real directory.
        let text = std::fs::read_to_string(&dot_git).ok()?;
        let git_dir = top.join(text.strip_prefix("gitdir:")?.trim());
        let common = match std::fs::read_to_string(git_dir.join("commondir")) {
            Ok(text) => git_dir.join(text.trim()),
            Err(_) => git_dir,
        };
        Some(Checkout { top: top.to_path_buf(), common: common.canonicalize().unwrap_or(common) })
    }

    /// The top of the main work tree, under whose path the client keeps its state [claude-code.md §2.3].
    #[must_use]
    pub fn main_top(&self) -> &Path {
        // Only a linked work tree has its `.git` elsewhere *and* shares it; a submodule is a project of its own.
        match self.common.parent() {
            Some(parent) if self.common.file_name().is_some_and(|name| name == ".git") => parent,
            _ => &self.top,
        }
    }
}

/// The path under which the client keeps what it knows of a project [claude-code.md §2.3].
#[must_use]
pub fn key(dir: &Path) -> PathBuf {
    let checkout = Checkout::around(dir);
    let key = checkout.as_ref().map_or(dir, Checkout::main_top);
    key.canonicalize().unwrap_or_else(|_| key.to_path_buf())
}

/// The project that `dir` belongs to: the nearest directory with `cpm.toml`, else the top of the git checkout; never
/// the root of the file system or one of `never`.
#[must_use]
pub fn find_root(dir: &Path, never: &[PathBuf]) -> Option<PathBuf> {
    let allowed = |dir: &Path| is_project_dir(dir, never);
    let with_manifest = dir.ancestors().find(|dir| allowed(dir) && dir.join("cpm.toml").is_file());
    with_manifest.map(Path::to_path_buf).or_else(|| Checkout::around(dir).map(|c| c.top).filter(|top| allowed(top)))
}

/// Whether a directory may be a project at all.
#[must_use]
pub fn is_project_dir(dir: &Path, never: &[PathBuf]) -> bool {
    dir.parent().is_some() && never.iter().all(|never| dir != never)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    #[test]
    fn the_nearest_manifest_wins_over_git() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().join("repo");
        std::fs::create_dir_all(top.join(".git")).expect("a folder");
        std::fs::create_dir_all(top.join("a/b")).expect("a folder");
        let never = [dir.path().join("home")];
        assert_eq!(find_root(&top.join("a/b"), &never), Some(top.clone()));
        touch(&top.join("a/cpm.toml"), "");
        assert_eq!(find_root(&top.join("a/b"), &never), Some(top.join("a")));
        assert_eq!(find_root(&top, std::slice::from_ref(&top)), None, "the home directory is no project");
        assert_eq!(find_root(Path::new("/"), &never), None);
    }

    #[test]
    fn linked_work_trees_share_the_key_and_submodules_do_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let base = dir.path().canonicalize().expect("a path");
        touch(&base.join("main/.git/worktrees/w/commondir"), "../..\n");
        touch(&base.join("main/.git/modules/s/HEAD"), "");
        touch(&base.join("w/.git"), &format!("gitdir: {}\n", base.join("main/.git/worktrees/w").display()));
        touch(&base.join("main/s/.git"), "gitdir: ../.git/modules/s\n");
        let linked = Checkout::around(&base.join("w")).expect("a checkout");
        assert_eq!((linked.top.as_path(), linked.main_top()), (base.join("w").as_path(), base.join("main").as_path()));
        let submodule = Checkout::around(&base.join("main/s")).expect("a checkout");
        assert_eq!(submodule.main_top(), base.join("main/s"));
    }
}
