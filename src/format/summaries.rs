//! What a search reads of an index: one line a package, `name version keywords description` with tabs between. The cache
//! keeps it, so that a search need not read every file of a large index.
//!
//! Invariant: whatever a stranger wrote, a package is one line and its fields stay where they are.

use std::collections::BTreeSet;

use crate::model::source::Commit;

/// What a search reads of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary<'t> {
    /// Its name.
    pub name: &'t str,
    /// Its newest version; empty where that is not known.
    pub version: &'t str,
    /// Its keywords, with commas between.
    pub keywords: &'t str,
    /// One line about it.
    pub description: &'t str,
}

/// Adds a package.
pub fn push(text: &mut String, name: &str, version: &str, keywords: &[String], description: &str) {
    let keywords = keywords.join(",");
    for (field, end) in [(name, '\t'), (version, '\t'), (keywords.as_str(), '\t'), (description, '\n')] {
        text.extend(field.chars().map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c }));
        text.push(end);
    }
}

/// The lines of packages, in order. They are not taken apart yet, because a search is about few of them.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').filter(|line| !line.is_empty())
}

/// The name at the start of a line.
#[must_use]
pub fn name(line: &str) -> &str {
    line.split_once('\t').map_or("", |(name, _)| name)
}

/// The package of a line; nothing for one that [`push`] did not write.
#[must_use]
pub fn read(line: &str) -> Option<Summary<'_>> {
    let mut fields = line.split('\t');
    let summary = Summary {
        name: fields.next().filter(|name| !name.is_empty())?,
        version: fields.next()?,
        keywords: fields.next()?,
        description: fields.next()?,
    };
    fields.next().is_none().then_some(summary)
}

/// The text of an earlier commit as one of now: packages that are `gone` or in `new` are replaced, and all are in the order
/// of their lines.
#[must_use]
pub fn renew(old: &str, gone: &BTreeSet<&str>, new: &str) -> String {
    let kept = lines(old).filter(|line| !gone.contains(name(line)));
    let mut all: Vec<&str> = kept.chain(lines(new)).collect();
    all.sort_unstable();
    let mut text = String::with_capacity(old.len() + new.len());
    for line in all {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// What stands before the text in a file: of which commit it is.
#[must_use]
pub fn header(commit: &Commit) -> String {
    format!("{HEADER} {commit}\n")
}

/// The text of a file that begins with a [`header`], and the commit there.
#[must_use]
pub fn from_file(mut file: String) -> Option<(Commit, String)> {
    let (header, _) = file.split_once('\n')?;
    let commit = Commit::parse(header.strip_prefix(HEADER)?.strip_prefix(' ')?).ok()?;
    file.drain(..=header.len());
    Some((commit, file))
}

const HEADER: &str = "cpm-summaries-v1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_read_whatever_it_holds() {
        let mut text = String::new();
        push(&mut text, "one", "1.0.0", &["a\tb".to_owned(), "c".to_owned()], "two\nlines\r\n");
        push(&mut text, "two", "", &[], "");
        let one = Summary { name: "one", version: "1.0.0", keywords: "a b,c", description: "two lines  " };
        let two = Summary { name: "two", version: "", keywords: "", description: "" };
        assert_eq!(lines(&text).map(read).collect::<Vec<_>>(), [Some(one), Some(two)]);
        assert_eq!(lines(&text).map(name).collect::<Vec<_>>(), ["one", "two"]);
        assert!(["one\t1", "name\t\t\t\tmore", "\t\t\t"].iter().all(|line| read(line).is_none()));
    }

    #[test]
    fn a_file_says_of_which_commit_it_is() {
        let commit = Commit::parse(&"a".repeat(40)).expect("a commit");
        let file = format!("{}x\t\t\t\n", header(&commit));
        assert_eq!(from_file(file), Some((commit, "x\t\t\t\n".to_owned())));
        for damaged in ["", "cpm-summaries-v1 ", "cpm-summaries-v1 a\n", "x\t\t\t\n"] {
            assert_eq!(from_file(damaged.to_owned()), None, "{damaged:?}");
        }
    }

    #[test]
    fn what_changed_replaces_what_was() {
        let old = "one\t1\t\t\ntwo\t1\t\t\nzoo\t1\t\t\n";
        let new = "two\t2\t\t\nabc\t1\t\t\n";
        let gone = BTreeSet::from(["two", "zoo", "abc"]);
        assert_eq!(renew(old, &gone, new), "abc\t1\t\t\none\t1\t\t\ntwo\t2\t\t\n");
    }
}
