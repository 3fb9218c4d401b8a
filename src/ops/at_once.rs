//! What is certain to be asked of hosts, asked at the same time. The answers stay in the caches; whoever needs one asks
//! again, in a fixed order, and finds it there. So order and messages of a run do not depend on which host is faster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::error::{Error, Result};
use crate::git::{Cache, Reading, WantedCommit};
use crate::index::{Indexes, Place};
use crate::model::dependency::Origin;
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefWant};
use crate::model::url::GitUrl;

/// How many hosts are waited for at the same time; waiting is all that the threads do.
const MAX_AT_ONCE: usize = 16;

/// Questions, one for each repository however many packages come from it.
#[derive(Debug, Default)]
pub(super) struct Questions<'q> {
    refs: BTreeMap<(&'q GitUrl, &'q RefWant), Vec<Option<RelPath>>>,
    commits: BTreeMap<&'q GitUrl, BTreeMap<&'q Commit, Wanted>>,
    listings: Vec<(&'q PackageName, Place<'q>)>,
}

#[derive(Debug, Default)]
struct Wanted {
    paths: Vec<Option<RelPath>>,
    proof: bool,
}

impl<'q> Questions<'q> {
    /// Which commit a ref names now, and the package at a path there.
    pub(super) fn latest(&mut self, url: &'q GitUrl, want: &'q RefWant, path: Option<&RelPath>) {
        self.refs.entry((url, want)).or_default().push(path.cloned());
    }

    /// The package at a path of a commit; with `proof`, also whether the commit belongs to the repository.
    pub(super) fn package(&mut self, url: &'q GitUrl, commit: &'q Commit, path: Option<&RelPath>, proof: bool) {
        let wanted = self.commits.entry(url).or_default().entry(commit).or_default();
        wanted.paths.push(path.cloned());
        wanted.proof |= proof;
    }

    /// What an index has under a name.
    pub(super) fn listing(&mut self, name: &'q PackageName, place: Place<'q>) {
        self.listings.push((name, place));
    }

    /// Opens all indexes that a host is asked for. A failure is met again by whoever reads the index.
    pub(super) fn open_all(indexes: &Indexes<'_>) {
        let open = |at| -> Job<'_> { Box::new(move || indexes.nth(at).map(drop)) };
        run((0..indexes.count() - 1).map(open).collect());
    }

    /// Asks, unless there is only one thing to ask: whoever needs that asks it. A failure stops nothing here: whoever
    /// needs the answer meets it again, says which package it hits, and can tell the others with [`also`].
    pub(super) fn ask(mut self, cache: &Cache<'_>, indexes: Option<&Indexes<'_>>) -> Vec<Error> {
        let commits = self.commits.values().flat_map(BTreeMap::values);
        let packages = self.refs.values().map(Vec::len).chain(commits.map(|wanted| wanted.paths.len()));
        if packages.sum::<usize>() + self.listings.len() < 2 {
            return Vec::new();
        }
        let listings = std::mem::take(&mut self.listings);
        let mut jobs = self.jobs(cache);
        let Some(indexes) = indexes else { return run(jobs) };
        let first = listings.iter().filter_map(|(name, place)| indexes.first_asked(name, *place));
        let first: BTreeSet<usize> = first.collect();
        jobs.extend(first.into_iter().map(|at| -> Job<'_> { Box::new(move || indexes.open_at(at)) }));
        let mut failures = run(jobs);
        // Now that the indexes are open, they say what they will read; for many packages of a repository at once.
        let needs: Vec<Origin> = listings.iter().filter_map(|(name, place)| indexes.need(name, *place)).collect();
        let mut next = Questions::default();
        for need in &needs {
            match need {
                Origin::Git { url, want: RefWant::Rev(commit), path } => {
                    next.package(url, commit, path.as_ref(), false);
                }
                Origin::Git { url, want, path } => next.latest(url, want, path.as_ref()),
                Origin::Index { .. } | Origin::Dir(_) => {}
            }
        }
        failures.extend(run(next.jobs(cache)));
        failures
    }

    /// The fetches; the listings are another matter.
    fn jobs<'j>(self, cache: &'j Cache<'_>) -> Vec<Job<'j>>
    where
        'q: 'j,
    {
        let mut jobs: Vec<Job<'j>> = Vec::new();
        for ((url, want), paths) in self.refs {
            jobs.push(Box::new(move || {
                let reading = Reading::Package(paths.first().and_then(Option::as_ref));
                cache.resolve(url, want, reading).and_then(|commit| cache.ensure(url, &commit, &paths))
            }));
        }
        for (url, commits) in self.commits {
            jobs.push(Box::new(move || {
                let unproved: Vec<&Commit> =
                    commits.iter().filter(|(_, wanted)| wanted.proof).map(|(commit, _)| *commit).collect();
                let wanted: Vec<WantedCommit> =
                    commits.into_iter().map(|(commit, wanted)| (commit.clone(), wanted.paths)).collect();
                cache.ensure_all(url, &wanted)?;
                unproved.into_iter().try_for_each(|commit| cache.prove(url, commit))
            }));
        }
        jobs
    }
}

/// The failure that stops a run, with the others that were met at the same time.
pub(super) fn also(error: Error, others: &[Error]) -> Error {
    let told = error.place().map(str::to_owned);
    let elsewhere = others.iter().filter(|other| other.place().is_some() && other.place() != told.as_deref());
    let lines: BTreeSet<String> =
        elsewhere.map(|other| format!("also {}: {other}", other.place().unwrap_or_default())).collect();
    lines.into_iter().fold(error, Error::because)
}

type Job<'j> = Box<dyn FnOnce() -> Result<()> + Send + 'j>;

/// Runs jobs on up to [`MAX_AT_ONCE`] threads, and returns what failed.
fn run(jobs: Vec<Job<'_>>) -> Vec<Error> {
    // A thread for one job would only be waited for.
    let jobs = match <[Job<'_>; 1]>::try_from(jobs) {
        Ok([job]) => return job().err().into_iter().collect(),
        Err(jobs) => jobs,
    };
    let threads = jobs.len().min(MAX_AT_ONCE);
    let queue = Mutex::new(jobs.into_iter());
    let failures = Mutex::new(Vec::new());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for job in std::iter::from_fn(next) {
                    if let (Err(error), Ok(mut failures)) = (job(), failures.lock()) {
                        failures.push(error);
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap_or_default()
}
