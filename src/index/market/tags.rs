//! Releases of a plugin by the tags of its repository: `NAME--vVERSION` as the client writes them, `NAME-vVERSION`, and
//! `vVERSION` where the repository has but this plugin.
//!
//! An entry with a `sha` has none: who pins a commit has chosen it.

use std::collections::BTreeMap;

use super::Market;
use crate::error::{Error, Kind, Result};
use crate::format::marketplace::{Entry, EntrySource};
use crate::git::Reading;
use crate::model::index::{Release, Tagged};
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::{RefWant, Source};
use crate::model::url::GitUrl;
use crate::model::version::Version;

impl Market<'_> {
    /// The releases that tags tell of.
    pub(super) fn tags(&self, name: &PackageName, entry: &Entry) -> Result<Vec<Tagged>> {
        let Some((url, _)) = self.repository(entry) else { return Ok(Vec::new()) };
        let mut prefixes = vec![format!("{name}--v"), format!("{name}-v")];
        if self.is_alone(entry) {
            prefixes.push("v".to_owned());
        }
        let patterns: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}[0-9]*")).collect();
        let tags = self.cache.tags(url, &patterns)?;
        let mut found = BTreeMap::new();
        for prefix in &prefixes {
            for tag in &tags {
                let version = tag.as_str().strip_prefix(prefix.as_str()).map(Version::parse);
                if let Some(Ok(version)) = version {
                    // The first prefix counts.
                    found.entry(version).or_insert_with(|| tag.clone());
                }
            }
        }
        Ok(found.into_iter().map(|(version, tag)| Tagged { version, tag }).collect())
    }

    /// The plugin of an entry at a tag.
    pub(super) fn at_tag(&self, entry: &Entry, tagged: &Tagged) -> Result<Release> {
        let Tagged { version, tag } = tagged;
        let pinned = || Error::new(Kind::Bug, "an entry that pins its commit has no tags");
        let (url, path) = self.repository(entry).ok_or_else(pinned)?;
        let want = RefWant::Tag(tag.clone());
        let commit = self.cache.resolve(url, &want, Reading::Package(path))?;
        let (release, own) = self.read(entry, url.clone(), path.cloned(), commit)?;
        if let Some(own) = own.filter(|own| super::parse_version(own).as_ref() != Some(version)) {
            return Err(
                Error::new(Kind::Invalid, format!("the tag `{tag}` holds version {}", own.escape_debug())).at(url)
            );
        }
        let source = Source::Git { url: url.clone(), path: path.cloned(), want };
        Ok(Release { version: version.clone(), source, ..release })
    }

    /// Where the plugin of an entry is, unless the entry pins a commit.
    fn repository<'e>(&'e self, entry: &'e Entry) -> Option<(&'e GitUrl, Option<&'e RelPath>)> {
        match &entry.source {
            EntrySource::Here(path) => Some((&self.at.url, path.as_ref())),
            EntrySource::Elsewhere { url, path, commit: None, .. } => Some((url, path.as_ref())),
            EntrySource::Elsewhere { .. } => None,
        }
    }

    /// Whether the repository of an entry has no other plugin, as far as this marketplace knows.
    fn is_alone(&self, entry: &Entry) -> bool {
        let known = self.market.entries.values().filter_map(|other| other.as_ref().ok());
        let urls = known.map(|other| match &other.source {
            EntrySource::Here(_) => &self.at.url,
            EntrySource::Elsewhere { url, .. } => url,
        });
        match &entry.source {
            EntrySource::Here(_) => self.market.entries.len() + self.market.unusable.len() == 1,
            EntrySource::Elsewhere { url, path, .. } => {
                path.is_none() && urls.filter(|other| *other == url).count() == 1
            }
        }
    }
}
