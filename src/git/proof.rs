//! Whether a commit belongs to a repository. That a server hands it out shows nothing: forges share objects between forks,
//! and git serves what no branch leads to [security.md §0.2]. A branch that contains the commit, or a tag that names it,
//! shows it; only commits travel for that.
//!
//! Invariant: a ref `refs/cpm/proved/COMMIT` stands where that was shown once, and nothing is asked again.

use std::collections::HashSet;

use git2::{Oid, Repository};

use super::fetch::{Answer, Server};
use super::odb::{self, Read};
use super::present::offline;
use super::repository::remote_ref;
use super::{Cache, Network, failure};
use crate::error::{Error, Kind, Result};
use crate::model::source::{Commit, RefWant};
use crate::model::url::GitUrl;

/// Where the history of the server's refs is kept. These commits come without trees, so no other fetch tells of them.
const HISTORY: &str = "refs/cpm/history";

/// All branches and tags.
const EVERY_REF: [&str; 2] = ["+refs/heads/*:refs/cpm/history/heads/*", "+refs/tags/*:refs/cpm/history/tags/*"];

/// Older dates are not asked for: git does not read them as seconds.
const FIRST_DATE: i64 = 100_000_000;

/// Commits alone; where a server does not leave out trees, at least no files; else all there is.
const COMMITS_ONLY: [&str; 3] = ["--filter=tree:0", "--filter=blob:none", "--no-filter"];

impl Cache<'_> {
    /// Makes sure that a commit belongs to the repository: that a branch contains it or a tag names it. Servers are asked
    /// once for a commit, by whatever process; offline nobody is.
    ///
    /// # Errors
    /// [`Kind::Integrity`] when no branch and no tag leads to it; [`Kind::NotFound`] when it is gone; [`Kind::Network`].
    pub fn prove(&self, url: &GitUrl, commit: &Commit) -> Result<()> {
        if self.network == Network::Offline || is_proved(&self.repository(url), commit) {
            return Ok(());
        }
        self.healing(url, || self.writing(url, |server| server.prove(commit)))
    }

    /// Whether what a ref names now contains a commit that it named before.
    ///
    /// # Errors
    /// [`Kind::Network`]; [`Kind::NotFound`] when the ref is gone, or offline.
    pub fn still_contains(&self, url: &GitUrl, want: &RefWant, before: &Commit) -> Result<bool> {
        if self.network == Network::Offline {
            // What was shown when hosts could be asked is still here.
            return match self.known(url, want) {
                Some(tip) if self.is_here_behind(url, &tip, before) => Ok(true),
                _ => Err(offline(url, "the history that shows what became of the locked commit")),
            };
        }
        self.healing(url, || self.writing(url, |server| server.still_contains(want, before)))
    }

    fn is_here_behind(&self, url: &GitUrl, tip: &Commit, before: &Commit) -> bool {
        let Ok(repository) = Repository::open_bare(self.repository(url)) else { return false };
        let ids = [tip, before].map(|commit| odb::object_id(url, commit));
        matches!(ids, [Ok(tip), Ok(before)] if reaches(&repository, vec![tip], before))
    }
}

