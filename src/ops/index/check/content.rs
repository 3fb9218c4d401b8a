//! Compares the bytes of releases with the checksums that the index promises, and reads them as an install would.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Checked, Listed};
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::digest::TreeDigest;
use crate::model::index::Release;
use crate::model::package::Package;
use crate::model::relpath::RelPath;
use crate::model::source::Source;
use crate::model::tree::Tree;
use crate::ops::at_once::Questions;
use crate::ops::install::fetcher;
use crate::ops::{Context, fetch, identity};

/// Where an index keeps what it hosts.
const CONTENT: &str = "content";

/// Checks the releases that the index hosts, and that it hosts nothing else.
pub(super) fn check_hosted(dir: &Path, listed: &[Listed], checked: &mut Checked) -> Result<()> {
    let mut hosted = BTreeSet::new();
    for one in listed {
        let Source::Builtin { path } = &one.release.source else { continue };
        checked.hosted += 1;
        hosted.insert(format!("{path}/"));
        compare(one, read_hosted(dir, path), checked);
    }
    let mut strays = BTreeSet::new();
    for file in fsx::tree::list(&dir.join(CONTENT))? {
        let path = format!("{CONTENT}/{file}");
        if !hosted.iter().any(|folder| format!("{path}/").starts_with(folder)) {
            // One finding for a folder `content/<name>/<version>`.
            strays.insert(path.split('/').take(3).collect::<Vec<_>>().join("/"));
        }
    }
    for stray in strays {
        checked.say(stray, "no release lists it");
    }
    Ok(())
}

/// The tree of a hosted release. Clients read it from git, where a folder that is a link has nothing below it.
fn read_hosted(dir: &Path, path: &RelPath) -> Result<Tree> {
    let parents = path.parents().map(str::to_owned).chain([path.to_string()]);
    for parent in parents {
        let place = dir.join(&parent);
        if !std::fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::new(Kind::NotFound, format!("there is no folder `{parent}`")));
        }
    }
    fsx::tree::read(&path.below(dir))
}

/// Fetches every release that lies elsewhere and that somebody can still get; one fetch for each commit, all at once.
pub(super) fn check_fetched(context: &Context<'_>, listed: &[Listed], checked: &mut Checked) -> Result<()> {
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let elsewhere: Vec<_> = listed.iter().filter(|listed| listed.release.withheld.is_none()).collect();
    let mut questions = Questions::default();
    for Listed { release, .. } in &elsewhere {
        if let (Source::Git { url, path, .. }, Some(commit)) = (&release.source, &release.commit) {
            questions.package(url, commit, path.as_ref(), true);
        }
    }
    // Each failure shows again at the release that it hits.
    questions.ask(fetcher.cache, None);
    for one in elsewhere {
        let (Source::Git { url, path, .. }, Some(commit)) = (&one.release.source, &one.release.commit) else {
            continue;
        };
        checked.fetched += 1;
        let tree = cache.prove(url, commit).and_then(|()| cache.tree(url, commit, path.as_ref()));
        compare(one, tree, checked);
    }
    Ok(())
}

/// Whether a release has the bytes that its line promises, whether they would be installed, and whether plugin.json says
/// what the line says.
fn compare(Listed { place, name, release }: &Listed, tree: Result<Tree>, checked: &mut Checked) {
    match tree.and_then(|tree| read_promised(release, tree)) {
        Err(error) => checked.find(place, &error),
        Ok(package) => {
            let other = [identity::other_name(name, &package), identity::other_version(&release.version, &package)];
            other.into_iter().flatten().for_each(|problem| checked.say(place, problem));
        }
    }
}

fn read_promised(release: &Release, tree: Tree) -> Result<Package> {
    let digest = TreeDigest::of(&tree);
    match release.checksum.filter(|promised| *promised != digest) {
        Some(promised) => Err(Error::new(Kind::Integrity, "the bytes are not the promised ones")
            .because(format!("promised {promised}"))
            .because(format!("got {digest}"))),
        None => fetch::read(tree, digest, release.manifest.as_deref()).map(|loaded| loaded.package),
    }
}
