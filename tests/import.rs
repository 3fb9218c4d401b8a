//! `cpm import`: what other tools and Claude Code itself installed becomes cpm's without a byte of it changing.

mod entries;
mod locks;
mod plugins;

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Index, Repo, World, skill, snapshot};

/// A repository with the skills `alpha` and `beta`, tagged v1.0.0, and the same skill `alpha` in the project.
fn installed_alpha() -> (World, Repo) {
    let world = World::in_git();
    let alpha = skill("alpha", "one");
    let repo =
        Repo::new(&world, "kit", &[("skills/alpha/SKILL.md", &alpha), ("skills/beta/SKILL.md", &skill("beta", "one"))]);
    repo.git(&["tag", "v1.0.0"]);
    world.write(".claude/skills/alpha/SKILL.md", &alpha);
    (world, repo)
}

/// The rows of an answer under a key, by name.
fn row(answer: &Value, key: &str, name: &str) -> Value {
    let rows = answer["import"][key].as_array().expect("rows").iter();
    rows.clone().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} in {key} of {answer:#}")).clone()
}

/// The names of the rows under a key.
fn names(answer: &Value, key: &str) -> Vec<String> {
    let rows = answer["import"][key].as_array().expect("rows").iter();
    rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

/// Imports, and holds that nothing but manifest and lock changed, and that an install then changes nothing but the receipt
/// and what was not here.
fn import(world: &World, args: &[&str]) -> Value {
    let files = |root: PathBuf| {
        let mut files = snapshot(&root);
        files.retain(|path, _| !path.ends_with("cpm.toml") && !path.ends_with("cpm.lock"));
        files
    };
    let before = (files(world.project()), files(world.home()));
    let answer = world.ok(&[&["import", "--json"], args].concat()).json();
    assert!((files(world.project()), files(world.home())) == before, "an import changed a file: {answer:#}");
    answer
}

/// Installs, and holds that no file but these changed.
fn install_changes_nothing_but(world: &World, new: &[&str]) {
    let before = snapshot(&world.project());
    let args: &[&str] = if new.is_empty() { &["install", "--frozen"] } else { &["install", "--locked"] };
    world.ok(args);
    let mut after = snapshot(&world.project());
    after.retain(|path, _| !new.iter().any(|new| path.starts_with(world.project().join(new))));
    assert!(after == before, "an install after an import changed a file");
    assert!(world.ok(&["install", "--frozen"]).stdout.contains("Up to date"));
    world.ok(&["verify"]);
}

#[test]
fn an_empty_project_has_nothing_to_import() {
    let world = World::in_git();
    let run = world.ok(&["import"]);
    assert!(run.stdout.contains("Nothing to take over"), "{run}");
    assert!(!world.has("cpm.toml") && !world.has("cpm.lock"));
}

#[test]
fn a_preview_of_an_import_writes_nothing() {
    let (world, repo) = installed_alpha();
    world.write("agents.lock", &locks::dotagents(&repo, "alpha", "skills/alpha"));
    let before = snapshot(&world.project());
    let run = world.ok(&["import", "--dry-run"]);
    assert!(run.stdout.contains("Would write 1 package") && run.stdout.contains("alpha"), "{run}");
    assert!(snapshot(&world.project()) == before && !world.has(".cpm"));
}

#[test]
fn what_the_manifest_says_already_stays_as_it_is() {
    let (world, repo) = installed_alpha();
    let manifest =
        format!("# ours\n[dependencies]\nalpha = {{ git = \"{}\", path = \"skills/alpha\" }} # mine\n", repo.url());
    world.write("cpm.toml", &manifest);
    let lock = locks::dotagents(&repo, "alpha", "skills/alpha");
    world.write(
        "agents.lock",
        &format!("{lock}{}", &locks::dotagents(&repo, "beta", "skills/beta")["version = 1\n".len()..]),
    );
    let answer = import(&world, &[]);
    assert_eq!(names(&answer, "packages"), ["alpha", "beta"], "alpha is locked now, and beta is new");
    assert!(world.read("cpm.toml").starts_with(&manifest), "{}", world.read("cpm.toml"));
    assert_eq!(names(&import(&world, &[]), "packages"), Vec::<String>::new(), "a second import finds nothing new");
    install_changes_nothing_but(&world, &[".claude/skills/beta"]);
}

#[test]
fn another_package_of_the_same_name_in_the_manifest_is_not_replaced() {
    let (world, repo) = installed_alpha();
    world.write("cpm.toml", "[dependencies]\nalpha = { path = \"mine\" }\n");
    world.write("mine/SKILL.md", &skill("alpha", "mine"));
    world.write("agents.lock", &locks::dotagents(&repo, "alpha", "skills/alpha"));
    let answer = import(&world, &[]);
    assert!(names(&answer, "packages").is_empty());
    assert!(row(&answer, "left_out", "alpha")["why"].as_str().expect("why").contains("stays"), "{answer:#}");
    assert_eq!(world.read("cpm.toml"), "[dependencies]\nalpha = { path = \"mine\" }\n");
}

#[test]
fn two_locks_that_name_the_same_are_one() {
    let (world, repo) = installed_alpha();
    world.write("agents.lock", &locks::dotagents(&repo, "alpha", "skills/alpha"));
    world.write("other/agents.lock", &locks::dotagents(&repo, "alpha", "skills/beta"));
    let [_, (file, lock), ..] = locks::locks_of_alpha(&repo);
    world.write(file, &lock);
    let answer = import(&world, &[]);
    assert_eq!((names(&answer, "packages"), names(&answer, "left_out").len()), (vec!["alpha".to_owned()], 0));
    let answer = import(&world, &["--from", "other/agents.lock"]);
    assert_eq!((names(&answer, "packages").len(), names(&answer, "left_out")), (0, vec!["alpha".to_owned()]));
}

#[test]
fn of_packages_that_do_not_fit_together_the_first_are_taken_over() {
    let world = World::in_git();
    let index = Index::added(&world, "acme");
    index.release("core", "1.0.0", &[]);
    index.release("core", "2.0.0", &[]);
    for (name, core) in [("app", "1"), ("lib", "2"), ("tool", "1")] {
        index.release(name, "1.0.0", &[("core", core)]);
        world.write(&format!(".claude/skills/{name}/SKILL.md"), &skill(name, "1.0.0"));
    }
    let answer = import(&world, &[]);
    assert_eq!(
        (names(&answer, "packages"), names(&answer, "left_out")),
        (["app", "core", "tool"].map(str::to_owned).to_vec(), vec!["lib".to_owned()],)
    );
    assert!(row(&answer, "left_out", "lib")["why"].to_string().contains("core"), "{answer:#}");
    install_changes_nothing_but(&world, &[".claude/skills/core"]);
}

#[test]
fn an_import_can_be_taken_back() {
    let (world, repo) = installed_alpha();
    world.write("agents.lock", &locks::dotagents(&repo, "alpha", "skills/alpha"));
    let before = snapshot(&world.project());
    import(&world, &[]);
    world.ok(&["undo"]);
    assert!(snapshot(&world.project()) == before);
}
