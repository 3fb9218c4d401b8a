//! The rules for configuration: settings a package may not bring, addresses it may not name, secrets it may not hold.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use super::secret::{self, Verdict};
use crate::error::{Error, Kind, Result};
use crate::model::package::{Package, ServerEntry, Transport};

/// Settings that give away more than a package is asked for, by key or by first keys [security.md §3.5, M20].
const FORBIDDEN_SETTINGS: [&str; 20] = [
    "permissions.allow",
    "permissions.additionalDirectories",
    "permissions.defaultMode",
    "defaultMode",
    "enableAllProjectMcpServers",
    "enabledMcpjsonServers",
    "apiKeyHelper",
    "awsAuthRefresh",
    "awsCredentialExport",
    "gcpAuthRefresh",
    "otelHeadersHelper",
    "proxyAuthHelper",
    "statusLine",
    "fileSuggestion",
    "env.ANTHROPIC_",
    "extraKnownMarketplaces",
    "sandbox",
    "disableAllHooks",
    "skipDangerousModePermissionPrompt",
    "forceLoginMethod",
];

/// Checks settings, servers and hooks; says what to warn about.
///
/// # Errors
/// [`Kind::Content`] for a literal secret, [`Kind::Policy`] for a forbidden setting or address.
pub(super) fn check(package: &Package) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for (name, server) in &package.servers {
        let place = format!("MCP server `{name}`");
        check_server(&place, server, &mut warnings)?;
    }
    for hooks in &package.hooks {
        check_hooks(&Value::Object(hooks.clone()), &mut warnings)?;
    }
    for (name, config) in &package.lsp {
        let place = format!("language server `{name}`");
        check_tables(&place, config, &mut warnings)?;
        check_known(&place, config)?;
    }
    for config in &package.monitors {
        check_known("a monitor", config)?;
    }
    if let Some(settings) = &package.settings {
        check_settings(settings)?;
    }
    Ok(warnings)
}

fn check_settings(settings: &Map<String, Value>) -> Result<()> {
    let mut keys = Vec::new();
    for (key, value) in settings {
        keys.push(key.clone());
        keys.extend(value.as_object().into_iter().flat_map(Map::keys).map(|inner| format!("{key}.{inner}")));
    }
    let is_forbidden = |key: &&String| {
        FORBIDDEN_SETTINGS.iter().any(|rule| key.as_str() == *rule || (rule.ends_with('_') && key.starts_with(rule)))
    };
    let found: Vec<String> = keys.iter().filter(is_forbidden).map(|key| format!("`{key}`")).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Policy, format!("the package sets {}, which a package may not", found.join(", ")))
        .at("settings.json")
        .help("ask its author to leave these to the user"))
}

fn check_server(place: &str, server: &ServerEntry, warnings: &mut Vec<String>) -> Result<()> {
    let json = Value::Object(server.json.clone());
    check_tables(place, &json, warnings)?;
    check_known(place, &json)?;
    match &server.transport {
        Transport::Remote { url, .. } => check_url(place, url, warnings),
        Transport::Stdio { command, args } => {
            check_arguments(place, args, warnings)?;
            if let Some(package) = unpinned(command, args) {
                warnings.push(format!("{place} runs `{package}` without an exact version, so it can change any day"));
            }
            Ok(())
        }
    }
}

/// Hooks that post to an address are held to the rules for servers.
fn check_hooks(value: &Value, warnings: &mut Vec<String>) -> Result<()> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_hooks(item, warnings)),
        Value::Object(members) => {
            check_tables("a hook", value, warnings)?;
            if let Some(Value::String(url)) = members.get("url") {
                check_url("a hook", url, warnings)?;
            }
            members.values().try_for_each(|member| check_hooks(member, warnings))
        }
        Value::String(_) => check_known("a hook", value),
        _ => Ok(()),
    }
}

/// Judges the members of `env` and `headers`.
fn check_tables(place: &str, config: &Value, warnings: &mut Vec<String>) -> Result<()> {
    for table in ["env", "headers"] {
        for (key, value) in config.get(table).and_then(Value::as_object).into_iter().flatten() {
            if let Value::String(text) = value {
                check_pair(place, key, text, warnings)?;
            }
        }
    }
    Ok(())
}

/// `--token x`, `--token=x`, `TOKEN=x` and `Header: x`.
fn check_arguments(place: &str, args: &[String], warnings: &mut Vec<String>) -> Result<()> {
    let mut option = None;
    for arg in args {
        if let Some(key) = option.take().filter(|_| !arg.starts_with('-')) {
            check_pair(place, key, arg, warnings)?;
        }
        let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let pair = arg.split_once('=').or_else(|| arg.split_once(':')).filter(|(key, _)| is_key(key));
        match pair {
            Some((key, value)) => check_pair(place, key, value, warnings)?,
            None if arg.starts_with("--") && is_key(arg) => option = Some(arg),
            None => {}
        }
    }
    Ok(())
}

fn check_pair(place: &str, key: &str, value: &str, warnings: &mut Vec<String>) -> Result<()> {
    match secret::judge(key, value) {
        Verdict::Ordinary => Ok(()),
        Verdict::Placeholder => {
            warnings.push(format!("{place} needs a value for `{key}`"));
            Ok(())
        }
        Verdict::Literal(what) => Err(literal(place, what, &format!("it is the value of `{key}`"))),
    }
}

fn check_known(place: &str, value: &Value) -> Result<()> {
    secret::known_in(value).map_or(Ok(()), |what| Err(literal(place, what, "its issuer marks such values")))
}

