use super::*;

const COMMIT: &str = "3f2c3f2c3f2c3f2c3f2c3f2c3f2c3f2c3f2c3f2c";

/// Each entry as `name address folder reference commit`, or `name: why`.
fn entries(tool: Tool, text: &str) -> Vec<String> {
    let entries = read(tool, text.as_bytes(), tool.file()).expect("a lock");
    let line = |entry: Entry| match entry.pin {
        Err(error) => format!("{}: {}", entry.name, error.message()),
        Ok(pin) => {
            let folder = match &pin.folder {
                Folder::Unknown => "?".to_owned(),
                Folder::At(path) => path.as_ref().map_or_else(|| ".".to_owned(), ToString::to_string),
            };
            let reference = pin.reference.as_ref().map_or("-", RefName::as_str);
            let commit = pin.commit.as_ref().map_or("-", |commit| &commit.as_str()[..4]);
            format!("{} {} {folder} {reference} {commit}", entry.name, pin.url)
        }
    };
    entries.into_iter().map(line).collect()
}

#[test]
fn every_form_of_skills_lock_json_is_read() {
    let text = format!(
        r#"{{"version": 1, "skills": {{
            "a": {{"source": "o/r", "sourceType": "github", "skillPath": "skills/a/SKILL.md", "computedHash": "x"}},
            "b": {{"source": "o/r", "ref": "v1", "sourceType": "github", "skillPath": "SKILL.md"}},
            "c": {{"source": "g/s/r", "sourceType": "gitlab"}},
            "d": {{"source": "https://h.dev/r.git", "sourceType": "git", "ref": "{COMMIT}"}},
            "e": {{"source": "bun.sh", "sourceType": "well-known"}},
            "f": {{"source": "../x", "sourceType": "local"}},
            "g": {{"source": "o/r", "skillPath": "../../x/SKILL.md"}},
            "h": 1,
            "i": {{"source": "https://u:tok@h.dev/r", "sourceType": "git"}}
        }}}}"#
    );
    let read = entries(Tool::Skills, &text);
    assert_eq!(
        read[..4],
        [
            "a https://github.com/o/r skills/a - -",
            "b https://github.com/o/r . v1 -",
            "c https://gitlab.com/g/s/r ? - -",
            "d https://h.dev/r.git ? - 3f2c",
        ]
    );
    for (line, words) in read[4..].iter().zip(["bun.sh", "the folder `../x`", "..", "no `source`", "not an address"]) {
        assert!(line.contains(words) && !line.contains("tok"), "{words}: {line}");
    }
}

#[test]
fn every_form_of_agents_lock_is_read() {
    let text = format!(
        "version = 1\n[skills.a]\nsource = \"o/r\"\nresolved_url = \"https://github.com/o/r.git\"\n\
         resolved_path = \"skills/a\"\nresolved_commit = \"{COMMIT}\"\nresolved_ref = \"1.0\"\n\
         [skills.b]\nsource = \"o/r\"\nresolved_url = \"https://github.com/o/r.git\"\nresolved_path = \"b\"\n\
         commit = \"{COMMIT}\"\nintegrity = \"sha256-x\"\n\
         [skills.c]\nsource = \"git:ssh://git@h.dev/r.git\"\nresolved_path = \"c\"\n\
         [skills.d]\nsource = \"path:skills/d\"\n[skills.e]\nsource = \"https://e.dev\"\nresolved_url = \"https://e.dev\"\n\
         [skills.f]\nsource = \"o/r\"\nresolved_path = \"f\"\nresolved_commit = \"--output\"\n"
    );
    let read = entries(Tool::Dotagents, &text);
    assert_eq!(read[0], "a https://github.com/o/r skills/a 1.0 3f2c");
    assert_eq!(read[1], "b https://github.com/o/r b - 3f2c");
    assert_eq!(read[2], "c ssh://git@h.dev/r.git c - -");
    for (line, words) in read[3..].iter().zip(["the folder `skills/d`", "not a git repository", "--output"]) {
        assert!(line.contains(words), "{words}: {line}");
    }
}

