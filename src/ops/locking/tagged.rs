//! Releases of marketplaces that only tags tell of. There may be thousands, so one is read when it is to be chosen.

use super::{Locker, Rewritten};
use crate::error::{Kind, Result};
use crate::index::IndexKind;
use crate::model::index::{IndexId, Release, Tagged, Withheld};
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::source::{RefWant, Source};
use crate::resolve::{Candidate, Needs};

impl Locker<'_, '_> {
    /// The versions that only tags tell of. What they need is read when one is to be chosen.
    pub(super) fn tagged_candidates(
        &self,
        name: &PackageName,
        id: &IndexId,
        listed: &[Candidate],
    ) -> Result<Vec<Candidate>> {
        let mut tagged = self.indexes.tagged(id, name)?;
        let other = listed.iter().filter(|candidate| candidate.withheld != Some(Withheld::Untagged));
        tagged.retain(|tagged| other.clone().all(|candidate| candidate.version != tagged.version));
        let candidate = |tagged: &Tagged| Candidate {
            version: tagged.version.clone(),
            needs: Vec::new(),
            withheld: None,
            last_resort: false,
        };
        let candidates = tagged.iter().map(candidate).collect();
        self.tagged.borrow_mut().insert(name.clone(), tagged);
        Ok(candidates)
    }

    /// What a listed version needs, or why it cannot be chosen: a tag may lead to something else than it says.
    pub(super) fn read_needs(&self, name: &PackageName, candidate: &Candidate) -> Result<Needs> {
        let is_it = |tagged: &&Tagged| tagged.version == candidate.version;
        let tagged = self.tagged.borrow().get(name).and_then(|all| all.iter().find(is_it).cloned());
        let (Some(tagged), Some((id, mut releases))) = (tagged, self.releases.borrow().get(name).cloned()) else {
            return Ok(Ok(candidate.needs.clone()));
        };
        if let Some(known) = releases.iter().find(|release| release.version == tagged.version) {
            return Ok(Ok(known.dependencies.clone()));
        }
        match self.indexes.read_tagged(&id, name, &tagged) {
            Ok(release) => {
                let needs = release.dependencies.clone();
                releases.push(release);
                self.releases.borrow_mut().insert(name.clone(), (id, releases));
                Ok(Ok(needs))
            }
            Err(error) if matches!(error.kind(), Kind::Invalid | Kind::NotFound | Kind::UnsafeTree | Kind::Policy) => {
                let why: String = error.causes().iter().map(|cause| format!(": {cause}")).collect();
                self.fetcher.progress.warn(&format!("`{name}`: {error}, so it is left out{why}"));
                Ok(Err(format!("cannot be used: {error}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether an index that was asked is a marketplace: only these have more releases than they list.
    pub(super) fn knows_a_marketplace(&self) -> bool {
        let releases = self.releases.borrow();
        releases.values().any(|(id, _)| self.indexes.kind_of(id) == Some(IndexKind::Marketplace))
    }

    /// A tag that a release is locked from must not lead elsewhere under the same version.
    pub(super) fn refuse_moved_tag(&self, name: &PackageName, old: &Locked, release: &Release) -> Result<()> {
        match (&old.source, &release.commit) {
            (Source::Git { want: RefWant::Tag(_), .. }, Some(now))
                if old.source == release.source && self.rewritten == Rewritten::Stop && self.unlock.frees(name) =>
            {
                self.refuse_rewritten(name, old, now)
            }
            _ => Ok(()),
        }
    }
}
