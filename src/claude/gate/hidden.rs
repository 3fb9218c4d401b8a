//! Finds characters that a model or a terminal reads and a person does not see.
//!
//! Invariant: what blocks occurs in no ordinary text: flags, emoji, joined scripts and right-to-left languages pass
//! [security.md §3.9, rows U01-U19].

use std::collections::BTreeMap;

/// How a text is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// The model gets it as it is: control characters block too.
    Prompt,
    /// Any other text.
    Text,
}

/// Something in a text that people do not see.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Where, from 1.
    pub(super) line: usize,
    /// Which character.
    pub(super) code: char,
    /// What it is, with its article.
    pub(super) what: &'static str,
    /// The text around it, and what hidden text spells, escaped.
    pub(super) shown: String,
}

/// What a text holds: what blocks, and the line of the first warning of each sort.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) blocks: Vec<Finding>,
    pub(super) warnings: BTreeMap<&'static str, usize>,
}

/// More in one text tell nobody anything.
const MAX_BLOCKS: usize = 20;
/// A zero-width character can be a slip; so many in a row, or in a file, are a message.
const MAX_ZERO_WIDTH_RUN: usize = 8;
const MAX_ZERO_WIDTH: usize = 32;
/// Longer runs of white space before more text push it out of sight.
const MAX_SPACES: usize = 200;
const MAX_BLANK_LINES: usize = 60;

/// Scans a text for characters.
pub(super) fn scan(text: &str, scale: Scale) -> Findings {
    let is_plain = |byte: u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    if text.bytes().all(is_plain) {
        return Findings::default();
    }
    let mut scan =
        Scan { text, is_prompt: scale == Scale::Prompt, findings: Findings::default(), line: 1, run: 0, total: 0 };
    scan.characters();
    scan.findings
}

/// Text behind a screenful of nothing, and the line of the first.
pub(super) fn out_of_sight(text: &str) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    let mut blank = 0;
    for (index, line) in text.lines().enumerate() {
        let visible = line.trim_end();
        if visible.is_empty() {
            blank += 1;
            continue;
        }
        if blank >= MAX_BLANK_LINES {
            found.entry("has text after many blank lines").or_insert(index + 1);
        }
        blank = 0;
        let mut spaces = 0;
        let hides = |c: char| {
            spaces = if c.is_whitespace() { spaces + 1 } else { 0 };
            spaces == MAX_SPACES
        };
        if visible.len() > MAX_SPACES && visible.chars().any(hides) {
            found.entry("has text after many spaces").or_insert(index + 1);
        }
    }
    found
}

struct Scan<'a> {
    text: &'a str,
    is_prompt: bool,
    findings: Findings,
    line: usize,
    /// Zero-width characters in a row up to here, and in the whole text where no script needs them.
    run: usize,
    total: usize,
}

impl Scan<'_> {
    fn characters(&mut self) {
        let mut before = '\n';
        let mut selectors = 0;
        let mut skip_to = 0;
        for (at, c) in self.text.char_indices() {
            if at < skip_to {
                continue;
            }
            let rest = &self.text[at..];
            let is_selector = matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
            selectors = if is_selector { selectors + 1 } else { 0 };
            if !is_zero_width(c) {
                self.run = 0;
            }
            match c {
                '\n' => self.line += 1,
                '\r' if !rest[1..].starts_with('\n') => self.block(at, c, "a carriage return without a line feed"),
                // Form feeds are how old licences part their pages.
                '\r' | '\t' | '\u{b}' | '\u{c}' | ' '..='~' => {}
                '\u{1f3f4}' => skip_to = at + c.len_utf8() + flag_tags(&rest[c.len_utf8()..]),
                '\u{e0000}'..='\u{e007f}' => {
                    let tags = rest.len() - rest.trim_start_matches(|c| matches!(c, '\u{e0000}'..='\u{e007f}')).len();
                    self.block(at, c, "a tag character, which spells text that only a model reads");
                    skip_to = at + tags;
                }
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    self.block(at, c, "a control that shows text in another order than it is read");
                }
                '\u{e0100}'..='\u{e01ef}' if selectors == 1 && is_ideograph(before) => {
                    self.warn("an ideographic variation selector");
                }
                '\u{e0100}'..='\u{e01ef}' => self.block(at, c, "a variation selector where nothing varies"),
                '\u{fe00}'..='\u{fe0f}' if selectors == 3 => self.block(at, c, "a row of variation selectors"),
                '\u{fe00}'..='\u{fe0f}' => {}
                _ if is_zero_width(c) => self.zero_width(at, c, before),
                _ if is_ignorable(c) => self.block(at, c, "a character that is not shown"),
                _ if c.is_control() && self.is_prompt => self.block(at, c, "a control character"),
                _ if c.is_control() => self.warn("a control character"),
                '\u{2028}' | '\u{2029}' => self.warn("a line break that few programs show"),
                '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => self.warn("a private-use character"),
                '\u{fdd0}'..='\u{fdef}' => self.warn("a noncharacter"),
                _ if u32::from(c) & 0xfffe == 0xfffe => self.warn("a noncharacter"),
                _ => {}
            }
            before = c;
        }
    }

    /// One is a slip; a row of them, or many where no script needs them, is a message.
    fn zero_width(&mut self, at: usize, c: char, before: char) {
        if at == 0 && c == '\u{feff}' {
            return;
        }
        self.run += 1;
        if self.run == MAX_ZERO_WIDTH_RUN {
            self.block(at, c, "one of many zero-width characters in a row");
        }
        if matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}') {
            self.warn("a mark for the direction of writing");
        } else if !joins(c, before) {
            self.total += 1;
            if self.total == MAX_ZERO_WIDTH {
                self.block(at, c, "one of many zero-width characters");
            }
            self.warn("a zero-width character");
        }
    }

    fn block(&mut self, at: usize, code: char, what: &'static str) {
        if self.findings.blocks.len() < MAX_BLOCKS {
            let finding = Finding { line: self.line, code, what, shown: shown(self.text, at) };
            self.findings.blocks.push(finding);
        }
    }

    fn warn(&mut self, what: &'static str) {
        self.findings.warnings.entry(what).or_insert(self.line);
    }
}

