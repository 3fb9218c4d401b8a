//! What servers, gits and proxies say, what is missing, and what is made of it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use super::{over_ssh, with_kit, with_ssh};
use crate::support::guard::{Guarded, program};
use crate::support::http::Server;
use crate::support::{Repo, skill, write};

/// Moves the cursor, sets the clipboard, reorders.
const HOSTILE: &str = "look here \u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}x\u{202e}rlo\r";

/// A packet of git's protocol.
fn packet(text: &str) -> String {
    format!("{:04x}{text}", text.len() + 4)
}

/// T23.
#[test]
fn what_a_server_says_reaches_no_terminal_raw() {
    let (world, repo) = with_kit();
    let (id, said) = (repo.head(), world.path("repos/said"));
    let refs = packet(&format!("{id} HEAD\0side-band-64k shallow\n")) + &packet(&format!("{id} refs/heads/main\n"));
    let beside_a_pack = packet(&format!("\u{2}{HOSTILE}\n")) + &packet(&format!("\u{3}{HOSTILE}\n"));
    for answer in [packet(&format!("ERR {HOSTILE}")), format!("{refs}00000000{}{beside_a_pack}", packet("NAK\n"))] {
        write(&said, &answer);
        let script = format!("echo '{HOSTILE}' >&2\n/bin/cat '{}'\n/bin/cat >/dev/null\n", said.display());
        with_ssh(&world, &script);
        let run = world.refuses(13, &["install", "kit", "--git", &over_ssh(&repo)]);
        let because: Vec<&str> = run.stderr.lines().filter(|line| line.contains("because: ")).collect();
        assert!(because.iter().any(|line| line.contains("remote") && line.contains("look here")), "{run}");
        world.assert_guarded(&world.cpm(&["install", "kit", "--git", &over_ssh(&repo), "-v"]));
    }
}

/// T25.
#[test]
fn a_pointer_to_lfs_is_refused_where_it_would_be_read_or_run_and_told_elsewhere() {
    let world = Guarded::new();
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "0".repeat(64));
    let good = skill("kit", "good");
    for (at, name) in ["SKILL.md", "run*", "data.json"].iter().enumerate() {
        let mut files = vec![("SKILL.md", good.as_str())];
        files.retain(|(file, _)| file != name);
        files.push((name, &pointer));
        let repo = Repo::new(&world, &format!("bad{at}"), &files);
        let run = world.refuses(24, &["install", "kit", "--git", &repo.url()]);
        assert!(run.stderr.contains("LFS") && run.stderr.contains(name.trim_end_matches('*')), "{run}");
    }
    let repo = Repo::new(&world, "kit", &[("SKILL.md", &good), ("logo.png", &pointer)]);
    let run = world.accepts(&["install", "kit", "--git", &repo.url()]);
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("logo.png"), "{run}");
}

/// T32.
#[test]
fn a_git_that_is_too_old_is_told_in_one_sentence() {
    let (world, repo) = with_kit();
    program(
        &world.path("programs/git"),
        "#!/bin/sh\necho \"error: unknown option \\`refetch'\" >&2\necho 'usage: git fetch' >&2\nexit 129\n",
    );
    let run = world.refuses(2, &["install", "kit", "--git", &repo.url()]);
    assert!(run.stderr.contains("too old") && run.stderr.contains("install git"), "{run}");
}

/// T32.
#[test]
fn a_git_that_speaks_another_language_is_understood() {
    let (mut world, repo) = with_kit();
    let real = std::env::var("PATH").expect("a PATH");
    program(
        &world.path("programs/git"),
        &format!(
            "#!/bin/sh\nif [ \"$LC_ALL\" != C ]; then echo 'Schwerwiegend: Repository nicht gefunden' >&2; exit 128; fi\n\
             PATH='{real}' exec git \"$@\"\n"
        ),
    );
    for (name, value) in [("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8"), ("LANGUAGE", "de")] {
        world.set(name, value);
    }
    let run = world.refuses(14, &["install", "kit", "--git", &format!("{}-gone", repo.url())]);
    assert!(run.stderr.contains("no such repository"), "{run}");
    world.refuses(14, &["install", "kit", "--git", &repo.url(), "--branch", "nope"]);
    world.accepts(&["install", "kit", "--git", &repo.url()]);
}

