//! A cache repository that something has damaged.

use super::*;
use crate::error::Kind;

/// Every file of a folder, relative to it.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { open.push(path) } else { files.push(path.strip_prefix(root).expect("below").to_owned()) }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).expect("removed");
    }
    for file in files(from) {
        std::fs::create_dir_all(to.join(&file).parent().expect("a folder")).expect("folders");
        std::fs::copy(from.join(&file), to.join(&file)).expect("a copy");
    }
    for folder in ["objects/info", "refs/heads", "refs/tags"] {
        std::fs::create_dir_all(to.join(folder)).expect("a folder");
    }
}

fn damage(file: &Path, how: &str) {
    let bytes = std::fs::read(file).expect("a file");
    // Git makes its packs read-only.
    std::fs::remove_file(file).expect("removed");
    match how {
        "half" => std::fs::write(file, &bytes[..bytes.len() / 2]).expect("written"),
        "empty" => std::fs::write(file, "").expect("written"),
        _ => {}
    }
}

#[test]
fn whichever_file_of_the_cache_is_deleted_or_cut_it_is_fetched_again_or_told_offline() {
    let world = World::new();
    let (url, first, main) = (world.url(), world.commit("light"), world.commit("main"));
    let wanted = path("skills/pdf");
    world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect("a commit");
    let trees = [&first, &main].map(|commit| world.cache().tree(&url, commit, Some(&wanted)).expect("a tree"));
    let repository = world.cache().repository(&url);
    let whole = world.path("whole");
    copy(&repository, &whole);
    let files = files(&whole);
    assert!(files.len() > 10, "{files:?}");
    for file in &files {
        for how in ["deleted", "half", "empty"] {
            copy(&whole, &repository);
            damage(&repository.join(file), how);
            for (commit, tree) in [&first, &main].into_iter().zip(&trees) {
                let about = format!("{} {how}, {}", file.display(), commit.short());
                match world.offline().tree(&url, commit, Some(&wanted)) {
                    Ok(read) => assert_eq!(&read, tree, "{about}"),
                    Err(error) => assert!(
                        matches!(error.kind(), Kind::Integrity | Kind::NotFound) && error.help_text().is_some(),
                        "{about}: {error:?}"
                    ),
                }
            }
            for (commit, tree) in [&first, &main].into_iter().zip(&trees) {
                let about = format!("{} {how}, {}", file.display(), commit.short());
                let read = world.cache().tree(&url, commit, Some(&wanted));
                assert_eq!(read.as_ref().map_err(|error| format!("{about}: {error:?}")), Ok(tree), "{about}");
            }
            let head = world.cache().resolve(&url, &RefWant::Head, Reading::Index);
            assert_eq!(head.map_err(|error| format!("{} {how}: {error:?}", file.display())), Ok(main.clone()));
        }
    }
}

#[test]
fn what_a_killed_git_left_is_in_nobodys_way() {
    let world = World::new();
    let (url, main) = (world.url(), world.commit("main"));
    world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect("a commit");
    let repository = world.cache().repository(&url);
    for left in ["config.lock", "shallow.lock", "packed-refs.lock", "HEAD.lock", "refs/cpm/head.lock"] {
        std::fs::write(repository.join(left), "").expect("a lock");
    }
    let unfinished = repository.join("objects/pack/tmp_pack_x");
    std::fs::write(&unfinished, "PACK").expect("a pack");
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "third"]);
    let head = world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect("a commit");
    assert_ne!(head, main);
    assert_eq!(world.cache().tree(&url, &head, Some(&path("skills/pdf"))).expect("a tree").len(), 2);
    assert!(!unfinished.exists());
}
