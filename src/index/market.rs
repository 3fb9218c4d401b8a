//! A Claude marketplace as an index: its entries at the head of its repository, and what tags tell of.

mod tags;

use serde_json::{Map, Value};

use super::{Ahead, At, Index, Listing, Shelf};
use crate::error::{Error, Kind, Result};
use crate::format::marketplace::{self, Entry, EntrySource, Marketplace};
use crate::format::{json, plugin, summaries};
use crate::git::{Cache, EntryKind, Reading};
use crate::model::dependency::Origin;
use crate::model::index::{IndexId, Release, Tagged};
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefName, RefWant, Source};
use crate::model::url::GitUrl;
use crate::model::version::{self, Version};

/// What says that a repository is a marketplace.
pub(super) const MARKER: &str = ".claude-plugin/marketplace.json";

/// A marketplace at one commit.
pub(super) struct Market<'a> {
    at: At,
    market: Marketplace,
    cache: &'a Cache<'a>,
}

impl<'a> Market<'a> {
    /// Opens the marketplace whose marketplace.json is `bytes`.
    pub(super) fn open(at: At, bytes: &[u8], cache: &'a Cache<'a>) -> Result<Self> {
        let market = marketplace::parse(bytes, &at.url)?;
        Ok(Market { at, market, cache })
    }

    /// The one release that an entry is: its plugin at the commit it names.
    fn release(&self, entry: &Entry) -> Result<(Release, Vec<String>)> {
        let (url, path, commit) = self.locate(entry)?;
        let (release, own) = self.read(entry, url, path, commit)?;
        let mut notes = Vec::new();
        if let (Some(own), Some(said)) = (own, &entry.version)
            && own != *said
        {
            notes.push(format!("the marketplace says version {said}, plugin.json says {own}; plugin.json is right"));
        }
        if let (Some(added), None) = (&entry.manifest, &release.manifest) {
            let added = json::parse_object(added.as_bytes(), MARKER)?;
            let fields = components(&added).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            if !fields.is_empty() {
                notes.push(format!("what the marketplace adds to plugin.json is left out: {fields}"));
            }
        }
        Ok((release, notes))
    }

    /// The plugin of an entry at a commit, and the version that its plugin.json says.
    fn read(
        &self,
        entry: &Entry,
        url: GitUrl,
        path: Option<RelPath>,
        commit: Commit,
    ) -> Result<(Release, Option<String>)> {
        let manifest_path = match &path {
            Some(path) => path.join(&RelPath::parse(".claude-plugin/plugin.json")?)?,
            None => RelPath::parse(".claude-plugin/plugin.json")?,
        };
        // The whole plugin, which is what is wanted next: one answer instead of two.
        self.cache.ensure(&url, &commit, std::slice::from_ref(&path))?;
        let bytes = self.cache.file(&url, &commit, &manifest_path)?;
        match (&bytes, &path) {
            (Some(bytes), _) => refuse_two_definitions(entry, bytes)?,
            (None, Some(path)) => self.check_folder(&url, &commit, path)?,
            (None, None) => {}
        }
        let written = bytes.as_deref().or(entry.manifest.as_deref().map(str::as_bytes));
        let manifest = written.map(|bytes| plugin::parse(bytes, "plugin.json")).transpose()?.unwrap_or_default();
        let label = manifest.version.as_deref().or(entry.version.as_deref());
        let release = Release {
            version: read_version(label, &commit),
            source: Source::Git { url, path, want: RefWant::Head },
            commit: Some(commit),
            checksum: None,
            dependencies: manifest.dependencies,
            withheld: None,
            published: None,
            description: manifest.description.or_else(|| entry.description.clone()),
            keywords: entry.keywords.clone(),
            manifest: entry.manifest.clone().filter(|_| bytes.is_none()),
        };
        Ok((release, manifest.version.filter(|_| bytes.is_some())))
    }

    /// What an entry names must be a folder. Its trees are present: somebody has just looked for a file in it.
    fn check_folder(&self, url: &GitUrl, commit: &Commit, path: &RelPath) -> Result<()> {
        let above = path.parents().last().map(RelPath::parse).transpose()?;
        let beside = self.cache.list(url, commit, above.as_ref())?.unwrap_or_default();
        match beside.iter().find(|entry| entry.name == path.file_name()).map(|entry| entry.kind) {
            Some(EntryKind::Submodule) => Err(Error::new(Kind::UnsafeTree, format!("`{path}` is a git submodule"))
                .at(url)
                .because("cpm fetches no repository that another one drags in")
                .help("install the plugin from its own repository: `cpm install --git URL`")),
            Some(EntryKind::Dir) => Ok(()),
            Some(EntryKind::File | EntryKind::Link) => {
                Err(Error::new(Kind::NotFound, format!("`{path}` is not a folder, so no plugin is there")).at(url))
            }
            None => Err(Error::new(Kind::NotFound, format!("there is no folder `{path}` in the repository")).at(url)),
        }
    }

    fn locate(&self, entry: &Entry) -> Result<(GitUrl, Option<RelPath>, Commit)> {
        match &entry.source {
            EntrySource::Here(path) => Ok((self.at.url.clone(), path.clone(), self.at.commit.clone())),
            EntrySource::Elsewhere { url, path, commit: Some(commit), .. } => {
                Ok((url.clone(), path.clone(), commit.clone()))
            }
            EntrySource::Elsewhere { url, path, reference, commit: None } => {
                Ok((url.clone(), path.clone(), self.resolve(url, path.as_ref(), reference.as_ref())?))
            }
        }
    }

