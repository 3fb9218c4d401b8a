//! What is taken over so far, what of the scope is spoken for, and whether a package is here as cpm would place it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::super::Context;
use super::super::apply::{self, origin, shown_path};
use super::super::fetch::{Fetcher, Loaded};
use super::super::state::ScopeState;
use super::{Files, LeftOut, Taken};
use crate::claude::place::{self, Identity, Placed};
use crate::error::{Error, Result};
use crate::fsx;
use crate::model::dependency::{Dependency, Manifest, Origin, Placement};
use crate::model::index::IndexConfig;
use crate::model::lock::Locked;
use crate::model::name::{IndexName, PackageName, ServerName, SkillName};
use crate::model::scope::Scope;
use crate::model::tree::Tree;
use crate::plan;
use crate::receipt::entry_digest;

/// Most files that a message names.
const MAX_NAMED: usize = 3;

/// A package that could be taken over.
pub(super) struct Offer {
    pub(super) name: PackageName,
    pub(super) dependency: Dependency,
    pub(super) locked: Locked,
    pub(super) loaded: Loaded,
}

/// A package that is taken over, if it fits the others.
pub(super) struct Candidate {
    pub(super) name: PackageName,
    pub(super) dependency: Dependency,
    pub(super) locked: Locked,
    /// The file or folder that told of it.
    pub(super) found: String,
    pub(super) files: Files,
    /// What ends the client's own hold of it.
    pub(super) uninstall: Option<String>,
    /// The lock of another tool that named it.
    pub(super) lock_of: Option<String>,
}

/// Whether a package is taken over of which nothing is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    Allowed,
    Refused,
}

/// How what cpm would place compares with what is here.
pub(super) enum Fit {
    /// All of it is here.
    Same,
    /// Of a package of loose skills, these are here, and nothing is in the way of the others.
    Some(Vec<SkillName>),
    /// Nothing of it is here.
    Absent,
    /// Something else is in its place.
    Other(String),
}

pub(super) struct Taking<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) fetcher: &'a Fetcher<'a>,
    /// What the manifest says now.
    pub(super) manifest: &'a Manifest,
    /// The indexes that packages could come from, besides those of the manifest.
    pub(super) indexes: Vec<IndexConfig>,
    /// The entries of the scope's MCP file.
    pub(super) servers: BTreeMap<String, Value>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) left_out: Vec<LeftOut>,
    /// Folders and entries that are cpm's, are taken over, or were said not to be.
    spoken_for: BTreeSet<(Part, String)>,
}

/// What a package places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Dir,
    Server,
}

impl Candidate {
    pub(super) fn row(&self) -> Taken {
        Taken {
            name: self.name.clone(),
            version: self.locked.version.to_string(),
            from: origin(&self.locked),
            found: self.found.clone(),
            files: self.files,
        }
    }

    /// The index that the manifest names for it.
    pub(super) fn index(&self) -> Option<&IndexName> {
        match &self.dependency.origin {
            Origin::Index { index, .. } => index.as_ref(),
            Origin::Git { .. } | Origin::Dir(_) => None,
        }
    }

    pub(super) fn left_out(&self, error: &Error) -> LeftOut {
        left_out(self.name.as_str(), &self.found, error)
    }
}

/// What is not taken over because of an error.
pub(super) fn left_out(name: &str, place: &str, error: &Error) -> LeftOut {
    let whole: Vec<&str> = std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str)).collect();
    let fix = error.help_text().map(str::to_owned);
    LeftOut { name: name.to_owned(), place: place.to_owned(), why: whole.join(": "), fix }
}

