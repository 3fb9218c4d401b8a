//! Edits JSON files that belong to others, span by span.
//!
//! Invariant: bytes outside the edited member never change. A member goes in after the last one together with its
//! comma, so cutting from the end of its neighbour takes back exactly what came; what that rule cannot know, the space
//! inside an object that was empty and the objects that were not there, is kept in a [`Scaffold`].

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

use crate::error::{Error, Kind, Result};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Far deeper than any file of the client's, and shallow enough for every reader that recurses.
const DEEPEST: usize = 128;

/// A JSON object of somebody else's, as text; strict JSON without duplicate keys at all times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
    bom: bool,
}

/// How the objects were before [`Document::set`] put a first member into them: what `remove` needs to restore them.
///
/// Keep one per file, from the first `set` to the last `remove` of all packages that share the file. It is the default
/// again when all our members are removed, unless others put some beside them; either way it can then be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scaffold(Vec<Filled>);

/// An object that had no member before ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Filled {
    object: Vec<String>,
    /// The white space between its braces; `None` if there was no such object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inside: Option<String>,
}

impl Scaffold {
    fn note(&mut self, object: &[&str], inside: Option<&str>) {
        // If we know an object that is there, its members went by hand: what we found first still is the original.
        if inside.is_none() || self.0.iter().all(|filled| filled.object != object) {
            self.take(object);
            let object = object.iter().map(ToString::to_string).collect();
            self.0.push(Filled { object, inside: inside.map(str::to_owned) });
        }
    }

    fn take(&mut self, object: &[&str]) -> Option<Filled> {
        self.0.iter().position(|filled| filled.object == object).map(|index| self.0.remove(index))
    }
}

/// The spans of one object.
struct Object {
    /// Between the braces.
    inside: Range<usize>,
    members: Vec<Member>,
}

struct Member {
    key: String,
    /// From the brace or comma before it to its key.
    lead: Range<usize>,
    /// From the end of its key to its value.
    colon: Range<usize>,
    value: Range<usize>,
}

impl Object {
    fn member(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.key == key)
    }
}

