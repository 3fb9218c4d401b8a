//! `cpm index new`, `add-release`, `yank` and `check`: what maintainers of an index do, and what they are told.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::raw_index::{line, t1};
use crate::support::{IndexRepo, Repo, Run, World, git, skill, write};

const PLUGIN: &str = r#"{"name":"kit","version":"1.2.0","description":"Does it.","keywords":["a","b"],"dependencies":[{"name":"core","version":"^1"}]}"#;

/// A world in which `https://git.example/NAME` is the repository NAME, and with a new index `acme` in it.
struct Desk {
    world: World,
    root: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let world = World::in_git();
        let repos = world.path("repos");
        let config = format!("[mirrors]\n\"https://git.example/\" = \"file://{}/\"\n", repos.display());
        write(&world.home().join(".config/cpm/config.toml"), config);
        std::fs::create_dir_all(&repos).expect("a folder");
        let run = world.cpm_in(&repos, &["index", "new", "acme"]);
        assert_eq!(run.code, 0, "{run}");
        Desk { root: repos.join("acme"), world }
    }

    fn cpm(&self, args: &[&str]) -> Run {
        self.world.cpm_in(&self.root, args)
    }

    fn ok(&self, args: &[&str]) -> Run {
        let run = self.cpm(args);
        assert_eq!(run.code, 0, "cpm {args:?}\n{run}");
        run
    }

    /// Expects this exit code, and that the index stays as it is.
    fn fails(&self, code: i32, args: &[&str]) -> Run {
        let before = crate::support::snapshot(&self.root);
        let run = self.cpm(args);
        assert_eq!(run.code, code, "cpm {args:?}\n{run}");
        assert!(run.stderr.contains("error: ") && run.stderr.contains("help: "), "{run}");
        assert!(crate::support::snapshot(&self.root) == before, "a failed run changed the index: {run}");
        run
    }

    /// A repository with a plugin `kit` below `plugins/kit`, tagged `v1.2.0`.
    fn kit(&self) -> Repo {
        let files = [
            ("plugins/kit/.claude-plugin/plugin.json", PLUGIN),
            ("plugins/kit/skills/one/SKILL.md", &skill("one", "1")),
        ];
        let repo = Repo::new(&self.world, "kit", &files);
        repo.git(&["tag", "v1.2.0"]);
        repo
    }

    fn add_kit(&self) -> Run {
        self.ok(&[
            "index",
            "add-release",
            "--git",
            "https://git.example/kit",
            "--tag",
            "v1.2.0",
            "--path",
            "plugins/kit",
        ])
    }

    fn lines(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.root.join(file)).expect("a file");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Makes the index a repository and commits what is there.
    fn publish(&self) {
        git(&self.root, &["init", "-q", "-b", "main"]);
        git(&self.root, &["add", "-A"]);
        git(&self.root, &["commit", "-q", "--allow-empty", "-m", "publish"]);
    }

    /// What `index check` finds, as `place problem`.
    fn findings(&self, flags: &[&str]) -> Vec<String> {
        findings(&self.cpm(&[&["index", "check", "--json"], flags].concat()))
    }
}

fn findings(run: &Run) -> Vec<String> {
    let document = run.json();
    let found = document["checked"]["findings"].as_array().unwrap_or_else(|| panic!("{run}"));
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let found: Vec<String> =
        found.iter().map(|one| format!("{} {}", text(one, "place"), text(one, "problem"))).collect();
    assert_eq!(run.code, i32::from(!found.is_empty()), "{run}");
    found
}

const KIT: &str = "packages/3/k/kit.jsonl";

#[test]
fn a_new_index_holds_two_files_and_passes_the_check() {
    let desk = Desk::new();
    let files: Vec<PathBuf> = crate::support::snapshot(&desk.root).into_keys().collect();
    assert_eq!(files, [desk.root.join("README.md"), desk.root.join("index.toml")]);
    assert!(std::fs::read_to_string(&files[1]).expect("a file").contains("name = \"acme\""));
    assert_eq!(desk.findings(&[]), [""; 0]);
    desk.publish();
    desk.world.ok(&["index", "add", "acme", "https://git.example/acme"]);
}

