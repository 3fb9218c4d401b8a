//! The plan: desired × receipt × disk → the changes that make a scope as locked.
//!
//! Invariant: a plan exists only if it touches nothing of the user's: foreign files and entries, and files or entries
//! that the user edited, stop it before anything is written, and all of them are named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::claude::place::Placed;
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::digest::FileDigest;
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::relpath::RelPath;
use crate::model::scope::Scope;
use crate::model::tree::Tree;
use crate::receipt::{Care, FileState, Receipt, Stamp, entry_digest};

/// One change to a place that the client reads.
#[derive(Debug, Clone)]
pub enum Change {
    /// A folder is written, or exchanged for the one that is there.
    WriteDir {
        /// Whose.
        package: PackageName,
        /// Its name below the skills folder.
        dir: SkillName,
        /// Its files.
        tree: Tree,
    },
    /// A folder is there already with exactly these files; only the receipt takes note.
    AdoptDir {
        /// Whose.
        package: PackageName,
        /// Its name.
        dir: SkillName,
        /// Its files.
        tree: Tree,
    },
    /// A folder is removed.
    RemoveDir {
        /// Whose it was.
        package: PackageName,
        /// Its name.
        dir: SkillName,
    },
    /// An MCP entry is written.
    SetServer {
        /// Whose.
        package: PackageName,
        /// Its key.
        server: ServerName,
        /// The entry.
        entry: Value,
    },
    /// An MCP entry is there already; only the receipt takes note.
    AdoptServer {
        /// Whose.
        package: PackageName,
        /// Its key.
        server: ServerName,
        /// The entry.
        entry: Value,
    },
    /// An MCP entry that somebody took out stays out.
    LeaveServer {
        /// Whose it is.
        package: PackageName,
        /// Its key.
        server: ServerName,
    },
    /// An MCP entry is removed.
    RemoveServer {
        /// Whose it was.
        package: PackageName,
        /// Its key.
        server: ServerName,
    },
}

impl Change {
    /// Whether it changes the scope's MCP file.
    #[must_use]
    pub fn edits_mcp_file(&self) -> bool {
        matches!(self, Change::SetServer { .. } | Change::RemoveServer { .. })
    }
}

/// What to do about files and entries that the user edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// Stop and name them.
    Keep,
    /// Replace or remove them; the user asked for it.
    Overwrite,
}

impl Edited {
    /// How closely to look for edits: who asks for the locked bytes gets them, whatever the times of the files say.
    #[must_use]
    pub fn care(self) -> Care {
        match self {
            Edited::Keep => Care::Stat,
            Edited::Overwrite => Care::Hash,
        }
    }

    /// Whether a difference matters where nothing else is to be done. A file that is not from cpm, such as a cache that a
    /// script wrote, is in nobody's way as long as cpm stays away.
    #[must_use]
    pub fn minds(self, difference: Difference) -> bool {
        difference != Difference::Extra || self == Edited::Overwrite
    }
}

/// What the planner looks at besides the wishes.
#[derive(Clone, Copy)]
pub struct Present<'a> {
    /// What cpm installed.
    pub receipt: &'a Receipt,
    /// What cpm installed in the same skills folder for another scope.
    pub neighbour: Option<&'a (Scope, Receipt)>,
    /// The scope's skills folder.
    pub skills: &'a Path,
    /// The entries in the scope's MCP file.
    pub servers: &'a BTreeMap<String, Value>,
    /// The MCP file, for messages.
    pub mcp_file: &'a Path,
    /// Whether a server of cpm's was taken out of it, and stays out unless edits are overwritten.
    pub stays_out: &'a dyn Fn(&PackageName, &ServerName) -> bool,
    /// Packages that stay exactly as they are installed.
    pub kept: &'a BTreeSet<PackageName>,
    /// The lines that the user changed in a package, for messages.
    pub edits: &'a dyn Fn(&PackageName) -> Result<String>,
}

