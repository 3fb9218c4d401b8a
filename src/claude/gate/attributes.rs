//! `.gitattributes` that keep files out of a reviewer's sight: not shown as a change, or folded away as generated.
//!
//! Where git's matching is subtle this one takes the larger set.

/// Lines that hide something and are looked at; real files have a few.
const MAX_LINES: usize = 1_000;

/// Says how the attributes hide one of the files, which are relative to the folder of the attributes.
pub(super) fn hide_any(text: &str, files: &[&str]) -> Option<String> {
    for (at, Hiding { line, pattern }) in hiding(text).enumerate() {
        if at == MAX_LINES {
            return Some(format!("more than {MAX_LINES} of its lines hide something"));
        }
        if let Some(file) = files.iter().find(|file| matches(pattern, file)) {
            return Some(format!("line {line} hides `{file}`"));
        }
    }
    None
}

/// A line that hides what its pattern matches.
#[derive(Debug, PartialEq, Eq)]
struct Hiding<'a> {
    /// From 1.
    line: usize,
    pattern: &'a str,
}

/// The lines that hide something, whatever later lines take back.
fn hiding(text: &str) -> impl Iterator<Item = Hiding<'_>> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim_start_matches('\u{feff}').trim();
        let (pattern, attributes) = match line.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => line.split_once(|c: char| c.is_ascii_whitespace())?,
        };
        let hides = attributes.split_ascii_whitespace().any(is_hiding);
        (hides && !pattern.starts_with('#')).then_some(Hiding { line: at + 1, pattern })
    })
}

fn is_hiding(attribute: &str) -> bool {
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, "true"));
    match name {
        "-diff" | "binary" => true,
        "linguist-generated" | "gitlab-generated" => value != "false",
        _ => false,
    }
}

/// Whether a pattern matches a path below the folder of the attributes: by the last name without a slash in the
/// pattern, else by the whole path.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let path = path.to_ascii_lowercase();
    if !pattern.contains('/') {
        let name = path.rsplit('/').next().unwrap_or(&path);
        return glob(pattern.as_bytes(), name.as_bytes());
    }
    glob(pattern.trim_start_matches('/').as_bytes(), path.as_bytes())
}

/// `*` and `?` stop at nothing, so `**` needs no rule of its own; a class in brackets matches any byte.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                // `**/` also stands for no folder at all.
                let is_deep = pattern[p..].starts_with(b"**/");
                p += if is_deep { 3 } else { 1 };
                star = Some((p, t));
            }
            Some(b'[') => {
                let close = pattern[p..].iter().skip(2).position(|byte| *byte == b']');
                p += close.map_or(1, |close| close + 3);
                t += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((after, taken)) => {
                    (p, t) = (after, taken + 1);
                    star = Some((after, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_hide_are_found() {
        for (line, hides) in [
            ("* -diff", true),
            ("* -diff linguist-generated", true),
            ("*.md linguist-generated=true", true),
            ("\"*.md\" binary", true),
            ("\u{feff}SKILL.md\tgitlab-generated", true),
            ("*.md linguist-generated=false", false),
            ("*.md diff=markdown text eol=lf", false),
            ("* text=auto", false),
            ("# * -diff", false),
            ("*.md", false),
            ("", false),
        ] {
            assert_eq!(hiding(line).count(), usize::from(hides), "{line}");
        }
        assert_eq!(hiding("a text\nb -diff").next(), Some(Hiding { line: 2, pattern: "b" }));
    }

    #[test]
    fn patterns_match_what_git_matches_and_no_ordinary_neighbour() {
        for (pattern, path, is_match) in [
            ("*", "a/SKILL.md", true),
            ("**", "a/SKILL.md", true),
            ("*.md", "a/SKILL.md", true),
            ("*.MD", "a/skill.md", true),
            ("SKILL.m[cd]", "a/b/SKILL.md", true),
            ("SKILL.?d", "SKILL.md", true),
            ("/skills/**", "skills/a/SKILL.md", true),
            ("skills/*/SKILL.md", "skills/a/SKILL.md", true),
            ("**/SKILL.md", "SKILL.md", true),
            ("**/SKILL.md", "a/b/SKILL.md", true),
            ("*.png", "a/SKILL.md", false),
            ("dist/**", "skills/dist/SKILL.md", false),
            ("package-lock.json", "plugin.json", false),
            ("SKILL", "SKILL.md", false),
            ("[", "SKILL.md", false),
        ] {
            assert_eq!(matches(pattern, path), is_match, "{pattern} {path}");
        }
    }
}
