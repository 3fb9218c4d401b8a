//! `cpm install`: adds packages to the manifest, or makes the scope as manifest and lock say.

use std::path::Path;

use super::apply::{self, About, Files, Target};
use super::fetch::Fetcher;
use super::locking::{self, Rewritten, Unlock};
use super::report::Report;
use super::state::{self, Conflicts, ScopeState};
use super::vendor::VendorFolder;
use super::{Context, LockMode};
use crate::error::{Error, Kind, Result};
use crate::format::lockfile::Needs;
use crate::format::manifest_edit::Editor;
use crate::git::Cache;
use crate::index::Indexes;
use crate::model::dependency::{Dependency, Manifest, Origin, Placement};
use crate::model::lock::Lock;
use crate::model::name::{IndexName, PackageName};
use crate::model::relpath::RelPath;
use crate::model::source::{RefWant, Source};
use crate::model::url::GitUrl;
use crate::model::version::Requirement;
use crate::store::Store;

/// A package that somebody wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What to call it; a direct source may leave that to the package.
    pub name: Option<PackageName>,
    /// Where it comes from.
    pub origin: WishOrigin,
    /// How to place it, if not as its content decides.
    pub placement: Option<Placement>,
    /// Whether a `server.json` may name a program without one exact version.
    pub allow_unpinned: bool,
}

/// Where a wished package comes from.
#[derive(Debug, Clone)]
pub enum WishOrigin {
    /// An index; without a requirement the newest release is taken and written down.
    Index {
        /// Which versions will do.
        requirement: Option<Requirement>,
        /// Only this index is asked.
        index: Option<IndexName>,
    },
    /// A folder of a repository.
    Git {
        /// The repository.
        url: GitUrl,
        /// The folder.
        path: Option<RelPath>,
        /// Which commit.
        want: RefWant,
    },
    /// A folder on this machine, absolute.
    Dir(std::path::PathBuf),
}

/// Installs the wishes; without any, what manifest and lock say.
///
/// # Errors
/// Any failure; then nothing has changed.
pub fn install(context: &Context<'_>, wishes: &[Wish]) -> Result<Report> {
    if wishes.is_empty() {
        state::require_manifest(context)?;
    }
    let cache = context.git_cache()?;
    let fetcher = fetcher(context, &cache);
    fetcher.vendored.as_ref().map_or(Ok(()), VendorFolder::require)?;
    let mut state = ScopeState::open_with(
        context,
        match context.lock_mode {
            LockMode::Free => Conflicts::Read(Needs::Whole),
            LockMode::Locked => Conflicts::Refuse,
        },
    )?;
    let mut manifest = state.manifest.clone();
    let mut named = Vec::new();
    for wish in wishes {
        named.push(add(context, &mut manifest, wish, &fetcher)?);
    }
    let indexes = Indexes::new(&manifest.indexes, &cache);
    locking::refuse_foreign(&state.lock, &indexes)?;
    let locking = lock(context, &mut state, &manifest, &indexes, &fetcher)?;
    let manifest_text = write_wishes(context, &state, &mut manifest, &named, wishes, &locking.lock)?;
    let about = match named.as_slice() {
        [] => About::Everything,
        some => About::Asked(some.iter().map(|name| manifest.dependencies[name].package.clone()).collect()),
    };
    apply::apply(
        context,
        &state,
        &fetcher,
        Target { manifest: &manifest, files: Files::AsLocked(manifest_text), locking, about },
    )
}

pub(super) fn fetcher<'a>(context: &'a Context<'_>, cache: &'a Cache<'a>) -> Fetcher<'a> {
    Fetcher {
        cache,
        store: Store::new(&context.machine.cache),
        vendored: context.from.as_deref().map(VendorFolder::at),
        base: context.places.manifest.parent().unwrap_or(&context.places.base),
        progress: context.progress,
    }
}

