//! Finds the shell commands in a skill or command file: what the client runs before the model reads the text.
//!
//! The client looks for `` !`…` `` after white space and for ```` ```!…``` ````, with no regard to Markdown, after it
//! replaced `$1`, `$ARGUMENTS`, `${…}` and named arguments, perhaps by nothing. So this finds them wherever removing
//! placeholders could bring one about.

/// The commands in the order of the text.
pub(super) fn commands(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('`') {
        if let Some(command) = inline_at(text, at).filter(|command| !command.is_empty()) {
            found.push(command);
        }
    }
    for (at, _) in text.match_indices('!') {
        if let Some(command) = block_at(text, at).filter(|command| !command.is_empty()) {
            found.push(command);
        }
    }
    found
}

/// The command that opens with the back-tick at `tick`.
fn inline_at(text: &str, tick: usize) -> Option<&str> {
    let before = without_placeholders(&text[..tick]).strip_suffix('!')?;
    let is_apart = before.is_empty()
        || before.ends_with(|c: char| c.is_whitespace() || c == '\u{feff}')
        || without_placeholders(before).len() < before.len();
    let rest = &text[tick + 1..];
    is_apart.then_some(rest)?.split_once('`').map(|(command, _)| command.trim())
}

/// The command of the block whose fence ends with the `!` at `mark`; to the end of the text if nothing closes it.
fn block_at(text: &str, mark: usize) -> Option<&str> {
    let mut before = &text[..mark];
    for _ in 0..3 {
        before = without_placeholders(before).strip_suffix('`')?;
    }
    let rest = &text[mark + 1..];
    Some(rest.split("```").next().unwrap_or(rest).trim())
}

/// The text without the placeholders at its end: `$name`, `$1`, `$ARGUMENTS[1]`, `${name}`.
fn without_placeholders(mut text: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    loop {
        let inner = text.strip_suffix(['}', ']']).map(|inner| inner.trim_end_matches(is_name));
        let bare = inner.and_then(|inner| inner.strip_suffix(['{', '['])).unwrap_or(text);
        let stem = bare.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        match stem.strip_suffix('$') {
            Some(rest) if stem.len() < text.len() => text = rest,
            _ => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_found_wherever_the_client_would_run_them() {
        for (text, wanted) in [
            ("- Branch: !`git branch`\n", &["git branch"][..]),
            ("!`at the start`", &["at the start"]),
            ("\u{feff}!`after a mark`", &["after a mark"]),
            ("```\r\n!`in a fence`\r\n```\r\n", &["in a fence"]),
            ("1.\t!`after a tab`", &["after a tab"]),
            ("    - > !`nested`", &["nested"]),
            ("x !`two\nlines`", &["two\nlines"]),
            ("```!\nmake\ncheck\n```\n", &["make\ncheck"]),
            ("text ```!make``` text", &["make"]),
            ("````!  \r\n  make\r\n```", &["make"]),
            ("```!\nnever closed", &["never closed"]),
            // A code span must not hide the command behind it.
            ("` !` and !`real`", &["and !", "real"]),
            ("see `x` !`one` !`two`", &["one", "two"]),
            // An argument that is not given becomes nothing.
            ("!$9`hidden`", &["hidden"]),
            ("x$1!`hidden`", &["hidden"]),
            ("!$ARGUMENTS[7]${user_config.x}$name`hidden`", &["hidden"]),
            ("`$9`$8`$7!hidden```", &["hidden"]),
            // And what the client leaves alone.
            ("`println!` and `panic!`", &[]),
            ("wow!`not a command`", &[]),
            ("! `not a command`", &[]),
            ("cost 5$!`no`", &[]),
            ("!`` and ```!```", &[]),
            ("!`not closed", &[]),
        ] {
            assert_eq!(commands(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_command_escapes(text in "([`!$ a1{}\\[\\]\n\u{e9}]|```!){0,40}", command in "[a-z]{1,8}") {
            let whole = format!("{text}\n!`{command}`{text}");
            prop_assert!(commands(&whole).contains(&command.as_str()));
        }
    }

    #[test]
    fn time_is_linear() {
        for part in ["}`", "!`", "$a`", "```!", "${a}!`", "`$9"] {
            let text = part.repeat(200_000);
            let started = std::time::Instant::now();
            let found = commands(&text).len();
            assert!(started.elapsed().as_secs() < 5, "{part}: {found} in {:?}", started.elapsed());
        }
    }
}
