//! Takes over skill folders and MCP entries that are, byte for byte, those of a package that an index has.

use serde_json::Value;

use super::super::apply::shown_path;
use super::super::{fetch, locking};
use super::taking::{Absence, Fit, Offer, Part, Taking};
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::index::builtin::Builtin;
use crate::index::{Index as _, Indexes, Listing};
use crate::model::dependency::{Dependency, Origin};
use crate::model::digest::TreeDigest;
use crate::model::index::{IndexId, Release, Withheld};
use crate::model::name::{PackageName, ServerName};
use crate::model::source::Source;
use crate::model::version::{Requirement, newest_first};
use crate::receipt::entry_digest;

/// How many releases of a package are fetched to be compared.
const MAX_COMPARED: usize = 3;

/// A skill folder or MCP entry that nobody spoke for.
struct Loose {
    part: Part,
    name: String,
    place: String,
    /// The bytes of a folder.
    digest: Option<TreeDigest>,
}

/// Looks for each folder and entry that nobody spoke for, first under its own name in all indexes, then anywhere in the
/// built-in one; and says of each that is nowhere.
///
/// # Errors
/// The failure of an index that could not be asked: it may have just what is looked for.
pub(super) fn find(taking: &mut Taking<'_>) -> Result<()> {
    let loose = loose(taking)?;
    if loose.is_empty() {
        return Ok(());
    }
    let configured = [taking.manifest.indexes.as_slice(), &taking.indexes].concat();
    let indexes = Indexes::new(&configured, taking.fetcher.cache);
    let mut others = Vec::new();
    for part in &loose {
        if taking.is_free(part.part, &part.name)
            && let Some(why) = by_name(taking, &indexes, part)?
        {
            others.push((part.name.clone(), why));
        }
    }
    if loose.iter().any(|part| taking.is_free(part.part, &part.name)) {
        by_content(taking, &indexes, &loose)?;
    }
    for part in loose.iter().filter(|part| taking.is_free(part.part, &part.name)).collect::<Vec<_>>() {
        let why = others.iter().find(|(name, _)| *name == part.name).map(|(_, why)| why.clone());
        let why = why.unwrap_or_else(|| "no index has it, so it stays yours".to_owned());
        let error = Error::new(Kind::NotFound, why);
        let error = match part.part {
            Part::Dir => error.help(format!(
                "if it is from a repository: `cpm install {} --git URL --path FOLDER` takes it over where it is the same",
                part.name
            )),
            Part::Server => error,
        };
        taking.leave_out(&part.name, &part.place, &error);
    }
    Ok(())
}

fn loose(taking: &mut Taking<'_>) -> Result<Vec<Loose>> {
    let mut found = Vec::new();
    for name in taking.free_dirs()? {
        let root = taking.context.places.skills.join(&name);
        let place = shown_path(taking.context, &root);
        if !root.join("SKILL.md").exists() && !root.join(crate::claude::inspect::MANIFEST).exists() {
            continue;
        }
        if let Ok(target) = std::fs::read_link(&root) {
            let why = format!("it is a link to `{}`, and cpm installs folders", target.display());
            let error = Error::new(Kind::Conflict, why).help("put the folder itself there, then run again");
            taking.leave_out(&name, &place, &error);
            continue;
        }
        match fsx::tree::read(&root) {
            Ok(tree) => {
                let digest = Some(TreeDigest::of(&tree));
                found.push(Loose { part: Part::Dir, name, place, digest });
            }
            Err(error) => taking.leave_out(&name, &place, &error),
        }
    }
    let place = shown_path(taking.context, &taking.context.places.mcp.path);
    let servers = taking.servers.keys().filter(|name| taking.is_free(Part::Server, name));
    found.extend(servers.map(|name| Loose {
        part: Part::Server,
        name: name.clone(),
        place: place.clone(),
        digest: None,
    }));
    Ok(found)
}

/// Takes over the package that is called so, if it is the same; else why not, where there is one.
fn by_name(taking: &mut Taking<'_>, indexes: &Indexes<'_>, part: &Loose) -> Result<Option<String>> {
    let Ok(name) = PackageName::parse(&part.name) else { return Ok(None) };
    let Some((index, listing)) = indexes.find(&name, None)? else { return Ok(None) };
    let mut last = None;
    for release in to_compare(&listing, part.digest.as_ref()) {
        let fit = match offer(taking, &name, &name, &index, release) {
            Ok(None) => return Ok(None),
            Ok(Some(offer)) => taking.consider(offer, &part.place, None, Absence::Refused),
            Err(error) => Err(error),
        };
        match fit {
            Ok(Fit::Same | Fit::Some(_)) => return Ok(None),
            Ok(Fit::Absent) => {}
            Ok(Fit::Other(why)) => last = Some(why),
            Err(error) => last = Some(error.to_string()),
        }
    }
    let index = match &index {
        IndexId::Builtin => "the built-in index".to_owned(),
        IndexId::Git(url) => url.to_string(),
    };
    Ok(last.map(|why| format!("{index} has `{name}`, but it is not the same: {why}")))
}

