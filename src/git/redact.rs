//! Keeping secrets out of what git says: it repeats addresses, and an `insteadOf` or a proxy may carry a password.

/// Masks the user part of every address in a text, as far as it may be a secret.
pub(super) fn redact_all(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | '`');
    text.split_inclusive(is_end).map(redact_word).collect()
}

fn redact_word(word: &str) -> String {
    let (scheme, rest) = match word.find("://") {
        Some(at) => word.split_at(at + "://".len()),
        None => ("", word),
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let at = match authority.rfind('@') {
        // A password with a `/` in it ends the authority early.
        None if scheme.is_empty() || !broken_port(authority) => return word.to_owned(),
        None => rest.rfind('@'),
        found => found,
    };
    match at {
        Some(at) if rest[..at].contains(':') || !(scheme.is_empty() || scheme.ends_with("ssh://")) => {
            format!("{scheme}***{}", &rest[at..])
        }
        _ => word.to_owned(),
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
        ] {
            assert_eq!(redact_all(text), wanted);
        }
    }
}
