//! Reads a package tree by the client's own rules: what it would load from it, and what it would skip
//! [claude-code.md §3.5].

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::format::plugin::{ComponentPath, Declared, PluginManifest};
use crate::format::{frontmatter, hooks, json, mcp, plugin, server_json};
use crate::model::name::SkillName;
use crate::model::package::{Package, Shape, Skill};
use crate::model::relpath::RelPath;
use crate::model::tree::Tree;

/// Where an author's plugin.json is.
pub const MANIFEST: &str = ".claude-plugin/plugin.json";

/// Where an MCP server says how to have it, in the form of the MCP registry.
const REGISTRY_FILE: &str = "server.json";

/// Folders that the client reads components from. `bin` is left to the package where only a `server.json` is of
/// interest: the sources of many servers have one.
const FOLDERS: [&str; 7] = ["skills", "commands", "agents", "hooks", "output-styles", "monitors", "bin"];

/// Reads a package. `given` is the plugin.json that an index gives where the author gave none.
///
/// # Errors
/// [`Kind::Invalid`] when the client would refuse the plugin or there is nothing in it to load; [`Kind::UnsafeTree`]
/// for paths that leave it.
pub fn inspect(tree: &Tree, given: Option<&str>) -> Result<Package> {
    let package = read(tree, given)?;
    if is_empty(&package) {
        return Err(nothing_to_load(tree, &package));
    }
    Ok(package)
}

/// [`inspect`] for what is there already, which may have nothing to load.
pub(super) fn read(tree: &Tree, given: Option<&str>) -> Result<Package> {
    let manifest = read_manifest(tree, given)?;
    let shape = shape(tree, manifest.is_some(), given.is_some() && tree.get(MANIFEST).is_none());
    let manifest = manifest.unwrap_or_default();
    let mut package = Package {
        shape,
        namespace: (!manifest.name.is_empty()).then(|| manifest.name.clone()),
        version: manifest.version.clone(),
        description: manifest.description.clone(),
        dependencies: manifest.dependencies.clone(),
        ..Package::default()
    };
    match shape {
        Shape::Skill => {
            let skill = read_skill(tree, None, "skill", false);
            package.description = skill.description.clone();
            package.skills.push(skill);
        }
        Shape::Servers if tree.get(".mcp.json").is_some() => read_servers(tree, &manifest, &mut package)?,
        Shape::Servers => read_registry_file(tree, &mut package)?,
        Shape::Plugin | Shape::Unnamed => {
            // An entry that lists skills means these and no others; a plugin.json adds to the default folder.
            // With commands and agents it is the other way round.
            let is_entry = shape == Shape::Unnamed;
            read_skills(tree, &manifest.skills, is_entry, &mut package);
            let notes = &mut package.notes;
            package.commands = markdown(tree, manifest.commands.as_deref(), "commands", is_entry, notes);
            package.agents = markdown(tree, manifest.agents.as_deref(), "agents", is_entry, notes);
            read_hooks(tree, &manifest, &mut package)?;
            read_servers(tree, &manifest, &mut package)?;
            read_lsp(tree, &manifest, &mut package)?;
            read_rest(tree, &manifest, &mut package)?;
        }
    }
    Ok(package)
}

fn read_manifest(tree: &Tree, given: Option<&str>) -> Result<Option<PluginManifest>> {
    match (tree.get(MANIFEST), given) {
        (Some(file), _) => plugin::parse(&file.bytes, MANIFEST).map(Some),
        (None, Some(text)) => plugin::parse(text.as_bytes(), "plugin.json from the index").map(Some),
        (None, None) => Ok(None),
    }
}

fn shape(tree: &Tree, has_manifest: bool, is_given: bool) -> Shape {
    if is_given {
        Shape::Unnamed
    } else if has_manifest {
        Shape::Plugin
    } else if tree.get("SKILL.md").is_some() {
        Shape::Skill
    } else if is_only_servers(tree) {
        Shape::Servers
    } else {
        Shape::Unnamed
    }
}

fn is_only_servers(tree: &Tree) -> bool {
    let is_registered = || tree.get(REGISTRY_FILE).is_some_and(|file| server_json::is_one(&file.bytes));
    match tree.get(".mcp.json") {
        Some(_) => !has_components(tree, &FOLDERS),
        None => is_registered() && !has_components(tree, &FOLDERS[..6]),
    }
}

fn has_components(tree: &Tree, folders: &[&str]) -> bool {
    let in_folder = |path: &RelPath| path.parents().next().is_some_and(|top| folders.contains(&top));
    tree.get(".lsp.json").is_some() || tree.files().any(|(path, _)| in_folder(path))
}

fn is_empty(package: &Package) -> bool {
    package.is_only_skills_and_servers() && package.skills.is_empty() && package.servers.is_empty()
}

