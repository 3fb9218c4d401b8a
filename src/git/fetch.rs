//! Asking a server: which commit a ref names, a commit, objects by id. Each question is one `git fetch` into the cache
//! repository; what a server cannot do is done in the next cheapest way.
//!
//! Invariant: called by one thread of one process at a time for a repository.

use std::path::Path;
use std::time::Duration;

use git2::Repository;

use super::command::About;
use super::filters::Filters;
use super::need::{Lacking, Need};
use super::odb::{self, Fault, Read};
use super::process::Output;
use super::repository::{clear_way, local_ref, peeled, remote_ref};
use super::{Cache, failure, tags};
use crate::error::{Error, Kind};
use crate::model::source::{Commit, RefWant};
use crate::model::url::GitUrl;

/// What every fetch has in common. No tags, submodules or `FETCH_HEAD`: only what the refspecs say is written.
const FETCH: &[&str] = &["fetch", "--progress", "--no-tags", "--recurse-submodules=no", "--no-write-fetch-head"];
/// The commit without its history.
const SHALLOW: &str = "--depth=1";
/// Also what the cache had in part.
const WHOLE: &[&str] = &["--no-filter", "--refetch"];
/// All branches and tags with their history: the depth stands for "no limit" also in a shallow repository.
const EVERYTHING: &[&str] = &["--prune", "--depth=2147483647"];
const EVERY_REF: &[&str] = &["+refs/heads/*:refs/cpm/heads/*", "+refs/tags/*:refs/cpm/tags/*"];
/// The commits that were brought by their ids.
const COMMITS: &str = "refs/cpm/commits/*";
/// The server is told of no objects that are here: it would leave out what belongs to them, and the cache has only parts.
const TELL_NOTHING: &[&str] = &["-c", "fetch.negotiationAlgorithm=noop"];

/// The longest wait that a host may ask for; with more, the user decides.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Formatting mistakes that honest repositories carry in their history since old programs wrote them. Everything
/// that could harm a reader stays an error.
const TOLERATED: &[&str] = &[
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
];

/// One repository's server and the cache repository for it.
pub(super) struct Server<'a> {
    pub(super) cache: &'a Cache<'a>,
    pub(super) url: &'a GitUrl,
    /// What is asked: a mirror in place of `url`, which stays the name in messages.
    pub(super) asked: &'a GitUrl,
    pub(super) repository: &'a Path,
}

/// What one `git fetch` asks.
#[derive(Default, Clone)]
pub(super) struct Question<'q> {
    /// Options, the filters among them.
    options: Vec<String>,
    refspecs: Vec<&'q str>,
    /// Ids of objects, one a line.
    ids: String,
    /// The refs here that the server is told of: shallow commits with at least their first levels of trees.
    have: Vec<String>,
}

/// How a server took a question.
pub(super) enum Answer {
    Done,
    /// It gives no objects by id, or does not have this one.
    RefusesId(Output),
    LacksRef(Output),
    /// It does not leave out what it was asked to leave out.
    RefusesFilter,
    /// It has no commits of that age, or cannot tell their age.
    KnowsNoneSince,
}

