//! Reads the YAML block at the top of a Markdown file as the client does: bounded, and never failing.
//!
//! Real blocks are often not YAML (an unquoted `: ` in a description), and the client loads those files too. So there
//! are three readings: YAML; YAML after the client's own repairs; line by line. Only the first is [`State::Valid`].

use std::borrow::Cow;

use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

/// Most bytes of a block that are read; the longest real one has less than a hundredth of it.
pub const MAX_BLOCK: usize = 256 << 10;

/// How the block could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is YAML, and a mapping.
    Valid,
    /// There is none.
    Missing,
    /// It is not YAML; the fields are what the lines seem to say.
    Lenient,
    /// It is more than cpm is willing to read, which no honest block is; the fields are what the lines seem to say.
    Excessive,
    /// It starts and never ends; the client sees no fields, and so does this reader.
    Unclosed,
}

/// The fields at the top of a Markdown file.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontmatter {
    /// The fields in the order of the file.
    pub fields: Map<String, Value>,
    /// How they were read.
    pub state: State,
    block: String,
    body_offset: usize,
    is_by_line: bool,
}

/// Reads the frontmatter of a file.
#[must_use]
pub fn read(text: &str) -> Frontmatter {
    let nothing =
        |state| Frontmatter { fields: Map::new(), state, block: String::new(), body_offset: 0, is_by_line: false };
    let (full, body_offset) = match split(text) {
        Split::Missing => return nothing(State::Missing),
        Split::Unclosed => return nothing(State::Unclosed),
        Split::Block { block, body_offset } => (block, body_offset),
    };
    let block = &full[..full.floor_char_boundary(MAX_BLOCK)];
    let read =
        |state, fields, is_by_line| Frontmatter { fields, state, block: block.to_owned(), body_offset, is_by_line };
    if block.len() < full.len() {
        return read(State::Excessive, line_by_line(block), true);
    }
    match parse(block, DuplicateKeyPolicy::Error) {
        Ok(fields) => return read(State::Valid, fields, false),
        Err(Unread::TooMuch) => return read(State::Excessive, line_by_line(block), true),
        Err(Unread::NotYaml) => {}
    }
    match parse(&repair(block), DuplicateKeyPolicy::LastWins) {
        Ok(fields) => read(State::Lenient, fields, false),
        Err(Unread::NotYaml) => read(State::Lenient, line_by_line(block), true),
        Err(Unread::TooMuch) => read(State::Excessive, line_by_line(block), true),
    }
}

impl Frontmatter {
    /// A field as text: strings trimmed, numbers and booleans as the author typed them; `None` for anything else.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        let text = match self.fields.get(key)? {
            Value::String(text) => text.trim().to_owned(),
            value @ (Value::Number(_) | Value::Bool(_)) => self.typed(key).unwrap_or_else(|| value.to_string()),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Where the body starts; 0 when there is no block.
    #[must_use]
    pub fn body_offset(&self) -> usize {
        self.body_offset
    }

    /// The block when not even the client's repairs make YAML of it, so that nobody knows what it grants.
    #[must_use]
    pub fn unread(&self) -> Option<&str> {
        self.is_by_line.then_some(self.block.as_str())
    }

    /// What stands after `key:` on its own line, without a comment.
    fn typed(&self, key: &str) -> Option<String> {
        let rest = self.block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let value = rest.split(" #").next().unwrap_or(rest).trim();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

enum Split<'a> {
    Missing,
    Unclosed,
    Block { block: &'a str, body_offset: usize },
}

/// Finds the block. Where no line closes it, the client takes the next `---` wherever it stands, so that does as well.
fn split(text: &str) -> Split<'_> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let first = text[start..].split_inclusive('\n').next().unwrap_or_default();
    if first.trim_end() != "---" {
        return Split::Missing;
    }
    let open = start + first.len();
    let rest = &text[open..];
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Split::Block { block: &rest[..end], body_offset: open + end + line.len() };
        }
        end += line.len();
    }
    match rest.find("---") {
        Some(end) => Split::Block { block: &rest[..end], body_offset: open + end + 3 },
        None => Split::Unclosed,
    }
}

/// Why there is no value.
enum Unread {
    NotYaml,
    TooMuch,
}

/// Parses YAML with budgets a hundred times above real use and far below what would be felt.
fn parse(block: &str, duplicates: DuplicateKeyPolicy) -> Result<Map<String, Value>, Unread> {
    let options = serde_saphyr::options! {
        duplicate_keys: duplicates,
        // YAML 1.2, as the client: `name: yes` is a text.
        strict_booleans: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            flow_nesting_limit: 32,
            max_depth: 32,
            max_events: 20_000,
            max_nodes: 10_000,
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: MAX_BLOCK,
            max_documents: 1,
            max_total_scalar_bytes: MAX_BLOCK,
            max_merge_keys: 100,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
            max_alias_expansions_per_anchor: 100,
        },
    };
    match serde_saphyr::from_str_with_options::<Option<Map<String, Value>>>(block, options) {
        Ok(fields) => Ok(fields.unwrap_or_default()),
        Err(error) => Err(if is_about_size(&error) { Unread::TooMuch } else { Unread::NotYaml }),
    }
}

