//! Packages without end: the limit is named, and nothing grows on the way to it.

use super::Served;

/// Enough for cpm and git with a wide margin, and less than half of what the hostile content would need unpacked.
#[cfg(target_os = "linux")]
const MEMORY_KIB: &str = "262144";

/// Installs what is served with bounded memory; a process that asks for more is ended by the system.
#[cfg(target_os = "linux")]
fn refuses_in_bounded_memory(served: &Served) -> crate::support::Run {
    use crate::support::Run;
    use crate::support::http::Server;
    // Over a connection, because a server that git starts itself would be bounded too.
    let server = Server::start(&served.world.path("repos"));
    // Threads reserve room that they do not use, more of it the more processors there are.
    crate::support::write(&served.world.home().join(".gitconfig"), "[pack]\n\tthreads = 1\n");
    let script = format!("ulimit -v {MEMORY_KIB} && exec \"$@\"");
    let mut command = served.world.command("/bin/sh");
    command.env("MALLOC_ARENA_MAX", "1");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_cpm"), "install", "kit", "--git", &server.url("kit")]);
    let run = Run::of(command.output().expect("a shell"));
    assert_eq!(run.code, 24, "{run}");
    served.world.assert_guarded(&run);
    run
}

/// How many bytes a folder takes.
#[cfg(target_os = "linux")]
fn size_of(folder: &std::path::Path) -> u64 {
    let paths = crate::support::samples::everything(folder).into_keys();
    paths.map(|path| path.symlink_metadata().expect("metadata").len()).sum()
}

/// C34, C35, C36, C37, C38.
#[test]
fn a_package_above_a_limit_is_refused_with_the_limit() {
    let served = Served::new();
    let names: Vec<String> = (0..5_000).map(|at| format!("f{at:05}")).collect();
    let many: Vec<_> = names.iter().map(|name| ("100644", name.as_bytes(), served.skill)).collect();
    let tenth = served.repo.blob(vec![b'x'; 10 << 20]);
    let heavy: Vec<_> = names[..5].iter().map(|name| ("100644", name.as_bytes(), tenth)).collect();
    let large = served.repo.blob(vec![b'x'; (10 << 20) + 1]);
    let nested = |depth: usize, name: &[u8]| {
        (0..depth).fold(served.repo.tree(&[("100644", b"x", served.skill)]), |below, _| {
            served.repo.tree(&[("40000", name, below)])
        })
    };
    let long = nested(1, &[b'n'; 99]);
    for (row, entries, said) in [
        ("C34", many, "5000 files"),
        ("C35", heavy, "52428800 bytes"),
        ("C36", vec![("100644", &b"large"[..], large)], "10485760"),
        ("C37", vec![("40000", b"d", nested(19, b"d"))], "deeper than 20"),
        ("C38", vec![("40000", &[b'n'; 99], long)], "longer than 200"),
    ] {
        served.serve(&entries);
        let run = served.refuses(24);
        assert!(run.stderr.contains(said), "{row}: {run}");
    }
    served.accepts_a_good_tree();
}

/// C36, C37.
#[test]
fn a_package_at_the_limits_is_installed() {
    let served = Served::new();
    let largest = served.repo.blob(vec![b'x'; 10 << 20]);
    let bottom = served.repo.tree(&[("100644", b"x", served.skill)]);
    let deep = (0..18).fold(bottom, |below, _| served.repo.tree(&[("40000", b"d", below)]));
    served.serve(&[("40000", b"d", deep), ("100644", b"largest", largest)]);
    served.accepts();
    assert!(served.world.has(&format!(".claude/skills/kit/{}x", "d/".repeat(19))));
    assert!(served.world.has(".claude/skills/kit/largest"));
}

/// C39.
#[cfg(target_os = "linux")]
#[test]
fn a_tree_of_ten_billion_files_in_eleven_objects_is_refused_in_little_memory() {
    let served = Served::new();
    let names: Vec<String> = (0..10).map(|at| format!("d{at}")).collect();
    let level = |mode: &str, id: git2::Oid| {
        served.repo.tree(&names.iter().map(|name| (mode, name.as_bytes(), id)).collect::<Vec<_>>())
    };
    let no_file = served.repo.tree(&[]);
    for (mode, bottom) in [("100644", served.skill), ("40000", no_file)] {
        let bomb = (1..10).fold(level(mode, bottom), |below, _| level("40000", below));
        served.serve(&[("40000", b"bomb", bomb)]);
        let run = refuses_in_bounded_memory(&served);
        assert!(run.stderr.contains("too large"), "{run}");
        assert!(size_of(&served.world.path("cache")) < 1 << 20);
    }
    served.accepts_a_good_tree();
}

/// C40.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_300_megabytes_in_a_small_pack_is_refused_without_unpacking_it() {
    let served = Served::new();
    let zeros = served.repo.zeros(300 << 20);
    served.serve(&[("100644", b"zeros", zeros)]);
    let run = refuses_in_bounded_memory(&served);
    assert!(run.stderr.contains("zeros") && run.stderr.contains("10485760"), "{run}");
    assert!(size_of(&served.world.path("cache")) < 4 << 20, "it lies in the cache unpacked");
    served.accepts_a_good_tree();
}
