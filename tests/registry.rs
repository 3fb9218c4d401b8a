//! Checks the whole built-in index: names, shards, order, versions, and the checksum of every release it hosts.

use std::path::{Path, PathBuf};

use cpm::format::index_line::{self, Host};
use cpm::fsx;
use cpm::index::Index as _;
use cpm::index::builtin::Builtin;
use cpm::model::digest::TreeDigest;
use cpm::model::name::PackageName;
use cpm::model::source::Source;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("registry-index")
}

fn files() -> Vec<String> {
    fsx::tree::list(&root().join("packages")).expect("a folder")
}

#[test]
fn every_file_is_where_its_name_says() {
    for file in files() {
        let name = file.rsplit('/').next().and_then(|name| name.strip_suffix(".jsonl")).expect("a .jsonl file");
        let name = PackageName::parse(name).expect("a package name");
        assert_eq!(index_line::file_of(&name), format!("packages/{file}"));
    }
}

#[test]
fn every_line_is_a_release_in_order() {
    let mut outside = 0;
    for name in Builtin.names().expect("names") {
        let text = std::fs::read_to_string(root().join(index_line::file_of(&name))).expect("a file");
        let (releases, errors) = index_line::parse_file(&text, &name, Host::Builtin);
        assert!(errors.is_empty(), "{name}: {errors:?}");
        assert!(text.ends_with('\n') && !releases.is_empty(), "{name}");
        assert!(releases.is_sorted_by_key(|release| release.version.clone()), "{name} is appended to in order");
        for release in &releases {
            assert!(
                release.description.as_ref().is_some_and(|text| text.len() <= 120),
                "{name} has a short description"
            );
            for need in &release.dependencies {
                let listing = Builtin.listing(&need.name).expect("readable").expect("a dependency in the index");
                assert!(listing.releases.iter().any(|other| need.requirement.matches(&other.version)), "{name}");
            }
            outside += usize::from(release.commit.is_some());
        }
    }
    assert!(outside >= 20, "{outside} packages point outside");
}

#[test]
fn hosted_releases_have_the_checksum_they_promise() {
    let mut hosted = Vec::new();
    for name in Builtin.names().expect("names") {
        for release in Builtin.listing(&name).expect("readable").expect("listed").releases {
            let Source::Builtin { path } = &release.source else { continue };
            let embedded = Builtin.tree(path).expect("embedded");
            let on_disk = fsx::tree::read(&path.below(&root())).expect("a folder");
            assert_eq!(embedded, on_disk, "{name}");
            assert_eq!(Some(TreeDigest::of(&on_disk)), release.checksum, "{name} {}", release.version);
            hosted.push(path.to_string());
        }
    }
    assert!(hosted.len() >= 5, "{hosted:?}");
    let all = fsx::tree::list(&root().join("content")).expect("a folder");
    for file in all {
        assert!(
            hosted.iter().any(|path| format!("content/{file}").starts_with(&format!("{path}/"))),
            "{file} is listed"
        );
    }
}
