//! Asking a server: which commit a ref names, a commit with its trees, blobs by id. Each question is one `git fetch`
//! into the cache repository; what a server cannot do is done in the next cheapest way.
//!
//! Invariant: called by one thread of one process at a time for a repository.

use std::path::Path;

use git2::{Oid, Reference, Repository};

use super::command::{Git, Output};
use super::{failure, odb};
use crate::error::{Error, Kind, Result};
use crate::model::source::{Commit, RefWant};
use crate::model::url::GitUrl;
use crate::progress::Progress;

/// What every fetch has in common. No tags, submodules or `FETCH_HEAD`: only what the refspecs say is written.
const FETCH: &[&str] = &["fetch", "--quiet", "--no-tags", "--recurse-submodules=no", "--no-write-fetch-head"];
/// Commits and trees only.
const BLOBLESS: &str = "--filter=blob:none";
/// Also what the cache had in part.
const WHOLE: &[&str] = &["--no-filter", "--refetch"];
/// All branches and tags with their history: the depth stands for "no limit" also in a shallow repository.
const EVERYTHING: &[&str] = &["--prune", "--depth=2147483647"];
const EVERY_REF: &[&str] = &["+refs/heads/*:refs/cpm/heads/*", "+refs/tags/*:refs/cpm/tags/*"];

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
    pub(super) git: &'a Git,
    pub(super) url: &'a GitUrl,
    pub(super) repository: &'a Path,
    pub(super) progress: &'a dyn Progress,
}

/// How a server took a question.
enum Answer {
    Done,
    /// It gives no objects by id, or does not have this one.
    RefusesId(Output),
    LacksRef(Output),
}

impl Answer {
    /// No refusal is expected.
    fn done(self, url: &GitUrl) -> Result<()> {
        match self {
            Answer::Done => Ok(()),
            Answer::RefusesId(output) | Answer::LacksRef(output) => Err(failure::error(url, &output)),
        }
    }
}

