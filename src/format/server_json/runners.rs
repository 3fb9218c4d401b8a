//! Packages of a `server.json` as a command line: which program runs each kind, and whether its version is exact.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Offer;
use super::inputs::{Input, Named, variable_name};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    registry_type: String,
    identifier: String,
    version: Option<String>,
    registry_base_url: Option<String>,
    runtime_hint: Option<String>,
    transport: Transport,
    #[serde(default)]
    runtime_arguments: Vec<Argument>,
    #[serde(default)]
    package_arguments: Vec<Argument>,
    #[serde(default)]
    environment_variables: Vec<Named>,
}

#[derive(Deserialize)]
struct Transport {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    value_hint: Option<String>,
    #[serde(flatten)]
    input: Input,
}

/// A kind of package that can be run without an installation.
struct Registry {
    kind: &'static str,
    /// The programs that may run it, the usual one first; the publisher's wish is one of these or refused.
    runners: [&'static str; 2],
    base_urls: &'static [&'static str],
    is_identifier: fn(&str) -> bool,
    is_exact: fn(&str) -> bool,
}

const REGISTRIES: [Registry; 4] = [
    Registry {
        kind: "npm",
        runners: ["npx", "bunx"],
        base_urls: &["https://registry.npmjs.org"],
        is_identifier: |text| is_word(text.strip_prefix('@').unwrap_or(text), "-._~/") && !text.contains("//"),
        is_exact: is_semver,
    },
    Registry {
        kind: "pypi",
        runners: ["uvx", "uvx"],
        base_urls: &["https://pypi.org", "https://pypi.org/simple"],
        is_identifier: |text| is_word(text, "-._"),
        is_exact: |text| text.starts_with(|c: char| c.is_ascii_digit()) && is_word(text, ".!+-_"),
    },
    Registry {
        kind: "nuget",
        runners: ["dnx", "dnx"],
        base_urls: &["https://api.nuget.org", "https://api.nuget.org/v3/index.json"],
        is_identifier: |text| is_word(text, "-._"),
        is_exact: |text| text.starts_with(|c: char| c.is_ascii_digit()) && is_word(text, ".+-"),
    },
    Registry {
        kind: "oci",
        runners: ["docker", "podman"],
        base_urls: &["https://docker.io", "https://ghcr.io", "https://quay.io", "https://mcr.microsoft.com"],
        is_identifier: |text| is_word(text, "-._/:@"),
        // A tag of an image can be moved to another image; its digest cannot.
        is_exact: |text| text.contains("@sha256:"),
    },
];

/// The command line for a package, or why there is none.
pub(super) fn offer(raw: &Value) -> Result<Offer, String> {
    if raw.get("registry_type").or_else(|| raw.get("registry_name")).is_some() {
        return Err("it is written in the form of before September 2025; its publisher has to renew it".to_owned());
    }
    let package = Package::deserialize(raw).map_err(|cause| format!("a package is not valid: {cause}"))?;
    let named = format!("the {} package `{}`", package.registry_type, package.identifier);
    command_line(&package).map_err(|why| format!("{named}: {why}"))
}

fn command_line(package: &Package) -> Result<Offer, String> {
    let Some(registry) = REGISTRIES.iter().find(|registry| registry.kind == package.registry_type) else {
        return Err("cpm knows no program that runs this kind without installing it first".to_owned());
    };
    if package.transport.kind != "stdio" {
        return Err("it has to be started by itself, and then answers at an address".to_owned());
    }
    let trimmed = |url: &String| url.trim_end_matches('/').to_owned();
    if let Some(base) = package.registry_base_url.as_ref().map(trimmed)
        && !registry.base_urls.contains(&base.as_str())
    {
        return Err(format!("it comes from `{base}`, which is not the public registry"));
    }
    let runner = package.runtime_hint.as_deref().unwrap_or(registry.runners[0]);
    if !registry.runners.contains(&runner) {
        return Err(format!("it wants to be run by `{runner}`, and cpm allows {}", registry.runners[0]));
    }
    let version = package.version.as_deref();
    if !(registry.is_identifier)(&package.identifier) || version.is_some_and(|text| !is_word(text, "-._+!^~*:@")) {
        return Err("its name or version is none of that registry".to_owned());
    }
    let (runtime, own) = (arguments(&package.runtime_arguments)?, arguments(&package.package_arguments)?);
    let env = environment(&package.environment_variables)?;
    let (program, pin) = match (registry.kind, version) {
        // The image may carry its tag or digest itself.
        ("oci", Some(version)) if !is_tagged(&package.identifier) => {
            let image = format!("{}:{version}", package.identifier);
            (image.clone(), image)
        }
        ("oci", _) => (package.identifier.clone(), package.identifier.clone()),
        ("pypi", Some(version)) => (format!("{}=={version}", package.identifier), version.to_owned()),
        (_, Some(version)) => (format!("{}@{version}", package.identifier), version.to_owned()),
        (_, None) => (package.identifier.clone(), String::new()),
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let args = match registry.kind {
        "npm" => [words(&["-y"]), runtime, vec![program.clone()], own].concat(),
        "pypi" => [runtime, words(&["--from", &program, &package.identifier]), own].concat(),
        "nuget" => [words(&[&program, "--yes"]), runtime, words(&["--"]), own].concat(),
        _ => {
            let passed = env.keys().flat_map(|name| ["-e".to_owned(), name.clone()]).collect();
            [words(&["run", "-i", "--rm"]), passed, runtime, vec![program.clone()], own].concat()
        }
    };
    let mut entry = json!({"type": "stdio", "command": runner, "args": args});
    if !env.is_empty() {
        entry["env"] = env.into();
    }
    Ok(Offer { entry, unpinned: (!(registry.is_exact)(&pin)).then_some(program) })
}

/// Each argument as one or two words: never a text for a shell.
fn arguments(list: &[Argument]) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for argument in list {
        let hint = argument.value_hint.as_ref().or(argument.name.as_ref());
        let variable = variable_name(hint.map_or("ARGUMENT", String::as_str));
        let value = argument.input.literal_or_reference(&variable)?;
        match (argument.kind.as_str(), &argument.name) {
            ("positional", _) => words.extend(value),
            // What may be left out and has no value is left out, with its name.
            ("named", Some(name)) => words.extend(value.into_iter().flat_map(|value| match value.as_str() {
                "" => vec![name.clone()],
                _ => vec![name.clone(), value],
            })),
            (kind, _) => return Err(format!("an argument of type `{kind}` is not valid")),
        }
    }
    Ok(words)
}

fn environment(list: &[Named]) -> Result<Map<String, Value>, String> {
    let mut env = Map::new();
    for variable in list {
        if !is_word(&variable.name, "_") {
            return Err(format!("`{}` is no name of an environment variable", variable.name));
        }
        if let Some(value) = variable.input.overridable(&variable.name)? {
            env.insert(variable.name.clone(), value.into());
        }
    }
    Ok(env)
}

/// Letters, digits and `others`, not beginning with what a program could take for an option.
fn is_word(text: &str, others: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '^' || c == '~' || c == '*')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn is_semver(text: &str) -> bool {
    semver::Version::parse(text).is_ok()
}

/// Whether an image names its tag or digest: a colon before the last slash is the port of its host.
fn is_tagged(image: &str) -> bool {
    image.contains('@') || image.rsplit('/').next().is_some_and(|name| name.contains(':'))
}