fn is_about_size(error: &serde_saphyr::Error) -> bool {
    use serde_saphyr::Error;
    match error {
        Error::AliasError { error, .. } => is_about_size(error),
        // What the scanner says about brackets in brackets; its own type of it is not public.
        Error::ExternalMessage { msg, .. } => msg == "recursion limit exceeded",
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => true,
        _ => false,
    }
}

/// What the client does to a block that is not YAML: quotes values that look like syntax, and unfolds leading tabs.
fn repair(block: &str) -> String {
    let mut repaired = String::with_capacity(block.len() + 64);
    for line in block.lines() {
        let tabs = line.len() - line.trim_start_matches('\t').len();
        repaired.extend(std::iter::repeat_n("  ", tabs));
        let line = &line[tabs..];
        match key_value(line).filter(|_| tabs == 0) {
            Some((key, value)) if looks_like_syntax(value) => {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                repaired.push_str(&format!("{key}: \"{value}\""));
            }
            _ => repaired.push_str(line),
        }
        repaired.push('\n');
    }
    repaired
}

/// Whether a value is plain text that YAML would take for something else.
fn looks_like_syntax(value: &str) -> bool {
    let is_list = || {
        value.starts_with('[')
            && value.ends_with(']')
            && parse(&format!("a: {value}"), DuplicateKeyPolicy::Error).is_ok()
    };
    let is_block_scalar = value.starts_with(['|', '>']) && value.len() <= 3;
    (value.contains(": ") || value.contains(['{', '}', '[', ']', '*', '&', '#', '!', '|', '>', '%', '@', '`']))
        && unquote(value).is_none()
        && !is_block_scalar
        && !is_list()
}

/// `key: value` at the start of a line; the value may be empty.
fn key_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let is_apart = value.is_empty() || value.starts_with([' ', '\t', '\r']);
    (is_key && is_apart).then(|| (key, value.trim()))
}

fn unquote(value: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
}

