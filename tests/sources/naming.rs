//! What a package from a repository is called, and how an address is written down.

use crate::support::{Repo, World, skill};

const KIT: &str = r#"{"name":"kit","version":"1.2.0"}"#;

/// A repository whose folder `folder` is the plugin `kit`.
fn plugin(world: &World, folder: &str) -> Repo {
    let (manifest, command) = (format!("{folder}.claude-plugin/plugin.json"), format!("{folder}commands/go.md"));
    Repo::new(world, "tools", &[(&manifest, KIT), (&command, "go\n")])
}

#[test]
fn the_name_in_plugin_json_comes_first() {
    let world = World::in_git();
    let repo = plugin(&world, "plugins/other/");
    world.ok(&["install", "--git", &repo.url(), "--path", "plugins/other"]);
    assert!(world.has(".claude/skills/kit/commands/go.md"));
    assert_eq!(world.dependency("kit")["path"], "plugins/other");
    assert_eq!(world.locked("kit")["version"], "1.2.0");
}

#[test]
fn without_plugin_json_the_folder_gives_the_name() {
    let world = World::in_git();
    let repo = Repo::new(&world, "tools", &[("skills/Report-Maker/SKILL.md", &skill("anything", "x"))]);
    world.ok(&["install", "--git", &repo.url(), "--path", "./skills/Report-Maker/"]);
    assert!(world.has(".claude/skills/report-maker/SKILL.md"));
    assert_eq!(world.dependency("report-maker")["path"], "skills/Report-Maker");
}

#[test]
fn a_whole_repository_is_called_as_the_repository() {
    let world = World::in_git();
    let repo = Repo::new(&world, "solo.git", &[("SKILL.md", &skill("anything", "x"))]);
    for path in [&[][..], &["--path", "."], &["--path", "./"]] {
        world.ok(&[&["install", "--git", &repo.url()], path].concat());
        assert!(world.has(".claude/skills/solo/SKILL.md"));
        assert_eq!(world.dependency("solo")["path"], serde_json::Value::Null);
        assert_eq!(world.locked("solo")["source"], format!("git+{}", repo.url()));
    }
}

#[test]
fn a_name_on_the_command_line_rules() {
    let world = World::in_git();
    let repo = plugin(&world, "");
    world.ok(&["install", "mine", "--git", &repo.url()]);
    assert!(world.has(".claude/skills/mine/commands/go.md"));
    assert_eq!(world.dependency("mine")["git"], repo.url());
    assert_eq!(world.locked("mine")["version"], "1.2.0");
    world.ok(&["remove", "mine"]);
    assert!(!world.has(".claude/skills/mine"));
}

#[test]
fn a_folder_that_cannot_be_a_name_asks_for_one() {
    let world = World::in_git();
    let repo = Repo::new(&world, "tools", &[("skills/été_1/SKILL.md", &skill("x", "x"))]);
    let run = world.fails(2, &["install", "--git", &repo.url(), "--path", "skills/été_1"]);
    assert!(run.stderr.contains("cpm install NAME"), "{run}");
    world.ok(&["install", "summer", "--git", &repo.url(), "--path", "skills/été_1"]);
    assert!(world.has(".claude/skills/summer/SKILL.md"));
    assert!(world.read("cpm.lock").contains("?path=skills/été_1\""));
    world.check_out_anew();
    world.ok(&["install", "--frozen"]);
    assert!(world.has(".claude/skills/summer/SKILL.md"));
}

#[test]
fn a_repository_of_many_packages_says_which_folders_there_are() {
    let world = World::in_git();
    let files = [("a/SKILL.md", &*skill("a", "x")), ("b/SKILL.md", &*skill("b", "x"))];
    let repo = Repo::new(&world, "many", &files);
    let run = world.fails(10, &["install", "--git", &repo.url()]);
    assert!(run.stderr.contains("--path") && run.stderr.contains("a, b"), "{run}");
    let market = Repo::marketplace(&world, "market", r#"{"name":"a","source":"./a"}"#, &files);
    let run = world.fails(10, &["install", "--git", &market.url()]);
    assert!(run.stderr.contains("cpm index add"), "{run}");
}

#[test]
fn an_owner_and_a_repository_mean_github_through_the_users_own_git_configuration() {
    let world = World::in_git();
    let repo = Repo::new(&world, "acme/solo", &[("SKILL.md", &skill("solo", "x"))]);
    let here = format!("file://{}/", world.path("repos").display());
    world.instead_of("https://github.com/", &here);
    world.ok(&["install", "--git", "acme/solo"]);
    assert!(world.has(".claude/skills/solo/SKILL.md"));
    assert_eq!(world.dependency("solo")["git"], "https://github.com/acme/solo");
    let locked = world.locked("solo");
    assert_eq!(locked["source"], "git+https://github.com/acme/solo");
    assert_eq!(locked["commit"], repo.head());
    assert!(!world.read("cpm.lock").contains("file:") && !world.read("cpm.toml").contains("file:"));
}

#[test]
fn spellings_of_one_github_repository_are_the_same_dependency() {
    let world = World::in_git();
    let repo = Repo::new(&world, "acme/solo", &[("SKILL.md", &skill("solo", "x"))]);
    world.instead_of("https://github.com/", &format!("file://{}/", world.path("repos").display()));
    world.ok(&["install", "--git", "acme/solo"]);
    let (manifest, lock) = (world.read("cpm.toml"), world.read("cpm.lock"));
    repo.commit(&[("SKILL.md", &skill("solo", "y"))]);
    for spelling in
        ["https://github.com/acme/solo.git", "https://GitHub.com:443/acme/solo/", "git+https://github.com/acme/solo"]
    {
        world.ok(&["install", "solo", "--git", spelling]);
        assert_eq!((world.read("cpm.toml"), world.read("cpm.lock")), (manifest.clone(), lock.clone()), "{spelling}");
    }
}

#[test]
fn a_repository_typed_as_a_package_is_answered_with_the_right_command() {
    let world = World::in_git();
    let run = world.fails(10, &["install", "acme/solo"]);
    assert!(run.stderr.contains("cpm install --git acme/solo"), "{run}");
}
