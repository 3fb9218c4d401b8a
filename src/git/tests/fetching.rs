//! What is asked of a server, how often, and what comes of it.

use super::*;
use crate::error::Kind;
use crate::git::{Entry, EntryKind};
use crate::progress::Silent;

#[test]
fn refs_resolve_to_commits() {
    let world = World::new();
    let cache = world.cache();
    let (first, main) = (world.commit("light"), world.commit("main"));
    for (want, commit) in [
        (RefWant::Head, &main),
        (branch("main"), &main),
        (branch("feature/x"), &first),
        (tag("light"), &first),
        (tag("annotated"), &first),
        (RefWant::Rev(first.clone()), &first),
    ] {
        assert_eq!(&cache.resolve(&world.url(), &want, Reading::Index).expect("a commit"), commit, "{want:?}");
        assert_eq!(cache.known(&world.url(), &want).as_ref(), Some(commit), "{want:?}");
    }
    assert_eq!(world.log.processes(), 5);
    assert_eq!(mode_of(&cache.repository(&world.url())), 0o700);
    assert_eq!(mode_of(&cache.root), 0o700);
}

#[test]
fn a_ref_is_asked_for_once_in_a_process() {
    let world = World::new();
    let cache = world.cache();
    let before = cache.resolve(&world.url(), &branch("main"), Reading::Index).expect("a commit");
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "third"]);
    assert_eq!(cache.resolve(&world.url(), &branch("main"), Reading::Index).expect("remembered"), before);
    let missing = cache.resolve(&world.url(), &branch("nope"), Reading::Index).expect_err("no such branch");
    assert_eq!(missing.kind(), Kind::NotFound);
    assert!(missing.message().contains("branch `nope`"), "{missing:?}");
    let again = cache.resolve(&world.url(), &branch("nope"), Reading::Index).expect_err("remembered");
    assert_eq!(again.message(), missing.message());
    assert_eq!(world.log.processes(), 2);
    let next = world.cache().resolve(&world.url(), &branch("main"), Reading::Index).expect("a commit");
    assert_eq!(next, world.commit("main"));
    assert_ne!(next, before);
}

#[test]
fn a_branch_whose_name_is_the_id_of_another_commit_changes_nothing() {
    let world = World::new();
    let first = world.commit("light");
    world.git(&["update-ref", &format!("refs/heads/{first}"), "main"]);
    let tree = world.cache().tree(&world.url(), &first, Some(&path("skills/pdf"))).expect("a tree");
    assert_eq!(tree.get("SKILL.md").map(|file| &file.bytes[..]), Some(&b"one\n"[..]));
    let named = world.cache().resolve(&world.url(), &branch(first.as_str()), Reading::Index).expect("the branch");
    assert_eq!(named, world.commit("main"));
}

#[test]
fn a_branch_may_become_a_folder_of_branches_and_back() {
    let world = World::new();
    world.git(&["branch", "topic"]);
    let topic = world.commit("topic");
    assert_eq!(world.cache().resolve(&world.url(), &branch("topic"), Reading::Index).expect("a branch"), topic);
    world.git(&["branch", "--quiet", "-m", "topic", "topic/a"]);
    assert_eq!(world.cache().resolve(&world.url(), &branch("topic/a"), Reading::Index).expect("below"), topic);
    world.git(&["branch", "--quiet", "-m", "topic/a", "topic"]);
    assert_eq!(world.cache().resolve(&world.url(), &branch("topic"), Reading::Index).expect("back"), topic);
}

#[test]
fn a_default_branch_that_is_renamed_stays_the_default() {
    let world = World::new();
    let (url, before) = (world.url(), world.commit("main"));
    let head = || world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect("a commit");
    assert_eq!(head(), before);
    world.git(&["branch", "--quiet", "-m", "main", "trunk"]);
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "third"]);
    assert_eq!(head(), world.commit("trunk"));
    assert!(world.cache().still_contains(&url, &RefWant::Head, &before).expect("an answer"));
    let gone = world.cache().resolve(&url, &branch("main"), Reading::Index).expect_err("renamed");
    assert_eq!(gone.kind(), Kind::NotFound);
}

