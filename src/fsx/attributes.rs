//! What a file has besides its bytes: mode, owner, access list and other extended attributes. A file that takes the
//! place of another one gets them, because a rename would lose them.

use std::fs::File;
use std::path::Path;

use crate::error::{Error, IoContext as _, Kind, Result};

/// A rename would replace a file that nobody may write; its owner made it so for a reason.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn refuse_read_only(path: &Path) -> Result<()> {
    let metadata = std::fs::metadata(path).path("look at", path)?;
    if !metadata.permissions().readonly() && may_write(path) {
        return Ok(());
    }
    Err(Error::new(Kind::FileSystem, format!("`{}` is read-only", path.display()))
        .at_path(path)
        .help("make it writable if cpm may change it, then run again"))
}

#[cfg(unix)]
fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_write(_: &Path) -> bool {
    true
}

/// Gives one file the attributes of another; errors speak of `path`, which is the first one's.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn copy(from: &File, to: &File, path: &Path) -> Result<()> {
    let metadata = from.metadata().path("look at", path)?;
    #[cfg(unix)]
    copy_owner(&metadata, to).path("look at the copy of", path)?;
    // A change of owner takes some modes away, and an access list says more than a mode: hence the order.
    to.set_permissions(metadata.permissions()).path("set the mode of the copy of", path)?;
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    copy_extended(from, to).map_err(|cause| Error::io("copy the attributes of", path, &cause.into()))?;
    Ok(())
}

#[cfg(unix)]
fn copy_owner(from: &std::fs::Metadata, to: &File) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let made = to.metadata()?;
    if (made.uid(), made.gid()) != (from.uid(), from.gid()) {
        // Only an administrator may give files away; for others a shared file becomes theirs, as with any editor.
        let _ = fchown(to, Some(from.uid()), Some(from.gid()));
    }
    Ok(())
}

/// Copies extended attributes, of which an access list is one; one that `to` got from its folder goes.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn copy_extended(from: &File, to: &File) -> rustix::io::Result<()> {
    use rustix::fs::{XattrFlags, fgetxattr, fgetxattr_query, fremovexattr, fsetxattr};
    let wanted = names(from)?;
    for name in names(to)? {
        if !is_systems(&name) && !wanted.contains(&name) {
            fremovexattr(to, name.as_slice())?;
        }
    }
    for name in wanted.iter().filter(|name| !is_systems(name)) {
        let mut value = vec![0; fgetxattr_query(from, name.as_slice())?];
        let length = fgetxattr(from, name.as_slice(), value.as_mut_slice())?;
        fsetxattr(to, name.as_slice(), &value[..length], XattrFlags::empty())?;
    }
    Ok(())
}

/// Whether the system itself gives every file its own such attribute, by rules that are not the user's.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn is_systems(name: &[u8]) -> bool {
    [&b"security."[..], b"trusted.", b"com.apple.provenance"].iter().any(|start| name.starts_with(start))
}

/// The names of a file's extended attributes; none where the file system has no such thing.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn names(file: &File) -> rustix::io::Result<Vec<Vec<u8>>> {
    use rustix::fs::{flistxattr, flistxattr_query};
    use rustix::io::Errno;
    let size = match flistxattr_query(file) {
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
        size => size?,
    };
    let mut list = vec![0; size];
    let length = flistxattr(file, list.as_mut_slice())?;
    Ok(list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}
