//! Skills in folders of their own, and how the client lists a file with frontmatter [claude-code.md §3.1, §3.3].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{PartKind, Place, Prediction, Start, State};
use crate::error::{IoContext as _, Result};
use crate::format::frontmatter::{self, Frontmatter};
use crate::fsx;

/// What makes a folder a skill.
pub(super) const SKILL: &str = "SKILL.md";

/// Lists the skills of the user, of the folder and of those above it.
pub(super) fn predict(start: &Start<'_>, found: &mut Prediction) -> Result<()> {
    let mut seen = BTreeSet::new();
    let places = start.walk().filter_map(|dir| start.skills_of(dir));
    for skills in std::iter::once(start.user_skills()).chain(places) {
        for folder in folders(&skills)? {
            let file = folder.join(SKILL);
            let Some(bytes) = fsx::read_optional(&file)?.filter(|_| file.is_file()) else { continue };
            // Two names for one folder are one skill.
            if !seen.insert(folder.canonicalize().path("look at", &folder)?) {
                continue;
            }
            let (kind, state) = listed(&String::from_utf8_lossy(&bytes), Owner::Nobody);
            found.list(kind, name_of(&folder), state, &Place::Folder(folder));
        }
    }
    Ok(())
}

/// The folders in a folder, by name; links to folders count. None where it is not there.
pub(super) fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir).path("read the folder", dir)? {
        let path = entry.path("read the folder", dir)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The name of a folder or file as people read it.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whose a skill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Plugin,
    Nobody,
}

/// The list that a SKILL.md gets into. Without a word of what it is for, only people can call it.
pub(super) fn listed(text: &str, owner: Owner) -> (PartKind, State) {
    let front = read(text);
    let is_told = ["description", "when_to_use"].iter().any(|key| front.text(key).is_some());
    if is_for_model(&front) {
        (PartKind::Skill, State::ModelOnly)
    } else if owner == Owner::Nobody && names_files(&front) {
        (PartKind::Skill, State::OnDemand)
    } else if is_told {
        (PartKind::Skill, State::Listed)
    } else {
        (PartKind::Command, State::Listed)
    }
}

/// The frontmatter as the client sees it: behind a byte order mark it sees none.
pub(super) fn read(text: &str) -> Frontmatter {
    frontmatter::read(if text.starts_with('\u{feff}') { "" } else { text })
}

/// Whether people cannot call it.
pub(super) fn is_for_model(front: &Frontmatter) -> bool {
    front.text("user-invocable").is_some_and(|text| text == "false")
}

/// Whether `paths` keep it away until a file is touched.
fn names_files(front: &Frontmatter) -> bool {
    let patterns: Vec<&str> = match front.fields.get("paths") {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    patterns.iter().map(|pattern| pattern.trim()).any(|pattern| !matches!(pattern, "" | "**"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_listed_by_what_its_frontmatter_says_of_it() {
        use {PartKind::*, State::*};
        for (front, plain, in_plugin) in [
            ("description: d", (Skill, Listed), (Skill, Listed)),
            ("description: 5", (Skill, Listed), (Skill, Listed)),
            ("when_to_use: now", (Skill, Listed), (Skill, Listed)),
            ("description: ''", (Command, Listed), (Command, Listed)),
            ("description: [a]", (Command, Listed), (Command, Listed)),
            ("name: x", (Command, Listed), (Command, Listed)),
            ("description: d\nuser-invocable: false", (Skill, ModelOnly), (Skill, ModelOnly)),
            ("description: d\ndisable-model-invocation: true", (Skill, Listed), (Skill, Listed)),
            ("description: d\npaths: '*.rs'", (Skill, OnDemand), (Skill, Listed)),
            ("description: d\npaths: '**'", (Skill, Listed), (Skill, Listed)),
            ("description: d\npaths: []", (Skill, Listed), (Skill, Listed)),
        ] {
            let text = format!("---\n{front}\n---\nbody\n");
            assert_eq!(listed(&text, Owner::Nobody), plain, "{front}");
            assert_eq!(listed(&text, Owner::Plugin), in_plugin, "{front}");
        }
        for text in ["", "body", "---\ndescription: d", "\u{feff}---\ndescription: d\n---\n"] {
            assert_eq!(listed(text, Owner::Nobody), (Command, Listed), "{text:?}");
        }
    }
}