#[test]
fn a_folder_with_something_in_it_does_not_become_an_index() {
    let desk = Desk::new();
    let run = desk.fails(30, &["index", "new", "."]);
    assert!(run.stderr.contains("not empty"), "{run}");
    let cloned = desk.world.path("repos/cloned");
    std::fs::create_dir(&cloned).expect("a folder");
    git(&cloned, &["init", "-q"]);
    desk.ok(&["index", "new", "../cloned"]);
    desk.ok(&["index", "new", "../dry", "--dry-run"]);
    assert!(!desk.world.path("repos/dry").exists());
}

#[test]
fn an_added_release_is_what_others_install() {
    let desk = Desk::new();
    let kit = desk.kit();
    let run = desk.add_kit();
    assert!(run.stdout.contains("kit 1.2.0"), "{run}");
    let mut lines = desk.lines(KIT);
    let published = lines[0].as_object_mut().expect("an object").remove("published").expect("a time");
    assert!(published.as_str().is_some_and(|text| text.len() == 20 && text.ends_with('Z')), "{published}");
    let want = json!({
        "name": "kit", "version": "1.2.0", "description": "Does it.", "keywords": ["a", "b"],
        "source": { "git": "https://git.example/kit", "commit": kit.head(), "path": "plugins/kit" },
        "checksum": t1(&kit.dir().join("plugins/kit")),
        "dependencies": [{ "name": "core", "req": "^1" }], "skills": ["one"], "servers": [],
    });
    assert_eq!(lines, [want]);
    Repo::new(&desk.world, "core", &[("SKILL.md", &skill("core", "x"))]).git(&["tag", "v1.0.0"]);
    desk.ok(&["index", "add-release", "--git", "https://git.example/core", "--tag", "v1.0.0"]);
    assert_eq!(desk.findings(&["--fetch"]), [""; 0]);
    desk.publish();
    desk.world.ok(&["index", "add", "acme", "https://git.example/acme"]);
    desk.world.ok(&["install", "kit"]);
    assert!(desk.world.has(".claude/skills/one/SKILL.md") && desk.world.has(".claude/skills/core/SKILL.md"));
}

#[test]
fn the_version_comes_from_the_tag_where_the_package_names_none() {
    for (tag, version) in
        [("v1.0.0", "1.0.0"), ("2.0.0-rc.1", "2.0.0-rc.1"), ("tool--v1.1.0", "1.1.0"), ("tool-v1.2.0", "1.2.0")]
    {
        let desk = Desk::new();
        Repo::new(&desk.world, "tool", &[("SKILL.md", &skill("tool", "x"))]).git(&["tag", tag]);
        desk.ok(&["index", "add-release", "--git", "https://git.example/tool", "--tag", tag]);
        let line = desk.lines("packages/to/ol/tool.jsonl").remove(0);
        assert_eq!((&line["version"], &line["skills"]), (&version.into(), &json!(["tool"])), "{tag}");
    }
}

#[test]
fn a_tag_that_contradicts_plugin_json_or_names_no_version_is_refused() {
    let desk = Desk::new();
    let kit = desk.kit();
    kit.git(&["tag", "v1.3.0"]);
    let add = |tag| ["index", "add-release", "--git", "https://git.example/kit", "--path", "plugins/kit", "--tag", tag];
    let run = desk.fails(10, &add("v1.3.0"));
    assert!(run.stderr.contains("`v1.3.0` holds version 1.2.0"), "{run}");
    desk.fails(14, &add("v9"));
    Repo::new(&desk.world, "tool", &[("SKILL.md", &skill("tool", "x"))]).git(&["tag", "stable"]);
    let run = desk.fails(10, &["index", "add-release", "--git", "https://git.example/tool", "--tag", "stable"]);
    assert!(run.stderr.contains("`stable`"), "{run}");
}

#[test]
fn a_version_that_is_in_the_index_is_not_replaced() {
    let desk = Desk::new();
    let kit = desk.kit();
    desk.add_kit();
    kit.commit(&[("plugins/kit/skills/one/SKILL.md", &skill("one", "other"))]);
    kit.git(&["tag", "-f", "v1.2.0"]);
    let add = ["index", "add-release", "--git", "https://git.example/kit", "--tag", "v1.2.0", "--path", "plugins/kit"];
    let run = desk.fails(30, &add);
    assert!(run.stderr.contains("`kit` 1.2.0") && run.stderr.contains(&format!("{KIT}:1")), "{run}");
}