/// Plans the changes.
///
/// # Errors
/// [`Kind::Conflict`], naming everything that is in the way; [`Kind::FileSystem`].
pub fn plan<'a>(
    desired: &BTreeMap<&'a PackageName, &'a Placed>,
    present: Present<'a>,
    edited: Edited,
) -> Result<Vec<Change>> {
    let mut planner =
        Planner { present, edited, changes: Vec::new(), obstacles: Vec::new(), edited_packages: BTreeSet::new() };
    let kept = |owner: Option<&'a PackageName>| owner.filter(|owner| present.kept.contains(*owner));
    let dirs = planner.claim(
        desired,
        |placed| placed.dirs.iter().collect(),
        |name| kept(present.receipt.owner_of_dir(name).map(|(owner, _)| owner)),
        "skill folder",
        "placement = \"plugin\"",
    );
    let servers = planner.claim(
        desired,
        |placed| placed.servers.iter().collect(),
        |name| kept(present.receipt.owner_of_server(name).map(|(owner, _)| owner)),
        "MCP server",
        "servers = { OLD = \"NEW\" }",
    );
    for (dir, (package, tree)) in &dirs {
        planner.want_dir(package, dir, tree)?;
    }
    for (server, (package, entry)) in &servers {
        planner.want_server(package, server, &Value::Object((*entry).clone()));
    }
    for (package, installed) in present.receipt.packages.iter().filter(|(name, _)| !present.kept.contains(*name)) {
        for (dir, stamps) in installed.dirs.iter().filter(|(dir, _)| !dirs.contains_key(*dir)) {
            planner.drop_dir(package, dir, stamps)?;
        }
        for (server, digest) in installed.servers.iter().filter(|(server, _)| !servers.contains_key(*server)) {
            planner.drop_server(package, server, *digest);
        }
    }
    planner.finish()
}

/// The files of an installed folder that are not as cpm wrote them, with how they differ; extra files too. The path
/// of the folder itself is empty.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn differences(root: &Path, stamps: &BTreeMap<RelPath, Stamp>, care: Care) -> Result<Vec<(String, Difference)>> {
    if std::fs::symlink_metadata(root).is_ok_and(|metadata| !metadata.is_dir()) {
        // A file or a link stands there: what it is or leads to is not from cpm, whatever it holds.
        return Ok(vec![(String::new(), Difference::Changed)]);
    }
    let mut found = Vec::new();
    for (path, stamp) in stamps {
        match stamp.compare(&path.below(root), care)? {
            FileState::Same => {}
            FileState::Changed => found.push((path.to_string(), Difference::Changed)),
            FileState::Missing => found.push((path.to_string(), Difference::Missing)),
        }
    }
    let extra = files_at(root, || stamps.keys())?
        .into_iter()
        .filter(|path| RelPath::parse(path).map_or(true, |p| !stamps.contains_key(&p)));
    found.extend(extra.map(|path| (path, Difference::Extra)));
    found.sort();
    Ok(found)
}

/// How a file differs from what cpm wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// Other bytes, or another mode.
    Changed,
    /// Gone.
    Missing,
    /// Not from cpm.
    Extra,
}

impl Difference {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Difference::Changed => "changed",
            Difference::Missing => "missing",
            Difference::Extra => "extra",
        }
    }
}

struct Planner<'a> {
    present: Present<'a>,
    edited: Edited,
    changes: Vec<Change>,
    obstacles: Vec<(Obstacle, String)>,
    /// The packages with edits among the obstacles.
    edited_packages: BTreeSet<PackageName>,
}

/// What kind of thing is in the way; it decides what would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    /// Two packages want the same name.
    Rival,
    /// Something that is not from cpm.
    Foreign,
    /// Something from cpm that the user edited.
    Edited,
}

type Claims<'d, K, V> = BTreeMap<&'d K, (&'d PackageName, &'d V)>;

impl<'d> Planner<'d> {
    /// Who wants which name; two that want the same are an obstacle.
    fn claim<K: Ord + std::fmt::Display, V>(
        &mut self,
        desired: &BTreeMap<&'d PackageName, &'d Placed>,
        parts: impl Fn(&'d Placed) -> Vec<(&'d K, &'d V)>,
        kept_owner: impl Fn(&K) -> Option<&'d PackageName>,
        what: &str,
        way_out: &str,
    ) -> Claims<'d, K, V> {
        let mut claims: Claims<'d, K, V> = BTreeMap::new();
        for (&package, &placed) in desired {
            for (name, part) in parts(placed) {
                let other = claims.insert(name, (package, part)).map(|(other, _)| other);
                if let Some(other) = other.or_else(|| kept_owner(name)) {
                    self.stop(
                        Obstacle::Rival,
                        format!(
                            "the packages `{other}` and `{package}` both bring the {what} `{name}`; \
                         give one of them `{way_out}` in the manifest"
                        ),
                    );
                }
            }
        }
        claims
    }

