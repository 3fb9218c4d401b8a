//! A file as one look shows it: of two equal looks, neither found other bytes than the other.

use std::path::Path;

/// What one `stat` says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Sight {
    /// The file at a path; `None` for anything else, and where the platform has no such numbers.
    pub(super) fn of(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let file = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
            let modified = (file.mtime(), file.mtime_nsec());
            Some(Sight { device: file.dev(), inode: file.ino(), size: file.size(), modified })
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            None
        }
    }
}