/// T36.
#[test]
fn files_that_were_never_fetched_are_not_fetched_behind_the_users_back() {
    let (world, repo) = with_kit();
    repo.commit(&[("a/SKILL.md", &skill("a", "a")), ("b/SKILL.md", &skill("b", "b"))]);
    let server = Server::start(&world.path("repos"));
    let url = server.url("kit");
    world.accepts(&["install", "a", "--git", &url, "--path", "a"]);
    let asked = server.requests();
    let run = world.refuses(14, &["install", "b", "--git", &url, "--path", "b", "--offline"]);
    assert!(run.stderr.contains("missing: `b`"), "{run}");
    crate::support::delete(&world.path("cache/store-v1"));
    world.check_out_anew();
    world.accepts(&["install", "--offline"]);
    crate::support::delete(&world.path("cache/git-v1"));
    world.accepts(&["verify"]);
    assert_eq!(server.requests(), asked);
}

/// T38.
#[test]
fn the_credentials_of_a_proxy_are_never_shown() {
    const PASSWORD: &str = "pr0xy-canary";
    let proxy = format!("http://me:{PASSWORD}@127.0.0.1:1");
    for configured in [false, true] {
        let mut world = Guarded::new();
        if configured {
            write(&world.home().join(".gitconfig"), format!("[http]\n\tproxy = {proxy}\n"));
        } else {
            world.set("https_proxy", &proxy);
            world.set("ALL_PROXY", &proxy);
        }
        for flags in [&[][..], &["-v"], &["--json"]] {
            let run = world.cpm(&[&["install", "kit", "--git", "https://host.invalid/kit"], flags].concat());
            assert_eq!(run.code, 13, "{run}");
            assert!(!run.stdout.contains(PASSWORD) && !run.stderr.contains(PASSWORD), "{run}");
            world.assert_guarded(&run);
        }
        for root in ["project", "cache", "started"] {
            crate::support::guard::assert_without(&world.path(root), PASSWORD);
        }
    }
}

/// A server that knows no repository, its address, and the requests it got.
fn recorder() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = vec![0; 16 << 10];
            let length = stream.read(&mut request).unwrap_or_default();
            let _ = stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // Nobody listens any more once the test has ended.
            if sender.send(String::from_utf8_lossy(&request[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

/// T39.
#[test]
fn credentials_for_one_host_do_not_reach_another() {
    let world = Guarded::new();
    let ((own, at_own), (other, at_other)) = (recorder(), recorder());
    write(
        &world.home().join(".gitconfig"),
        format!("[http \"{own}/\"]\n\textraHeader = Authorization: Bearer b3arer\n\tcookieFile = /dev/null\n"),
    );
    for (url, requests, gets) in [(own, at_own, true), (other, at_other, false)] {
        world.refuses(14, &["install", "kit", "--git", &format!("{url}/kit")]);
        world.refuses(14, &["index", "add", "x", &format!("{url}/index")]);
        let heard: Vec<String> = requests.try_iter().collect();
        assert!(heard.len() >= 2, "{heard:?}");
        assert!(heard.iter().all(|request| request.contains("b3arer") == gets), "{heard:?}");
    }
}

/// T40.
#[test]
fn sources_that_fail_among_many_stop_them_all_and_each_is_told() {
    let world = Guarded::new();
    let mut manifest = "[dependencies]\n".to_owned();
    for at in 0..12 {
        let name = format!("p{at}");
        let repo = Repo::new(&world, &name, &[("SKILL.md", &skill(&name, "x"))]);
        manifest += &format!("{name} = {{ git = \"{}\" }}\n", repo.url());
    }
    world.write("cpm.toml", &manifest);
    let moved =
        ["p3", "p8"].map(|name| (world.path("repos").join(name), world.path("repos").join(name.to_owned() + "-gone")));
    moved.iter().for_each(|(there, gone)| std::fs::rename(there, gone).expect("moved"));
    let run = world.refuses(14, &["install"]);
    let error = run.stderr.split("error: ").nth(1).expect("an error");
    assert!(error.contains("/p3\n") && error.contains("/p8: "), "{run}");
    assert!(!error.contains("/p5"), "{run}");
    assert!(!world.has(".claude") && !world.has("cpm.lock"));
    moved.iter().for_each(|(there, gone)| std::fs::rename(gone, there).expect("moved back"));
    world.accepts(&["install"]);
    assert_eq!(std::fs::read_dir(world.project().join(".claude/skills")).expect("a folder").count(), 12);
}
