//! The bare repository of one address in the cache: made in one step, cleared of what a killed git left, thrown away
//! when it is damaged.
//!
//! Invariant: everything here but [`last_known`] and [`last_used`] is called by one thread of one process at a time for a repository.

use std::path::Path;

use git2::{Reference, Repository, RepositoryInitOptions};

use super::tags;
use crate::error::{Error, IoContext as _, Kind, Result};
use crate::fsx;
use crate::model::source::{Commit, RefWant};
use crate::model::url::GitUrl;

/// The file of a repository that holds its address and a line end: the folder's name is only a digest of it.
pub(super) const URL_FILE: &str = "cpm-url";
/// How the names of folders begin in which repositories are made.
pub(super) const STAGING: &str = ".new-";

/// Makes a folder that only the user can read: what is fetched may be private.
pub(super) fn create_private(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).path("create the folder", folder)
}

/// Makes an empty repository in one step, so that one which is there is complete.
pub(super) fn create(root: &Path, repository: &Path, url: &GitUrl) -> Result<()> {
    let staged = tempfile::Builder::new().prefix(STAGING).tempdir_in(root).path("create a folder in", root)?;
    let mut options = RepositoryInitOptions::new();
    // Without a name for `HEAD` libgit2 would take one from the user's configuration.
    options.bare(true).external_template(false).initial_head("none");
    Repository::init_opts(staged.path(), &options).map_err(|cause| {
        Error::new(Kind::FileSystem, "cannot create a repository in the git cache").because(cause.message())
    })?;
    let address = staged.path().join(URL_FILE);
    std::fs::write(&address, format!("{url}\n")).path("write", &address)?;
    #[cfg(unix)]
    {
        // libgit2 gives the folder it is pointed to the mode of an ordinary one.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(staged.path(), private).path("protect", staged.path())?;
    }
    std::fs::rename(staged.path(), repository).path("move a new repository to", repository)?;
    // It is not there any more, so nobody has to remove it.
    let _ = staged.keep();
    Ok(())
}

/// Removes the locks and unfinished packs of a git that was killed: whoever calls this is the only writer.
pub(super) fn clear_leftovers(repository: &Path) -> Result<()> {
    for folder in [repository.to_owned(), repository.join("objects/pack")] {
        // A folder that is damaged so far that it cannot be listed is met by whoever reads it.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".lock") || name.starts_with("tmp_") {
                let left = entry.path();
                std::fs::remove_file(&left).path("remove what a killed git left,", &left)?;
            }
        }
    }
    Ok(())
}

/// Makes way for a ref: removes the lock of a killed git on it, and refs that stand where it needs a folder, or below it,
/// because the server has renamed a branch.
pub(super) fn clear_way(repository: &Repository, local: &str) -> Result<(), git2::Error> {
    // Not there, as nearly always.
    let _ = std::fs::remove_file(repository.path().join(format!("{local}.lock")));
    let above = local.match_indices('/').map(|(at, _)| &local[..at]).filter(|name| name.len() > "refs/cpm/".len());
    for mut stale in above.filter_map(|name| repository.find_reference(name).ok()) {
        stale.delete()?;
    }
    for mut stale in repository.references_glob(&format!("{local}/*"))?.filter_map(std::result::Result::ok) {
        stale.delete()?;
    }
    Ok(())
}

/// Throws a damaged repository away.
pub(super) fn discard(repository: &Path) -> Result<()> {
    fsx::remove_any(repository)
}

/// The commit a ref named when it was last fetched; none for a tag that is refused.
pub(super) fn last_known(repository: &Path, want: &RefWant) -> Option<Commit> {
    let repository = existing(repository)?;
    let reference = repository.find_reference(&local_ref(want)).ok()?;
    if tags::other_name(&repository, &reference, want).is_some() { None } else { peeled(&reference) }
}

/// The commit of a followed ref that was used last.
pub(super) fn last_used(repository: &Path, want: &RefWant) -> Option<Commit> {
    peeled(&existing(repository)?.find_reference(&used_ref(want)).ok()?)
}

fn existing(repository: &Path) -> Option<Repository> {
    if repository.exists() { Repository::open_bare(repository).ok() } else { None }
}

/// What a server is asked for: its full name of a ref, or the id of a commit.
pub(super) fn remote_ref(want: &RefWant) -> String {
    match want {
        RefWant::Head => "HEAD".to_owned(),
        RefWant::Branch(name) => format!("refs/heads/{name}"),
        RefWant::Tag(name) => format!("refs/tags/{name}"),
        RefWant::Rev(commit) => commit.to_string(),
    }
}

/// The ref in the cache that follows one of the server.
pub(super) fn local_ref(want: &RefWant) -> String {
    match want {
        RefWant::Head => "refs/cpm/head".to_owned(),
        RefWant::Branch(name) => format!("refs/cpm/heads/{name}"),
        RefWant::Tag(name) => format!("refs/cpm/tags/{name}"),
        RefWant::Rev(commit) => format!("refs/cpm/commits/{commit}"),
    }
}

/// The ref in the cache that says what was used of a followed one.
pub(super) fn used_ref(want: &RefWant) -> String {
    local_ref(want).replacen("refs/cpm/", "refs/cpm/used/", 1)
}

/// The commit that a ref leads to; tags of tags are followed as far as git follows them.
pub(super) fn peeled(reference: &Reference<'_>) -> Option<Commit> {
    let commit = reference.peel_to_commit().ok()?;
    Commit::parse(&commit.id().to_string()).ok()
}
