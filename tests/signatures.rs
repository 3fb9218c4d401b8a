//! Signatures that a manifest asks for: real keys, real tags, and what ssh-keygen says of them.

use std::process::{Command, Stdio};

use crate::support::http::Server;
use crate::support::samples::KIT;
use crate::support::{Guarded, Index, Repo, World, write};

const SIGNERS: &str = "keys/allowed_signers";
const KIT_SKILL: &str = ".claude/skills/alpha/SKILL.md";

/// An ssh key with its public half.
struct Key {
    file: String,
    public: String,
}

impl Key {
    /// A new key; `None`, with a line that says so, where there is no ssh-keygen.
    #[allow(clippy::print_stderr)]
    fn new(world: &World, name: &str) -> Option<Key> {
        let file = world.path("repos").join(format!("{name}.key"));
        write(&file, "");
        std::fs::remove_file(&file).expect("removed");
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&file).stdin(Stdio::null());
        let Ok(status) = keygen.status() else {
            eprintln!("skipped: there is no ssh-keygen");
            return None;
        };
        assert!(status.success(), "ssh-keygen");
        let public = std::fs::read_to_string(file.with_extension("key.pub")).expect("a key");
        Some(Key { file: file.display().to_string(), public })
    }

    /// A line that trusts this key, with options such as `valid-before="…"`.
    fn line(&self, options: &str) -> String {
        format!("author@example.com {options} {}", self.public)
    }

    /// What ssh shows of it.
    fn fingerprint(&self) -> String {
        let output = Command::new("ssh-keygen").args(["-l", "-f", &self.file]).output().expect("ssh-keygen");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    /// Runs a git command that signs with this key.
    fn git(&self, repo: &Repo, args: &[&str]) {
        let key = format!("user.signingKey={}", self.file);
        repo.git(&[&["-c", "gpg.format=ssh", "-c", &key], args].concat());
    }

    fn tag(&self, repo: &Repo, tag: &str) {
        self.git(repo, &["tag", "-s", "-m", "x", tag]);
    }
}

/// Makes the project depend on a tag of a repository, signed by the keys in these lines.
fn depend_on_tag(world: &World, url: &str, tag: &str, lines: &str) {
    let dependency = format!("kit = {{ git = \"{url}\", tag = \"{tag}\", signers = \"{SIGNERS}\" }}\n");
    world.write("cpm.toml", &format!("[dependencies]\n{dependency}"));
    world.write(SIGNERS, lines);
}

/// Makes an annotated tag whose message is this text, signature and all.
fn tag_with_text(repo: &Repo, tag: &str, text: &str) {
    let object =
        format!("object {}\ntype commit\ntag {tag}\ntagger t <t@example.com> 1700000000 +0000\n\n{text}", repo.head());
    let file = repo.dir().join("../tag-object");
    write(&file, object);
    let id = repo.git(&["hash-object", "-t", "tag", "-w", &file.display().to_string()]);
    repo.git(&["update-ref", &format!("refs/tags/{tag}"), &id]);
}

