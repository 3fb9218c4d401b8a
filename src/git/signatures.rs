//! Whether a tag or a commit is signed by a key that somebody trusts. git checks it with ssh's own program; the programs
//! for other kinds of signatures are switched off, because they would believe keys that nobody named here.
//!
//! Invariant: a success is about the very tag that was asked for and the very commit.

use git2::{ObjectType, OdbObject, Oid, Repository};

use super::command::About;
use super::odb;
use super::process::Output;
use super::repository::local_ref;
use super::{Cache, failure};
use crate::error::{Error, Kind, Result};
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefName, RefWant};
use crate::model::url::GitUrl;

/// What every check gets with `-c`, above any configuration file.
const SETTINGS: &[&str] = &[
    "-c",
    "gpg.ssh.program=ssh-keygen",
    "-c",
    "gpg.program=/dev/null",
    "-c",
    "gpg.openpgp.program=/dev/null",
    "-c",
    "gpg.x509.program=/dev/null",
    // Only a key that the file of signers has.
    "-c",
    "gpg.minTrustLevel=fully",
];

const BEGIN: &str = "-----BEGIN ";
const BEGIN_SSH: &str = "-----BEGIN SSH SIGNATURE-----";

/// What is signed.
struct Signed<'a> {
    url: &'a GitUrl,
    id: Oid,
    /// In a sentence: `the tag …`.
    what: String,
    /// The file with the keys, as the manifest names it.
    signers: &'a RelPath,
}

impl Cache<'_> {
    /// Makes sure that a tag, as it was last resolved, names this commit and is signed by a key in `signers`, a file in
    /// the format of ssh's `allowed_signers`. The time that a key is valid for is compared with the date of the tag.
    ///
    /// # Errors
    /// [`Kind::Policy`] when it is not signed by such a key; [`Kind::Integrity`] when it is the tag of something else;
    /// [`Kind::NotFound`] without the tag or the file; [`Kind::Usage`] when git or ssh-keygen is missing.
    pub fn verify_tag(&self, url: &GitUrl, tag: &RefName, commit: &Commit, signers: &RelPath) -> Result<()> {
        let repository = self.opened(url)?;
        let what = format!("the tag `{tag}`");
        let wanted = odb::object_id(url, commit)?;
        let absent = || Error::new(Kind::NotFound, format!("the cache does not have {what}")).at(url);
        let reference = repository.find_reference(&local_ref(&RefWant::Tag(tag.clone()))).map_err(|_| absent())?;
        let id = reference.target().ok_or_else(absent)?;
        let Ok(object) = repository.find_tag(id) else {
            return Err(refused(url, format!("{what} is not signed"), signers)
                .because("it is a lightweight tag, which cannot carry a signature")
                .help(ASK_AUTHOR));
        };
        if object.name_bytes() != tag.as_str().as_bytes() {
            let made_for = String::from_utf8_lossy(object.name_bytes()).escape_debug().to_string();
            return Err(Error::new(Kind::Integrity, format!("{what} was made for another name"))
                .at(url)
                .because(format!("it says that it is `{made_for}`"))
                .help("somebody put a signed tag in the place of another: ask the author, and do not install it"));
        }
        if object.target_id() != wanted || object.target_type() != Some(ObjectType::Commit) {
            return Err(Error::new(Kind::Integrity, format!("{what} does not name the commit itself"))
                .at(url)
                .because(format!("the commit: {commit}"))
                .because(format!("it names:   {}", object.target_id()))
                .help("ask the author for a signed tag of the commit; if it was moved just now, run again"));
        }
        self.verify(&repository, "verify-tag", &Signed { url, id, what, signers })
    }

    /// Makes sure that a commit that is here is signed by a key in `signers`, as [`Cache::verify_tag`] does.
    ///
    /// # Errors
    /// As there.
    pub fn verify_commit(&self, url: &GitUrl, commit: &Commit, signers: &RelPath) -> Result<()> {
        let repository = self.opened(url)?;
        let id = odb::object_id(url, commit)?;
        let what = format!("its newest commit {}", commit.short());
        self.verify(&repository, "verify-commit", &Signed { url, id, what, signers })
    }

    fn opened(&self, url: &GitUrl) -> Result<Repository> {
        let path = self.repository(url);
        Repository::open_bare(&path).map_err(|cause| odb::damaged(&path, url, &cause).error())
    }

    fn verify(&self, repository: &Repository, command: &str, signed: &Signed<'_>) -> Result<()> {
        let read = repository.odb().and_then(|odb| Ok(begin(&odb.read(signed.id)?)));
        let begin = read.map_err(|cause| odb::damaged(repository.path(), signed.url, &cause).error())?;
        if begin.as_deref() != Some(BEGIN_SSH) {
            let how = if begin.is_some() { "not signed with an ssh key" } else { "not signed" };
            return Err(refused(signed.url, format!("{} is {how}", signed.what), signed.signers).help(ASK_AUTHOR));
        }
        let file = self.file_of(signed.signers)?;
        let setting = format!("gpg.ssh.allowedSignersFile={file}");
        let mut arguments = SETTINGS.to_vec();
        let id = signed.id.to_string();
        arguments.extend(["-c", &setting, command, "--raw", &id]);
        let place = signed.url.as_str();
        let about = About { repository: repository.path(), url: signed.url, place, progress: self.progress };
        let output = self.git.run(about, &arguments, b"")?;
        if output.status.success() && output.stopped.is_none() { Ok(()) } else { Err(judged(&output, signed, &file)) }
    }

    /// The file of signers for git, which runs in another folder.
    fn file_of(&self, signers: &RelPath) -> Result<String> {
        let path = self.signers_at.join(signers.as_str());
        let is_file = path.is_file();
        let text = path.to_str().filter(|_| is_file && path.is_absolute());
        text.map(str::to_owned).ok_or_else(|| {
            Error::new(Kind::NotFound, format!("there is no file `{signers}`, which the manifest names as `signers`"))
                .at_path(&path)
                .help("write the keys of the authors into it, a line `EMAIL ssh-ed25519 KEY` for each")
        })
    }
}