    fn want_dir(&mut self, package: &PackageName, dir: &SkillName, tree: &Tree) -> Result<()> {
        let root = self.present.skills.join(dir.as_str());
        let write = || Change::WriteDir { package: package.clone(), dir: dir.clone(), tree: tree.clone() };
        let adopt = || Change::AdoptDir { package: package.clone(), dir: dir.clone(), tree: tree.clone() };
        let Some((owner, stamps)) = self.present.receipt.owner_of_dir(dir) else {
            let neighbour = self.present.neighbour;
            let elsewhere = neighbour.and_then(|(scope, other)| Some((scope, other.owner_of_dir(dir)?.0)));
            if let Some((scope, other)) = elsewhere {
                self.stop(
                    Obstacle::Rival,
                    format!(
                        "the package `{other}` of the {scope} scope has the skill folder `{dir}`, \
                     and the package `{package}` would bring it too; remove one of them"
                    ),
                );
            } else if std::fs::symlink_metadata(&root).is_err() {
                self.changes.push(write());
            } else if is_exactly(&root, tree)? {
                self.changes.push(adopt());
            } else {
                self.stop(Obstacle::Foreign, format!(
                    "`{}` is not from cpm, and the package `{package}` would bring it; move it away, or leave the package out",
                    root.display()
                ));
            }
            return Ok(());
        };
        let same_files = stamps.len() == tree.len()
            && tree.files().all(|(path, content)| stamps.get(path).is_some_and(|stamp| stamp.is(content)));
        let found = differences(&root, stamps, Care::Hash)?;
        if same_files && !found.iter().any(|(_, difference)| self.edited.minds(*difference)) {
            return Ok(());
        }
        // What is only missing holds nothing of the user's, so it is simply put back.
        let is_edit = found.iter().any(|(_, difference)| *difference != Difference::Missing);
        if is_edit && is_exactly(&root, tree)? {
            self.changes.push(adopt());
        } else if is_edit && self.edited == Edited::Keep {
            self.stop_at_edit(owner, edited_files(&root, &found));
        } else {
            self.changes.push(write());
        }
        Ok(())
    }

    fn drop_dir(&mut self, package: &PackageName, dir: &SkillName, stamps: &BTreeMap<RelPath, Stamp>) -> Result<()> {
        let root = self.present.skills.join(dir.as_str());
        let found = differences(&root, stamps, Care::Hash)?;
        let is_edit = found.iter().any(|(_, difference)| *difference != Difference::Missing);
        if is_edit && self.edited == Edited::Keep {
            self.stop_at_edit(package, edited_files(&root, &found));
        } else {
            self.changes.push(Change::RemoveDir { package: package.clone(), dir: dir.clone() });
        }
        Ok(())
    }

    fn want_server(&mut self, package: &PackageName, server: &ServerName, entry: &Value) {
        let present = self.present.servers.get(server.as_str());
        let owned = self.present.receipt.owner_of_server(server).map(|(owner, digest)| (owner, *digest));
        let (package, server, entry) = (package.clone(), server.clone(), entry.clone());
        let wanted = entry_digest(&entry);
        match (present.map(entry_digest), owned) {
            (Some(there), Some((_, ours))) if there == wanted && ours == wanted => {}
            (Some(there), _) if there == wanted => self.changes.push(Change::AdoptServer { package, server, entry }),
            (Some(there), Some((owner, ours))) if there != ours && self.edited == Edited::Keep => {
                self.stop_at_edit(owner, self.edited_entry(&server));
            }
            (None, Some(_)) if self.edited == Edited::Keep && (self.present.stays_out)(&package, &server) => {
                self.changes.push(Change::LeaveServer { package, server });
            }
            (Some(_), None) => self.stop(
                Obstacle::Foreign,
                format!(
                    "the MCP server `{server}` in `{}` is not from cpm, and the package `{package}` would bring it; \
                 rename ours with `servers = {{ {server} = \"NEW-NAME\" }}` in the manifest",
                    self.present.mcp_file.display()
                ),
            ),
            _ => self.changes.push(Change::SetServer { package, server, entry }),
        }
    }