fn nothing_to_load(tree: &Tree, package: &Package) -> Error {
    let error = Error::new(Kind::Invalid, "there is nothing in this package that Claude Code loads");
    let error = package.notes.iter().fold(error, Error::because);
    if tree.get(".claude-plugin/marketplace.json").is_some() {
        return error.help("it is a marketplace: add it with `cpm index add NAME URL`, then install a plugin of it");
    }
    let folders: Vec<&str> = tree
        .files()
        .filter_map(|(path, _)| {
            path.as_str().strip_suffix("/SKILL.md").or(path.as_str().strip_suffix("/.claude-plugin/plugin.json"))
        })
        .take(3)
        .collect();
    match folders.as_slice() {
        [] => error
            .help("a package has a SKILL.md, a .claude-plugin/plugin.json, a .mcp.json or a server.json at its top"),
        some => error.help(format!("name the folder of one package with `--path`, such as {}", some.join(", "))),
    }
}

/// Reads one skill; `fallback` names it where it has no folder, and `is_named` says that a list names its folder itself.
fn read_skill(tree: &Tree, dir: Option<RelPath>, fallback: &str, is_named: bool) -> Skill {
    let file = skill_file(dir.as_ref());
    let text = tree.get(&file).map(|file| String::from_utf8_lossy(&file.bytes));
    let frontmatter = text.as_deref().map(frontmatter::read);
    let of_folder = dir.as_ref().map_or(fallback, RelPath::file_name);
    // What a folder of skills holds is called as its own folder; what is named itself, as it says of itself.
    let of_itself = frontmatter.as_ref().filter(|_| is_named).and_then(|frontmatter| frontmatter.text("name"));
    Skill {
        name: SkillName::parse(of_itself.as_deref().unwrap_or(of_folder)).map_err(|error| error.message().to_owned()),
        description: frontmatter.and_then(|frontmatter| frontmatter.text("description")),
        dir,
    }
}

fn skill_file(dir: Option<&RelPath>) -> String {
    dir.map_or_else(|| "SKILL.md".to_owned(), |dir| format!("{dir}/SKILL.md"))
}

/// The skills of a path that a list names, each with whether it is the path itself: one skill, or all right below it.
fn skills_at(tree: &Tree, path: &ComponentPath) -> BTreeMap<ComponentPath, bool> {
    if tree.get(&skill_file(path.as_ref())).is_some() {
        return BTreeMap::from([(path.clone(), path.is_some())]);
    }
    skill_folders(tree, path.as_ref().map(RelPath::as_str)).map(|folder| (Some(folder), false)).collect()
}

/// Where skills lie if nobody says otherwise.
const SKILLS: &str = "skills";

fn read_skills(tree: &Tree, listed: &[ComponentPath], only_listed: bool, package: &mut Package) {
    let mut skills = BTreeMap::new();
    for path in listed {
        let found = skills_at(tree, path);
        let is_default = path.as_ref().is_some_and(|path| path.as_str() == SKILLS);
        if found.is_empty() && !is_default {
            let shown = path.as_ref().map_or("./", RelPath::as_str);
            package.notes.push(format!("`skills` names `{shown}`, where there is no skill"));
        }
        skills.extend(found);
    }
    // A list that leads nowhere is as none.
    if !only_listed || skills.is_empty() {
        skills.extend(RelPath::parse(SKILLS).ok().into_iter().flat_map(|folder| skills_at(tree, &Some(folder))));
        if tree.get("SKILL.md").is_some() {
            skills.insert(None, false);
        }
    }
    let misspelt = tree.files().map(|(path, _)| path.as_str()).filter(|path| is_nearly_a_skill(path));
    package.notes.extend(misspelt.map(|path| format!("`{path}` is no skill, because it is not called `SKILL.md`")));
    let fallback = package.namespace.clone().unwrap_or_default();
    package.skills = skills.into_iter().map(|(dir, is_named)| read_skill(tree, dir, &fallback, is_named)).collect();
}

/// Whether a file would be a skill with other letters in its name; some file systems do not see the difference.
fn is_nearly_a_skill(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_place = folder.is_empty() || folder.strip_prefix("skills/").is_some_and(|inside| !inside.contains('/'));
    is_place && name != "SKILL.md" && name.eq_ignore_ascii_case("SKILL.md")
}

/// The folders directly below `dir` that hold a SKILL.md.
fn skill_folders<'a>(tree: &'a Tree, dir: Option<&'a str>) -> impl Iterator<Item = RelPath> + 'a {
    tree.files().filter_map(move |(path, _)| {
        let folder = path.as_str().strip_suffix("/SKILL.md")?;
        let inside = match dir {
            Some(dir) => folder.strip_prefix(dir)?.strip_prefix('/')?,
            None => folder,
        };
        (!inside.contains('/')).then(|| RelPath::parse(folder).ok()).flatten()
    })
}

