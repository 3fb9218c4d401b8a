//! Takes over what the locks of other tools name.

use std::path::{Path, PathBuf};

use super::super::apply::shown_path;
use super::super::at_once::Questions;
use super::super::locking;
use super::taking::{Absence, Fit, Offer, Part, Taking};
use crate::error::{Error, Kind, Result};
use crate::format::foreign::{self, Entry, Folder, Pin, Tool};
use crate::fsx;
use crate::git::Reading;
use crate::model::dependency::{Dependency, Origin};
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::scope::Scope;
use crate::model::source::{Commit, RefWant};

/// Folders in which repositories keep a skill, in order; for locks that do not name one.
const USUAL: [&str; 4] = ["skills/", ".claude/skills/", ".agents/skills/", ""];

/// Reads the locks of the scope, or only this one.
///
/// # Errors
/// [`Kind::NotFound`] and [`Kind::Usage`] about the file that was asked for; what is wrong with a lock is left out.
pub(super) fn read(taking: &mut Taking<'_>, from: Option<&Path>) -> Result<()> {
    if let Some(path) = from {
        let tool = Tool::of_file(path).ok_or_else(|| unknown(path))?;
        let bytes = fsx::read_optional(path)?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("there is no file `{}`", path.display())).at_path(path)
        })?;
        let entries = foreign::read(tool, &bytes, &shown_path(taking.context, path))?;
        return take_all(taking, tool, entries, path);
    }
    for (tool, path) in places(taking) {
        let place = shown_path(taking.context, &path);
        let entries = fsx::read_optional(&path)
            .and_then(|bytes| bytes.map(|bytes| foreign::read(tool, &bytes, &place)).transpose());
        match entries {
            Ok(None) => {}
            Ok(Some(entries)) => take_all(taking, tool, entries, &path)?,
            Err(error) => taking.leave_out(tool.file(), &place, &error),
        }
    }
    Ok(())
}

fn unknown(path: &Path) -> Error {
    let files: Vec<&str> = Tool::ALL.iter().map(|tool| tool.file()).collect();
    Error::new(Kind::Usage, format!("`{}` is not called like a lock that cpm can read", path.display()))
        .help(format!("locks that cpm can read are called {}", files.join(", ")))
}

fn places(taking: &Taking<'_>) -> Vec<(Tool, PathBuf)> {
    let (scope, base) = (taking.context.places.scope, &taking.context.places.base);
    let home = &taking.context.machine.home;
    let place = |tool: Tool| match scope {
        Scope::Project => Some((tool, base.join(tool.file()))),
        Scope::User => tool.user_file().map(|file| (tool, home.join(file))),
        Scope::Local => None,
    };
    Tool::ALL.into_iter().filter_map(place).collect()
}

fn take_all(taking: &mut Taking<'_>, tool: Tool, entries: Vec<Entry>, path: &Path) -> Result<()> {
    let place = shown_path(taking.context, path);
    ask_about(taking, &entries);
    for Entry { name, pin } in entries {
        let taken = pin.and_then(|pin| take(taking, tool, &name, &pin, &place));
        if let Err(error) = taken {
            taking.leave_out(&name, &place, &error);
        }
        // Whatever came of it, it was said.
        taking.settle(Part::Dir, &name);
    }
    Ok(())
}

/// Asks hosts for all that is certain to be needed, at once. What fails is met again.
fn ask_about(taking: &Taking<'_>, entries: &[Entry]) {
    let mut questions = Questions::default();
    for pin in entries.iter().filter_map(|entry| entry.pin.as_ref().ok()) {
        match (&pin.folder, &pin.commit, &pin.reference) {
            (Folder::At(path), Some(commit), _) => questions.package(&pin.url, commit, path.as_ref(), true),
            (Folder::At(path), None, None) => questions.latest(&pin.url, &RefWant::Head, path.as_ref()),
            _ => {}
        }
    }
    questions.ask(taking.fetcher.cache, None);
}

