//! Runs every example of README and docs, and reads every sample file in them.
//!
//! A `console` block is a session: `$ ` starts a command, the lines after it are what it prints, and `...` stands for
//! any text. All blocks of one page run in one project, in order.

use std::path::Path;
use std::process::Command;

use cpm::error::Kind;
use cpm::format::index_line::{self, Host};
use cpm::format::{config, lockfile, manifest};
use cpm::model::mirrors::Mirrors;
use cpm::model::name::PackageName;

use crate::support::{Index, Repo, World, skill, write};

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a page")
}

/// The fenced blocks of a page in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```") == Some(language) {
            found.push(lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect());
        }
    }
    found
}

/// The commands of a session with what each should print.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => *output += &format!("{line}\n"),
            (None, None) => panic!("a session starts with a command: {line}"),
        }
    }
    found
}

/// Whether `text` is `pattern`, in which `...` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once("...") else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let rest = rest.strip_prefix('\n').filter(|_| head.is_empty() || head.ends_with('\n')).unwrap_or(rest);
    loop {
        if matches(rest, text) {
            return true;
        }
        let mut chars = text.chars();
        if chars.next().is_none() {
            return false;
        }
        text = chars.as_str();
    }
}

/// A home with what the pages' examples mention, and `project` inside it.
fn stage() -> World {
    let world = World::new();
    let project = world.home().join("project");
    std::fs::create_dir_all(&project).expect("a folder");
    crate::support::git(&project, &["init", "-q"]);
    write(&world.home().join("skills/house-style/SKILL.md"), skill("house-style", "Write plainly."));
    let weather = r#"{"name":"io.example/weather","version":"1.2.0","packages":[{"registryType":"npm",
        "identifier":"weather-mcp","version":"1.2.0","transport":{"type":"stdio"},
        "environmentVariables":[{"name":"WEATHER_KEY","isRequired":true,"isSecret":true}]}]}"#;
    write(&world.home().join("weather/server.json"), weather);
    let asks = r#"{"name":"charts","version":"1.0.0","userConfig":{"api_key":{"type":"string","required":true}}}"#;
    let needs = r#"{"dependencies":{"d3":"7.9.0"}}"#;
    for (path, text) in [
        (".claude-plugin/plugin.json", asks),
        ("commands/draw.md", "Draw.\n"),
        ("package.json", needs),
        ("package-lock.json", "{}"),
    ] {
        write(&world.home().join("charts").join(path), text);
    }
    let entry = r#"{"name":"greeter","source":"./plugins/greeter"}"#;
    let plugin = r#"{"name":"greeter","version":"1.2.0","description":"Greets."}"#;
    let market = Repo::marketplace(
        &world,
        "market",
        entry,
        &[
            ("plugins/greeter/.claude-plugin/plugin.json", plugin),
            ("plugins/greeter/commands/greet.md", "Say hello.\n"),
        ],
    );
    let index = Index::new(&world, "work");
    index.release("core", "0.3.0", &[]);
    index.release("app", "2.0.0", &[("core", "0.3")]);
    for (repo, name) in [(&market, "market"), (&index.repo, "index")] {
        std::fs::rename(repo.dir(), world.home().join(name)).expect("moved");
    }
    world
}

fn run_page(name: &str) {
    let world = stage();
    let bin = Path::new(env!("CARGO_BIN_EXE_cpm")).parent().expect("a folder").display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").expect("a PATH"));
    let mut count = 0;
    for (command, want) in blocks(&page(name), "console").iter().flat_map(|block| commands(block)) {
        let mut shell: Command = world.command("sh");
        let shell = shell.current_dir(world.home().join("project")).env("PATH", &path);
        let output = shell.args(["-c", &format!("({command}) 2>&1")]).output().expect("a shell");
        let got = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(matches(&want, &got), "{name}: $ {command}\nwanted:\n{want}\ngot:\n{got}");
        count += 1;
    }
    assert!(count > 0, "{name} has no examples");
}

#[test]
fn the_readme_session_prints_what_it_says() {
    run_page("README.md");
}

#[test]
fn the_guide_prints_what_it_says() {
    run_page("docs/guide.md");
}

#[test]
fn the_readme_is_one_screen_with_the_two_commands() {
    let text = page("README.md");
    assert!(text.lines().count() <= 66, "{} lines", text.lines().count());
    let commands = &blocks(&text, "sh")[0];
    assert_eq!(commands.lines().count(), 2);
    assert!(commands.lines().all(|line| line.contains("cargo")));
}

#[test]
fn sample_manifests_and_locks_read() {
    for name in ["docs/formats.md", "docs/guide.md"] {
        for block in blocks(&page(name), "toml") {
            if block.starts_with("# cpm.lock") {
                let lock = lockfile::parse(block.as_bytes(), Path::new("cpm.lock")).expect("a lock");
                assert_eq!(lockfile::emit(&lock), block, "the sample is what cpm would write");
            } else if block.contains("config.toml") {
                let mirrors = config::parse(block.as_bytes(), Path::new("config.toml")).expect("a configuration");
                assert_ne!(mirrors, Mirrors::default());
            } else {
                manifest::parse(&block, Path::new("cpm.toml")).expect("a manifest");
            }
        }
    }
}

