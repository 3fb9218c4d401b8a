//! Many runs of cpm at once: in one project, in many projects, and with somebody who cleans the cache.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use super::meanwhile;
use crate::support::samples::{KIT, json};
use crate::support::{Index, Repo, Run, World, git, skill, write};

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cpm runs")
}

fn end(child: Child) -> Run {
    Run::of(child.wait_with_output().expect("an end"))
}

fn cpm(world: &World, args: &[&str]) -> Command {
    let mut command = world.command(env!("CARGO_BIN_EXE_cpm"));
    command.args(args);
    command
}

#[test]
fn two_installs_in_one_project_come_to_what_one_after_the_other_would() {
    let world = World::in_git();
    let runs = ["deepwiki", "commit-messages"].map(|name| start(cpm(&world, &["install", name])));
    for run in runs.map(end) {
        assert_eq!(run.code, 0, "{run}");
    }
    let after = World::in_git();
    after.ok(&["install", "commit-messages", "deepwiki"]);
    assert_eq!(world.read("cpm.lock"), after.read("cpm.lock"));
    assert_eq!(world.read(".mcp.json"), after.read(".mcp.json"));
    world.ok(&["verify"]);
    assert!(world.ok(&["install", "--locked"]).stdout.contains("Up to date"));
}

#[test]
fn two_equal_installs_do_the_work_once() {
    let world = World::in_git();
    let runs = [0, 1].map(|_| start(cpm(&world, &["install", "deepwiki", "--json"])));
    let added = runs.map(end).map(|run| run.json()["report"]["packages"].as_array().map(Vec::len));
    assert!(added == [Some(1), Some(0)] || added == [Some(0), Some(1)], "{added:?}");
}

/// Numbers that look random, from one that a failure can be repeated with.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// An operation that ends well whatever others do at the same time; `own` is a package that only one of them has.
fn operation<'a>(dice: &mut Dice, own: &'a str, has_own: &mut bool) -> Vec<&'a str> {
    match dice.below(8) {
        0..=2 => {
            *has_own = !*has_own;
            vec![if *has_own { "install" } else { "remove" }, own]
        }
        3 => vec!["install"],
        4 => vec!["install", "shared"],
        5 => vec!["update"],
        6 => vec!["list", "--json"],
        _ => vec!["verify"],
    }
}

/// A project with an index of a package for each of some processes, and one for all.
fn with_packages(processes: usize) -> (World, Vec<String>) {
    let world = World::in_git();
    write(&world.project().join(".mcp.json"), "{\"theirs\": 1}\n");
    let index = Index::added(&world, "acme");
    index.release("shared", "1.0.0", &[]);
    let names: Vec<String> = (0..processes).map(|at| format!("own-{at}")).collect();
    for (at, name) in names.iter().enumerate() {
        let server = format!("{{\"mcpServers\":{{\"server-{at}\":{{\"command\":\"true\"}}}}}}");
        let plugin = format!("{{\"name\":\"{name}\",\"version\":\"1.0.0\"}}");
        let text = skill(&format!("skill-{at}"), "text");
        let path = format!("skills/skill-{at}/SKILL.md");
        let files = [(".claude-plugin/plugin.json", plugin.as_str()), (".mcp.json", &server), (&path, &text)];
        index.publish(name, "1.0.0", &[], &files);
    }
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    // Once, so that everything can be had without asking again.
    world.ok(&[&["install", "shared"], &all[..]].concat());
    world.ok(&[&["remove"], &all[..]].concat());
    (world, names)
}

/// The files of the project are whole whenever anybody looks.
fn assert_whole(world: &World) {
    let read = |name: &str| std::fs::read_to_string(world.project().join(name)).ok();
    if let Some(text) = read(".mcp.json") {
        let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON at all times");
        assert_eq!(whole["theirs"], 1, "{text}");
    }
    for (name, end) in [("cpm.toml", "\n"), ("cpm.lock", "\n")] {
        let text = read(name).expect("there at all times");
        toml::from_str::<toml::Value>(&text).expect("TOML at all times");
        assert!(text.ends_with(end), "{name}: {text}");
    }
}

/// How many processes do how many operations each.
fn size() -> (usize, usize) {
    let asked = std::env::var("CPM_CONCURRENCY").unwrap_or_else(|_| "8x50".to_owned());
    let (processes, operations) = asked.split_once('x').expect("PROCESSESxOPERATIONS");
    (processes.parse().expect("a number"), operations.parse().expect("a number"))
}

