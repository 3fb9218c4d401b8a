//! `cpm verify`: hashes everything that cpm installed and names what is not as locked. Asks hosts only when told to:
//! then also whether what is locked still is what its repository offers.

use serde::Serialize;

use super::apply::shown_path;
use super::fetch::refuse_other_source;
use super::locking;
use super::mcp_document::McpDocument;
use super::state::ScopeState;
use super::{Context, revoked, settled, signed};
use crate::error::{Kind, Result};
use crate::git::Reading;
use crate::index::Indexes;
use crate::model::index::{IndexId, Withheld};
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::model::source::{RefWant, Source};
use crate::plan::differences;
use crate::receipt::{Care, entry_digest};

/// What verifying a scope found.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// Which scope.
    pub scope: Scope,
    /// How many packages are locked.
    pub packages: usize,
    /// How many files were hashed.
    pub files: usize,
    /// What is not as locked.
    pub findings: Vec<Finding>,
}

/// One thing that is not as locked.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Whose.
    pub package: PackageName,
    /// The file, folder or entry; the repository and tag; the index and its reason.
    pub path: String,
    /// `changed`, `missing`, `extra`, `not installed`, `not locked` or `revoked`; with hosts asked also `gone`, `moved`
    /// or `unsuitable`.
    pub problem: &'static str,
}

/// Verifies one scope; `online` asks hosts about the lock too.
///
/// # Errors
/// Any failure to read or to reach a host; [`Kind::Integrity`] when a locked commit does not belong to its
/// repository, or an index names another source for the version; [`Kind::Policy`] when it is not signed as the manifest
/// demands. Findings are no error here.
pub fn verify(context: &Context<'_>, online: bool) -> Result<Verified> {
    let (mut verified, state) = settled::look(context, || look(context), |(verified, _)| verified.findings.is_empty())?;
    for revoked in revoked::among(context, &context.git_cache()?, &state.manifest, &state.lock)? {
        verified.add(&revoked.name, format!("{}: {}", revoked.index, revoked.reason), "revoked");
    }
    if online {
        verified.ask_hosts(context, &state)?;
    }
    Ok(verified)
}

/// Compares what is installed with the receipt, and that with the lock.
fn look(context: &Context<'_>) -> Result<(Verified, ScopeState)> {
    let state = ScopeState::look(context)?;
    let mut verified =
        Verified { scope: context.places.scope, packages: state.lock.packages.len(), files: 0, findings: Vec::new() };
    let entries = McpDocument::read(context)?.entries;
    for (name, locked) in &state.lock.packages {
        let is_as_locked = |checksum| checksum == locked.checksum;
        if !state.receipt.packages.get(name).is_some_and(|installed| is_as_locked(installed.checksum)) {
            verified.add(name, shown_path(context, &context.places.lock), "not installed");
        }
    }
    for (name, installed) in &state.receipt.packages {
        if !state.lock.packages.contains_key(name) {
            verified.add(name, shown_path(context, &context.places.lock), "not locked");
        }
        for (dir, stamps) in &installed.dirs {
            let root = context.places.skills.join(dir.as_str());
            verified.files += stamps.len();
            for (path, difference) in differences(&root, stamps, Care::Hash)? {
                verified.add(name, shown_path(context, &root.join(path)), difference.name());
            }
        }
        for (server, ours) in &installed.servers {
            let place = format!("{} → {server}", shown_path(context, &context.places.mcp.path));
            match entries.get(server.as_str()).map(entry_digest) {
                None => verified.add(name, place, "missing"),
                Some(there) if there != *ours => verified.add(name, place, "changed"),
                Some(_) => {}
            }
        }
    }
    Ok((verified, state))
}

impl Verified {
    fn ask_hosts(&mut self, context: &Context<'_>, state: &ScopeState) -> Result<()> {
        let cache = context.git_cache()?;
        let indexes = Indexes::new(&state.manifest.indexes, &cache);
        for (name, locked) in &state.lock.packages {
            if let Some(id @ IndexId::Git(index)) = &locked.index
                && let Some(listing) = indexes.find_in(id, name)?
            {
                refuse_other_source(name, locked, &listing, &format!("the index {index}"))?;
                self.compare_needs(state, &indexes, id, name)?;
                for release in listing.releases.iter().filter(|release| release.version == locked.version) {
                    if let Some(why @ Withheld::Yanked(_)) = &release.withheld {
                        context.progress.warn(&format!("`{name}` {} {why}", locked.version));
                    }
                }
            }
            let (Source::Git { url, want, .. }, Some(commit)) = (&locked.source, &locked.commit) else { continue };
            let found = self.findings.len();
            match cache.prove(url, commit) {
                Err(error) if error.kind() == Kind::NotFound => self.add(name, url.to_string(), "gone"),
                result => result.map_err(|error| error.context(format!("`{name}` is not what the lock says")))?,
            }
            if let RefWant::Tag(tag) = want {
                let place = format!("{url} tag {tag}");
                match cache.resolve(url, want, Reading::Index) {
                    Ok(now) if now == *commit => {}
                    Ok(_) => self.add(name, place, "moved"),
                    Err(error) if error.kind() == Kind::NotFound => self.add(name, place, "gone"),
                    Err(error) => return Err(error),
                }
            }
            if found == self.findings.len() {
                signed::require_locked(&state.manifest, &indexes, &cache, name, locked)?;
            }
        }
        Ok(())
    }
}

impl Verified {
    /// Names the locked versions that an index says another package does not allow.
    fn compare_needs(
        &mut self,
        state: &ScopeState,
        indexes: &Indexes<'_>,
        id: &IndexId,
        name: &PackageName,
    ) -> Result<()> {
        let needs = indexes.listed_needs(id, name, &state.lock.packages[name])?.unwrap_or_default();
        for misfit in locking::unmet(&state.lock, name, &needs) {
            self.add(name, misfit.to_string(), "unsuitable");
        }
        Ok(())
    }

    fn add(&mut self, package: &PackageName, path: String, problem: &'static str) {
        self.findings.push(Finding { package: package.clone(), path, problem });
    }
}
