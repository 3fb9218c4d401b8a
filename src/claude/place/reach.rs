//! Whether a skill leads out of its folder, to another part of its package: such a skill works only where both lie as
//! its author laid them.

use crate::model::relpath::RelPath;
use crate::model::tree::Tree;

/// Whether a file in `folder` names, by a path with `..`, something of the package that is elsewhere.
pub(super) fn leads_out(tree: &Tree, folder: &RelPath) -> bool {
    tree.files().filter(|(path, _)| path.strip_dir(folder).is_some()).any(|(path, file)| {
        let text = String::from_utf8_lossy(&file.bytes);
        // Links are relative to their file, commands to the folder that the client tells for the skill.
        let bases = [path.parents().last().unwrap_or_default(), folder.as_str()];
        references(&text).any(|reference| {
            bases.iter().filter_map(|base| target(base, reference)).any(|target| is_elsewhere(tree, folder, &target))
        })
    })
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

/// Whether a file, with or without its ending, or a folder is there, and neither in `folder` nor around it.
fn is_elsewhere(tree: &Tree, folder: &RelPath, target: &str) -> bool {
    let is_at =
        |path: &str, top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_there =
        |path: &str| path.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']));
    !target.is_empty()
        && !is_at(target, folder.as_str())
        && !is_at(folder.as_str(), target)
        && tree.files().any(|(path, _)| is_there(path.as_str()))
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
            assert_eq!(leads_out(&tree, &RelPath::parse("skills/a").expect("a path")), leads, "{text}");
        }
    }
}
