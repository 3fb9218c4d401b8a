//! The client's JSON files belong to others: what cpm adds it takes back byte for byte, and all else stays.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json as value};

use crate::support::samples::{Files, json};
use crate::support::{Repo, World, write};

const ONE: &Files<'_> = &[(".mcp.json", r#"{"mcpServers":{"one":{"command":"run","args":["a","b"]}}}"#)];
const TWO: &Files<'_> = &[(".mcp.json", r#"{"mcpServers":{"two":{"type":"http","url":"https://example.com/mcp"}}}"#)];

/// A world with two packages of one server each, and the client's file of a scope.
struct Bench {
    world: World,
    scope: &'static str,
    file: PathBuf,
    urls: [String; 2],
}

const NAMES: [&str; 2] = ["one", "two"];

impl Bench {
    fn new(scope: &'static str) -> Self {
        let world = World::in_git();
        let urls = [Repo::new(&world, "one", ONE).url(), Repo::new(&world, "two", TWO).url()];
        let file = match scope {
            "project" => world.project().join(".mcp.json"),
            _ => world.home().join(".claude.json"),
        };
        Bench { world, scope, file, urls }
    }

    fn all() -> [Self; 3] {
        ["project", "user", "local"].map(Bench::new)
    }

    fn install(&self, which: usize) {
        let args = ["install", NAMES[which], "--git", &self.urls[which], "--scope", self.scope];
        self.world.ok(&args);
    }

    fn remove(&self, which: usize) {
        self.world.ok(&["remove", NAMES[which], "--scope", self.scope]);
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.file).expect("the client's file")
    }

    /// The entries of this scope as the client reads them.
    fn entries(&self) -> Value {
        let whole = json(&self.file);
        match self.scope {
            "local" => whole["projects"][self.world.project().display().to_string()]["mcpServers"].clone(),
            _ => whole["mcpServers"].clone(),
        }
    }

    /// Installs a package over these bytes, looks, removes it, and expects the same bytes.
    fn round_trip(&self, before: &[u8]) {
        let shown = || format!("{} scope: {}", self.scope, String::from_utf8_lossy(before));
        write(&self.file, before);
        self.install(0);
        assert_eq!(
            self.entries()["one"],
            value!({"type": "stdio", "command": "run", "args": ["a", "b"]}),
            "{}",
            shown()
        );
        self.world.ok(&["install", "--frozen", "--scope", self.scope]);
        self.remove(0);
        assert_eq!(String::from_utf8_lossy(&self.bytes()), String::from_utf8_lossy(before), "{}", shown());
        assert!(self.bytes() == before, "{}", shown());
    }
}