#[expect(clippy::print_stdout, reason = "the seed repeats a failure")]
#[test]
fn processes_that_do_anything_at_once_end_well_and_leave_whole_files() {
    let (processes, operations) = size();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_nanos();
    let seed = std::env::var("CPM_SEED").map_or(now as u64 | 1, |seed| seed.parse().expect("a number"));
    println!("CPM_SEED={seed}");
    let (world, names) = with_packages(processes);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = meanwhile(scope, &over, || assert_whole(&world));
        let workers: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(at, own)| {
                let world = &world;
                scope.spawn(move || {
                    let (mut dice, mut has_own) = (Dice(seed.wrapping_add(at as u64 * 0x9E37_79B9)), false);
                    dice.below(1);
                    for _ in 0..operations {
                        let mut args = operation(&mut dice, own, &mut has_own);
                        args.push("--offline");
                        let run = world.cpm(&args);
                        assert!(run.code == 0, "seed {seed}: cpm {args:?}\n{run}");
                    }
                })
            })
            .collect();
        let ends: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        drop(looking);
        assert!(ends.iter().all(Result::is_ok), "seed {seed}");
    });
    assert_whole(&world);
    world.ok(&["verify"]);
    assert!(world.ok(&["install", "--locked", "--offline"]).stdout.contains("Up to date"));
    let left: Vec<_> = std::fs::read_dir(world.project().join(".cpm")).expect("a folder").flatten().collect();
    let is_kept = |name: &str| matches!(name, ".gitignore" | "lock" | "receipt-project.json" | "undo-project.json");
    assert!(left.iter().all(|entry| is_kept(&entry.file_name().to_string_lossy())), "{left:?}");
}

/// Projects beside each other that share home and cache.
fn projects(world: &World, count: usize) -> Vec<std::path::PathBuf> {
    let make = |at| {
        let project = world.path(&format!("projects/{at}"));
        std::fs::create_dir_all(&project).expect("a folder");
        git(&project, &["init", "-q"]);
        project
    };
    (0..count).map(make).collect()
}

/// A package of a skill with many files and a server.
fn large_kit(world: &World) -> Repo {
    let notes: Vec<(String, String)> =
        (0..40).map(|at| (format!("skills/alpha/notes/{at}.md"), format!("note {at}\n"))).collect();
    let notes = notes.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    Repo::new(world, "kit", &KIT.into_iter().chain(notes).collect::<Vec<_>>())
}

#[test]
fn ten_projects_install_at_once_through_one_cache() {
    let world = World::new();
    let url = large_kit(&world).url();
    let projects = projects(&world, 10);
    let start_in = |project| {
        let mut command = cpm(&world, &["install", "kit", "--git", &url]);
        command.current_dir(project);
        start(command)
    };
    let runs: Vec<Child> = projects.iter().map(start_in).collect();
    for run in runs.into_iter().map(end) {
        assert_eq!(run.code, 0, "{run}");
    }
    for project in &projects {
        assert!(project.join(".claude/skills/alpha/notes/39.md").is_file());
        let run = world.cpm_in(project, &["verify"]);
        assert_eq!(run.code, 0, "{run}");
        assert_eq!(std::fs::read(project.join("cpm.lock")).ok(), std::fs::read(projects[0].join("cpm.lock")).ok());
    }
}

#[test]
fn ten_projects_write_to_the_clients_file_at_once() {
    let world = World::new();
    let file = world.home().join(".claude.json");
    write(&file, "{\n  \"numStartups\": 3\n}");
    let projects = projects(&world, 10);
    let in_all = |args: &[&str]| {
        let start_in = |project| {
            let mut command = cpm(&world, args);
            command.current_dir(project);
            start(command)
        };
        let runs: Vec<Child> = projects.iter().map(start_in).collect();
        for run in runs.into_iter().map(end) {
            assert_eq!(run.code, 0, "{run}");
        }
    };
    in_all(&["install", "deepwiki", "--scope", "local"]);
    let whole = json(&file);
    for project in &projects {
        let servers = &whole["projects"][project.display().to_string()]["mcpServers"];
        assert!(servers["deepwiki"].is_object(), "{}: {whole:#}", project.display());
    }
    assert_eq!(whole["numStartups"], 3);
    in_all(&["remove", "deepwiki", "--scope", "local"]);
    assert_eq!(json(&file)["numStartups"], 3);
    assert!(!std::fs::read_to_string(&file).expect("text").contains("deepwiki"));
    assert!(!world.home().join(".claude.json.lock").exists());
}

#[test]
fn cleaning_the_cache_takes_nothing_from_an_install_that_is_at_work() {
    let world = World::new();
    let url = large_kit(&world).url();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _cleaning = meanwhile(scope, &over, || _ = world.ok(&["cache", "clean"]));
        for project in projects(&world, 6) {
            let run = world.cpm_in(&project, &["install", "kit", "--git", &url]);
            assert_eq!(run.code, 0, "{run}");
            let run = world.cpm_in(&project, &["verify"]);
            assert_eq!(run.code, 0, "{run}");
        }
    });
}
