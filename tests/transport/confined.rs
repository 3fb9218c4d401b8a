//! Nothing of the user's surroundings, of the project or of a repository is run or asked besides git and ssh.

use super::{SKILL, over_ssh, with_kit, with_ssh};
use crate::support::guard::{Guarded, program};
use crate::support::http::Server;
use crate::support::{Repo, World, skill, write};

/// A program that shows that it ran.
fn canary(world: &World) -> String {
    let path = world.path("repos/canary");
    program(&path, &format!("#!/bin/sh\n/bin/touch '{}'\nexit 0\n", sung(world)));
    path.display().to_string()
}

/// Where a canary leaves its trace.
fn sung(world: &World) -> String {
    world.path("outside/canary").display().to_string()
}

/// T16, T18.
#[test]
fn an_option_in_place_of_a_ref_or_folder_is_refused_before_git_starts() {
    let world = Guarded::new();
    let touch = format!("--upload-pack=touch {}", sung(&world));
    for option in ["--tag", "--branch", "--rev", "--path"] {
        let code = if option == "--path" { 24 } else { 10 };
        for text in [&touch, "-oProxyCommand=x", "-l"] {
            let argument = format!("{option}={text}");
            world.refuses(code, &["install", "kit", "--git", "https://host.example/x", &argument]);
        }
    }
    for key in ["tag", "branch", "rev", "path"] {
        let text = format!("[dependencies]\nkit = {{ git = \"https://host.example/x\", {key} = \"{touch}\" }}\n");
        world.write("cpm.toml", &text);
        let run = world.refuses(if key == "path" { 24 } else { 10 }, &["install"]);
        assert!(run.stderr.contains("cpm.toml"), "{run}");
    }
    let zeros = "0".repeat(64);
    for part in ["tag", "branch", "rev", "path"] {
        world.write("cpm.toml", "[dependencies]\nkit = { git = \"https://host.example/x\" }\n");
        world.write(
            "cpm.lock",
            &format!(
                "version = 1\n\n[[package]]\nname = \"kit\"\nversion = \"1.0.0\"\n\
                 source = \"git+https://host.example/x?{part}=--upload-pack%3Dtouch\"\ncommit = \"{}\"\n\
                 checksum = \"t1:{zeros}\"\nsurface = \"s1:{zeros}\"\n",
                &zeros[..40]
            ),
        );
        world.refuses(11, &["install", "--frozen"]);
    }
    assert_eq!(world.started(), [""; 0]);
}

/// T22.
#[test]
fn an_unknown_or_changed_host_key_ends_the_run_and_is_never_waved_through() {
    let (world, repo) = with_kit();
    for said in [
        "No ED25519 host key is known for git.example.com and you have requested strict checking.",
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
    ] {
        with_ssh(&world, &format!("echo '{said}' >&2\necho 'Host key verification failed.' >&2\nexit 255\n"));
        let run = world.refuses(13, &["install", "kit", "--git", &over_ssh(&repo)]);
        assert!(run.stderr.contains("the key of the host"), "{run}");
    }
    let started = std::fs::read_to_string(world.path("started")).expect("ssh was started").to_ascii_lowercase();
    assert!(started.contains("ssh -obatchmode=yes"), "{started}");
    assert!(!started.contains("stricthostkeychecking") && !started.contains("userknownhostsfile"), "{started}");
}

/// T24.
#[test]
fn submodules_are_never_fetched() {
    let world = Guarded::new();
    let other = Repo::new(&world, "other", &[("SKILL.md", &skill("other", "x"))]);
    let server = Server::start(&world.path("repos"));
    let modules = |name: &str, path: &str, url: &str| {
        format!("[submodule \"{name}\"]\n\tpath = {path}\n\turl = {url}\n\tupdate = !{}\n", canary(&world))
    };
    for (at, text) in [
        modules("m", "m", &server.url("other")),
        modules("../../x", "m", &other.url()),
        modules("m", "\"m\\r\"", &format!("--upload-pack={}", canary(&world))),
        modules("m", "m", &format!("ext::{}", canary(&world))),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("kit{at}");
        let repo = Repo::new(&world, &name, &[(".gitmodules", text), ("good/SKILL.md", &skill(&name, "good"))]);
        let link = format!("160000,{},", other.head());
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("{link}m")]);
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("{link}bad/m")]);
        repo.commit(&[("bad/SKILL.md", &skill("bad", "bad"))]);
        world.accepts(&["install", &name, "--git", &repo.url(), "--path", "good"]);
        for path in [&["--path", "bad"][..], &[]] {
            let run = world.refuses(24, &[&["install", "bad", "--git", &repo.url()], path].concat());
            assert!(run.stderr.contains("submodule") || run.stderr.contains("git refuses"), "{run}");
        }
    }
    assert_eq!(server.requests(), 0);
}