impl<'a> Taking<'a> {
    pub(super) fn new(
        context: &'a Context<'a>,
        state: &ScopeState,
        manifest: &'a Manifest,
        fetcher: &'a Fetcher<'a>,
        servers: BTreeMap<String, Value>,
    ) -> Result<Self> {
        let mut taking = Taking {
            context,
            fetcher,
            manifest,
            indexes: Vec::new(),
            servers,
            candidates: Vec::new(),
            left_out: Vec::new(),
            spoken_for: BTreeSet::new(),
        };
        let neighbours = state.neighbour.as_ref().map(|(_, receipt)| receipt);
        let installed = [&state.receipt].into_iter().chain(neighbours).flat_map(|receipt| receipt.packages.values());
        for package in installed {
            taking.spoken_for.extend(package.dirs.keys().map(|dir| (Part::Dir, dir.to_string())));
        }
        let servers = state.receipt.packages.values().flat_map(|package| package.servers.keys());
        taking.spoken_for.extend(servers.map(|server| (Part::Server, server.to_string())));
        // What is locked and not installed yet will be cpm's. What is not on this machine cannot be looked into.
        let is_here = |locked: &Locked| fetcher.has(&locked.checksum) || locked.commit.is_none();
        for (name, locked) in state.lock.packages.iter().filter(|(_, locked)| is_here(locked)) {
            let placed = fetcher
                .load_locked(name, locked)
                .and_then(|loaded| apply::placed(&state.manifest, name, locked, &loaded));
            if let Ok(placed) = placed {
                taking.speak_for(&placed);
            }
        }
        Ok(taking)
    }

    /// Takes an offer over where nothing else is in its place. What is already in the manifest stays as it is there.
    pub(super) fn consider(
        &mut self,
        mut offer: Offer,
        found: &str,
        lock_of: Option<&str>,
        absence: Absence,
    ) -> Result<Fit> {
        let mut placed = offer.placed()?;
        let mut fit = self.fit(&placed)?;
        if let Fit::Some(skills) = &fit {
            offer.dependency.skills = Some(skills.clone());
            placed = offer.placed()?;
            fit = self.fit(&placed)?;
        }
        let files = match fit {
            Fit::Same => Files::Here,
            Fit::Absent if absence == Absence::Allowed => Files::Absent,
            Fit::Absent | Fit::Some(_) | Fit::Other(_) => return Ok(fit),
        };
        self.speak_for(&placed);
        self.push(offer, found, files, lock_of);
        Ok(fit)
    }

    /// Takes an offer over whatever is here.
    pub(super) fn push(&mut self, offer: Offer, found: &str, files: Files, lock_of: Option<&str>) {
        let Offer { name, dependency, locked, .. } = offer;
        let (found, lock_of) = (found.to_owned(), lock_of.map(str::to_owned));
        self.candidates.push(Candidate { name, dependency, locked, found, files, uninstall: None, lock_of });
    }

    /// Whether a name or package is in the manifest or taken over already; `Err` when from elsewhere.
    pub(super) fn is_known(&self, name: &PackageName, dependency: &Dependency) -> Result<bool, String> {
        let taken = self.candidates.iter().map(|candidate| (&candidate.name, &candidate.dependency, &*candidate.found));
        let manifest = shown_path(self.context, &self.context.places.manifest);
        let known = self.manifest.dependencies.iter().map(|(name, known)| (name, known, &*manifest));
        let same =
            |known: &&(&PackageName, &Dependency, &str)| known.0 == name || known.1.package == dependency.package;
        match known.chain(taken).collect::<Vec<_>>().iter().find(same) {
            None => Ok(false),
            Some((_, known, _)) if is_same_place(&known.origin, &dependency.origin) => Ok(true),
            Some((name, _, place)) => Err(format!("`{place}` names another `{name}` already, and that one stays")),
        }
    }

    pub(super) fn is_free(&self, part: Part, name: &str) -> bool {
        !self.spoken_for.contains(&(part, name.to_owned()))
    }

    /// Notes that nothing more is to be said of a folder or entry.
    pub(super) fn settle(&mut self, part: Part, name: &str) {
        self.spoken_for.insert((part, name.to_owned()));
    }

    pub(super) fn leave_out(&mut self, name: &str, place: &str, error: &Error) {
        self.left_out.push(left_out(name, place, error));
    }

    fn speak_for(&mut self, placed: &Placed) {
        self.spoken_for.extend(placed.dirs.keys().map(|dir| (Part::Dir, dir.to_string())));
        self.spoken_for.extend(placed.servers.keys().map(|server| (Part::Server, server.to_string())));
    }