#[test]
fn a_plugin_is_listed_under_its_own_name_and_version_only() {
    let desk = Desk::new();
    desk.kit();
    let add = ["index", "add-release", "--git", "https://git.example/kit", "--tag", "v1.2.0", "--path", "plugins/kit"];
    let run = desk.fails(20, &[&add[..], &["--name", "kit-two"]].concat());
    assert!(run.stderr.contains("`kit-two`") && run.stderr.contains("`kit`"), "{run}");
    desk.add_kit();
    assert_eq!(desk.findings(&["--fetch"]), [""; 0]);
    let line = desk.lines(KIT).remove(0);
    let lie = |file: &str, field: &str, value: &str| {
        let mut line = line.clone();
        line[field] = value.into();
        write(&desk.root.join(file), format!("{line}\n"));
    };
    lie(KIT, "version", "1.3.0");
    lie("packages/ki/t-/kit-two.jsonl", "name", "kit-two");
    let wanted = [
        format!("{KIT}:1 the index says version 1.3.0, but plugin.json says 1.2.0"),
        "packages/ki/t-/kit-two.jsonl:1 the index says `kit-two`, but plugin.json says `kit`".to_owned(),
    ];
    assert_eq!(desk.findings(&["--fetch"]), wanted);
    // What has no plugin.json, or a name that no package can have, is called what the maintainer calls it.
    let odd = Repo::new(
        &desk.world,
        "odd",
        &[(".claude-plugin/plugin.json", r#"{"name":"Odd_One"}"#), ("commands/c.md", "c")],
    );
    odd.git(&["tag", "v1.0.0"]);
    desk.ok(&["index", "add-release", "--git", "https://git.example/odd", "--tag", "v1.0.0", "--name", "odd-one"]);
}

#[test]
fn what_nobody_else_could_fetch_or_would_install_is_not_added() {
    let desk = Desk::new();
    let kit = desk.kit();
    let run = desk.fails(21, &["index", "add-release", "--git", &kit.url(), "--tag", "v1.2.0"]);
    assert!(run.stderr.contains("this machine"), "{run}");
    let bad = [("SKILL.md", &*skill("bad", "Click [here](http://x)\u{e0041}\u{e0042}"))];
    Repo::new(&desk.world, "bad", &bad).git(&["tag", "v1.0.0"]);
    desk.fails(22, &["index", "add-release", "--git", "https://git.example/bad", "--tag", "v1.0.0"]);
    let run = desk.world.fails(14, &["index", "add-release", "--git", "https://git.example/kit", "--tag", "v1.2.0"]);
    assert!(run.stderr.contains("cpm index new"), "{run}");
}

#[test]
fn a_dry_run_shows_the_release_and_writes_nothing() {
    let desk = Desk::new();
    desk.kit();
    let before = crate::support::snapshot(&desk.root);
    let add = ["index", "add-release", "--git", "https://git.example/kit", "--tag", "v1.2.0", "--path", "plugins/kit"];
    let run = desk.ok(&[&add[..], &["--dry-run", "--json"]].concat());
    assert_eq!(run.json()["added"]["release"]["version"], "1.2.0");
    assert_eq!(crate::support::snapshot(&desk.root), before);
}

#[test]
fn a_yanked_release_keeps_its_line_but_for_the_reason() {
    let desk = Desk::new();
    desk.kit();
    desk.add_kit();
    let file = desk.root.join(KIT);
    let text = std::fs::read_to_string(&file).expect("a file");
    desk.publish();
    desk.ok(&["index", "yank", "kit", "1.2.0", "--reason", "it \"breaks\""]);
    let marked = text.replace("}\n", ",\"yanked\":\"it \\\"breaks\\\"\"}\n");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), marked);
    assert_eq!(desk.findings(&[]), [""; 0]);
    desk.ok(&["index", "yank", "kit", "1.2.0", "--reason", "theft", "--revoke"]);
    assert_eq!(desk.lines(KIT)[0]["revoked"], "theft");
    assert_eq!(desk.findings(&[]), [""; 0]);
    desk.fails(14, &["index", "yank", "kit", "1.2.1", "--reason", "x"]);
    desk.fails(2, &["index", "yank", "kit", "1.2", "--reason", "x"]);
}