    fn drop_server(&mut self, package: &PackageName, server: &ServerName, ours: FileDigest) {
        match self.present.servers.get(server.as_str()).map(entry_digest) {
            Some(there) if there != ours && self.edited == Edited::Keep => {
                self.stop_at_edit(package, self.edited_entry(server));
            }
            _ => self.changes.push(Change::RemoveServer { package: package.clone(), server: server.clone() }),
        }
    }

    fn edited_entry(&self, server: &ServerName) -> String {
        format!("the MCP server `{server}` in `{}` was edited since cpm wrote it", self.present.mcp_file.display())
    }

    fn stop_at_edit(&mut self, package: &PackageName, text: String) {
        self.edited_packages.insert(package.clone());
        self.stop(Obstacle::Edited, text);
    }

    fn stop(&mut self, obstacle: Obstacle, text: String) {
        self.obstacles.push((obstacle, text));
    }

    fn finish(self) -> Result<Vec<Change>> {
        if self.obstacles.is_empty() {
            return Ok(self.changes);
        }
        let has = |wanted| self.obstacles.iter().any(|(obstacle, _)| *obstacle == wanted);
        let (what, help) = if has(Obstacle::Edited) {
            let help = "keep your edits by copying them elsewhere; `--overwrite` goes on without them";
            ("files of yours are in the way, so nothing was changed", help)
        } else if has(Obstacle::Foreign) {
            ("files of yours are in the way, so nothing was changed", "change one of the two sides, then run again")
        } else {
            ("two packages bring the same thing, so nothing was changed", "change one of the two, then run again")
        };
        let error = Error::new(Kind::Conflict, what);
        let error = self.obstacles.iter().fold(error, |error, (_, text)| error.because(text));
        let lines = self.edited_packages.iter().map(self.present.edits).collect::<Result<Vec<_>>>()?;
        let lines = lines.into_iter().filter(|lines| !lines.is_empty());
        Err(lines.fold(error, Error::because).help(help))
    }
}

fn edited_files(root: &Path, found: &[(String, Difference)]) -> String {
    let name = |path: &str| if path.is_empty() { "the folder itself".to_owned() } else { path.to_owned() };
    let list: Vec<String> =
        found.iter().take(5).map(|(path, how)| format!("{} ({})", name(path), how.name())).collect();
    let more = if found.len() > 5 { format!(" and {} more", found.len() - 5) } else { String::new() };
    format!("`{}` was edited since cpm wrote it: {}{more}", root.display(), list.join(", "))
}

/// The files in the folder of a package. What node made beside the package.json is not of the package, nor of the user:
/// anybody can make it again.
fn files_at<'p, I: Iterator<Item = &'p RelPath>>(root: &Path, package: impl Fn() -> I) -> Result<Vec<String>> {
    let names_packages = package().any(|path| path.as_str() == "package.json");
    let brings_them = package().any(|path| path.parents().next() == Some(fsx::tree::NODE_MODULES));
    fsx::tree::list_without(root, (names_packages && !brings_them).then_some(fsx::tree::NODE_MODULES))
}

/// Whether a folder holds exactly these files, and what node made beside them.
///
/// # Errors
/// [`Kind::FileSystem`].
pub fn is_exactly(root: &Path, tree: &Tree) -> Result<bool> {
    let is_dir = std::fs::symlink_metadata(root).is_ok_and(|metadata| metadata.is_dir());
    if !is_dir || files_at(root, || tree.files().map(|(path, _)| path))?.len() != tree.len() {
        return Ok(false);
    }
    for (path, content) in tree.files() {
        if !fsx::tree::holds(&path.below(root), content)? {
            return Ok(false);
        }
    }
    Ok(true)
}
