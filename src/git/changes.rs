//! What is other below a folder of an index than at an earlier commit. Trees are compared by their ids, so whatever is the
//! same on both sides is neither fetched nor read, however large it is.

use std::collections::BTreeMap;

use git2::Oid;

use super::need::{Need, Way};
use super::odb::{Bounds, Found, Item, Mode, Node, Read, Snapshot};
use super::{Cache, MAX_INDEX_FILE_BYTES};
use crate::error::Result;
use crate::model::relpath::RelPath;
use crate::model::source::Commit;
use crate::model::url::GitUrl;

/// What is other than at an earlier commit; paths are relative to the folder.
#[derive(Debug, Default)]
pub struct Changes {
    /// Whether these are all files there are, because there is nothing to compare with.
    pub is_whole: bool,
    /// Files that are new, or have other bytes.
    pub files: Vec<ChangedFile>,
    /// Files that are gone.
    pub gone: Vec<RelPath>,
}

/// A file whose bytes [`Cache::contents`] reads.
#[derive(Debug)]
pub struct ChangedFile {
    /// Where it is below the folder.
    pub path: RelPath,
    blob: Oid,
}

/// [`Changes`] as far as the cache knows.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) is_whole: bool,
    pub(super) items: Vec<Item>,
    gone: Vec<RelPath>,
    /// Trees that have to be read too.
    pub(super) absent: Vec<Oid>,
}

impl Cache<'_> {
    /// What is other below a folder of an index than at the commit `before`, fetched if need be; all of it where the cache
    /// does not have that commit. Links are left out, and a folder that is not there has no files.
    ///
    /// # Errors
    /// [`crate::error::Kind::UnsafeTree`] when a name or a number is not safe; and as [`Cache::ensure`].
    pub fn changes(&self, url: &GitUrl, commit: &Commit, folder: &RelPath, before: Option<&Commit>) -> Result<Changes> {
        self.read(url, commit, &[Need::Changed(folder, before)], |snapshot| {
            let Differences { is_whole, mut items, gone, .. } =
                snapshot.differences(folder, before).map_err(|fault| fault.at(snapshot.place()))?;
            // As git packs them, so that they are read in the order in which they lie on the disk.
            items.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            let files = items.into_iter().map(|Item { path, blob, .. }| ChangedFile { path, blob }).collect();
            Ok(Changes { is_whole, files, gone })
        })
    }

    /// The bytes of some of the files, in their order. What libgit2 maps into memory for them is given back after each
    /// call: who asks for a part of the files at a time needs memory for that part.
    ///
    /// # Errors
    /// [`crate::error::Kind::UnsafeTree`] when a file is too large; and as [`Cache::ensure`].
    pub fn contents(&self, url: &GitUrl, commit: &Commit, files: &[ChangedFile]) -> Result<Vec<Vec<u8>>> {
        let blobs: Vec<Oid> = files.iter().map(|file| file.blob).collect();
        self.read(url, commit, &[Need::Blobs(&blobs)], |snapshot| {
            blobs.iter().map(|blob| snapshot.read(*blob, MAX_INDEX_FILE_BYTES)).collect()
        })
    }

    /// The paths of all files below a folder of an index, in order; none where there is no folder. No file is fetched for this.
    ///
    /// # Errors
    /// As [`Cache::changes`].
    pub fn names_below(&self, url: &GitUrl, commit: &Commit, folder: &RelPath) -> Result<Vec<RelPath>> {
        self.read(url, commit, &[Need::AllNames(folder)], |snapshot| match snapshot.node(Some(folder))? {
            Some(Node::Dir(tree)) => {
                let items = snapshot.scan(tree, Bounds::INDEX)?.into_iter();
                let mut paths: Vec<RelPath> =
                    items.filter(|item| item.mode != Mode::Link).map(|item| item.path).collect();
                paths.sort_unstable();
                Ok(paths)
            }
            _ => Ok(Vec::new()),
        })
    }
}

impl Snapshot<'_> {
    /// What is other below a folder than at an earlier commit. The trees on the way to the folder are present.
    pub(super) fn differences(&self, folder: &RelPath, before: Option<&Commit>) -> Read<Differences> {
        let tree = |node| if let Some(Node::Dir(tree)) = node { Some(tree) } else { None };
        let now = tree(self.node(Some(folder))?);
        let earlier = before.map(|before| self.at(before)).transpose()?.flatten();
        let was = match earlier.map(|earlier| earlier.way(Some(folder))).transpose()? {
            Some(Way::There(node)) => Some(tree(Some(node))),
            Some(Way::Nowhere) => Some(None),
            Some(Way::Absent { .. }) | None => None,
        };
        let compared = was.map(|was| self.compare(now, was)).transpose()?.flatten();
        Ok(match (compared, now) {
            (Some(compared), _) => compared,
            (None, Some(now)) => {
                let mut absent = Vec::new();
                let mut items = self.scan_with(now, Bounds::INDEX, &mut |tree| absent.push(tree))?;
                items.retain(|item| item.mode != Mode::Link);
                Differences { is_whole: true, items, absent, ..Differences::default() }
            }
            (None, None) => Differences { is_whole: true, ..Differences::default() },
        })
    }

    /// The differences between two folders; nothing where a tree of the earlier one is absent.
    fn compare(&self, now: Option<Oid>, was: Option<Oid>) -> Read<Option<Differences>> {
        let mut found = Differences::default();
        let mut folders = 0;
        let mut open: Vec<(Option<RelPath>, Option<Oid>, Option<Oid>)> = vec![(None, now, was)];
        while let Some((above, now, was)) = open.pop() {
            if now == was {
                continue;
            }
            let Some(mut old) = self.entries(above.as_ref(), was)? else { return Ok(None) };
            let Some(new) = self.entries(above.as_ref(), now)? else {
                found.absent.extend(now);
                continue;
            };
            folders += 1;
            for (path, entry) in new {
                match (entry, old.remove(&path)) {
                    (Found::Folder(_, now), Some(Found::Folder(_, was))) => {
                        open.push((Some(path), Some(now), Some(was)));
                    }
                    (Found::Folder(_, now), was) => {
                        found.gone.extend(was.map(|_| path.clone()));
                        open.push((Some(path), Some(now), None));
                    }
                    (Found::Item(now), Some(Found::Item(was))) if now.blob == was.blob => {}
                    (Found::Item(now), was) => {
                        if let Some(Found::Folder(_, was)) = was {
                            open.push((Some(path), None, Some(was)));
                        }
                        found.items.push(now);
                    }
                }
            }
            for (path, entry) in old {
                match entry {
                    Found::Folder(_, was) => open.push((Some(path), None, Some(was))),
                    Found::Item(_) => found.gone.push(path),
                }
            }
            Bounds::INDEX.hold(found.items.len(), folders)?;
        }
        Ok(Some(found))
    }

    /// What is in a folder but links, by path; nothing where its tree is absent.
    fn entries(&self, above: Option<&RelPath>, tree: Option<Oid>) -> Read<Option<BTreeMap<RelPath, Found>>> {
        let mut entries = BTreeMap::new();
        let Some(tree) = tree else { return Ok(Some(entries)) };
        if !self.has(tree)? {
            return Ok(None);
        }
        for entry in self.tree(tree)?.iter() {
            let found = Found::admit(above, &entry)?;
            let (Found::Folder(path, _) | Found::Item(Item { path, .. })) = &found;
            if !found.is_link() {
                entries.insert(path.clone(), found);
            }
        }
        Ok(Some(entries))
    }
}