/// The last resort: a key at the start of a line has the rest of the line and what is indented below it.
fn line_by_line(block: &str) -> Map<String, Value> {
    let mut fields: Vec<(&str, Cow<'_, str>)> = Vec::new();
    for line in block.lines() {
        if let Some((key, value)) = key_value(line) {
            let is_block_scalar = value.starts_with(['|', '>']) && value.len() <= 3;
            fields.push((key, Cow::Borrowed(if is_block_scalar { "" } else { value })));
        } else if let Some((_, value)) = fields.last_mut() {
            let more = line.trim();
            if line.starts_with([' ', '\t']) && !more.is_empty() {
                let value = value.to_mut();
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(more);
            }
        }
    }
    let unquoted = |value: Cow<'_, str>| Value::from(unquote(&value).unwrap_or(&value));
    fields.into_iter().map(|(key, value)| (key.to_owned(), unquoted(value))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fields(text: &str) -> (State, Value) {
        let frontmatter = read(text);
        (frontmatter.state, Value::Object(frontmatter.fields))
    }

    #[test]
    fn yaml_is_read_with_its_types() {
        let text = "---\nname: a\ndescription: >-\n  one\n  two\ntools: [Read, 'Bash(git *)']\non: yes\n---\nbody\n";
        let wanted = json!({"name": "a", "description": "one two", "tools": ["Read", "Bash(git *)"], "on": "yes"});
        assert_eq!(fields(text), (State::Valid, wanted.clone()));
        assert_eq!(&text[read(text).body_offset()..], "body\n");
        assert_eq!(fields(&text.replace('\n', "\r\n")), (State::Valid, wanted.clone()));
        assert_eq!(fields(&format!("\u{feff}{text}")), (State::Valid, wanted));
        assert_eq!(fields("---\n---\n"), (State::Valid, json!({})));
        assert_eq!(fields("---  \n# only a comment\n---"), (State::Valid, json!({})));
    }

    #[test]
    fn no_block_and_half_a_block() {
        for text in ["", "# Title\n", " ---\na: b\n---\n", "----\n", "\n---\na: b\n---\n"] {
            assert_eq!(fields(text), (State::Missing, json!({})), "{text:?}");
        }
        for text in ["---", "---\n", "---\nname: a\nallowed-tools: Bash\n"] {
            assert_eq!(fields(text), (State::Unclosed, json!({})), "{text:?}");
        }
        assert_eq!(fields("---\nname: a\nx: y --- z\n"), (State::Valid, json!({"name": "a", "x": "y"})));
    }

    #[test]
    fn scalars_are_the_text_the_author_typed() {
        let read = read("---\nversion: 1.10 # not 1.1\nflag: true\nnone: ~\nlist: [a]\nempty: ' '\nlong: 1_000\n---\n");
        assert_eq!(read.state, State::Valid);
        assert_eq!(read.text("version").as_deref(), Some("1.10"));
        assert_eq!(read.text("flag").as_deref(), Some("true"));
        for key in ["none", "list", "empty", "absent"] {
            assert_eq!(read.text(key), None, "{key}");
        }
    }

    #[test]
    fn what_is_not_yaml_is_repaired_as_the_client_does() {
        for (line, wanted) in [
            ("description: Reviews code. Use when: a \"diff\" is open", "Reviews code. Use when: a \"diff\" is open"),
            ("description: @scope does", "@scope does"),
            ("description: {{template}} x", "{{template}} x"),
            ("description: [unclosed", "[unclosed"),
            ("description: `code` first", "`code` first"),
            ("description: \\d: a\\b", "\\d: a\\b"),
        ] {
            let text = format!("---\nname: a\n{line}\nallowed-tools: Bash(git *)\nhooks:\n\tStop: x\n---\n");
            let read = read(&text);
            assert_eq!(read.state, State::Lenient, "{line}");
            assert_eq!(read.text("description").as_deref(), Some(wanted));
            assert_eq!(read.text("name").as_deref(), Some("a"));
            assert_eq!(read.fields["allowed-tools"], "Bash(git *)");
            assert_eq!(read.fields["hooks"], json!({"Stop": "x"}));
            assert_eq!(read.unread(), None);
        }
        assert_eq!(fields("---\na: 1\na: 2\n---\n"), (State::Lenient, json!({"a": 2})));
    }

    #[test]
    fn the_last_resort_is_line_by_line() {
        let text = "---\r\nname: \"a\"\r\ndescription: >\r\n  Use when: x\r\n  and: y\r\n- stray\r\nbad: [\r\n---\r\n";
        let read = read(text);
        assert_eq!(read.state, State::Lenient);
        assert_eq!(read.text("name").as_deref(), Some("a"));
        assert_eq!(read.text("description").as_deref(), Some("Use when: x and: y"));
        assert!(read.unread().is_some_and(|block| block.contains("stray")));
    }

    proptest! {
        #[test]
        fn every_text_can_be_read(
            open in "(\u{feff})?---\r?\n|",
            block in "([a-c]: |- |[\\[\\]{}'\"&*#|>\\-\r\n\t \u{e9}]|name|---){0,40}",
        ) {
            let text = format!("{open}{block}\n---\n");
            let read = read(&text);
            prop_assert!(text.is_char_boundary(read.body_offset()));
            prop_assert_eq!(read.body_offset() == 0, matches!(read.state, State::Missing | State::Unclosed));
            read.fields.keys().for_each(|key| drop(read.text(key)));
        }
    }

    #[test]
    fn hostile_yaml_ends_soon() {
        let bomb: String =
            (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))).collect();
        let deep: String = (0..3000).map(|n| format!("{}k:\n", " ".repeat(n % 4000))).collect();
        let many: String = (0..20_000).map(|n| format!("k{n}: v\n")).collect();
        for (what, block) in [
            ("alias bomb", format!("a0: &a0 [x,x,x,x,x,x,x,x,x]\n{bomb}")),
            ("flow nesting", format!("a: {}", "[".repeat(20_000))),
            ("balanced nesting", format!("a: {}{}", "[".repeat(20_000), "]".repeat(20_000))),
            ("deep blocks", deep[..deep.floor_char_boundary(MAX_BLOCK - 1)].to_owned()),
            ("duplicate keys", "name: x\n".repeat(10_000)),
            ("many keys", many),
            ("documents", "a: b\n...\n--- {c: d}\n".repeat(1_000)),
            ("too long", format!("name: a\nx: {}", "y".repeat(2 * MAX_BLOCK))),
            ("anchors", (0..5_000).map(|n| format!("k{n}: &x{n} v\n")).collect()),
        ] {
            let text = format!("---\n{block}\n---\nbody");
            let started = std::time::Instant::now();
            let read = read(&text);
            assert_eq!(read.state, State::Excessive, "{what}");
            assert_eq!(&text[read.body_offset()..], "body", "{what}");
            assert!(started.elapsed().as_secs() < 5, "{what}: {:?}", started.elapsed());
        }
    }
}
