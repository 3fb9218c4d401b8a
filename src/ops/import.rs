//! `cpm import`: takes over what other tools and the client itself installed, where cpm knows where it comes from.
//!
//! Invariant: only manifest and lock are written, and nothing that stands in them already changes; a package is taken over
//! only where what cpm would place is what is here, byte for byte, or where nothing of it is here yet.

mod indexed;
mod locks;
mod plugins;
mod taking;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::apply::{origin, shown_path};
use super::fetch::Fetcher;
use super::install::{self, fetcher};
use super::mcp_document::McpDocument;
use super::state::{self, ScopeState};
use super::{Context, Effect, undo};
use crate::error::{Error, Result};
use crate::format::lockfile;
use crate::format::manifest_edit::Editor;
use crate::index::Indexes;
use crate::model::index::IndexConfig;
use crate::model::lock::{Lock, Locked};
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::receipt::undo::Adopted;
use crate::transaction::Privacy;
use taking::{Candidate, Taking};

/// What an import took over, or would.
#[derive(Debug, Clone, Serialize)]
pub struct Imported {
    /// The scope.
    pub scope: Scope,
    /// Its manifest.
    pub manifest: String,
    /// Its lock.
    pub lock: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The indexes that came with packages.
    pub indexes: Vec<NewIndex>,
    /// The packages that manifest and lock have now.
    pub packages: Vec<Taken>,
    /// What is not taken over.
    pub left_out: Vec<LeftOut>,
    /// What there is to do now.
    pub next: Vec<String>,
}

/// An index that the manifest has now.
#[derive(Debug, Clone, Serialize)]
pub struct NewIndex {
    /// What the manifest calls it.
    pub name: String,
    /// Its repository.
    pub url: String,
}

/// A package that was taken over.
#[derive(Debug, Clone, Serialize)]
pub struct Taken {
    /// What the manifest calls it.
    pub name: PackageName,
    /// Its locked version.
    pub version: String,
    /// Where it comes from, in words.
    pub from: String,
    /// The file or folder that told of it.
    pub found: String,
    /// Where its files are now.
    pub files: Files,
}

/// Where the files of a package are when it is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Files {
    /// Where cpm would place them, byte for byte.
    Here,
    /// Nowhere that cpm writes.
    Absent,
    /// In the client's own folder of plugins.
    Client,
}

/// What is not taken over.
#[derive(Debug, Clone, Serialize)]
pub struct LeftOut {
    /// A skill, server or plugin, or a whole file.
    pub name: String,
    /// The file or folder.
    pub place: String,
    /// Why.
    pub why: String,
    /// What to do by hand, where there is something.
    pub fix: Option<String>,
}

/// Takes over what is in the scope; with `from`, only what this lock of another tool names.
///
/// # Errors
/// Any failure to read the scope's own files, or to ask an index of the manifest; then nothing has changed.
pub fn import(context: &Context<'_>, from: Option<&Path>) -> Result<Imported> {
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let mut state = ScopeState::open(context)?;
    let before = state.lock.clone();
    let manifest = state.manifest.clone();
    let mut taking = Taking::new(context, &state, &manifest, &fetcher, McpDocument::read(context)?.entries)?;
    locks::read(&mut taking, from)?;
    if from.is_none() {
        plugins::read(&mut taking)?;
        indexed::find(&mut taking)?;
    }
    let Taking { candidates, indexes, mut left_out, .. } = taking;
    let mut fitting = Fitting { context, state: &mut state, before: &before, fetcher: &fetcher, indexes: &indexes };
    let (taken, lock) = fitting.choose(candidates, &mut left_out)?;
    let indexes = fitting.used_indexes(&taken);
    let mut packages: Vec<Taken> = taken.iter().map(Candidate::row).collect();
    packages.extend(needed(&before, &lock, &taken));
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let next = next(&taken, &packages);
    write(context, &state, &taken, &indexes, &lock)?;
    let shown = |path: &PathBuf| shown_path(context, path);
    Ok(Imported {
        scope: context.places.scope,
        manifest: shown(&context.places.manifest),
        lock: shown(&context.places.lock),
        dry_run: context.effect == Effect::DryRun,
        indexes: indexes.iter().map(|i| NewIndex { name: i.name.to_string(), url: i.url.to_string() }).collect(),
        packages,
        left_out,
        next,
    })
}

/// Finds the candidates that fit together, and the lock that they make.
struct Fitting<'a, 'c, 'i> {
    context: &'a Context<'c>,
    state: &'a mut ScopeState,
    before: &'a Lock,
    fetcher: &'a Fetcher<'i>,
    indexes: &'a [IndexConfig],
}

