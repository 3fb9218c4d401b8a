//! The surface: everything in a package that can run or reach out, as a sorted list of items.
//!
//! Invariant: two packages have the same [`SurfaceDigest`] exactly if they would run and reach the same things; prose
//! never changes it. What counts is listed in security.md §4.8.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::SurfaceDigest;

/// One thing that runs, reaches out, or grants itself a power.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Item {
    /// A hook: what the client runs at an event.
    Hook {
        /// The event, such as `PreToolUse`.
        event: String,
        /// Which tools it applies to; empty for all.
        matcher: String,
        /// The handler as canonical JSON: command, prompt, URL, timeout.
        action: String,
    },
    /// An MCP server the client starts or connects to.
    Server {
        /// Its key.
        name: String,
        /// `stdio`, `http`, `sse` or `ws`.
        transport: String,
        /// The program of a stdio server.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        command: Option<String>,
        /// Its arguments.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        args: Vec<String>,
        /// The address of a remote server.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        url: Option<String>,
        /// Environment it is given, values as templates.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
        env: BTreeMap<String, String>,
        /// Headers it is sent, values as templates.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
        headers: BTreeMap<String, String>,
        /// A command that makes headers.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        headers_helper: Option<String>,
    },
    /// A language server.
    Lsp {
        /// Its key.
        name: String,
        /// Its configuration as canonical JSON.
        config: String,
    },
    /// A monitor that runs in the background.
    Monitor {
        /// Its configuration as canonical JSON.
        config: String,
    },
    /// A file that a machine can run: by its mode, first line, magic number or extension.
    Program {
        /// Where.
        path: String,
        /// Whether its mode says so.
        executable: bool,
        /// SHA-256 of its bytes, hex.
        sha256: String,
    },
    /// A shell command that the client runs before the model sees the text.
    ShellInText {
        /// The Markdown file.
        path: String,
        /// The command.
        command: String,
    },
    /// A power that frontmatter or settings grant: tools, hooks, servers, permissions.
    Grant {
        /// The file.
        path: String,
        /// The key.
        key: String,
        /// The value as canonical JSON.
        value: String,
    },
    /// An environment variable that some configuration reads.
    Env {
        /// Its name.
        name: String,
    },
    /// A host that some configuration names.
    Host {
        /// Its name.
        name: String,
    },
}

/// The sorted items of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Surface(BTreeSet<Item>);

impl Surface {
    /// Adds an item; the same item twice counts once.
    pub fn add(&mut self, item: Item) {
        self.0.insert(item);
    }

    /// The items in order.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// Whether nothing runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Items here that `other` lacks.
    pub fn beyond<'a>(&'a self, other: &'a Surface) -> impl Iterator<Item = &'a Item> {
        self.0.difference(&other.0)
    }

    /// The `s1` digest.
    #[must_use]
    pub fn digest(&self) -> SurfaceDigest {
        let json = serde_json::to_value(self).map(|value| canonical_json(&value)).unwrap_or_default();
        SurfaceDigest::of_canonical(&json)
    }
}

impl Item {
    /// The item as a sentence for people. The text is the author's: it must pass the terminal's escaping.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Item::Hook { event, matcher, action } if matcher.is_empty() => {
                format!("hook at {event} {}", handler(action))
            }
            Item::Hook { event, matcher, action } => format!("hook at {event} of {matcher} {}", handler(action)),
            Item::Server { name, url: Some(url), transport, headers, headers_helper, .. } => {
                let names: Vec<&str> = headers.keys().map(String::as_str).collect();
                let with = if names.is_empty() { String::new() } else { format!(", sends {}", names.join(", ")) };
                let runs = headers_helper.as_ref().map(|command| format!(", runs `{command}` to make headers"));
                format!("server `{name}` connects to {url} ({transport}{with}{})", runs.unwrap_or_default())
            }
            Item::Server { name, command, args, .. } => {
                let words = command.iter().chain(args).map(|word| quote(word)).collect::<Vec<_>>();
                format!("server `{name}` runs {}", words.join(" "))
            }
            Item::Lsp { name, config } => format!("language server `{name}`: {config}"),
            Item::Monitor { config } => format!("monitor: {config}"),
            Item::Program { path, executable: true, .. } => format!("executable file {path}"),
            Item::Program { path, .. } => format!("script {path}"),
            Item::ShellInText { path, command } => format!("{path} runs `{command}` before the model reads it"),
            Item::Grant { path, key, value } => format!("{path} sets {key} to {value}"),
            Item::Env { name } => format!("reads ${{{name}}}"),
            Item::Host { name } => format!("names the host {name}"),
        }
    }
}

