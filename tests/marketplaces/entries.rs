//! What is wrong with a marketplace or an entry disables as little as it can, and says why.

use super::with_market;
use crate::support::{Repo, World, skill};

const GOOD: &str = r#"{"name":"good","source":"./good"}"#;

/// The files of the entry `good`.
fn good() -> Vec<(&'static str, String)> {
    vec![("good/SKILL.md", skill("good", "x"))]
}

#[test]
fn a_bad_entry_disables_only_itself_and_says_why_when_it_is_asked_for() {
    let cases = [
        ("no-source", r#""x":1"#, 10, "`source`"),
        ("number", r#""source":7"#, 10, "neither a path nor an object"),
        ("bare", r#""source":"owner/repo""#, 10, "`./`"),
        ("absolute", r#""source":"/etc""#, 10, "`./`"),
        ("above", r#""source":"./../x""#, 24, ".."),
        ("no-kind", r#""source":{"url":"https://h/r"}"#, 10, "`source`"),
        ("no-repo", r#""source":{"source":"github"}"#, 10, "`repo`"),
        ("no-url", r#""source":{"source":"url"}"#, 10, "`url`"),
        ("no-path", r#""source":{"source":"git-subdir","url":"o/r"}"#, 10, "`path`"),
        ("up-path", r#""source":{"source":"git-subdir","url":"o/r","path":"../x"}"#, 24, ".."),
        ("short-sha", r#""source":{"source":"url","url":"https://h/r","sha":"abc1234"}"#, 10, "abc1234"),
        ("bad-ref", r#""source":{"source":"url","url":"https://h/r","ref":"--upload-pack=x"}"#, 10, "--upload-pack"),
        ("npm", r#""source":{"source":"npm","package":"x"}"#, 10, "`npm`"),
        ("command", r#""source":{"source":"command","command":"touch /canary"}"#, 21, "`command`"),
        ("bad-skills", r#""source":"./good","skills":["good"]"#, 10, "`skills`"),
        ("bad-hooks", r#""source":"./good","hooks":"./../x""#, 24, ".."),
    ];
    let entries: Vec<String> = cases.iter().map(|(name, rest, ..)| format!(r#"{{"name":"{name}",{rest}}}"#)).collect();
    let odd = r#"7,{"source":"./x"},{"name":"Upper Case","source":"./x"}"#;
    let entries = format!("{},{odd},{GOOD}", entries.join(","));
    let files = good();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let (world, market) = with_market(&entries, &files);
    for (name, _, code, why) in cases {
        let run = world.fails(code, &["install", name]);
        assert!(run.stderr.contains(&format!("`{name}`")) && run.stderr.contains(why), "{run}");
    }
    world.ok(&["install", "good"]);
    assert_eq!(world.locked("good")["commit"], market.head());
}

#[test]
fn a_plugin_json_that_the_client_refuses_disables_only_its_plugin() {
    let files = good();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    files.extend([
        ("broken/.claude-plugin/plugin.json", "{"),
        ("typed/.claude-plugin/plugin.json", r#"{"name":"typed","author":"me"}"#),
        ("empty/README.md", "x\n"),
    ]);
    let entry = |name: &str| format!(r#",{{"name":"{name}","source":"./{name}"}}"#);
    let (world, _market) =
        with_market(&format!("{GOOD}{}{}{}", entry("broken"), entry("typed"), entry("empty")), &files);
    for (name, why) in [("broken", "plugin.json"), ("typed", "`author`"), ("empty", "nothing")] {
        let run = world.fails(10, &["install", name]);
        assert!(run.stderr.contains(why), "{run}");
    }
    world.ok(&["install", "good"]);
}

#[test]
fn a_marketplace_that_the_client_refuses_is_not_added() {
    for (at, json) in [
        r#"{"name":"m","plugins":[]}"#,
        r#"{"name":"m","owner":"o","plugins":[]}"#,
        r#"{"owner":{"name":"o"},"plugins":[]}"#,
        r#"{"name":"has space","owner":{"name":"o"},"plugins":[]}"#,
        r#"{"name":"m","owner":{"name":"o"},"plugins":{}}"#,
        r#"{"name":"skills-dir","owner":{"name":"o"},"plugins":[]}"#,
        r#"{"name":"m","owner":{"name":"o"},"plugins":[],}"#,
        r#"{"agents":[]}"#,
    ]
    .iter()
    .enumerate()
    {
        let world = World::in_git();
        let market = Repo::new(&world, &format!("m{at}"), &[(".claude-plugin/marketplace.json", *json)]);
        let run = world.fails(10, &["index", "add", "m", &market.url()]);
        assert!(run.stderr.contains("marketplace.json"), "{run}");
        assert!(!world.has("cpm.toml"));
    }
}

#[test]
fn a_missing_owner_is_named() {
    let world = World::in_git();
    let json = r#"{"name":"m","plugins":[]}"#;
    let market = Repo::new(&world, "m", &[(".claude-plugin/marketplace.json", json)]);
    let run = world.fails(10, &["index", "add", "m", &market.url()]);
    assert!(run.stderr.contains("`owner"), "{run}");
}

#[test]
fn a_name_that_belongs_to_anthropic_is_refused_from_anybody_else() {
    let world = World::in_git();
    world.instead_of("https://github.com/", &format!("file://{}/", world.path("repos").display()));
    let json = r#"{"name":"claude-plugins-official","owner":{"name":"o"},"plugins":[]}"#;
    for owner in ["evil", "anthropics"] {
        Repo::new(&world, &format!("{owner}/market"), &[(".claude-plugin/marketplace.json", json)]);
    }
    world.fails(10, &["index", "add", "official", "evil/market"]);
    world.ok(&["index", "add", "official", "anthropics/market"]);
}

#[test]
fn a_renamed_plugin_is_found_under_its_old_name() {
    let world = World::in_git();
    let json = |plugins: &str, renames: &str| {
        format!(r#"{{"name":"m","owner":{{"name":"o"}},"plugins":[{plugins}],"renames":{{{renames}}}}}"#)
    };
    let plugin = |name: &str| format!(r#"{{"name":"{name}","source":"./{name}"}}"#);
    let files = |name: &str| {
        let manifest = format!(r#"{{"name":"{name}","version":"1.0.0"}}"#);
        [(format!("{name}/.claude-plugin/plugin.json"), manifest), (format!("{name}/commands/c.md"), "c\n".to_owned())]
    };
    let [old_json, old_file] = files("old");
    let market = Repo::new(
        &world,
        "m",
        &[
            (".claude-plugin/marketplace.json", &json(&plugin("old"), "")),
            (&old_json.0, &old_json.1),
            (&old_file.0, &old_file.1),
        ],
    );
    world.ok(&["index", "add", "m", &market.url()]);
    world.ok(&["install", "old"]);
    let [new_json, new_file] = files("new");
    market.commit(&[
        (
            ".claude-plugin/marketplace.json",
            &json(&plugin("new"), r#""older":"old","old":"new","gone":null,"round":"about","about":"round""#),
        ),
        (&new_json.0, &new_json.1.replace("1.0.0", "1.1.0")),
        (&new_file.0, "renamed\n"),
    ]);
    market.remove(&["old"]);
    world.ok(&["install", "--locked"]);
    world.ok(&["update"]);
    assert_eq!(world.locked("old")["version"], "1.1.0");
    assert_eq!(world.read(".claude/skills/old/commands/c.md"), "renamed\n");
    for name in ["new", "older"] {
        let fresh = World::in_git();
        fresh.ok(&["index", "add", "m", &market.url()]);
        fresh.ok(&["install", name]);
        assert_eq!(fresh.locked(name)["source"], format!("git+{}?path=new", market.url()));
    }
    for name in ["gone", "round"] {
        world.fails(14, &["install", name]);
    }
}

#[test]
fn the_first_of_two_entries_with_one_name_counts() {
    let files = good();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    files.push(("second/SKILL.md", "second\n"));
    let (world, _market) = with_market(&format!(r#"{GOOD},{{"name":"good","source":"./second"}}"#), &files);
    world.ok(&["install", "good"]);
    assert_eq!(world.read(".claude/skills/good/SKILL.md"), skill("good", "x"));
}

#[test]
fn a_plugin_that_was_renamed_to_nothing_is_gone_and_no_other_index_may_have_its_name() {
    let world = World::in_git();
    let json = r#"{"name":"m","owner":{"name":"o"},"plugins":[],"renames":{"github-tools":null}}"#;
    let market = Repo::new(&world, "m", &[(".claude-plugin/marketplace.json", json)]);
    world.ok(&["index", "add", "m", &market.url()]);
    let run = world.fails(14, &["install", "github-tools"]);
    assert!(run.stderr.contains("removed `github-tools`"), "{run}");
}
