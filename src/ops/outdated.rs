//! `cpm outdated`: what could move, and how far. What `cpm update` would lock is computed as the update itself does, so
//! the two never disagree; nothing of the scope is written.

use std::cmp::Ordering;

use serde::Serialize;

use super::Context;
use super::fetch::Fetcher;
use super::install::fetcher;
use super::installed::dependency_on;
use super::locking::{self, Rewritten, Unlock};
use super::state::{self, ScopeState};
use crate::error::Result;
use crate::git::Network;
use crate::index::Indexes;
use crate::model::dependency::{Manifest, Origin};
use crate::model::digest::TreeDigest;
use crate::model::lock::{Lock, Locked};
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::model::source::{Commit, RefWant, Source};
use crate::model::version::{self, Version, newest_first};

/// What could move in a scope.
#[derive(Debug, Clone, Serialize)]
pub struct Outdated {
    /// Which scope.
    pub scope: Scope,
    /// The directory its relative paths are below.
    pub base: String,
    /// How many packages are as new as can be.
    pub current: usize,
    /// The others, by name.
    pub packages: Vec<Row>,
}

/// A package that is not as new as can be.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What this scope calls it.
    pub name: PackageName,
    /// What it is called where it comes from.
    pub package: PackageName,
    /// Whether the manifest asks for it, or only another package does.
    pub direct: bool,
    /// What differs.
    pub change: Change,
    /// What is locked; nothing for a package that an update would bring in.
    pub locked: Option<State>,
    /// What an update would lock; nothing for a package that it would drop.
    pub allowed: Option<State>,
    /// The newest release, whatever the manifest allows.
    pub newest: Option<String>,
    /// Who does not allow the newest: `manifest`, or the packages that need an older one.
    pub held_by: Vec<String>,
    /// Whether a tag was moved or a history replaced, so that `update` asks for `--accept-rewrite`.
    pub rewritten: bool,
}

/// How what is locked differs from what could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// An update takes another version.
    Version,
    /// An update takes other bytes under the same version.
    Content,
    /// An update brings it in.
    New,
    /// An update drops it, because nothing needs it any more.
    Unneeded,
    /// There is a newer release, and an update does not take it.
    Held,
    /// The bytes are the same, but their tag was moved or their history replaced.
    Rewritten,
}

/// A version and the bytes that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// The version: a label.
    pub version: String,
    /// The commit; nothing for what cpm carries and for folders.
    pub commit: Option<Commit>,
    /// The bytes.
    pub checksum: TreeDigest,
}

impl State {
    pub(super) fn of(locked: &Locked) -> Self {
        State { version: locked.version.to_string(), commit: locked.commit.clone(), checksum: locked.checksum }
    }
}

/// Compares what is locked with what an update would lock, and with the newest there is.
///
/// # Errors
/// Any failure of an update but a replaced history, which is shown instead.
pub fn outdated(context: &Context<'_>) -> Result<Outdated> {
    state::require_manifest(context)?;
    let ScopeState { manifest, lock: old, .. } = ScopeState::look(context)?;
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let indexes = Indexes::new(&manifest.indexes, &cache);
    let new = locking::lock(&manifest, &old, &Unlock::Everything, Rewritten::Accept, &indexes, &fetcher)?.lock;
    let mut packages = Vec::new();
    let added = new.packages.keys().filter(|name| !old.packages.contains_key(*name));
    for name in old.packages.keys().chain(added) {
        let compared = Compared { manifest: &manifest, name, old: old.packages.get(name), new: &new };
        packages.extend(compared.row(&indexes, context.network, &fetcher)?);
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let current = old.packages.keys().filter(|name| packages.iter().all(|row| row.package != **name)).count();
    let base = context.machine.shown(&context.places.base);
    Ok(Outdated { scope: context.places.scope, base, current, packages })
}

/// A package before and after the update that is not made.
struct Compared<'a> {
    manifest: &'a Manifest,
    name: &'a PackageName,
    old: Option<&'a Locked>,
    new: &'a Lock,
}

