//! What is to be read of a commit, and what of it the cache lacks. The objects on the way to a path are few; everything
//! beside it stays on the server.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;

use super::changes::Since;
use super::filters::Filters;
use super::odb::{Bounds, Item, Node, Read, Snapshot};
use crate::error::Kind;
use crate::model::relpath::RelPath;
use crate::model::source::Commit;

/// What is to be read of a commit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Need<'p> {
    /// The names directly in a folder; `None` is the top.
    Names(Option<&'p RelPath>),
    /// A file.
    File(&'p RelPath),
    /// Everything at or below a path.
    Below(Option<&'p RelPath>, Bounds),
    /// All names below a folder of an index.
    AllNames(&'p RelPath),
    /// What is other below a folder of an index than at an earlier commit.
    Changed(&'p RelPath, Option<&'p Commit>),
    /// Files by their ids.
    Blobs(&'p [Oid]),
}

/// Objects that are needed and absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    /// Trees on the way to what is needed, with how many levels of trees the way has from there on.
    pub(super) ways: BTreeMap<Oid, usize>,
    /// Trees that are needed with everything below.
    pub(super) whole: BTreeSet<Oid>,
    /// Single files.
    pub(super) blobs: BTreeSet<Oid>,
}

/// The number of levels of trees that is brought with every commit: enough for `plugins/NAME` and `skills/NAME`.
const LEVELS: usize = 2;
/// Stands for "all levels" where blobs are left out anyway.
const ALL_LEVELS: usize = 1 << 20;

impl<'p> Need<'p> {
    pub(super) fn path(&self) -> Option<&'p RelPath> {
        match *self {
            Need::Names(path) | Need::Below(path, _) => path,
            Need::File(path) | Need::AllNames(path) | Need::Changed(path, _) => Some(path),
            Need::Blobs(_) => None,
        }
    }

    /// How many levels of trees lead to it.
    fn levels(&self) -> usize {
        let way = self.path().map_or(0, |path| path.components().count());
        way + usize::from(matches!(self, Need::Names(_)))
    }

    /// Whether the whole commit is needed.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self, Need::Below(None, _))
    }

    /// How many levels of trees all needs together ask of a commit.
    pub(super) fn most_levels(needs: &[Need<'_>]) -> usize {
        needs.iter().map(Need::levels).max().unwrap_or_default().max(LEVELS)
    }
}

impl Lacking {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Lacking::default()
    }

    /// What to ask for next: the ways first, where a server can be told how far they go.
    pub(super) fn ids(&self, filters: Filters) -> Box<dyn Iterator<Item = &Oid> + '_> {
        let ways = self.ways.keys();
        match filters {
            Filters::Narrow if !self.ways.is_empty() => Box::new(ways),
            _ => Box::new(ways.chain(&self.whole).chain(&self.blobs)),
        }
    }

    /// Adds what something else lacks.
    pub(super) fn merge(&mut self, other: Lacking) {
        other.ways.into_iter().for_each(|(tree, levels)| self.way(tree, levels));
        self.whole.extend(other.whole);
        self.blobs.extend(other.blobs);
    }

    /// Trees that are needed with all trees below, and `whole` with all files too.
    fn below(&mut self, trees: Vec<Oid>, whole: bool) {
        match whole {
            true => self.whole.extend(trees),
            false => trees.into_iter().for_each(|tree| self.way(tree, ALL_LEVELS)),
        }
    }

    /// A tree that lies in the way.
    fn way(&mut self, tree: Oid, levels: usize) {
        let known = self.ways.entry(tree).or_default();
        *known = levels.max(*known);
    }
}

/// Where a path leads as far as the cache knows.
pub(super) enum Way {
    There(Node),
    Nowhere,
    /// The next tree is absent; so many components are left.
    Absent {
        tree: Oid,
        left: usize,
    },
}

