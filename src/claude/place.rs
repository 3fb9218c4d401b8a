//! Where the parts of a package go: whole as a plugin, or each part on its own (design §3).
//!
//! Invariant: what is placed loose works loose: nothing in it refers to the namespace it would have as a plugin, or to
//! parts of the package that would lie elsewhere.

mod reach;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::model::dependency::{Dependency, Placement};
use crate::model::name::{PackageName, ServerName, SkillName};
use crate::model::package::{Package, Shape};
use crate::model::relpath::RelPath;
use crate::model::tree::{Tree, TreeFile};
use crate::model::version::Version;

/// A package as it will lie in a scope.
#[derive(Debug, Clone)]
pub struct Placed {
    /// How.
    pub placement: Placement,
    /// Folders of the scope's skills folder, by name.
    pub dirs: BTreeMap<SkillName, Tree>,
    /// Entries of the scope's MCP file, by name.
    pub servers: BTreeMap<ServerName, Map<String, Value>>,
}

/// What is known of a package besides its content.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// What the scope calls it.
    pub name: &'a PackageName,
    /// Its version, for a plugin.json that cpm writes.
    pub version: &'a Version,
    /// The plugin.json an index gave.
    pub manifest: Option<&'a str>,
    /// What the scope's manifest says of it; `None` for a package that only others need.
    pub dependency: Option<&'a Dependency>,
}

/// Decides and carries out the placement, in memory.
///
/// # Errors
/// [`Kind::Invalid`] when the manifest asks for something the package does not have or cannot do.
pub fn place(package: &Package, tree: &Tree, identity: Identity<'_>) -> Result<Placed> {
    let asked = identity.dependency.and_then(|dependency| dependency.placement);
    let by_content = || if can_be_loose(package, tree, identity.name) { Placement::Loose } else { Placement::Plugin };
    let placement = asked.unwrap_or_else(by_content);
    refuse_unpinned(package, identity.dependency)?;
    match placement {
        Placement::Plugin => place_as_plugin(package, tree, identity),
        Placement::Loose => place_loose(package, tree, identity),
    }
    .map_err(|error| error.context(format!("`{}` cannot be placed as the manifest asks", identity.name)))
}

/// A `server.json` names a program of another registry, whose bytes no lock holds; an exact version is the least.
fn refuse_unpinned(package: &Package, dependency: Option<&Dependency>) -> Result<()> {
    match &package.unpinned {
        Some(program) if !dependency.is_some_and(|dependency| dependency.allow_unpinned) => {
            let what = format!("its MCP server runs `{program}`, which is not one exact version");
            Err(Error::new(Kind::Policy, what).because("what runs could change any day, and nobody would see it").help(
                "ask its author for an exact version (an image: its digest), or install it with `--allow-unpinned`",
            ))
        }
        _ => Ok(()),
    }
}

/// A skill is a folder as it is, and servers are entries: there is nothing to decide. A plugin must qualify.
fn can_be_loose(package: &Package, tree: &Tree, name: &PackageName) -> bool {
    match package.shape {
        Shape::Skill | Shape::Servers => true,
        Shape::Plugin | Shape::Unnamed => {
            let folders: Vec<&RelPath> = package.skills.iter().filter_map(|skill| skill.dir.as_ref()).collect();
            package.is_only_skills_and_servers()
                && package.odd_servers.is_empty()
                && package.skills.iter().all(|skill| skill.name.is_ok() && skill.dir.is_some())
                && !refers_to_itself(package, tree, package.namespace.as_deref().unwrap_or(name.as_str()))
                && !reach::leads_out(tree, &folders)
        }
    }
}

