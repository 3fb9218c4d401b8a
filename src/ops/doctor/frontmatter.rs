//! What the client makes of the first lines of a SKILL.md [claude-code.md §3.3].

use crate::format::frontmatter::{self, State};

/// What is wrong with a skill's text in the folder `dir`, and what mends it. `is_own` is a skill that the user wrote:
/// only its name can be mended here.
pub(super) fn problems(bytes: &[u8], dir: &str, is_own: bool) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    if text.starts_with('\u{feff}') {
        found.push((
            "it begins with a byte order mark, so Claude Code before 2.1.239 ignores its frontmatter".to_owned(),
            "save it as UTF-8 without a byte order mark".to_owned(),
        ));
    }
    let head = frontmatter::read(&text);
    if head.state == State::Unclosed {
        found.push((
            "its frontmatter has no end, so Claude Code reads none of it".to_owned(),
            "end it with a line `---`".to_owned(),
        ));
    } else if head.unread().is_some() {
        found.push((
            "its frontmatter is not valid YAML, so Claude Code reads only a part of it".to_owned(),
            "put values with `: `, `[` or `{` in quotes".to_owned(),
        ));
    } else if head.text("description").is_none() {
        found.push((
            "it has no `description`, so Claude Code shows the first line of its text instead".to_owned(),
            "begin the file with `---`, `description: WHAT IT IS FOR`, `---`".to_owned(),
        ));
    }
    if let Some(name) = head.text("name").filter(|name| is_own && name != dir) {
        found.push((
            format!("it calls itself `{name}`, but Claude Code calls it `{dir}` as its folder"),
            format!("rename the folder to `{name}`, or write `name: {dir}`"),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_client_reads_otherwise_is_a_problem() {
        let count = |text: &str| problems(text.as_bytes(), "a", true).len();
        assert_eq!(count("---\nname: a\ndescription: Does a.\n---\n"), 0);
        assert_eq!(count("---\ndescription: Use: when asked\n---\n"), 0, "the client repairs that");
        for bad in [
            "\u{feff}---\ndescription: x\n---\n",
            "---\ndescription: x\n",
            "---\nname: a\ndescription: \"x\n---\n",
            "text\n",
            "---\nname: a\n---\n",
            "---\nname: b\ndescription: x\n---\n",
        ] {
            assert_eq!(count(bad), 1, "{bad}");
        }
    }
}