    /// A reference of an entry is a branch or a tag; the entry does not say which.
    fn resolve(&self, url: &GitUrl, path: Option<&RelPath>, reference: Option<&RefName>) -> Result<Commit> {
        let resolve = |want| self.cache.resolve(url, &want, Reading::Package(path));
        let Some(name) = reference else { return resolve(RefWant::Head) };
        match resolve(RefWant::Branch(name.clone())) {
            Err(error) if error.kind() == Kind::NotFound => resolve(RefWant::Tag(name.clone())),
            resolved => resolved,
        }
    }
}

impl Market<'_> {
    /// A plugin that was renamed to nothing is gone for good; no other index may take its name over.
    fn removed(&self, name: &PackageName) -> Result<Option<Listing>> {
        match self.market.renames.get(name.as_str()) {
            Some(None) => Err(Error::new(Kind::NotFound, format!("the marketplace removed `{name}`"))
                .at(&self.at.url)
                .help("remove it from the manifest with `cpm remove`")),
            _ => Ok(None),
        }
    }
}

impl Index for Market<'_> {
    fn id(&self) -> IndexId {
        IndexId::Git(self.at.url.clone())
    }

    fn listing(&self, name: &PackageName) -> Result<Option<Listing>> {
        let Some((present, entry)) = self.market.entry(name) else { return self.removed(name) };
        let (release, notes) = self.release(entry.as_ref().map_err(Clone::clone)?)?;
        let repeated = self.market.repeated.contains(present);
        let repeated = repeated.then(|| "the marketplace lists it more than once; the first entry counts".to_owned());
        let notes = notes.into_iter().chain(repeated).map(|note| format!("`{name}`: {note}")).collect();
        Ok(Some(Listing { releases: vec![release], problems: Vec::new(), notes }))
    }

    fn tagged(&self, name: &PackageName) -> Result<Vec<Tagged>> {
        match self.market.entry(name) {
            Some((present, Ok(entry))) => self.tags(present, entry),
            Some((_, Err(_))) | None => Ok(Vec::new()),
        }
    }

    fn read_tagged(&self, name: &PackageName, tagged: &Tagged) -> Result<Release> {
        match self.market.entry(name) {
            Some((_, Ok(entry))) => self.at_tag(entry, tagged),
            Some((_, Err(error))) => Err(error.clone()),
            None => Err(Error::new(Kind::Bug, format!("nobody told of a tag of `{name}`"))),
        }
    }

    fn market(&self) -> Option<&Marketplace> {
        Some(&self.market)
    }

    fn ahead(&self, name: &PackageName) -> Ahead {
        let source = match self.market.entry(name).map(|(_, entry)| entry) {
            None if self.market.renames.contains_key(name.as_str()) => return Ahead::Fails,
            None => return Ahead::Lacks,
            Some(Err(_)) => return Ahead::Fails,
            Some(Ok(entry)) => &entry.source,
        };
        let (url, path, want) = match source {
            EntrySource::Here(path) => (&self.at.url, path, RefWant::Rev(self.at.commit.clone())),
            EntrySource::Elsewhere { url, path, reference, commit } => {
                let want = match (commit, reference) {
                    (Some(commit), _) => RefWant::Rev(commit.clone()),
                    (None, Some(reference)) => RefWant::Branch(reference.clone()),
                    (None, None) => RefWant::Head,
                };
                (url, path, want)
            }
        };
        Ahead::Reads(Origin::Git { url: url.clone(), path: path.clone(), want })
    }

    fn names(&self) -> Result<Vec<PackageName>> {
        Ok(self.market.entries.keys().cloned().collect())
    }

    /// Only what marketplace.json says: a search must not fetch every plugin.
    fn summaries(&self, _shelf: &Shelf) -> Result<String> {
        let mut text = String::new();
        for (name, entry) in &self.market.entries {
            let Ok(entry) = entry else { continue };
            let (version, about) = (entry.version.as_deref(), entry.description.as_deref());
            let (version, about) = (version.unwrap_or_default(), about.unwrap_or_default());
            summaries::push(&mut text, name.as_str(), version, &entry.keywords, about);
        }
        Ok(text)
    }
}

/// The client installs a plugin with components in plugin.json and in a `strict: false` entry, then fails to load it.
fn refuse_two_definitions(entry: &Entry, plugin_json: &[u8]) -> Result<()> {
    let written = json::parse_object(plugin_json, "plugin.json")?;
    match components(&written).next() {
        Some(key) if !entry.strict && entry.manifest.is_some() => {
            Err(Error::new(Kind::Invalid, "the entry and plugin.json both define components")
                .because(format!("the entry has `strict: false`, and plugin.json has `{key}`"))
                .help("Claude Code does not load such a plugin; tell its author"))
        }
        _ => Ok(()),
    }
}

/// The keys that declare components in a plugin.json.
fn components(manifest: &Map<String, Value>) -> impl Iterator<Item = &'static str> {
    plugin::COMPONENT_FIELDS.into_iter().filter(|key| manifest.contains_key(*key) && *key != "dependencies")
}

/// The label of a plugin as a version. What is no version is labelled by its commit, as what has none.
fn read_version(label: Option<&str>, commit: &Commit) -> Version {
    label.and_then(parse_version).unwrap_or_else(|| version::from_commit(commit))
}

fn parse_version(label: &str) -> Option<Version> {
    Version::parse(label.strip_prefix('v').unwrap_or(label)).ok()
}