/// A marketplace with signers in the manifest, whose plugin `kit` says a version at its head.
fn signed_market(world: &World, version: &str, lines: &str) -> Repo {
    let market = Repo::marketplace(world, "market", r#"{"name":"kit","source":"./kit"}"#, &[]);
    release(&market, version);
    let index = format!("market = {{ git = \"{}\", signers = \"{SIGNERS}\" }}", market.url());
    world.write("cpm.toml", &format!("[indexes]\n{index}\n"));
    world.write(SIGNERS, lines);
    market
}

fn release(market: &Repo, version: &str) {
    let manifest = format!(r#"{{"name":"kit","version":"{version}"}}"#);
    market.commit(&[
        ("kit/.claude-plugin/plugin.json", &manifest),
        ("kit/skills/alpha/SKILL.md", &crate::support::skill("alpha", version)),
    ]);
}

#[test]
fn a_tag_signed_by_a_trusted_key_is_installed_and_its_lock_needs_no_key() {
    for over_http in [false, true] {
        let world = World::in_git();
        let Some(key) = Key::new(&world, "author") else { return };
        let repo = Repo::new(&world, "kit", &KIT);
        key.tag(&repo, "v1.0.0");
        let server = Server::start(&world.path("repos"));
        let url = if over_http { server.url("kit") } else { repo.url() };
        depend_on_tag(&world, &url, "v1.0.0", &key.line("namespaces=\"git\""));
        world.ok(&["install"]);
        assert!(world.has(KIT_SKILL));
        world.ok(&["verify", "--online"]);
        world.write(SIGNERS, "");
        world.check_out_anew();
        world.empty_cache();
        world.ok(&["install", "--locked"]);
        assert!(world.has(KIT_SKILL));
    }
}

#[test]
fn a_tag_without_a_valid_signature_of_a_trusted_key_is_refused() {
    let world = Guarded::new();
    let (Some(key), Some(other)) = (Key::new(&world, "author"), Key::new(&world, "other")) else { return };
    let repo = Repo::new(&world, "kit", &KIT);
    repo.git(&["tag", "light"]);
    repo.git(&["tag", "-a", "-m", "x", "plain"]);
    key.tag(&repo, "signed");
    other.tag(&repo, "others");
    let text = repo.git(&["cat-file", "tag", "signed"]);
    let (_, message) = text.split_once("\n\n").expect("a message");
    tag_with_text(&repo, "forged", message);
    let trusted = key.line("");
    for (tag, lines, words) in [
        ("light", &trusted, "lightweight"),
        ("plain", &trusted, "is not signed"),
        ("forged", &trusted, "is wrong"),
        ("others", &trusted, &*other.fingerprint()),
        ("signed", &String::new(), &key.fingerprint()),
        ("signed", &"no line of keys\n".to_owned(), "do not trust"),
        ("signed", &key.line("namespaces=\"file\""), "not permitted"),
        ("signed", &key.line("valid-before=\"20200101\""), "key has expired"),
        ("signed", &key.line("valid-after=\"20990101\""), "not yet valid"),
    ] {
        depend_on_tag(&world, &repo.url(), tag, lines);
        let run = world.refuses(21, &["install"]);
        assert!(run.stderr.contains(words) && run.stderr.contains(SIGNERS), "{tag}: {words}: {run}");
        assert!(!world.has(KIT_SKILL) && !world.has("cpm.lock"), "{tag}");
    }
}

#[test]
fn only_ssh_keys_of_the_project_count_and_no_other_program_is_asked() {
    let mut world = Guarded::new();
    let Some(key) = Key::new(&world, "author") else { return };
    let repo = Repo::new(&world, "kit", &KIT);
    let pgp = "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";
    let ssh = "-----BEGIN SSH SIGNATURE-----\nabcd\n-----END SSH SIGNATURE-----\n";
    tag_with_text(&repo, "pgp", &format!("x\n{pgp}"));
    tag_with_text(&repo, "both", &format!("x\n{ssh}{pgp}"));
    key.tag(&repo, "signed");
    // What the user trusts elsewhere, and how the user signs, is not what this project asks for.
    write(&world.home().join("trusted"), key.line(""));
    let trusting =
        format!("[gpg \"ssh\"]\nallowedSignersFile = {}\nprogram = true\n", world.home().join("trusted").display());
    write(&world.home().join("config"), format!("{trusting}[gpg]\nprogram = gpg\nminTrustLevel = undefined\n"));
    let config = world.home().join("config").display().to_string();
    world.set("GIT_CONFIG_GLOBAL", config);
    for (tag, lines) in [("pgp", key.line("")), ("both", key.line("")), ("signed", String::new())] {
        depend_on_tag(&world, &repo.url(), tag, &lines);
        world.refuses(21, &["install"]);
    }
}

#[test]
fn a_signed_tag_in_the_place_of_another_is_no_release() {
    let world = Guarded::new();
    let Some(key) = Key::new(&world, "author") else { return };
    let repo = Repo::new(&world, "kit", &KIT);
    key.tag(&repo, "v1.0.0");
    let id = repo.git(&["rev-parse", "v1.0.0"]);
    repo.git(&["update-ref", "refs/tags/v9.9.9", &id]);
    depend_on_tag(&world, &repo.url(), "v9.9.9", &key.line(""));
    let run = world.refuses(20, &["install"]);
    assert!(run.stderr.contains("v1.0.0"), "{run}");
    // A tag of a tag is signed over the other tag, not over the commit.
    key.git(&repo, &["tag", "-s", "-m", "x", "outer", "v1.0.0"]);
    depend_on_tag(&world, &repo.url(), "outer", &key.line(""));
    world.refuses(20, &["install"]);
}

#[test]
fn a_marketplace_with_signers_gives_its_newest_tag_if_that_is_signed_and_nothing_else() {
    let world = World::in_git();
    let Some(key) = Key::new(&world, "author") else { return };
    let market = signed_market(&world, "1.0.0", &key.line(""));
    let run = world.fails(21, &["install", "kit"]);
    assert!(run.stderr.contains("1.0.0 is not from a tag"), "{run}");
    key.tag(&market, "kit--v1.0.0");
    // The head has the version of the tag; then it has moved on.
    for version in ["1.0.0", "1.1.0"] {
        release(&market, version);
        world.ok(&["install", "kit"]);
        assert_eq!(world.locked("kit")["source"], format!("git+{}?path=kit&tag=kit--v1.0.0", market.url()));
    }
    market.git(&["tag", "-a", "-m", "x", "kit--v1.1.0"]);
    let run = world.fails(21, &["update"]);
    assert!(run.stderr.contains("`kit--v1.1.0` is not signed"), "{run}");
    market.git(&["tag", "-d", "kit--v1.1.0"]);
    key.tag(&market, "kit--v1.1.0");
    world.ok(&["update", "--accept"]);
    assert_eq!(world.locked("kit")["version"], "1.1.0");
    world.ok(&["update", "kit", "--precise", "1.0.0"]);
    assert_eq!(world.locked("kit")["version"], "1.0.0");
}

#[test]
fn a_cpm_index_with_signers_is_used_only_where_its_newest_commit_is_signed() {
    let world = World::in_git();
    let Some(key) = Key::new(&world, "owner") else { return };
    let index = Index::new(&world, "work");
    index.release("tool", "1.0.0", &[]);
    let url = index.repo.url();
    world.write("cpm.toml", &format!("[indexes]\nwork = {{ git = \"{url}\", signers = \"{SIGNERS}\" }}\n"));
    world.write(SIGNERS, &key.line(""));
    let run = world.fails(21, &["install", "tool"]);
    assert!(run.stderr.contains("is not signed"), "{run}");
    let sign = || key.git(&index.repo, &["commit", "-q", "--amend", "--no-edit", "--allow-empty", "-S"]);
    sign();
    world.ok(&["install", "tool"]);
    world.ok(&["verify", "--online"]);
    index.release("tool", "1.1.0", &[]);
    world.fails(21, &["update"]);
    world.ok(&["install", "--locked"]);
    assert_eq!(world.locked("tool")["version"], "1.0.0");
    sign();
    world.ok(&["update"]);
    assert_eq!(world.locked("tool")["version"], "1.1.0");
}

#[test]
fn verify_online_asks_again_who_signed_what_is_locked() {
    let world = World::in_git();
    let Some(key) = Key::new(&world, "author") else { return };
    let repo = Repo::new(&world, "kit", &KIT);
    key.tag(&repo, "v1.0.0");
    depend_on_tag(&world, &repo.url(), "v1.0.0", &key.line(""));
    world.ok(&["install"]);
    world.write(SIGNERS, &key.line("valid-before=\"20200101\""));
    world.ok(&["verify"]);
    let run = world.fails(21, &["verify", "--online"]);
    assert!(run.stderr.contains(&key.fingerprint()), "{run}");
    // Who asks for signatures later learns that what is locked has none.
    let world = World::in_git();
    let market = signed_market(&world, "1.0.0", "");
    world.write("cpm.toml", &format!("[indexes]\nmarket = {{ git = \"{}\" }}\n", market.url()));
    world.ok(&["install", "kit"]);
    let manifest = world.read("cpm.toml").replace("\" }", &format!("\", signers = \"{SIGNERS}\" }}"));
    world.write("cpm.toml", &manifest);
    world.ok(&["install"]);
    let run = world.fails(21, &["verify", "--online"]);
    assert!(run.stderr.contains("`kit` is not from a tag"), "{run}");
}

#[test]
fn what_is_missing_to_check_a_signature_is_named() {
    let mut world = World::in_git();
    let Some(key) = Key::new(&world, "author") else { return };
    let repo = Repo::new(&world, "kit", &KIT);
    key.tag(&repo, "v1.0.0");
    depend_on_tag(&world, &repo.url(), "v1.0.0", &key.line(""));
    std::fs::remove_file(world.project().join(SIGNERS)).expect("removed");
    let run = world.fails(14, &["install"]);
    assert!(run.stderr.contains(SIGNERS), "{run}");
    world.write(SIGNERS, &key.line(""));
    let path = std::env::var_os("PATH").expect("a PATH");
    let git = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file()).expect("git");
    let programs = world.path("programs");
    std::fs::create_dir_all(&programs).expect("a folder");
    std::os::unix::fs::symlink(git, programs.join("git")).expect("a link");
    world.set("PATH", programs.display());
    let run = world.fails(2, &["install"]);
    assert!(run.stderr.contains("ssh-keygen"), "{run}");
}

#[test]
fn an_edit_of_the_manifest_by_cpm_keeps_the_signers() {
    let world = World::in_git();
    let Some(key) = Key::new(&world, "author") else { return };
    let repo = Repo::new(&world, "kit", &KIT);
    key.tag(&repo, "v1.0.0");
    repo.commit(&[("new", "new\n")]);
    key.tag(&repo, "v1.1.0");
    repo.git(&["branch", "next"]);
    depend_on_tag(&world, &repo.url(), "v1.0.0", &key.line(""));
    world.ok(&["install", "kit", "--git", &repo.url(), "--tag", "v1.1.0"]);
    assert!(world.read("cpm.toml").contains(&format!("tag = \"v1.1.0\", signers = \"{SIGNERS}\"")));
    world.fails(21, &["install", "kit", "--git", &repo.url(), "--branch", "next"]);
    let market = signed_market(&world, "1.0.0", &key.line(""));
    world.ok(&["index", "add", "market", &market.url(), "--packages", "kit"]);
    assert!(world.read("cpm.toml").contains(&format!("signers = \"{SIGNERS}\"")));
    let rows = world.ok(&["index", "list", "--json"]).json();
    assert_eq!(rows["indexes"][0]["signers"], SIGNERS);
}