impl Snapshot<'_> {
    /// What the cache lacks to read all of `needs`, as a server with these filters is asked for it. What no package may
    /// have is left to whoever reads it.
    pub(super) fn lacking(&self, needs: &[Need<'_>], filters: Filters) -> Read<Lacking> {
        let mut lacking = Lacking::default();
        for need in needs {
            self.add_lacking(need, filters, &mut lacking)?;
        }
        Ok(lacking)
    }

    fn add_lacking(&self, need: &Need<'_>, filters: Filters, lacking: &mut Lacking) -> Read<()> {
        if let Need::Blobs(blobs) = need {
            lacking.blobs.extend(self.absent(blobs.iter().copied())?);
            return Ok(());
        }
        let narrow = filters == Filters::Narrow;
        let levels = |count| if narrow { count } else { ALL_LEVELS };
        match (self.way(need.path())?, need) {
            // The folder of a file is small, and its other files are read next. What is above it may be large.
            (Way::Absent { tree, left: 1 }, Need::File(_)) if narrow => _ = lacking.whole.insert(tree),
            (Way::Absent { tree, left }, _) => lacking.way(tree, levels(left)),
            (Way::There(Node::File(blob) | Node::Link(blob)), Need::File(_) | Need::Below(..)) => {
                if !self.has(blob)? {
                    lacking.blobs.insert(blob);
                }
            }
            (Way::There(Node::Dir(tree)), Need::Names(_)) => {
                if !self.has(tree)? {
                    lacking.way(tree, levels(1));
                }
            }
            (Way::There(Node::Dir(tree)), Need::Below(_, bounds)) => {
                let Some((items, absent)) = self.scan_present(tree, *bounds)? else { return Ok(()) };
                // A tree that is here cannot be asked for: git sees that it has it.
                lacking.blobs.extend(self.absent(items.iter().map(|item| item.blob))?);
                lacking.below(absent, narrow);
            }
            (Way::There(Node::Dir(tree)), Need::AllNames(_)) => {
                let absent = self.scan_present(tree, Bounds::INDEX)?.map(|(_, absent)| absent);
                lacking.below(absent.unwrap_or_default(), false);
            }
            (Way::There(Node::Dir(_)), Need::Changed(path, before)) => {
                match unless_unsafe(self.since(path, *before))? {
                    Some(Since::Differences(found)) => {
                        lacking.blobs.extend(self.absent(found.items.iter().map(|item| item.blob))?);
                        // Beside what has changed there may be much that has not.
                        lacking.below(found.absent, false);
                    }
                    Some(Since::All(Some(tree))) => {
                        let Some((blobs, trees)) = unless_unsafe(self.absent_below(tree))? else { return Ok(()) };
                        lacking.blobs.extend(blobs);
                        lacking.below(trees, narrow);
                    }
                    Some(Since::All(None)) | None => {}
                }
            }
            (Way::There(_) | Way::Nowhere, _) => {}
        }
        Ok(())
    }

    /// The scanned items and the trees that are absent; `None` when no package may be like this.
    fn scan_present(&self, tree: Oid, bounds: Bounds) -> Read<Option<(Vec<Item>, Vec<Oid>)>> {
        let mut absent = Vec::new();
        let items = unless_unsafe(self.scan_with(tree, bounds, &mut |tree| absent.push(tree)))?;
        Ok(items.map(|items| (items, absent)))
    }

    /// The files below a folder of an index that are not here, and the trees. The folder may be large, so no more of it is
    /// kept in memory.
    fn absent_below(&self, tree: Oid) -> Read<(Vec<Oid>, Vec<Oid>)> {
        let (mut blobs, mut trees) = (Vec::new(), Vec::new());
        self.visit(vec![(None, tree)], Bounds::INDEX, &mut |tree| trees.push(tree), &mut |item| {
            if !self.has(item.blob)? {
                blobs.push(item.blob);
            }
            Ok(())
        })?;
        Ok((blobs, trees))
    }

    /// Those of some objects that are not here.
    fn absent(&self, objects: impl Iterator<Item = Oid>) -> Read<Vec<Oid>> {
        let mut absent = Vec::new();
        for id in objects {
            if !self.has(id)? {
                absent.push(id);
            }
        }
        Ok(absent)
    }

    pub(super) fn way(&self, path: Option<&RelPath>) -> Read<Way> {
        let components: Vec<&str> = path.into_iter().flat_map(RelPath::components).collect();
        let mut node = Node::Dir(self.top());
        for (at, component) in components.iter().enumerate() {
            let Node::Dir(tree) = node else { return Ok(Way::Nowhere) };
            if !self.has(tree)? {
                return Ok(Way::Absent { tree, left: components.len() - at });
            }
            match self.entry(tree, component)? {
                Some(next) => node = next,
                None => return Ok(Way::Nowhere),
            }
        }
        Ok(Way::There(node))
    }

    /// For messages: the paths below a folder whose blobs are absent.
    pub(super) fn absent_paths(&self, need: &Need<'_>) -> Read<Vec<String>> {
        let shown = |path: &RelPath| match need.path() {
            Some(above) => format!("{above}/{path}"),
            None => path.to_string(),
        };
        let items = match (self.way(need.path())?, need) {
            (Way::There(Node::Dir(tree)), Need::Below(_, bounds)) => {
                self.scan_present(tree, *bounds)?.map(|(items, _)| items)
            }
            (Way::There(Node::Dir(_)), Need::Changed(path, before)) => {
                match unless_unsafe(self.since(path, *before))? {
                    Some(Since::Differences(found)) => Some(found.items),
                    Some(Since::All(Some(tree))) => self.scan_present(tree, Bounds::INDEX)?.map(|(items, _)| items),
                    Some(Since::All(None)) | None => None,
                }
            }
            (_, need) => return Ok(need.path().map(ToString::to_string).into_iter().collect()),
        };
        let mut paths = Vec::new();
        for item in items.unwrap_or_default() {
            if !self.has(item.blob)? {
                paths.push(shown(&item.path));
            }
        }
        Ok(paths)
    }
}

/// What no package may have is left to whoever reads it.
fn unless_unsafe<T>(read: Read<T>) -> Read<Option<T>> {
    match read {
        Err(fault) if fault.kind() == Kind::UnsafeTree => Ok(None),
        read => read.map(Some),
    }
}
