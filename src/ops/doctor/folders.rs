//! Skills folders: what in them the client cannot load, loads under another name, or loads from elsewhere
//! [claude-code.md §3.2, §3.3, §7.2, §7.3].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::Context;
use super::plugins::Plugins;
use super::{Checkup, frontmatter};
use crate::claude::inspect::MANIFEST;
use crate::error::{Error, Result};
use crate::format::frontmatter as head;
use crate::fsx;
use crate::model::scope::Scope;
use crate::receipt::{self, Found, Receipt};

/// What the client finds in one skills folder.
#[derive(Default)]
struct Folder {
    /// Skills, by the name of their folder.
    skills: BTreeMap<String, PathBuf>,
    plugins: Plugins,
}

impl Checkup<'_> {
    /// Looks at the skills folders of the user and of the project.
    pub(super) fn folders(&mut self) -> Result<()> {
        let user = self.contexts.iter().find(|context| context.places.scope == Scope::User);
        let project = self.contexts.iter().find(|context| context.places.scope == Scope::Project);
        let mine = user.map(|context| self.folder(context)).transpose()?.unwrap_or_default();
        let ours = project.map(|context| self.folder(context)).transpose()?.unwrap_or_default();
        for (name, path) in &ours.skills {
            if let Some(other) = mine.skills.get(name) {
                let what = format!("the skill `{name}` is hidden by yours in {}", self.shown(other));
                let fix = "rename or remove one of the two folders".to_owned();
                self.add("skills", Some(Scope::Project), path, what, fix);
            }
            self.switched_off(name, path, Scope::Project);
        }
        for (name, path) in &mine.skills {
            self.switched_off(name, path, Scope::User);
        }
        self.plugins(&mine.plugins, &ours.plugins);
        Ok(())
    }

    /// Reads one skills folder.
    fn folder(&mut self, context: &Context<'_>) -> Result<Folder> {
        let places = &context.places;
        let (scope, mut folder) = (places.scope, Folder::default());
        let mut names: Vec<PathBuf> = match std::fs::read_dir(&places.skills) {
            Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(folder),
            Err(cause) => return Err(Error::io("list", &places.skills, &cause)),
        };
        names.sort();
        let receipts = [Some(places.receipt()), places.neighbour().map(|(_, path)| path)];
        // A receipt that cannot be read is told where what is installed is compared.
        let receipts: Vec<Receipt> =
            receipts.iter().flatten().filter_map(|path| receipt::read(path).ok()).map(Found::receipt).collect();
        let mut real: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for path in names {
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            let Ok(target) = path.canonicalize() else {
                let fix = format!("remove it: `rm {}`", path.display());
                self.add("skills", Some(scope), &path, "it is a link that leads nowhere".to_owned(), fix);
                continue;
            };
            if !target.is_dir() {
                self.lone_file(&path, &name, scope)?;
                continue;
            }
            if let Some(twin) = real.insert(target, path.clone()) {
                let what = format!("it is the same folder as {}, and only one of them is loaded", self.shown(&twin));
                self.add("skills", Some(scope), &path, what, "remove one of the two links".to_owned());
                continue;
            }
            let is_own = !receipts.iter().any(|receipt| owns(receipt, &name));
            self.one_folder(&path, &name, scope, is_own, &mut folder)?;
        }
        Ok(folder)
    }

    fn one_folder(&mut self, path: &Path, name: &str, scope: Scope, is_own: bool, folder: &mut Folder) -> Result<()> {
        let skill = path.join("SKILL.md");
        if let Some(bytes) = fsx::read_optional(&path.join(MANIFEST))? {
            self.one_plugin(path, &bytes, scope, &mut folder.plugins);
        } else if skill.is_file() {
            let bytes = fsx::read_optional(&skill)?.unwrap_or_default();
            for (what, fix) in frontmatter::problems(&bytes, name, is_own) {
                self.add("skills", Some(scope), &skill, what, fix);
            }
            folder.skills.insert(name.to_owned(), path.to_path_buf());
        } else {
            self.no_skill(path, scope)?;
        }
        Ok(())
    }

    /// A folder that is neither a skill nor a plugin may hold skills that nobody sees.
    fn no_skill(&mut self, path: &Path, scope: Scope) -> Result<()> {
        let entries = std::fs::read_dir(path).map_err(|cause| Error::io("list", path, &cause))?;
        for entry in entries.filter_map(std::result::Result::ok).map(|entry| entry.path()) {
            let is_miswritten =
                entry.is_file() && entry.file_name().is_some_and(|name| name.eq_ignore_ascii_case("SKILL.md"));
            if is_miswritten {
                let fix = format!("rename it: `mv {} {}`", entry.display(), path.join("SKILL.md").display());
                let what = "Claude Code reads only `SKILL.md`, in capitals, so this skill is not loaded".to_owned();
                self.add("skills", Some(scope), &entry, what, fix);
            } else if entry.join("SKILL.md").is_file() {
                let up = path.with_file_name(entry.file_name().unwrap_or_default());
                let fix = format!("move it up: `mv {} {}`", entry.display(), up.display());
                let what = "Claude Code looks for skills one level deep only, so this one is not loaded".to_owned();
                self.add("skills", Some(scope), &entry, what, fix);
            }
        }
        Ok(())
    }

    /// A Markdown file beside the folders, where a skill was meant.
    fn lone_file(&mut self, path: &Path, name: &str, scope: Scope) -> Result<()> {
        let Some(stem) = name.strip_suffix(".md") else { return Ok(()) };
        let bytes = fsx::read_optional(path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        if head::read(&text).text("description").is_some() {
            let dir = path.with_file_name(stem.to_ascii_lowercase());
            let (from, dir) = (path.display(), dir.display());
            let fix = format!("give it a folder: `mkdir {dir} && mv {from} {dir}/SKILL.md`");
            let what = "a skill is a folder with a SKILL.md, so Claude Code does not load this file".to_owned();
            self.add("skills", Some(scope), path, what, fix);
        }
        Ok(())
    }

    fn switched_off(&mut self, name: &str, path: &Path, scope: Scope) {
        let word = self.settings.word_on("skillOverrides", name);
        if let Some(file) = word.filter(|(word, _)| *word == "off").map(|(_, file)| file.path.clone()) {
            let file = self.shown(&file);
            let what = format!("the skill `{name}` is switched off in {file}");
            self.add("skills", Some(scope), path, what, format!("take it out of `skillOverrides` in {file}"));
        }
    }
}

fn owns(receipt: &Receipt, dir: &str) -> bool {
    receipt.packages.values().any(|installed| installed.dirs.keys().any(|name| name.as_str() == dir))
}
