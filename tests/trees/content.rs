//! Files that are safe to write and must not reach the client, or only after a yes: configuration, text that nobody
//! can check, what runs.

use super::Served;
use crate::support::raw_tree::Entry;
use crate::support::skill;

/// A plugin in the form that a test serves: entries of its top folder, and of `skills/one/`.
fn serve_plugin(served: &Served, top: &[Entry<'_>], inside: &[Entry<'_>]) {
    let manifest = served.repo.blob(r#"{"name":"kit","version":"1.0.0"}"#);
    let manifest = served.repo.tree(&[("100644", b"plugin.json", manifest)]);
    let mut inside = [&[("100644", &b"SKILL.md"[..], served.skill)], inside].concat();
    inside.sort_by_key(|(_, name, _)| *name);
    let skills = served.repo.tree(&[("40000", b"one", served.repo.tree(&inside))]);
    let mut top = [&[("40000", &b".claude-plugin"[..], manifest), ("40000", b"skills", skills)], top].concat();
    top.sort_by_key(|(_, name, _)| *name);
    served.repo.serve(served.repo.tree(&top));
}

/// C47.
#[test]
fn a_skill_that_would_configure_the_client_is_refused() {
    let served = Served::new();
    let text = served.repo.blob("{}");
    let settings = served.repo.tree(&[("100644", b"settings.json", text)]);
    for entry in [
        ("100644", &b"CLAUDE.md"[..], text),
        ("100644", b"claude.local.md", text),
        ("100644", b".mcp.json", text),
        ("40000", b".claude", settings),
        ("40000", b"sub", served.repo.tree(&[("40000", b".Claude", settings)])),
        ("40000", b"sub", served.repo.tree(&[("100644", b"Claude.md", text)])),
    ] {
        serve_plugin(&served, &[], &[entry]);
        let run = served.refuses(22);
        assert!(run.stderr.contains("configure the client"), "{run}");
    }
    for entry in [("100644", &b"CLAUDE.md"[..], text), ("40000", b".claude", settings)] {
        served.serve(&[entry]);
        served.refuses(22);
    }
    served.accepts_a_good_tree();
}

/// C49.
#[test]
fn attributes_that_hide_a_skill_from_review_are_refused() {
    let served = Served::new();
    for attributes in [
        "* -diff linguist-generated\n",
        "# ordinary\n*.png binary\nSKILL.md binary\n",
        "**/*.md linguist-generated=true\n",
        "\"*\" -diff\n",
    ] {
        served.serve(&[("100644", b".gitattributes", served.repo.blob(attributes))]);
        let run = served.refuses(22);
        assert!(run.stderr.contains(".gitattributes") && run.stderr.contains("SKILL.md"), "{attributes}: {run}");
    }
    let many: String = (0..200_000).map(|at| format!("{at} -diff\n")).collect();
    served.serve(&[("100644", b".gitattributes", served.repo.blob(many))]);
    let run = served.refuses(22);
    assert!(run.stderr.contains("more than 1000"), "{run}");
    // In a folder of a plugin they count for that folder only.
    let hides_all = served.repo.blob("* -diff\n");
    serve_plugin(&served, &[], &[("100644", b".gitattributes", hides_all)]);
    served.refuses(22);
    let assets = served.repo.tree(&[("100644", b".gitattributes", hides_all), ("100644", b"a.md", served.skill)]);
    serve_plugin(&served, &[("40000", b"assets", assets)], &[]);
    served.accepts();
}

/// C49.
#[test]
fn ordinary_attributes_are_installed_as_they_are() {
    let served = Served::new();
    let text = "* text=auto eol=lf\n*.md text diff=markdown\n*.png binary\ndist/** linguist-generated\n*.lock -diff\n";
    served.serve(&[("100644", b".gitattributes", served.repo.blob(text))]);
    served.accepts();
    assert_eq!(served.world.read(".claude/skills/kit/.gitattributes"), text);
}

/// C50, C51.
#[test]
fn a_program_in_an_update_needs_a_yes_however_it_is_called() {
    let bytecode = b"\xcb\x0d\x0d\x0a\0\0\0\0";
    for (name, bytes) in [
        ("__pycache__/tool.cpython-312.pyc", &bytecode[..]),
        ("elf.txt", b"\x7fELF\x02\x01\x01"),
        ("pe.md.bin", b"MZ\x90\0\x03\0\0\0"),
        ("macho", b"\xcf\xfa\xed\xfe\x07\0\0\x01"),
        ("fat", b"\xca\xfe\xba\xbe\0\0\0\x02"),
        ("lib.so", b"anything"),
        ("app.jar", b"PK\x03\x04"),
        ("module", b"\0asm\x01\0\0\0"),
        ("script", b"#!/bin/sh\n"),
    ] {
        let served = Served::new();
        served.accepts_a_good_tree();
        let file = served.repo.blob(bytes);
        match name.split_once('/') {
            None => served.serve(&[("100644", name.as_bytes(), file)]),
            Some((folder, name)) => {
                let folder_tree = served.repo.tree(&[("100644", name.as_bytes(), file)]);
                served.serve(&[("40000", folder.as_bytes(), folder_tree)]);
            }
        }
        let run = served.world.refuses(23, &["update"]);
        assert!(run.stderr.contains(name) || run.stdout.contains(name), "{name}: {run}");
        let run = served.world.accepts(&["update", "--accept"]);
        assert!(run.stdout.contains(name), "{name}: {run}");
        let installed = served.world.project().join(".claude/skills/kit").join(name);
        assert_eq!(std::fs::read(&installed).expect("a file"), bytes);
        std::fs::write(&installed, "other").expect("written");
        let verified = served.world.cpm(&["verify"]);
        assert!(verified.code == 1 && verified.stdout.contains(name), "it is part of the checksum: {verified}");
    }
}

/// C52.
#[test]
fn an_archive_is_installed_with_a_warning() {
    let mut tar = vec![0; 512];
    tar[..4].copy_from_slice(b"file");
    tar[257..262].copy_from_slice(b"ustar");
    for (name, bytes) in
        [("data.zip", b"PK\x03\x04rest".to_vec()), ("odd", b"\x1f\x8b\x08rest".to_vec()), ("a.tar", tar)]
    {
        let served = Served::new();
        served.serve(&[("100644", name.as_bytes(), served.repo.blob(&bytes))]);
        let run = served.accepts();
        assert!(run.stdout.contains(&format!("`{name}` is an archive")), "{run}");
    }
}

/// C53, C54.
#[test]
fn a_skill_that_nobody_can_read_whole_is_refused() {
    let served = Served::new();
    let text = skill("kit", "good");
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for (bytes, said) in [
        (utf16(&text), "UTF-8"),
        ([&b"\xff\xfe"[..], &utf16(&text)].concat(), "UTF-8"),
        ([text.as_bytes(), b"a\0b"].concat(), "UTF-8"),
        ([text.as_bytes(), b"a\xffb"].concat(), "UTF-8"),
        ([text.as_bytes(), "filler\n".repeat(150_000).as_bytes()].concat(), "too large"),
    ] {
        let file = served.repo.blob(&bytes);
        served.repo.serve(served.repo.tree(&[("100644", b"SKILL.md", file)]));
        let run = served.refuses(22);
        assert!(run.stderr.contains("SKILL.md") && run.stderr.contains(said), "{said}: {run}");
    }
    served.accepts_a_good_tree();
}

/// C54.
#[test]
fn a_line_too_long_to_read_is_warned_of() {
    let served = Served::new();
    let file = served.repo.blob(skill("kit", &"x ".repeat(100_001)));
    served.repo.serve(served.repo.tree(&[("100644", b"SKILL.md", file)]));
    let run = served.accepts();
    assert!(run.stdout.contains("line too long"), "{run}");
}

/// C55, C59.
#[test]
fn frontmatter_that_exhausts_a_reader_is_refused() {
    let served = Served::new();
    let bomb: String =
        (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))).collect();
    let deep: String = (0..70).map(|n| format!("{}k:\n", " ".repeat(n))).collect();
    let long = format!("# {}\n", "x".repeat(300 << 10));
    for (row, block) in [
        ("C55", format!("a0: &a0 [x,x,x,x,x,x,x,x,x]\n{bomb}")),
        ("C55", (0..101).map(|n| format!("k{n}: &x{n} v\n")).collect()),
        ("C55", deep),
        ("C55", format!("k: {}x{}\n", "[".repeat(70), "]".repeat(70))),
        ("C55", (0..10_001).map(|n| format!("k{n}: v\n")).collect()),
        ("C55", long.clone()),
        ("C59", format!("paths: '{}'\n", "{a,b,c,d}".repeat(20))),
        ("C59", "paths: ['*.md', 'x{1..999999999}']\n".to_owned()),
    ] {
        for close in ["---\n", ""] {
            if close.is_empty() && block != long {
                continue;
            }
            let file = served.repo.blob(format!("---\nname: kit\ndescription: d\n{block}{close}good\n"));
            served.repo.serve(served.repo.tree(&[("100644", b"SKILL.md", file)]));
            let run = served.refuses(22);
            assert!(run.stderr.contains("SKILL.md"), "{row}: {run}");
        }
    }
    served.accepts_a_good_tree();
}

/// C55.
#[test]
fn frontmatter_that_says_one_thing_twice_or_in_code_grants_only_what_is_shown() {
    for block in [
        "allowed-tools: Read\nallowed-tools: Bash\n",
        "allowed-tools: !!python/object/apply:os.system ['touch x']\n",
        "allowed-tools: !include ../secret\n",
        "allowed-tools: Bash\nbad: [\n",
    ] {
        let served = Served::new();
        served.accepts_a_good_tree();
        let file = served.repo.blob(format!("---\nname: kit\ndescription: d\n{block}---\ngood\n"));
        served.repo.serve(served.repo.tree(&[("100644", b"SKILL.md", file)]));
        let run = served.world.refuses(23, &["update"]);
        assert!(run.stderr.contains("SKILL.md") || run.stdout.contains("SKILL.md"), "{block}: {run}");
    }
}
