//! The content gate: what must not reach the client, checked on every file before anything is written.
//!
//! Blocking rules are those without a false positive on thousands of real packages [security.md §3.9, §6.3]; all else
//! is a warning. Nothing in a package can switch the gate off.

mod attributes;
mod configuration;
mod hidden;
mod patterns;
mod secret;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::format::frontmatter::{self, State};
use crate::model::package::{Package, Shape};
use crate::model::relpath::RelPath;
use crate::model::tree::Tree;

/// Largest SKILL.md; the longest real one has a fifth of it.
const MAX_SKILL: usize = 1 << 20;
/// Longest line that is not remarked on.
const MAX_LINE: usize = 200_000;
/// Warnings a package gets at most; the rest is counted.
const MAX_WARNINGS: usize = 10;
/// Findings told in one error.
const MAX_CAUSES: usize = 5;

/// Configuration that the client reads.
const CLIENT_FILES: [&str; 6] =
    ["plugin.json", "hooks.json", ".mcp.json", ".lsp.json", "monitors.json", "settings.json"];

/// Extensions of text that is read as far as it goes when it is not UTF-8.
const TEXT_EXTENSIONS: [&str; 16] =
    ["json", "jsonc", "yaml", "yml", "toml", "txt", "sh", "bash", "zsh", "ps1", "py", "rb", "js", "mjs", "cjs", "ts"];

/// Documents that are archives by their format, and programs that the surface lists.
const DOCUMENT_EXTENSIONS: [&str; 9] = ["docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "jar", "war"];

/// Checks a package; returns what the user should be told.
///
/// # Errors
/// [`Kind::Content`] for hidden characters, text that is not UTF-8, literal secrets and configuration inside a skill;
/// [`Kind::Policy`] for settings and addresses that a package may not bring.
pub fn check(package: &Package, tree: &Tree) -> Result<Vec<String>> {
    let mut gate = Gate { prompts: prompts(package), ..Gate::default() };
    for (path, file) in tree.files() {
        gate.file(path, &file.bytes);
    }
    gate.hidden_from_review(tree);
    if gate.blocks.is_empty() {
        gate.package_values(package);
    }
    gate.verdict()?;
    check_nested_configuration(package, tree)?;
    let warnings = configuration::check(package)?;
    Ok(gate.told_with(warnings))
}

#[derive(Default)]
struct Gate {
    /// Files that the model gets as they are.
    prompts: BTreeSet<String>,
    blocks: Vec<Block>,
    /// What is remarkable, and where.
    remarks: BTreeMap<String, Vec<String>>,
}

/// Why a package is blocked.
struct Block {
    place: String,
    message: String,
    cause: String,
}

/// How much of a file must be UTF-8 text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// All: the client or the model gets it as it is.
    Whole,
    /// All but a stray zero byte: what the model may read when it works. Two real plugins of 748 have damaged drawings.
    Prose,
    /// What is text is read as text.
    AsFarAsItGoes,
    /// It is text only if it is text as a whole.
    Perhaps,
}

/// Whether zero bytes are damage in a text; in UTF-16 every second byte is one.
fn has_few_zeros(bytes: &[u8]) -> bool {
    let zeros = bytes.split(|byte| *byte == 0).count() - 1;
    zeros * 100 < bytes.len()
}

