//! Whether a skill leads out of its folder, to another part of its package: such a skill works only where both lie as
//! its author laid them.
//!
//! Texts come from strangers, so each path in them costs one look into a set, however many files a package has.

use std::collections::BTreeSet;

use crate::model::relpath::RelPath;
use crate::model::tree::Tree;

/// Whether a file in one of the `folders` names, by a path with `..`, something of the package outside of that folder.
pub(super) fn leads_out(tree: &Tree, folders: &[&RelPath]) -> bool {
    let folders: BTreeSet<&str> = folders.iter().map(|folder| folder.as_str()).collect();
    let is_inside = |path: &RelPath| path.parents().any(|parent| folders.contains(parent));
    if !tree.files().any(|(path, file)| is_inside(path) && has_reference(&file.bytes)) {
        return false;
    }
    let places = places(tree);
    tree.files().any(|(path, file)| {
        path.parents().filter(|parent| folders.contains(parent)).any(|folder| {
            let text = String::from_utf8_lossy(&file.bytes);
            // Links are relative to their file, commands to the folder that the client tells for the skill.
            let bases = [path.parents().last().unwrap_or_default(), folder];
            references(&text).any(|reference| {
                let targets = bases.iter().filter_map(|base| target(base, reference));
                targets.into_iter().any(|target| places.contains(target.as_str()) && !is_near(folder, &target))
            })
        })
    })
}

fn has_reference(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|window| window == b"../")
}

/// All that a path can mean: the files, with and without their endings, and the folders.
fn places(tree: &Tree) -> BTreeSet<&str> {
    let places = tree.files().flat_map(|(path, _)| {
        let text = path.as_str();
        let start = text.len() - path.file_name().len();
        let stems = text.match_indices('.').map(|(at, _)| at).filter(move |at| *at > start);
        stems.map(move |at| &text[..at]).chain(path.parents()).chain([text])
    });
    places.collect()
}

/// The words that may be paths through a folder above.
fn references(text: &str) -> impl Iterator<Item = &str> {
    let is_of_path = |c: char| c.is_alphanumeric() || "./_-+@".contains(c);
    text.split(move |c| !is_of_path(c)).filter(|word| word.contains("../")).map(|word| word.trim_start_matches('/'))
}

/// What a path means in a folder, or `None` if that is outside of the package.
fn target(base: &str, reference: &str) -> Option<String> {
    let mut path: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    // The dot of a sentence is no part of the path before it.
    for component in reference.trim_end_matches('.').split('/') {
        match component {
            "" | "." => {}
            ".." => _ = path.pop()?,
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

/// Whether a place is in the folder, or around it.
fn is_near(folder: &str, target: &str) -> bool {
    let is_at =
        |path: &str, top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_at(target, folder) || is_at(folder, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::TreeFile;

    #[test]
    fn a_path_out_of_the_folder_counts_if_something_of_the_package_is_there() {
        for (text, leads) in [
            ("see [them](../../CONNECTORS.md).", true),
            ("see ../../CONNECTORS.md.", true),
            ("python3 \"${CLAUDE_SKILL_DIR}/../../lib/run.py\"", true),
            ("require('../../lib/run')", true),
            ("all in ../../lib", true),
            ("all in `../../lib/`", true),
            ("then read ../b/SKILL.md", true),
            ("cd ../..", false),
            ("cd ../", false),
            ("see ../a/more/notes.md", false),
            ("see ../../MISSING.md", false),
            ("see ../../../CONNECTORS.md", false),
            ("see CONNECTORS.md", false),
        ] {
            let files = [
                ("CONNECTORS.md", "x"),
                ("lib/run.py", "x"),
                ("skills/a/SKILL.md", text),
                ("skills/a/more/notes.md", "see ../SKILL.md"),
                ("skills/b/SKILL.md", "x"),
            ];
            let files = files.map(|(path, text)| TreeFile::parse(path, false, text.into()).expect("a path"));
            let tree = Tree::new(files).expect("a tree");
            assert_eq!(leads_out(&tree, &[&RelPath::parse("skills/a").expect("a path")]), leads, "{text}");
        }
    }
}
