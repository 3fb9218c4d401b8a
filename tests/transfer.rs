//! What travels: how many requests a run makes and how many bytes come down, counted by the server.

mod access;
mod faults;
mod index;
mod limited;
#[cfg(target_os = "linux")]
mod offline;
mod retries;
mod together;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::http::Server;
use crate::support::{Repo, World, skill};

/// The most that may come down, as a multiple of what the package is made of.
const MOST: f64 = 1.5;

/// How many plugins the large marketplace has.
const PLUGINS: usize = 300;

/// A marketplace of 300 plugins, each 20 files in folders of its own, but the first has three small ones.
fn large_marketplace(world: &World) -> Repo {
    let name = |plugin: usize| format!("plugin-{plugin:03}");
    let entries = (0..PLUGINS).map(|at| format!(r#"{{"name":"{0}","source":"./plugins/{0}"}}"#, name(at)));
    let entries: Vec<String> = entries.collect();
    let market = format!(r#"{{"name":"market","owner":{{"name":"o"}},"plugins":[{}]}}"#, entries.join(","));
    let files = (0..PLUGINS).flat_map(|plugin| {
        let (root, documents) = (format!("plugins/{}", name(plugin)), if plugin == 0 { 0 } else { 17 });
        let manifest = format!(r#"{{"name":"{}","version":"1.0.0"}}"#, name(plugin));
        let written = (0..documents).map(move |at| (format!("commands/c{at:02}.md"), prose(plugin * 100 + at, 300)));
        let named = [
            (".claude-plugin/plugin.json".to_owned(), manifest),
            ("skills/one/SKILL.md".to_owned(), skill("one", &prose(plugin, 20))),
            ("commands/go.md".to_owned(), prose(plugin + 7, 20)),
        ];
        named.into_iter().chain(written).map(move |(path, text)| (format!("{root}/{path}"), text)).collect::<Vec<_>>()
    });
    let market = (".claude-plugin/marketplace.json".to_owned(), market);
    Repo::import(world, "market", std::iter::once(market).chain(files))
}

/// Text of so many words, different for each seed; it compresses as prose does.
fn prose(seed: usize, words: usize) -> String {
    const WORDS: [&str; 16] = [
        "the", "review", "of", "a", "change", "reads", "every", "file", "and", "says", "what", "may", "break", "when",
        "it", "runs",
    ];
    let mut state = seed as u32 + 1;
    let text: Vec<&str> = (0..words)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            WORDS[(state >> 28) as usize]
        })
        .collect();
    text.join(" ") + "\n"
}

/// The commit at the head, the trees on the way to a folder, and all that is in it.
fn objects(repo: &Repo, folder: &str) -> BTreeSet<String> {
    let list = |args: &[&str]| repo.git(args).lines().map(str::to_owned).collect::<Vec<_>>();
    let mut objects = list(&["rev-parse", "HEAD", "HEAD^{tree}"]);
    let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
    objects.extend(ends.flat_map(|end| list(&["rev-parse", &format!("HEAD:{}", &folder[..end])])));
    objects.extend(list(&["ls-tree", "-r", "-t", "--format=%(objectname)", &format!("HEAD:{folder}")]));
    objects.into_iter().collect()
}

/// The bytes of a pack of exactly these objects.
fn packed<'o>(repo: &Repo, objects: impl IntoIterator<Item = &'o String>) -> usize {
    let ids: String = objects.into_iter().map(|id| format!("{id}\n")).collect();
    let mut pack = Command::new("git");
    pack.current_dir(repo.dir()).args(["pack-objects", "--stdout", "-q"]);
    let mut pack = pack.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git runs");
    pack.stdin.take().expect("a pipe").write_all(ids.as_bytes()).expect("written");
    pack.wait_with_output().expect("a pack").stdout.len()
}

/// Holds what came down to the bar.
fn is_little(server: &Server, repo: &Repo, objects: &BTreeSet<String>) {
    let (sent, least) = (server.sent(), packed(repo, objects));
    assert!(sent as f64 <= MOST * least as f64, "{sent} bytes for {least}");
}

/// Locks these plugins of the large marketplace, then takes away all that was fetched.
fn locked_and_cold(world: &World, server: &Server, plugins: &[&str]) {
    world.ok(&["index", "add", "market", &server.url("market")]);
    world.ok(&[&["install"], plugins].concat());
    anew(world, server);
}

/// A fresh checkout on a machine that has fetched nothing.
fn anew(world: &World, server: &Server) {
    world.check_out_anew();
    world.empty_cache();
    server.forget();
}

#[test]
fn a_locked_install_of_one_plugin_fetches_that_plugin_and_the_way_to_it() {
    let world = World::in_git();
    let repo = large_marketplace(&world);
    let server = Server::start(&world.path("repos"));
    for plugin in ["plugin-000", "plugin-123"] {
        locked_and_cold(&world, &server, &[plugin]);
        world.ok(&["install", "--locked"]);
        assert!(world.has(&format!(".claude/skills/{plugin}/skills/one/SKILL.md")));
        assert!(server.requests() <= 4, "{plugin}: {} requests", server.requests());
        is_little(&server, &repo, &objects(&repo, &format!("plugins/{plugin}")));
        world.ok(&["remove", plugin]);
        world.ok(&["index", "remove", "market"]);
    }
}

#[test]
fn several_packages_of_a_repository_take_as_many_requests_as_one() {
    let world = World::in_git();
    let repo = large_marketplace(&world);
    let server = Server::start(&world.path("repos"));
    locked_and_cold(&world, &server, &["plugin-010"]);
    world.ok(&["install", "--locked"]);
    let one = server.requests();
    world.ok(&["install", "plugin-020", "plugin-130", "plugin-299"]);
    anew(&world, &server);
    world.ok(&["install", "--locked"]);
    assert_eq!(server.requests(), one);
    let folders = ["plugins/plugin-010", "plugins/plugin-020", "plugins/plugin-130", "plugins/plugin-299"];
    is_little(&server, &repo, &folders.iter().flat_map(|folder| objects(&repo, folder)).collect());
}

#[test]
fn packages_locked_at_several_commits_take_as_many_requests_as_one() {
    let world = World::in_git();
    let repo = large_marketplace(&world);
    let server = Server::start(&world.path("repos"));
    let url = server.url("market");
    for plugin in ["plugin-010", "plugin-020", "plugin-130"] {
        repo.commit(&[(&format!("plugins/{plugin}/skills/new/SKILL.md"), &skill("new", plugin))]);
        world.ok(&["install", plugin, "--git", &url, "--path", &format!("plugins/{plugin}"), "--placement", "plugin"]);
    }
    let commits: BTreeSet<String> = ["plugin-010", "plugin-020", "plugin-130"]
        .map(|plugin| world.locked(plugin)["commit"].as_str().expect("a commit").to_owned())
        .into();
    assert_eq!(commits.len(), 3);
    anew(&world, &server);
    world.ok(&["install", "--locked"]);
    assert!(server.requests() <= 4, "{} requests", server.requests());
    // One that is gone does not take the others with it.
    anew(&world, &server);
    let gone = "f".repeat(40);
    world.write(
        "cpm.lock",
        &world
            .read("cpm.lock")
            .replace(&world.locked("plugin-020")["commit"].as_str().expect("a commit").to_owned(), &gone),
    );
    let run = world.fails(14, &["install", "--locked"]);
    assert!(run.stderr.contains(&gone), "{run}");
}

#[test]
fn several_new_packages_of_a_repository_take_as_many_requests_as_one() {
    let plugins = ["plugin-010", "plugin-020", "plugin-130", "plugin-299"];
    for from in ["git", "index"] {
        let counts = [1, 4].map(|count| {
            let world = World::in_git();
            large_marketplace(&world);
            let server = Server::start(&world.path("repos"));
            let url = server.url("market");
            let entry = |name: &&str| match from {
                "git" => format!("{name} = {{ git = \"{url}\", path = \"plugins/{name}\" }}\n"),
                _ => format!("{name} = \"1\"\n"),
            };
            let entries: String = plugins[..count].iter().map(entry).collect();
            world.write("cpm.toml", &format!("[indexes]\nm = {{ git = \"{url}\" }}\n[dependencies]\n{entries}"));
            world.ok(&["install"]);
            assert!(plugins[..count].iter().all(|name| world.has(&format!(".claude/skills/{name}"))));
            server.requests()
        });
        assert_eq!(counts[0], counts[1], "{from}");
    }
}

#[test]
fn an_update_with_nothing_new_costs_a_kilobyte_however_many_tags_there_are() {
    for from in ["git", "index"] {
        let world = World::in_git();
        let entry = r#"{"name":"tool","source":"./tool"}"#;
        let repo = Repo::marketplace(&world, "market", entry, &[("tool/SKILL.md", &skill("tool", "one"))]);
        repo.tag_often(5_000);
        let server = Server::start(&world.path("repos"));
        let url = server.url("market");
        if from == "git" {
            world.ok(&["install", "--git", &url, "--path", "tool"]);
        } else {
            world.ok(&["index", "add", "market", &url]);
            world.ok(&["install", "tool"]);
        }
        server.forget();
        let run = world.ok(&["update"]);
        assert!(run.stdout.contains("Nothing newer"), "{run}");
        assert!((1..=3).contains(&server.requests()), "{from}: {} requests", server.requests());
        assert!(server.sent() < 1024, "{from}: {} bytes", server.sent());
    }
}

#[test]
fn a_first_install_asks_for_the_ref_it_needs_and_not_for_all() {
    let world = World::in_git();
    let repo = Repo::new(&world, "tool", &[("SKILL.md", &skill("tool", "one"))]);
    repo.tag_often(5_000);
    let server = Server::start(&world.path("repos"));
    for wanted in [&[][..], &["--branch", "main"], &["--tag", "t04321"], &["--rev", &repo.head()]] {
        server.forget();
        world.empty_cache();
        world.ok(&[&["install", "--git", &server.url("tool")], wanted].concat());
        assert!(server.sent() < 10_000, "{wanted:?}: {} bytes", server.sent());
    }
}

#[test]
fn an_update_of_a_changed_file_brings_that_file() {
    let world = World::in_git();
    let repo = large_marketplace(&world);
    let server = Server::start(&world.path("repos"));
    let folder = "plugins/plugin-042";
    world.ok(&["install", "--git", &server.url("market"), "--path", folder]);
    let before = objects(&repo, folder);
    repo.commit(&[(&format!("{folder}/commands/go.md"), &prose(99, 200))]);
    server.forget();
    world.ok(&["update"]);
    assert_eq!(world.read(".claude/skills/plugin-042/commands/go.md"), prose(99, 200));
    let new: BTreeSet<String> = objects(&repo, folder).difference(&before).cloned().collect();
    is_little(&server, &repo, &new);
}
