//! Ways to a repository that the user has set up for git, and what is refused without asking anybody.

use std::path::PathBuf;

use crate::support::http::{Fault, Rule, Server};
use crate::support::{Repo, World, skill, write};

/// What `git:s3cret` is as a header.
const BASIC: &str = "Basic Z2l0OnMzY3JldA==";

/// A skill behind a server.
fn served(world: &World) -> Server {
    Repo::new(world, "tool", &[("SKILL.md", &skill("tool", "one"))]);
    Server::start(&world.path("repos"))
}

fn installs(world: &World, url: &str) {
    world.ok(&["install", "--git", url]);
    assert_eq!(world.read(".claude/skills/tool/SKILL.md"), skill("tool", "one"));
    for file in ["cpm.toml", "cpm.lock"] {
        assert!(!world.read(file).contains("s3cret"), "{}", world.read(file));
    }
}

/// Adds to the user's own git configuration.
fn configure(world: &World, text: &str) {
    let file = world.home().join(".gitconfig");
    let old = std::fs::read_to_string(&file).unwrap_or_default();
    write(&file, old + text);
}

/// A program that notes that it ran, then prints; and the place of the note.
#[cfg(unix)]
fn program(world: &World, name: &str, prints: &str) -> (PathBuf, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (file, note) = (world.path("bin").join(name), world.path("ran").join(name));
    std::fs::create_dir_all(world.path("ran")).expect("a folder");
    write(&file, format!("#!/bin/sh\ntouch '{}'\nprintf '{prints}'\n", note.display()));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
    (file, note)
}

#[cfg(unix)]
#[test]
fn without_credentials_a_private_repository_fails_and_nobody_is_asked() {
    let mut world = World::in_git();
    let server = served(&world);
    server.require("authorization", BASIC);
    let (askpass, asked) = program(&world, "askpass", "s3cret");
    configure(&world, &format!("[core]\n\taskPass = {}\n", askpass.display()));
    for variable in ["GIT_ASKPASS", "SSH_ASKPASS"] {
        world.set(variable, askpass.display());
    }
    world.set("DISPLAY", ":0");
    let run = world.fails(13, &["install", "--git", &server.url("tool")]);
    assert!(run.stderr.contains("refused access") && run.stderr.contains("credential"), "{run}");
    assert!(!asked.exists(), "askpass ran");
    assert_eq!(server.requests(), 1, "a refusal is final");
}

#[cfg(unix)]
#[test]
fn a_credential_helper_of_the_user_opens_a_private_repository() {
    let world = World::in_git();
    let server = served(&world);
    server.require("authorization", BASIC);
    let (helper, asked) = program(&world, "helper", "username=git\\npassword=s3cret\\n");
    configure(&world, &format!("[credential \"{}\"]\n\thelper = {}\n", server.origin(), helper.display()));
    installs(&world, &server.url("tool"));
    assert!(asked.exists());
}

#[cfg(unix)]
#[test]
fn a_wrong_password_is_refused_once_and_not_shown() {
    let world = World::in_git();
    let server = served(&world);
    server.require("authorization", "Basic something-else");
    let (helper, _) = program(&world, "helper", "username=git\\npassword=s3cret\\n");
    configure(&world, &format!("[credential]\n\thelper = {}\n", helper.display()));
    let run = world.fails(13, &["install", "--git", &server.url("tool"), "-v"]);
    assert!(!run.stderr.contains("s3cret") && !run.stdout.contains("s3cret"), "{run}");
    assert!(server.requests() <= 2, "{} requests", server.requests());
}

#[test]
fn a_header_that_the_user_set_for_one_host_goes_there_and_nowhere_else() {
    let world = World::in_git();
    let private = served(&world);
    private.require("authorization", BASIC);
    let other = Server::start(&world.path("repos"));
    configure(&world, &format!("[http \"{}\"]\n\textraHeader = Authorization: {BASIC}\n", private.origin()));
    installs(&world, &private.url("tool"));
    world.ok(&["install", "copy", "--git", &other.url("tool")]);
    assert!(other.requests() > 0);
    for exchange in other.log() {
        assert_eq!(exchange.message.header("authorization"), "", "{:?}", exchange.message);
    }
}

