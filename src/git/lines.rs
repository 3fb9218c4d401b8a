//! The lines in which two texts differ, as git finds and writes them.
//!
//! Invariant: texts come from strangers, and git compares until it is done; so texts of more lines than it compares in a
//! moment, however they are made, are told as replaced.

use git2::{DiffOptions, Patch};

/// How many lines around a change are shown.
const CONTEXT_LINES: u32 = 3;
/// The most lines of two texts that are compared. Lines can be made so that git looks at each pair of them.
const MAX_LINES: usize = 40_000;

/// How two texts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// How many lines come.
    pub added: usize,
    /// How many lines go.
    pub removed: usize,
    /// The lines in unified form, without the names of files; empty where nothing differs.
    pub hunks: String,
}

impl Difference {
    /// The fewest lines that make `new` of `old`, or nearly so.
    #[must_use]
    pub fn between(old: &str, new: &str) -> Self {
        let is_small = old.lines().count() + new.lines().count() <= MAX_LINES;
        // Git fails on texts of its own size only for want of memory.
        is_small.then(|| compare(old, new).ok()).flatten().unwrap_or_else(|| Difference::replaced(old, new))
    }

    /// All of `old` goes, and all of `new` comes.
    #[must_use]
    pub fn replaced(old: &str, new: &str) -> Self {
        let mut hunks = String::new();
        if old == new {
            return Difference { added: 0, removed: 0, hunks };
        }
        let [removed, added] = [old, new].map(|text| text.lines().count());
        push_header(&mut hunks, [usize::from(removed > 0), removed], [usize::from(added > 0), added]);
        old.split_inclusive('\n').for_each(|line| push_line(&mut hunks, '-', line));
        new.split_inclusive('\n').for_each(|line| push_line(&mut hunks, '+', line));
        Difference { added, removed, hunks }
    }
}

fn compare(old: &str, new: &str) -> Result<Difference, git2::Error> {
    let mut options = DiffOptions::new();
    options.context_lines(CONTEXT_LINES).force_text(true);
    let patch = Patch::from_buffers(old.as_bytes(), None, new.as_bytes(), None, Some(&mut options))?;
    let (_, added, removed) = patch.line_stats()?;
    let mut hunks = String::new();
    for at in 0..patch.num_hunks() {
        let (hunk, lines) = patch.hunk(at)?;
        let side = |start: u32, lines: u32| [start, lines].map(|number| number as usize);
        push_header(&mut hunks, side(hunk.old_start(), hunk.old_lines()), side(hunk.new_start(), hunk.new_lines()));
        for line in 0..lines {
            let line = patch.line_in_hunk(at, line)?;
            // What it says of a missing line end, [`push_line`] sees for itself.
            if let mark @ (' ' | '+' | '-') = line.origin() {
                push_line(&mut hunks, mark, &String::from_utf8_lossy(line.content()));
            }
        }
    }
    Ok(Difference { added, removed, hunks })
}

/// Where a hunk is on both sides: its first line, from 1, and how many lines it has, if not one.
fn push_header(hunks: &mut String, old: [usize; 2], new: [usize; 2]) {
    let side = |[start, lines]: [usize; 2]| if lines == 1 { start.to_string() } else { format!("{start},{lines}") };
    hunks.push_str(&format!("@@ -{} +{} @@\n", side(old), side(new)));
}

fn push_line(hunks: &mut String, mark: char, line: &str) {
    hunks.push(mark);
    hunks.push_str(line);
    if !line.ends_with('\n') {
        hunks.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_lines_are_told_with_those_around_them() {
        let old: String = (1..=9).map(|line| format!("{line}\n")).collect();
        let new = old.replace("5\n", "five\n5.5\n").trim_end().to_owned();
        let Difference { added, removed, hunks } = Difference::between(&old, &new);
        assert_eq!((added, removed), (3, 2));
        let end = "-9\n+9\n\\ No newline at end of file\n";
        assert_eq!(hunks, format!("@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n+5.5\n 6\n 7\n 8\n{end}"));
        assert_eq!(Difference::between(&old, &old).hunks, "");
    }

    #[test]
    fn what_was_not_there_or_goes_is_all_one_hunk() {
        let new = Difference::between("", "one\ntwo\n");
        assert_eq!((new.added, new.removed, new.hunks.as_str()), (2, 0, "@@ -0,0 +1,2 @@\n+one\n+two\n"));
        assert_eq!(new, Difference::replaced("", "one\ntwo\n"));
        assert_eq!(Difference::between("one", ""), Difference::replaced("one", ""));
    }

    #[test]
    fn lines_that_git_would_compare_for_long_are_told_as_replaced() {
        let text = |lines: usize| (0..lines).map(|line| format!("{line}\n")).collect::<String>();
        let (old, new) = (text(MAX_LINES / 2), text(MAX_LINES / 2 + 1));
        let told = Difference::between(&old, &new);
        assert_eq!((told.added, told.removed), (MAX_LINES / 2 + 1, MAX_LINES / 2));
    }
}
