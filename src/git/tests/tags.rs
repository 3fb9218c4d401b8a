//! Tags are told by name, and nothing of them is brought.

use super::*;
use crate::error::Kind;

fn tags(cache: &Cache<'_>, url: &GitUrl, patterns: &[&str]) -> Vec<String> {
    let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    cache.tags(url, &patterns).expect("tags").iter().map(ToString::to_string).collect()
}

#[test]
fn the_tags_of_a_pattern_are_told_and_nothing_is_brought() {
    let world = World::new();
    for name in ["kit-v1.10.0", "kit-v1.9.0", "kit--v1.0.0", "other-v1.0.0", "deep/kit-v9.0.0", "v1.0.0"] {
        world.git(&["tag", "-a", "-m", "x", name]);
    }
    let (cache, url) = (world.cache(), world.url());
    assert_eq!(tags(&cache, &url, &["kit-v*"]), ["deep/kit-v9.0.0", "kit-v1.9.0", "kit-v1.10.0"]);
    assert_eq!(tags(&cache, &url, &["kit--v*", "v[0-9]*"]), ["kit--v1.0.0", "v1.0.0"]);
    assert_eq!(tags(&cache, &url, &["none-v*"]), [""; 0]);
    let mut count = 0;
    world
        .cached()
        .odb()
        .expect("objects")
        .foreach(|_| {
            count += 1;
            true
        })
        .expect("listed");
    assert_eq!((count, world.log.processes()), (0, 3), "{:?}", world.log.details);
}

#[test]
fn of_very_many_tags_the_newest_are_told() {
    let world = World::new();
    let commit = world.git(&["rev-parse", "HEAD"]);
    let packed: String = (0..3000).map(|patch| format!("{commit} refs/tags/a-plugin-v1.0.{patch}\n")).collect();
    world.write(".git/packed-refs", &packed);
    let told = tags(&world.cache(), &world.url(), &["a-plugin-v*"]);
    assert_eq!(told.last().map(String::as_str), Some("a-plugin-v1.0.2999"));
    assert!(told.len() > 500, "{}", told.len());
}

#[test]
fn tags_are_asked_of_nobody_offline_and_of_no_repository_that_is_gone() {
    let world = World::new();
    let error = world.offline().tags(&world.url(), &["v*".to_owned()]).expect_err("offline");
    assert_eq!(error.kind(), Kind::NotFound);
    std::fs::remove_dir_all(world.path("served")).expect("removed");
    let error = world.cache().tags(&world.url(), &["v*".to_owned()]).expect_err("gone");
    assert_eq!(error.kind(), Kind::NotFound);
}
