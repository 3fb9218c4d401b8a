//! `cpm index new`, `add-release` and `yank`: what a maintainer does in the folder of an index. Publishing is a commit
//! and a push, which are the maintainer's own.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::folder::{ABOUT, IndexFolder};
use super::readme::README;
use crate::claude::inspect;
use crate::error::{Error, IoContext as _, Kind, Result};
use crate::format::index_edit::{self, Mark, NewRelease};
use crate::format::{index_line, json};
use crate::fsx;
use crate::git::Reading;
use crate::model::name::PackageName;
use crate::model::package::Package;
use crate::model::relpath::RelPath;
use crate::model::source::{RefName, RefWant, Source};
use crate::model::timestamp::Timestamp;
use crate::model::tree::Tree;
use crate::model::url::{GitUrl, Reach};
use crate::model::version::Version;
use crate::ops::install::fetcher;
use crate::ops::{Context, Effect, identity};

/// A folder that has become an index.
#[derive(Debug, Clone, Serialize)]
pub struct Created {
    /// Where it is.
    pub dir: String,
    /// The files that were written.
    pub files: Vec<String>,
    /// Whether nothing was written because of `--dry-run`.
    pub dry_run: bool,
}

/// Which release to add.
#[derive(Debug, Clone)]
pub struct NewSource {
    /// Its repository.
    pub url: GitUrl,
    /// The tag that names its commit.
    pub tag: RefName,
    /// Its folder; the whole repository for `None`.
    pub path: Option<RelPath>,
    /// What to call it, if it does not call itself anything.
    pub name: Option<PackageName>,
}

/// A release that was added.
#[derive(Debug, Clone, Serialize)]
pub struct Added {
    /// The file of the index that it stands in.
    pub file: String,
    /// Its line.
    pub release: Value,
    /// Whether nothing was written because of `--dry-run`.
    pub dry_run: bool,
}

/// A release that was taken back.
#[derive(Debug, Clone, Serialize)]
pub struct TakenBack {
    /// The file of the index that it stands in.
    pub file: String,
    /// Its package.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// The field that says so: `yanked` or `revoked`.
    pub mark: &'static str,
    /// Why.
    pub reason: String,
    /// Whether nothing was written because of `--dry-run`.
    pub dry_run: bool,
}

/// Makes a folder an empty index.
///
/// # Errors
/// [`Kind::Conflict`] when something is in it already, but for git's own folder; [`Kind::FileSystem`].
pub fn create(context: &Context<'_>, dir: &Path) -> Result<Created> {
    let taken = |why: &str| {
        Error::new(Kind::Conflict, format!("`{}` cannot become an index", dir.display()))
            .at_path(dir)
            .because(why)
            .help("give the name of a new folder, such as `cpm index new my-index`")
    };
    if std::fs::symlink_metadata(dir).is_ok() {
        if !dir.is_dir() {
            return Err(taken("it is a file"));
        }
        for entry in dir.read_dir().path("read the folder", dir)? {
            if entry.path("read the folder", dir)?.file_name() != ".git" {
                return Err(taken("it is not empty"));
            }
        }
    }
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let about = index_edit::about(index_line::SCHEMA, &name);
    let files = [(ABOUT, about.as_str()), ("README.md", README)];
    if context.effect == Effect::Change {
        fsx::create_dirs(dir)?;
        for (file, text) in files {
            fsx::write_new(&dir.join(file), text.as_bytes(), false)?;
        }
    }
    Ok(Created {
        dir: dir.display().to_string(),
        files: files.iter().map(|(file, _)| (*file).to_owned()).collect(),
        dry_run: context.effect == Effect::DryRun,
    })
}

