//! `[mirrors]` of the user's configuration: who is asked, what is written down, and whom nobody can send elsewhere.

use crate::support::http::Server;
use crate::support::{Index, Repo, World, skill, write};

const CONFIG: &str = ".config/cpm/config.toml";

/// A world with an upstream host that has nothing, and repositories in `repos` to be its mirror.
fn world() -> (World, Server) {
    let world = World::in_git();
    let upstream = Server::start(&world.path("upstream"));
    (world, upstream)
}

/// The address of the folder of mirrored repositories.
fn repos(world: &World) -> String {
    format!("file://{}", world.path("repos").display())
}

/// Writes the user's mirrors.
fn configure(world: &World, mirrors: &[(&str, &str)]) {
    let lines: String = mirrors.iter().map(|(from, to)| format!("\"{from}\" = \"{to}\"\n")).collect();
    write(&world.home().join(CONFIG), format!("[mirrors]\n{lines}"));
}

fn kit(world: &World, name: &str, body: &str) -> Repo {
    Repo::new(world, name, &[("SKILL.md", &skill("kit", body))])
}

#[test]
fn packages_and_indexes_come_from_the_mirror_under_their_own_address() {
    let (world, upstream) = world();
    kit(&world, "kit", "one");
    Index::new(&world, "acme").release("tool", "1.0.0", &[]);
    configure(&world, &[(&upstream.url(""), &(repos(&world) + "/"))]);
    let mut said = String::new();
    for args in [
        &["index", "add", "acme", &upstream.url("acme")][..],
        &["install", "kit", "--git", &upstream.url("kit")],
        &["install", "tool", "--json"],
        &["update"],
        &["list"],
        &["index", "list"],
    ] {
        said += &world.ok(args).to_string();
    }
    for text in [&world.read("cpm.toml"), &world.read("cpm.lock"), &said] {
        assert!(text.contains(&upstream.url("kit")) && text.contains(&upstream.url("acme")), "{text}");
        assert!(!text.contains(&repos(&world)), "{text}");
    }
    assert_eq!(upstream.requests(), 0);
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install", "--locked"]);
    assert!(world.has(".claude/skills/kit/SKILL.md") && world.has(".claude/skills/tool/SKILL.md"));
    assert_eq!(upstream.requests(), 0);
}

#[test]
fn the_longest_beginning_wins_and_ends_at_a_slash() {
    let (world, upstream) = world();
    kit(&world, "kit", "one");
    let (all, ours, elsewhere) =
        (upstream.url(""), upstream.url("acme/"), format!("file://{}/", world.path("no").display()));
    configure(&world, &[(&all, &elsewhere), (&ours, &repos(&world)), (&upstream.url("acme/ki"), &elsewhere)]);
    world.ok(&["install", "--git", &upstream.url("acme/kit")]);
    configure(&world, &[(&upstream.url("acme"), &repos(&world))]);
    world.fails(14, &["install", "other", "--git", &upstream.url("acme-corp/kit")]);
    assert!(upstream.requests() > 0, "it has no mirror, so it is asked itself");
}

#[test]
fn a_mirror_with_other_bytes_is_found_out() {
    let (world, upstream) = world();
    let index = Index::new(&world, "acme");
    index.release("tool", "1.0.0", &[]);
    index.repo.commit(&[("content/tool/1.0.0/SKILL.md", &skill("tool", "evil"))]);
    configure(&world, &[(&upstream.url(""), &repos(&world))]);
    world.ok(&["index", "add", "acme", &upstream.url("acme")]);
    let run = world.fails(20, &["install", "tool"]);
    assert!(run.stderr.contains(&upstream.url("acme")) && run.stderr.contains(&(repos(&world) + "/acme")), "{run}");
    assert!(!world.has(".claude"));
}