#[test]
fn only_the_wanted_files_are_fetched_and_only_once() {
    let world = World::new();
    let cache = world.cache();
    let (url, commit) = (world.url(), world.commit("light"));
    let wanted = [Some(path("skills/pdf")), Some(path("README.md")), Some(path("no/such/path"))];
    cache.ensure(&url, &commit, &wanted).expect("fetched");
    assert_eq!(world.log.processes(), 2, "{:?}", world.log.details);
    let cached = world.cached();
    for (file, present) in [
        ("light:skills/pdf/SKILL.md", true),
        ("light:skills/pdf/scripts/run.sh", true),
        ("light:README.md", true),
        ("light:skills/other/SKILL.md", false),
        ("main:skills/pdf/SKILL.md", false),
    ] {
        let id = Oid::from_str(&world.git(&["rev-parse", file])).expect("an id");
        assert_eq!(cached.odb().expect("objects").exists(id), present, "{file}");
    }
    cache.ensure(&url, &commit, &wanted).expect("present");
    let tree = world.cache().tree(&url, &commit, Some(&path("skills/pdf"))).expect("a tree");
    let files: Vec<_> = tree.files().map(|(path, file)| (path.as_str(), file.executable)).collect();
    assert_eq!(files, [("SKILL.md", false), ("scripts/run.sh", true)]);
    assert_eq!(world.log.processes(), 2, "{:?}", world.log.details);
    assert_eq!(held(&world.log.steps).len(), 2);
    assert!(held(&world.log.details).iter().all(|detail| !detail.contains("evil")));
}

#[test]
fn files_and_folders_are_read_without_more_than_they_need() {
    let world = World::new();
    let cache = world.cache();
    let (url, commit) = (world.url(), world.commit("main"));
    let names = cache.list(&url, &commit, Some(&path("skills"))).expect("a list").expect("a folder");
    let dir = |name: &str| Entry { name: name.to_owned(), kind: EntryKind::Dir };
    assert_eq!(names, [dir("other"), dir("pdf")]);
    let top = cache.list(&url, &commit, None).expect("a list").expect("the top");
    assert_eq!(top, [Entry { name: "README.md".to_owned(), kind: EntryKind::File }, dir("skills")]);
    assert_eq!(cache.list(&url, &commit, Some(&path("README.md"))).expect("no folder"), None);
    assert_eq!(cache.list(&url, &commit, Some(&path("x/y"))).expect("nothing"), None);
    assert_eq!(world.log.processes(), 1);

    let bytes = cache.file(&url, &commit, &path("README.md")).expect("a file");
    assert_eq!(bytes.as_deref(), Some(&b"read me\n"[..]));
    for absent in ["skills", "README.md/x", "nope"] {
        assert_eq!(cache.file(&url, &commit, &path(absent)).expect("no file"), None, "{absent}");
    }
    assert_eq!(world.log.processes(), 2);

    let names = cache.names_below(&url, &commit, &path("skills")).expect("names");
    let names: Vec<&str> = names.iter().map(RelPath::as_str).collect();
    assert_eq!(names, ["other/SKILL.md", "pdf/SKILL.md", "pdf/scripts/run.sh"]);
    assert_eq!(cache.names_below(&url, &commit, &path("nope")).expect("none"), []);
    assert_eq!(world.log.processes(), 3);

    let missing = cache.tree(&url, &commit, Some(&path("skills/nope"))).expect_err("no folder");
    assert_eq!(missing.kind(), Kind::NotFound);
    assert!(missing.message().contains("no folder `skills/nope`"), "{missing:?}");
    assert_eq!(cache.tree(&url, &commit, None).expect("the repository").len(), 4);
}

#[test]
fn offline_starts_nothing_and_names_what_is_missing() {
    let world = World::new();
    let (url, first, main) = (world.url(), world.commit("light"), world.commit("main"));
    let offline = world.offline();
    let unknown = offline.resolve(&url, &RefWant::Head, Reading::Index).expect_err("never seen");
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert!(unknown.help_text().is_some_and(|help| help.contains("--offline")));
    assert_eq!(offline.known(&url, &RefWant::Head), None);
    assert!(!world.path("cache").exists());

    world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect("a commit");
    world.cache().tree(&url, &main, Some(&path("skills/pdf"))).expect("a tree");
    let processes = world.log.processes();
    assert_eq!(offline.resolve(&url, &RefWant::Head, Reading::Index).expect("known"), main);
    assert_eq!(offline.tree(&url, &main, Some(&path("skills/pdf"))).expect("present").len(), 2);
    assert!(offline.list(&url, &main, None).expect("trees are present").is_some());
    let blobs = [Some(path("skills/pdf")), Some(path("skills/other"))];
    let missing = offline.ensure(&url, &main, &blobs).expect_err("one is absent");
    assert_eq!(missing.kind(), Kind::NotFound);
    assert_eq!(missing.causes(), ["missing: `skills/other`"]);
    let missing = offline.list(&url, &first, None).expect_err("the commit is absent");
    assert!(missing.message().contains(first.as_str()), "{missing:?}");
    assert_eq!(world.log.processes(), processes);
}