/// The lock that answers the manifest, whose packages suit each other.
pub(super) fn lock<'i>(
    context: &Context<'_>,
    state: &mut ScopeState,
    manifest: &Manifest,
    indexes: &Indexes<'i>,
    fetcher: &Fetcher<'i>,
) -> Result<locking::Locking> {
    let locking = lock_as_is(context, state, manifest, indexes, fetcher)?;
    fitting(context, state, manifest, locking, fetcher, || locking::mend(manifest, &state.lock, indexes, fetcher))
}

/// A lock whose packages suit each other: this one, or where it may change one that is made anew.
pub(super) fn fitting(
    context: &Context<'_>,
    state: &ScopeState,
    manifest: &Manifest,
    mut locking: locking::Locking,
    fetcher: &Fetcher<'_>,
    anew: impl FnOnce() -> Result<locking::Locking>,
) -> Result<locking::Locking> {
    let misfits = locking::misfits(context, state, manifest, &mut locking, fetcher)?;
    if misfits.is_empty() {
        return Ok(locking);
    }
    if context.lock_mode == LockMode::Locked {
        return Err(locking::refusal(context, &misfits));
    }
    let told: Vec<String> = misfits.iter().map(ToString::to_string).collect();
    let what = "the locked versions do not suit each other, as after a merge, so versions are chosen anew";
    context.progress.warn(&format!("{what}: {}", told.join("; ")));
    let mut locking = anew()?;
    match locking::misfits(context, state, manifest, &mut locking, fetcher)?.as_slice() {
        [] => Ok(locking),
        misfits => Err(locking::refusal(context, misfits)),
    }
}

/// The lock that answers the manifest: the present one, if it does and no folder on this machine changed. One that a
/// merge left in two is healed, and what both sides together had locked takes its place in `state`.
fn lock_as_is<'i>(
    context: &Context<'_>,
    state: &mut ScopeState,
    manifest: &Manifest,
    indexes: &Indexes<'i>,
    fetcher: &Fetcher<'i>,
) -> Result<locking::Locking> {
    if let Some((sides, told)) = &state.sides {
        let healed = locking::heal(manifest, sides, *told, indexes, fetcher)?;
        context.progress.warn(&locking::said(&healed.differences));
        state.lock = healed.committed;
        return Ok(healed.locking);
    }
    let has_folders = manifest.dependencies.values().any(|dependency| matches!(dependency.origin, Origin::Dir(_)));
    if !has_folders && locking::is_in_step(manifest, &state.lock, indexes) {
        return Ok(locking::Locking { lock: state.lock.clone(), loaded: Default::default() });
    }
    if context.lock_mode == LockMode::Locked && !has_folders {
        // What is wrong can be said without asking anybody, and `--frozen` must not ask.
        return Err(apply::out_of_step(context, &locking::unanswered(manifest, &state.lock, indexes)));
    }
    locking::lock(manifest, &state.lock, &Unlock::Nothing, Rewritten::Stop, indexes, fetcher)
}

