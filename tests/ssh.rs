//! Repositories over ssh: a stand-in for `ssh` runs the remote command on this machine, as a server would.

use crate::support::{Repo, World, skill, write};

/// A world in which `ssh` reaches this machine, whatever the host.
#[cfg(unix)]
fn with_ssh() -> World {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = World::in_git();
    let program = world.path("bin/ssh");
    write(&program, "#!/bin/sh\necho \"$@\" >> \"$HOME/ssh.log\"\nfor last; do :; done\nexec sh -c \"$last\"\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    world.set("GIT_SSH_COMMAND", program.display());
    world
}

#[cfg(unix)]
#[test]
fn a_repository_over_ssh_is_fetched_and_locked_by_its_canonical_address() {
    let world = with_ssh();
    let repo = Repo::new(&world, "tidy", &[("SKILL.md", &skill("tidy", "Tidy up."))]);
    let url = format!("git@git.example.com:{}", repo.dir().display());
    world.ok(&["install", "--git", &url]);
    assert!(world.read(".claude/skills/tidy/SKILL.md").contains("Tidy up."));
    let canonical = format!("ssh://git@git.example.com{}", repo.dir().display());
    assert!(world.read("cpm.lock").contains(&format!("source = \"git+{canonical}\"\n")), "{}", world.read("cpm.lock"));
    let log = std::fs::read_to_string(world.home().join("ssh.log")).expect("ssh was called");
    assert!(log.contains("git@git.example.com") && log.contains("BatchMode=yes"), "no prompt can hang a run: {log}");
}

#[cfg(unix)]
#[test]
fn a_mirror_over_ssh_cannot_ask_anything_either() {
    let world = with_ssh();
    let repo = Repo::new(&world, "tidy", &[("SKILL.md", &skill("tidy", "Tidy up."))]);
    let folder = repo.dir().parent().expect("a folder").display();
    let mirrors = format!("[mirrors]\n\"http://127.0.0.1:1/\" = \"git@git.example.com:{folder}/\"\n");
    write(&world.home().join(".config/cpm/config.toml"), mirrors);
    world.ok(&["install", "--git", "http://127.0.0.1:1/tidy"]);
    let log = std::fs::read_to_string(world.home().join("ssh.log")).expect("ssh was called");
    assert!(log.contains("git@git.example.com") && log.contains("BatchMode=yes"), "{log}");
}

#[cfg(unix)]
#[test]
fn a_host_that_is_an_option_never_reaches_ssh() {
    let world = with_ssh();
    for url in ["ssh://-oProxyCommand=touch/x", "-oProxyCommand=x:y", "ssh://git@-oProxyCommand=x/y"] {
        world.fails(10, &["install", &format!("--git={url}")]);
    }
    assert!(!world.home().join("ssh.log").exists());
}
