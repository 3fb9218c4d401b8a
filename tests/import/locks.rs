//! Locks of other tools: a commit that the lock names, bytes that differ, and files that are no locks.

use serde_json::json;

use super::{import, install_changes_nothing_but, installed_alpha, names, row};
use crate::support::http::Server;
use crate::support::{Repo, World, skill};

/// An `agents.lock` with one skill at the head of a repository.
pub fn dotagents(repo: &Repo, name: &str, path: &str) -> String {
    let (url, commit) = (repo.url(), repo.head());
    format!(
        "version = 1\n\n[skills.{name}]\nsource = \"git:{url}\"\nresolved_url = \"{url}\"\nresolved_path = \"{path}\"\n\
         resolved_commit = \"{commit}\"\n"
    )
}

fn skills_lock(entries: &serde_json::Value) -> String {
    json!({ "version": 1, "skills": entries }).to_string()
}

fn apm(repo: &Repo, more: &str) -> String {
    let (url, commit) = (repo.url(), repo.head());
    format!(
        "lockfile_version: '1'\napm_version: 0.35.0\ndependencies:\n- repo_url: {url}\n  resolved_commit: {commit}\n\
         \x20 resolved_ref: v1.0.0\n{more}deployments: []\n"
    )
}

/// The lock of each tool with the skill `alpha` of a repository that is tagged v1.0.0.
pub fn locks_of_alpha(repo: &Repo) -> [(&'static str, String); 4] {
    let (url, commit) = (repo.url(), repo.head());
    let skills = json!({"alpha": {
        "source": url, "ref": "v1.0.0", "sourceType": "git", "skillPath": "skills/alpha/SKILL.md",
        "computedHash": "0".repeat(64),
    }});
    let skillcask = format!(
        "version = 1\n\n[[package]]\nname = \"acme/kit\"\nconstraint = \"^1.0\"\nversion = \"v1.0.0\"\n\
         dist = {{ type = \"git\", url = \"{url}\", reference = \"{commit}\" }}\ndist-sha256 = \"00\"\n\
         skills = [ {{ name = \"alpha\", path = \"skills/alpha\", tree-sha256 = \"00\" }} ]\n",
    );
    let apm = apm(repo, "  virtual_path: skills/alpha\n  is_virtual: true\n  package_type: claude_skill\n");
    [
        ("agents.lock", dotagents(repo, "alpha", "skills/alpha")),
        ("skills-lock.json", skills_lock(&skills)),
        ("apm.lock.yaml", apm),
        ("skills.lock", skillcask),
    ]
}

#[test]
fn a_skill_of_each_lock_is_taken_over_at_its_commit_without_a_byte_changing() {
    for at in 0..4 {
        let (world, repo) = installed_alpha();
        let commit = repo.head();
        let (file, lock) = &locks_of_alpha(&repo)[at];
        world.write(file, lock);
        // What is there now is no longer what was installed; only a lock that names a branch would be led astray.
        repo.commit(&[("skills/alpha/SKILL.md", &skill("alpha", "two"))]);
        let answer = import(&world, &[]);
        let taken = row(&answer, "packages", "alpha");
        assert_eq!((&taken["files"], &taken["found"]), (&json!("here"), &json!(*file)), "{answer:#}");
        assert!(answer["import"]["left_out"].as_array().expect("a list").is_empty(), "{answer:#}");
        assert_eq!(world.locked("alpha")["commit"], commit.as_str(), "{file}");
        let dependency = world.dependency("alpha");
        assert_eq!((&dependency["git"], &dependency["path"]), (&json!(repo.url()), &json!("skills/alpha")), "{file}");
        let tag = if *file == "agents.lock" { json!(null) } else { json!("v1.0.0") };
        assert_eq!(dependency["tag"], tag, "{file}");
        install_changes_nothing_but(&world, &[]);
    }
}

#[test]
fn a_skill_that_was_edited_is_not_taken_over_and_its_file_is_named() {
    let (world, repo) = installed_alpha();
    world.write(".claude/skills/alpha/SKILL.md", &skill("alpha", "mine"));
    world.write("agents.lock", &dotagents(&repo, "alpha", "skills/alpha"));
    let answer = import(&world, &[]);
    let left = row(&answer, "left_out", "alpha");
    assert!(left["why"].as_str().expect("why").contains("SKILL.md"), "{left:#}");
    assert!(left["fix"].as_str().expect("a fix").contains("cpm install alpha --git"), "{left:#}");
    assert!(!world.has("cpm.toml") && !world.has("cpm.lock"));
}

#[test]
fn a_lock_without_commits_is_held_against_what_is_there_now() {
    let (world, repo) = installed_alpha();
    let entry = |path: Option<&str>| {
        let mut entry = json!({"source": repo.url(), "sourceType": "git"});
        if let Some(path) = path {
            entry["skillPath"] = path.into();
        }
        skills_lock(&json!({ "alpha": entry }))
    };
    // The folder is found where skills usually are.
    world.write("skills-lock.json", &entry(None));
    assert_eq!(names(&import(&world, &["--dry-run"]), "packages"), ["alpha"]);
    repo.commit(&[("skills/alpha/SKILL.md", &skill("alpha", "two"))]);
    for path in [None, Some("skills/alpha/SKILL.md")] {
        world.write("skills-lock.json", &entry(path));
        let answer = import(&world, &["--dry-run"]);
        let left = row(&answer, "left_out", "alpha");
        assert!(left["why"].as_str().expect("why").contains("names no commit"), "{left:#}");
    }
    world.write("skills-lock.json", &entry(Some("elsewhere/alpha/SKILL.md")));
    assert_eq!(names(&import(&world, &["--dry-run"]), "left_out"), ["alpha"]);
}

#[test]
fn what_a_lock_names_and_is_not_here_comes_with_the_next_install() {
    let (world, repo) = installed_alpha();
    let lock = dotagents(&repo, "beta", "skills/beta");
    world.write("agents.lock", &lock);
    let answer = import(&world, &[]);
    assert_eq!(row(&answer, "packages", "beta")["files"], "absent");
    assert_eq!(names(&answer, "left_out"), ["alpha"], "nobody names it");
    install_changes_nothing_but(&world, &[".claude/skills/beta"]);
    assert_eq!(world.read(".claude/skills/beta/SKILL.md"), skill("beta", "one"));
}

#[test]
fn a_link_to_the_folder_of_another_tool_is_named() {
    let (world, repo) = installed_alpha();
    std::fs::create_dir_all(world.project().join(".agents/skills")).expect("a folder");
    std::fs::rename(world.project().join(".claude/skills/alpha"), world.project().join(".agents/skills/alpha"))
        .expect("moved");
    std::os::unix::fs::symlink("../../.agents/skills/alpha", world.project().join(".claude/skills/alpha"))
        .expect("a link");
    world.write("agents.lock", &dotagents(&repo, "alpha", "skills/alpha"));
    let answer = import(&world, &[]);
    let left = row(&answer, "left_out", "alpha");
    assert!(left["why"].as_str().expect("why").contains("is a link"), "{left:#}");
    assert_eq!(names(&answer, "left_out").len(), 1, "it is told once");
}

#[test]
fn a_skills_folder_that_is_a_link_within_the_project_is_no_obstacle() {
    let (world, repo) = installed_alpha();
    let (ours, theirs) = (world.project().join(".claude/skills"), world.project().join(".agents/skills"));
    std::fs::create_dir_all(world.project().join(".agents")).expect("a folder");
    std::fs::rename(&ours, &theirs).expect("moved");
    std::os::unix::fs::symlink("../.agents/skills", &ours).expect("a link");
    world.write("agents.lock", &dotagents(&repo, "alpha", "skills/alpha"));
    let answer = import(&world, &[]);
    assert_eq!(row(&answer, "packages", "alpha")["files"], "here");
    install_changes_nothing_but(&world, &[]);
    assert!(ours.is_symlink());
}

#[test]
fn a_package_that_apm_spread_elsewhere_is_not_taken_over() {
    let world = World::in_git();
    let files = [
        (".claude-plugin/plugin.json", r#"{"name":"kit","version":"1.0.0"}"#),
        ("agents/helper.md", "---\nname: helper\ndescription: Helps.\n---\nhelp\n"),
    ];
    let repo = Repo::new(&world, "kit", &files);
    repo.git(&["tag", "v1.0.0"]);
    world.write(".claude/agents/helper.md", files[1].1);
    world.write("apm.lock.yaml", &apm(&repo, "  deployed_files:\n  - .claude/agents/helper.md\n"));
    let answer = import(&world, &[]);
    let left = row(&answer, "left_out", "kit");
    assert!(left["why"].as_str().expect("why").contains(".claude/agents/helper.md"), "{left:#}");
    assert!(!world.has("cpm.toml"));
}

#[test]
fn one_bad_lock_or_entry_spoils_no_other() {
    let (world, repo) = installed_alpha();
    world.write("agents.lock", &dotagents(&repo, "alpha", "skills/alpha"));
    world.write("skills-lock.json", "{ // mine\n");
    world.write("apm.lock.yaml", "lockfile_version: '9'\n");
    world.write("skills.lock", "{\"lockfileVersion\": 2, \"skills\": {}}");
    let answer = import(&world, &["--dry-run"]);
    assert_eq!(names(&answer, "packages"), ["alpha"]);
    assert_eq!(names(&answer, "left_out"), ["skills-lock.json", "apm.lock.yaml", "skills.lock"]);
    world.write(
        "apm.lock.yaml",
        "lockfile_version: '1'\ndependencies:\n- 1\n- repo_url: 'https://u:s3cret@h.dev/x'\n- repo_url: ../../x\n",
    );
    world.write(
        "skills-lock.json",
        r#"{"version":1,"skills":{"../x":{"source":"o/r"},"we\u001b[31mb":{"source":"x","sourceType":"well-known"}}}"#,
    );
    let run = world.ok(&["import", "--dry-run"]);
    assert!(run.stdout.contains("Would write 1 package"), "{run}");
    assert!(!run.stdout.contains('\u{1b}') && !run.to_string().contains("s3cret"), "{run}");
    assert!(run.stdout.contains("\u{27e6}U+001B\u{27e7}"), "what a terminal would obey is drawn: {run}");
}

#[test]
fn a_host_that_is_away_spoils_only_its_own_entries() {
    let (world, repo) = installed_alpha();
    let gone = Server::start(&world.path("repos")).url("nowhere");
    let mine = dotagents(&repo, "alpha", "skills/alpha");
    let theirs =
        format!("\n[skills.beta]\nsource = \"git:{gone}\"\nresolved_url = \"{gone}\"\nresolved_path = \"b\"\n");
    world.write("agents.lock", &format!("{mine}{theirs}"));
    let answer = import(&world, &[]);
    assert_eq!(
        (names(&answer, "packages"), names(&answer, "left_out")),
        (vec!["alpha".to_owned()], vec!["beta".to_owned()])
    );
    install_changes_nothing_but(&world, &[]);
}

#[test]
fn a_tag_that_was_moved_is_not_asked_for_again() {
    let (world, repo) = installed_alpha();
    let commit = repo.head();
    world.write("apm.lock.yaml", &apm(&repo, "  virtual_path: skills/alpha\n"));
    repo.commit(&[("skills/alpha/SKILL.md", &skill("alpha", "evil"))]);
    repo.git(&["tag", "-f", "v1.0.0"]);
    import(&world, &[]);
    assert_eq!(world.dependency("alpha")["rev"], commit.as_str());
    install_changes_nothing_but(&world, &[]);
}

#[test]
fn one_lock_can_be_imported_from_anywhere() {
    let (world, repo) = installed_alpha();
    world.write("agents.lock", &dotagents(&repo, "beta", "skills/beta"));
    world.write("old/agents.lock", &dotagents(&repo, "alpha", "skills/alpha"));
    let answer = import(&world, &["--from", "old/agents.lock"]);
    assert_eq!((names(&answer, "packages"), names(&answer, "left_out").len()), (vec!["alpha".to_owned()], 0));
    world.fails(14, &["import", "--from", "none/agents.lock"]);
    world.fails(2, &["import", "--from", "cpm.toml"]);
    world.write("old/agents.lock", "version = 1\n[skills");
    world.fails(10, &["import", "--from", "old/agents.lock"]);
}

#[test]
fn the_locks_of_a_user_are_those_in_the_home_directory() {
    let (world, repo) = installed_alpha();
    let home = world.home();
    crate::support::write(&home.join(".agents/agents.lock"), dotagents(&repo, "beta", "skills/beta"));
    let lock = json!({ "version": 3, "skills": {"alpha": {
        "source": "acme/kit", "sourceType": "git", "sourceUrl": repo.url(), "skillPath": "skills/alpha/SKILL.md",
    }}});
    crate::support::write(&home.join(".agents/.skill-lock.json"), lock.to_string());
    crate::support::write(&home.join(".claude/skills/alpha/SKILL.md"), skill("alpha", "one"));
    let answer = import(&world, &["--scope", "user"]);
    assert_eq!(names(&answer, "packages"), ["alpha", "beta"]);
    assert_eq!(row(&answer, "packages", "alpha")["files"], "here");
    assert!(home.join(".claude/cpm.toml").exists() && !world.has("cpm.toml"));
    world.ok(&["install", "--scope", "user"]);
    assert!(home.join(".claude/skills/beta/SKILL.md").exists());
}
