//! What a search reads of an index: one line a package, `name version keywords description` with tabs between. The cache
//! keeps it, so that a search need not read every file of a large index.
//!
//! Invariant: whatever a stranger wrote, a package is one line and its fields stay where they are.

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

/// The text as a file that says of which commit it is.
#[must_use]
pub fn to_file(text: &str, commit: &Commit) -> String {
    format!("{}{text}", header(commit))
}

/// What [`to_file`] wrote for the same commit.
#[must_use]
pub fn from_file(mut file: String, commit: &Commit) -> Option<String> {
    let header = header(commit);
    file.starts_with(&header).then(|| {
        file.drain(..header.len());
        file
    })
}

fn header(commit: &Commit) -> String {
    format!("cpm-summaries-v1 {commit}\n")
}

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
    fn a_file_of_another_commit_is_not_taken() {
        let commit = |digit: &str| Commit::parse(&digit.repeat(40)).expect("a commit");
        let file = to_file("x\t\t\t\n", &commit("a"));
        assert_eq!(from_file(file.clone(), &commit("a")).as_deref(), Some("x\t\t\t\n"));
        assert_eq!(from_file(file, &commit("b")), None);
    }
}
