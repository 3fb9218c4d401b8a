//! A large index: what is asked of it is fetched, and nothing beside.

use serde_json::json;

use crate::support::http::Server;
use crate::support::index::{checksum, file_of};
use crate::support::{Repo, World, git, skill};

/// How many packages the index has; the names begin alike, so all files of releases lie in one folder.
const PACKAGES: usize = 300;

fn name(package: usize) -> String {
    format!("package-{package:03}")
}

/// The release of a package as a line of an index, and its one file.
fn release(package: usize, version: &str) -> [(String, String); 2] {
    let (name, folder) = (name(package), format!("content/{}/{version}", name(package)));
    let text = skill(&name, version);
    let line = json!({
        "name": name, "version": version, "description": format!("Herds zebra number {package}"),
        "source": { "path": folder }, "checksum": checksum(&[("SKILL.md", &text)]),
    });
    [(file_of(&name), format!("{line}\n")), (format!("{folder}/SKILL.md"), text)]
}

/// An index over HTTP that the project asks, with nothing fetched yet.
fn large_index(world: &World) -> (Repo, Server) {
    let about = ("index.toml".to_owned(), "schema = 1\nname = \"acme\"\n".to_owned());
    let files = (0..PACKAGES).flat_map(|package| release(package, "1.0.0"));
    let repo = Repo::import(world, "acme", std::iter::once(about).chain(files));
    let server = Server::start(&world.path("repos"));
    world.write("cpm.toml", &format!("[indexes]\nacme = {{ git = \"{}\" }}\n", server.url("acme")));
    (repo, server)
}

/// How many files the cache has of the one repository in it.
fn files_in_cache(world: &World) -> usize {
    let mut cached =
        std::fs::read_dir(world.path("cache/git-v1")).expect("a cache").map(|entry| entry.expect("an entry"));
    let repository =
        cached.find(|entry| entry.path().extension().is_some_and(|end| end == "git")).expect("a repository");
    let objects = git(&repository.path(), &["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]);
    objects.lines().filter(|kind| *kind == "blob").count()
}

/// How many packages a search for `words` finds.
fn found(world: &World, words: &[&str]) -> usize {
    let hits = world.ok(&[&["search", "--json"], words].concat()).json()["packages"].take();
    hits.as_array().expect("packages").len()
}

#[test]
fn an_install_reads_the_file_of_its_package_and_no_other() {
    let world = World::in_git();
    let (_repo, server) = large_index(&world);
    world.ok(&["install", &name(7)]);
    assert!(world.has(".claude/skills/package-007/SKILL.md"));
    assert_eq!(files_in_cache(&world), 3, "index.toml, the releases, the skill");
    let first = server.requests();
    world.ok(&["install", &name(123)]);
    assert_eq!(files_in_cache(&world), 5, "the releases and the skill of another one");
    assert!(server.requests() - first <= first, "{} requests, and {first} before", server.requests() - first);
}

#[test]
fn a_name_that_is_not_there_is_compared_with_all_names_in_one_question() {
    let world = World::in_git();
    let (_repo, server) = large_index(&world);
    let run = world.fails(14, &["install", "pakcage-007"]);
    assert!(run.stderr.contains("`package-007`"), "{run}");
    assert_eq!(files_in_cache(&world), 1, "index.toml");
    assert!(server.requests() <= 8, "{} requests", server.requests());
}

#[test]
fn a_search_reads_all_once_and_then_what_changed() {
    let world = World::in_git();
    let (repo, server) = large_index(&world);
    assert_eq!(found(&world, &["zebra"]), PACKAGES);
    assert_eq!(files_in_cache(&world), PACKAGES + 1, "index.toml and all releases");
    let all = server.sent();
    let changed = release(5, "2.0.0").map(|(path, text)| (path, text.replace("zebra", "lion")));
    repo.commit(&changed.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
    repo.remove(&[&file_of(&name(9))]);
    server.forget();
    assert_eq!((found(&world, &["zebra"]), found(&world, &["lion"])), (PACKAGES - 2, 1));
    assert_eq!(files_in_cache(&world), PACKAGES + 2);
    assert!(server.sent() < all / 3, "{} bytes, and {all} for all", server.sent());
}
