//! A package tree from scanned items: sizes first, then bytes; links become copies of what they lead to.

use std::collections::BTreeMap;

use super::odb::{Item, Mode, Read, Snapshot};
use crate::error::{Error, Kind};
use crate::model::tree::{FileContent, Limits, MAX_FILE_BYTES, Tree, TreeFile};
use crate::progress::Progress;

/// Longest chain of links, as in most kernels' early limits.
const MOST_HOPS: usize = 8;
/// Longest text of a link that is read.
const MOST_LINK_BYTES: u64 = 4096;

/// Reads the items, all present, into a tree.
///
/// # Errors
/// [`Kind::UnsafeTree`] for a limit, a collision, a link that is no alias of a file in the package, or a pointer to
/// Git LFS where its content would be read or run; [`Kind::Invalid`] when there are no files.
pub(super) fn assemble(snapshot: &Snapshot<'_>, items: &[Item], progress: &dyn Progress) -> Read<Tree> {
    read(snapshot, items, progress).map_err(|fault| fault.at(snapshot.place()))
}

fn read(snapshot: &Snapshot<'_>, items: &[Item], progress: &dyn Progress) -> Read<Tree> {
    let by_path: BTreeMap<&str, &Item> = items.iter().map(|item| (item.path.as_str(), item)).collect();
    let mut limits = Limits::default();
    let mut sources = Vec::with_capacity(items.len());
    for item in items {
        let source = follow(snapshot, &by_path, item)?;
        limits.admit(&item.path, snapshot.size(source.blob)?)?;
        sources.push(source);
    }
    let mut files = Vec::with_capacity(items.len());
    let mut pointers = Vec::new();
    for (item, source) in items.iter().zip(sources) {
        let bytes = snapshot.read(source.blob, MAX_FILE_BYTES)?;
        let content = FileContent::new(source.mode == Mode::Executable, bytes);
        if is_lfs_pointer(&content.bytes) {
            pointers.push(&item.path);
        }
        files.push(TreeFile { path: item.path.clone(), content });
    }
    let tree = Tree::new(files)?;
    if let Some(path) = pointers.iter().find(|path| must_be_real(&tree, path.as_str())) {
        return Err(Error::new(Kind::UnsafeTree, format!("the content of `{path}` is not in the repository"))
            .because("it is a Git LFS pointer, and cpm fetches nothing from LFS servers")
            .help("ask the author to commit the file itself")
            .into());
    }
    if let Some((first, others)) = pointers.split_first() {
        let and = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        progress.warn(&format!(
            "`{first}`{and} in {} is a Git LFS pointer: the pointer is installed, not what it stands for",
            snapshot.place()
        ));
    }
    Ok(tree)
}

/// The regular file that an item is, or leads to.
fn follow<'i>(snapshot: &Snapshot<'_>, by_path: &BTreeMap<&str, &'i Item>, item: &'i Item) -> Read<&'i Item> {
    let mut current = item;
    for _ in 0..=MOST_HOPS {
        if current.mode != Mode::Link {
            return Ok(current);
        }
        let bytes = snapshot.read(current.blob, MOST_LINK_BYTES)?;
        let refuse = |why: &str| {
            let message = format!("the link `{}` leads to `{}`", current.path, bytes.escape_ascii());
            Error::new(Kind::UnsafeTree, message).because(why)
        };
        let target = std::str::from_utf8(&bytes).map_err(|_| refuse("that is not UTF-8"))?;
        let target = target_path(current.path.as_str(), target).map_err(refuse)?;
        current = match by_path.get(target.as_str()) {
            Some(next) => next,
            None if target.is_empty() || has_folder(by_path, &target) => return Err(refuse("that is a folder").into()),
            None => return Err(refuse("no file of the package is there").into()),
        };
    }
    Err(Error::new(Kind::UnsafeTree, format!("the link `{}` leads in a circle, or too far", item.path))
        .because(format!("cpm follows {MOST_HOPS} links"))
        .into())
}

/// The path in the package that a link's text means. No component on the way can be a link itself: a scan lists
/// links as files, so nothing is found below one.
fn target_path(link: &str, target: &str) -> std::result::Result<String, &'static str> {
    if target.starts_with('/') || target.is_empty() {
        return Err("that is an absolute path, or none");
    }
    let folder = link.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for component in target.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                path.pop().ok_or("that is outside the package")?;
            }
            name => path.push(name),
        }
    }
    Ok(path.join("/"))
}

fn has_folder(by_path: &BTreeMap<&str, &Item>, folder: &str) -> bool {
    let below = format!("{folder}/");
    by_path.range(below.as_str()..).next().is_some_and(|(path, _)| path.starts_with(&below))
}

fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.len() < 1024 && bytes.starts_with(b"version https://git-lfs.github.com/spec/v1\n")
}

/// Whether a file is read by the client, or run.
fn must_be_real(tree: &Tree, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == "SKILL.md" || name.ends_with(".json") || tree.get(path).is_some_and(|file| file.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_texts_are_read_as_a_kernel_would() {
        for (link, target, path) in [
            ("a", "b", Ok("b")),
            ("x/a", "b", Ok("x/b")),
            ("x/a", "../b", Ok("b")),
            ("x/a", "./..//y/./b", Ok("y/b")),
            ("x/a", "..", Ok("")),
            ("a", "../b", Err("that is outside the package")),
            ("x/a", "../../b", Err("that is outside the package")),
            ("a", "/etc/passwd", Err("that is an absolute path, or none")),
            ("a", "", Err("that is an absolute path, or none")),
        ] {
            assert_eq!(target_path(link, target), path.map(str::to_owned), "{link} -> {target}");
        }
    }
}