impl Server<'_> {
    /// The commit that a ref names now.
    pub(super) fn resolve(&self, want: &RefWant) -> Result<Commit> {
        let (remote, local) = match want {
            RefWant::Rev(commit) => return Ok(commit.clone()),
            RefWant::Head => ("HEAD".to_owned(), local_ref(want)),
            RefWant::Branch(name) => (format!("refs/heads/{name}"), local_ref(want)),
            RefWant::Tag(name) => (format!("refs/tags/{name}"), local_ref(want)),
        };
        self.progress.step(&format!("fetching {}", self.url));
        self.clear_way(&local)?;
        match self.fetch(&["--depth=1", BLOBLESS], &[&format!("+{remote}:{local}")], &[])? {
            Answer::LacksRef(_) => return Err(self.no_ref(want)),
            answer => answer.done(self.url)?,
        }
        let repository = self.open()?;
        let reference = repository.find_reference(&local).map_err(|cause| self.damaged(&cause))?;
        peeled(&reference).ok_or_else(|| {
            Error::new(Kind::NotFound, format!("{} names something else than a commit", describe(want))).at(self.url)
        })
    }

    /// Brings a commit and its trees.
    pub(super) fn commit(&self, commit: &Commit) -> Result<()> {
        self.progress.step(&format!("fetching {}", self.url));
        let local = format!("refs/cpm/commits/{commit}");
        let by_id = format!("+{commit}:{local}");
        if let Answer::Done = self.fetch(&["--depth=1", BLOBLESS], &[&by_id], &[])? {
            return self.check_commit(commit, &local);
        }
        self.progress.detail(&format!("{} gives no commits by id: fetching all branches and tags", self.url));
        self.fetch(&[EVERYTHING, &[BLOBLESS]].concat(), EVERY_REF, &[])?.done(self.url)?;
        let id = odb::object_id(self.url, commit)?;
        let repository = self.open()?;
        if self.has_no_refs(&repository)? {
            return Err(self.no_ref(&RefWant::Head));
        }
        if repository.find_commit(id).is_err() {
            return Err(Error::new(Kind::NotFound, format!("commit {commit} is gone from the repository"))
                .at(self.url)
                .because("no branch and no tag leads to it: it was replaced by a forced push, or it never was there")
                .help("`cpm update NAME` takes the present commit"));
        }
        repository.reference(&local, id, true, "cpm").map_err(|cause| self.damaged(&cause)).map(drop)
    }

    /// Brings blobs that the commit refers to.
    pub(super) fn blobs(&self, commit: &Commit, blobs: &[Oid]) -> Result<()> {
        let files = if blobs.len() == 1 { "1 file".to_owned() } else { format!("{} files", blobs.len()) };
        self.progress.step(&format!("fetching {files} from {}", self.url));
        let ids: String = blobs.iter().map(|blob| format!("{blob}\n")).collect();
        if let Answer::Done = self.fetch(&[BLOBLESS, "--stdin"], &[], ids.as_bytes())? {
            return Ok(());
        }
        self.progress.detail(&format!("{} gives no files by id: fetching the whole commit", self.url));
        let by_id = format!("+{commit}:refs/cpm/commits/{commit}");
        match self.fetch(&[WHOLE, &["--depth=1"]].concat(), &[&by_id], &[]) {
            Ok(Answer::Done) => return Ok(()),
            // With `--refetch` git 2.47 does not see the refusal of an old protocol and trips over its own feet.
            Ok(_) => {}
            Err(error) if error.kind() == Kind::Network => {}
            Err(error) => return Err(error),
        }
        self.fetch(&[WHOLE, EVERYTHING].concat(), EVERY_REF, &[])?.done(self.url)
    }

    fn fetch(&self, options: &[&str], refspecs: &[&str], input: &[u8]) -> Result<Answer> {
        let output = self.run(&[], options, refspecs, input)?;
        if failure::is_about_form(&output, TOLERATED) {
            // With a filter git checks all or nothing; without, it can be told what to let pass.
            self.progress.detail(&format!("{} has old objects in bad form: fetching all of the commit", self.url));
            let tolerant: Vec<String> = TOLERATED.iter().map(|mistake| format!("fetch.fsck.{mistake}=warn")).collect();
            let tolerant: Vec<&str> = tolerant.iter().flat_map(|setting| ["-c", setting]).collect();
            let unfiltered = options.iter().copied().filter(|option| *option != BLOBLESS).chain(WHOLE.iter().copied());
            return self.answer(self.run(&tolerant, &unfiltered.collect::<Vec<_>>(), refspecs, input)?);
        }
        self.answer(output)
    }

    fn run(&self, settings: &[&str], options: &[&str], refspecs: &[&str], input: &[u8]) -> Result<Output> {
        let mut arguments = settings.to_vec();
        if !input.is_empty() {
            // Ids of blobs have no history to talk about; git's own lazy fetch does the same.
            arguments.extend(["-c", "fetch.negotiationAlgorithm=noop"]);
        }
        arguments.extend(FETCH);
        arguments.extend(options);
        arguments.extend(["--end-of-options", self.url.as_str()]);
        arguments.extend(refspecs);
        self.git.run(self.repository, self.url.reach(), &arguments, input, self.progress)
    }

    fn answer(&self, output: Output) -> Result<Answer> {
        if output.status.success() {
            Ok(Answer::Done)
        } else if failure::lacks_ref(&output) {
            Ok(Answer::LacksRef(output))
        } else if failure::refuses_id(&output) {
            Ok(Answer::RefusesId(output))
        } else {
            Err(failure::error(self.url, &output))
        }
    }

    /// The ref must now be exactly the commit that was asked for.
    fn check_commit(&self, commit: &Commit, local: &str) -> Result<()> {
        let repository = self.open()?;
        let reference = repository.find_reference(local).map_err(|cause| self.damaged(&cause))?;
        let found = reference.target().map(|id| id.to_string()).unwrap_or_default();
        if found != commit.as_str() {
            return Err(Error::new(Kind::Integrity, "the server sent another commit than the one asked for")
                .at(self.url)
                .because(format!("asked for {commit}"))
                .because(format!("got {found}")));
        }
        if peeled(&reference).as_ref() != Some(commit) {
            return Err(Error::new(Kind::NotFound, format!("{commit} is in the repository, but is not a commit"))
                .at(self.url)
                .help("for an annotated tag, give the commit: `git rev-parse TAG^{commit}` prints it"));
        }
        Ok(())
    }

    /// Removes refs that stand where this one needs a folder, or below it: the server has renamed a branch.
    fn clear_way(&self, local: &str) -> Result<()> {
        let repository = self.open()?;
        let above = local.match_indices('/').map(|(at, _)| &local[..at]).filter(|name| name.len() > "refs/cpm/".len());
        for mut stale in above.filter_map(|name| repository.find_reference(name).ok()) {
            stale.delete().map_err(|cause| self.damaged(&cause))?;
        }
        let below = repository.references_glob(&format!("{local}/*")).map_err(|cause| self.damaged(&cause))?;
        for mut stale in below.filter_map(std::result::Result::ok) {
            stale.delete().map_err(|cause| self.damaged(&cause))?;
        }
        Ok(())
    }

    fn has_no_refs(&self, repository: &Repository) -> Result<bool> {
        for folder in ["refs/cpm/heads/*", "refs/cpm/tags/*"] {
            if repository.references_glob(folder).map_err(|cause| self.damaged(&cause))?.next().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn no_ref(&self, want: &RefWant) -> Error {
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

    fn open(&self) -> Result<Repository> {
        Repository::open_bare(self.repository).map_err(|cause| self.damaged(&cause))
    }

    fn damaged(&self, cause: &git2::Error) -> Error {
        odb::damaged(self.repository, cause).at(self.url)
    }
}

/// The commit a ref named when it was last fetched.
pub(super) fn last_known(repository: &Path, want: &RefWant) -> Option<Commit> {
    if !repository.exists() {
        return None;
    }
    peeled(&Repository::open_bare(repository).ok()?.find_reference(&local_ref(want)).ok()?)
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

fn local_ref(want: &RefWant) -> String {
    match want {
        RefWant::Head => "refs/cpm/head".to_owned(),
        RefWant::Branch(name) => format!("refs/cpm/heads/{name}"),
        RefWant::Tag(name) => format!("refs/cpm/tags/{name}"),
        RefWant::Rev(commit) => format!("refs/cpm/commits/{commit}"),
    }
}

fn peeled(reference: &Reference<'_>) -> Option<Commit> {
    let commit = reference.peel_to_commit().ok()?;
    Commit::parse(&commit.id().to_string()).ok()
}
