//! Reads from a package everything that can run or reach out: the items behind the `s1` digest [security.md §4.8].
//!
//! Where the client's reading is uncertain this one takes the larger set: an item too many asks a question too many,
//! an item too few runs unseen.

mod shell;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::format::frontmatter;
use crate::model::digest::FileDigest;
use crate::model::package::{Package, ServerEntry, Transport, variable_references};
use crate::model::relpath::RelPath;
use crate::model::surface::{Item, Surface, canonical_json};
use crate::model::tree::{FileContent, Tree};

/// Variables that the client itself sets.
const CLIENT_VARIABLES: [&str; 5] =
    ["CLAUDE_PLUGIN_ROOT", "CLAUDE_PLUGIN_DATA", "CLAUDE_PROJECT_DIR", "CLAUDE_SESSION_ID", "CLAUDE_SKILL_DIR"];

/// Frontmatter of skills and commands that grants a power, takes one away, or says how commands in the text run.
const SKILL_GRANTS: [&str; 5] = ["allowed-tools", "disallowed-tools", "disallowedTools", "hooks", "shell"];

/// Frontmatter of agents that does.
const AGENT_GRANTS: [&str; 6] = ["tools", "disallowedTools", "allowed-tools", "mcpServers", "permissionMode", "hooks"];

/// Keys of server entries that have a field of their own in [`Item::Server`].
const SERVER_FIELDS: [&str; 7] = ["type", "command", "args", "url", "env", "headers", "headersHelper"];

/// Keys whose texts are for people or for the model: a file named there is not run.
const PROSE_KEYS: [&str; 5] = ["prompt", "description", "name", "statusMessage", "url"];

/// Extensions of what an interpreter, a loader or a build tool runs. Markdown, JSON and plain text are not here:
/// they count when their mode, first bytes or a configuration says that they run.
#[rustfmt::skip]
const PROGRAM_EXTENSIONS: [&str; 62] = [
    // shells
    "sh", "bash", "zsh", "fish", "ksh", "csh", "command", "ps1", "psm1", "bat", "cmd", "vbs", "wsf", "hta",
    "applescript", "scpt", "awk", "nu",
    // interpreted languages
    "py", "pyw", "rb", "pl", "pm", "php", "lua", "tcl", "r", "jl", "groovy", "ex", "exs", "clj", "scm",
    // JavaScript and its relatives
    "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx",
    // compiled languages that have a `run`
    "go", "rs", "swift", "kts", "java", "cs", "dart",
    // bytecode, libraries and executables
    "pyc", "pyo", "pyd", "class", "jar", "war", "so", "dll", "dylib", "node", "wasm", "exe", "com", "msi",
];

/// File names that build tools run.
const PROGRAM_NAMES: [&str; 5] = ["makefile", "gnumakefile", "justfile", "rakefile", ".envrc"];

/// The surface of a package.
#[must_use]
pub fn surface(package: &Package, tree: &Tree) -> Surface {
    let mut found = Found::default();
    for hooks in &package.hooks {
        found.hooks(hooks);
    }
    for (name, server) in &package.servers {
        found.server(name.as_str(), server);
    }
    for (name, config) in &package.lsp {
        found.surface.add(Item::Lsp { name: name.clone(), config: canonical_json(config) });
        found.configuration(config);
    }
    for config in &package.monitors {
        found.surface.add(Item::Monitor { config: canonical_json(config) });
        found.configuration(config);
    }
    for skill in &package.skills {
        let path = skill.dir.as_ref().map_or_else(|| "SKILL.md".to_owned(), |dir| format!("{dir}/SKILL.md"));
        found.text(&path, tree, &SKILL_GRANTS);
    }
    for path in &package.commands {
        found.text(path.as_str(), tree, &SKILL_GRANTS);
    }
    for path in &package.agents {
        found.text(path.as_str(), tree, &AGENT_GRANTS);
    }
    for (key, value) in package.settings.iter().flatten() {
        found.grant("settings.json", key, value);
    }
    for (path, file) in tree.files() {
        if package.bin.contains(path) || is_program(path, file) || found.is_named(path) {
            found.surface.add(Item::Program {
                path: path.to_string(),
                executable: file.executable,
                sha256: FileDigest::of(&file.bytes).hex(),
            });
        }
    }
    found.surface
}

/// The surface so far, and the texts of configuration that may name files.
#[derive(Default)]
struct Found {
    surface: Surface,
    texts: BTreeSet<String>,
}

impl Found {
    /// One item a handler; what has another shape is kept whole.
    fn hooks(&mut self, hooks: &Map<String, Value>) {
        for (event, groups) in hooks {
            self.configuration(groups);
            match groups {
                Value::Array(groups) => groups.iter().for_each(|group| self.hook_group(event, group)),
                odd => self.hook(event, "", odd),
            }
        }
    }

    fn hook_group(&mut self, event: &str, group: &Value) {
        let matcher = group.get("matcher").map_or(Some(""), Value::as_str);
        let (Some(matcher), Some(Value::Array(handlers))) = (matcher, group.get("hooks")) else {
            return self.hook(event, "", group);
        };
        let others = group.as_object().into_iter().flatten().filter(|(key, _)| *key != "matcher" && *key != "hooks");
        let mut whole: Map<String, Value> = others.map(|(key, value)| (key.clone(), value.clone())).collect();
        for handler in handlers {
            if whole.is_empty() {
                self.hook(event, matcher, handler);
            } else {
                whole.insert("hooks".to_owned(), Value::Array(vec![handler.clone()]));
                self.hook(event, matcher, &Value::Object(whole.clone()));
            }
        }
    }

