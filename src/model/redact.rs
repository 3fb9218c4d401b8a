//! Keeping secrets out of what is shown: an address may carry a password, and so may the text of a git or a file that
//! holds one.

/// The longest line that a person reads to the end, in characters.
const MAX_LINE: usize = 400;

/// What a reader of somebody's file says of it, fit to be shown: masked, and without the ends of endless lines.
#[must_use]
pub fn excerpt(complaint: &str) -> String {
    let clip = |line: &str| match line.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{}…", redact(&line[..end])),
        None => redact(line),
    };
    complaint.trim_end().lines().map(clip).collect::<Vec<_>>().join("\n")
}

/// The longest text of somebody's input that a message repeats, in characters.
const MAX_QUOTED: usize = 80;

/// What was given, fit to be named in a message: without the end of a text that is longer than anybody meant it to be.
#[must_use]
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Masks the user and the query of every address in a text, as far as they may be a secret.
#[must_use]
pub fn redact(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | '`');
    text.split_inclusive(is_end)
        .map(|piece| {
            let word = piece.trim_end_matches(is_end);
            redact_word(word) + &piece[word.len()..]
        })
        .collect()
}

fn redact_word(word: &str) -> String {
    let (scheme, rest) = match word.find("://") {
        Some(at) => word.split_at(at + "://".len()),
        None => ("", word),
    };
    let shown = without_user(scheme, rest);
    match shown.split_once('?') {
        Some((shown, query)) if !scheme.is_empty() && !query.is_empty() => format!("{scheme}{shown}?***"),
        _ => format!("{scheme}{shown}"),
    }
}

fn without_user(scheme: &str, rest: &str) -> String {
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let at = match authority.rfind('@') {
        // A password with a `/` in it ends the authority early.
        None if scheme.is_empty() || !broken_port(authority) => None,
        None => rest.rfind('@'),
        found => found,
    };
    match at {
        Some(at) if rest[..at].contains(':') || !(scheme.is_empty() || scheme.ends_with("ssh://")) => {
            format!("***{}", &rest[at..])
        }
        _ => rest.to_owned(),
    }
}

/// Whether what follows the colon cannot be a port.
fn broken_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']') && port.parse::<u16>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_is_repeated() {
        for (text, wanted) in [
            ("fatal: unable to access 'https://me:s3cret@h/r/': no", "fatal: unable to access 'https://***@h/r/': no"),
            ("https://s3cret@h/r", "https://***@h/r"),
            ("ssh://git@h/r and ssh://git:s3cret@h/r", "ssh://git@h/r and ssh://***@h/r"),
            ("https://me:s3/cret@h/r", "https://***@h/r"),
            ("https://a:s3@cret@h/r\nx", "https://***@h/r\nx"),
            ("proxy me:s3cret@proxy:80 refused", "proxy ***@proxy:80 refused"),
            ("git@h: Permission denied (publickey).", "git@h: Permission denied (publickey)."),
            ("https://h:8443/@scope/x", "https://h:8443/@scope/x"),
            ("https://h/r@v1", "https://h/r@v1"),
            ("x = { git = \"https://h/r?token=s3cret\" }", "x = { git = \"https://h/r?***\" }"),
            ("https://me:s3?cret@h/r?a", "https://***@h/r?***"),
            ("is https://h/r? there", "is https://h/r? there"),
            ("git@github.com:o/r is owner/repo", "git@github.com:o/r is owner/repo"),
        ] {
            assert_eq!(redact(text), wanted);
        }
    }
}
