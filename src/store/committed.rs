//! The names that a package's files have in a folder that people commit.
//!
//! Git obeys `.gitattributes` and `.gitignore` in any folder: it would change line ends, leave files out, or run a
//! filter over them. So these files get one more `_` in front, and so does whatever would be read back as one of them:
//! the way there and the way back are each other's inverse.

use crate::error::Result;
use crate::model::relpath::RelPath;
use crate::model::tree::{Tree, TreeFile};

/// What git obeys. Some file systems do not tell upper case from lower.
const OBEYED: [&str; 2] = [".gitattributes", ".gitignore"];

/// A package's files under the names they have in the folder.
///
/// # Errors
/// [`crate::error::Kind::UnsafeTree`] when a longer name breaks a limit of paths.
pub(super) fn to_folder(tree: &Tree) -> Result<Tree> {
    renamed(tree, |name| is_concerned(name).then(|| format!("_{name}")))
}

/// A folder's files under the names they have in the package.
///
/// # Errors
/// [`crate::error::Kind::UnsafeTree`] when two would have one name.
pub(super) fn to_package(tree: &Tree) -> Result<Tree> {
    renamed(tree, |name| name.strip_prefix('_').filter(|_| is_concerned(name)).map(str::to_owned))
}

fn is_concerned(name: &str) -> bool {
    let bare = name.trim_start_matches('_');
    OBEYED.iter().any(|obeyed| bare.eq_ignore_ascii_case(obeyed))
}

fn renamed(tree: &Tree, other: impl Fn(&str) -> Option<String>) -> Result<Tree> {
    let files = tree.files().map(|(path, content)| match other(path.file_name()) {
        None => Ok(TreeFile { path: path.clone(), content: content.clone() }),
        Some(name) => {
            let folder = &path.as_str()[..path.as_str().len() - path.file_name().len()];
            Ok(TreeFile { path: RelPath::parse(&format!("{folder}{name}"))?, content: content.clone() })
        }
    });
    Tree::new(files.collect::<Result<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        Tree::new(paths.iter().map(|path| TreeFile::parse(path, false, path.as_bytes().to_vec()).expect("a path")))
            .expect("a tree")
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.files().map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn what_git_obeys_is_renamed_and_comes_back() {
        let package =
            tree(&[".gitignore", "_.gitignore", "a/.GitAttributes", "a/__.gitattributes", "_x", "a.gitignore"]);
        let folder = to_folder(&package).expect("a tree");
        assert_eq!(
            paths(&folder),
            ["_.gitignore", "__.gitignore", "_x", "a.gitignore", "a/_.GitAttributes", "a/___.gitattributes"]
        );
        assert_eq!(to_package(&folder).expect("a tree"), package);
    }

    #[test]
    fn a_folder_in_which_two_files_would_be_one_is_refused() {
        assert!(to_package(&tree(&[".gitignore", "_.gitignore"])).is_err());
    }
}