/// The line that begins the signature of an object, as git finds it: the last such line of a tag, a header of a commit.
fn begin(object: &OdbObject<'_>) -> Option<String> {
    let text = String::from_utf8_lossy(object.data());
    let mut lines = text.lines().map(|line| line.strip_prefix("gpgsig ").unwrap_or(line));
    let found = match object.kind() {
        ObjectType::Tag => lines.rfind(|line| line.starts_with(BEGIN)),
        _ => lines.take_while(|line| !line.is_empty()).find(|line| line.starts_with(BEGIN)),
    };
    found.map(str::to_owned)
}

const ASK_AUTHOR: &str = "ask the author for a tag or commit that is signed with an ssh key; nothing was changed";

fn refused(url: &GitUrl, message: String, signers: &RelPath) -> Error {
    Error::new(Kind::Policy, message)
        .at(url)
        .because(format!("`signers` in the manifest asks for a signature by a key in `{signers}`"))
}

/// What git's no means.
fn judged(output: &Output, signed: &Signed<'_>, file: &str) -> Error {
    let Signed { url, what, signers, .. } = signed;
    let said = &output.stderr;
    if let Some(line) = said.lines().find(|line| line.contains("ssh-keygen") && !line.starts_with(file)) {
        return Error::new(Kind::Usage, "cannot run `ssh-keygen`, which checks signatures")
            .because(line)
            .help("install OpenSSH 8.9 or newer and make sure that `ssh-keygen` is on `PATH`");
    }
    let good = said.lines().find(|line| line.starts_with("Good \"git\" signature"));
    let key = good.and_then(|line| line.rsplit_once(" with ")).map(|(_, key)| key);
    // Such as `FILE:1: key has expired: …`.
    let reasons: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix(file)).collect();
    let is_about_time =
        reasons.iter().any(|reason| reason.contains("key has expired") || reason.contains("not yet valid"));
    let (message, help) = match key {
        None if output.stopped.is_some() => return failure::error(url, output),
        None if !reasons.is_empty() => (
            format!("{what} is signed by a key that may not sign it"),
            format!("ask the author; `{signers}` says what each key may sign"),
        ),
        None if said.contains("ignature") => (format!("the signature of {what} is wrong"), ASK_AUTHOR.to_owned()),
        None => {
            let error = refused(url, format!("the signature of {what} cannot be checked"), signers);
            return error.because(said.lines().last().unwrap_or_default()).help("mend what git says, and run again");
        }
        Some(_) if is_about_time => (
            format!("{what} is signed by a key at a time when it was not valid"),
            format!("ask the author; `valid-after` and `valid-before` in `{signers}` say when a key is valid"),
        ),
        Some(_) => (
            format!("{what} is signed by a key that you do not trust"),
            format!("compare the key with what the author tells you; when it is right, add it to `{signers}`"),
        ),
    };
    let error = refused(url, message, signers);
    let error = key.iter().fold(error, |error, key| error.because(format!("signed by the {key}")));
    let error = reasons.iter().fold(error, |error, reason| error.because(format!("{signers}{reason}")));
    error.help(help)
}
