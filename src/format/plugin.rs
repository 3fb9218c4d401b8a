//! Reads plugin.json with the client's verdict [claude-code.md §5.1]: what it refuses to install is refused here, with
//! the field; what it ignores is ignored.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::format::{hooks, json, npm_range};
use crate::model::dependency::Need;
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::version::Requirement;

/// A plugin manifest in which every path is safe and every field has the type the client wants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PluginManifest {
    /// The namespace of the plugin's components.
    pub name: String,
    /// As written; any text.
    pub version: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// Plugins it needs.
    pub dependencies: Vec<Need>,
    /// Folders with skills, besides `skills/`.
    pub skills: Vec<ComponentPath>,
    /// Command files and folders instead of `commands/`.
    pub commands: Option<Vec<ComponentPath>>,
    /// Agent files instead of `agents/`.
    pub agents: Option<Vec<ComponentPath>>,
    /// Output styles instead of `output-styles/`.
    pub styles: Option<Vec<ComponentPath>>,
    /// Hook files and inline hooks, besides `hooks/hooks.json`.
    pub hooks: Vec<Declared>,
    /// MCP files and inline servers, besides `.mcp.json`.
    pub servers: Vec<Declared>,
    /// LSP files and inline servers, besides `.lsp.json`.
    pub lsp: Vec<Declared>,
    /// Monitors, besides `monitors/monitors.json`.
    pub monitors: Option<Value>,
    /// What `userConfig` asks the user for.
    pub options: BTreeMap<String, UserOption>,
}

/// An option that a plugin asks its user for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserOption {
    /// Whether the plugin cannot do without.
    pub required: bool,
    /// Whether it has a value where nobody gives one.
    pub has_default: bool,
}

impl UserOption {
    /// Whether nothing can stand for it until the user gives it a value.
    #[must_use]
    pub fn is_lacking(&self) -> bool {
        self.required && !self.has_default
    }
}

/// A component path: `None` is the plugin's root.
pub type ComponentPath = Option<RelPath>;

/// Configuration by path or inline.
#[derive(Debug, Clone, PartialEq)]
pub enum Declared {
    /// A file of the plugin.
    File(RelPath),
    /// The value itself.
    Inline(Map<String, Value>),
}

/// The component fields that a marketplace entry may also have.
pub const COMPONENT_FIELDS: [&str; 9] =
    ["skills", "commands", "agents", "hooks", "mcpServers", "lspServers", "outputStyles", "monitors", "dependencies"];

/// Reads the bytes of a plugin.json; `place` is for messages.
///
/// # Errors
/// [`Kind::Invalid`] with file and field; [`Kind::UnsafeTree`] for a path that leaves the plugin.
pub fn parse(bytes: &[u8], place: &str) -> Result<PluginManifest> {
    let raw = json::parse_object(bytes, place)?;
    read(&raw).map_err(|error| error.at(place))
}

/// Checks fields that stand in another file, such as a marketplace entry, as if they stood in a plugin.json.
///
/// # Errors
/// As [`parse`].
pub fn check(raw: &Map<String, Value>) -> Result<()> {
    read(raw).map(drop)
}

fn field_error(field: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("`{field}`: {why}")).help("Claude Code refuses this plugin too; tell its author")
}

/// Reads the object of a plugin.json.
///
/// # Errors
/// As [`parse`], without a place.
pub fn read(raw: &Map<String, Value>) -> Result<PluginManifest> {
    let name = optional_text(raw, "name")?.ok_or_else(|| field_error("name", "it is missing"))?;
    if name.is_empty()
        || name.contains(char::is_whitespace)
        || name.contains(['/', '\\', ':', '@'])
        || name.contains("..")
    {
        return Err(field_error("name", "a plugin name has no spaces, `/`, `:`, `@` or `..`"));
    }
    check_types(raw)?;
    Ok(PluginManifest {
        name,
        version: optional_text(raw, "version")?.filter(|version| !version.is_empty()),
        description: optional_text(raw, "description")?,
        dependencies: dependencies(raw)?,
        skills: paths(raw, "skills")?.unwrap_or_default(),
        commands: commands(raw)?,
        agents: agents(raw)?,
        styles: paths(raw, "outputStyles")?,
        hooks: declared_hooks(raw)?,
        servers: declared(raw, "mcpServers")?,
        lsp: declared(raw, "lspServers")?,
        monitors: raw.get("monitors").or_else(|| raw.get("experimental")?.get("monitors")).cloned(),
        options: options(raw),
    })
}