#[test]
fn the_check_names_each_mistake_with_its_line() {
    let desk = Desk::new();
    let write = |path: &str, text: &str| write(&desk.root.join(path), text);
    let release = |name: &str, version: &str, extra: &str| {
        format!(
            "{{\"name\":\"{name}\",\"version\":\"{version}\",\"source\":{{\"git\":\"https://git.example/x\",\"commit\":\"{}\"}},\"checksum\":\"t1:{}\"{extra}}}\n",
            "3f".repeat(20),
            "0a".repeat(32)
        )
    };
    let (new, old) = (",\"published\":\"2026-11-23T00:00:00Z\"", ",\"published\":\"2026-11-22T00:00:00Z\"");
    write("packages/3/o/one.jsonl", &(release("one", "1.0.0", new) + "not json\n" + &release("one", "1.0.0", new)));
    write("packages/3/t/two.jsonl", &(release("two", "1.0.0", new) + &release("two", "1.1.0", old)));
    write("packages/3/w/wen.jsonl", release("wen", "1.0.0", "").trim_end());
    write("packages/wr/on/misplaced.jsonl", &release("misplaced", "1.0.0", ""));
    write("packages/Bad Name.jsonl", "");
    write("packages/fa/r-/far.jsonl", "");
    let local = release("lo", "1.0.0", "").replace("https://git.example", "file:///srv");
    write("packages/2/lo.jsonl", &local);
    write("content/ghost/1.0.0/SKILL.md", "x");
    let found = desk.findings(&[]).join("\n");
    for wanted in [
        "packages/3/o/one.jsonl:2 `packages/3/o/one.jsonl:2` is not a release",
        "packages/3/o/one.jsonl:3 `one` 1.0.0 is listed twice",
        "packages/3/t/two.jsonl:2 it says that it was published before",
        "packages/3/w/wen.jsonl the last line does not end",
        "packages/wr/on/misplaced.jsonl clients look for `misplaced` in `packages/mi/sp/misplaced.jsonl`",
        "packages/Bad Name.jsonl the file is not called",
        "packages/fa/r-/far.jsonl clients look for `far` in `packages/3/f/far.jsonl`",
        "packages/2/lo.jsonl:1",
        "content/ghost/1.0.0 no release lists it",
    ] {
        assert!(found.contains(wanted), "{wanted}\n{found}");
    }
    assert_eq!(found.lines().count(), 9, "{found}");
    write("index.toml", "schema = 2\nname = \"x\"\n");
    assert!(desk.findings(&[]).join("\n").contains("index.toml"), "{found}");
    desk.world.fails(14, &["index", "check"]);
}

/// An index that hosts `tool` itself, and a second release of it elsewhere.
fn hosting(world: &World) -> (IndexRepo, Repo) {
    let index = IndexRepo::new(world, "acme");
    index.publish("tool", &["1.0.0"]);
    let tool = Repo::new(world, "tool", &[("SKILL.md", &skill("tool", "elsewhere"))]);
    let source = json!({ "git": "https://git.example/tool", "commit": tool.head() });
    index.list(&[line("tool", "1.1.0", &source, &t1(tool.dir()))]);
    (index, tool)
}

fn check(desk: &Desk, dir: &Path, flags: &[&str]) -> Vec<String> {
    let dir = dir.display().to_string();
    findings(&desk.world.cpm(&[&["index", "check", &dir, "--json"], flags].concat()))
}

#[test]
fn the_check_compares_hosted_content_with_its_checksum() {
    let desk = Desk::new();
    crate::support::delete(&desk.root);
    let (index, _tool) = hosting(&desk.world);
    let dir = index.repo.dir();
    assert_eq!(check(&desk, dir, &[]), [""; 0]);
    write(&dir.join("content/tool/1.0.0/SKILL.md"), skill("tool", "tampered"));
    let found = check(&desk, dir, &[]);
    assert!(
        found[0].contains("packages/to/ol/tool.jsonl:1") && found[0].contains("not the promised ones"),
        "{found:?}"
    );
    assert_eq!(found.len(), 1, "{found:?}");
    std::fs::remove_dir_all(dir.join("content/tool/1.0.0")).expect("removed");
    assert!(check(&desk, dir, &[])[0].contains("there is no folder `content/tool/1.0.0`"));
    let elsewhere = desk.world.path("elsewhere");
    write(&elsewhere.join("SKILL.md"), skill("tool", "tool 1.0.0"));
    std::os::unix::fs::symlink(&elsewhere, dir.join("content/tool/1.0.0")).expect("a link");
    let found = check(&desk, dir, &[]);
    assert!(found[0].contains("there is no folder `content/tool/1.0.0`"), "a link is no folder in git: {found:?}");
}

