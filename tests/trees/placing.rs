//! What is written, where, and with which mode.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Served;
use crate::support::guard::Guarded;
use crate::support::{Repo, Run};

/// C44.
#[test]
fn files_called_like_cpms_own_are_plain_data() {
    let served = Served::new();
    let lie = served.repo.blob("version = 1\n");
    let state = served.repo.tree(&[("100644", b"journal", lie), ("100644", b"receipt-project.json", lie)]);
    let names = [".cpm-ok", "cpm.lock", "cpm.toml", "receipt.json"];
    let mut entries = names.map(|name| ("100644", name.as_bytes(), lie)).to_vec();
    entries.push(("40000", b".cpm", state));
    served.serve(&entries);
    served.accepts();
    for name in names.iter().chain(&[".cpm/journal", ".cpm/receipt-project.json"]) {
        assert_eq!(served.world.read(&format!(".claude/skills/kit/{name}")), "version = 1\n", "{name}");
    }
    assert!(served.world.read("cpm.lock").contains("[[package]]"));
    served.world.accepts(&["verify"]);
    served.world.check_out_anew();
    served.world.accepts(&["install", "--frozen"]);
    served.world.accepts(&["verify"]);
    served.world.accepts(&["remove", "kit"]);
    assert!(!served.world.has(".claude/skills/kit"));
}

/// C45.
#[test]
fn what_is_executable_says_the_tree_and_no_name() {
    let served = Served::new();
    let script = served.repo.blob("#!/bin/sh\n");
    let scripts = served.repo.tree(&[("100755", b"notes.md", script), ("100644", b"x.sh", script)]);
    served.serve(&[("40000", b"scripts", scripts)]);
    served.accepts();
    for (name, executable) in [("SKILL.md", false), ("scripts/notes.md", true), ("scripts/x.sh", false)] {
        let mode = mode_of(&served.world.project().join(".claude/skills/kit").join(name));
        assert_eq!(mode & 0o111 != 0, executable, "{name}: {mode:o}");
    }
}

/// C46.
#[test]
fn nothing_is_written_more_open_than_the_umask_allows_nor_for_others_to_write() {
    for umask in ["000", "077"] {
        let served = Served::new();
        let run = served.repo.blob("#!/bin/sh\n");
        served.serve(&[("100755", b"run", run)]);
        let url = served.repo.url();
        install_with_umask(&served.world, umask, &url, "project");
        install_with_umask(&served.world, umask, &url, "user");
        let server = r#"{"mcpServers":{"srv":{"command":"true"}}}"#;
        let repo = Repo::new(&served.world, "srv", &[(".mcp.json", server)]);
        install_with_umask(&served.world, umask, &repo.url(), "project");
        for root in ["project", "home", "cache"] {
            check_modes(&served.world.path(root), umask);
        }
    }
}

fn install_with_umask(world: &Guarded, umask: &str, url: &str, scope: &str) {
    let script = format!("umask {umask} && exec \"$@\"");
    let mut command = world.command("/bin/sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_cpm"), "install", "--git", url, "--scope", scope]);
    let run = Run::of(command.output().expect("a shell"));
    assert_eq!(run.code, 0, "{run}");
    world.assert_guarded(&run);
}

/// Everything below a folder, which the world made itself, and cpm nearly all that is in it.
fn check_modes(root: &Path, umask: &str) {
    let forbidden = if umask == "077" { 0o077 } else { 0o022 };
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        // The checkout's git was there before.
        if path.ends_with("project/.git") {
            continue;
        }
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
        let mode = mode_of(&path);
        assert!(path == root || mode & forbidden == 0, "umask {umask}: {} has mode {mode:o}", path.display());
    }
}

fn mode_of(path: &Path) -> u32 {
    path.symlink_metadata().expect("metadata").permissions().mode() & 0o7777
}