impl<'i> Fitting<'_, '_, 'i> {
    /// Locks all candidates; where that cannot be, as many as fit, in order.
    fn choose(&mut self, candidates: Vec<Candidate>, left_out: &mut Vec<LeftOut>) -> Result<(Vec<Candidate>, Lock)> {
        if candidates.is_empty() {
            return Ok((candidates, self.before.clone()));
        }
        if let Ok(lock) = self.lock(&candidates) {
            return Ok((candidates, lock));
        }
        let (mut fitting, mut lock) = (Vec::new(), self.lock(&[])?);
        for candidate in candidates {
            fitting.push(candidate);
            match self.lock(&fitting) {
                Ok(with) => lock = with,
                Err(error) => left_out.extend(fitting.pop().map(|candidate| candidate.left_out(&error))),
            }
        }
        Ok((fitting, lock))
    }

    fn lock(&mut self, candidates: &[Candidate]) -> Result<Lock> {
        let mut manifest = self.state.manifest.clone();
        manifest.indexes.extend(self.used_indexes(candidates));
        self.state.lock = self.before.clone();
        for candidate in candidates {
            manifest.dependencies.insert(candidate.name.clone(), candidate.dependency.clone());
            let package = candidate.dependency.package.clone();
            self.state.lock.packages.insert(package, candidate.locked.clone());
        }
        if manifest.dependencies.is_empty() {
            return Ok(Lock::default());
        }
        let indexes = Indexes::new(&manifest.indexes, self.fetcher.cache);
        let locking = install::lock(self.context, self.state, &manifest, &indexes, self.fetcher);
        self.state.lock = self.before.clone();
        locking.map(|locking| locking.lock)
    }

    /// The new indexes that a candidate comes from.
    fn used_indexes(&self, candidates: &[Candidate]) -> Vec<IndexConfig> {
        let is_used = |name| candidates.iter().any(|candidate| candidate.index() == Some(name));
        self.indexes.iter().filter(|index| is_used(&index.name)).cloned().collect()
    }
}

/// What is locked because others need it.
fn needed(before: &Lock, lock: &Lock, taken: &[Candidate]) -> Vec<Taken> {
    let is_new = |name: &PackageName| {
        !before.packages.contains_key(name) && taken.iter().all(|candidate| candidate.dependency.package != *name)
    };
    let needed = lock.packages.iter().filter(|(name, _)| is_new(name));
    let row = |(name, locked): (&PackageName, &Locked)| Taken {
        name: name.clone(),
        version: locked.version.to_string(),
        from: origin(locked),
        found: "what others need".to_owned(),
        files: Files::Absent,
    };
    needed.map(row).collect()
}

fn next(taken: &[Candidate], packages: &[Taken]) -> Vec<String> {
    let mut next: Vec<String> = taken.iter().filter_map(|candidate| candidate.uninstall.clone()).collect();
    let count = |files| packages.iter().filter(|package| package.files == files).count();
    let (here, absent) = (count(Files::Here), count(Files::Absent) + count(Files::Client));
    let adopts = "takes over what is here without changing a byte";
    match (here, absent) {
        (0, 0) => {}
        (_, 0) => next.push(format!("`cpm install` {adopts}")),
        (0, _) => next.push("`cpm install` installs them".to_owned()),
        (_, _) => next.push(format!("`cpm install` {adopts}, and installs the rest")),
    }
    let mut locks: Vec<&str> = taken.iter().filter_map(|candidate| candidate.lock_of.as_deref()).collect();
    locks.sort_unstable();
    locks.dedup();
    let delete = |lock: &&str| format!("when `cpm verify` is content, delete `{lock}`, or two tools write one folder");
    next.extend(locks.iter().map(delete));
    next
}

fn write(
    context: &Context<'_>,
    state: &ScopeState,
    taken: &[Candidate],
    indexes: &[IndexConfig],
    lock: &Lock,
) -> Result<()> {
    if taken.is_empty() || context.effect == Effect::DryRun {
        return Ok(());
    }
    let path = &context.places.manifest;
    let in_manifest = |error: Error| error.at_path(path);
    let mut editor = Editor::parse(state.manifest_text.as_deref().unwrap_or_default(), path)?;
    indexes.iter().try_for_each(|index| editor.set_index(index)).map_err(in_manifest)?;
    for candidate in taken {
        editor.set_dependency(&candidate.name, &candidate.dependency).map_err(in_manifest)?;
    }
    let (text, bytes) = (editor.text(), lockfile::emit(lock).into_bytes());
    let mut transaction = state.begin(context)?;
    let after = [Some(text.as_bytes()), Some(&bytes[..])];
    undo::stage_record(context, state, &mut transaction, after, Adopted::default())?;
    transaction.put_file(path, text.as_bytes(), Privacy::Shared)?;
    transaction.put_file(&context.places.lock, &bytes, Privacy::Shared)?;
    state::commit(transaction)
}
