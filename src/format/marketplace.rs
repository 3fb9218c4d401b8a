//! Reads `.claude-plugin/marketplace.json` as the client does: a broken top level refuses the whole, a broken entry
//! only itself [claude-code.md §5.2, real-world.md §7b].

mod naming;

use std::collections::{BTreeMap, BTreeSet, btree_map};

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::format::{json, plugin};
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefName};
use crate::model::url::{GitUrl, Reach, github_shorthand};

/// A marketplace: what it is called and what it lists.
#[derive(Debug, Clone)]
pub struct Marketplace {
    /// Its own name.
    pub name: String,
    /// Its entries by name; the error says why an entry cannot be installed.
    pub entries: BTreeMap<PackageName, Result<Entry>>,
    /// Names that more than one entry has; the first one counts.
    pub repeated: BTreeSet<PackageName>,
    /// Entries whose very name cpm cannot use, with the reason.
    pub unusable: Vec<(String, Error)>,
    /// The marketplaces whose plugins its own may need, by their names.
    pub trusted: BTreeSet<String>,
    /// Old names and what they are called now; `None` when the plugin is gone.
    pub renames: BTreeMap<String, Option<String>>,
}

/// One plugin of a marketplace.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the plugin is.
    pub source: EntrySource,
    /// Its version, if the entry says one.
    pub version: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// Words that people may look for: its keywords, tags and category.
    pub keywords: Vec<String>,
    /// `false` when the entry, not plugin.json, defines the components.
    pub strict: bool,
    /// The entry as a plugin.json, if it defines components.
    pub manifest: Option<String>,
}

/// Where the plugin of an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntrySource {
    /// In the marketplace's own repository; `None` is its root.
    Here(Option<RelPath>),
    /// In another repository.
    Elsewhere {
        /// The repository.
        url: GitUrl,
        /// The folder.
        path: Option<RelPath>,
        /// The branch or tag it names.
        reference: Option<RefName>,
        /// The commit it pins, which rules over the reference.
        commit: Option<Commit>,
    },
}

impl Marketplace {
    /// The entry of a name, or of what that is called now, with its present name.
    #[must_use]
    pub fn entry(&self, name: &PackageName) -> Option<(&PackageName, &Result<Entry>)> {
        let mut name = name.as_str();
        // A chain longer than the table goes in circles.
        for _ in 0..=self.renames.len() {
            match self.entries.get_key_value(name) {
                Some(found) => return Some(found),
                None => name = self.renames.get(name)?.as_deref()?,
            }
        }
        None
    }
}

/// Reads the file; `from` is the marketplace's own repository.
///
/// # Errors
/// [`Kind::Invalid`] when the client would refuse the whole marketplace.
pub fn parse(bytes: &[u8], from: &GitUrl) -> Result<Marketplace> {
    const PLACE: &str = ".claude-plugin/marketplace.json";
    let raw = json::parse_object(bytes, PLACE)?;
    let refuse = |why: &str| {
        Error::new(Kind::Invalid, "the marketplace is not valid")
            .at(format!("{from} {PLACE}"))
            .because(why)
            .help("Claude Code refuses it too; tell its owner, or install a plugin of it with `--git` and `--path`")
    };
    let name = raw.get("name").and_then(Value::as_str).ok_or_else(|| refuse("`name` is missing or not a string"))?;
    if let Some(why) = naming::problem(name, from) {
        return Err(refuse(&format!("its `name` {why}")));
    }
    let owner = raw.get("owner").and_then(Value::as_object).and_then(|owner| owner.get("name"));
    if !owner.is_some_and(Value::is_string) {
        return Err(refuse("`owner.name` is missing"));
    }
    let plugins = raw.get("plugins").and_then(Value::as_array).ok_or_else(|| refuse("`plugins` is not a list"))?;
    let mut market = Marketplace {
        name: name.to_owned(),
        entries: BTreeMap::new(),
        repeated: BTreeSet::new(),
        unusable: Vec::new(),
        trusted: read_trusted(&raw),
        renames: read_renames(&raw),
    };
    for plugin in plugins {
        add_entry(&mut market, plugin, from);
    }
    Ok(market)
}

