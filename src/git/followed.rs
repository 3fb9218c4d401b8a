//! Following a ref that must only go on: the commit that was used last stands in a ref of its own, `refs/cpm/used/…`,
//! which no fetch writes. So a replaced history is noticed by comparing, also when other runs fetched it meanwhile.

use super::fetch::Server;
use super::odb::{self, Read};
use super::repository::{clear_way, last_used, used_ref};
use super::{Cache, Network, Reading, held};
use crate::error::Result;
use crate::model::source::{Commit, RefWant};
use crate::model::timestamp::Timestamp;
use crate::model::url::GitUrl;

/// Where a followed ref is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The commit it names now; offline, the one that was used last.
    pub now: Commit,
    /// The commit that was used last on this machine, if any.
    pub before: Option<Commit>,
    /// Whether the history of `now` contains `before`.
    pub goes_on: bool,
}

impl Cache<'_> {
    /// Which commit a ref names now, and whether it goes on from what was used last. Costs nothing beside
    /// [`Cache::resolve`] when nothing has changed, and one look at the history of commits when something has.
    ///
    /// # Errors
    /// As [`Cache::resolve`] and [`Cache::still_contains`].
    pub fn follow(&self, url: &GitUrl, want: &RefWant, reading: Reading<'_>) -> Result<Followed> {
        let before = last_used(&self.repository(url), want);
        if let (Network::Offline, Some(before)) = (self.network, &before) {
            return Ok(Followed { now: before.clone(), before: Some(before.clone()), goes_on: true });
        }
        let now = self.resolve(url, want, reading)?;
        let goes_on = match &before {
            Some(before) if *before != now => self.still_contains(url, want, before)?,
            _ => true,
        };
        Ok(Followed { now, before, goes_on })
    }

    /// Whether the server was asked in this process which commit a ref names, so that asking again costs nothing.
    #[must_use]
    pub fn was_asked(&self, url: &GitUrl, want: &RefWant) -> bool {
        held(&self.resolved).get(&(url.clone(), want.clone())).is_some_and(Result::is_ok)
    }

    /// When a commit says it was made.
    ///
    /// # Errors
    /// As [`Cache::ensure`].
    pub fn time(&self, url: &GitUrl, commit: &Commit) -> Result<Timestamp> {
        self.read(url, commit, &[], |snapshot| snapshot.seconds().map(Timestamp::from_seconds))
    }

    /// Notes that a commit of a ref was used; the next [`Cache::follow`] goes on from it. Offline nothing is new.
    ///
    /// # Errors
    /// [`crate::error::Kind::FileSystem`]; as [`Cache::ensure`] when the commit is not there.
    pub fn note_used(&self, url: &GitUrl, want: &RefWant, commit: &Commit) -> Result<()> {
        if self.network == Network::Offline || last_used(&self.repository(url), want).as_ref() == Some(commit) {
            return Ok(());
        }
        self.healing(url, || self.writing(url, |server| server.note_used(want, commit)))
    }
}

impl Server<'_> {
    fn note_used(&self, want: &RefWant, commit: &Commit) -> Read<()> {
        let local = used_ref(want);
        let repository = self.open()?;
        let id = odb::object_id(self.url, commit)?;
        let noted = clear_way(&repository, &local).and_then(|()| repository.reference(&local, id, true, "cpm"));
        noted.map(drop).map_err(|cause| self.damaged(&cause))
    }
}