    /// Compares what cpm would place with what is here.
    pub(super) fn fit(&self, placed: &Placed) -> Result<Fit> {
        let (mut here, mut absent, mut absent_servers) = (Vec::new(), 0, Vec::new());
        for (dir, tree) in &placed.dirs {
            let root = self.context.places.skills.join(dir.as_str());
            if std::fs::symlink_metadata(&root).is_err() {
                absent += 1;
            } else if !self.is_free(Part::Dir, dir.as_str()) {
                return Ok(Fit::Other(format!("another package has `{}`", shown_path(self.context, &root))));
            } else if plan::is_exactly(&root, tree)? {
                here.push(dir.clone());
            } else {
                return Ok(Fit::Other(self.difference(&root, tree)?));
            }
        }
        let mut servers = 0;
        for (server, entry) in &placed.servers {
            match self.servers.get(server.as_str()) {
                None => absent_servers.push(server),
                Some(_) if !self.is_free(Part::Server, server.as_str()) => {
                    return Ok(Fit::Other(format!("another package has the MCP server `{server}`")));
                }
                Some(there) if entry_digest(there) == entry_digest(&Value::Object(entry.clone())) => servers += 1,
                Some(_) => return Ok(Fit::Other(self.other_entry(server))),
            }
        }
        Ok(match (here.len() + servers, absent + absent_servers.len()) {
            (_, 0) => Fit::Same,
            (0, _) => Fit::Absent,
            _ if absent_servers.is_empty() && placed.placement == Placement::Loose => Fit::Some(here),
            _ => Fit::Other(match absent_servers.first() {
                Some(server) => format!("its MCP server `{server}` is not here"),
                None => "only a part of it is here".to_owned(),
            }),
        })
    }

    fn other_entry(&self, server: &ServerName) -> String {
        let file = shown_path(self.context, &self.context.places.mcp.path);
        format!("the MCP server `{server}` in `{file}` is another, or is written otherwise than cpm writes it")
    }

    /// How a folder differs from what it should be.
    fn difference(&self, root: &Path, tree: &Tree) -> Result<String> {
        let shown = shown_path(self.context, root);
        if let Ok(target) = std::fs::read_link(root) {
            return Ok(format!("`{shown}` is a link to `{}`, and cpm installs folders", target.display()));
        }
        if !root.is_dir() {
            return Ok(format!("`{shown}` is not a folder"));
        }
        let there: BTreeSet<String> = fsx::tree::list(root)?.into_iter().collect();
        let mut differing = BTreeSet::new();
        for (path, content) in tree.files() {
            if !fsx::tree::holds(&path.below(root), content)? {
                differing.insert(path.to_string());
            }
        }
        differing.extend(there.into_iter().filter(|path| tree.get(path).is_none()));
        let more = differing.len().saturating_sub(MAX_NAMED);
        let named: Vec<String> = differing.into_iter().take(MAX_NAMED).collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Ok(format!("`{shown}` has other bytes in {}{more}", named.join(", ")))
    }

    /// The folders of the skills folder that nobody spoke for.
    pub(super) fn free_dirs(&self) -> Result<Vec<String>> {
        let skills = &self.context.places.skills;
        // Skills of a project are everybody's; the local scope cannot tell its own from them.
        if self.context.places.scope == Scope::Local || !skills.is_dir() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(skills).map_err(|cause| Error::io("read", skills, &cause))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|cause| Error::io("read", skills, &cause))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && entry.path().is_dir() && self.is_free(Part::Dir, &name) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

impl Offer {
    /// Where its parts would go.
    pub(super) fn placed(&self) -> Result<Placed> {
        let identity = Identity {
            name: &self.name,
            version: &self.locked.version,
            manifest: self.locked.manifest.as_deref(),
            dependency: Some(&self.dependency),
        };
        place::place(&self.loaded.package, &self.loaded.tree, identity)
    }
}

/// Whether two dependencies are one, whichever version or commit each wants.
fn is_same_place(a: &Origin, b: &Origin) -> bool {
    match (a, b) {
        (Origin::Git { url: a, path: c, .. }, Origin::Git { url: b, path: d, .. }) => a == b && c == d,
        (Origin::Index { index: a, .. }, Origin::Index { index: b, .. }) => a == b || a.is_none() || b.is_none(),
        (Origin::Dir(a), Origin::Dir(b)) => a == b,
        _ => false,
    }
}
