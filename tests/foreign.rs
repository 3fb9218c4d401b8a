//! What a shared file has besides its bytes, and what may stand in its place: cpm keeps the first and never trips over
//! the second.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::samples::{Files, KIT, install, json};
use crate::support::{Repo, World, write};

const SERVER: &Files<'_> = &[(".mcp.json", r#"{"mcpServers":{"srv":{"command":"true"}}}"#)];

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

#[test]
fn a_read_only_file_is_respected() {
    for (scope, file) in
        [("project", "project/.mcp.json"), ("user", "home/.claude.json"), ("project", "project/cpm.toml")]
    {
        let world = World::in_git();
        let url = Repo::new(&world, "kit", SERVER).url();
        let file = world.path(file);
        write(&file, if file.ends_with("cpm.toml") { "" } else { "{}" });
        set_mode(&file, 0o444);
        let run = world.fails(40, &["install", "kit", "--git", &url, "--scope", scope]);
        assert!(run.stderr.contains("read-only") && run.stderr.contains(&*file.to_string_lossy()), "{run}");
        set_mode(&file, 0o644);
        world.ok(&["install", "kit", "--git", &url, "--scope", scope]);
        set_mode(&file, 0o444);
        world.fails(40, &["remove", "kit", "--scope", scope]);
    }
}

#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "a skipped test must say so")]
#[test]
fn the_access_list_and_attributes_of_a_file_stay() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    // Version 2; user::rw-, user 12345:rw-, group::r--, mask::rw-, other::---: each a tag, the powers and an id.
    let entries: [(u16, u16, u32); 5] = [(1, 6, !0), (2, 6, 12345), (4, 4, !0), (16, 6, !0), (32, 0, !0)];
    let packed = entries.iter().flat_map(|(tag, powers, id)| {
        tag.to_le_bytes().into_iter().chain(powers.to_le_bytes()).chain(id.to_le_bytes())
    });
    let list: Vec<u8> = 2u32.to_le_bytes().into_iter().chain(packed).collect();
    for (scope, file) in [("project", "project/.mcp.json"), ("user", "home/.claude.json")] {
        let world = World::in_git();
        let url = Repo::new(&world, "kit", SERVER).url();
        let file = world.path(file);
        write(&file, "{\n}");
        let wanted = [("system.posix_acl_access", list.as_slice()), ("user.note", b"mine"), ("user.empty", b"")];
        for (name, value) in wanted {
            if let Err(cause) = setxattr(&file, name, value, XattrFlags::empty()) {
                println!("skipped: {name}: {cause}");
                return;
            }
        }
        let stays = || {
            for (name, value) in wanted {
                let mut found = vec![0; 100];
                let length =
                    getxattr(&file, name, found.as_mut_slice()).unwrap_or_else(|cause| panic!("{name}: {cause}"));
                assert_eq!(&found[..length], value, "{name}");
            }
        };
        world.ok(&["install", "kit", "--git", &url, "--scope", scope]);
        assert_eq!(json(&file)["mcpServers"]["srv"]["command"], "true");
        stays();
        world.ok(&["remove", "kit", "--scope", scope]);
        stays();
        assert_eq!(std::fs::read_to_string(&file).expect("text"), "{\n}");
    }
}

#[test]
fn what_is_no_file_is_named_and_holds_nothing_up() {
    let files = ["cpm.toml", "cpm.lock", ".mcp.json", ".cpm/receipt-project.json", ".claude/settings.json"];
    for file in files {
        for make in ["mkfifo", "mkdir", "socket"] {
            let world = World::in_git();
            let url = install(&world, "tool", &crate::support::samples::TOOL, &[]).url();
            let path = world.project().join(file);
            let _ = std::fs::remove_file(&path);
            let made = match make {
                "socket" => std::os::unix::net::UnixListener::bind(&path).is_ok(),
                _ => Command::new(make).arg(&path).status().expect("it runs").success(),
            };
            assert!(made, "{make} {file}");
            for args in [&["install", "tool", "--placement", "plugin", "--git", &url, "--overwrite"][..], &["verify"]] {
                let run = world.cpm(args);
                let is_read = file != ".claude/settings.json" || args[0] == "install";
                let refused = run.code == 30 && run.stderr.contains(file);
                assert!(refused || !is_read || (args[0] == "install" && run.code == 0), "{make} {file}: {run}");
                assert!(!std::fs::symlink_metadata(&path).expect("still there").is_file());
            }
        }
    }
}

