//! What a package offers, read by the client's own rules [claude-code.md §3.5].

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::dependency::Need;
use super::name::{PackageName, ServerName, SkillName};
use super::relpath::RelPath;

/// The components of a package tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Package {
    /// What the tree is as a whole.
    pub shape: Shape,
    /// The name in plugin.json: the namespace of its components.
    pub namespace: Option<String>,
    /// The version in plugin.json, as written.
    pub version: Option<String>,
    /// One line about it, if the author wrote one.
    pub description: Option<String>,
    /// Packages its plugin.json asks for.
    pub dependencies: Vec<Need>,
    /// Its skills.
    pub skills: Vec<Skill>,
    /// Command files.
    pub commands: Vec<RelPath>,
    /// Agent files.
    pub agents: Vec<RelPath>,
    /// Hook configurations, each the object from event to matchers.
    pub hooks: Vec<Map<String, Value>>,
    /// MCP servers that the client would accept.
    pub servers: BTreeMap<ServerName, ServerEntry>,
    /// Keys of MCP servers that the client would skip or that cpm will not write.
    pub odd_servers: Vec<String>,
    /// The program of a `server.json` that is named without one exact version.
    pub unpinned: Option<String>,
    /// Language servers by key.
    pub lsp: BTreeMap<String, Value>,
    /// Background monitors.
    pub monitors: Vec<Value>,
    /// Files of `output-styles/`, `themes/` and `workflows/`.
    pub styles: Vec<RelPath>,
    /// Files of `bin/`.
    pub bin: Vec<RelPath>,
    /// Settings the plugin brings.
    pub settings: Option<Map<String, Value>>,
    /// What the client will skip or read otherwise than the author may think.
    pub notes: Vec<String>,
}

/// What a package tree is as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// A folder with SKILL.md.
    Skill,
    /// A plugin whose author wrote plugin.json.
    #[default]
    Plugin,
    /// A plugin without plugin.json: cpm writes one when it places the whole tree.
    Unnamed,
    /// Nothing but MCP servers.
    Servers,
}

/// A skill of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// The folder name; `Err` keeps one the client would take but cpm will not create.
    pub name: Result<SkillName, String>,
    /// The folder in the package; `None` for the whole package.
    pub dir: Option<RelPath>,
    /// From the frontmatter.
    pub description: Option<String>,
}

/// An MCP server entry in the form the client stores it: `type` always there, only keys the client knows.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerEntry {
    /// How the client reaches it.
    pub transport: Transport,
    /// The entry, `type` first.
    pub json: Map<String, Value>,
}

/// How the client reaches an MCP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// It starts a program.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// It connects to an address.
    Remote {
        /// `http`, `sse` or `ws`.
        kind: &'static str,
        /// The address, perhaps with `${VAR}`.
        url: String,
    },
}

impl Skill {
    /// What it is called in a scope: one that is the whole package, like the package. Nothing where it cannot have a
    /// folder of its own.
    #[must_use]
    pub fn called(&self, package: &PackageName) -> Option<SkillName> {
        if self.dir.is_none() { Some(package.to_skill()) } else { self.name.clone().ok() }
    }
}

impl Package {
    /// Whether it has nothing but skills and MCP servers.
    #[must_use]
    pub fn is_only_skills_and_servers(&self) -> bool {
        self.commands.is_empty()
            && self.agents.is_empty()
            && self.hooks.is_empty()
            && self.lsp.is_empty()
            && self.monitors.is_empty()
            && self.styles.is_empty()
            && self.bin.is_empty()
            && self.settings.is_none()
    }

    /// What it is, in a word for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Skill => "skill",
            Shape::Servers => "MCP server",
            Shape::Plugin | Shape::Unnamed => "plugin",
        }
    }
}

/// The names of the `${VAR}` references in a text, without those that have a default.
pub fn required_variables(text: &str) -> impl Iterator<Item = &str> {
    variable_references(text).filter_map(|(name, has_default)| (!has_default).then_some(name))
}

/// The `${VAR}` and `${VAR:-default}` references in a text, and whether each has a default.
pub fn variable_references(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.split("${").skip(1).filter_map(|rest| {
        let inner = &rest[..rest.find('}')?];
        let (name, has_default) = inner.split_once(":-").map_or((inner, false), |(name, _)| (name, true));
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        valid.then_some((name, has_default))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_as_the_client_expands_them() {
        let text = "Bearer ${TOKEN} ${OPT:-x} ${} ${1x} ${user_config.key} ${A}${B";
        assert_eq!(variable_references(text).collect::<Vec<_>>(), [("TOKEN", false), ("OPT", true), ("A", false)]);
        assert_eq!(required_variables(text).collect::<Vec<_>>(), ["TOKEN", "A"]);
    }
}