impl Gate {
    fn file(&mut self, path: &RelPath, bytes: &[u8]) {
        let name = path.file_name();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        let is_prompt = name == "SKILL.md" || self.prompts.contains(path.as_str());
        let is_markdown = matches!(extension.as_str(), "md" | "mdx" | "markdown");
        let is_client_file = CLIENT_FILES.contains(&name);
        let strictness = if is_prompt || is_client_file {
            Strictness::Whole
        } else if is_markdown {
            Strictness::Prose
        } else if TEXT_EXTENSIONS.contains(&extension.as_str()) {
            Strictness::AsFarAsItGoes
        } else {
            Strictness::Perhaps
        };
        self.decoded(path.as_str(), "the name of a file", path.as_str(), true);
        if may_hold_secrets(name, bytes) {
            self.remark("may hold secrets of its author", path.to_string());
        }
        if name == "SKILL.md" && bytes.len() > MAX_SKILL {
            let cause = format!("it has {} bytes, and a skill may have {MAX_SKILL}", bytes.len());
            self.block(path.to_string(), format!("`{path}` is too large"), cause);
        }
        if is_archive(bytes) && !DOCUMENT_EXTENSIONS.contains(&extension.as_str()) {
            self.remark("is an archive, and cpm does not look into it", path.to_string());
        }
        let Some(text) = self.text(path, bytes, strictness) else { return };
        let already = self.blocks.len();
        let scale = if is_prompt { hidden::Scale::Prompt } else { hidden::Scale::Text };
        let found = hidden::scan(&text, scale);
        for block in found.blocks {
            let place = format!("{path}:{}", block.line);
            self.hidden(&place, &format!("`{path}`"), &block);
        }
        for (what, line) in found.warnings {
            self.remark(&format!("contains {what}"), format!("{path}:{line}"));
        }
        if is_prompt || is_markdown {
            hidden::out_of_sight(&text)
                .into_iter()
                .for_each(|(what, line)| self.remark(what, format!("{path}:{line}")));
            if text.lines().any(|line| line.len() > MAX_LINE) {
                self.remark("has a line too long to read", path.to_string());
            }
        }
        if self.blocks.len() > already {
            return;
        }
        if is_client_file && let Ok(value) = serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            self.value(path.as_str(), &value, false);
        }
        if is_prompt {
            self.frontmatter(path.as_str(), &text);
        }
    }

    /// The text of a file: all or nothing where the client or the model reads it, as far as it goes elsewhere.
    fn text<'a>(&mut self, path: &RelPath, bytes: &'a [u8], strictness: Strictness) -> Option<Cow<'a, str>> {
        let zero = bytes.iter().position(|byte| *byte == 0);
        let bad = match std::str::from_utf8(bytes) {
            Ok(text) if zero.is_none() || (strictness == Strictness::Prose && has_few_zeros(bytes)) => {
                return Some(Cow::Borrowed(text));
            }
            Ok(_) => zero.unwrap_or_default(),
            Err(error) => error.valid_up_to().min(zero.unwrap_or(usize::MAX)),
        };
        if matches!(strictness, Strictness::Whole | Strictness::Prose) {
            let cause = format!("byte {bad} is not part of UTF-8 text");
            self.block(
                path.to_string(),
                format!("`{path}` is not valid UTF-8, so cpm cannot tell what it says"),
                cause,
            );
            return None;
        }
        // Neither: a picture or the like.
        (strictness == Strictness::AsFarAsItGoes).then(|| {
            self.remark("is not valid UTF-8", path.to_string());
            String::from_utf8_lossy(bytes)
        })
    }

    fn frontmatter(&mut self, path: &str, text: &str) {
        let frontmatter = frontmatter::read(text);
        let is_unclosed = frontmatter.state == State::Unclosed;
        let length = if is_unclosed { text.len() } else { frontmatter.body_offset() };
        if length > frontmatter::MAX_BLOCK {
            let cause = format!("{length} bytes follow its first `---`, and cpm reads {}", frontmatter::MAX_BLOCK);
            self.block(path.to_owned(), format!("`{path}` has frontmatter too large to check"), cause);
        } else if frontmatter.state == State::Excessive {
            let cause = "it has more anchors, levels or values than any reader should have to follow".to_owned();
            self.block(path.to_owned(), format!("`{path}` has frontmatter too large to check"), cause);
        }
        if let Some(pattern) = frontmatter.fields.get("paths").and_then(patterns::bomb) {
            let cause = format!("`{}` stands for more than {} patterns", pattern.escape_debug(), patterns::MOST);
            self.block(path.to_owned(), format!("`{path}` has a pattern without end in `paths`"), cause);
        }
        for (key, value) in &frontmatter.fields {
            self.decoded(path, "a key", key, true);
            self.value(path, value, true);
        }
    }

    /// In a project the files are reviewed as changes, and `.gitattributes` says which of them are shown.
    fn hidden_from_review(&mut self, tree: &Tree) {
        for (path, file) in tree.files().filter(|(path, _)| path.file_name() == ".gitattributes") {
            let folder = path.parents().last().map_or_else(String::new, |folder| format!("{folder}/"));
            let for_review = tree.files().map(|(path, _)| path).filter(|path| self.is_for_review(path));
            let below: Vec<&str> = for_review.filter_map(|path| path.as_str().strip_prefix(&folder)).collect();
            if let Some(cause) = attributes::hide_any(&String::from_utf8_lossy(&file.bytes), &below) {
                let message = format!("`{path}` hides files from those who review changes");
                self.block(path.to_string(), message, cause);
            }
        }
    }

    /// Whether the client or the model reads it.
    fn is_for_review(&self, path: &RelPath) -> bool {
        let name = path.file_name();
        name == "SKILL.md" || self.prompts.contains(path.as_str()) || CLIENT_FILES.contains(&name)
    }

    /// Configuration that may stand in any file of the package.
    fn package_values(&mut self, package: &Package) {
        package.hooks.iter().for_each(|hooks| self.value("the hooks", &Value::Object(hooks.clone()), false));
        package
            .servers
            .values()
            .for_each(|server| self.value("the servers", &Value::Object(server.json.clone()), false));
        package.lsp.values().for_each(|config| self.value("the language servers", config, false));
        package.monitors.iter().for_each(|config| self.value("the monitors", config, false));
        package
            .settings
            .iter()
            .for_each(|settings| self.value("the settings", &Value::Object(settings.clone()), false));
        package.description.iter().for_each(|text| self.decoded("the package", "the description", text, false));
    }

    /// Texts inside JSON and YAML, where an escape is what the file shows.
    fn value(&mut self, place: &str, value: &Value, is_prompt: bool) {
        match value {
            Value::String(text) => self.decoded(place, "a value", text, is_prompt),
            Value::Array(items) => items.iter().for_each(|item| self.value(place, item, is_prompt)),
            Value::Object(members) => members.iter().for_each(|(key, member)| {
                self.decoded(place, "a key", key, is_prompt);
                self.value(place, member, is_prompt);
            }),
            _ => {}
        }
    }

    fn decoded(&mut self, place: &str, what: &str, text: &str, is_prompt: bool) {
        let scale = if is_prompt { hidden::Scale::Prompt } else { hidden::Scale::Text };
        for block in hidden::scan(text, scale).blocks {
            let place = hidden::escape(place);
            self.hidden(&place, &format!("{what} in `{place}`"), &block);
        }
    }

    fn hidden(&mut self, place: &str, what: &str, found: &hidden::Finding) {
        let code = u32::from(found.code);
        let cause = format!("{place}: {}", found.shown);
        self.block(place.to_owned(), format!("{what} contains U+{code:04X}, {}", found.what), cause);
    }

    fn block(&mut self, place: String, message: String, cause: String) {
        self.blocks.push(Block { place, message, cause });
    }

    fn remark(&mut self, what: &str, place: String) {
        self.remarks.entry(what.to_owned()).or_default().push(place);
    }

    /// # Errors
    /// [`Kind::Content`] with the first finding in front.
    fn verdict(&self) -> Result<()> {
        let Some(first) = self.blocks.first() else { return Ok(()) };
        let mut error = Error::new(Kind::Content, first.message.clone()).at(&first.place).help(
            "do not install it before its author has explained or removed this; people cannot see it, models can",
        );
        for block in self.blocks.iter().take(MAX_CAUSES) {
            error = error.because(&block.cause);
        }
        match self.blocks.len().checked_sub(MAX_CAUSES) {
            Some(more @ 1..) => Err(error.because(format!("and {more} more"))),
            _ => Err(error),
        }
    }

    /// The warnings, those about configuration first.
    fn told_with(self, mut warnings: Vec<String>) -> Vec<String> {
        for (what, places) in self.remarks {
            let others = match places.len() - 1 {
                0 => String::new(),
                1 => " (and one more place)".to_owned(),
                more => format!(" (and {more} more places)"),
            };
            warnings.extend(places.first().map(|place| format!("`{place}` {what}{others}")));
        }
        if warnings.len() > MAX_WARNINGS {
            let more = warnings.len() - (MAX_WARNINGS - 1);
            warnings.truncate(MAX_WARNINGS - 1);
            warnings.push(format!("and {more} more warnings"));
        }
        warnings
    }
}