/// T26.
#[test]
fn attributes_and_filters_change_no_byte_and_run_nothing() {
    let world = Guarded::new();
    let (canary, odd) = (canary(&world), "a\r\nb\n$Id$ $Format:%H$ \u{e9}\n");
    let repo = Repo::new(&world, "kit", &[("plain.md", odd), ("SKILL.md", &skill("kit", odd))]);
    // Committed after the files, so that git takes those as they are.
    let attributes = "* text eol=crlf ident filter=evil diff=evil merge=evil\n*.md working-tree-encoding=UTF-16\n\
                      hidden.md export-ignore -text !filter !working-tree-encoding\nplain.md export-subst\n";
    repo.commit(&[("hidden.md", "hidden\n"), (".gitattributes", attributes)]);
    let config = format!(
        "[filter \"evil\"]\n\tsmudge = {canary}\n\tclean = {canary}\n\tprocess = {canary}\n\trequired = true\n\
         [diff \"evil\"]\n\ttextconv = {canary}\n\tcommand = {canary}\n[merge \"evil\"]\n\tdriver = {canary}\n"
    );
    write(&world.home().join(".gitconfig"), config);
    world.accepts(&["install", "kit", "--git", &repo.url()]);
    world.accepts(&["verify"]);
    for (file, text) in
        [("plain.md", odd), ("SKILL.md", &skill("kit", odd)), ("hidden.md", "hidden\n"), (".gitattributes", attributes)]
    {
        assert_eq!(world.read(&format!(".claude/skills/kit/{file}")), text, "{file}");
    }
}

/// T27.
#[test]
fn hooks_and_helpers_of_the_users_git_are_not_run() {
    let (world, repo) = with_kit();
    let canary = canary(&world);
    for hook in ["reference-transaction", "post-checkout", "post-merge", "pre-auto-gc", "fsmonitor-watchman"] {
        for folder in ["hooks", "template/hooks"] {
            let path = world.home().join(folder).join(hook);
            program(&path, &format!("#!/bin/sh\nexec '{canary}'\n"));
        }
    }
    let home = world.home().display().to_string();
    let config = format!(
        "[core]\n\thooksPath = {home}/hooks\n\tfsmonitor = {canary}\n\taskPass = {canary}\n\tpager = {canary}\n\
         [init]\n\ttemplateDir = {home}/template\n[fetch]\n\trecurseSubmodules = true\n[gc]\n\tauto = 1\n\
         [alias]\n\tfetch = !{canary}\n\tconfig = !{canary}\n"
    );
    write(&world.home().join(".gitconfig"), config);
    world.accepts(&["install", "kit", "--git", &repo.url()]);
    repo.commit(&[("SKILL.md", &skill("kit", "two"))]);
    world.accepts(&["update"]);
    assert_eq!(world.read(SKILL), skill("kit", "two"));
}

