//! Packages that many tests install, and short ways to look at what came of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Repo, World};

/// Files of a package.
pub type Files<'a> = [(&'a str, &'a str)];

pub const ALPHA: &str = "---\nname: alpha\ndescription: Does alpha.\n---\nalpha\n";
pub const BETA: &str = "---\nname: beta\ndescription: Does beta.\n---\nbeta\n";

/// A plugin of loose parts: the skill `alpha` and the MCP server `srv`.
pub const KIT: [(&str, &str); 3] = [
    (".claude-plugin/plugin.json", r#"{"name":"kit","version":"1.0.0"}"#),
    ("skills/alpha/SKILL.md", ALPHA),
    (".mcp.json", r#"{"mcpServers":{"srv":{"command":"true"}}}"#),
];

/// A plugin that stays whole.
pub const TOOL: [(&str, &str); 5] = [
    (".claude-plugin/plugin.json", r#"{"name":"tool","version":"1.0.0"}"#),
    ("commands/go.md", "---\ndescription: Goes.\n---\ngo\n"),
    ("agents/helper.md", "---\nname: helper\ndescription: Helps.\n---\nhelp\n"),
    ("hooks/hooks.json", r#"{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"true"}]}]}}"#),
    ("bin/run*", "#!/bin/sh\ntrue\n"),
];

/// Makes a repository and installs it under its name.
pub fn install(world: &World, name: &str, files: &Files<'_>, more: &[&str]) -> Repo {
    let repo = Repo::new(world, name, files);
    let url = repo.url();
    world.ok(&[&["install", name, "--git", &url], more].concat());
    repo
}

/// Makes a repository and adds it to the manifest, with more keys, without installing it.
pub fn depend(world: &World, name: &str, files: &Files<'_>, more: &str) -> Repo {
    let repo = Repo::new(world, name, files);
    world.write("cpm.toml", &format!("[dependencies]\n{name} = {{ git = \"{}\"{more} }}\n", repo.url()));
    repo
}

/// A client's JSON file; it may have a BOM, as the client allows.
pub fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    serde_json::from_slice(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes)).expect("JSON")
}

/// What is at a path: a link's target, a file's bytes or a folder, each with its mode.
#[derive(Debug, PartialEq, Eq)]
pub struct Thing {
    mode: u32,
    content: Option<Vec<u8>>,
}

impl Thing {
    /// A file's bytes or a link's target.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.content.as_deref()
    }
}

/// Everything below a folder, cpm's state, empty folders and links included.
pub fn everything(root: &Path) -> BTreeMap<PathBuf, Thing> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    let mut things = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        let metadata = std::fs::symlink_metadata(&path).expect("metadata");
        let content = if metadata.is_dir() {
            open.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            None
        } else if metadata.is_symlink() {
            Some(std::fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec())
        } else {
            Some(std::fs::read(&path).expect("a file"))
        };
        things.insert(path, Thing { mode: metadata.permissions().mode(), content });
    }
    things
}
