//! Locks in which git left conflict markers: both sides are read from the one text, and written into one.

use std::path::Path;

use super::{block, head, invalid, parse_text, text_of, with_path};
use crate::error::{Error, Kind, Result};
use crate::model::merge::{Merged, Sides};

/// A lock as a merge can leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterMerge {
    /// Without markers.
    Whole(crate::model::lock::Lock),
    /// With markers around what both sides changed.
    Conflicted(Sides),
}

/// Whether every package that another one needs must be there. Git can merge two locks without a conflict and lose one
/// that only the other side still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// It must: what lacks it was cut off.
    Whole,
    /// It may be missing.
    MayLack,
}

/// Reads a lock that may have conflict markers, with two sides or with the base between them; `path` is for messages.
///
/// # Errors
/// [`Kind::Lock`] when the text is not a lock, or one of its sides is not; the file stays as it is.
pub fn parse_after_merge(bytes: &[u8], path: &Path, needs: Needs) -> Result<AfterMerge> {
    let read = || {
        let text = text_of(bytes)?;
        let markers = markers(text);
        if markers.is_empty() {
            return parse_text(text, needs).map(AfterMerge::Whole);
        }
        let [ours, base, theirs] = split(text)?;
        // A side is no lock that anybody committed where git merged the rest of it, so it need not be whole.
        let side = |text: &str, which: &str| {
            let what = format!("{which} of the merge conflict is not valid");
            parse_text(text, Needs::MayLack).map_err(|error| error.context(what))
        };
        // What git shows as the base between two conflicts need not be a lock; without a base both sides count alike.
        let base = parse_text(&base, Needs::MayLack).unwrap_or_default();
        Ok(AfterMerge::Conflicted(Sides { base, ours: side(&ours, "our side")?, theirs: side(&theirs, "their side")? }))
    };
    with_path(read(), path)
}

/// The lines of conflict markers, from 1. Outside strings no marker is TOML, so a text that is TOML has none.
pub(super) fn markers(text: &str) -> Vec<usize> {
    let is_any = |line: &str| ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|marker| is_marker(line, marker));
    let found: Vec<usize> = (1..).zip(text.lines()).filter(|(_, line)| is_any(line)).map(|(at, _)| at).collect();
    if found.is_empty() || toml::from_str::<toml::Table>(text).is_ok() { Vec::new() } else { found }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Our side, the base, which is empty where it is not there, and their side.
fn split(text: &str) -> Result<[String; 3]> {
    const NEXT: [(&str, Part, Part); 5] = [
        ("<<<<<<<", Part::Common, Part::Ours),
        ("|||||||", Part::Ours, Part::Base),
        ("=======", Part::Ours, Part::Theirs),
        ("=======", Part::Base, Part::Theirs),
        (">>>>>>>", Part::Theirs, Part::Common),
    ];
    let mut sides = [String::new(), String::new(), String::new()];
    let mut part = Part::Common;
    let mut has_base = false;
    for (at, line) in (1..).zip(text.lines()) {
        let is_next = |(marker, from, _): &&(&str, Part, Part)| *from == part && is_marker(line, marker);
        if let Some((_, _, to)) = NEXT.iter().find(is_next) {
            part = *to;
            has_base |= part == Part::Base;
            continue;
        }
        if NEXT.iter().any(|(marker, _, _)| is_marker(line, marker)) {
            return Err(invalid(format!("the conflict marker in line {at} has no beginning or no end")));
        }
        let sides: &mut [String] = match part {
            Part::Common => &mut sides,
            Part::Ours => &mut sides[..1],
            Part::Base => &mut sides[1..2],
            Part::Theirs => &mut sides[2..],
        };
        for side in sides {
            side.push_str(line);
            side.push('\n');
        }
    }
    match part {
        Part::Common => {
            if !has_base {
                sides[1].clear();
            }
            Ok(sides)
        }
        _ => Err(invalid("the last conflict has no end, so the file was cut off".to_owned())),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Common,
    Ours,
    Base,
    Theirs,
}

/// The text of a merge: a lock where all is settled, else one with markers around each package that is not.
#[must_use]
pub fn emit_merged(merged: &Merged, sides: &Sides) -> String {
    let mut blocks: Vec<_> = merged.settled.packages.iter().map(|(name, locked)| (name, block(name, locked))).collect();
    for (name, both) in &merged.open {
        let text = |locked: Option<&_>| locked.map(|locked| block(name, locked)).unwrap_or_default();
        let base = text(sides.base.packages.get(name));
        let (ours, theirs) = (text(both.ours.as_ref()), text(both.theirs.as_ref()));
        let conflict = format!("<<<<<<< ours\n{ours}||||||| base\n{base}=======\n{theirs}>>>>>>> theirs\n");
        blocks.push((name, conflict));
    }
    blocks.sort();
    blocks.into_iter().fold(head(), |text, (_, block)| text + &block)
}

/// The refusal of a lock with markers, for those who want a whole one.
pub(super) fn refuse(markers: &[usize]) -> Error {
    let lines: Vec<String> = markers.iter().map(ToString::to_string).collect();
    Error::new(Kind::Lock, "the lock has merge conflict markers")
        .because(format!("in line {}", lines.join(", ")))
        .help("run `cpm install`, or `cpm lock --merge` to merge both sides and install nothing")
}