/// Adds a wish to the manifest in memory; the name it has there.
fn add(context: &Context<'_>, manifest: &mut Manifest, wish: &Wish, fetcher: &Fetcher<'_>) -> Result<PackageName> {
    let origin = match &wish.origin {
        WishOrigin::Index { requirement, index } => {
            Origin::Index { requirement: requirement.clone().unwrap_or(Requirement::Any), index: index.clone() }
        }
        WishOrigin::Git { url, path, want } => Origin::Git { url: url.clone(), path: path.clone(), want: want.clone() },
        WishOrigin::Dir(path) => Origin::Dir(relative(path, fetcher.base)),
    };
    let name = match &wish.name {
        Some(name) => name.clone(),
        None => own_name(&origin, fetcher)?,
    };
    if let Origin::Index { index: Some(index), .. } = &origin
        && !manifest.indexes.iter().any(|known| known.name == *index)
    {
        let known: Vec<&str> = manifest.indexes.iter().map(|known| known.name.as_str()).collect();
        return Err(Error::new(Kind::NotFound, format!("there is no index `{index}`"))
            .at_path(&context.places.manifest)
            .because(format!(
                "the manifest has: {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ))
            .help(format!("add it first: `cpm index add {index} URL`")));
    }
    match manifest.dependencies.get_mut(&name) {
        // Asking again for what the manifest has changes nothing that was not asked for.
        Some(known) => {
            let asks_nothing = matches!(&wish.origin, WishOrigin::Index { requirement: None, index: None });
            if !asks_nothing {
                known.origin = origin;
            }
            known.placement = wish.placement.or(known.placement);
            known.allow_unpinned |= wish.allow_unpinned;
        }
        None => {
            let mut dependency = Dependency::plain(name.clone(), origin);
            dependency.placement = wish.placement;
            dependency.allow_unpinned = wish.allow_unpinned;
            manifest.dependencies.insert(name.clone(), dependency);
        }
    }
    Ok(name)
}

/// What a package from a direct source calls itself: by plugin.json, else by its folder or repository.
fn own_name(origin: &Origin, fetcher: &Fetcher<'_>) -> Result<PackageName> {
    let (source, commit) = fetcher.locate(origin)?;
    let folder = match &source {
        Source::Git { path: Some(path), .. } | Source::Builtin { path } => path.file_name().to_owned(),
        Source::Git { url, path: None, .. } => url.repository_name().to_owned(),
        Source::Dir { path } => {
            let full = fetcher.folder(path);
            let full = full.canonicalize().unwrap_or(full);
            full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
    };
    let anonymous = PackageName::parse(&folder.to_ascii_lowercase()).or_else(|_| PackageName::parse("package"))?;
    let loaded = fetcher.load(&anonymous, &source, commit.as_ref(), None, None)?;
    let candidates = loaded.package.namespace.into_iter().chain([folder.clone(), folder.to_ascii_lowercase()]);
    candidates.filter_map(|text| PackageName::parse(&text).ok()).next().ok_or_else(|| {
        Error::new(Kind::Usage, format!("`{folder}` cannot be the name of a package"))
            .at(&source)
            .help("give it a name: `cpm install NAME --git URL …` or `cpm install NAME --path FOLDER`")
    })
}

/// A folder as the manifest names it: relative where it is below the manifest's folder or beside it.
fn relative(path: &Path, base: &Path) -> String {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (path, base) = (real(path), real(base));
    for (ups, ancestor) in base.ancestors().enumerate().take(4) {
        if ancestor.parent().is_some()
            && let Ok(rest) = path.strip_prefix(ancestor)
        {
            let mut parts = vec!["..".to_owned(); ups];
            parts.extend(rest.components().map(|part| part.as_os_str().to_string_lossy().into_owned()));
            return if parts.is_empty() { ".".to_owned() } else { parts.join("/") };
        }
    }
    path.to_string_lossy().into_owned()
}

/// The manifest's text with the wishes written as `cargo add` would; `None` when it stays as it is.
fn write_wishes(
    context: &Context<'_>,
    state: &ScopeState,
    manifest: &mut Manifest,
    named: &[PackageName],
    wishes: &[Wish],
    lock: &Lock,
) -> Result<Option<String>> {
    let mut editor = Editor::parse(state.manifest_text.as_deref().unwrap_or_default(), &context.places.manifest)?;
    for (name, wish) in named.iter().zip(wishes) {
        let Some(dependency) = manifest.dependencies.get_mut(name) else { continue };
        let is_new = !state.manifest.dependencies.contains_key(name);
        if let (Origin::Index { requirement, .. }, WishOrigin::Index { requirement: None, .. }, true) =
            (&mut dependency.origin, &wish.origin, is_new)
            && let Some(locked) = lock.packages.get(&dependency.package)
        {
            *requirement = Requirement::for_chosen(&locked.version);
        }
        if state.manifest.dependencies.get(name) != Some(dependency) {
            editor.set_dependency(name, dependency).map_err(|error| error.at_path(&context.places.manifest))?;
        }
    }
    let text = editor.text();
    Ok((state.manifest_text.as_deref() != Some(&text) && !wishes.is_empty()).then_some(text))
}
