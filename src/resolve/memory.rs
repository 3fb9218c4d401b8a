//! What the catalog said, asked once for all rounds of a resolution, and the time that choosing may take.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Candidate, Catalog, Needs};
use crate::error::{Error, Kind, Result};
use crate::format::lockfile::MAX_PACKAGES;
use crate::model::dependency::Need;
use crate::model::name::PackageName;
use crate::model::version::Version;

/// How long choosing may take, without the time that the catalog takes to answer: servers have limits of their own.
/// Real graphs take less than a millisecond; a hostile one could take minutes [measurements.md §8].
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

type Candidates = Option<Rc<[Candidate]>>;

/// A catalog that remembers.
pub(super) struct Memory<'a> {
    catalog: &'a dyn Catalog,
    candidates: RefCell<HashMap<PackageName, Candidates>>,
    /// What candidates need, as far as they were about to be chosen.
    needs: RefCell<HashMap<(PackageName, Version), Needs>>,
    limit: Duration,
    deadline: Cell<Instant>,
    is_closed: Cell<bool>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(catalog: &'a dyn Catalog, limit: Duration) -> Self {
        let deadline = Cell::new(Instant::now() + limit);
        let (candidates, needs) = (RefCell::default(), RefCell::default());
        Memory { catalog, candidates, needs, limit, deadline, is_closed: Cell::new(false) }
    }

    /// From now on nobody is asked: what is not known is taken for what is not there.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
    }

    /// The candidates of a package.
    pub(super) fn candidates(&self, name: &PackageName) -> Result<Candidates> {
        if let Some(known) = self.candidates.borrow().get(name) {
            return Ok(known.clone());
        }
        if self.is_closed.get() {
            return Ok(None);
        }
        if self.candidates.borrow().len() == MAX_PACKAGES {
            return Err(Error::new(
                Kind::NoSolution,
                format!("choosing versions led to more than {MAX_PACKAGES} packages"),
            )
            .because("a lock holds no more than that")
            .help("ask for fewer packages, or tell the owner of the index"));
        }
        let candidates: Candidates = self.timed(|| self.catalog.candidates(name))?.map(Rc::from);
        self.candidates.borrow_mut().insert(name.clone(), candidates.clone());
        Ok(candidates)
    }

    /// What a candidate needs.
    pub(super) fn needs(&self, name: &PackageName, candidate: &Candidate) -> Result<Needs> {
        let key = (name.clone(), candidate.version.clone());
        if let Some(known) = self.needs.borrow().get(&key) {
            return Ok(known.clone());
        }
        if self.is_closed.get() {
            let says_all = self.catalog.says_all(name, candidate);
            return Ok(if says_all {
                Ok(ordered(candidate.needs.clone()))
            } else {
                Err("was not looked at".to_owned())
            });
        }
        let needs = self.timed(|| self.catalog.needs(name, candidate))?.map(ordered);
        self.needs.borrow_mut().insert(key, needs.clone());
        Ok(needs)
    }

    /// What a version needs, as far as it was about to be chosen.
    pub(super) fn known_needs(&self, name: &PackageName, version: &Version) -> Needs {
        self.needs.borrow().get(&(name.clone(), version.clone())).cloned().unwrap_or(Ok(Vec::new()))
    }

    /// What the catalog says; the time it takes moves the deadline.
    fn timed<T>(&self, ask: impl FnOnce() -> Result<T>) -> Result<T> {
        let asked = Instant::now();
        let answer = ask();
        self.deadline.set(self.deadline.get() + asked.elapsed());
        answer
    }

    /// Fails when choosing takes too long.
    pub(super) fn check_time(&self) -> Result<()> {
        if Instant::now() < self.deadline.get() {
            return Ok(());
        }
        Err(Error::new(Kind::NoSolution, "choosing versions took too long")
            .because(format!("there was no answer after {} s", self.limit.as_secs()))
            .help("ask for narrower version requirements"))
    }
}

/// Needs in an order of their own, so that nothing depends on how they were written.
pub(super) fn ordered(mut needs: Vec<Need>) -> Vec<Need> {
    needs.sort_by_cached_key(|need| (need.name.clone(), need.requirement.to_string()));
    needs
}
