use super::*;
use crate::model::tree::TreeFile;

fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::new(files.iter().map(|(path, text)| TreeFile::parse(path, false, text.as_bytes().to_vec()).expect("a path")))
        .expect("a tree")
}

const SKILL: &str = "---\nname: x\ndescription: does x\n---\nbody\n";
const NAMED: (&str, &str) = (MANIFEST, r#"{"name":"p","version":"1.2.3"}"#);

#[test]
fn shapes_are_told_by_content() {
    for (files, shape) in [
        (vec![("SKILL.md", SKILL), ("references/a.md", "a")], Shape::Skill),
        (vec![(".mcp.json", r#"{"mcpServers":{"a":{"command":"x"}}}"#), ("README.md", "r")], Shape::Servers),
        (vec![("skills/a/SKILL.md", SKILL), (".mcp.json", "{}")], Shape::Unnamed),
        (vec![NAMED, ("commands/a.md", "do")], Shape::Plugin),
    ] {
        assert_eq!(inspect(&tree(&files), None).expect("a package").shape, shape, "{files:?}");
    }
}

#[test]
fn a_whole_plugin_is_read_as_the_client_reads_it() {
    let package = inspect(
        &tree(&[
            NAMED,
            ("skills/one/SKILL.md", SKILL),
            ("skills/group/inner/SKILL.md", SKILL),
            ("skills/flat.md", "x"),
            ("commands/sub/run.md", "x"),
            ("agents/helper.md", "x"),
            ("hooks/hooks.json", r#"{"hooks":{"Stop":[]}}"#),
            (".mcp.json", r#"{"a":{"command":"x"},"bad name":{"command":"x"}}"#),
            (".lsp.json", r#"{"go":{"command":"gopls"}}"#),
            ("bin/tool", "x"),
            ("output-styles/o.md", "x"),
            ("settings.json", r#"{"agent":"x"}"#),
        ]),
        None,
    )
    .expect("a package");
    let skills: Vec<&str> = package.skills.iter().filter_map(|s| s.name.as_ref().ok()).map(SkillName::as_str).collect();
    assert_eq!(skills, ["one"], "neither nested nor flat skills load");
    assert_eq!((package.commands.len(), package.agents.len(), package.hooks.len()), (1, 1, 1));
    assert_eq!((package.servers.len(), package.lsp.len(), package.bin.len(), package.styles.len()), (1, 1, 1, 1));
    assert_eq!(package.odd_servers, ["bad name"]);
    assert_eq!(package.version.as_deref(), Some("1.2.3"));
    assert!(!package.is_only_skills_and_servers());
}

#[test]
fn an_entry_that_lists_skills_means_no_others() {
    let files = tree(&[("skills/a/SKILL.md", SKILL), ("skills/b/SKILL.md", SKILL)]);
    let given = r#"{"name":"docs","skills":["./skills/b","./gone"]}"#;
    let package = inspect(&files, Some(given)).expect("a package");
    assert_eq!(package.skills.len(), 1);
    assert_eq!(package.shape, Shape::Unnamed);
    assert!(package.notes[0].contains("gone"));
}

#[test]
fn lists_of_an_entry_add_to_the_folders_and_those_that_lead_nowhere_take_nothing_away() {
    let files = [("commands/a.md", "x"), ("extra/b.md", "x"), ("agents/c.md", "x"), ("skills/s/SKILL.md", SKILL)];
    let given = r#"{"name":"kit","commands":["./extra/b.md","./p/kit/commands/a.md"],
        "agents":["./p/kit/agents/c.md"],"skills":["./p/kit/skills/s"]}"#;
    let package = inspect(&tree(&files), Some(given)).expect("a package");
    let commands: Vec<&str> = package.commands.iter().map(RelPath::as_str).collect();
    assert_eq!(commands, ["commands/a.md", "extra/b.md"]);
    assert_eq!((package.agents.len(), package.skills.len()), (1, 1));
    for missing in ["`commands`, but not there: `p/kit/commands/a.md`", "`agents`, but not there: `p/kit/agents/c.md`"]
    {
        assert!(package.notes.iter().any(|note| note.contains(missing)), "{:?}", package.notes);
    }
}

#[test]
fn a_skill_that_a_list_names_itself_is_called_as_it_says() {
    let manifest = (MANIFEST, r#"{"name":"p","skills":["./extra/one","./more","./odd"]}"#);
    let package = inspect(
        &tree(&[
            manifest,
            ("skills/SKILL.md", "---\nname: itself\n---\n"),
            ("skills/inner/SKILL.md", SKILL),
            ("extra/one/SKILL.md", "---\nname: other\n---\n"),
            ("more/two/SKILL.md", SKILL),
            ("odd/SKILL.md", "---\nname: ../odd\n---\n"),
        ]),
        None,
    )
    .expect("a package");
    let names: Vec<Option<&str>> =
        package.skills.iter().map(|skill| skill.name.as_ref().ok().map(SkillName::as_str)).collect();
    assert_eq!(names, [Some("other"), Some("two"), None, Some("itself")]);
}

#[test]
fn what_cannot_load_says_why() {
    for (files, needle) in [
        (vec![("README.md", "x")], "SKILL.md"),
        (vec![("a/SKILL.md", SKILL)], "--path"),
        (vec![(".claude-plugin/marketplace.json", "{}")], "cpm index add"),
        (vec![(".mcp.json", r#"{"mcpServers":{"a":{"url":"https://h"}}}"#)], "no `type`"),
        (vec![NAMED, ("hooks/hooks.json", "[]")], "object"),
        (vec![NAMED, ("hooks/hooks.json", r#"{"Stop":[]}"#)], "`hooks`"),
        (vec![NAMED, (".mcp.json", r#"{"a":1,"a":2}"#)], "twice"),
        (vec![(MANIFEST, r#"{"name":"p","author":"me"}"#), ("skills/a/SKILL.md", SKILL)], "author"),
    ] {
        let error = inspect(&tree(&files), None).expect_err(needle);
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(format!("{error:?}").contains(needle), "{needle}: {error:?}");
    }
}