/// Fields cpm has no use for, but whose wrong type makes the client refuse the plugin.
fn check_types(raw: &Map<String, Value>) -> Result<()> {
    match raw.get("author") {
        None => {}
        Some(Value::Object(author)) if author.get("name").is_some_and(Value::is_string) => {}
        Some(Value::Object(_)) => return Err(field_error("author.name", "it is missing or not a string")),
        Some(_) => return Err(field_error("author", "it is not an object with a `name`")),
    }
    for key in ["repository", "license", "displayName"] {
        optional_text(raw, key)?;
    }
    if optional_text(raw, "homepage")?.is_some_and(|text| !is_url(&text)) {
        return Err(field_error("homepage", "it is not an address with a scheme, such as `https://…`"));
    }
    if raw.get("defaultEnabled").is_some_and(|value| !value.is_boolean()) {
        return Err(field_error("defaultEnabled", "it is neither true nor false"));
    }
    match raw.get("keywords") {
        Some(Value::Array(words)) if words.iter().all(Value::is_string) => Ok(()),
        None => Ok(()),
        Some(_) => Err(field_error("keywords", "it is not a list of strings")),
    }
}

/// Whether a browser would take a text for an absolute address: a scheme, and for the web a host.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let host = rest.trim_start_matches(['/', '\\']).split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let is_web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    is_scheme && (!is_web || (!host.is_empty() && !host.contains(char::is_whitespace)))
}

fn optional_text(raw: &Map<String, Value>, key: &str) -> Result<Option<String>> {
    match raw.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(field_error(key, "it is not a string")),
    }
}

/// A component path as the client wants it: `./` first, nothing that leaves the plugin.
fn component_path(field: &str, text: &str) -> Result<ComponentPath> {
    let Some(rest) = text.strip_prefix("./") else {
        return Err(field_error(field, &format!("`{}` does not start with `./`", text.escape_debug())));
    };
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() {
        return Ok(None);
    }
    RelPath::parse(rest).map(Some).map_err(|error| error.context(format!("`{field}` leaves the plugin")))
}

fn texts<'a>(value: &'a Value, field: &str) -> Result<Vec<&'a str>> {
    let wrong = || field_error(field, "it is neither a path nor a list of paths");
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(items) => items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

fn paths(raw: &Map<String, Value>, field: &str) -> Result<Option<Vec<ComponentPath>>> {
    let Some(value) = raw.get(field) else { return Ok(None) };
    texts(value, field)?.into_iter().map(|text| component_path(field, text)).collect::<Result<_>>().map(Some)
}

/// Commands may also be a map from name to `{source}` or `{content}`.
fn commands(raw: &Map<String, Value>) -> Result<Option<Vec<ComponentPath>>> {
    let Some(Value::Object(map)) = raw.get("commands") else { return paths(raw, "commands") };
    let sources = map.values().filter_map(|entry| entry.get("source").and_then(Value::as_str));
    sources.map(|text| component_path("commands", text)).collect::<Result<_>>().map(Some)
}

fn agents(raw: &Map<String, Value>) -> Result<Option<Vec<ComponentPath>>> {
    let found = paths(raw, "agents")?;
    let is_file = |path: &ComponentPath| path.as_ref().is_some_and(|path| path.as_str().ends_with(".md"));
    match &found {
        Some(files) if !files.iter().all(is_file) => Err(field_error("agents", "each must be a `.md` file")),
        _ => Ok(found),
    }
}

fn declared(raw: &Map<String, Value>, field: &str) -> Result<Vec<Declared>> {
    let one = |value: &Value| match value {
        Value::Object(map) => Ok(Some(Declared::Inline(map.clone()))),
        // Bundles by URL are the client's business; cpm shows them as not handled instead of guessing.
        Value::String(text) if text.starts_with("https://") => Ok(None),
        Value::String(text) => match component_path(field, text)? {
            Some(path) => Ok(Some(Declared::File(path))),
            None => Err(field_error(field, "the plugin's root is not a file")),
        },
        _ => Err(field_error(field, "it is neither a path nor an object")),
    };
    match raw.get(field) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().filter_map(|item| one(item).transpose()).collect(),
        Some(value) => Ok(one(value)?.into_iter().collect()),
    }
}

/// Hooks without the key `hooks` around them, or the files that have them.
fn declared_hooks(raw: &Map<String, Value>) -> Result<Vec<Declared>> {
    let found = declared(raw, "hooks")?;
    let mut inline = found.iter().filter_map(|one| match one {
        Declared::Inline(events) => Some(events),
        Declared::File(_) => None,
    });
    inline.try_for_each(hooks::check)?;
    Ok(found)
}