fn read_trusted(raw: &Map<String, Value>) -> BTreeSet<String> {
    let names = raw.get("allowCrossMarketplaceDependenciesOn").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn read_renames(raw: &Map<String, Value>) -> BTreeMap<String, Option<String>> {
    let renames = raw.get("renames").and_then(Value::as_object);
    let pairs = renames.into_iter().flatten();
    pairs.map(|(old, new)| (old.clone(), new.as_str().map(str::to_owned))).collect()
}

fn add_entry(market: &mut Marketplace, plugin: &Value, from: &GitUrl) {
    let raw_name = plugin.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = match PackageName::parse(&raw_name) {
        Ok(name) => name,
        Err(error) => return market.unusable.push((raw_name, error)),
    };
    let entry = plugin
        .as_object()
        .ok_or_else(|| Error::new(Kind::Invalid, "the entry is not an object"))
        .and_then(|raw| read_entry(&name, raw, from))
        .map_err(|error| error.context(format!("the marketplace's entry `{name}` cannot be installed")).at(from));
    // The client takes the first of two entries with one name.
    match market.entries.entry(name) {
        btree_map::Entry::Vacant(place) => _ = place.insert(entry),
        btree_map::Entry::Occupied(first) => _ = market.repeated.insert(first.key().clone()),
    }
}

fn read_entry(name: &PackageName, raw: &Map<String, Value>, from: &GitUrl) -> Result<Entry> {
    let text = |key: &str| raw.get(key).and_then(Value::as_str).map(str::to_owned);
    let source = raw.get("source").ok_or_else(|| Error::new(Kind::Invalid, "it has no `source`"))?;
    // What plugin.json has too must be as the client wants it there; the name is this index's.
    let mut whole = raw.clone();
    whole.insert("name".to_owned(), name.to_string().into());
    plugin::check(&whole)?;
    if raw.get("strict").is_some_and(|strict| !strict.is_boolean()) {
        return Err(Error::new(Kind::Invalid, "its `strict` is neither true nor false"));
    }
    let source = read_source(source, from)?;
    Ok(Entry {
        manifest: generated(name, raw, &source),
        source,
        version: text("version"),
        description: text("description"),
        keywords: ["keywords", "tags", "category"].into_iter().flat_map(|key| words(raw.get(key))).collect(),
        strict: raw.get("strict").and_then(Value::as_bool).unwrap_or(true),
    })
}

/// The strings of a list, or a lone one; the client minds neither.
fn words(value: Option<&Value>) -> Vec<String> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The plugin.json that an entry stands for, if it declares components.
fn generated(name: &PackageName, raw: &Map<String, Value>, source: &EntrySource) -> Option<String> {
    // 46 real entries have empty lists, which declare nothing.
    let declares = |value: &&Value| !value.as_array().is_some_and(Vec::is_empty);
    let field = |key: &str| raw.get(key).filter(declares).map(|value| (key.to_owned(), value.clone()));
    let mut components: Map<String, Value> = plugin::COMPONENT_FIELDS.iter().copied().filter_map(field).collect();
    let is_folder = matches!(source, EntrySource::Here(Some(_)) | EntrySource::Elsewhere { path: Some(_), .. });
    if is_folder && let Some(listed) = components.get_mut("skills") {
        // Of a repository an entry means no other skills than those it lists; of a plugin's folder, these besides.
        let others = listed.as_array().map_or_else(|| vec![listed.clone()], Clone::clone);
        *listed = std::iter::once("./skills/".into()).chain(others).collect();
    }
    if components.is_empty() {
        return None;
    }
    let mut whole = Map::from_iter([("name".to_owned(), name.to_string().into())]);
    whole.extend(["version", "description"].into_iter().filter_map(field));
    whole.extend(components);
    Some(Value::Object(whole).to_string())
}

fn read_source(source: &Value, from: &GitUrl) -> Result<EntrySource> {
    let unsupported = |what: &str| {
        Error::new(Kind::Invalid, format!("its source {what}")).because("Claude Code cannot install it either")
    };
    match source {
        Value::String(text) if text == "." || text == "./" => Ok(EntrySource::Here(None)),
        Value::String(text) => match text.strip_prefix("./").map(|rest| rest.trim_end_matches('/')) {
            Some("") => Ok(EntrySource::Here(None)),
            Some(rest) => Ok(EntrySource::Here(Some(RelPath::parse(rest)?))),
            None => Err(unsupported(&format!("`{}` does not start with `./`", text.escape_debug()))),
        },
        Value::Object(raw) => read_external(raw, from),
        _ => Err(unsupported("is neither a path nor an object")),
    }
}

fn read_external(raw: &Map<String, Value>, from: &GitUrl) -> Result<EntrySource> {
    let text = |key: &str| raw.get(key).and_then(Value::as_str);
    let missing = |key: &str| Error::new(Kind::Invalid, format!("its source has no `{key}`"));
    let kind = text("source").ok_or_else(|| missing("source"))?;
    let url = match kind {
        "github" => {
            let repo = text("repo").ok_or_else(|| missing("repo"))?;
            let is_not =
                || Error::new(Kind::Invalid, format!("its `repo` `{}` is not OWNER/REPO", repo.escape_debug()));
            github_shorthand(repo).ok_or_else(is_not)?;
            GitUrl::parse_typed(repo)?
        }
        "url" | "git-subdir" => GitUrl::parse_typed(text("url").ok_or_else(|| missing("url"))?)?,
        other => {
            let what = format!("its source has the kind `{}`, which cpm does not install", other.escape_debug());
            // A command that makes the plugin is refused by rule; what cpm has no transport for is merely invalid.
            let kind = if other == "command" { Kind::Policy } else { Kind::Invalid };
            return Err(Error::new(kind, what).help("only git sources are installed: github, url, git-subdir"));
        }
    };
    if url.reach() == Reach::Local && from.reach() == Reach::Remote {
        return Err(Error::new(Kind::Policy, "an index may not point at this machine").at(&url));
    }
    let path = text("path").map(|path| path.trim_start_matches("./").trim_end_matches('/')).filter(|p| !p.is_empty());
    if kind == "git-subdir" && path.is_none() {
        return Err(missing("path"));
    }
    Ok(EntrySource::Elsewhere {
        url,
        path: path.map(RelPath::parse).transpose()?,
        reference: text("ref").map(RefName::parse).transpose()?,
        commit: text("sha").map(Commit::parse).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Marketplace> {
        parse(json.as_bytes(), &GitUrl::parse("https://github.com/acme/market").expect("a URL"))
    }

    fn market(plugins: &str) -> Marketplace {
        read(&format!(r#"{{"name":"m","owner":{{"name":"o"}},"plugins":[{plugins}]}}"#)).expect("a marketplace")
    }

    #[test]
    fn one_bad_entry_disables_itself_only() {
        let sha = "3f".repeat(20);
        let market = market(&format!(
            r#"{{"name":"a","source":"./plugins/a/"}},{{"name":"root","source":"./"}},
            {{"name":"gh","source":{{"source":"github","repo":"o/r"}}}},
            {{"name":"sub","source":{{"source":"git-subdir","url":"o/r","path":"p","ref":"v1","sha":"{sha}"}}}},
            {{"name":"Upper","source":"./x"}},{{"name":"nosource"}},{{"name":"bare","source":"owner/repo"}},
            {{"name":"up","source":"./../x"}},{{"name":"npm","source":{{"source":"npm","package":"x"}}}},
            {{"name":"cmd","source":{{"source":"command","command":"sh"}}}},
            {{"name":"short","source":{{"source":"url","url":"https://h/r","sha":"abc"}}}},
            {{"name":"local","source":{{"source":"url","url":"file:///etc"}}}},
            {{"name":"a","source":"./second"}}, 7"#
        ));
        let good: Vec<&str> =
            market.entries.iter().filter(|(_, entry)| entry.is_ok()).map(|(name, _)| name.as_str()).collect();
        assert_eq!(good, ["a", "gh", "root", "sub"]);
        assert_eq!(market.unusable.len(), 2);
        let a = market.entries["a"].as_ref().expect("the first of the two");
        assert_eq!(a.source, EntrySource::Here(Some(RelPath::parse("plugins/a").expect("a path"))));
        let kind = |name: &str| market.entries[name].as_ref().expect_err(name).kind();
        assert_eq!((kind("up"), kind("cmd"), kind("local")), (Kind::UnsafeTree, Kind::Policy, Kind::Policy));
    }

    #[test]
    fn components_of_an_entry_become_a_manifest() {
        let market = market(
            r#"{"name":"docs","source":"./","strict":false,"description":"d","skills":["./skills/pdf"],"agents":[],"tags":["x"]}"#,
        );
        let docs = market.entries["docs"].as_ref().expect("an entry");
        assert!(!docs.strict);
        let manifest = r#"{"name":"docs","description":"d","skills":["./skills/pdf"]}"#;
        assert_eq!(docs.manifest.as_deref(), Some(manifest));
    }

    #[test]
    fn skills_that_an_entry_lists_of_a_folder_are_besides_those_of_the_folder() {
        for (given, skills) in [(r#""./more""#, r#"["./skills/","./more"]"#), (r#"["./a"]"#, r#"["./skills/","./a"]"#)]
        {
            let market = market(&format!(r#"{{"name":"kit","source":"./kit","skills":{given}}}"#));
            let kit = market.entries["kit"].as_ref().expect("an entry");
            assert_eq!(kit.manifest, Some(format!(r#"{{"name":"kit","skills":{skills}}}"#)));
        }
    }

    #[test]
    fn what_the_client_refuses_as_a_whole_is_refused() {
        for json in [
            "{}",
            r#"{"name":"m","plugins":[]}"#,
            r#"{"name":"has space","owner":{"name":"o"},"plugins":[]}"#,
            r#"{"name":"m","owner":"o","plugins":[]}"#,
            r#"{"name":"m","owner":{"name":"o"},"plugins":{}}"#,
            r#"{"name":"claude-code-plugins","owner":{"name":"o"},"plugins":[]}"#,
            r#"{"name":"skills-dir","owner":{"name":"o"},"plugins":[]}"#,
        ] {
            assert_eq!(read(json).expect_err(json).kind(), Kind::Invalid);
        }
    }
}
