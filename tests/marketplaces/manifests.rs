//! Plugins whose author wrote no plugin.json: the entry describes them, and the lock keeps what it said.

use serde_json::{Value, json};

use super::with_market;
use crate::support::{Repo, World, skill, snapshot};

/// A marketplace with two entries over one folder of skills, as anthropics/skills has.
fn documents(world: &World) -> Repo {
    let source = source(world);
    let entries = format!(
        r#"{{"name":"office","source":{{"source":"url","url":"{0}"}},"strict":false,"version":"1.1.0",
            "description":"Office files.","skills":["./skills/docx","./skills/xlsx"]}},
        {{"name":"art","source":{{"source":"url","url":"{0}"}},"strict":false,"skills":["./skills/canvas"]}}"#,
        source.url()
    );
    let market = Repo::marketplace(world, "market", &entries, &[]);
    world.ok(&["index", "add", "market", &market.url()]);
    market
}

/// The repository with the skills.
fn source(world: &World) -> Repo {
    let [docx, xlsx, canvas] = ["docx", "xlsx", "canvas"].map(|name| skill(name, "x"));
    let files =
        [("skills/docx/SKILL.md", &*docx), ("skills/xlsx/SKILL.md", &xlsx), ("skills/canvas/SKILL.md", &canvas)];
    Repo::new(world, "source", &files)
}

#[test]
fn an_entry_that_lists_skills_places_these_and_no_others() {
    let world = World::in_git();
    documents(&world);
    world.ok(&["install", "office"]);
    assert!(world.has(".claude/skills/docx/SKILL.md") && world.has(".claude/skills/xlsx/SKILL.md"));
    assert!(!world.has(".claude/skills/canvas") && !world.has(".claude/skills/office"));
    let locked = world.locked("office");
    assert_eq!(locked["version"], "1.1.0");
    let manifest: Value = serde_json::from_str(locked["manifest"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        manifest,
        json!({ "name": "office", "version": "1.1.0", "description": "Office files.", "skills": ["./skills/docx", "./skills/xlsx"] })
    );
}

#[test]
fn two_entries_over_one_source_live_beside_each_other() {
    let world = World::in_git();
    documents(&world);
    world.ok(&["install", "office", "art"]);
    assert!(world.has(".claude/skills/docx/SKILL.md") && world.has(".claude/skills/canvas/SKILL.md"));
    assert_eq!(world.locked("office")["checksum"], world.locked("art")["checksum"]);
    world.ok(&["remove", "office"]);
    assert!(!world.has(".claude/skills/docx") && world.has(".claude/skills/canvas/SKILL.md"));
}

#[test]
fn the_lock_alone_gives_the_same_bytes_when_the_marketplace_is_gone() {
    let world = World::in_git();
    let market = documents(&world);
    world.ok(&["install", "office", "art"]);
    let installed = snapshot(&world.project());
    market.delete();
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    assert!(snapshot(&world.project()) == installed, "from the store");
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install", "--locked"]);
    assert!(snapshot(&world.project()) == installed, "from the source repository");
    world.ok(&["verify"]);
}

#[test]
fn a_plugin_placed_whole_gets_a_generated_plugin_json_and_keeps_it_from_the_lock() {
    let world = World::in_git();
    let source = Repo::new(&world, "source", &[("commands/go.md", "go\n"), ("agents/a.md", "a\n")]);
    let entries = format!(
        r#"{{"name":"kit","source":{{"source":"url","url":"{}"}},"strict":false,"version":"2.0.0","description":"A kit.",
            "commands":["./commands/go.md"],"author":{{"name":"somebody"}}}}"#,
        source.url()
    );
    let market = Repo::marketplace(&world, "market", &entries, &[]);
    world.ok(&["index", "add", "market", &market.url()]);
    world.ok(&["install", "kit"]);
    let path = ".claude/skills/kit/.claude-plugin/plugin.json";
    let manifest: Value = serde_json::from_str(&world.read(path)).expect("JSON");
    // The client reads `commands/` unasked; a list would be instead of it.
    assert_eq!(manifest, json!({ "name": "kit", "version": "2.0.0", "description": "A kit." }));
    let installed = snapshot(&world.project());
    market.delete();
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install", "--locked"]);
    assert!(snapshot(&world.project()) == installed);
    world.ok(&["verify"]);
}

#[test]
fn a_plugin_without_any_manifest_is_still_a_plugin_for_the_client() {
    let (world, market) = with_market(r#"{"name":"kit","source":"./kit"}"#, &[("kit/commands/go.md", "go\n")]);
    world.ok(&["install", "kit"]);
    let manifest = world.read(".claude/skills/kit/.claude-plugin/plugin.json");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest, json!({ "name": "kit", "version": format!("0.0.0-{}", &market.head()[..12]) }));
    assert!(world.locked("kit")["manifest"].is_null());
}