fn options(raw: &Map<String, Value>) -> BTreeMap<String, UserOption> {
    let declared = raw.get("userConfig").and_then(Value::as_object);
    let option = |(name, option): (&String, &Value)| {
        let required = option.get("required") == Some(&Value::Bool(true));
        (name.clone(), UserOption { required, has_default: option.get("default").is_some() })
    };
    declared.into_iter().flatten().map(option).collect()
}

fn dependencies(raw: &Map<String, Value>) -> Result<Vec<Need>> {
    let Some(value) = raw.get("dependencies") else { return Ok(Vec::new()) };
    let Value::Array(items) = value else {
        return Err(field_error("dependencies", "it is not a list"));
    };
    items.iter().map(dependency).collect()
}

fn dependency(item: &Value) -> Result<Need> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let (name, range, market) = match item {
        Value::String(text) => {
            // `name`, `name@marketplace`, and either with `@^range`.
            let (text, range) =
                text.split_once("@^").map_or((text.as_str(), None), |(text, range)| (text, Some(range)));
            let (name, market) = text.split_once('@').map_or((text, None), |(name, market)| (name, Some(market)));
            (name, range.map(|range| format!("^{range}")), market)
        }
        Value::Object(_) => {
            let name = text("name").ok_or_else(|| field_error("dependencies", "an entry has no `name`"))?;
            (name, text("version").map(str::to_owned), text("marketplace"))
        }
        _ => return Err(field_error("dependencies", "an entry is neither a name nor an object")),
    };
    let requirement = range.map_or(Ok(Requirement::Any), |range| npm_range::parse(&range))?;
    Ok(Need { name: PackageName::parse(name)?, requirement, market: market.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<PluginManifest> {
        parse(json.as_bytes(), "plugin.json")
    }

    #[test]
    fn what_the_client_takes_is_taken() {
        let manifest = read(
            r#"{"name":"full","version":"not a version","author":{"name":"a"},"homepage":"https://acme.dev","skills":"./","commands":{"x":{"source":"./c.md"}},
                "agents":["./a/b.md"],"hooks":{"Stop":[]},"mcpServers":["./mcp.json",{"s":{"command":"x"}}],
                "unknown":1,"dependencies":["a","b@m",{"name":"c","version":"~1.2","marketplace":"n"},"d@^1","e@m@^2.1"]}"#,
        )
        .expect("a manifest");
        assert_eq!(manifest.skills, [None]);
        assert_eq!(manifest.servers.len(), 2);
        let needs: Vec<String> = manifest
            .dependencies
            .iter()
            .map(|need| format!("{} {} {:?}", need.name, need.requirement, need.market.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(needs, [r#"a * """#, r#"b * "m""#, r#"c ~1.2 "n""#, r#"d ^1 """#, r#"e ^2.1 "m""#]);
    }

    #[test]
    fn what_the_client_refuses_is_refused() {
        for (json, kind) in [
            (r#"{}"#, Kind::Invalid),
            (r#"{"name":"has space"}"#, Kind::Invalid),
            (r#"{"name":"a","author":"me"}"#, Kind::Invalid),
            (r#"{"name":"a","version":1}"#, Kind::Invalid),
            (r#"{"name":"a","skills":"skills/x"}"#, Kind::Invalid),
            (r#"{"name":"a","agents":["./agents"]}"#, Kind::Invalid),
            (r#"{"name":"a","dependencies":{"zod":"latest"}}"#, Kind::Invalid),
            (r#"{"name":"a","repository":{}}"#, Kind::Invalid),
            (r#"{"name":"a","homepage":"acme.dev/a"}"#, Kind::Invalid),
            (r#"{"name":"a","homepage":"https:///"}"#, Kind::Invalid),
            (r#"{"name":"a","defaultEnabled":"yes"}"#, Kind::Invalid),
            (r#"{"name":"a","skills":"./../x"}"#, Kind::UnsafeTree),
            (r#"{"name":"a","hooks":"/etc/passwd"}"#, Kind::Invalid),
            (r#"{"name":"a","hooks":{"hooks":{"Stop":[]}}}"#, Kind::Invalid),
            (r#"{"name":"a","mcpServers":"./a/../../b"}"#, Kind::UnsafeTree),
            (r#"{"name":"a","name":"b"}"#, Kind::Invalid),
            (r#"[]"#, Kind::Invalid),
        ] {
            let error = read(json).expect_err(json);
            assert_eq!(error.kind(), kind, "{error:?}");
            assert_eq!(error.place(), Some("plugin.json"));
        }
    }
}