#[test]
fn with_fetch_the_check_finds_other_bytes_and_commits_that_do_not_belong() {
    let desk = Desk::new();
    crate::support::delete(&desk.root);
    let (index, tool) = hosting(&desk.world);
    let dir = index.repo.dir();
    assert_eq!(check(&desk, dir, &["--fetch"]), [""; 0]);
    let stray = tool.git(&["commit-tree", "-m", "from a fork", "main^{tree}"]);
    tool.git(&["update-ref", "refs/pull/7/head", &stray]);
    let source = |commit: &str| json!({ "git": "https://git.example/tool", "commit": commit });
    let lines = [
        line("tool", "1.2.0", &source(&stray), &t1(tool.dir())),
        line("tool", "1.3.0", &source(&tool.head()), &format!("t1:{}", "0a".repeat(32))),
        line("tool", "1.4.0", &source(&"1".repeat(40)), &t1(tool.dir())),
    ];
    index.list(&lines);
    assert_eq!(check(&desk, dir, &[]), [""; 0]);
    let found = check(&desk, dir, &["--fetch"]);
    assert_eq!(found.len(), 3, "{found:?}");
    for (at, words) in [(0, "does not belong to the repository"), (1, "not the promised ones"), (2, "gone")] {
        assert!(found[at].contains(&format!("tool.jsonl:{}", at + 3)) && found[at].contains(words), "{found:?}");
    }
    // Nobody gets what was taken back, so nobody needs its bytes.
    for (version, line) in [("1.2.0", 3), ("1.3.0", 4), ("1.4.0", 5)] {
        let run = desk.world.cpm_in(dir, &["index", "yank", "tool", version, "--reason", "wrong"]);
        assert_eq!(run.code, 0, "line {line}: {run}");
    }
    assert_eq!(check(&desk, dir, &["--fetch"]), [""; 0]);
}

#[test]
fn a_release_that_was_removed_or_changed_since_any_commit_is_found() {
    let desk = Desk::new();
    crate::support::delete(&desk.root);
    let (index, _tool) = hosting(&desk.world);
    let file = index.repo.dir().join("packages/to/ol/tool.jsonl");
    let text = std::fs::read_to_string(&file).expect("lines");
    let (first, second) = text.split_once('\n').expect("two lines");
    let place = "packages/to/ol/tool.jsonl";
    write(&file, format!("{first}\n"));
    assert_eq!(check(&desk, index.repo.dir(), &[]), [format!("{place} 1.1.0 was published, and is no longer listed")]);
    // Also when that was committed, and more on top.
    index.repo.commit(&[(place, &format!("{first}\n"))]);
    index.publish("other", &["1.0.0"]);
    assert_eq!(check(&desk, index.repo.dir(), &[]).len(), 1);
    write(
        &file,
        format!(
            "{first}\n{}",
            second.replace("\"dependencies\":[]", "\"dependencies\":[{\"name\":\"x\",\"req\":\"1\"}]")
        ),
    );
    let found = check(&desk, index.repo.dir(), &[]);
    assert_eq!(found, [format!("{place} 1.1.0 is listed otherwise than when it was published")]);
    write(&file, &text);
    assert_eq!(check(&desk, index.repo.dir(), &[]), [""; 0]);
    std::fs::remove_file(&file).expect("removed");
    std::fs::remove_dir_all(index.repo.dir().join("content/tool")).expect("removed");
    assert_eq!(check(&desk, index.repo.dir(), &[]).len(), 2, "both releases of a file that is gone");
}

#[test]
fn the_index_in_this_repository_passes_the_check() {
    let world = World::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("registry-index");
    let run = world.ok(&["index", "check", &dir.display().to_string(), "--json"]);
    let checked = &run.json()["checked"];
    assert!(checked["packages"].as_u64() >= Some(40) && checked["hosted"].as_u64() >= Some(5), "{run}");
}