#[cfg(unix)]
#[test]
fn a_password_for_one_host_is_not_sent_to_another() {
    let world = World::in_git();
    let private = served(&world);
    private.require("authorization", BASIC);
    let other = Server::start(&world.path("repos"));
    other.require("authorization", "Basic another");
    let (helper, asked) = program(&world, "helper", "username=git\\npassword=s3cret\\n");
    configure(&world, &format!("[credential \"{}\"]\n\thelper = {}\n", private.origin(), helper.display()));
    installs(&world, &private.url("tool"));
    crate::support::delete(&asked);
    world.fails(13, &["install", "copy", "--git", &other.url("tool")]);
    assert!(!asked.exists(), "the helper is for the other host");
    for exchange in other.log() {
        assert_eq!(exchange.message.header("authorization"), "", "{:?}", exchange.message);
    }
}

#[test]
fn an_address_that_the_user_leads_elsewhere_is_fetched_there_and_locked_as_it_was_given() {
    let world = World::in_git();
    let server = served(&world);
    world.instead_of("https://git.acme.test/team/", &server.origin());
    installs(&world, "https://git.acme.test/team/tool");
    assert!(server.requests() > 0);
    assert_eq!(world.locked("tool")["source"], "git+https://git.acme.test/team/tool");
}

#[test]
fn the_proxy_of_the_user_is_used() {
    let world = World::in_git();
    // Nobody has this name, so only a proxy can know it.
    let proxy = served(&world);
    world.instead_of("https://git.acme.test/", "http://git.acme.test/");
    configure(&world, &format!("[http]\n\tproxy = {}\n", proxy.origin()));
    installs(&world, "https://git.acme.test/tool");
    for exchange in proxy.log() {
        assert!(exchange.message.target.starts_with("http://git.acme.test/tool/"), "{}", exchange.message.target);
    }
}

#[test]
fn the_proxy_in_the_environment_is_used() {
    let mut world = World::in_git();
    let proxy = served(&world);
    world.instead_of("https://git.acme.test/", "http://git.acme.test/");
    world.set("http_proxy", proxy.origin());
    installs(&world, "https://git.acme.test/tool");
    assert!(proxy.requests() > 0);
}

#[test]
fn the_certificates_that_the_user_set_for_a_host_are_the_ones_that_count() {
    let world = World::in_git();
    let server = served(&world);
    let origin = server.origin().replace("http:", "https:");
    let fails = || world.fails(13, &["install", "--git", &format!("{origin}tool")]);
    let run = fails();
    assert!(run.stderr.contains("no secure connection") && !run.stderr.contains("CA cert"), "{run}");
    let absent = world.path("authority.pem");
    configure(&world, &format!("[http \"{origin}\"]\n\tsslCAInfo = {}\n", absent.display()));
    let run = fails();
    assert!(run.stderr.contains("no secure connection") && run.stderr.contains("CA cert"), "{run}");
}

#[test]
fn a_redirect_is_never_followed() {
    let world = World::in_git();
    let (server, canary) = (served(&world), Server::start(&world.path("repos")));
    let secret = world.path("repos/tool");
    let targets = [canary.origin(), format!("file://{}", secret.display()), "http://169.254.169.254/latest".to_owned()];
    for target in targets {
        server.inject(Rule::new(Fault::Redirect(target.trim_end_matches('/').to_owned())));
        server.forget();
        let run = world.fails(13, &["install", "--git", &server.url("tool")]);
        assert!(run.stderr.contains("moved"), "{target}: {run}");
        assert_eq!(server.requests(), 1, "{target}: a redirect is final");
        server.heal();
    }
    assert_eq!(canary.requests(), 0);
}
