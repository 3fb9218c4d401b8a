//! Servers that lack something, and servers that fail.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::error::Kind;

/// An `ssh` that runs the command here and does not pass on the protocol version, so that the server speaks v0.
fn old_protocol(world: &World) -> (GitUrl, String) {
    let log = world.path("ssh.log");
    let text = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nfor last; do :; done\nunset GIT_PROTOCOL\nexec sh -c \"$last\"\n",
        log.display()
    );
    world.over_ssh(&text)
}

#[test]
fn a_server_without_filters_sends_everything_at_once() {
    let world = World::without_options();
    let cache = world.cache();
    let tree = cache.tree(&world.url(), &world.commit("light"), Some(&path("skills/pdf"))).expect("a tree");
    assert_eq!(tree.get("SKILL.md").map(|file| &file.bytes[..]), Some(&b"one\n"[..]));
    assert_eq!(world.log.processes(), 1);
}

#[test]
fn a_server_that_gives_nothing_by_id_is_asked_for_its_branches() {
    let world = World::without_options();
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "third"]);
    let (url, ssh) = old_protocol(&world);
    let cache = world.cache_with(Network::Online, &[("GIT_SSH_COMMAND", &ssh)]);
    // Shallow at the tip first: the commit before it has to come all the same.
    assert_eq!(cache.resolve(&url, &RefWant::Head, Reading::Index).expect("the tip"), world.commit("main"));
    let inner = world.commit("main~1");
    let tree = cache.tree(&url, &inner, Some(&path("skills/pdf"))).expect("a tree");
    assert_eq!(tree.get("SKILL.md").map(|file| &file.bytes[..]), Some(&b"two\n"[..]));
    assert_eq!(cache.known(&url, &tag("annotated")), Some(world.commit("light")));

    let gone = Commit::parse(&"1".repeat(40)).expect("a commit");
    let error = cache.list(&url, &gone, None).expect_err("gone");
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains("is gone"), "{error:?}");
    let ssh_log = std::fs::read_to_string(world.path("ssh.log")).expect("a log");
    assert!(ssh_log.lines().all(|line| line.starts_with("-oBatchMode=yes ")), "{ssh_log}");
}

#[test]
fn what_is_sent_against_objects_that_are_not_here_is_fetched_anew() {
    let world = World::without_options();
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    // Large folders deep down, so that one is stored as a difference to the other.
    for number in 0..300 {
        world.write(&format!("a/b/c/d/{number:03}"), &format!("{number}\n"));
    }
    world.git(&["add", "."]);
    world.git(&["commit", "--quiet", "-m", "many"]);
    let inner = world.commit("main");
    world.write("a/b/c/d/more", "more\n");
    world.git(&["add", "."]);
    world.git(&["commit", "--quiet", "-m", "one more"]);
    world.git(&["repack", "-adfq", "--depth=50", "--window=50"]);
    let (url, ssh) = old_protocol(&world);
    let cache = world.cache_with(Network::Online, &[("GIT_SSH_COMMAND", &ssh)]);
    cache.resolve(&url, &RefWant::Head, Reading::Index).expect("the tip with its first folders");
    let tree = cache.tree(&url, &inner, Some(&path("a/b/c/d"))).expect("an inner commit's");
    assert_eq!(tree.len(), 300);
}

#[test]
fn a_server_that_filters_but_gives_no_blobs_by_id_is_asked_for_the_whole_commit() {
    let world = World::without_options();
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let (url, ssh) = old_protocol(&world);
    let cache = world.cache_with(Network::Online, &[("GIT_SSH_COMMAND", &ssh)]);
    let tip = world.commit("main");
    let tree = cache.tree(&url, &tip, Some(&path("skills/pdf"))).expect("the tip's");
    assert_eq!(tree.get("SKILL.md").map(|file| &file.bytes[..]), Some(&b"two\n"[..]));

    world.git(&["commit", "--quiet", "--allow-empty", "-m", "third"]);
    world.git(&["tag", "--delete", "light", "annotated"]);
    world.git(&["branch", "--quiet", "-D", "feature/x"]);
    let first = world.commit("main~2");
    let tree = cache.tree(&url, &first, Some(&path("skills/pdf"))).expect("an inner commit's");
    assert_eq!(tree.get("SKILL.md").map(|file| &file.bytes[..]), Some(&b"one\n"[..]));
}

#[test]
fn the_users_ssh_command_is_kept() {
    let world = World::new();
    let (url, ssh) = old_protocol(&world);
    std::fs::write(world.path("home/.gitconfig"), format!("[core]\n\tsshCommand = {ssh} -v\n")).expect("a file");
    let cache = world.cache();
    cache.resolve(&url, &RefWant::Head, Reading::Index).expect("a commit");
    cache.resolve(&url, &branch("main"), Reading::Index).expect("a commit");
    let log = std::fs::read_to_string(world.path("ssh.log")).expect("a log");
    assert!(log.lines().all(|line| line.starts_with("-v -oBatchMode=yes ")), "{log}");
    assert_eq!(world.log.processes(), 3, "the configuration is read once");
}

#[test]
fn a_missing_repository_says_so() {
    let world = World::new();
    let url = GitUrl::parse_typed(world.path("nowhere").to_str().expect("text")).expect("an address");
    let error = world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect_err("nothing there");
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.place(), Some(url.as_str()));
}