/// The value itself is never part of the message.
fn literal(place: &str, what: &str, why: &str) -> Error {
    Error::new(Kind::Content, format!("{place} holds {what} in plain text"))
        .because(why)
        .help("ask its author to write `${NAME}` instead, and to revoke what was published")
}

/// Refuses plain http to another machine, credentials, cloud metadata addresses, and addresses that programs read
/// in more than one way.
fn check_url(place: &str, url: &str, warnings: &mut Vec<String>) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::new(Kind::Policy, format!("{place} has an address that cpm does not install")).because(why))
    };
    let (expanded, _) = secret::expand(url);
    let Some((scheme, rest)) = expanded.split_once(':') else { return Ok(()) };
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https" | "ws" | "wss") {
        return Ok(());
    }
    if expanded.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return refuse("it contains white space");
    }
    let Some(rest) = rest.strip_prefix("//") else { return refuse("`//` is missing after its scheme") };
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    if authority.contains('@') {
        return refuse("it holds a user name or a password");
    }
    let host = match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, _)) => v6,
        None => authority.split(':').next().unwrap_or(authority),
    };
    let host = host.trim_matches('.').to_ascii_lowercase();
    match reach(&host) {
        // A variable says where.
        _ if host.is_empty() && url.contains("://${") => {}
        _ if host.is_empty() => return refuse("it has no host"),
        Reach::LinkLocal => return refuse("it is a link-local address, where clouds serve credentials"),
        Reach::Disguised => return refuse("its host is not a name, nor an address in its usual form"),
        Reach::ThisMachine => warnings.push(format!("{place} connects to this machine: `{host}`")),
        Reach::Elsewhere if matches!(scheme.as_str(), "http" | "ws") => {
            return refuse("it is not encrypted: use https or wss");
        }
        Reach::Elsewhere => {}
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for (key, value) in query.split(['&', '#']).filter_map(|pair| pair.split_once('=')) {
        let key = if matches!(key, "sig" | "signature") { "token" } else { key };
        check_pair(place, key, value, warnings)?;
    }
    Ok(())
}

enum Reach {
    ThisMachine,
    LinkLocal,
    Disguised,
    Elsewhere,
}

fn reach(host: &str) -> Reach {
    let of_v4 = |address: Ipv4Addr| match address {
        _ if address.is_loopback() || address.is_unspecified() => Reach::ThisMachine,
        _ if address.is_link_local() => Reach::LinkLocal,
        _ => Reach::Elsewhere,
    };
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return of_v4(address);
    }
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return match address.to_ipv4_mapped() {
            Some(mapped) => of_v4(mapped),
            None if address.is_loopback() || address.is_unspecified() => Reach::ThisMachine,
            None if address.segments()[0] & 0xffc0 == 0xfe80 => Reach::LinkLocal,
            None => Reach::Elsewhere,
        };
    }
    // `0x7f.1`, `2852039166`: URL parsers read a last label that is a number as an address.
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_number = last.starts_with("0x") || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
    match host {
        "localhost" => Reach::ThisMachine,
        _ if host.ends_with(".localhost") => Reach::ThisMachine,
        _ if is_number || !host.is_ascii() || host.contains('%') => Reach::Disguised,
        _ => Reach::Elsewhere,
    }
}

/// Options of Python runners that take a value which is no package to run.
const VALUE_OPTIONS: [&str; 6] = ["--python", "-p", "--with", "--index", "--index-url", "--extra-index-url"];

/// The package that a runner would fetch at whatever version is newest, if the command is that.
fn unpinned<'a>(command: &'a str, args: &'a [String]) -> Option<&'a str> {
    let words: Vec<&str> = std::iter::once(command).chain(args.iter().map(String::as_str)).collect();
    let base = |at: usize| {
        let word = words.get(at)?;
        Some(word.rsplit(['/', '\\']).next().unwrap_or(word).trim_end_matches(".cmd"))
    };
    let starts = |at: usize| match (base(at)?, words.get(at + 1).copied()) {
        ("npx" | "bunx", _) => Some((at + 1, false)),
        ("pnpm" | "yarn", Some("dlx")) | ("npm", Some("exec" | "x")) | ("bun", Some("x")) => Some((at + 2, false)),
        ("uvx", _) => Some((at + 1, true)),
        ("pipx", Some("run")) => Some((at + 2, true)),
        ("uv", Some("tool")) if words.get(at + 2) == Some(&"run") => Some((at + 3, true)),
        _ => None,
    };
    // Windows needs `cmd /c npx …`.
    let (first, is_python) = (0..words.len().min(4)).find_map(starts)?;
    let mut rest = words[first..].iter().copied();
    while let Some(word) = rest.next() {
        let package = match word {
            _ if is_python && VALUE_OPTIONS.contains(&word) => {
                rest.next();
                continue;
            }
            "--from" | "--package" | "-p" => rest.next()?,
            _ if word.starts_with("--package=") || word.starts_with("--from=") => word.split_once('=')?.1,
            _ if word.starts_with('-') => continue,
            _ => word,
        };
        return (!is_pinned(package)).then_some(package);
    }
    None
}

/// Whether a package is named with one exact version, or is no package of a registry.
fn is_pinned(package: &str) -> bool {
    let is_local = package.starts_with(['.', '/', '~', '$']);
    let at_version = package.get(1..).and_then(|rest| rest.rsplit_once('@')).map(|(_, version)| version);
    let is_commit = |version: &str| version.len() == 40 && version.bytes().all(|b| b.is_ascii_hexdigit());
    let is_exact = |version: &str| semver::Version::parse(version).is_ok() || is_commit(version);
    is_local
        || package.contains("==")
        || at_version.is_some_and(is_exact)
        || package.rsplit_once('#').is_some_and(|(_, commit)| is_commit(commit))
}
