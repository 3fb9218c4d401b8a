//! The merge driver for git: merges the lock package by package, asking nobody, and leaves open what only an index can
//! decide. `cpm init --merge-driver` tells git of it.

use std::path::Path;

use super::cache::git_root;
use super::{Context, Effect, locking};
use crate::claude::paths::Machine;
use crate::claude::project::Checkout;
use crate::error::{Error, IoContext as _, Kind, Result};
use crate::format::{lockfile, manifest};
use crate::fsx;
use crate::git::{self, Cache, Network};
use crate::index::Indexes;
use crate::model::dependency::Manifest;
use crate::model::lock::{Lock, Locked};
use crate::model::merge::Sides;
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::progress::Progress;

const ATTRIBUTE: &str = "cpm.lock merge=cpm";
const SETTINGS: [(&str, &str); 2] =
    [("merge.cpm.name", "cpm.lock, package by package"), ("merge.cpm.driver", "cpm lock --merge-driver %O %A %B %P")];

/// The three files of a merge as git names them.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// `%O`: what both sides began with; empty where there was nothing.
    pub base: &'a Path,
    /// `%A`: our side; the result is written here.
    pub ours: &'a Path,
    /// `%B`: their side.
    pub theirs: &'a Path,
    /// The manifest beside the lock; what cannot be read is not asked.
    pub manifest: Option<&'a Path>,
}

/// Merges three locks into the file of our side; the packages that stay open there, between conflict markers.
///
/// # Errors
/// [`Kind::Lock`] when one of the files is no lock, [`Kind::FileSystem`]; then our side stays as it is.
pub fn merge(machine: &Machine, progress: &dyn Progress, files: Files<'_>) -> Result<Vec<PackageName>> {
    let sides = Sides { base: read(files.base)?, ours: read(files.ours)?, theirs: read(files.theirs)? };
    // While git merges, the manifest is our side's, and where it was merged already it may have markers itself.
    let manifest = files.manifest.and_then(read_manifest);
    let cache = Cache::new(git_root(machine), Network::Offline, progress);
    let merged = match &manifest {
        Some(manifest) => {
            let indexes = Indexes::new(&manifest.indexes, &cache);
            let allows = |name: &PackageName, locked: &Locked| locking::allows(manifest, name, locked, &indexes);
            sides.merge(Some(&allows))
        }
        None => sides.merge(None),
    };
    let text = lockfile::emit_merged(&merged, &sides);
    std::fs::write(files.ours, text).path("write", files.ours)?;
    Ok(merged.open.into_keys().collect())
}

fn read(path: &Path) -> Result<Lock> {
    let bytes = fsx::read_optional(path)?.unwrap_or_default();
    if bytes.is_empty() { Ok(Lock::default()) } else { lockfile::parse(&bytes, path) }
}

fn read_manifest(path: &Path) -> Option<Manifest> {
    let text = std::fs::read_to_string(path).ok()?;
    manifest::parse(&text, path).ok()
}

/// Tells git to merge locks with cpm, in this clone; what was written or would be, as people read it.
///
/// # Errors
/// [`Kind::Usage`] where there is no repository, or nothing of the scope is in it; [`Kind::FileSystem`].
pub fn set_up(context: &Context<'_>) -> Result<Vec<String>> {
    let places = &context.places;
    let checkout = Checkout::around(&places.base).filter(|_| places.scope == Scope::Project).ok_or_else(|| {
        Error::new(Kind::Usage, "a merge driver needs a project in a git repository")
            .at_path(&places.base)
            .help("run `git init` first, or leave out `--merge-driver`")
    })?;
    let mut written = Vec::new();
    let attributes = places.base.join(".gitattributes");
    if attributes.is_symlink() {
        return Err(Error::new(Kind::UnsafeTree, "git reads no `.gitattributes` that is a link")
            .at_path(&attributes)
            .help("replace the link with a real file"));
    }
    let text = fsx::read_optional(&attributes)?.unwrap_or_default();
    if !text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == ATTRIBUTE.as_bytes()) {
        written.push(format!("`{ATTRIBUTE}` to {}", context.machine.shown(&attributes)));
        if context.effect == Effect::Change {
            let gap: &[u8] = if text.is_empty() || text.ends_with(b"\n") { b"" } else { b"\n" };
            let text = [&text, gap, ATTRIBUTE.as_bytes(), b"\n"].concat();
            std::fs::write(&attributes, text).path("write", &attributes)?;
        }
    }
    let config = checkout.common.join("config");
    let lacking = git::settings::lacking(&config, &SETTINGS)?;
    if context.effect == Effect::Change {
        git::settings::set(&config, &lacking)?;
    }
    let shown = context.machine.shown(&config);
    written.extend(lacking.iter().map(|(key, value)| format!("`{key} = {value}` to {shown}")));
    Ok(written)
}