/// T28.
#[test]
fn variables_that_redirect_git_do_nothing() {
    let (mut world, repo) = with_kit();
    let canary = canary(&world);
    for name in ["git-fetch", "git-upload-pack", "git-index-pack", "git-remote-https", "git"] {
        program(&world.path("repos/exec").join(name), &format!("#!/bin/sh\nexec '{canary}'\n"));
    }
    let outside = world.path("outside").display().to_string();
    for (name, value) in [
        ("GIT_DIR", outside.clone()),
        ("GIT_WORK_TREE", outside.clone()),
        ("GIT_INDEX_FILE", format!("{outside}/index")),
        ("GIT_OBJECT_DIRECTORY", format!("{outside}/objects")),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", outside.clone()),
        ("GIT_NAMESPACE", "evil".to_owned()),
        ("GIT_CONFIG_COUNT", "2".to_owned()),
        ("GIT_CONFIG_KEY_0", "core.sshCommand".to_owned()),
        ("GIT_CONFIG_VALUE_0", canary.clone()),
        ("GIT_CONFIG_KEY_1", "url.file:///nonexistent/.insteadOf".to_owned()),
        ("GIT_CONFIG_VALUE_1", "file:///".to_owned()),
        ("GIT_CONFIG_PARAMETERS", format!("'core.fsmonitor={canary}'")),
        ("GIT_EXEC_PATH", world.path("repos/exec").display().to_string()),
        ("GIT_TEMPLATE_DIR", outside.clone()),
        ("GIT_ASKPASS", canary.clone()),
        ("SSH_ASKPASS", canary.clone()),
        ("GIT_EXTERNAL_DIFF", canary.clone()),
        ("GIT_PAGER", canary.clone()),
        ("GIT_EDITOR", canary.clone()),
        ("GIT_PROXY_COMMAND", canary),
        ("GIT_TRACE", format!("{outside}/trace")),
        ("GIT_TRACE2_EVENT", format!("{outside}/trace2")),
        ("GIT_ALLOW_PROTOCOL", "ext".to_owned()),
        ("GIT_SSL_NO_VERIFY", "1".to_owned()),
    ] {
        world.set(name, value);
    }
    world.accepts(&["install", "kit", "--git", &repo.url()]);
    world.accepts(&["verify"]);
    assert_eq!(world.read(SKILL), skill("kit", "one"));
}

/// T29.
#[test]
fn the_git_configuration_of_the_project_is_never_obeyed() {
    let (world, repo) = with_kit();
    let canary = canary(&world);
    let config = world.project().join(".git/config");
    let old = std::fs::read_to_string(&config).expect("a configuration");
    let evil = format!(
        "{old}\tfsmonitor = {canary}\n\tsshCommand = {canary}\n\thooksPath = {hooks}\n\tpager = {canary}\n\
         [alias]\n\tfetch = !{canary}\n[url \"ext::{canary} \"]\n\tinsteadOf = file:///\n\
         [credential]\n\thelper = !{canary}\n[include]\n\tpath = {hooks}/more\n",
        hooks = world.project().join("hooks").display()
    );
    std::fs::write(&config, evil).expect("written");
    program(&world.project().join("hooks/reference-transaction"), &format!("#!/bin/sh\nexec '{canary}'\n"));
    for scope in ["project", "local", "user"] {
        world.accepts(&["install", "kit", "--git", &repo.url(), "--scope", scope]);
        world.accepts(&["list"]);
        world.accepts(&["verify", "--scope", scope]);
        world.accepts(&["update", "--scope", scope]);
        world.accepts(&["remove", "kit", "--scope", scope]);
    }
    with_ssh(&world, "exec /bin/sh -c \"$last\"\n");
    world.accepts(&["install", "kit", "--git", &over_ssh(&repo)]);
}

/// T30.
#[test]
fn a_bundle_that_a_server_points_at_is_not_fetched() {
    let (world, repo) = with_kit();
    let elsewhere = Server::start(&world.path("repos"));
    for (key, value) in [
        ("uploadpack.advertiseBundleURIs", "true"),
        ("bundle.version", "1"),
        ("bundle.mode", "all"),
        ("bundle.evil.uri", &elsewhere.url("bundle")),
    ] {
        repo.git(&["config", key, value]);
    }
    let alternates = repo.dir().join(".git/objects/info/http-alternates");
    write(&alternates, format!("{}\n", elsewhere.url("kit/.git/objects")));
    let server = Server::start(&world.path("repos"));
    world.accepts(&["install", "kit", "--git", &server.url("kit")]);
    assert_eq!(world.read(SKILL), skill("kit", "one"));
    assert!(server.requests() > 0);
    assert_eq!(elsewhere.requests(), 0);
}