/// The Markdown files of the default folder, or of the files and folders the manifest names instead, or, if it `adds`,
/// besides. What is named and not there is noted.
fn markdown(
    tree: &Tree,
    listed: Option<&[ComponentPath]>,
    default: &str,
    adds: bool,
    notes: &mut Vec<String>,
) -> Vec<RelPath> {
    let named: Vec<&str> =
        listed.unwrap_or_default().iter().map(|path| path.as_ref().map_or("", RelPath::as_str)).collect();
    let mut wanted: BTreeMap<&str, bool> = named.iter().map(|path| (*path, false)).collect();
    if adds || listed.is_none() {
        wanted.entry(default).or_default();
    }
    let mut found = Vec::new();
    for (path, _) in tree.files().filter(|(path, _)| path.as_str().ends_with(".md")) {
        let mut is_wanted = false;
        for place in path.parents().chain([path.as_str(), ""]) {
            if let Some(is_there) = wanted.get_mut(place) {
                (*is_there, is_wanted) = (true, true);
            }
        }
        found.extend(is_wanted.then(|| path.clone()));
    }
    let missing: Vec<String> =
        named.iter().filter(|path| **path != default && !wanted[*path]).map(|path| format!("`{path}`")).collect();
    if !missing.is_empty() {
        notes.push(format!("listed under `{default}`, but not there: {}", missing.join(", ")));
    }
    found
}

/// An object that a field declares, and the file it stands in, if it is one.
type DeclaredObject<'a> = (Option<&'a str>, Map<String, Value>);

/// The JSON objects a field declares: the default file if it is there, then what the manifest adds.
fn declared_objects<'a>(
    tree: &Tree,
    default: &'a str,
    declared: &'a [Declared],
    notes: &mut Vec<String>,
) -> Result<Vec<DeclaredObject<'a>>> {
    let mut objects = Vec::new();
    if let Some(file) = tree.get(default) {
        objects.push((Some(default), json::parse_object(&file.bytes, default)?));
    }
    for item in declared {
        match item {
            Declared::Inline(map) => objects.push((None, map.clone())),
            Declared::File(path) if path.as_str() == default => {}
            Declared::File(path) => match tree.get(path.as_str()) {
                Some(file) => objects.push((Some(path.as_str()), json::parse_object(&file.bytes, path)?)),
                None => notes.push(format!("plugin.json names `{path}`, which is not there")),
            },
        }
    }
    Ok(objects)
}

fn read_hooks(tree: &Tree, manifest: &PluginManifest, package: &mut Package) -> Result<()> {
    for (file, object) in declared_objects(tree, "hooks/hooks.json", &manifest.hooks, &mut package.notes)? {
        let events = match file {
            Some(file) => hooks::of_file(object).map_err(|error| error.at(file))?,
            None => object,
        };
        package.notes.extend(hooks::unknown(&events));
        package.hooks.push(events);
    }
    Ok(())
}

fn read_servers(tree: &Tree, manifest: &PluginManifest, package: &mut Package) -> Result<()> {
    for object in server_objects(tree, manifest, &mut package.notes)? {
        let servers = mcp::read_file(&object);
        package.servers.extend(servers.accepted);
        for (name, why) in servers.refused {
            package.notes.push(format!("the MCP server `{name}` is left out: {why}"));
            package.odd_servers.push(name);
        }
    }
    Ok(())
}

/// What the MCP registry would say of the package: one server, named after the part of its name that is its own.
fn read_registry_file(tree: &Tree, package: &mut Package) -> Result<()> {
    let Some(file) = tree.get(REGISTRY_FILE) else { return Ok(()) };
    let server = server_json::parse(&file.bytes, REGISTRY_FILE)?;
    package.namespace = Some(server.key.as_str().to_ascii_lowercase());
    package.version = Some(server.version);
    package.description = server.description;
    package.unpinned = server.unpinned;
    package.notes.extend(server.notes);
    package.servers.insert(server.key, server.entry);
    Ok(())
}

/// The JSON objects that declare MCP servers; of a server that two of them have, the later one counts.
pub(super) fn server_objects(
    tree: &Tree,
    manifest: &PluginManifest,
    notes: &mut Vec<String>,
) -> Result<Vec<Map<String, Value>>> {
    let objects = declared_objects(tree, ".mcp.json", &manifest.servers, notes)?;
    Ok(objects.into_iter().map(|(_, object)| object).collect())
}

fn read_lsp(tree: &Tree, manifest: &PluginManifest, package: &mut Package) -> Result<()> {
    for (_, object) in declared_objects(tree, ".lsp.json", &manifest.lsp, &mut package.notes)? {
        let servers = match object.get("lspServers") {
            Some(Value::Object(inner)) => inner.clone(),
            _ => object,
        };
        package.lsp.extend(servers);
    }
    Ok(())
}

fn read_rest(tree: &Tree, manifest: &PluginManifest, package: &mut Package) -> Result<()> {
    const MONITORS: &str = "monitors/monitors.json";
    if let Some(file) = tree.get(MONITORS) {
        package.monitors.push(json::parse(&file.bytes, MONITORS)?);
    }
    package.monitors.extend(manifest.monitors.clone());
    let below = |folder: &str| {
        let prefix = format!("{folder}/");
        let files = tree.files().map(|(path, _)| path);
        files.filter(|path| path.as_str().starts_with(&prefix)).cloned().collect::<Vec<_>>()
    };
    package.styles = markdown(tree, manifest.styles.as_deref(), "output-styles", false, &mut package.notes);
    for folder in ["themes", "workflows"] {
        package.styles.extend(below(folder));
    }
    package.bin = below("bin");
    if let Some(file) = tree.get("settings.json") {
        package.settings = Some(json::parse_object(&file.bytes, "settings.json")?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