/// Whether any text of the package needs the names that only a plugin has.
fn refers_to_itself(package: &Package, tree: &Tree, namespace: &str) -> bool {
    let tool = format!("mcp__plugin_{}", namespace.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_"));
    let skills = package.skills.iter().filter_map(|skill| skill.name.as_ref().ok()).map(SkillName::as_str);
    let components = skills.chain(package.servers.keys().map(ServerName::as_str));
    let mut needles: Vec<String> = components.map(|component| format!("{namespace}:{component}")).collect();
    needles.extend(["CLAUDE_PLUGIN_ROOT".to_owned(), "CLAUDE_PLUGIN_DATA".to_owned(), tool]);
    tree.files().any(|(_, file)| {
        let text = String::from_utf8_lossy(&file.bytes);
        needles.iter().any(|needle| text.contains(needle.as_str()))
    })
}

fn place_as_plugin(package: &Package, tree: &Tree, identity: Identity<'_>) -> Result<Placed> {
    if let Some(dependency) = identity.dependency
        && (dependency.skills.is_some() || !dependency.servers.is_empty())
    {
        return Err(Error::new(Kind::Invalid, "`skills` and `servers` choose among loose parts")
            .because("this package is placed as a plugin, which the client loads as a whole")
            .help("remove the keys, or set `placement = \"loose\"`"));
    }
    if package.shape == Shape::Servers && tree.get(".mcp.json").is_none() {
        return Err(Error::new(Kind::Invalid, "an MCP server from a server.json is an entry, and cannot be a plugin")
            .help("remove `placement = \"plugin\"`"));
    }
    let whole = match package.shape {
        Shape::Plugin => tree.clone(),
        Shape::Unnamed | Shape::Skill | Shape::Servers => {
            only_offered_skills(package, tree)?.with(generated_manifest(identity, package)?)?
        }
    };
    Ok(Placed {
        placement: Placement::Plugin,
        dirs: BTreeMap::from([(identity.name.to_skill(), whole)]),
        servers: BTreeMap::new(),
    })
}

/// The tree without the skills that the package does not offer: a marketplace entry may list some of a repository's,
/// but the client loads every folder of `skills/`.
fn only_offered_skills(package: &Package, tree: &Tree) -> Result<Tree> {
    let is_offered = |folder: &RelPath| package.skills.iter().any(|skill| skill.dir.as_ref() == Some(folder));
    let folders = tree.files().filter_map(|(path, _)| RelPath::parse(path.as_str().strip_suffix("/SKILL.md")?).ok());
    let unwanted: Vec<RelPath> = folders
        .filter(|folder| folder.parents().eq(["skills"]) && !is_offered(folder) && !package.skills.is_empty())
        .collect();
    let kept = tree.files().filter(|(path, _)| !unwanted.iter().any(|folder| path.strip_dir(folder).is_some()));
    Tree::new(kept.map(|(path, content)| TreeFile { path: path.clone(), content: content.clone() }))
}

/// The plugin.json of a plugin whose author wrote none; the client loads nothing without one.
fn generated_manifest(identity: Identity<'_>, package: &Package) -> Result<TreeFile> {
    let mut manifest = Map::new();
    if let Some(Value::Object(given)) = identity.manifest.and_then(|text| serde_json::from_str(text).ok()) {
        manifest = given;
        name_what_is_there(&mut manifest, package);
    }
    manifest.insert("name".to_owned(), identity.name.as_str().into());
    manifest.entry("version").or_insert_with(|| identity.version.to_string().into());
    if let Some(description) = &package.description {
        manifest.entry("description").or_insert_with(|| description.as_str().into());
    }
    let mut bytes = serde_json::to_vec_pretty(&Value::Object(manifest))
        .map_err(|cause| Error::new(Kind::Bug, "cannot write a plugin.json").because(cause))?;
    bytes.push(b'\n');
    TreeFile::parse(super::inspect::MANIFEST, false, bytes)
}

/// Lists of a marketplace entry as a plugin.json must say them: there, a path to nothing is an error, and commands and
/// agents that are listed are instead of the default folder, not besides.
fn name_what_is_there(manifest: &mut Map<String, Value>, package: &Package) {
    for (key, paths) in [("commands", &package.commands), ("agents", &package.agents)] {
        let in_default_folder = |path: &RelPath| path.parents().next() == Some(key);
        match manifest.get(key) {
            Some(Value::Object(_)) | None => {}
            Some(_) if paths.iter().all(in_default_folder) => _ = manifest.remove(key),
            Some(_) => {
                let all = paths.iter().map(|path| Value::from(format!("./{path}"))).collect();
                manifest.insert(key.to_owned(), all);
            }
        }
    }
    let listed = match manifest.remove("skills") {
        Some(Value::Array(listed)) => listed,
        other => other.into_iter().collect(),
    };
    let kept: Vec<Value> = listed.into_iter().filter(|path| leads_to_a_skill(path, package)).collect();
    if !kept.is_empty() {
        manifest.insert("skills".to_owned(), Value::Array(kept));
    }
}

/// Whether a path of the list of skills is, or holds, one that the default folder does not hold.
fn leads_to_a_skill(listed: &Value, package: &Package) -> bool {
    let listed = listed.as_str().unwrap_or_default().trim_start_matches("./").trim_end_matches('/');
    package.skills.iter().filter_map(|skill| skill.dir.as_ref()).any(|dir| {
        let parent = dir.parents().last().unwrap_or_default();
        dir.parents().next() != Some("skills") && (dir.as_str() == listed || parent == listed)
    })
}

fn place_loose(package: &Package, tree: &Tree, identity: Identity<'_>) -> Result<Placed> {
    if !package.is_only_skills_and_servers() {
        return Err(Error::new(Kind::Invalid, "it has more than skills and MCP servers")
            .because("commands, agents, hooks and the like only load from a plugin")
            .help("remove `placement = \"loose\"`"));
    }
    let wanted = identity.dependency.and_then(|dependency| dependency.skills.as_ref());
    let mut dirs = BTreeMap::new();
    for skill in &package.skills {
        // A skill that is the whole package is called what the scope calls the package.
        let name = match (&skill.dir, &skill.name) {
            (None, _) => identity.name.to_skill(),
            (Some(_), Ok(name)) => name.clone(),
            (Some(dir), Err(why)) => {
                return Err(Error::new(Kind::Invalid, format!("the skill in `{dir}` cannot have a folder of its own"))
                    .because(why)
                    .help("set `placement = \"plugin\"`"));
            }
        };
        if wanted.is_none_or(|wanted| wanted.contains(&name)) {
            dirs.insert(name, tree.subtree(skill.dir.as_ref())?);
        }
    }
    if let Some(missing) = wanted.and_then(|wanted| wanted.iter().find(|name| !dirs.contains_key(*name))) {
        let there: Vec<&str> =
            package.skills.iter().filter_map(|s| s.name.as_ref().ok()).map(SkillName::as_str).collect();
        return Err(Error::new(Kind::Invalid, format!("it has no skill `{missing}`"))
            .help(format!("choose among: {}", there.join(", "))));
    }
    Ok(Placed { placement: Placement::Loose, dirs, servers: loose_servers(package, identity)? })
}

fn loose_servers(package: &Package, identity: Identity<'_>) -> Result<BTreeMap<ServerName, Map<String, Value>>> {
    let empty = BTreeMap::new();
    let renames = identity.dependency.map_or(&empty, |dependency| &dependency.servers);
    if let Some(missing) = renames.keys().find(|name| !package.servers.contains_key(*name)) {
        let there: Vec<&str> = package.servers.keys().map(ServerName::as_str).collect();
        return Err(Error::new(Kind::Invalid, format!("it has no MCP server `{missing}`"))
            .help(format!("choose among: {}", there.join(", "))));
    }
    let named = package.servers.iter().map(|(name, entry)| (renames.get(name).unwrap_or(name), entry));
    let mut servers = BTreeMap::new();
    for (name, entry) in named {
        if servers.insert(name.clone(), entry.json.clone()).is_some() {
            return Err(Error::new(Kind::Invalid, format!("two of its MCP servers would be called `{name}`")));
        }
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::inspect::inspect;
    use crate::model::dependency::Origin;
    use crate::model::version::Requirement;

    const SKILL: &str = "---\nname: x\ndescription: does x\n---\nbody\n";

    fn tree(files: &[(&str, &str)]) -> Tree {
        let files =
            files.iter().map(|(path, text)| TreeFile::parse(path, false, text.as_bytes().to_vec()).expect("a path"));
        Tree::new(files).expect("a tree")
    }

    fn try_place(files: &[(&str, &str)], change: impl FnOnce(&mut Dependency)) -> Result<Placed> {
        let tree = tree(files);
        let name = PackageName::parse("kit").expect("a name");
        let origin = Origin::Index { requirement: Requirement::Any, index: None };
        let mut dependency = Dependency::plain(name.clone(), origin);
        change(&mut dependency);
        let version = Version::new(1, 2, 3);
        let identity = Identity { name: &name, version: &version, manifest: None, dependency: Some(&dependency) };
        place(&inspect(&tree, None).expect("a package"), &tree, identity)
    }

    fn names(placed: &Placed) -> String {
        let dirs = placed.dirs.keys().map(SkillName::as_str);
        dirs.chain(placed.servers.keys().map(ServerName::as_str)).collect::<Vec<_>>().join(" ")
    }

    const LOOSE: [(&str, &str); 4] = [
        (".claude-plugin/plugin.json", r#"{"name":"kit"}"#),
        ("skills/a/SKILL.md", SKILL),
        ("skills/b/SKILL.md", SKILL),
        (".mcp.json", r#"{"mcpServers":{"srv":{"command":"x"}}}"#),
    ];

    #[test]
    fn skills_and_servers_alone_go_loose() {
        let placed = try_place(&LOOSE, |_| ()).expect("placed");
        assert_eq!((placed.placement, names(&placed).as_str()), (Placement::Loose, "a b srv"));
        let server = ServerName::parse("srv").expect("a name");
        assert_eq!(placed.servers[&server]["type"], "stdio");
        let some = try_place(&LOOSE, |dependency| {
            dependency.skills = Some(vec![SkillName::parse("b").expect("a name")]);
            dependency.servers = BTreeMap::from([(server, ServerName::parse("mine").expect("a name"))]);
        });
        assert_eq!(names(&some.expect("placed")), "b mine");
    }

    #[test]
    fn what_needs_its_namespace_stays_a_plugin() {
        for extra in [
            ("commands/c.md", "x"),
            ("skills/a/notes.md", "use kit:b for that"),
            ("skills/a/run.sh", "${CLAUDE_PLUGIN_ROOT}/x"),
            ("skills/a/t.md", "call mcp__plugin_kit_srv__go"),
        ] {
            let mut files = LOOSE.to_vec();
            files.push(extra);
            let placed = try_place(&files, |_| ()).expect("placed");
            assert_eq!((placed.placement, names(&placed).as_str()), (Placement::Plugin, "kit"), "{extra:?}");
        }
    }

    #[test]
    fn a_plugin_without_a_manifest_gets_one() {
        let placed = try_place(&[("commands/c.md", "x")], |_| ()).expect("placed");
        let kit = placed.dirs.values().next().expect("a folder");
        let manifest = kit.get(".claude-plugin/plugin.json").expect("written");
        let manifest: Value = serde_json::from_slice(&manifest.bytes).expect("JSON");
        assert_eq!(manifest, serde_json::json!({"name": "kit", "version": "1.2.3"}));
    }

    #[test]
    fn an_entry_that_lists_skills_brings_no_others() {
        let files = tree(&[("skills/a/SKILL.md", SKILL), ("skills/b/SKILL.md", SKILL), ("commands/c.md", "x")]);
        let given = r#"{"name":"kit","skills":["./skills/a"]}"#;
        let (name, version) = (PackageName::parse("kit").expect("a name"), Version::new(1, 0, 0));
        let identity = Identity { name: &name, version: &version, manifest: Some(given), dependency: None };
        let placed = place(&inspect(&files, Some(given)).expect("a package"), &files, identity).expect("placed");
        let paths: Vec<&str> = placed.dirs.values().flat_map(Tree::files).map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, [".claude-plugin/plugin.json", "commands/c.md", "skills/a/SKILL.md"]);
    }

    #[test]
    fn the_lists_of_an_entry_become_a_plugin_json_that_says_what_is_there() {
        let place_given = |lists: &str| {
            let files = tree(&[
                ("commands/a.md", "x"),
                ("extra/b.md", "x"),
                ("agents/c.md", "x"),
                ("skills/s/SKILL.md", SKILL),
                ("more/t/SKILL.md", SKILL),
            ]);
            let given = format!(r#"{{"name":"kit",{lists}}}"#);
            let (name, version) = (PackageName::parse("kit").expect("a name"), Version::new(1, 0, 0));
            let identity = Identity { name: &name, version: &version, manifest: Some(&given), dependency: None };
            let placed = place(&inspect(&files, Some(&given)).expect("a package"), &files, identity).expect("placed");
            let kit = placed.dirs.into_values().next().expect("a folder");
            let manifest = kit.get(".claude-plugin/plugin.json").expect("written");
            serde_json::from_slice::<Value>(&manifest.bytes).expect("JSON")
        };
        let nowhere = r#""commands":["./p/kit/commands/a.md"],"agents":["./agents/c.md"],"skills":["./nope"]"#;
        assert_eq!(place_given(nowhere), serde_json::json!({"name": "kit", "version": "1.0.0"}));
        let besides = r#""commands":["./extra/b.md"],"skills":["./skills/","./more","./nope"]"#;
        let said = serde_json::json!({
            "name": "kit", "version": "1.0.0",
            "commands": ["./commands/a.md", "./extra/b.md"], "skills": ["./more"],
        });
        assert_eq!(place_given(besides), said);
    }

    #[test]
    fn a_lone_skill_is_called_what_the_scope_calls_it() {
        let placed = try_place(&[("SKILL.md", SKILL), ("a/b.md", "x")], |_| ()).expect("placed");
        assert_eq!(names(&placed), "kit");
        assert_eq!(placed.dirs.values().next().expect("a folder").len(), 2);
    }

    #[test]
    fn impossible_wishes_name_what_there_is() {
        let gone = try_place(&LOOSE, |d| d.skills = Some(vec![SkillName::parse("z").expect("a name")]));
        assert!(format!("{:?}", gone.expect_err("no such skill")).contains("a, b"));
        let mut files = LOOSE.to_vec();
        files.push(("agents/x.md", "x"));
        assert!(try_place(&files, |d| d.placement = Some(Placement::Loose)).is_err());
        assert!(
            try_place(&LOOSE, |d| {
                d.placement = Some(Placement::Plugin);
                d.skills = Some(Vec::new());
            })
            .is_err()
        );
    }
}