impl Document {
    /// Reads strict JSON: UTF-8 with or without a BOM, one object, no comments, no trailing commas, no duplicate keys
    /// at any depth, at most 128 levels.
    ///
    /// # Errors
    /// [`Kind::ClientFile`] with `path:line:column` in the causes.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let (body, bom) = bytes.strip_prefix(BOM).map_or((bytes, false), |body| (body, true));
        check(body).map(|text| Document { text: text.to_owned(), bom }).map_err(|(offset, reason)| {
            Error::new(Kind::ClientFile, format!("cannot edit `{}`", path.display()))
                .at_path(path)
                .because(format!("{}:{}: {reason}", path.display(), line_and_column(body, offset)))
                .help("fix the file and run again; nothing was changed")
        })
    }

    /// The document of a file that does not exist yet.
    #[must_use]
    pub fn empty() -> Self {
        Document { text: "{}\n".to_owned(), bom: false }
    }

    /// The file's new bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [if self.bom { BOM } else { b"" }, self.text.as_bytes()].concat()
    }

    /// The value at a path of keys; `None` only if there is none. What [`Value`] cannot hold (`1e400`, half of a
    /// surrogate pair) is a string of its JSON text instead, so that it never passes for absent.
    #[must_use]
    pub fn get(&self, pointer: &[&str]) -> Option<Value> {
        Some(self.value(self.span(pointer)?))
    }

    /// Where the value at a path of keys stands, as `line:column`; `None` only if there is none.
    #[must_use]
    pub fn place(&self, pointer: &[&str]) -> Option<String> {
        Some(line_and_column(self.text.as_bytes(), self.span(pointer)?.start))
    }

    fn value(&self, span: Range<usize>) -> Value {
        let text = &self.text[span.clone()];
        let piecewise = || match self.object_at(span.start) {
            Some(object) => object.members.into_iter().map(|member| (member.key, self.value(member.value))).collect(),
            None => Value::from(text),
        };
        serde_json::from_str(text).unwrap_or_else(|_| piecewise())
    }

    /// The keys of the object at `pointer` in their order; none if it is absent or not an object.
    #[must_use]
    pub fn keys(&self, pointer: &[&str]) -> Vec<String> {
        let object = self.object(pointer);
        object.map_or_else(Vec::new, |object| object.members.into_iter().map(|member| member.key).collect())
    }

    /// Gives member `name` of the object at `container` this value, in the style of the file: replaces the value of a
    /// member that is there, or adds the member, and the objects on the way to it, after the last one.
    ///
    /// # Errors
    /// [`Kind::ClientFile`] if something on the way is not an object; then nothing has changed.
    pub fn set(&mut self, container: &[&str], name: &str, value: &Value, scaffold: &mut Scaffold) -> Result<()> {
        let mut object = read_object(&self.text, skip_space(&self.text, 0));
        let mut outer = Some("");
        let mut depth = 0;
        for key in container {
            let Some(member) = object.member(key) else { break };
            outer = self.indentation(member);
            object = self.object_at(member.value.start).ok_or_else(|| {
                let place = line_and_column(self.text.as_bytes(), member.value.start);
                Error::new(Kind::ClientFile, format!("`{key}` is there, but is not an object"))
                    .because(format!("its value is at {place}"))
                    .help(format!("make `{key}` an object and run again; nothing was changed"))
            })?;
            depth += 1;
        }
        let path: Vec<&str> = container[depth..].iter().copied().chain([name]).collect();
        let (place, new) = match object.member(path[0]) {
            Some(member) => (member.value.clone(), self.render(value, self.indentation(member))),
            None => {
                let wrap = |inner, key: &&str| Value::from_iter([(*key, inner)]);
                self.addition(&object, outer, path[0], &path[1..].iter().rev().fold(value.clone(), wrap))
            }
        };
        if object.members.is_empty() {
            scaffold.note(&container[..depth], Some(&self.text[object.inside]));
        }
        for created in depth..container.len() {
            scaffold.note(&container[..=created], None);
        }
        self.text.replace_range(place, &new);
        Ok(())
    }

    /// The text that adds a member and the span it replaces; `outer` is the indentation of the object's own line.
    fn addition(&self, object: &Object, outer: Option<&str>, key: &str, value: &Value) -> (Range<usize>, String) {
        let key = Value::from(key);
        let newline = self.newline();
        let Some(last) = object.members.last() else {
            let Some(outer) = outer else { return (object.inside.clone(), format!("{key}:{value}")) };
            let indent = format!("{outer}{}", self.unit());
            let value = self.render(value, Some(&indent));
            return (object.inside.clone(), format!("{newline}{indent}{key}: {value}{newline}{outer}"));
        };
        let new = match self.indentation(last) {
            Some(indent) => format!(",{newline}{indent}{key}: {}", self.render(value, Some(indent))),
            None => {
                let colon = &self.text[last.colon.clone()];
                let gap = colon.trim_start_matches(|character| character != ':').trim_start_matches(':');
                format!(",{gap}{key}{colon}{value}")
            }
        };
        (last.value.end..last.value.end, new)
    }

    /// Removes member `name` of the object at `container`, and with the last member also the objects that
    /// [`Document::set`] created for it. Returns whether it was there.
    pub fn remove(&mut self, container: &[&str], name: &str, scaffold: &mut Scaffold) -> bool {
        let Some(object) = self.object(container) else { return false };
        let Some(index) = object.members.iter().position(|member| member.key == name) else { return false };
        if index > 0 {
            self.text.replace_range(object.members[index - 1].value.end..object.members[index].value.end, "");
        } else if let Some(next) = object.members.get(1) {
            self.text.replace_range(object.members[0].lead.end..next.lead.end, "");
        } else {
            let filled = scaffold.take(container);
            if let (Some(Filled { inside: None, .. }), Some((last, parent))) = (&filled, container.split_last()) {
                return self.remove(parent, last, scaffold);
            }
            // The receipt is a file that anybody can edit: only white space may pass from it into this one.
            let inside = filled.and_then(|filled| filled.inside).filter(|inside| skip_space(inside, 0) == inside.len());
            self.text.replace_range(object.inside, &inside.unwrap_or_default());
        }
        true
    }

    /// Where the value at `pointer` stands.
    fn span(&self, pointer: &[&str]) -> Option<Range<usize>> {
        let start = skip_space(&self.text, 0);
        pointer.iter().try_fold(start..value_end(&self.text, start), |value, key| {
            self.object_at(value.start)?.member(key).map(|member| member.value.clone())
        })
    }

    fn object(&self, pointer: &[&str]) -> Option<Object> {
        self.object_at(self.span(pointer)?.start)
    }

    fn object_at(&self, start: usize) -> Option<Object> {
        self.text[start..].starts_with('{').then(|| read_object(&self.text, start))
    }

    /// The indentation of a member that starts its own line.
    fn indentation(&self, member: &Member) -> Option<&str> {
        self.text[member.lead.clone()].rsplit_once('\n').map(|(_, indentation)| indentation)
    }

    /// One level of indentation: that of the first line that has any.
    fn unit(&self) -> &str {
        let lines = self.text.lines().filter(|line| !line.trim().is_empty());
        let mut units = lines.map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
        units.find(|unit| !unit.is_empty()).unwrap_or("  ")
    }

    fn newline(&self) -> &'static str {
        if self.text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r')) { "\r\n" } else { "\n" }
    }

    /// The text of a value whose line starts with `indentation`, or that shares its line.
    fn render(&self, value: &Value, indentation: Option<&str>) -> String {
        let Some(indentation) = indentation else { return value.to_string() };
        // A string never holds a raw line end, so every leading pair of spaces is one level.
        let pretty = format!("{value:#}");
        let levels = |line: &str| (line.len() - line.trim_start_matches(' ').len()) / 2;
        let lines = pretty.lines().map(|line| self.unit().repeat(levels(line)) + line.trim_start_matches(' '));
        lines.collect::<Vec<_>>().join(&format!("{}{indentation}", self.newline()))
    }
}