impl Compared<'_> {
    /// The row of the package; nothing when it is as new as can be.
    fn row(&self, indexes: &Indexes<'_>, network: Network, fetcher: &Fetcher<'_>) -> Result<Option<Row>> {
        let new = self.new.packages.get(self.name);
        let newest = self.newest(indexes, network, fetcher)?;
        let is_held = match (new, &newest) {
            (Some(new), Some(newest)) => newest_first(newest, &new.version) == Ordering::Less,
            _ => false,
        };
        let rewritten = self.old.map_or(Ok(false), |old| is_rewritten(old, network, fetcher))?;
        let change = match (self.old, new) {
            (None, _) => Change::New,
            (_, None) => Change::Unneeded,
            (Some(old), Some(new)) if old.version != new.version => Change::Version,
            (Some(old), Some(new)) if old.checksum != new.checksum || old.manifest != new.manifest => Change::Content,
            _ if is_held => Change::Held,
            _ if rewritten => Change::Rewritten,
            _ => return Ok(None),
        };
        let dependency = dependency_on(self.manifest, self.name);
        Ok(Some(Row {
            name: dependency.map_or(self.name, |(alias, _)| alias).clone(),
            package: self.name.clone(),
            direct: dependency.is_some(),
            change,
            locked: self.old.map(State::of),
            allowed: new.map(State::of),
            held_by: newest.as_ref().filter(|_| is_held).map(|newest| self.holders(newest)).unwrap_or_default(),
            newest: newest.map(|version| version.to_string()),
            rewritten,
        }))
    }

    /// The newest release that nobody took back; for what no index offers, the newest tag like the one that the manifest
    /// names, or what its repository or folder has now.
    fn newest(&self, indexes: &Indexes<'_>, network: Network, fetcher: &Fetcher<'_>) -> Result<Option<Version>> {
        let Some(now) = self.new.packages.get(self.name).or(self.old) else { return Ok(None) };
        let listing = match &now.index {
            Some(index) => indexes.find_in(index, self.name)?,
            None => {
                let tagged = newer_tag(now, network, fetcher)?;
                return Ok(Some(tagged.unwrap_or_else(|| now.version.clone())));
            }
        };
        let releases =
            listing.iter().flat_map(|listing| &listing.releases).filter(|release| release.withheld.is_none());
        // What only names its commit is in no order; an update has decided which is taken.
        let is_unordered = |commit: &Option<Commit>, version: &Version| {
            commit.as_ref().is_some_and(|commit| version::from_commit(commit) == *version)
        };
        let taken = is_unordered(&now.commit, &now.version);
        let versions = releases.map(|release| match taken && is_unordered(&release.commit, &release.version) {
            true => now.version.clone(),
            false => release.version.clone(),
        });
        Ok(versions.min_by(newest_first))
    }

    /// Who does not allow a version.
    fn holders(&self, newest: &Version) -> Vec<String> {
        let by_manifest =
            dependency_on(self.manifest, self.name).is_some_and(|(_, dependency)| match &dependency.origin {
                Origin::Index { requirement, .. } => !requirement.matches(newest),
                Origin::Git { .. } | Origin::Dir(_) => true,
            });
        if by_manifest {
            return vec!["manifest".to_owned()];
        }
        let needs_it = self.new.packages.iter().filter(|(_, locked)| locked.dependencies.contains(self.name));
        needs_it.map(|(name, _)| name.to_string()).collect()
    }
}

/// The version of the newest tag like the one that a package is pinned to, if there is a newer one: `v2.0.0` for one that
/// is pinned to `v1.0.0`. Offline nobody knows.
fn newer_tag(now: &Locked, network: Network, fetcher: &Fetcher<'_>) -> Result<Option<Version>> {
    let Source::Git { url, want: RefWant::Tag(tag), .. } = &now.source else { return Ok(None) };
    let tag = tag.as_str();
    let mut starts = tag.char_indices().map(|(at, _)| at);
    let parsed = starts.find_map(|at| Some((&tag[..at], Version::parse(&tag[at..]).ok()?)));
    let Some((prefix, pinned)) = parsed.filter(|_| network == Network::Online) else { return Ok(None) };
    let tags = fetcher.cache.tags(url, &[format!("{prefix}[0-9]*")])?;
    let versions = tags.iter().filter_map(|tag| Version::parse(tag.as_str().strip_prefix(prefix)?).ok());
    let newest = versions.min_by(newest_first);
    Ok(newest.filter(|newest| newest_first(newest, &pinned) == Ordering::Less))
}

/// Whether the ref that the manifest names no longer leads to what is locked from it.
fn is_rewritten(old: &Locked, network: Network, fetcher: &Fetcher<'_>) -> Result<bool> {
    let (Source::Git { url, want, .. }, Some(before), None) = (&old.source, &old.commit, &old.index) else {
        return Ok(false);
    };
    // What was resolved a moment ago, so nobody is asked again.
    match (want, fetcher.cache.known(url, want)) {
        (RefWant::Rev(_), _) | (_, None) => Ok(false),
        (_, Some(now)) if now == *before => Ok(false),
        (RefWant::Tag(_), Some(_)) => Ok(true),
        // Only the host knows whether a history goes on.
        (RefWant::Head | RefWant::Branch(_), Some(_)) if network == Network::Offline => Ok(false),
        (RefWant::Head | RefWant::Branch(_), Some(_)) => {
            fetcher.cache.still_contains(url, want, before).map(|contains| !contains)
        }
    }
}