/// The line around `at`, at most some 60 characters, escaped; and what tag characters there spell.
fn shown(text: &str, at: usize) -> String {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before: Vec<char> = text[line..at].chars().rev().take(20).collect();
    let after: String = text[at..].chars().take_while(|c| *c != '\n').take(40).collect();
    let context: String = before.iter().rev().collect::<String>() + &after;
    let tags = text[at..].chars().map_while(|c| match u32::from(c).checked_sub(0xe0000) {
        Some(code @ 0..=0x7f) => char::from_u32(code),
        _ => None,
    });
    let spelled: String = tags.take(60).filter(|c| !c.is_control()).collect();
    let escaped = escape(&context);
    if spelled.is_empty() {
        format!("`{escaped}`")
    } else {
        format!("`{escaped}`, which spells `{}`", escape(&spelled))
    }
}

/// The text with everything escaped that is neither a letter, a digit nor ASCII.
pub(super) fn escape(text: &str) -> String {
    let is_shown = |c: char| matches!(c, ' '..='~') || (c.is_alphanumeric() && !is_ignorable(c));
    text.chars().map(|c| if is_shown(c) { c.to_string() } else { c.escape_default().to_string() }).collect()
}

/// How many bytes of tags after a black flag make it the flag of a region: a country, a subdivision, the end.
fn flag_tags(rest: &str) -> usize {
    let mut bytes = 0;
    for (count, c) in rest.chars().enumerate() {
        bytes += c.len_utf8();
        match c {
            '\u{e0061}'..='\u{e007a}' if count < 5 => {}
            '\u{e0030}'..='\u{e0039}' if (2..5).contains(&count) => {}
            '\u{e007f}' if count >= 3 => return bytes,
            _ => return 0,
        }
    }
    0
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}')
}

fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Default-ignorable and not otherwise sorted here; fillers, format controls and the ends of their blocks.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0080}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}'
    )
}