/// The text, if it is what a [`Document`] promises, else where and why not. All functions below rely on that promise.
fn check(bytes: &[u8]) -> Result<&str, (usize, String)> {
    let text = std::str::from_utf8(bytes).map_err(|cause| (cause.valid_up_to(), "not UTF-8".to_owned()))?;
    // `IgnoredAny` checks the grammar without recursion and without caring what a number or an escape stands for.
    serde_json::from_str::<IgnoredAny>(text).map_err(|cause| {
        let lines = text.split_inclusive('\n').take(cause.line().saturating_sub(1));
        let place = lines.map(str::len).sum::<usize>() + cause.column().saturating_sub(1);
        let offset = if cause.is_eof() { text.len() } else { place };
        let after_comma = text.get(..offset).is_some_and(|before| before.trim_ascii_end().ends_with(','));
        let message = cause.to_string();
        let reason = match bytes.get(offset) {
            _ if cause.is_eof() => "it ends too early",
            Some(b'/' | b'#') => "a comment is not allowed",
            Some(b'}' | b']') if after_comma => "a trailing comma is not allowed",
            _ => message.split(" at line ").next().unwrap_or_default(),
        };
        (offset, format!("not JSON, Claude Code itself cannot read it: {reason}"))
    })?;
    if !text[skip_space(text, 0)..].starts_with('{') {
        return Err((skip_space(text, 0), "the top level must be an object".to_owned()));
    }
    check_keys_and_depth(text)
}

fn check_keys_and_depth(text: &str) -> Result<&str, (usize, String)> {
    let mut keys_of_open: Vec<HashSet<String>> = Vec::new();
    let mut offset = 0;
    while let Some(byte) = text.as_bytes().get(offset) {
        let start = offset;
        offset += 1;
        match byte {
            b'{' | b'[' if keys_of_open.len() == DEEPEST => {
                return Err((start, format!("nested deeper than {DEEPEST} levels")));
            }
            b'{' | b'[' => keys_of_open.push(HashSet::new()),
            b'}' | b']' => drop(keys_of_open.pop()),
            b'"' => {
                offset = value_end(text, start);
                let is_key = text[skip_space(text, offset)..].starts_with(':');
                let key = &text[start..offset];
                if is_key && keys_of_open.last_mut().is_some_and(|keys| !keys.insert(decode(key))) {
                    return Err((start, format!("the key `{}` is there twice", decode(key))));
                }
            }
            _ => {}
        }
    }
    Ok(text)
}

/// The string a key stands for; its JSON text if that is no Unicode (half of a surrogate pair, which is valid JSON).
fn decode(key: &str) -> String {
    serde_json::from_str(key).unwrap_or_else(|_| key.to_owned())
}

fn read_object(text: &str, open: usize) -> Object {
    let mut members = Vec::new();
    let mut lead = open + 1;
    loop {
        let start = skip_space(text, lead);
        if !text[start..].starts_with('"') {
            return Object { inside: open + 1..start, members };
        }
        let key_end = value_end(text, start);
        let value_start = skip_space(text, skip_space(text, key_end) + 1);
        let value = value_start..value_end(text, value_start);
        let after = skip_space(text, value.end);
        let key = decode(&text[start..key_end]);
        members.push(Member { key, lead: lead..start, colon: key_end..value.start, value });
        lead = if text[after..].starts_with(',') { after + 1 } else { after };
    }
}

fn skip_space(text: &str, start: usize) -> usize {
    text.len() - text[start..].trim_start_matches([' ', '\t', '\n', '\r']).len()
}

/// The end of the value that starts at `start`.
fn value_end(text: &str, start: usize) -> usize {
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<IgnoredAny>();
    values.next();
    start + values.byte_offset()
}

/// `LINE:COLUMN`, both from 1, counted in characters.
fn line_and_column(bytes: &[u8], offset: usize) -> String {
    let before = String::from_utf8_lossy(&bytes[..offset.min(bytes.len())]);
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    format!("{}:{column}", before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests;