/// Documents with and without the object that entries go into, with what else may be in one.
fn shapes(key: &str) -> Vec<String> {
    let key = Value::from(key);
    [
        "{}".to_owned(),
        r#"{"mcpServers":{}}"#.to_owned(),
        r#"{"mcpServers":{"theirs":{"command":"x"}}}"#.to_owned(),
        r#"{"first":1,"mcpServers":{"theirs":{"command":"x","args":[]},"more":{"url":"u"}},"last":{}}"#.to_owned(),
        r#"{"other":{"deep":[1,{"a":null}]}}"#.to_owned(),
        format!(r#"{{"projects":{{}},"n":{{}},"k":{key}}}"#),
        format!(r#"{{"projects":{{{key}:{{}}}}}}"#),
        format!(r#"{{"projects":{{{key}:{{"mcpServers":{{}},"allowedTools":[]}},"/other":{{"mcpServers":{{}}}}}}}}"#),
        format!(r#"{{"projects":{{{key}:{{"mcpServers":{{"theirs":{{"command":"x"}}}}}}}},"mcpServers":{{}}}}"#),
    ]
    .to_vec()
}

/// A minified document with an indentation and a line end.
fn laid_out(minified: &str, indent: &str, newline: &str) -> String {
    let parsed: Value = serde_json::from_str(minified).expect("JSON");
    let lines = format!("{parsed:#}");
    let levels = |line: &str| (line.len() - line.trim_start().len()) / 2;
    let lines = lines.lines().map(|line| indent.repeat(levels(line)) + line.trim_start());
    lines.collect::<Vec<_>>().join(newline)
}

#[test]
fn every_layout_gets_its_bytes_back() {
    for bench in Bench::all() {
        for (at, shape) in shapes(&bench.world.project().display().to_string()).iter().enumerate() {
            // Each shape in two of the layouts, so that all layouts are met in each scope.
            let layouts = [
                shape.clone(),
                laid_out(shape, "\t", "\n") + "\n",
                laid_out(shape, "    ", "\r\n"),
                format!("\u{feff}{}\r\n", laid_out(shape, "  ", "\r\n")),
                format!("  {}\n\n", shape.replace(':', " : ").replace(',', " , ")),
                laid_out(shape, "", "\n"),
            ];
            for layout in [at % 6, (at + 2) % 6, (at + 5) % 6] {
                bench.round_trip(layouts[layout].as_bytes());
            }
        }
    }
}

#[test]
fn an_entry_is_written_in_the_style_of_its_file() {
    for bench in Bench::all() {
        for (indent, newline) in [("\t", "\n"), ("    ", "\r\n"), ("  ", "\n")] {
            let shape = r#"{"a":{"b":1},"mcpServers":{"theirs":{"command":"x"}},"projects":{}}"#;
            write(&bench.file, laid_out(shape, indent, newline));
            bench.install(0);
            let text = String::from_utf8(bench.bytes()).expect("UTF-8");
            assert_eq!(text.matches('\n').count(), text.matches(newline).count(), "{text:?}");
            let level = |line: &str| line.len() - line.trim_start_matches(indent).len();
            let is_styled = |line: &str| !line[level(line)..].starts_with([' ', '\t']);
            assert!(text.lines().all(is_styled), "{text:?}");
            let level = indent.repeat(if bench.scope == "local" { 4 } else { 2 });
            assert!(text.contains(&format!("{newline}{level}\"one\": {{{newline}")), "{text}");
        }
    }
}

#[test]
fn values_that_readers_spoil_get_their_bytes_back() {
    let odd = r#"{
  "numbers": [9223372036854775809, 1.0, 1e400, -0, 0.10, 1E+2, 123456789012345678901234567890],
  "escapes": "\u00e9\/\ud83d\ude00\u0000\b", "caf\u00e9": "é", "": { "": [] },
  "mcpServers": { "theirs": { "command": "\u0078", "timeout": 1.50 } , "odd": 1e400 },
  "__proto__": null, "surrogate": "\ud800",
  "last": [ ]   }
"#;
    for bench in Bench::all() {
        write(&bench.file, odd);
        bench.install(0);
        let during = String::from_utf8(bench.bytes()).expect("UTF-8");
        for part in ["9223372036854775809, 1.0, 1e400, -0, 0.10, 1E+2", r#""\u00e9\/\ud83d"#, r#""odd": 1e400"#] {
            assert!(during.contains(part), "{part}: {during}");
        }
        bench.remove(0);
        assert_eq!(String::from_utf8(bench.bytes()).expect("UTF-8"), odd, "{} scope", bench.scope);
    }
}

#[test]
fn foreign_members_stay_beside_ours() {
    for bench in Bench::all() {
        let before = r#"{"$schema":"s","mcpServers":{"theirs":{"command":"x","env":{"A":"1"}}},"permissions":[1]}"#;
        write(&bench.file, before);
        bench.install(0);
        bench.install(1);
        let after = json(&bench.file);
        assert_eq!((&after["$schema"], &after["permissions"]), (&value!("s"), &value!([1])));
        assert_eq!(after["mcpServers"]["theirs"], value!({"command": "x", "env": {"A": "1"}}));
        assert_eq!(bench.entries()["two"]["url"], "https://example.com/mcp");
    }
}

#[test]
fn packages_come_and_go_in_any_order() {
    for bench in Bench::all() {
        for before in
            ["{}\n", "{\n\t\"mcpServers\": {\n\t}\n}", r#"{ "mcpServers": {"theirs": {"command": "x"}}, "a": 1 }"#]
        {
            for order in [[0, 1], [1, 0]] {
                write(&bench.file, before);
                bench.install(0);
                bench.install(1);
                order.iter().for_each(|which| bench.remove(*which));
                assert_eq!(String::from_utf8_lossy(&bench.bytes()), before, "{} scope, {order:?}", bench.scope);
            }
        }
    }
}

#[test]
fn a_file_that_cpm_made_goes_with_the_last_entry() {
    for bench in Bench::all() {
        bench.install(0);
        bench.install(1);
        bench.remove(0);
        assert_eq!(bench.entries().as_object().map(serde_json::Map::len), Some(1));
        bench.remove(1);
        assert!(!bench.file.exists(), "{} scope", bench.scope);
    }
}

#[test]
fn a_file_that_cpm_made_stays_when_others_wrote_into_it() {
    for bench in Bench::all() {
        bench.install(0);
        let mut whole = json(&bench.file);
        whole["theirs"] = value!(1);
        write(&bench.file, format!("{whole:#}"));
        bench.remove(0);
        assert_eq!(json(&bench.file)["theirs"], 1, "{} scope", bench.scope);
    }
}

#[test]
fn a_file_that_the_user_made_later_is_the_users() {
    for bench in Bench::all() {
        bench.install(0);
        std::fs::remove_file(&bench.file).expect("removed");
        bench.remove(0);
        bench.round_trip(b"{ }");
    }
}

#[test]
fn user_and_local_entries_share_one_file() {
    let (user, local) = (Bench::new("user"), ["--scope", "local"]);
    let before = "{\n    \"numStartups\": 3\n}";
    write(&user.file, before);
    user.install(0);
    user.world.ok(&[&["install", "two", "--git", &user.urls[1]], &local[..]].concat());
    assert_eq!(user.entries().as_object().map(serde_json::Map::len), Some(1));
    user.remove(0);
    user.world.ok(&[&["remove", "two"], &local[..]].concat());
    assert_eq!(String::from_utf8_lossy(&user.bytes()), before);
}

#[test]
fn what_the_client_cannot_read_is_reported_and_left_alone() {
    for bench in Bench::all() {
        for (bad, word) in [
            ("{\n  // mine\n  \"mcpServers\": {}\n}", "comment"),
            ("{\n  \"mcpServers\": {},\n}\n", "trailing comma"),
            ("{\"mcpServers\": {\"a\"", "ends too early"),
            ("", "ends too early"),
            ("{\"a\": 1, \"a\": 2}", "twice"),
            ("[]", "object"),
            ("null", "object"),
            ("{\"mcpServers\": [], \"projects\": []}", "object"),
            ("{\"mcpServers\": null, \"projects\": \"x\"}", "object"),
            ("{\"a\": \"\u{1}\"}", ":1:"),
        ] {
            write(&bench.file, bad);
            let args = ["install", "one", "--git", &bench.urls[0], "--scope", bench.scope];
            let run = bench.world.fails(31, &args);
            let name = bench.file.file_name().expect("a name").to_string_lossy().into_owned();
            assert!(run.stderr.contains(word) && run.stderr.contains(&name), "{bad}: {run}");
            assert_eq!(String::from_utf8_lossy(&bench.bytes()), bad);
            assert!(!bench.world.home().join(".claude.json.lock").exists());
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_reported_with_their_place() {
    for bench in Bench::all() {
        let bad = b"{\n \"a\": \"\xff\"}";
        write(&bench.file, bad);
        let run = bench.world.fails(31, &["install", "one", "--git", &bench.urls[0], "--scope", bench.scope]);
        assert!(run.stderr.contains(":2:8") && bench.bytes() == bad, "{run}");
    }
}

#[test]
fn a_file_of_many_entries_is_restored() {
    let bench = Bench::new("user");
    let mut text = String::from("{\n  \"projects\": {\n");
    for at in 0..3000 {
        writeln!(text, "    \"/p/{at}\": {{ \"mcpServers\": {{}}, \"history\": [\"{}\"] }},", "x".repeat(300))
            .expect("text");
    }
    text.push_str("    \"/end\": {}\n  }\n}");
    bench.round_trip(text.as_bytes());
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

#[test]
fn the_mode_of_a_file_stays() {
    for bench in Bench::all() {
        for wanted in [0o600, 0o640, 0o664] {
            write(&bench.file, "{}");
            std::fs::set_permissions(&bench.file, std::fs::Permissions::from_mode(wanted)).expect("set");
            bench.install(0);
            assert_eq!(mode(&bench.file), wanted, "{} scope", bench.scope);
            bench.remove(0);
            assert_eq!(mode(&bench.file), wanted, "{} scope", bench.scope);
        }
    }
}

#[test]
fn a_new_state_file_of_the_client_is_private() {
    for scope in ["user", "local"] {
        let bench = Bench::new(scope);
        bench.install(0);
        assert_eq!(mode(&bench.file), 0o600, "{scope}");
    }
}

#[test]
fn a_linked_state_file_is_written_through() {
    for scope in ["user", "local"] {
        for target in ["../dotfiles/claude.json", "moved.json"] {
            let bench = Bench::new(scope);
            let real = bench.world.home().join(target);
            write(&real, "{ \"numStartups\": 1 }\n");
            std::os::unix::fs::symlink(target, &bench.file).expect("a link");
            bench.install(0);
            assert_eq!(std::fs::read_link(&bench.file).expect("a link"), Path::new(target));
            assert_eq!(bench.entries()["one"]["command"], "run");
            bench.remove(0);
            assert_eq!(std::fs::read_to_string(&real).expect("text"), "{ \"numStartups\": 1 }\n");
            assert!(bench.file.is_symlink());
        }
    }
}

#[test]
fn an_abandoned_lock_of_the_client_is_taken_over() {
    for scope in ["user", "local"] {
        let bench = Bench::new(scope);
        let lock = bench.world.home().join(".claude.json.lock");
        std::fs::create_dir(&lock).expect("a folder");
        let minute_ago = SystemTime::now() - Duration::from_secs(60);
        std::fs::File::open(&lock).and_then(|dir| dir.set_modified(minute_ago)).expect("a time");
        bench.install(0);
        assert!(!lock.exists() && bench.entries()["one"].is_object());
    }
}

#[test]
fn no_lock_of_the_client_is_left_behind() {
    for scope in ["user", "local"] {
        let bench = Bench::new(scope);
        let left = || {
            let entries = std::fs::read_dir(bench.world.home()).expect("a folder");
            let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
            let mut names: Vec<String> = names.filter(|name| name.starts_with(".claude.json")).collect();
            names.sort();
            names
        };
        bench.install(0);
        assert_eq!(left(), [".claude.json"], "{scope}");
        bench.remove(0);
        assert_eq!(left(), [""; 0], "{scope}");
    }
}