/// The files whose whole text the model gets.
fn prompts(package: &Package) -> BTreeSet<String> {
    let skills = package.skills.iter().map(|skill| match &skill.dir {
        Some(dir) => format!("{dir}/SKILL.md"),
        None => "SKILL.md".to_owned(),
    });
    skills.chain(package.commands.iter().chain(&package.agents).map(RelPath::to_string)).collect()
}

/// By the first bytes of zip, gzip, bzip2, xz, zstd, 7z and rar, and the mark of tar.
fn is_archive(bytes: &[u8]) -> bool {
    const MAGIC: [&[u8]; 7] = [
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"BZh",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
    ];
    MAGIC.iter().any(|magic| bytes.starts_with(magic)) || bytes.get(257..262) == Some(&b"ustar"[..])
}

/// Files that people publish by mistake.
fn may_hold_secrets(name: &str, bytes: &[u8]) -> bool {
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    match name {
        ".env" | ".env.local" | ".env.production" | ".netrc" | ".pypirc" => true,
        ".npmrc" => holds(b"_auth") || holds(b"_password"),
        _ if name.ends_with(".pem") || name.starts_with("id_") => holds(b"PRIVATE KEY-----"),
        _ => false,
    }
}

/// A skill folder is copied to where the client works: configuration in it would configure the client.
fn check_nested_configuration(package: &Package, tree: &Tree) -> Result<()> {
    let folders: Vec<&RelPath> = package.skills.iter().filter_map(|skill| skill.dir.as_ref()).collect();
    for (path, _) in tree.files() {
        let whole = (package.shape == Shape::Skill).then(|| path.clone());
        let inside = whole.or_else(|| folders.iter().find_map(|dir| path.strip_dir(dir)));
        if inside.is_some_and(|inside| is_client_configuration(&inside)) {
            return Err(Error::new(Kind::Content, format!("`{path}` would configure the client from inside a skill"))
                .at(path)
                .because("the client reads `CLAUDE.md`, `.claude/` and `.mcp.json` in the folders it works in")
                .help("ask the author to keep them out of the skill's folder"));
        }
    }
    Ok(())
}

fn is_client_configuration(path: &RelPath) -> bool {
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    let name = path.file_name();
    ["CLAUDE.md", "CLAUDE.local.md", ".mcp.json"].iter().any(|wanted| is(name, wanted))
        || path.parents().any(|dir| is(dir.rsplit('/').next().unwrap_or(dir), ".claude"))
}

#[cfg(test)]
mod tests;