/// Whether a script needs the zero-width character there: joiners inside emoji and joined scripts, break marks in
/// scripts that write no spaces.
fn joins(c: char, before: char) -> bool {
    match c {
        '\u{200c}' | '\u{200d}' => !before.is_ascii() && !is_zero_width(before) && !is_ignorable(before),
        '\u{200b}' => matches!(before, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(text: &str, is_prompt: bool) -> usize {
        scan(text, if is_prompt { Scale::Prompt } else { Scale::Text }).blocks.len()
    }

    fn warnings(text: &str) -> Vec<&'static str> {
        scan(text, Scale::Text).warnings.into_keys().collect()
    }

    #[test]
    fn what_people_write_passes() {
        for text in [
            "plain\n\ttext\r\nwith both line ends\n\u{c}",
            "\u{feff}a byte order mark",
            "heart \u{2764}\u{fe0f} and 1\u{fe0f}\u{20e3}",
            "England \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}.",
            "Texas \u{1f3f4}\u{e0075}\u{e0073}\u{e0074}\u{e0078}\u{e007f}",
            "pirate \u{1f3f4}\u{200d}\u{2620}\u{fe0f}",
            "family \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f44b}\u{1f3fd}\u{200d}\u{2642}\u{fe0f}",
            "Persian \u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "Malayalam \u{d28}\u{d4d}\u{200d}",
            "Khmer \u{1797}\u{17b6}\u{179f}\u{17b6}\u{200b}\u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a}",
            "Chinese, Korean, Hebrew \u{4e2d}\u{6587} \u{d55c}\u{ad6d}\u{c5b4} \u{5e2}\u{5d1}\u{5e8}",
        ] {
            let text = text.to_owned() + &text.trim_start_matches('\u{feff}').repeat(40);
            let findings = scan(&text, Scale::Prompt);
            assert!(findings.blocks.is_empty() && findings.warnings.is_empty(), "{text}: {findings:?}");
        }
    }

    #[test]
    fn hidden_characters_block() {
        for text in [
            // Tags: alone, as text, in a flag that is none.
            "\u{e0041}",
            "\u{e0000}",
            "\u{e0001}",
            "\u{e007f}",
            "\u{1f3f4}\u{e0069}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}\u{e007f}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}",
            // Order.
            "\u{202a}",
            "\u{202e}x",
            "\u{2066}",
            "\u{2069}",
            // Variation selectors.
            "a\u{e0100}",
            "\u{4e2d}\u{e0100}\u{e0101}",
            "a\u{fe00}\u{fe01}\u{fe0f}",
            // Other ignorables.
            "\u{34f}",
            "\u{115f}",
            "\u{1160}",
            "\u{17b4}",
            "\u{180e}",
            "\u{206a}",
            "\u{3164}",
            "\u{ffa0}",
            "\u{fff9}",
            "\u{1bca0}",
            "\u{1d173}",
            "\u{e0080}",
            "\u{e0fff}",
            // Line ends.
            "a\rb",
            "a\r\r\n",
        ] {
            assert_eq!(blocks(&format!("x{text} y"), false), 1, "{}", text.escape_unicode());
        }
        assert_eq!(blocks(&"\u{200b}".repeat(7), false), 0);
        assert_eq!(blocks(&"\u{200b}".repeat(8), false), 1);
        assert_eq!(blocks(&"\u{200c}\u{200d}".repeat(4), false), 1);
        assert_eq!(blocks(&"a\u{200b}".repeat(31), false), 0);
        assert_eq!(blocks(&"a\u{200d}".repeat(32), false), 1);
        assert_eq!(blocks(&"\u{202e}".repeat(1000), false), MAX_BLOCKS);
    }

    #[test]
    fn control_characters_block_only_what_the_model_reads_at_once() {
        for c in ['\0', '\u{8}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'] {
            let text = format!("x{c}y");
            assert_eq!((blocks(&text, true), blocks(&text, false)), (1, 0), "{}", c.escape_unicode());
            assert_eq!(warnings(&text), ["a control character"]);
        }
    }

    #[test]
    fn oddities_warn_once() {
        for text in [
            "a\u{200b}b",
            "a\u{ad}b",
            "a\u{200e}b",
            "a\u{61c}b",
            "a\u{2060}b",
            "a\u{feff}b",
            "\u{4e2d}\u{e0100}",
            "a\u{2028}b",
            "\u{e0b0}",
            "\u{f0000}",
            "\u{fdd0}",
            "\u{1fffe}",
        ] {
            let findings = scan(&format!("{text} {text}"), Scale::Text);
            assert_eq!(
                (findings.blocks.len(), findings.warnings.len()),
                (0, 1),
                "{}: {findings:?}",
                text.escape_unicode()
            );
        }
    }

    #[test]
    fn text_out_of_sight_warns() {
        for (text, line) in [(format!("x\na{}b", " ".repeat(200)), 2), (format!("a{}b", "\n".repeat(61)), 62)] {
            assert_eq!(out_of_sight(&text).into_values().collect::<Vec<_>>(), [line]);
        }
        for text in [format!("a{}\nb", " ".repeat(500)), format!("a{}", "\n".repeat(500)), "a\n\n\nb".repeat(100)] {
            assert!(out_of_sight(&text).is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_scanned(text in "(\\PC|[\\r\\n\\t\u{200b}\u{202e}\u{e0041}\u{1f3f4}\u{e007f}]){0,60}") {
            let lines = text.split('\n').count();
            for scale in [Scale::Prompt, Scale::Text] {
                prop_assert!(scan(&text, scale).blocks.iter().all(|found| (1..=lines).contains(&found.line)));
            }
            out_of_sight(&text);
        }
    }

    #[test]
    fn a_finding_says_where_and_what() {
        let text = "one\ntwo caf\u{e9} \u{e0068}\u{e0069}\u{e0021} end\nthree";
        let found = scan(text, Scale::Prompt);
        let finding = &found.blocks[0];
        assert_eq!((found.blocks.len(), finding.line, finding.code), (1, 2, '\u{e0068}'));
        assert_eq!(finding.shown, "`two caf\u{e9} \\u{e0068}\\u{e0069}\\u{e0021} end`, which spells `hi!`");
        assert_eq!(scan("a\u{1b}[0m\u{202e}b", Scale::Text).blocks[0].shown, r"`a\u{1b}[0m\u{202e}b`");
    }
}
