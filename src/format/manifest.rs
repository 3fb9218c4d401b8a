//! Reads `cpm.toml`. Unknown keys are errors, because a misspelt one would silently change what is installed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::model::age::Age;
use crate::model::dependency::{Dependency, Manifest, Origin, Placement};
use crate::model::index::IndexConfig;
use crate::model::name::{IndexName, PackageName, ServerName, SkillName};
use crate::model::namespace::NamePattern;
use crate::model::redact::{excerpt, quoted};
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefName, RefWant};
use crate::model::url::GitUrl;
use crate::model::version::Requirement;

/// Far above any manifest that a person writes.
const MAX_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    #[serde(default)]
    indexes: toml::Table,
    #[serde(default)]
    dependencies: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIndex {
    git: String,
    branch: Option<String>,
    packages: Option<Vec<String>>,
    #[serde(rename = "min-release-age")]
    min_release_age: Option<String>,
    signers: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDependency {
    version: Option<String>,
    index: Option<String>,
    package: Option<String>,
    git: Option<String>,
    path: Option<String>,
    rev: Option<String>,
    tag: Option<String>,
    branch: Option<String>,
    placement: Option<Placement>,
    skills: Option<Vec<String>>,
    #[serde(default)]
    servers: BTreeMap<String, String>,
    #[serde(default, rename = "allow-unpinned")]
    allow_unpinned: bool,
    signers: Option<String>,
}

/// Reads a manifest; `path` is for messages.
///
/// # Errors
/// [`Kind::Invalid`] with the file and the line or the key.
pub fn parse(text: &str, path: &Path) -> Result<Manifest> {
    parse_text(text).map_err(|error| error.at_path(path).help(format!("correct `{}` and run again", path.display())))
}

fn parse_text(text: &str) -> Result<Manifest> {
    if text.len() > MAX_BYTES {
        return Err(Error::new(Kind::Invalid, "the manifest is not valid")
            .because(format!("it has {} bytes, more than {MAX_BYTES}", text.len())));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let raw: RawManifest = toml::from_str(text).map_err(|cause| {
        if let Some((at, _)) = (1..).zip(text.lines()).find(|(_, line)| line.starts_with("<<<<<<< ")) {
            return Error::new(Kind::Invalid, "the manifest has merge conflict markers")
                .because(format!("the first is in line {at}"))
                .help(
                    "keep the lines that you want and delete the markers; then `cpm install` merges cpm.lock by itself",
                );
        }
        Error::new(Kind::Invalid, "the manifest is not valid").because(excerpt(&cause.to_string()))
    })?;
    let mut manifest = Manifest::default();
    for (key, value) in raw.indexes {
        let index =
            read_index(&key, value).map_err(|error| error.context(format!("index `{}` is not valid", quoted(&key))))?;
        manifest.indexes.push(index);
    }
    for (key, value) in raw.dependencies {
        let in_dependency = |error: Error| error.context(format!("dependency `{}` is not valid", quoted(&key)));
        let name = PackageName::parse(&key).map_err(in_dependency)?;
        let dependency = read_dependency(&name, value).map_err(in_dependency)?;
        if let Origin::Index { index: Some(wanted), .. } = &dependency.origin
            && !manifest.indexes.iter().any(|index| index.name == *wanted)
        {
            return Err(in_dependency(Error::new(Kind::Invalid, format!("there is no index `{wanted}` in [indexes]"))));
        }
        manifest.dependencies.insert(name, dependency);
    }
    check_aliases(&manifest)?;
    Ok(manifest)
}

/// One package under two names would be installed twice and locked once.
fn check_aliases(manifest: &Manifest) -> Result<()> {
    let mut by_package = BTreeMap::new();
    for (name, dependency) in &manifest.dependencies {
        if let Some(other) = by_package.insert(&dependency.package, name) {
            let what = format!("`{other}` and `{name}` are both the package `{}`", dependency.package);
            return Err(Error::new(Kind::Invalid, what).help("keep one of the two dependencies"));
        }
    }
    Ok(())
}

fn shape_error(cause: &toml::de::Error) -> Error {
    Error::new(Kind::Invalid, cause.message().to_owned())
}

fn read_index(key: &str, value: toml::Value) -> Result<IndexConfig> {
    let raw = RawIndex::deserialize(value).map_err(|cause| shape_error(&cause))?;
    let patterns = raw.packages.iter().flatten().map(|text| NamePattern::parse(text));
    let index = IndexConfig {
        branch: raw.branch.as_deref().map(RefName::parse).transpose()?,
        packages: patterns.collect::<Result<_>>()?,
        min_release_age: raw.min_release_age.as_deref().map(read_age).transpose()?,
        signers: raw.signers.as_deref().map(read_signers).transpose()?,
        ..IndexConfig::plain(IndexName::parse(key)?, GitUrl::parse_typed(&raw.git)?)
    };
    if raw.packages.is_some() && index.packages.is_empty() {
        // It would read as "no package", and mean "any".
        return Err(Error::new(Kind::Invalid, "`packages` is empty").help("name packages, or leave it out"));
    }
    Ok(index)
}

fn read_signers(text: &str) -> Result<RelPath> {
    RelPath::parse(text).map_err(|error| {
        let what = format!("`signers` names `{}`, which is no file of the project", text.escape_debug());
        error.causes().iter().fold(Error::new(Kind::Invalid, what), Error::because)
    })
}

/// An age in a manifest is not a mistake on the command line.
fn read_age(text: &str) -> Result<Age> {
    Age::parse(text).map_err(|error| {
        let invalid = Error::new(Kind::Invalid, error.message());
        invalid.help(error.help_text().unwrap_or_default())
    })
}

fn read_dependency(name: &PackageName, value: toml::Value) -> Result<Dependency> {
    let raw = match value {
        toml::Value::String(version) => RawDependency { version: Some(version), ..RawDependency::default() },
        value => RawDependency::deserialize(value).map_err(|cause| shape_error(&cause))?,
    };
    let mut servers = BTreeMap::new();
    for (old, new) in &raw.servers {
        servers.insert(ServerName::parse(old)?, ServerName::parse(new)?);
    }
    let skills = raw.skills.as_ref().map(|names| names.iter().map(|name| SkillName::parse(name)).collect());
    Ok(Dependency {
        package: raw.package.as_deref().map_or_else(|| Ok(name.clone()), PackageName::parse)?,
        placement: raw.placement,
        skills: skills.transpose()?,
        servers,
        allow_unpinned: raw.allow_unpinned,
        signers: raw.signers.as_deref().map(read_signers).transpose()?,
        origin: read_origin(&raw)?,
    })
}

fn read_origin(raw: &RawDependency) -> Result<Origin> {
    let not_both = |a: &str, b: &str| Err(Error::new(Kind::Invalid, format!("`{a}` and `{b}` exclude each other")));
    let want = match (&raw.rev, &raw.tag, &raw.branch) {
        (None, None, None) => RefWant::Head,
        (Some(rev), None, None) => RefWant::Rev(Commit::parse(rev)?),
        (None, Some(tag), None) => RefWant::Tag(RefName::parse(tag)?),
        (None, None, Some(branch)) => RefWant::Branch(RefName::parse(branch)?),
        _ => return Err(Error::new(Kind::Invalid, "only one of `rev`, `tag` and `branch` can be given")),
    };
    if raw.git.is_none() && want != RefWant::Head {
        return Err(Error::new(Kind::Invalid, "`rev`, `tag` and `branch` need `git`"));
    }
    if raw.signers.is_some() && !matches!(want, RefWant::Tag(_)) {
        // Of all that a repository has, tags are what authors sign.
        return Err(Error::new(Kind::Invalid, "`signers` needs `git` and `tag`")
            .because("for what comes from an index, `signers` belongs to the index"));
    }
    match (&raw.git, &raw.path) {
        (Some(_), _) if raw.index.is_some() => not_both("git", "index"),
        (Some(_), _) if raw.version.is_some() => not_both("git", "version"),
        (None, Some(_)) if raw.index.is_some() => not_both("path", "index"),
        (None, Some(_)) if raw.version.is_some() => not_both("path", "version"),
        (Some(git), path) => Ok(Origin::Git {
            url: GitUrl::parse_typed(git)?,
            path: path.as_deref().map(RelPath::parse).transpose()?,
            want,
        }),
        (None, Some(path)) => Ok(Origin::Dir(path.clone())),
        (None, None) => Ok(Origin::Index {
            requirement: raw.version.as_deref().map_or(Ok(Requirement::Any), Requirement::parse)?,
            index: raw.index.as_deref().map(IndexName::parse).transpose()?,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest> {
        parse(text, Path::new("cpm.toml"))
    }

    #[test]
    fn the_example_of_the_design_reads() {
        let manifest = read(
            r#"
            [indexes]
            trailofbits = { git = "https://github.com/trailofbits/skills" }
            acme = { git = "ssh://git@git.acme.dev/claude/index.git", branch = "main" }

            [dependencies]
            github-tools = "1.2"
            modern-python = { index = "trailofbits" }
            pdf = { git = "https://github.com/anthropics/skills", path = "skills/pdf" }
            house-style = { path = "skills/house-style" }
            review = { version = "2", package = "code-review", skills = ["review"], servers = { github = "gh" } }
            "#,
        )
        .expect("a manifest");
        let names: Vec<&str> = manifest.indexes.iter().map(|index| index.name.as_str()).collect();
        assert_eq!(names, ["trailofbits", "acme"], "order is preference");
        let review = &manifest.dependencies["review"];
        assert_eq!(review.package.as_str(), "code-review");
        assert_eq!(review.servers.len(), 1);
        assert!(matches!(&manifest.dependencies["pdf"].origin, Origin::Git { path: Some(_), want: RefWant::Head, .. }));
        assert!(matches!(&manifest.dependencies["house-style"].origin, Origin::Dir(_)));
    }

    #[test]
    fn mistakes_name_the_key() {
        for (text, needle) in [
            ("[dependencies]\nx = { aprove = true }", "aprove"),
            ("[dependency]\nx = '1'", "dependency"),
            ("[dependencies]\nX = '1'", "`X`"),
            ("[dependencies]\nx = 'latest'", "latest"),
            ("[dependencies]\nx = { index = 'nope' }", "nope"),
            ("[dependencies]\nx = { git = 'o/r', version = '1' }", "exclude"),
            ("[dependencies]\nx = { tag = 'v1' }", "need `git`"),
            ("[dependencies]\nx = { git = 'o/r', rev = 'abc' }", "abc"),
            ("[dependencies]\nx = { git = 'https://u:tok@h/r' }", "credentials"),
            ("[dependencies]\na = '1'\nb = { package = 'a' }", "both the package"),
            ("[indexes]\na = { git = 'o/r', packages = ['A-*'] }", "A-*"),
            ("[indexes]\na = { git = 'o/r', packages = [] }", "`packages` is empty"),
            ("[indexes]\na = { git = 'o/r', min-release-age = '3' }", "`3` is not an age"),
            ("[indexes]\na = { git = 'o/r', signers = '../keys' }", "../keys"),
            ("[dependencies]\nx = { git = 'o/r', branch = 'main', signers = 'keys' }", "needs `git` and `tag`"),
            ("[dependencies]\nx = { version = '1', signers = 'keys' }", "needs `git` and `tag`"),
            ("[dependencies\n", "TOML"),
        ] {
            let error = read(text).expect_err(text);
            let whole = format!("{error:?}");
            assert_eq!(error.kind(), Kind::Invalid, "{whole}");
            assert!(whole.contains(needle) && !whole.contains("tok@"), "{needle}: {whole}");
            assert_eq!(error.place(), Some(if needle == "credentials" { "https://***@h/r" } else { "cpm.toml" }));
        }
    }
}