#[test]
fn paths_of_an_entry_that_lead_nowhere_take_nothing_away() {
    let (world, _market) = with_market(
        r#"{"name":"kit","source":"./plugins/kit","strict":false,"commands":["./plugins/kit/commands/go.md"],
            "agents":[],"skills":["./plugins/kit/skills/one/SKILL.md"]},
           {"name":"pair","source":"./plugins/pair","strict":false,"skills":["./plugins/pair/skills/a"]}"#,
        &[
            ("plugins/kit/commands/go.md", "go\n"),
            ("plugins/kit/skills/one/SKILL.md", &skill("one", "x")),
            ("plugins/pair/skills/a/SKILL.md", &skill("a", "x")),
            ("plugins/pair/skills/b/SKILL.md", &skill("b", "x")),
        ],
    );
    world.ok(&["install", "kit", "pair"]);
    let manifest = world.read(".claude/skills/kit/.claude-plugin/plugin.json");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert!(
        manifest["commands"].is_null() && manifest["skills"].is_null(),
        "the client refuses such paths: {manifest}"
    );
    assert!(world.has(".claude/skills/kit/commands/go.md") && world.has(".claude/skills/kit/skills/one/SKILL.md"));
    assert!(world.has(".claude/skills/a/SKILL.md") && world.has(".claude/skills/b/SKILL.md"));
}

#[test]
fn what_an_entry_adds_to_a_plugin_json_is_left_out_and_told() {
    let (world, _market) = with_market(
        r#"{"name":"kit","source":"./kit","commands":["./more/a.md"],"dependencies":[]}"#,
        &[
            ("kit/.claude-plugin/plugin.json", r#"{"name":"kit"}"#),
            ("kit/commands/go.md", "x\n"),
            ("kit/more/a.md", "x\n"),
        ],
    );
    let run = world.ok(&["install", "kit"]);
    assert!(run.stderr.contains("left out: `commands`"), "{run}");
}

#[test]
fn a_skills_folder_that_is_a_skill_itself_is_placed_under_its_own_name() {
    let (world, _market) = with_market(
        r#"{"name":"releases","source":"./releases"}"#,
        &[
            ("releases/.claude-plugin/plugin.json", r#"{"name":"releases","skills":["./skills"]}"#),
            ("releases/skills/SKILL.md", &skill("cut-a-release", "x")),
            ("releases/skills/notes.md", "x\n"),
        ],
    );
    world.ok(&["install", "releases"]);
    assert!(world.has(".claude/skills/cut-a-release/notes.md") && !world.has(".claude/skills/skills"));
}

#[test]
fn a_changed_entry_moves_what_is_placed_only_on_update() {
    let world = World::in_git();
    let market = documents(&world);
    world.ok(&["install", "art"]);
    let lock = world.read("cpm.lock");
    world.ok(&["update"]);
    assert_eq!(world.read("cpm.lock"), lock);
    let text = std::fs::read_to_string(market.dir().join(".claude-plugin/marketplace.json")).expect("a marketplace");
    let text = text.replace(r#""./skills/canvas""#, r#""./skills/canvas","./skills/docx""#);
    market.commit(&[(".claude-plugin/marketplace.json", &text)]);
    world.check_out_anew();
    world.ok(&["install"]);
    assert!(!world.has(".claude/skills/docx"));
    world.ok(&["update"]);
    assert!(world.has(".claude/skills/docx/SKILL.md") && world.has(".claude/skills/canvas/SKILL.md"));
    assert!(world.locked("art")["manifest"].as_str().expect("text").contains("docx"));
    let elsewhere = World::in_git();
    elsewhere.write("cpm.toml", &world.read("cpm.toml"));
    elsewhere.write("cpm.lock", &world.read("cpm.lock"));
    elsewhere.ok(&["install", "--locked"]);
    assert_eq!(elsewhere.read(".claude/skills/docx/SKILL.md"), world.read(".claude/skills/docx/SKILL.md"));
}

#[test]
fn components_in_both_the_entry_and_plugin_json_are_reported_before_anything_is_written() {
    let manifest = r#"{"name":"kit","commands":"./commands"}"#;
    let (world, _market) = with_market(
        r#"{"name":"kit","source":"./kit","strict":false,"skills":["./s"]},{"name":"strict","source":"./kit"}"#,
        &[("kit/.claude-plugin/plugin.json", manifest), ("kit/commands/go.md", "go\n"), ("kit/s/SKILL.md", "s\n")],
    );
    let run = world.fails(10, &["install", "kit"]);
    assert!(run.stderr.contains("`commands`") && run.stderr.contains("strict"), "{run}");
    world.ok(&["install", "strict"]);
}
