//! `cpm list --loaded`: what Claude Code will list when it is started in a folder, and which package each part is of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::claude::loaded::{LeftOut, Level, Part, PartKind, Place, Start, State};
use crate::claude::paths::{Machine, ScopePlaces};
use crate::claude::project::Checkout;
use crate::error::Result;
use crate::model::name::PackageName;
use crate::model::scope::Scope;
use crate::receipt::{self, Receipt};

/// What the client will list.
#[derive(Debug, Clone, Serialize)]
pub struct Loaded {
    /// The folder that it is started in.
    pub dir: String,
    /// Whether it trusts the project there.
    pub trusted: bool,
    /// Its lists, each by name.
    #[serde(flatten)]
    pub parts: BTreeMap<&'static str, Vec<Item>>,
    /// What is there and not listed.
    pub left_out: Vec<Missing>,
}

/// Something in a list of the client.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    /// As the client calls it; of a hook its event.
    pub name: String,
    /// `listed`, `model only`, `on demand` or `disabled`.
    pub state: State,
    /// Whether an interactive session asks before it uses it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
    /// For a server: how the names of its tools begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// Whose it is.
    #[serde(flatten)]
    pub owner: Owner,
}

/// Something that the client passes over.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// What it would be.
    pub kind: PartKind,
    /// What it would be called, or its folder.
    pub name: String,
    /// Why it is not listed.
    pub why: String,
    /// Whose it is.
    #[serde(flatten)]
    pub owner: Owner,
}

/// Where a part comes from.
#[derive(Debug, Clone, Serialize)]
pub struct Owner {
    /// The package; `None` for what cpm did not install here.
    pub package: Option<PackageName>,
    /// The scope.
    pub scope: Scope,
    /// The folder or file.
    pub place: String,
}

/// The lists in the order in which they are shown.
pub const LISTS: [(PartKind, &str); 6] = [
    (PartKind::Plugin, "plugins"),
    (PartKind::Skill, "skills"),
    (PartKind::Command, "commands"),
    (PartKind::Agent, "agents"),
    (PartKind::Hook, "hooks"),
    (PartKind::Server, "servers"),
];

/// Predicts what the client lists when it is started in `dir`; only what is of one scope where `scope` names one. Without
/// `trusted`, what the client has written down about the project counts.
///
/// # Errors
/// As [`Start::at`] and [`Start::predict`].
pub fn loaded(machine: &Machine, dir: &Path, trusted: Option<bool>, scope: Option<Scope>) -> Result<Loaded> {
    let start = Start::at(machine, dir, trusted)?;
    let prediction = start.predict()?;
    let owners = Owners::new(machine, start.dir());
    let mut parts: BTreeMap<&'static str, Vec<Item>> = LISTS.iter().map(|(_, list)| (*list, Vec::new())).collect();
    for part in &prediction.parts {
        let owner = owners.of(&part.place)?;
        let list = LISTS.iter().find(|(kind, _)| *kind == part.kind).and_then(|(_, list)| parts.get_mut(list));
        if let Some(list) = list.filter(|_| scope.is_none_or(|scope| scope == owner.scope)) {
            list.push(item(part, owner));
        }
    }
    parts.values_mut().for_each(|list| list.sort_by(|a, b| a.name.cmp(&b.name)));
    let mut left_out = Vec::new();
    for LeftOut { kind, name, why, place } in &prediction.left_out {
        let owner = owners.of(place)?;
        if scope.is_none_or(|scope| scope == owner.scope) {
            left_out.push(Missing { kind: *kind, name: name.clone(), why: why.clone(), owner });
        }
    }
    Ok(Loaded { dir: machine.shown(start.dir()), trusted: start.trusted(), parts, left_out })
}

fn item(part: &Part, owner: Owner) -> Item {
    let tools = (part.kind == PartKind::Server).then(|| tools_of(&part.name));
    Item { name: part.name.clone(), state: part.state, asks: part.asks, tools, owner }
}

/// How the names of a server's tools begin [claude-code.md §2.7].
fn tools_of(server: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    format!("mcp__{}__", server.chars().map(plain).collect::<String>())
}

/// Says whose a place is, by the receipts beside it.
struct Owners<'m> {
    machine: &'m Machine,
    /// The folders whose local scope may have written the client's entries for this project: a linked work tree has the
    /// entries of the main one.
    local: Vec<PathBuf>,
}

impl<'m> Owners<'m> {
    fn new(machine: &'m Machine, dir: &Path) -> Self {
        let mut local: Vec<PathBuf> = dir.ancestors().map(Path::to_path_buf).collect();
        if let Some(checkout) = Checkout::around(dir) {
            let inside = dir.strip_prefix(&checkout.top).unwrap_or(Path::new(""));
            local.extend(inside.ancestors().map(|inside| checkout.main_top().join(inside)));
        }
        Owners { machine, local }
    }

    fn of(&self, place: &Place) -> Result<Owner> {
        let (scope, package, path) = match place {
            Place::Folder(folder) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                let owns = |receipt: &Receipt| {
                    let mut packages = receipt.packages.iter();
                    packages.find(|(_, installed)| installed.dirs.contains_key(&*name)).map(|(name, _)| name.clone())
                };
                let (scope, package) = self.among(&self.scopes_of(folder), owns)?;
                (scope, package, folder)
            }
            Place::Entry { file, level, key } => {
                let owns = |receipt: &Receipt| {
                    let mut packages = receipt.packages.iter();
                    packages.find(|(_, installed)| installed.servers.contains_key(&**key)).map(|(name, _)| name.clone())
                };
                let scopes = match level {
                    Level::User => vec![ScopePlaces::user(self.machine)],
                    Level::Project => file.parent().map(ScopePlaces::project).into_iter().collect(),
                    Level::Local => self.local.iter().map(|dir| ScopePlaces::local(dir, self.machine)).collect(),
                };
                let (scope, package) = self.among(&scopes, owns)?;
                (scope, package, file)
            }
        };
        Ok(Owner { package, scope, place: self.machine.shown(path) })
    }

    /// The scopes that may have put a folder where it is.
    fn scopes_of(&self, folder: &Path) -> Vec<ScopePlaces> {
        let skills = folder.parent().unwrap_or(folder);
        if skills == self.machine.config.join("skills") {
            return vec![ScopePlaces::user(self.machine)];
        }
        let root = skills.parent().and_then(Path::parent).unwrap_or(skills);
        vec![ScopePlaces::project(root), ScopePlaces::local(root, self.machine)]
    }

    /// The first of some scopes in which a package owns something; else the first one, for somebody else.
    fn among(
        &self,
        scopes: &[ScopePlaces],
        owns: impl Fn(&Receipt) -> Option<PackageName>,
    ) -> Result<(Scope, Option<PackageName>)> {
        for places in scopes {
            if let Some(package) = owns(&receipt::read(&places.receipt())?.receipt()) {
                return Ok((places.scope, Some(package)));
            }
        }
        Ok((scopes.first().map_or(Scope::User, |places| places.scope), None))
    }
}