fn take(taking: &mut Taking<'_>, tool: Tool, name: &str, pin: &Pin, place: &str) -> Result<()> {
    let name = PackageName::parse(name)?;
    let (want, commit) = want(taking, pin)?;
    let path = folder(taking, pin, &name, &commit)?;
    let dependency = Dependency::plain(name.clone(), Origin::Git { url: pin.url.clone(), path, want });
    match taking.is_known(&name, &dependency) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(why) => return Err(Error::new(Kind::Conflict, why).help("remove one of the two, then run again")),
    }
    let by_hand = install_command(&dependency);
    let (locked, loaded) = locking::at_commit(taking.fetcher, &name, &dependency.origin, commit.clone())?;
    // A tool may have spread the parts of a package where cpm does not place them.
    let base = &taking.context.places.base;
    let elsewhere = pin.written.iter().find(|file| std::fs::symlink_metadata(file.below(base)).is_ok()).cloned();
    let absence = if elsewhere.is_none() { Absence::Allowed } else { Absence::Refused };
    let skills = shown_path(taking.context, &taking.context.places.skills);
    let offer = Offer { name: name.clone(), dependency, locked, loaded };
    let error = match (taking.consider(offer, place, Some(place), absence)?, elsewhere) {
        (Fit::Absent, Some(file)) => {
            let why = format!("{} wrote it where cpm does not: `{file}`", tool.name());
            Error::new(Kind::Conflict, why).help(format!("remove it with {}, then: `{by_hand}`", tool.name()))
        }
        (Fit::Other(why), _) => Error::new(Kind::Conflict, why)
            .help(format!("keep it as yours, or move it out of `{skills}`, then: `{by_hand}`")),
        _ => return Ok(()),
    };
    let compared =
        format!("the lock names no commit, so this was compared with {}, which is there now", commit.short());
    Err(if pin.commit.is_some() { error } else { error.because(compared) })
}

/// What the manifest should ask for, and the commit to lock: the one in the lock, else what is there now.
fn want(taking: &Taking<'_>, pin: &Pin) -> Result<(RefWant, Commit)> {
    let cache = taking.fetcher.cache;
    let resolve = |want: RefWant| match cache.resolve(&pin.url, &want, Reading::Package(None)) {
        Ok(commit) => Ok(Some((want, commit))),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let tag = pin.reference.clone().map(|name| resolve(RefWant::Tag(name))).transpose()?.flatten();
    let branch = || pin.reference.clone().map(|name| resolve(RefWant::Branch(name))).transpose();
    match (&pin.commit, &pin.reference, tag) {
        // What follows a branch, or nothing that has a name, goes on following it.
        (Some(commit), None, _) => Ok((RefWant::Head, commit.clone())),
        (Some(commit), Some(_), Some((tag, now))) if now == *commit => Ok((tag, now)),
        (Some(commit), Some(_), Some(_)) => Ok((RefWant::Rev(commit.clone()), commit.clone())),
        (Some(commit), Some(_), None) => {
            let branch = branch()?.flatten().map(|(branch, _)| branch);
            Ok((branch.unwrap_or_else(|| RefWant::Rev(commit.clone())), commit.clone()))
        }
        (None, Some(_), Some(tag)) => Ok(tag),
        (None, Some(name), None) => branch()?.flatten().ok_or_else(|| {
            Error::new(Kind::NotFound, format!("there is no tag and no branch `{name}` any more")).at(&pin.url)
        }),
        (None, None, _) => Ok((RefWant::Head, cache.resolve(&pin.url, &RefWant::Head, Reading::Package(None))?)),
    }
}

/// The folder of a skill; where the lock names none, the usual ones are looked into.
fn folder(taking: &Taking<'_>, pin: &Pin, name: &PackageName, commit: &Commit) -> Result<Option<RelPath>> {
    if let Folder::At(path) = &pin.folder {
        return Ok(path.clone());
    }
    for above in USUAL {
        let path = RelPath::parse(&format!("{above}{name}"))?;
        let file = path.join(&RelPath::parse("SKILL.md")?)?;
        if taking.fetcher.cache.file(&pin.url, commit, &file)?.is_some() {
            return Ok(Some(path));
        }
    }
    if taking.fetcher.cache.file(&pin.url, commit, &RelPath::parse("SKILL.md")?)?.is_some() {
        return Ok(None);
    }
    Err(Error::new(Kind::NotFound, "the lock does not say in which folder of the repository it is")
        .help(format!("find its folder, then: `cpm install {name} --git {} --path FOLDER`", pin.url)))
}

/// The command that installs a dependency.
fn install_command(dependency: &Dependency) -> String {
    let Origin::Git { url, path, want } = &dependency.origin else { return String::new() };
    let path = path.as_ref().map(|path| format!(" --path {path}")).unwrap_or_default();
    let want = match want {
        RefWant::Head => String::new(),
        RefWant::Branch(branch) => format!(" --branch {branch}"),
        RefWant::Tag(tag) => format!(" --tag {tag}"),
        RefWant::Rev(commit) => format!(" --rev {commit}"),
    };
    format!("cpm install {} --git {url}{path}{want}", dependency.package)
}