    fn hook(&mut self, event: &str, matcher: &str, action: &Value) {
        let (event, matcher) = (event.to_owned(), matcher.to_owned());
        self.surface.add(Item::Hook { event, matcher, action: canonical_json(action) });
    }

    fn server(&mut self, name: &str, server: &ServerEntry) {
        let text = |value: &Value| value.as_str().map_or_else(|| canonical_json(value), str::to_owned);
        let table = |key: &str| {
            let members = server.json.get(key).and_then(Value::as_object).into_iter().flatten();
            members.map(|(key, value)| (key.clone(), text(value))).collect()
        };
        let (transport, command, args, url) = match &server.transport {
            Transport::Stdio { command, args } => ("stdio", Some(command.clone()), args.clone(), None),
            Transport::Remote { kind, url } => (*kind, None, Vec::new(), Some(url.clone())),
        };
        self.surface.add(Item::Server {
            name: name.to_owned(),
            transport: transport.to_owned(),
            command,
            args,
            url,
            env: table("env"),
            headers: table("headers"),
            headers_helper: server.json.get("headersHelper").map(text),
        });
        for (key, value) in server.json.iter().filter(|(key, _)| !SERVER_FIELDS.contains(&key.as_str())) {
            self.grant(&format!("mcpServers.{name}"), key, value);
        }
        self.configuration(&Value::Object(server.json.clone()));
    }

    /// Commands in the text and powers in the frontmatter of a Markdown file.
    fn text(&mut self, path: &str, tree: &Tree, keys: &[&str]) {
        let Some(file) = tree.get(path) else { return };
        let text = String::from_utf8_lossy(&file.bytes);
        for command in shell::commands(&text) {
            self.surface.add(Item::ShellInText { path: path.to_owned(), command: command.to_owned() });
            self.texts.insert(command.to_owned());
        }
        let frontmatter = frontmatter::read(&text);
        if let Some(block) = frontmatter.unread() {
            return self.grant(path, "frontmatter", &Value::from(block));
        }
        for (key, value) in frontmatter.fields.iter().filter(|(key, _)| keys.contains(&key.as_str())) {
            self.grant(path, key, value);
            if matches!(key.as_str(), "hooks" | "mcpServers") {
                self.configuration(value);
            }
        }
    }

    fn grant(&mut self, path: &str, key: &str, value: &Value) {
        self.surface.add(Item::Grant { path: path.to_owned(), key: key.to_owned(), value: canonical_json(value) });
    }

    /// Variables and hosts that configuration names.
    fn configuration(&mut self, value: &Value) {
        self.strings(value, true);
    }

    fn strings(&mut self, value: &Value, may_run: bool) {
        match value {
            Value::String(text) => {
                variable_references(text).for_each(|(name, _)| self.variable(name));
                hosts(text).for_each(|name| self.surface.add(Item::Host { name }));
                if may_run {
                    self.texts.insert(text.clone());
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.strings(item, may_run)),
            Value::Object(members) => {
                for (key, member) in members {
                    if let ("env", Value::Object(variables)) = (key.as_str(), member) {
                        variables.keys().for_each(|name| self.variable(name));
                    }
                    self.strings(member, may_run && !PROSE_KEYS.contains(&key.as_str()));
                }
            }
            _ => {}
        }
    }

    fn variable(&mut self, name: &str) {
        if !CLIENT_VARIABLES.contains(&name) {
            self.surface.add(Item::Env { name: name.to_owned() });
        }
    }

    /// Whether a configuration names the file: its path, or its name after a `cd`.
    fn is_named(&self, path: &RelPath) -> bool {
        let names = |text: &str, name: &str, may_follow_slash: bool| {
            text.match_indices(name).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let after = text[at + name.len()..].chars().next();
                let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
                !before.is_some_and(|c| is_part(c) || (c == '/' && !may_follow_slash)) && !after.is_some_and(is_part)
            })
        };
        self.texts.iter().any(|text| names(text, path.as_str(), true) || names(text, path.file_name(), false))
    }
}

/// Whether a machine can run the file as it is.
fn is_program(path: &RelPath, file: &FileContent) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    file.executable
        || path.as_str().starts_with("bin/")
        || PROGRAM_EXTENSIONS.contains(&extension)
        || PROGRAM_NAMES.contains(&name.as_str())
        || is_program_by_content(&file.bytes)
}

/// `#!`, and the magic numbers of ELF, PE, Mach-O, Java classes and WebAssembly.
fn is_program_by_content(bytes: &[u8]) -> bool {
    const MAGIC: [&[u8]; 9] = [
        b"#!",
        b"\x7fELF",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\xca\xfe\xba\xbf",
        b"\0asm",
    ];
    // Prose can start with the letters MZ; the header of a program has zero bytes.
    let is_pe = bytes.starts_with(b"MZ") && bytes.iter().take(64).any(|byte| *byte == 0);
    is_pe || MAGIC.iter().any(|magic| bytes.starts_with(magic))
}

/// The hosts of the URLs in a text, lower-case; one that a variable supplies is not known here.
fn hosts(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("://").filter_map(|(at, separator)| {
        let rest = &text[at + separator.len()..];
        let ends = |c: char| c.is_whitespace() || "/?#\\\"'`<>(),;|&".contains(c);
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
        let host = match address.strip_prefix('[') {
            Some(v6) => v6.split(']').next()?,
            None => address.split(':').next()?,
        };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty() && !host.contains(['$', '{', '}'])).then_some(host)
    })
}

#[cfg(test)]
mod tests;