/// The releases that may be what is here: those that promise just these bytes, else the newest few.
fn to_compare<'l>(listing: &'l Listing, digest: Option<&TreeDigest>) -> Vec<&'l Release> {
    let is_safe = |release: &&Release| !matches!(release.withheld, Some(Withheld::Revoked(_)));
    let mut releases: Vec<&Release> = listing.releases.iter().filter(is_safe).collect();
    releases.sort_by(|a, b| newest_first(&a.version, &b.version));
    match releases.iter().find(|release| release.checksum.is_some() && release.checksum.as_ref() == digest) {
        Some(same) => vec![same],
        None => releases.into_iter().take(MAX_COMPARED).collect(),
    }
}

/// A release as the manifest would have it; nothing where it is there already.
fn offer(
    taking: &Taking<'_>,
    name: &PackageName,
    package: &PackageName,
    index: &IndexId,
    release: &Release,
) -> Result<Option<Offer>> {
    let origin = Origin::Index { requirement: Requirement::for_chosen(&release.version), index: None };
    let dependency = Dependency::plain(package.clone(), origin);
    match taking.is_known(name, &dependency) {
        Ok(false) => {}
        Ok(true) => return Ok(None),
        Err(why) => return Err(Error::new(Kind::Conflict, why)),
    }
    let (locked, loaded) = match &release.source {
        // What is only looked at does not belong into the cache.
        Source::Builtin { path } => {
            let tree = Builtin.tree(path)?;
            let digest = TreeDigest::of(&tree);
            let loaded = fetch::read(tree, digest, release.manifest.as_deref())?;
            (locking::listed(index, release, &loaded), loaded)
        }
        Source::Git { .. } | Source::Dir { .. } => locking::of_release(taking.fetcher, package, index, release)?,
    };
    Ok(Some(Offer { name: name.clone(), dependency, locked, loaded }))
}

/// Takes over what packages of the built-in index have in them, whatever it is called here.
fn by_content(taking: &mut Taking<'_>, indexes: &Indexes<'_>, loose: &[Loose]) -> Result<()> {
    for package in Builtin.names()? {
        let Some(listing) = Builtin.listing(&package)?.filter(|_| indexes.permits(&IndexId::Builtin, &package)) else {
            continue;
        };
        for release in to_compare(&listing, None) {
            let mut free = loose.iter().filter(|part| taking.is_free(part.part, &part.name));
            let same = free.clone().find(|part| part.digest.is_some() && part.digest == release.checksum);
            // What cpm does not carry would have to be fetched only to be looked at.
            if same.is_none() && matches!(release.source, Source::Git { .. }) {
                continue;
            }
            let alias = same.and_then(|part| PackageName::parse(&part.name).ok()).unwrap_or_else(|| package.clone());
            let Ok(Some(mut offer)) = offer(taking, &alias, &package, &IndexId::Builtin, release) else { break };
            rename_servers(taking, &mut offer);
            let Ok(placed) = offer.placed() else { continue };
            // Another index may have the name, and would answer for it when the lock is made anew.
            if !matches!(taking.fit(&placed)?, Fit::Same | Fit::Some(_))
                || !matches!(indexes.find(&package, None)?, Some((IndexId::Builtin, _)))
            {
                continue;
            }
            let is_brought = |part: &&Loose| match part.part {
                Part::Dir => placed.dirs.contains_key(part.name.as_str()),
                Part::Server => placed.servers.contains_key(part.name.as_str()),
            };
            let place = free.find(is_brought).map(|part| part.place.clone()).unwrap_or_default();
            taking.consider(offer, &place, None, Absence::Refused)?;
            break;
        }
    }
    Ok(())
}

/// Calls the servers of an offer what they are called here, where a free entry is the same.
fn rename_servers(taking: &Taking<'_>, offer: &mut Offer) {
    for (server, entry) in &offer.loaded.package.servers {
        let wanted = entry_digest(&Value::Object(entry.json.clone()));
        let is_same =
            |name: &&String| taking.is_free(Part::Server, name) && entry_digest(&taking.servers[*name]) == wanted;
        let here = taking.servers.keys().find(is_same).and_then(|name| ServerName::parse(name).ok());
        if let Some(here) = here.filter(|here| here != server) {
            offer.dependency.servers.insert(server.clone(), here);
        }
    }
}
