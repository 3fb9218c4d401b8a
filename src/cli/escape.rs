//! Makes text of strangers safe to show: what a terminal would obey, or an eye would miss, is drawn as its number.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The text with control, format, bidirectional and other invisible characters as `⟦U+001B⟧`. Line ends stay.
#[must_use]
pub fn for_terminal(text: &str) -> String {
    replace(text, |c| c != '\n', |c| format!("\u{27e6}U+{:04X}\u{27e7}", u32::from(c)))
}

/// One line of it: line ends are drawn too.
#[must_use]
pub fn for_line(text: &str) -> String {
    replace(text, |_| true, |c| format!("\u{27e6}U+{:04X}\u{27e7}", u32::from(c)))
}

/// A line of code: tabs stay, because a terminal does no harm with them.
#[must_use]
pub fn for_code(text: &str) -> String {
    replace(text, |c| c != '\t', |c| format!("\u{27e6}U+{:04X}\u{27e7}", u32::from(c)))
}

/// JSON text in which such characters are escaped; it stands for the same value.
#[must_use]
pub fn for_json(text: &str) -> String {
    replace(
        text,
        |c| c != '\n',
        |c| {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        },
    )
}

fn replace(text: &str, concerns: impl Fn(char) -> bool, draw: impl Fn(char) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) && concerns(c) { shown.push_str(&draw(c)) } else { shown.push(c) }
    }
    shown
}

fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // Variation selectors and Hangul fillers are marks or letters by category, yet draw nothing.
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{34f}')
        || matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let hostile = "a\u{1b}[31m\u{7}\u{9b}\u{202e}\u{200b}\u{e0041}\u{2028}\tb\nc\r";
        let shown = for_terminal(hostile);
        assert!(!shown.chars().any(|c| is_invisible(c) && c != '\n'), "{shown:?}");
        assert!(shown.contains("\u{27e6}U+001B\u{27e7}[31m") && shown.contains("b\nc"));
        assert!(!for_line(hostile).contains('\n'));
        assert_eq!(for_code(hostile), for_line(hostile).replace("\u{27e6}U+0009\u{27e7}", "\t"));
        let json = serde_json::to_string(hostile).expect("JSON");
        assert_eq!(serde_json::from_str::<String>(&for_json(&json)).expect("JSON"), hostile);
        assert_eq!(for_terminal("plain \u{e9} \u{4e2d}"), "plain \u{e9} \u{4e2d}");
    }
}