#[test]
fn a_pipe_in_place_of_an_installed_folder_or_file_holds_nothing_up() {
    for (place, wanted) in
        [(".claude/skills/alpha", ".claude/skills/alpha"), (".claude/skills/alpha/SKILL.md", "SKILL.md")]
    {
        let world = World::in_git();
        install(&world, "kit", &KIT, &[]);
        let path = world.project().join(place);
        crate::support::delete(&path);
        assert!(Command::new("mkfifo").arg(&path).status().expect("it runs").success());
        let run = world.cpm(&["install"]);
        assert!(run.code == 30 && run.stderr.contains(wanted), "{run}");
        assert_eq!(world.cpm(&["verify"]).code, 1);
        world.ok(&["install", "--overwrite"]);
        assert!(world.project().join(".claude/skills/alpha/SKILL.md").is_file());
    }
}

#[test]
fn a_relative_link_below_a_linked_configuration_folder_is_written_through() {
    let mut world = World::new();
    // As dotfile managers set it up: ~/.claude is a link, and files in the folder it leads to are links as well.
    let real = world.path("dotfiles/claude");
    write(&world.path("dotfiles/shared/state.json"), "{ \"numStartups\": 1 }\n");
    write(&world.path("dotfiles/shared/cpm.toml"), "# mine\n");
    std::fs::create_dir_all(&real).expect("a folder");
    symlink("../shared/state.json", real.join(".claude.json")).expect("a link");
    symlink("../shared/cpm.toml", real.join("cpm.toml")).expect("a link");
    symlink("../dotfiles/claude", world.home().join(".claude")).expect("a link");
    world.set("CLAUDE_CONFIG_DIR", world.home().join(".claude").display());
    install(&world, "kit", &KIT, &["--scope", "user"]);
    assert_eq!(json(&world.path("dotfiles/shared/state.json"))["mcpServers"]["srv"]["command"], "true");
    let manifest = std::fs::read_to_string(world.path("dotfiles/shared/cpm.toml")).expect("text");
    assert!(manifest.contains("# mine\n") && manifest.contains("kit"), "{manifest}");
    assert!(real.join(".claude.json").is_symlink() && real.join("cpm.toml").is_symlink());
    assert!(world.home().join(".claude").is_symlink() && real.join("skills/alpha/SKILL.md").is_file());
    world.ok(&["remove", "kit", "--scope", "user"]);
    let state = std::fs::read_to_string(world.path("dotfiles/shared/state.json")).expect("text");
    assert_eq!(state, "{ \"numStartups\": 1 }\n");
    assert!(real.join(".claude.json").is_symlink());
}

#[test]
fn a_file_for_another_program_is_not_made_one_of_the_clients() {
    let world = World::in_git();
    let url = Repo::new(&world, "kit", SERVER).url();
    for text in ["{\n  \"inputs\": [],\n  \"servers\": {\"theirs\": {\"command\": \"x\"}}\n}\n", "{\"servers\": {}}"] {
        world.write(".mcp.json", text);
        let run = world.fails(31, &["install", "kit", "--git", &url]);
        let place = if text.contains('\n') { ".mcp.json:3:14" } else { ".mcp.json:1:13" };
        assert!(run.stderr.contains(place) && run.stderr.contains("rename the key"), "{run}");
    }
    world.write(".mcp.json", r#"{"servers": {}, "mcpServers": {}}"#);
    world.ok(&["install", "kit", "--git", &url]);
    assert_eq!(json(&world.project().join(".mcp.json"))["servers"], serde_json::json!({}));
}
