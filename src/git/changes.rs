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

/// What there is to compare.
pub(super) enum Since {
    /// The earlier commit is here, and this is other than there.
    Differences(Differences),
    /// There is nothing to compare with, so it is all below this folder, if that is there.
    All(Option<Oid>),
}

/// What is other than at an earlier commit, as far as the cache knows.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) items: Vec<Item>,
    gone: Vec<RelPath>,
    /// Trees that have to be read too.
    pub(super) absent: Vec<Oid>,
}

/// How many folders of a large one are read before the memory is given back into which libgit2 maps the pack for them.
const FOLDERS_AT_ONCE: usize = 64;

impl Cache<'_> {
    /// What is other below a folder of an index than at the commit `before`, fetched if need be; all of it where the cache
    /// does not have that commit. Links are left out, and a folder that is not there has no files.
    ///
    /// # Errors
    /// [`crate::error::Kind::UnsafeTree`] when a name or a number is not safe; and as [`Cache::ensure`].
    pub fn changes(&self, url: &GitUrl, commit: &Commit, folder: &RelPath, before: Option<&Commit>) -> Result<Changes> {
        let needs = [Need::Changed(folder, before)];
        let since = self.read(url, commit, &needs, |snapshot| {
            snapshot.since(folder, before).map_err(|fault| fault.at(snapshot.place()))
        })?;
        let (is_whole, mut items, gone) = match since {
            Since::Differences(Differences { items, gone, .. }) => (false, items, gone),
            Since::All(Some(tree)) => (true, self.scan_in_parts(url, commit, tree)?, Vec::new()),
            Since::All(None) => (true, Vec::new(), Vec::new()),
        };
        // As git packs them, so that they are read in the order in which they lie on the disk.
        items.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let files = items.into_iter().map(|Item { path, blob, .. }| ChangedFile { path, blob }).collect();
        Ok(Changes { is_whole, files, gone })
    }

    /// Every file below a folder of an index that is all here, links left out.
    fn scan_in_parts(&self, url: &GitUrl, commit: &Commit, tree: Oid) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut folders = Vec::new();
        let top = self.read(url, commit, &[], |snapshot| snapshot.entries(None, Some(tree)))?;
        for (path, found) in top.unwrap_or_default() {
            match found {
                Found::Folder(_, tree) => folders.push((Some(path), tree)),
                Found::Item(item) => items.push(item),
            }
        }
        for part in folders.chunks(FOLDERS_AT_ONCE) {
            let found = self.read(url, commit, &[], |snapshot| {
                let (mut found, mut absent) = (Vec::new(), None);
                let mut keep = |item: Item| {
                    found.extend((item.mode != Mode::Link).then_some(item));
                    Ok(())
                };
                let visited = snapshot.visit(part.to_vec(), Bounds::INDEX, &mut |tree| absent = Some(tree), &mut keep);
                visited.map_err(|fault| fault.at(snapshot.place()))?;
                // One that went since everything was brought is an error of the cache.
                absent.map_or(Ok(()), |tree| snapshot.tree(tree).map(drop))?;
                Ok(found)
            })?;
            items.extend(found);
            Bounds::INDEX.hold(items.len(), 0)?;
        }
        Ok(items)
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
    pub(super) fn since(&self, folder: &RelPath, before: Option<&Commit>) -> Read<Since> {
        let tree = |node| if let Some(Node::Dir(tree)) = node { Some(tree) } else { None };
        let now = tree(self.node(Some(folder))?);
        let earlier = before.map(|before| self.at(before)).transpose()?.flatten();
        let was = match earlier.map(|earlier| earlier.way(Some(folder))).transpose()? {
            Some(Way::There(node)) => Some(tree(Some(node))),
            Some(Way::Nowhere) => Some(None),
            Some(Way::Absent { .. }) | None => None,
        };
        let compared = was.map(|was| self.compare(now, was)).transpose()?.flatten();
        Ok(compared.map_or(Since::All(now), Since::Differences))
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
