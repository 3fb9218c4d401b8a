//! The lines of a cpm index: one release each, appended, never rewritten. Unknown fields are left alone; one bad line
//! disables itself only.

use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::model::dependency::Need;
use crate::model::digest::TreeDigest;
use crate::model::index::{Release, Withheld};
use crate::model::name::PackageName;
use crate::model::relpath::RelPath;
use crate::model::source::{Commit, RefWant, Source};
use crate::model::timestamp::Timestamp;
use crate::model::url::{GitUrl, Reach};
use crate::model::version::{Requirement, Version};

/// The only schema of `index.toml` so far.
pub const SCHEMA: i64 = 1;

/// Where releases that an index hosts itself are.
#[derive(Debug, Clone, Copy)]
pub enum Host<'a> {
    /// In the binary.
    Builtin,
    /// In the index's own repository.
    Git(&'a GitUrl, &'a Commit),
}

#[derive(Deserialize)]
struct RawLine {
    name: String,
    version: String,
    description: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    source: RawSource,
    checksum: String,
    #[serde(default)]
    dependencies: Vec<RawNeed>,
    yanked: Option<Mark>,
    revoked: Option<Mark>,
    published: Option<String>,
    manifest: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct RawSource {
    git: Option<String>,
    commit: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
struct RawNeed {
    name: String,
    req: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Mark {
    Flag(bool),
    Reason(String),
}

impl Mark {
    /// Why, where it marks at all.
    fn reason(self) -> Option<String> {
        match self {
            Mark::Flag(false) => None,
            Mark::Flag(true) => Some("no reason given".to_owned()),
            Mark::Reason(reason) => Some(reason),
        }
    }
}

#[derive(Deserialize)]
struct RawIndex {
    schema: i64,
    name: String,
    description: Option<String>,
}

/// What `index.toml` says of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its own name.
    pub name: String,
    /// One line about it.
    pub description: Option<String>,
}

/// Reads `index.toml`.
///
/// # Errors
/// [`Kind::Invalid`]; a newer schema says so.
pub fn parse_about(text: &str) -> Result<About> {
    let invalid = |why: String| Error::new(Kind::Invalid, "`index.toml` is not valid").because(why);
    let raw: RawIndex = toml::from_str(text).map_err(|cause| invalid(cause.to_string().trim_end().to_owned()))?;
    if raw.schema != SCHEMA {
        return Err(invalid(format!("it has schema {}, and this cpm reads {SCHEMA}", raw.schema)).help("update cpm"));
    }
    Ok(About { name: raw.name, description: raw.description })
}

/// The folder of a name below `packages/`, as Cargo shards its index.
#[must_use]
pub fn shard(name: &PackageName) -> String {
    let text = name.as_str();
    match text.len() {
        1 => "1".to_owned(),
        2 => "2".to_owned(),
        3 => format!("3/{}", &text[..1]),
        _ => format!("{}/{}", &text[..2], &text[2..4]),
    }
}

/// The file of a name in an index.
#[must_use]
pub fn file_of(name: &PackageName) -> String {
    format!("packages/{}/{name}.jsonl", shard(name))
}

/// Reads all lines of a package's file: the releases, and what is wrong with lines that are none.
#[must_use]
pub fn parse_file(text: &str, name: &PackageName, host: Host<'_>) -> (Vec<Release>, Vec<Error>) {
    let mut releases = Vec::new();
    let mut errors = Vec::new();
    for (_, line) in parse_lines(text, name, host) {
        match line {
            Ok(release) => releases.push(release),
            Err(error) => errors.push(error),
        }
    }
    (releases, errors)
}

/// Reads all lines of a package's file, each with its number, from 1. Empty ones are left out.
///
/// # Errors
/// For each line on its own: [`Kind::Invalid`], [`Kind::Policy`] for an address that cpm does not fetch from, or
/// [`Kind::UnsafeTree`] for a path, with the file and the line.
pub fn parse_lines(text: &str, name: &PackageName, host: Host<'_>) -> Vec<(usize, Result<Release>)> {
    let mut lines: Vec<(usize, Result<Release>)> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}:{}", file_of(name), at + 1);
        let is_listed =
            |new: &Release| lines.iter().any(|(_, old)| old.as_ref().is_ok_and(|old| old.version == new.version));
        let release = match parse_line(line, name, host) {
            Ok(release) if is_listed(&release) => {
                let what = format!("`{name}` {} is listed twice; the first line counts", release.version);
                Err(Error::new(Kind::Invalid, what).at(place))
            }
            Ok(release) => Ok(release),
            Err(error) => Err(error.context(format!("`{place}` is not a release")).at(place)),
        };
        lines.push((at + 1, release));
    }
    lines
}

