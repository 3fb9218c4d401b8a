//! Several commits of one repository in the answers for one: a lock that grew over time names many of them.
//!
//! Invariant: this only saves requests. What does not come this way is brought for each commit alone.

use super::need::{Lacking, Need};
use super::odb::{Bounds, Read, Snapshot};
use super::{Cache, Network};
use crate::error::Result;
use crate::model::relpath::RelPath;
use crate::model::source::Commit;
use crate::model::url::GitUrl;

/// A commit, and the paths of the packages that are wanted of it; `None` is the whole repository.
pub type WantedCommit = (Commit, Vec<Option<RelPath>>);

impl Cache<'_> {
    /// [`Cache::ensure`] for several commits of one repository, in as many fetches as one takes.
    ///
    /// # Errors
    /// As [`Cache::ensure`], for the first commit that fails.
    pub fn ensure_all(&self, url: &GitUrl, wanted: &[WantedCommit]) -> Result<()> {
        if wanted.len() > 1 && self.network == Network::Online {
            // A failure is met again below, where it is told for the commit that it is about.
            let _ = self.healing(url, || self.together(url, wanted));
        }
        wanted.iter().try_for_each(|(commit, paths)| self.ensure(url, commit, paths))
    }

    fn together(&self, url: &GitUrl, wanted: &[WantedCommit]) -> Read<()> {
        let path = self.repository(url);
        let needs: Vec<Vec<Need<'_>>> = wanted.iter().map(|(_, paths)| needs(paths)).collect();
        let snapshots = || -> Read<Vec<Option<Snapshot<'_>>>> {
            wanted.iter().map(|(commit, _)| Snapshot::open(&path, url, commit)).collect()
        };
        let is_whole = |(snapshot, needs): (&Option<Snapshot<'_>>, &Vec<Need<'_>>)| -> Read<bool> {
            let Some(snapshot) = snapshot else { return Ok(false) };
            Ok(snapshot.lacking(needs, self.filters.of(&self.asked(url)?))?.is_nothing())
        };
        let mut present = snapshots()?.iter().zip(&needs).map(is_whole).collect::<Read<Vec<bool>>>()?;
        present.retain(|is_whole| !is_whole);
        if present.len() < 2 {
            return Ok(());
        }
        self.writing(url, |server| {
            let found = snapshots()?;
            let absent: Vec<&Commit> =
                wanted.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|((commit, _), _)| commit).collect();
            if absent.len() > 1 && !server.commits(&absent, &needs.concat())? {
                return Ok(());
            }
            // The trees on the way, then what is wanted.
            for _ in 0..2 {
                let filters = self.filters.of(server.asked);
                let mut lacking = Lacking::default();
                for (snapshot, needs) in snapshots()?.into_iter().zip(&needs) {
                    if let Some(snapshot) = snapshot {
                        lacking.merge(snapshot.lacking(needs, filters)?);
                    }
                }
                if lacking.is_nothing() || !server.by_id(&lacking)? {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// What reading the packages at these paths needs.
pub(super) fn needs(paths: &[Option<RelPath>]) -> Vec<Need<'_>> {
    paths.iter().map(|path| Need::Below(path.as_ref(), Bounds::PACKAGE)).collect()
}