#[test]
fn sample_index_lines_read() {
    let name = PackageName::parse("github-tools").expect("a name");
    let block = &blocks(&page("docs/formats.md"), "json")[0];
    let (releases, errors) = index_line::parse_file(block, &name, Host::Builtin);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(releases.len(), block.lines().count());
    assert!(releases[1].withheld.is_some());
}

#[test]
fn every_exit_code_is_documented() {
    let text = page("docs/formats.md");
    for kind in Kind::ALL {
        let row = format!("| {} | {} |", kind.exit_code(), kind.name());
        assert!(text.contains(&row), "{row}");
    }
}

#[test]
fn the_checksum_pipeline_of_the_docs_agrees() {
    use cpm::model::digest::TreeDigest;
    let world = World::new();
    let root = world.path("package");
    write(&root.join("SKILL.md"), "hi\r\n");
    write(&root.join("a.b/c d.md"), "1");
    write(&root.join("a/r\u{e9}f.md"), "");
    let script = blocks(&page("docs/formats.md"), "sh").concat();
    let output = world.command("bash").current_dir(&root).args(["-c", &script]).output().expect("bash");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let tree = cpm::fsx::tree::read(&root).expect("a tree");
    assert_eq!(printed.split(' ').next(), Some(TreeDigest::of(&tree).hex().as_str()));
}

/// Every Rust file below a folder of this repository.
pub fn sources(folder: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(std::fs::read_to_string(path).expect("a source"));
        }
    }
    texts
}

/// The rows of tables in which a row starts so, each split into its cells.
fn rows(text: &str, starts: impl Fn(&str) -> bool) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.strip_prefix("| ").is_some_and(&starts));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// Holds that the rows have these names in this order, and name tests in a column.
fn assert_whole(rows: &[Vec<&str>], names: impl Iterator<Item = String>, column: usize) {
    assert_eq!(rows.iter().map(|row| row[0].to_owned()).collect::<Vec<_>>(), names.collect::<Vec<_>>());
    assert_tests_exist(rows, column);
}

#[test]
fn the_table_of_hostile_inputs_is_whole_and_every_test_in_it_exists() {
    let text = page("docs/hostile-inputs.md");
    let wanted = [('L', 40), ('X', 38), ('C', 59), ('T', 40)]
        .into_iter()
        .flat_map(|(part, last)| (1..=last).map(move |at| format!("{part}{at:02}")));
    assert_whole(&rows(&text, |row| row.starts_with(['L', 'X', 'C', 'T'])), wanted, 3);
}

#[test]
fn the_tables_of_files_and_runs_are_whole_and_every_test_in_them_exists() {
    let text = page("docs/hostile-inputs.md");
    let numbers = |part: char, numbers: &[u32]| numbers.iter().map(|at| format!("{part}{at:02}")).collect::<Vec<_>>();
    let together = [(7..=14).collect(), vec![23]].concat();
    let files = (1..=28).collect::<Vec<_>>();
    let stopped = [(1..=6).collect(), (15..=22).collect(), vec![24]].concat();
    for (title, wanted) in [
        ("\n## Files of others\n", numbers('M', &files)),
        ("\n## Runs at once\n", numbers('K', &together)),
        ("\n## File systems that fail\n", numbers('F', &files)),
        ("\n## Runs that are stopped\n", numbers('K', &stopped)),
    ] {
        let section = text.split_once(title).expect("a section").1.split("\n## ").next().expect("a section");
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter(|line| line.starts_with(&format!("| {}", &wanted[0][..1])))
            .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
            .collect();
        assert_eq!(rows.iter().map(|row| row[0].to_owned()).collect::<Vec<_>>(), wanted);
        assert_tests_exist(&rows, 3);
    }
}

#[test]
fn the_table_of_oddities_is_whole_and_every_test_in_it_exists() {
    let text = page("docs/compatibility.md");
    let wanted = (1..=36).map(|at| at.to_string());
    assert_whole(&rows(&text, |row| row.starts_with(|c: char| c.is_ascii_digit())), wanted, 3);
}

#[test]
fn the_table_of_rivals_is_whole_and_every_test_in_it_exists() {
    let text = page("docs/compatibility.md");
    let is_row = |row: &str| row.strip_prefix('R').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    assert_whole(&rows(&text, is_row), (1..=16).map(|at| format!("R{at:02}")), 4);
}

/// Each row names tests of this repository in a column, or says what is open.
fn assert_tests_exist(rows: &[Vec<&str>], column: usize) {
    let sources = [sources("src"), sources("tests")].concat();
    for row in rows {
        let tests: Vec<&str> = row[column].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty() || row[column].contains("open: "), "{row:?}");
        for test in tests {
            let is_there = |source: &String| {
                source.contains(&format!("#[test]\n    fn {test}()"))
                    || source.contains(&format!("#[test]\nfn {test}()"))
            };
            assert!(sources.iter().any(is_there), "{}: there is no test `{test}`", row[0]);
        }
    }
}

#[test]
fn the_matcher_can_fail() {
    assert!(matches("a ... c\n", "a b c\n") && matches("x\n...\nz\n", "x\ny\nz\n") && matches("...\n", "any\nthing\n"));
    assert!(!matches("a\n", "b\n") && !matches("a ... d\n", "a b c\n"));
}