/// How one item of a surface differs from another surface, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is new.
    Added(String),
    /// It is gone.
    Removed(String),
    /// It is there in both, and something that its sentence does not show is different.
    Changed(String),
}

/// The differences between what would run and what ran, in words. Two items that read the same are one change.
#[must_use]
pub fn differences(added: &[Item], removed: &[Item]) -> Vec<Difference> {
    let gone: Vec<String> = removed.iter().map(Item::sentence).collect();
    let new: Vec<String> = added.iter().map(Item::sentence).collect();
    let mut found: Vec<Difference> = Vec::new();
    for (item, sentence) in added.iter().zip(&new) {
        let what = match item {
            Item::Program { .. } => "content",
            _ => "settings",
        };
        found.push(match gone.contains(sentence) {
            true => Difference::Changed(format!("{sentence}, with other {what}")),
            false => Difference::Added(sentence.clone()),
        });
    }
    found.extend(gone.into_iter().filter(|sentence| !new.contains(sentence)).map(Difference::Removed));
    found
}

/// A hook's handler in words: what it runs, asks or calls; anything else as it is written.
fn handler(action: &str) -> String {
    let json: Value = serde_json::from_str(action).unwrap_or(Value::Null);
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    match (text("command"), text("prompt"), text("url")) {
        (Some(command), _, _) => format!("runs {command}"),
        (_, Some(prompt), _) => format!("prompts \u{201c}{prompt}\u{201d}"),
        (_, _, Some(url)) => format!("calls {url}"),
        _ => format!("does {action}"),
    }
}

/// A word as a shell would need it, so that spaces in arguments stay visible.
fn quote(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@${}+,~^".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// JSON with sorted keys and no spaces: equal values give equal texts.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(canonical_json).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let members = sorted.iter().map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical_json(v)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let item = |name: &str| Item::Env { name: name.to_owned() };
        let mut a = Surface::default();
        let mut b = Surface::default();
        for name in ["X", "Y", "X"] {
            a.add(item(name));
        }
        for name in ["Y", "X"] {
            b.add(item(name));
        }
        assert_eq!(a.digest(), b.digest());
        b.add(item("Z"));
        assert_ne!(a.digest(), b.digest());
        assert_eq!(b.beyond(&a).collect::<Vec<_>>(), [&item("Z")]);
    }

    #[test]
    fn canonical_json_sorts_keys_at_every_depth() {
        let value: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":"\u00e9"}],"a":null}"#).expect("JSON");
        assert_eq!(canonical_json(&value), "{\"a\":null,\"b\":[{\"a\":\"\u{e9}\",\"z\":1}]}");
    }

    #[test]
    fn what_reads_the_same_is_one_change() {
        let script = |sha256: &str| Item::Program { path: "x.sh".into(), executable: false, sha256: sha256.into() };
        let variable = Item::Env { name: "A".into() };
        let found = differences(&[script("1"), variable.clone()], &[script("2")]);
        let changed = Difference::Changed("script x.sh, with other content".into());
        assert_eq!(found, [changed, Difference::Added(variable.sentence())]);
        assert_eq!(differences(&[], std::slice::from_ref(&variable)), [Difference::Removed(variable.sentence())]);
    }

    #[test]
    fn the_receipt_can_read_a_surface_back() {
        let mut surface = Surface::default();
        surface.add(Item::Program { path: "bin/x".into(), executable: true, sha256: "00".into() });
        surface.add(Item::Hook { event: "Stop".into(), matcher: String::new(), action: "{}".into() });
        let json = serde_json::to_string(&surface).expect("JSON");
        assert_eq!(serde_json::from_str::<Surface>(&json).expect("a surface"), surface);
    }
}
