//! Braces in a skill's `paths`: the client writes out every alternative, so few characters can stand for millions.

use serde_json::Value;

/// Most patterns that one may stand for; real ones stand for a handful.
pub(super) const MOST: u64 = 1_000;

/// The first pattern that stands for too many; `paths` is a text or a list of texts.
pub(super) fn bomb(paths: &Value) -> Option<&str> {
    match paths {
        Value::String(text) => (count(text) > MOST).then_some(text.as_str()),
        Value::Array(items) => items.iter().find_map(bomb),
        _ => None,
    }
}

/// How many patterns a text stands for, at least: alternatives add up inside braces and multiply side by side.
fn count(text: &str) -> u64 {
    // Of every open brace: the alternatives so far, and those of the one being read.
    let mut open: Vec<(u64, u64)> = vec![(0, 1)];
    let mut group = String::new();
    for c in text.chars() {
        let depth = open.len();
        let Some((done, current)) = open.last_mut() else { break };
        match c {
            '{' => {
                open.push((0, 1));
                group.clear();
            }
            ',' if depth > 1 => {
                *done = done.saturating_add(*current);
                *current = 1;
                group.clear();
            }
            '}' if depth > 1 => {
                let inside = done.saturating_add(*current).max(range(&group));
                open.pop();
                if let Some((_, current)) = open.last_mut() {
                    *current = current.saturating_mul(inside);
                }
            }
            _ => group.push(c),
        }
    }
    // A brace that is never closed stands for itself, but what is inside it was still written out.
    open.iter().fold(1, |all, (done, current)| all.saturating_mul(done.saturating_add(*current)))
}

/// How many numbers `1..9` stands for; one for anything else.
fn range(group: &str) -> u64 {
    let mut ends = group.split("..").map(str::parse::<i64>);
    match (ends.next(), ends.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first.abs_diff(last).saturating_add(1),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn alternatives_are_counted_without_writing_them_out() {
        for (text, patterns) in [
            ("src/**/*.rs", 1),
            ("*.{ts,tsx}", 2),
            ("{a,b}/{c,d,e}", 6),
            ("{a,{b,c}}", 3),
            ("x{1..9}", 9),
            ("x{1..9,5}", 2),
            ("x{9..1}{a,b}", 18),
            ("a,b", 1),
            ("}{", 1),
            ("{a,b", 2),
        ] {
            assert_eq!(count(text), patterns, "{text}");
        }
        assert_eq!(count(&"{a,b}".repeat(100)), u64::MAX);
        assert_eq!(count(&"{".repeat(100_000)), 1);
    }

    #[test]
    fn a_bomb_is_found_in_a_text_and_in_a_list() {
        let bomb_text = "{a,b,c,d}".repeat(6);
        assert_eq!(bomb(&json!(bomb_text)), Some(bomb_text.as_str()));
        assert_eq!(bomb(&json!(["*.md", bomb_text])), Some(bomb_text.as_str()));
        assert_eq!(bomb(&json!(["*.{ts,tsx}", "x{1..1000}", 7])), None);
    }
}