#[test]
fn a_commit_that_is_gone_is_never_replaced() {
    let world = World::new();
    let gone = Commit::parse(&"1".repeat(40)).expect("a commit");
    let error = world.cache().tree(&world.url(), &gone, None).expect_err("gone");
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains("is gone"), "{error:?}");
    assert!(error.help_text().is_some_and(|help| help.contains("cpm update")));

    let tag_object = Commit::parse(&world.git(&["rev-parse", "annotated"])).expect("an id");
    let error = world.cache().tree(&world.url(), &tag_object, None).expect_err("a tag");
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains("not a commit"), "{error:?}");

    let sha256 = Commit::parse(&"1".repeat(64)).expect("a commit");
    let error = world.cache().tree(&world.url(), &sha256, None).expect_err("SHA-256");
    assert_eq!(error.kind(), Kind::NotFound);
}

#[test]
fn a_commit_that_was_fetched_outlives_a_forced_push() {
    let world = World::new();
    let (url, second) = (world.url(), world.commit("main"));
    world.cache().tree(&url, &second, None).expect("a tree");
    world.git(&["reset", "--quiet", "--hard", "light"]);
    let moved = world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect("a commit");
    assert_eq!(moved, world.commit("light"));
    assert_eq!(world.cache().tree(&url, &second, None).expect("still there").len(), 4);
}

#[test]
fn a_tag_of_something_else_is_refused() {
    let world = World::new();
    world.git(&["tag", "tree", "main^{tree}"]);
    let error = world.cache().resolve(&world.url(), &tag("tree"), Reading::Index).expect_err("a tree");
    assert_eq!(error.kind(), Kind::NotFound, "{error:?}");
}

#[test]
fn the_users_insteadof_works_and_hostile_variables_do_not() {
    let world = World::new();
    let config = world.path("home/other-config");
    let text = format!("[url \"{}\"]\n\tinsteadOf = https://git.acme.dev/team/skills\n", world.url());
    std::fs::write(&config, text).expect("a configuration");
    let config = config.to_str().expect("text");
    let variables = [
        ("GIT_CONFIG_GLOBAL", config),
        ("GIT_DIR", "/nonexistent"),
        ("GIT_OBJECT_DIRECTORY", "/nonexistent"),
        ("GIT_EXEC_PATH", "/nonexistent"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "url.file:///nonexistent/.insteadOf"),
        ("GIT_CONFIG_VALUE_0", "https://git.acme.dev/team/"),
    ];
    let cache = world.cache_with(Network::Online, &variables);
    let url = GitUrl::parse("https://git.acme.dev/team/skills").expect("an address");
    let commit = cache.resolve(&url, &RefWant::Head, Reading::Index).expect("the rewritten address");
    assert_eq!(commit, world.commit("main"));
    assert_eq!(cache.tree(&url, &commit, Some(&path("skills/pdf"))).expect("a tree").len(), 2);
}

#[test]
fn threads_and_processes_share_one_cache() {
    let world = World::new();
    let (url, commits) = (world.url(), [world.commit("light"), world.commit("main")]);
    let own = world.cache();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (own, url, commits, world) = (&own, &url, &commits, &world);
            scope.spawn(move || {
                // A cache of its own knows nothing of the other's mutexes, as another process would.
                let other = world.cache();
                let cache = if number % 2 == 0 { own } else { &other };
                cache.resolve(url, &RefWant::Head, Reading::Index).expect("a commit");
                let folder = if number % 3 == 0 { "skills/pdf" } else { "skills/other" };
                cache.tree(url, &commits[number / 4], Some(&path(folder))).expect("a tree");
            });
        }
    });
    let refreshed = world.offline();
    for commit in &commits {
        assert_eq!(refreshed.tree(&url, commit, Some(&path("skills/pdf"))).expect("present").len(), 2);
    }
}

#[test]
fn a_cache_can_be_shared_between_threads() {
    fn shared(_: &(impl Send + Sync)) {}
    shared(&Cache::new(PathBuf::from("/nonexistent"), Network::Offline, &Silent));
}

#[test]
fn a_damaged_cache_is_fetched_anew_and_offline_reported() {
    let world = World::new();
    let (url, commit) = (world.url(), world.commit("main"));
    world.cache().tree(&url, &commit, None).expect("a tree");
    let repository = world.cache().repository(&url);
    std::fs::write(repository.join("config"), "[core\n").expect("damage");
    let error = world.offline().tree(&url, &commit, None).expect_err("damaged");
    assert_eq!(error.kind(), Kind::Integrity);
    assert!(error.help_text().is_some_and(|help| help.contains(repository.to_str().expect("text"))));
    assert_eq!(world.cache().tree(&url, &commit, None).expect("healed").len(), 4);
    assert_eq!(world.offline().tree(&url, &commit, None).expect("present").len(), 4);
}