/// Reads a plugin at a tag of its repository and adds it to the index in `dir`.
///
/// # Errors
/// [`Kind::Conflict`] when the version is there already; [`Kind::Integrity`] for another name than plugin.json's;
/// [`Kind::Invalid`] when tag and plugin.json name different versions, or none; [`Kind::Policy`] for a repository that only this machine can reach; and what an install of the
/// package would refuse.
pub fn add_release(context: &Context<'_>, dir: &Path, new: &NewSource) -> Result<Added> {
    let folder = IndexFolder::open_valid(dir)?;
    if new.url.reach() == Reach::Local {
        return Err(Error::new(Kind::Policy, "an index may not point at this machine")
            .at(&new.url)
            .because("nobody else could fetch the release")
            .help("push the repository to a host, and give the address there"));
    }
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    let want = RefWant::Tag(new.tag.clone());
    let commit = cache.resolve(&new.url, &want, Reading::Package(new.path.as_ref()))?;
    let source = Source::Git { url: new.url.clone(), path: new.path.clone(), want };
    let anonymous = PackageName::parse("package")?;
    let loaded = fetcher.load(new.name.as_ref().unwrap_or(&anonymous), &source, Some(&commit), None, None)?;
    let name = own_name(new, &loaded.package)?;
    identity::refuse_other_name(&name, &loaded.package).map_err(|error| error.at(&source))?;
    let version = version(new, &name, &loaded.package).map_err(|error| error.at(&source))?;
    let mut file = folder.file(&name)?;
    if let Some(line) = file.line_of(&version) {
        return Err(Error::new(Kind::Conflict, format!("`{name}` {version} is in the index already"))
            .at(format!("{}:{line}", file.path))
            .because("a release that was published is never replaced: locks rely on it")
            .help("give the new content a new version and a new tag"));
    }
    for warning in &loaded.warnings {
        context.progress.warn(warning);
    }
    let release = NewRelease {
        version,
        description: loaded.package.description.clone(),
        keywords: keywords(&loaded.tree)?,
        git: new.url.clone(),
        commit,
        path: new.path.clone(),
        checksum: loaded.digest,
        dependencies: loaded.package.dependencies.clone(),
        skills: loaded.package.skills.iter().filter_map(|skill| skill.called(&name)).collect(),
        servers: loaded.package.servers.keys().cloned().collect(),
        published: Timestamp::now(),
        name,
    };
    let line = release.to_json();
    file.text = index_edit::append(&file.text, &line);
    folder.write(&file, context.effect)?;
    Ok(Added { file: file.path, release: line, dry_run: context.effect == Effect::DryRun })
}

/// Marks a release of the index in `dir` as taken back.
///
/// # Errors
/// [`Kind::NotFound`] when the index does not have it; [`Kind::Invalid`] when its line cannot be read.
pub fn take_back(
    context: &Context<'_>,
    dir: &Path,
    name: &PackageName,
    version: &Version,
    mark: Mark,
    reason: &str,
) -> Result<TakenBack> {
    let folder = IndexFolder::open_valid(dir)?;
    let mut file = folder.file(name)?;
    let line = file.line_of(version).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("the index has no `{name}` {version}"))
            .at(&file.path)
            .help("give the name and the version as the line has them")
    })?;
    file.text = index_edit::mark(&file.text, line, mark, reason).map_err(|error| error.at(&file.path))?;
    folder.write(&file, context.effect)?;
    Ok(TakenBack {
        file: file.path,
        name: name.clone(),
        version: version.to_string(),
        mark: mark.field(),
        reason: reason.to_owned(),
        dry_run: context.effect == Effect::DryRun,
    })
}

/// The name that was given, else that of plugin.json, else of the folder or repository.
fn own_name(new: &NewSource, package: &Package) -> Result<PackageName> {
    if let Some(name) = &new.name {
        return Ok(name.clone());
    }
    let folder = new.path.as_ref().map_or(new.url.repository_name(), RelPath::file_name);
    let text = package.namespace.as_deref().unwrap_or(folder);
    PackageName::parse(text).map_err(|error| error.help("give it a name with `--name`"))
}

/// The version of plugin.json, which the tag must not contradict, else that of the tag.
fn version(new: &NewSource, name: &PackageName, package: &Package) -> Result<Version> {
    let tag = new.tag.as_str();
    let bare = [format!("{name}--v"), format!("{name}-v"), "v".to_owned()];
    let bare = bare.iter().find_map(|prefix| tag.strip_prefix(prefix)).unwrap_or(tag);
    let invalid = |what: String| {
        Error::new(Kind::Invalid, what).help("a version has three numbers, such as 1.2.0, and its tag is `v1.2.0`")
    };
    match (package.version.as_deref(), Version::parse(bare).ok()) {
        (None, Some(tagged)) => Ok(tagged),
        (None, None) => Err(invalid(format!("neither the tag `{tag}` nor plugin.json names a version"))),
        (Some(text), tagged) => {
            let own = Version::parse(text).map_err(|cause| {
                invalid(format!("plugin.json has the version `{text}`, which is none")).because(cause)
            })?;
            match tagged.filter(|tagged| *tagged != own) {
                Some(_) => Err(Error::new(Kind::Invalid, format!("the tag `{tag}` holds version {own}"))
                    .because("plugin.json says so")
                    .help("tag the commit whose plugin.json has the version, or correct plugin.json and tag anew")),
                None => Ok(own),
            }
        }
    }
}

/// The keywords of plugin.json, whose form was checked when the package was read.
fn keywords(tree: &Tree) -> Result<Vec<String>> {
    let Some(file) = tree.get(inspect::MANIFEST) else { return Ok(Vec::new()) };
    let raw = json::parse_object(&file.bytes, inspect::MANIFEST)?;
    let words = raw.get("keywords").and_then(Value::as_array).into_iter().flatten();
    Ok(words.filter_map(Value::as_str).map(str::to_owned).collect())
}