fn parse_line(line: &str, name: &PackageName, host: Host<'_>) -> Result<Release> {
    let invalid = |why: String| Error::new(Kind::Invalid, why);
    let raw: RawLine = serde_json::from_str(line).map_err(|cause| invalid(cause.to_string()))?;
    if raw.name != name.as_str() {
        return Err(invalid(format!("it is about `{}`, but stands in the file of `{name}`", raw.name)));
    }
    let (source, commit) = read_source(&raw.source, host)?;
    let needs = raw
        .dependencies
        .iter()
        .map(|need| Ok(Need::new(PackageName::parse(&need.name)?, Requirement::parse(&need.req)?)));
    Ok(Release {
        version: Version::parse(&raw.version).map_err(|cause| invalid(format!("`{}`: {cause}", raw.version)))?,
        source,
        commit,
        checksum: Some(TreeDigest::parse(&raw.checksum).map_err(|error| invalid(error.message().to_owned()))?),
        dependencies: needs.collect::<Result<_>>()?,
        withheld: match (raw.revoked.and_then(Mark::reason), raw.yanked.and_then(Mark::reason)) {
            (Some(reason), _) => Some(Withheld::Revoked(reason)),
            (None, reason) => reason.map(Withheld::Yanked),
        },
        published: raw.published.as_deref().map(Timestamp::parse).transpose()?,
        description: raw.description,
        keywords: raw.keywords,
        manifest: raw.manifest.map(|manifest| manifest.to_string()),
    })
}

fn read_source(raw: &RawSource, host: Host<'_>) -> Result<(Source, Option<Commit>)> {
    let path = raw.path.as_deref().map(RelPath::parse).transpose()?;
    let invalid = |why: &str| Error::new(Kind::Invalid, "the source of this release is not valid").because(why);
    match (&raw.git, &raw.commit, path) {
        (Some(git), Some(commit), path) => {
            let url = GitUrl::parse(git)?;
            if url.reach() == Reach::Local && !matches!(host, Host::Git(index, _) if index.reach() == Reach::Local) {
                return Err(Error::new(Kind::Policy, "an index may not point at this machine").at(&url));
            }
            Ok((Source::Git { url, path, want: RefWant::Head }, Some(Commit::parse(commit)?)))
        }
        (Some(_), None, _) => Err(invalid("`git` needs `commit`")),
        (None, Some(_), _) => Err(invalid("`commit` needs `git`")),
        (None, None, None) => Err(invalid("it has neither `git` nor `path`")),
        (None, None, Some(path)) => Ok(match host {
            Host::Builtin => (Source::Builtin { path }, None),
            Host::Git(url, commit) => {
                let source = Source::Git { url: url.clone(), path: Some(path), want: RefWant::Head };
                (source, Some(commit.clone()))
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sharded_as_cargo_does() {
        for (name, want) in [("a", "1"), ("ab", "2"), ("abc", "3/a"), ("github-tools", "gi/th")] {
            assert_eq!(shard(&PackageName::parse(name).expect("a name")), want);
        }
    }

    #[test]
    fn one_bad_line_disables_itself_only() {
        let name = PackageName::parse("x").expect("a name");
        let digest = "0a".repeat(32);
        let commit = "3f".repeat(20);
        let line = |version: &str, source: &str| {
            format!(
                "{{\"name\":\"x\",\"version\":\"{version}\",\"source\":{source},\"checksum\":\"t1:{digest}\",\"new\":1}}"
            )
        };
        let good = format!("{{\"git\":\"https://github.com/o/r\",\"commit\":\"{commit}\",\"path\":\"p\"}}");
        let text = [
            line("1.0.0", &good),
            "not json".to_owned(),
            line("one", &good),
            line("1.1.0", "{\"path\":\"../x\"}"),
            line("1.2.0", "{\"git\":\"ext::sh\",\"commit\":\"x\"}"),
            line("1.3.0", &good.replace("https://github.com", "file:///srv")),
            line("1.0.0", &good),
            line("2.0.0", "{\"path\":\"content/x/2.0.0\"}"),
        ]
        .join("\n");
        let (releases, errors) = parse_file(&text, &name, Host::Builtin);
        let versions: Vec<String> = releases.iter().map(|release| release.version.to_string()).collect();
        assert_eq!(versions, ["1.0.0", "2.0.0"]);
        assert_eq!(errors.len(), 6);
        assert!(errors.iter().all(|error| error.place().is_some()));
    }

    #[test]
    fn a_newer_schema_says_so() {
        assert!(parse_about("schema = 1\nname = \"x\"\n").is_ok());
        let error = parse_about("schema = 2\nname = \"x\"\n").expect_err("newer");
        assert_eq!(error.help_text(), Some("update cpm"));
    }
}