#[test]
fn a_mirror_without_the_locked_commit_gives_no_other() {
    let (world, upstream) = world();
    let repo = kit(&world, "kit", "one");
    configure(&world, &[(&upstream.url(""), &repos(&world))]);
    world.ok(&["install", "--git", &upstream.url("kit")]);
    let commit = repo.head();
    repo.delete();
    kit(&world, "kit", "evil");
    world.check_out_anew();
    world.empty_cache();
    let run = world.fails(14, &["install", "--locked"]);
    for part in [&commit, &upstream.url("kit"), &(repos(&world) + "/kit")] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
    assert!(!world.has(".claude"));
}

#[test]
fn a_failure_names_the_address_and_the_mirror() {
    let (world, upstream) = world();
    configure(&world, &[(&upstream.url(""), &repos(&world))]);
    let run = world.fails(14, &["install", "kit", "--git", &upstream.url("kit"), "--json"]);
    let error = &run.json()["error"];
    assert_eq!(error["place"], upstream.url("kit"), "{run}");
    let causes = error["causes"].as_array().expect("causes");
    let mirror = repos(&world) + "/kit";
    assert!(causes.iter().any(|cause| cause.as_str().is_some_and(|cause| cause.ends_with(&mirror))), "{run}");
}

#[test]
fn a_mistake_in_the_configuration_names_file_and_line() {
    let (world, upstream) = world();
    let url = upstream.url("kit");
    for (code, line, text) in [
        (10, 1, "[mirror]\n"),
        (10, 2, "[mirrors]\n\"https://a.example/\" = 1\n"),
        (10, 3, "\n[mirrors]\n\"https://a.example/\" = \"https://me:s3cret@b.example/\"\n"),
        (10, 2, "[mirrors]\n\"a.example\" = \"https://b.example/\"\n"),
        (10, 2, "[mirrors]\n\"https://a.example\" = \"--upload-pack=x\"\n"),
        (21, 2, "[mirrors]\n\"https://a.example\" = \"http://b.example\"\n"),
    ] {
        write(&world.home().join(CONFIG), text);
        let run = world.fails(code, &["install", "kit", "--git", &url]);
        let file = world.home().join(CONFIG).display().to_string();
        assert!(run.stderr.contains(&file) && run.stderr.contains(&format!("line {line}")), "{run}");
        assert!(run.stderr.contains("help: ") && !run.stderr.contains("s3cret"), "{run}");
    }
    assert_eq!(upstream.requests(), 0, "nobody is asked by mistake");
    world.ok(&["install", "safe-git", "--offline"]);
}

#[test]
fn a_project_cannot_send_anybody_elsewhere() {
    let (world, upstream) = world();
    kit(&world, "kit", "one");
    let mirrors = format!("[mirrors]\n\"{}\" = \"{}\"\n", upstream.url(""), repos(&world));
    for file in [CONFIG, "config.toml", ".cpm/config.toml", "cpm/config.toml", ".claude/config.toml"] {
        world.write(file, &mirrors);
    }
    world.fails(14, &["install", "kit", "--git", &upstream.url("kit")]);
    assert!(upstream.requests() > 0, "the address itself is asked");
    world.write("cpm.toml", &mirrors);
    let run = world.fails(10, &["install"]);
    assert!(run.stderr.contains("mirrors") && run.stderr.contains("cpm.toml"), "{run}");
}

#[test]
fn the_configuration_may_be_elsewhere() {
    let (mut world, upstream) = world();
    kit(&world, "kit", "one");
    configure(&world, &[(&upstream.url(""), &repos(&world))]);
    let moved = world.path("mine/cpm/config.toml");
    write(&moved, std::fs::read(world.home().join(CONFIG)).expect("a file"));
    crate::support::delete(&world.home().join(".config"));
    world.fails(14, &["install", "kit", "--git", &upstream.url("kit")]);
    world.set("XDG_CONFIG_HOME", world.path("mine").display());
    world.ok(&["install", "kit", "--git", &upstream.url("kit")]);
    world.set("CPM_CONFIG", world.path("none.toml").display());
    world.empty_cache();
    world.fails(14, &["update"]);
    world.set("CPM_CONFIG", moved.display());
    world.ok(&["update"]);
}