impl Server<'_> {
    /// The commit that a ref names now; the first of what is needed of it comes along.
    pub(super) fn resolve(&self, want: &RefWant, needs: &[Need<'_>]) -> Read<Commit> {
        if let RefWant::Rev(commit) = want {
            return Ok(commit.clone());
        }
        let (remote, local) = (remote_ref(want), local_ref(want));
        self.tell("");
        let repository = self.open()?;
        clear_way(&repository, &local).map_err(|cause| self.damaged(&cause))?;
        let have: Vec<String> = [local.as_str(), COMMITS]
            .into_iter()
            .filter(|glob| repository.references_glob(glob).is_ok_and(|mut found| found.next().is_some()))
            .map(|glob| format!("--negotiation-tip={glob}"))
            .collect();
        drop(repository);
        let refspec = format!("+{remote}:{local}");
        loop {
            let filters = self.cache.filters.of(self.asked);
            // With something here to tell of, all that follows is a question of what has changed.
            let mut options = filters.for_commit(if have.is_empty() { needs } else { &[] });
            options.push(SHALLOW.to_owned());
            match self.fetch(&Question { have: have.clone(), ..self.question(options, vec![&refspec]) })? {
                Answer::Done => break,
                Answer::RefusesFilter => self.cache.filters.refused(self.asked, filters),
                Answer::LacksRef(_) | Answer::KnowsNoneSince => return Err(self.no_ref(want).into()),
                Answer::RefusesId(output) => return Err(failure::error(self.url, &output).into()),
            }
        }
        let repository = self.open()?;
        let reference = repository.find_reference(&local).map_err(|cause| self.damaged(&cause))?;
        tags::refuse_misnamed(&repository, &reference, want).map_err(|error| error.at(self.url))?;
        let is_not = || {
            Error::new(Kind::NotFound, format!("{} names something else than a commit", describe(want)))
                .help("`git ls-remote` with this address lists its branches and tags")
        };
        let commit = peeled(&reference).ok_or_else(|| is_not().at(self.url))?;
        self.note_proved(&repository, &commit)?;
        Ok(commit)
    }

    pub(super) fn question<'q>(&self, options: Vec<String>, refspecs: Vec<&'q str>) -> Question<'q> {
        Question { options, refspecs, ..Question::default() }
    }

    /// Brings a commit and the first of what is needed of it.
    pub(super) fn commit(&self, commit: &Commit, needs: &[Need<'_>]) -> Read<()> {
        odb::object_id(self.url, commit)?;
        if self.commits(&[commit], needs)? { Ok(()) } else { self.commit_among_all(commit) }
    }

    /// Brings several commits in one answer; `false` when the server does not give them all.
    pub(super) fn commits(&self, commits: &[&Commit], needs: &[Need<'_>]) -> Read<bool> {
        self.tell("");
        let local = |commit: &Commit| local_ref(&RefWant::Rev(commit.clone()));
        let refspecs: Vec<String> = commits.iter().map(|commit| format!("+{commit}:{}", local(commit))).collect();
        loop {
            let filters = self.cache.filters.of(self.asked);
            let mut options = filters.for_commit(needs);
            options.push(SHALLOW.to_owned());
            match self.fetch(&self.question(options, refspecs.iter().map(String::as_str).collect()))? {
                Answer::Done => break,
                Answer::RefusesFilter => self.cache.filters.refused(self.asked, filters),
                Answer::RefusesId(_) | Answer::LacksRef(_) | Answer::KnowsNoneSince => return Ok(false),
            }
        }
        commits.iter().try_for_each(|commit| self.check_commit(commit, &local(commit)))?;
        Ok(true)
    }

    /// Brings all branches and tags, for a server that gives no commits by id.
    fn commit_among_all(&self, commit: &Commit) -> Read<()> {
        self.cache.progress.detail(&format!("{} gives no commits by id: fetching all branches and tags", self.url));
        // The commits alone first: they show whether it is worth more.
        if !self.everything_holds(commit)? {
            return Err(Error::new(Kind::NotFound, format!("commit {commit} is gone from the repository"))
                .at(self.url)
                .because("no branch and no tag leads to it: it was replaced by a forced push, or it never was there")
                .help("`cpm update NAME` takes the present commit")
                .into());
        }
        loop {
            let filters = self.cache.filters.of(self.asked);
            let blobless = if filters == Filters::Narrow { Filters::Blobless } else { filters };
            let mut options = blobless.for_commit(&[]);
            options.extend(EVERYTHING.iter().map(ToString::to_string));
            match self.fetch(&self.question(options, EVERY_REF.to_vec()))? {
                Answer::Done | Answer::KnowsNoneSince => break,
                Answer::RefusesFilter => self.cache.filters.refused(self.asked, blobless),
                Answer::LacksRef(output) | Answer::RefusesId(output) => {
                    return Err(failure::error(self.url, &output).into());
                }
            }
        }
        let repository = self.open()?;
        let id = odb::object_id(self.url, commit)?;
        repository
            .reference(&local_ref(&RefWant::Rev(commit.clone())), id, true, "cpm")
            .map_err(|cause| self.damaged(&cause))
            .map(drop)
    }

    /// Brings objects by their ids; `false` when the server does not give them so. A refusal of filters brings nothing,
    /// and is remembered.
    pub(super) fn by_id(&self, lacking: &Lacking) -> Read<bool> {
        self.tell("");
        let filters = self.cache.filters.of(self.asked);
        let ids: String = lacking.ids(filters).map(|id| format!("{id}\n")).collect();
        let mut options = filters.for_objects(lacking);
        options.push("--stdin".to_owned());
        match self.fetch(&Question { ids, ..self.question(options, Vec::new()) })? {
            Answer::Done => {}
            Answer::RefusesFilter => self.cache.filters.refused(self.asked, filters),
            Answer::RefusesId(_) | Answer::LacksRef(_) | Answer::KnowsNoneSince => return Ok(false),
        }
        Ok(true)
    }

    /// Brings objects of a commit that the cache lacks, by their ids or, where the server does not give them so, with all
    /// of the commit.
    pub(super) fn objects(&self, commit: &Commit, lacking: &Lacking) -> Read<()> {
        if self.by_id(lacking)? {
            return Ok(());
        }
        self.cache.progress.detail(&format!("{} gives no files by id: fetching the whole commit", self.url));
        let whole = |more: &[&str]| WHOLE.iter().chain(more).map(ToString::to_string).collect();
        let refspec = format!("+{commit}:{}", local_ref(&RefWant::Rev(commit.clone())));
        match self.fetch(&self.question(whole(&[SHALLOW]), vec![&refspec])) {
            Ok(Answer::Done) => return Ok(()),
            // With `--refetch` git 2.47 does not see the refusal of an old protocol and trips over its own feet.
            Ok(_) => {}
            Err(fault) if matches!(fault.kind(), Kind::Network | Kind::Integrity) => {}
            Err(fault) => return Err(fault),
        }
        match self.fetch(&self.question(whole(EVERYTHING), EVERY_REF.to_vec()))? {
            Answer::Done | Answer::RefusesFilter | Answer::KnowsNoneSince => Ok(()),
            Answer::RefusesId(output) | Answer::LacksRef(output) => Err(failure::error(self.url, &output).into()),
        }
    }

    pub(super) fn fetch(&self, question: &Question<'_>) -> Read<Answer> {
        let mut output = self.put(&[], question)?;
        if !question.have.is_empty() && failure::misses_base(&output) {
            // It took what is told as more than what is here.
            output = self.put(&[], &Question { have: Vec::new(), ..question.clone() })?;
        }
        if failure::is_about_form(&output, TOLERATED) {
            // With a filter git checks all or nothing; without, it can be told what to let pass.
            self.cache.progress.detail(&format!("{} has old objects in bad form: fetching all of them", self.url));
            let tolerant: Vec<String> = TOLERATED.iter().map(|mistake| format!("fetch.fsck.{mistake}=warn")).collect();
            let tolerant: Vec<&str> = tolerant.iter().flat_map(|setting| ["-c", setting]).collect();
            let mut unfiltered = Question { have: Vec::new(), ..question.clone() };
            unfiltered.options.retain(|option| !option.starts_with("--filter="));
            unfiltered.options.extend(WHOLE.iter().map(ToString::to_string));
            output = self.put(&tolerant, &unfiltered)?;
        }
        self.answer(output)
    }

    /// One question.
    fn put(&self, settings: &[&str], question: &Question<'_>) -> Read<Output> {
        let mut arguments = settings.to_vec();
        if question.have.is_empty() {
            arguments.extend(TELL_NOTHING);
        }
        arguments.extend(FETCH);
        arguments.extend(question.have.iter().chain(&question.options).map(String::as_str));
        arguments.extend(["--end-of-options", self.asked.as_str()]);
        arguments.extend(&question.refspecs);
        self.run(&arguments, question.ids.as_bytes())
    }

    /// Runs git, and again when the server is overloaded or out of reach.
    pub(super) fn run(&self, arguments: &[&str], input: &[u8]) -> Read<Output> {
        let progress = self.cache.progress;
        let about = About { repository: self.repository, url: self.asked, place: self.url.as_str(), progress };
        for backoff in self.cache.git.limits().backoff {
            let output = self.cache.git.run(about, arguments, input)?;
            let wait = output.retry_after.unwrap_or_default().max(backoff);
            let Some(why) = failure::transient(&output).filter(|_| !self.asked.host().is_empty()) else {
                return Ok(output);
            };
            if wait > LONGEST_WAIT {
                return Ok(output);
            }
            self.tell(&format!("{why}; trying again in {:.1} s", wait.as_secs_f32()));
            std::thread::sleep(wait);
        }
        Ok(self.cache.git.run(about, arguments, input)?)
    }

    fn answer(&self, output: Output) -> Read<Answer> {
        if output.status.success() && output.stopped.is_none() {
            Ok(Answer::Done)
        } else if failure::lacks_ref(&output) {
            Ok(Answer::LacksRef(output))
        } else if failure::refuses_filter(&output) {
            Ok(Answer::RefusesFilter)
        } else if failure::knows_none_since(&output) {
            Ok(Answer::KnowsNoneSince)
        } else if failure::refuses_id(&output) {
            Ok(Answer::RefusesId(output))
        } else if failure::is_local_damage(&output, self.repository) || failure::misses_base(&output) {
            // Told of shallow commits, a server may take them for whole and send differences to what is not here. A new
            // repository has nothing to tell of.
            Err(Fault::Damaged(failure::error(self.url, &output)))
        } else {
            Err(failure::error(self.url, &output).into())
        }
    }

    /// The ref must now be exactly the commit that was asked for.
    fn check_commit(&self, commit: &Commit, local: &str) -> Read<()> {
        let repository = self.open()?;
        let reference = repository.find_reference(local).map_err(|cause| self.damaged(&cause))?;
        let found = reference.target().map(|id| id.to_string()).unwrap_or_default();
        if found != commit.as_str() {
            return Err(Error::new(Kind::Integrity, "the server sent another commit than the one asked for")
                .at(self.url)
                .because(format!("asked for {commit}"))
                .because(format!("got {found}"))
                .into());
        }
        if peeled(&reference).as_ref() != Some(commit) {
            return Err(Error::new(Kind::NotFound, format!("{commit} is in the repository, but is not a commit"))
                .at(self.url)
                .help("for an annotated tag, give the commit: `git rev-parse TAG^{commit}` prints it")
                .into());
        }
        Ok(())
    }

    pub(super) fn no_ref(&self, want: &RefWant) -> Error {
        let error = match want {
            // A web page that answers in place of a server looks to git like a repository without refs.
            RefWant::Head if self.url.as_str().starts_with("http") => {
                Error::new(Kind::Network, "the host did not answer as a git server does, or the repository is empty")
                    .help("check the address; a login page or a proxy may stand in between")
            }
            RefWant::Head => {
                Error::new(Kind::NotFound, "the repository is empty, or its `HEAD` names a branch that does not exist")
            }
            _ => Error::new(Kind::NotFound, format!("the repository has no {}", describe(want)))
                .help("`git ls-remote` with this address lists its branches and tags"),
        };
        error.at(self.url)
    }

    /// Says how far it is.
    pub(super) fn tell(&self, state: &str) {
        self.cache.progress.fetching(self.url.as_str(), state);
    }

    pub(super) fn open(&self) -> Read<Repository> {
        Repository::open_bare(self.repository).map_err(|cause| self.damaged(&cause))
    }

    pub(super) fn damaged(&self, cause: &git2::Error) -> Fault {
        odb::damaged(self.repository, self.url, cause)
    }
}

/// What a ref is called in a sentence.
pub(super) fn describe(want: &RefWant) -> String {
    match want {
        RefWant::Head => "`HEAD`".to_owned(),
        RefWant::Branch(name) => format!("branch `{name}`"),
        RefWant::Tag(name) => format!("tag `{name}`"),
        RefWant::Rev(commit) => format!("commit `{commit}`"),
    }
}