impl Server<'_> {
    fn prove(&self, commit: &Commit) -> Read<()> {
        let since = self.date(commit)?;
        self.tell("checking that the commit belongs to it");
        let head = format!("+HEAD:{HISTORY}/head");
        // What is likely first; refused is only what the whole history of everything does not hold, because dates lie.
        for (refspecs, since) in [(&[head.as_str()][..], since), (&EVERY_REF, since), (&EVERY_REF, None)] {
            if self.history(refspecs, since)? && self.history_holds(commit)? {
                return self.note_proved(&self.open()?, commit);
            }
        }
        Err(Error::new(Kind::Integrity, format!("commit {commit} does not belong to the repository"))
            .at(self.url)
            .because("the server has it, but no branch contains it and no tag names it")
            .because("so it may come from a fork, from a pull request, or from a history that was replaced")
            .help("ask the owner of the repository for a tag or a commit of a branch; do not install this one")
            .into())
    }

    /// Whether any branch or tag leads to a commit.
    pub(super) fn everything_holds(&self, commit: &Commit) -> Read<bool> {
        self.history(&EVERY_REF, None)?;
        let repository = self.open()?;
        let refs = repository.references_glob(&format!("{HISTORY}/*")).map_err(|cause| self.damaged(&cause))?;
        if refs.count() == 0 {
            return Err(self.no_ref(&RefWant::Head).into());
        }
        self.history_holds(commit)
    }

    fn still_contains(&self, want: &RefWant, before: &Commit) -> Read<bool> {
        if let RefWant::Rev(commit) = want {
            return Ok(commit == before);
        }
        let since = match self.date(before) {
            Ok(since) => since,
            // Not even the server has it any more.
            Err(fault) if fault.kind() == Kind::NotFound => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let refspec = format!("+{}:{HISTORY}/followed", remote_ref(want));
        for since in [since, None] {
            if self.history(&[&refspec], since)? && self.history_holds(before)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When a commit says it was made, in seconds since 1970; it is brought for that.
    fn date(&self, commit: &Commit) -> Read<Option<i64>> {
        let id = odb::object_id(self.url, commit)?;
        if self.open()?.find_commit(id).is_err() {
            self.commit(commit, &[])?;
        }
        let repository = self.open()?;
        let found = repository.find_commit(id).map_err(|cause| self.damaged(&cause))?;
        Ok(Some(found.time().seconds()).filter(|seconds| *seconds >= FIRST_DATE))
    }

    /// Brings the commits of some refs since a date, or all; `false` when the server knows of none.
    fn history(&self, refspecs: &[&str], since: Option<i64>) -> Read<bool> {
        self.forget_history()?;
        let depth = since.map_or_else(|| "--depth=2147483647".to_owned(), |since| format!("--shallow-since=@{since}"));
        for filter in COMMITS_ONLY {
            let question = self.question(vec![filter.to_owned(), depth.clone()], refspecs.to_vec());
            match self.fetch(&question)? {
                Answer::Done => return Ok(true),
                Answer::RefusesFilter => {}
                Answer::KnowsNoneSince => return Ok(false),
                Answer::LacksRef(output) | Answer::RefusesId(output) => {
                    return Err(failure::error(self.url, &output).into());
                }
            }
        }
        Ok(false)
    }

    /// A ref that is left from before would stand for a server that no longer has it.
    fn forget_history(&self) -> Read<()> {
        let repository = self.open()?;
        let stale = repository.references_glob(&format!("{HISTORY}/*")).map_err(|cause| self.damaged(&cause))?;
        for mut reference in stale.filter_map(std::result::Result::ok) {
            reference.delete().map_err(|cause| self.damaged(&cause))?;
        }
        Ok(())
    }

    fn history_holds(&self, commit: &Commit) -> Read<bool> {
        let wanted = odb::object_id(self.url, commit)?;
        let repository = self.open()?;
        let refs = repository.references_glob(&format!("{HISTORY}/*")).map_err(|cause| self.damaged(&cause))?;
        let tips = refs.filter_map(std::result::Result::ok).filter_map(|tip| Some(tip.peel_to_commit().ok()?.id()));
        Ok(reaches(&repository, tips.collect(), wanted))
    }

    /// Remembers that a commit belongs here.
    pub(super) fn note_proved(&self, repository: &Repository, commit: &Commit) -> Read<()> {
        let id = odb::object_id(self.url, commit)?;
        let noted = repository.reference(&proved(commit), id, true, "cpm").map(drop);
        noted.map_err(|cause| self.damaged(&cause))
    }
}

/// Whether any of the tips has the wanted commit among its ancestors, as far as they are here.
fn reaches(repository: &Repository, tips: Vec<Oid>, wanted: Oid) -> bool {
    let mut seen: HashSet<Oid> = tips.iter().copied().collect();
    let mut open = tips;
    while let Some(id) = open.pop() {
        if id == wanted {
            return true;
        }
        // Where the history was cut off, parents are absent.
        let Ok(commit) = repository.find_commit(id) else { continue };
        open.extend(commit.parent_ids().filter(|parent| seen.insert(*parent)));
    }
    false
}

fn proved(commit: &Commit) -> String {
    format!("refs/cpm/proved/{commit}")
}

fn is_proved(repository: &std::path::Path, commit: &Commit) -> bool {
    repository.exists()
        && Repository::open_bare(repository).is_ok_and(|repository| repository.find_reference(&proved(commit)).is_ok())
}
