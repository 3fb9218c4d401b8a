//! By what contents are told apart, whatever they are.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::{IoContext as _, Kind, Result};
use crate::fsx;
use crate::model::digest::{FileDigest, TreeDigest};

/// What is at a path: the digest of a file or folder, where a link leads, or nothing.
///
/// # Errors
/// [`Kind::FileSystem`] when that cannot be read: then nobody may take it for something else.
pub(super) fn identity(path: &Path) -> Result<Option<String>> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let metadata = match std::fs::symlink_metadata(path) {
        Err(cause) if matches!(cause.kind(), NotFound | NotADirectory) => return Ok(None),
        metadata => metadata.path("look at", path)?,
    };
    if metadata.is_dir() {
        return match fsx::tree::read(path) {
            Ok(tree) => Ok(Some(TreeDigest::of(&tree).to_string())),
            Err(error) if error.kind() == Kind::FileSystem => Err(error),
            // No package, so not from cpm; still it must be known again.
            Err(_) => outline(path).map(Some),
        };
    }
    if metadata.is_symlink() {
        let target = std::fs::read_link(path).path("read the link", path)?;
        return Ok(Some(format!("link to {}", target.display())));
    }
    if !metadata.is_file() {
        // Reading a pipe would wait for ever.
        return Ok(Some("foreign".to_owned()));
    }
    let bytes = std::fs::read(path).path("read", path)?;
    Ok(Some(FileDigest::of(&bytes).hex()))
}

/// A digest of the names in a folder with the size and time of each.
fn outline(root: &Path) -> Result<String> {
    let mut text = String::new();
    for name in fsx::tree::list(root)? {
        let path = root.join(&name);
        let metadata = std::fs::symlink_metadata(&path).path("look at", &path)?;
        let _ = writeln!(text, "{name}\n{} {:?}", metadata.len(), metadata.modified().ok());
    }
    Ok(format!("folder {}", FileDigest::of(text.as_bytes()).hex()))
}
