//! The client reads whenever it likes: while cpm updates, a file it knows is always there, and always whole.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::samples::install;
use crate::support::{World, skill};

const READS: u64 = 100_000;

/// A skill and a server that say a number, with so much text that a torn file would show.
fn files(number: u64) -> [(String, String); 3] {
    let text = format!("{number}\n{}end {number}", format!("{number} ").repeat(2_000));
    let server = serde_json::json!({ "mcpServers": { "srv": { "command": "true", "args": [number.to_string()] } } });
    [
        (".claude-plugin/plugin.json".to_owned(), r#"{"name":"kit","version":"1.0.0"}"#.to_owned()),
        ("skills/alpha/SKILL.md".to_owned(), skill("alpha", &text)),
        (".mcp.json".to_owned(), server.to_string()),
    ]
}

/// The number that a skill says at its begin and its end.
fn number_of_skill(text: &str) -> Option<&str> {
    let number = text.lines().nth(4)?;
    (text.len() > 2_000 && text.ends_with(&format!("end {number}\n"))).then_some(number)
}

/// The number that the server's entry says, in a file that has all else it had.
fn number_of_server(text: &str) -> Option<String> {
    let whole: serde_json::Value = serde_json::from_str(text).ok()?;
    (whole["theirs"] == 1).then(|| whole["mcpServers"]["srv"]["args"][0].as_str().map(str::to_owned))?
}

#[test]
fn what_the_client_reads_during_updates_is_always_there_and_whole() {
    let world = World::in_git();
    world.write(".mcp.json", "{\"theirs\": 1}\n");
    let owned = files(0);
    let repo = install(&world, "kit", &owned.each_ref().map(|(path, text)| (path.as_str(), text.as_str())), &[]);
    let read = |name: &str| {
        let path = world.project().join(name);
        std::fs::read_to_string(path).unwrap_or_else(|cause| panic!("{name}: {cause}"))
    };
    let reads = AtomicU64::new(0);
    let numbers = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while reads.load(Ordering::Relaxed) < READS || numbers.load(Ordering::Relaxed) < 3 {
                let text = read(".claude/skills/alpha/SKILL.md");
                seen.insert(number_of_skill(&text).unwrap_or_else(|| panic!("torn: {text}")).to_owned());
                let text = read(".mcp.json");
                seen.insert(number_of_server(&text).unwrap_or_else(|| panic!("torn: {text}")));
                reads.fetch_add(2, Ordering::Relaxed);
            }
            seen.len()
        });
        while !reader.is_finished() {
            let number = numbers.fetch_add(1, Ordering::Relaxed) + 1;
            let owned = files(number);
            repo.commit(&owned.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
            world.ok(&["update", "--accept"]);
        }
        let seen = reader.join().expect("every read is whole");
        assert!(seen > 2, "the reader saw {seen} states");
    });
}