#[test]
fn every_form_of_apm_lock_yaml_is_read() {
    let text = format!(
        "lockfile_version: '2'\ngenerated_at: '2026-01-01T00:00:00+00:00'\ndependencies:\n\
         - repo_url: o/r\n  host: git.acme.dev\n  resolved_commit: {COMMIT}\n  resolved_ref: v1.1.0\n\
         \x20 virtual_path: skills/a\n  is_virtual: true\n  deployed_files:\n  - .claude/skills/a\n  - ../x\n\
         - repo_url: o/b\n  resolved_ref: {COMMIT}\n- repo_url: _local/c\n  source: local\n  local_path: ./c\n\
         - name: d\nmcp_servers: [gh]\ndeployments: []\n"
    );
    let read = entries(Tool::Apm, &text);
    assert_eq!(read[..2], ["a https://git.acme.dev/o/r skills/a v1.1.0 3f2c", "b https://github.com/o/b . - 3f2c"]);
    assert!(read[2].contains("the folder `./c`") && read[3].contains("no `repo_url`"), "{read:?}");
    let pins = super::read(Tool::Apm, text.as_bytes(), "apm.lock.yaml").expect("a lock");
    assert_eq!(pins[0].pin.as_ref().expect("a pin").written.len(), 1, "a path that leads out is none");
    assert!(entries(Tool::Apm, "lockfile_version: '1'\ndependencies: []\n").is_empty());
    assert!(entries(Tool::Apm, "lockfile_version: '1'\nmcp_servers:\n- gh\n").is_empty());
}

#[test]
fn every_skill_of_a_package_in_skills_lock_is_an_entry() {
    let text = format!(
        "version = 1\n[[package]]\nname = \"acme/one\"\nconstraint = \"^1.0\"\nversion = \"v1.1.0\"\n\
         dist = {{ type = \"git\", url = \"https://github.com/acme/one\", reference = \"{COMMIT}\" }}\n\
         skills = [{{ name = \"a\", path = \"skills/a\" }}, {{ name = \"b\", path = \".\" }}]\n\
         [[package]]\nname = \"acme/two\"\ndist = {{ type = \"zip\", url = \"https://x.dev/2\" }}\nskills = [{{ name = \"c\" }}]\n\
         [[package]]\nname = \"acme/three\"\n"
    );
    let read = entries(Tool::Skillcask, &text);
    assert_eq!(read[0], "a https://github.com/acme/one skills/a v1.1.0 3f2c");
    assert_eq!(read[1], "b https://github.com/acme/one . v1.1.0 3f2c");
    assert!(read[2].starts_with("c: ") && read[3].starts_with("acme/three: "), "{read:?}");
}

#[test]
fn what_is_no_lock_of_the_tool_is_refused_as_a_whole() {
    let deep = "[".repeat(100_000);
    let bomb = format!("lockfile_version: '1'\na0: &a0 [x]\n{}", {
        (1..40)
            .map(|at| format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 9].join(",")))
            .collect::<String>()
    });
    let many = "- repo_url: o/r\n".repeat(MAX_ENTRIES + 1);
    for (tool, text) in [
        (Tool::Skills, ""),
        (Tool::Skills, "{\"version\":1,}"),
        (Tool::Skills, r#"{"version":1,"version":1,"skills":{}}"#),
        (Tool::Skills, r#"{"version":9,"skills":{}}"#),
        (Tool::Skills, r#"{"version":1,"skills":[]}"#),
        (Tool::Skills, deep.as_str()),
        (Tool::Dotagents, "version = 1\n[skills"),
        (Tool::Dotagents, "version = 2\n"),
        (Tool::Dotagents, "version = 1\nskills = 1\n"),
        (Tool::Skillcask, r#"{"lockfileVersion": 2, "skills": {}}"#),
        (Tool::Skillcask, "version = 1\n[sources.x]\nkind = \"git\"\n"),
        (Tool::Apm, "lockfile_version: '1'\ndependencies: {a: b}\n"),
        (Tool::Apm, "- a\n"),
        (Tool::Apm, "lockfile_version: '3'\n"),
        (Tool::Apm, "a: [\n"),
        (Tool::Apm, deep.as_str()),
        (Tool::Apm, bomb.as_str()),
        (Tool::Apm, &format!("lockfile_version: '1'\ndependencies:\n{many}")),
    ] {
        let error = read(tool, text.as_bytes(), tool.file()).expect_err(tool.file());
        let whole = format!("{error:?}");
        assert!(error.kind() == Kind::Invalid && whole.contains(tool.file()) && whole.len() < 3000, "{whole}");
    }
    let large = vec![b' '; MAX_BYTES + 1];
    assert!(read(Tool::Apm, &large, "apm.lock.yaml").is_err());
}

#[test]
fn a_lock_is_known_by_its_name() {
    for tool in Tool::ALL {
        assert_eq!(Tool::of_file(&Path::new("/x").join(tool.file())), Some(tool));
        assert!(tool.user_file().is_none_or(|file| Tool::of_file(Path::new(file)) == Some(tool)));
    }
    assert_eq!(Tool::of_file(Path::new("package-lock.json")), None);
}