#[test]
fn an_empty_repository_says_so() {
    let world = World::new();
    std::fs::remove_dir_all(world.path("served")).expect("removed");
    std::fs::create_dir(world.path("served")).expect("a folder");
    world.git(&["init", "--quiet"]);
    let error = world.cache().resolve(&world.url(), &RefWant::Head, Reading::Index).expect_err("empty");
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains("is empty"), "{error:?}");
}

#[test]
fn a_sha256_repository_is_told_apart() {
    let world = World::new();
    std::fs::remove_dir_all(world.path("served")).expect("removed");
    std::fs::create_dir(world.path("served")).expect("a folder");
    world.git(&["init", "--quiet", "--object-format=sha256"]);
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "first"]);
    let error = world.cache().resolve(&world.url(), &RefWant::Head, Reading::Index).expect_err("SHA-256");
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains("SHA-256"), "{error:?}");
}

/// Answers every request with one status line and header.
fn http(answer: &'static str) -> GitUrl {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = "<html>no git here</html>";
            let head = format!("HTTP/1.1 {answer}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    GitUrl::parse(&format!("http://127.0.0.1:{port}/owner/skills")).expect("an address")
}

#[test]
fn failing_servers_are_classified() {
    let world = World::new();
    for (answer, kind, said) in [
        ("301 Moved\r\nLocation: http://127.0.0.1:9/x/info/refs?service=git-upload-pack", Kind::Network, "moved"),
        ("302 Found\r\nLocation: http://169.254.169.254/", Kind::Network, "moved"),
        ("401 No\r\nWWW-Authenticate: Basic realm=\"x\"", Kind::Network, "access"),
        ("403 No", Kind::Network, "access"),
        ("404 No", Kind::NotFound, "no such repository"),
        ("429 Slow", Kind::Network, "overloaded"),
        ("503 Busy", Kind::Network, "overloaded"),
    ] {
        let url = http(answer);
        let error = world.cache().resolve(&url, &RefWant::Head, Reading::Index).expect_err(answer);
        assert_eq!(error.kind(), kind, "{answer}: {error:?}");
        assert!(error.message().contains(said), "{answer}: {error:?}");
        assert!(error.help_text().is_some(), "{answer}");
    }
    let page = http("200 Fine");
    let commit = RefWant::Rev(world.commit("main"));
    for error in [
        world.cache().resolve(&page, &RefWant::Head, Reading::Index).expect_err("a page"),
        world.cache().tree(&page, &world.commit("main"), None).expect_err("a page"),
    ] {
        assert_eq!(error.kind(), Kind::Network, "{error:?}");
    }
    assert!(world.cache().resolve(&page, &commit, Reading::Index).is_ok(), "an id asks nobody");
    let refused = GitUrl::parse("http://127.0.0.1:9/owner/skills").expect("an address");
    let error = world.cache().resolve(&refused, &RefWant::Head, Reading::Index).expect_err("nobody listens");
    assert_eq!(error.kind(), Kind::Network);
    assert!(error.message().contains("cannot be reached"), "{error:?}");
}

#[test]
fn askpass_is_never_run_and_credentials_are_never_shown() {
    let world = World::new();
    let canary = world.path("canary");
    let askpass = world.path("bin/askpass");
    std::fs::write(&askpass, format!("#!/bin/sh\ntouch '{}'\necho x\n", canary.display())).expect("a script");
    std::fs::set_permissions(&askpass, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let askpass = askpass.to_str().expect("text");
    let server = http("401 No\r\nWWW-Authenticate: Basic realm=\"x\"");
    let secret = server.as_str().replace("http://", "http://me:s3cret@");
    let config = format!(
        "[core]\n\taskPass = {askpass}\n[url \"{secret}\"]\n\tinsteadOf = https://git.acme.dev/x\n\
         [url \"{secret}/y\"]\n\tinsteadOf = https://git.acme.dev/z\n"
    );
    std::fs::write(world.path("home/.gitconfig"), config).expect("a configuration");
    let cache = world.cache_with(Network::Online, &[("GIT_ASKPASS", askpass), ("SSH_ASKPASS", askpass)]);
    for url in [server, GitUrl::parse("https://git.acme.dev/x").expect("an address")] {
        let error = cache.resolve(&url, &RefWant::Head, Reading::Index).expect_err("401");
        assert_eq!(error.kind(), Kind::Network);
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    assert!(!canary.exists());
    assert!(held(&world.log.details).iter().all(|detail| !detail.contains("s3cret")));
}

#[test]
fn hooks_and_templates_of_the_user_are_not_run() {
    let world = World::new();
    let canary = world.path("canary");
    for folder in ["hooks", "template/hooks"] {
        let hook = world.path("home").join(folder).join("reference-transaction");
        std::fs::create_dir_all(hook.parent().expect("a folder")).expect("folders");
        std::fs::write(&hook, format!("#!/bin/sh\ntouch '{}'\n", canary.display())).expect("a hook");
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let home = world.path("home");
    let config = format!("[core]\n\thooksPath = {0}/hooks\n[init]\n\ttemplateDir = {0}/template\n", home.display());
    std::fs::write(home.join(".gitconfig"), config).expect("a configuration");
    world.cache().tree(&world.url(), &world.commit("main"), None).expect("a tree");
    assert!(!canary.exists());
}
