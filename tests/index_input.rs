//! What a hostile or broken index may serve, and how cpm ends; the rows are those of `docs/hostile-inputs.md`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::support::guard::program;
use crate::support::{Guarded, IndexRepo, Repo, git, skill};

const TOOL: &str = ".claude/skills/tool/SKILL.md";
/// What a terminal obeys or an eye misses.
const HOSTILE: &str = "\u{1b}[31m\u{1b}]8;;https://evil.example\u{7}x\u{1b}]52;c;eA==\u{7}\u{202e}rlo\u{200b}\nnext";

fn with_index() -> (Guarded, IndexRepo) {
    let world = Guarded::new();
    let index = IndexRepo::new(&world, "acme");
    world.accepts(&["index", "add", "acme", &index.url()]);
    (world, index)
}

/// A web server on loopback that gives every request one answer; it counts them and ends when dropped.
struct Answering {
    port: u16,
    requests: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Answering {
    fn with(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (requests, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                let lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
                // Whoever asked may be gone.
                let _ = (&stream).write_all(format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\nno\n").as_bytes());
            }
        });
        Answering { port, requests, stop, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/index", self.port)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees the flag.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// X06.
#[test]
fn an_index_that_moves_while_cpm_runs_answers_from_one_commit() {
    let (world, index) = with_index();
    index.publish("tool", &["1.0.0"]);
    index.publish("other", &["1.0.0"]);
    let first = index.repo.head();
    index.publish("tool", &["2.0.0"]);
    index.publish("other", &["2.0.0"]);
    let second = index.repo.head();
    index.repo.git(&["reset", "-q", "--soft", &first]);
    let program_path = world.path("programs/git");
    let asks = std::fs::read_to_string(&program_path).expect("a stand-in").replace("exec ", "");
    let (flag, repo) = (world.path("tmp/moved"), index.repo.dir().display());
    let real = asks.lines().last().and_then(|line| line.split('\'').nth(1)).expect("the real git").to_owned();
    let moves = format!(
        "{asks}code=$?\ncase \" $* \" in *' fetch '*) '{real}' --git-dir='{repo}/.git' update-ref refs/heads/main {second};; esac\nexit $code\n"
    );
    assert!(!flag.exists());
    program(&program_path, &moves);
    world.accepts(&["install", "tool", "other"]);
    assert_eq!(index.repo.git(&["rev-parse", "main"]), second, "the index moved meanwhile");
    for name in ["tool", "other"] {
        let path = format!(".claude/skills/{name}/SKILL.md");
        assert_eq!(world.read(&path), skill(name, &format!("{name} 1.0.0")));
    }
    assert_eq!(world.read("cpm.lock").matches(&first).count(), 2);
}

/// X12, X30.
#[test]
fn an_index_whose_server_refuses_or_redirects_is_never_passed_over() {
    let elsewhere = Answering::with("200 OK".to_owned());
    let moved = format!("302 Found\r\nLocation: {}", elsewhere.url());
    let gone = format!("301 Moved\r\nLocation: {}/other", elsewhere.url());
    for (answer, code) in [
        ("401 No\r\nWWW-Authenticate: Basic realm=\"x\"", 13),
        ("403 No", 13),
        ("500 Oops", 13),
        (&moved, 13),
        (&gone, 13),
    ] {
        let world = Guarded::new();
        let server = Answering::with(answer.to_owned());
        let second = IndexRepo::new(&world, "second");
        second.publish("tool", &["9.0.0"]);
        world.accepts(&["index", "add", "--offline", "private", &server.url()]);
        world.accepts(&["index", "add", "second", &second.url()]);
        for name in ["tool", "github-tools"] {
            let run = world.refuses(code, &["install", name]);
            assert!(run.stderr.contains("`private`") && run.stderr.contains(&server.url()), "{run}");
        }
        assert!(server.requests() > 0);
    }
    assert_eq!(elsewhere.requests(), 0, "a redirect was followed");
}

/// X18.
#[test]
fn nothing_that_an_index_gives_is_run() {
    let (world, index) = with_index();
    let helper = r#"{"mcpServers":{"srv":{"type":"http","url":"https://x.example","headersHelper":"touch canary"}}}"#;
    let mut line = index.host("tool", "1.0.0", &[(".mcp.json", helper)]);
    for (key, value) in [
        ("source", json!({ "command": "touch canary", "path": "content/tool/1.0.0" })),
        ("install", "touch canary".into()),
        ("postinstall", json!(["sh", "-c", "touch canary"])),
        ("description", "$(touch canary)`touch canary`".into()),
    ] {
        line[key] = value;
    }
    index.list(&[line]);
    world.accepts(&["install", "tool"]);
    let market = r#"{"name":"kit","source":{"source":"command","command":"touch canary"}}"#;
    let market = Repo::marketplace(&world, "shop", market, &[]);
    world.accepts(&["index", "add", "shop", &market.url()]);
    world.refuses(21, &["install", "kit"]);
    assert_eq!(world.started(), ["git"]);
}

/// X20.
#[test]
fn a_source_that_leads_out_of_the_index_is_refused() {
    let (world, index) = with_index();
    let checksum = format!("t1:{}", "0a".repeat(32));
    let line =
        |name: &str, path: &str| crate::support::raw_index::line(name, "1.0.0", &json!({ "path": path }), &checksum);
    index.list(&[line("up", "./../../x"), line("top", "/etc"), line("link", "content/link/inside")]);
    std::os::unix::fs::symlink(world.path("outside"), index.repo.dir().join("content-link")).expect("a link");
    std::fs::create_dir_all(index.repo.dir().join("content")).expect("a folder");
    std::os::unix::fs::symlink(world.path("outside"), index.repo.dir().join("content/link")).expect("a link");
    std::fs::create_dir_all(index.repo.dir().join("packages/2")).expect("a folder");
    std::os::unix::fs::symlink("../up.jsonl", index.repo.dir().join("packages/2/ln.jsonl")).expect("a link");
    index.repo.git(&["add", "-A"]);
    index.repo.commit(&[]);
    world.refuses(24, &["install", "up"]);
    world.refuses(24, &["install", "top"]);
    world.refuses(14, &["install", "link"]);
    world.refuses(24, &["install", "ln"]);
}

/// X25.
#[test]
fn a_file_of_an_index_above_the_limit_is_refused() {
    let (world, index) = with_index();
    let line = index.host("tool", "1.0.0", &[("SKILL.md", &skill("tool", "x"))]);
    let mut large = line.clone();
    large["version"] = "1.1.0".into();
    large["description"] = "x".repeat(21 << 20).into();
    index.list(&[line, large]);
    let run = world.refuses(24, &["install", "tool"]);
    assert!(run.stderr.contains("too large") && run.stderr.contains("20 MiB"), "{run}");
}

/// X26.
#[test]
fn text_of_an_index_reaches_no_terminal_raw() {
    let (world, index) = with_index();
    let mut line = index.host("tool", "1.0.0", &[("SKILL.md", &skill("tool", "x"))]);
    line["description"] = HOSTILE.into();
    line["keywords"] = json!([HOSTILE]);
    let mut yanked = line.clone();
    yanked["version"] = "1.1.0".into();
    yanked["yanked"] = HOSTILE.into();
    let mut revoked = line.clone();
    revoked["version"] = "1.2.0".into();
    revoked["revoked"] = HOSTILE.into();
    let mut named = line.clone();
    named["name"] = HOSTILE.into();
    let mut versioned = line.clone();
    versioned["version"] = HOSTILE.into();
    index.list(&[line, yanked, revoked]);
    index.append("tool", &named.to_string());
    index.append("tool", &versioned.to_string());
    world.refuses(12, &["install", "tool@=1.1.0"]);
    let run = world.refuses(21, &["install", "tool@=1.2.0"]);
    assert!(run.stderr.contains("is revoked"), "{run}");
    let run = world.accepts(&["install", "tool"]);
    assert_eq!(run.stderr.matches("warning: ").count(), 2, "{run}");
    index.repo.commit(&[("index.toml", &format!("schema = 1\nname = 7 # {HOSTILE}\n"))]);
    world.refuses(10, &["update"]);
    let entry = format!(r#"{{"name":"kit","description":{0},"author":{{"name":{0}}},"source":{0}}}"#, json!(HOSTILE));
    let market = Repo::marketplace(&world, "shop", &entry, &[]);
    let other = Guarded::new();
    other.accepts(&["index", "add", "shop", &market.url()]);
    other.refuses(10, &["install", "kit"]);
}

/// X27.
#[test]
fn a_renamed_default_branch_is_followed_and_a_named_branch_that_is_gone_is_told() {
    let (world, index) = with_index();
    index.publish("tool", &["1.0.0"]);
    world.accepts(&["install", "tool"]);
    index.repo.git(&["branch", "-m", "main", "trunk"]);
    index.publish("tool", &["1.1.0"]);
    world.accepts(&["update"]);
    assert_eq!(world.read(TOOL), skill("tool", "tool 1.1.0"));
    world.accepts(&["index", "add", "acme", &index.url(), "--branch", "trunk"]);
    index.repo.git(&["branch", "-m", "trunk", "main"]);
    let run = world.refuses(14, &["update"]);
    assert!(run.stderr.contains("branch `trunk`"), "{run}");
}

/// X29.
#[test]
fn an_empty_repository_is_no_index() {
    let world = Guarded::new();
    let empty = world.path("repos/empty");
    std::fs::create_dir_all(&empty).expect("a folder");
    git(&empty, &["init", "-q", "-b", "main"]);
    let run = world.refuses(14, &["index", "add", "empty", &empty.display().to_string()]);
    assert!(run.stderr.contains("empty"), "{run}");
}

/// L34, L35.
#[test]
fn an_index_cannot_list_a_plugin_under_another_name_and_its_other_version_is_told() {
    let (world, index) = with_index();
    let plugin = r#"{"name":"kit","version":"1.0.0"}"#;
    let files = [(".claude-plugin/plugin.json", plugin), ("commands/go.md", "go\n")];
    index.list(&[index.host("tool", "1.0.0", &files)]);
    for asked in [&["install", "tool"][..], &["install", "tool", "--dry-run"]] {
        let run = world.refuses(20, asked);
        assert!(run.stderr.contains("`tool`") && run.stderr.contains("`kit`"), "{run}");
    }
    index.list(&[index.host("kit", "2.0.0", &files)]);
    // A name of one's own for it is another matter.
    world.write(
        "cpm.toml",
        &(world.read("cpm.toml") + "[dependencies]\nmine = { version = \"2\", package = \"kit\" }\n"),
    );
    let run = world.accepts(&["install"]);
    assert!(run.stdout.contains("version 2.0.0, but plugin.json says 1.0.0"), "{run}");
    assert!(world.has(".claude/skills/mine/commands/go.md"));
}
