//! Names and modes of single entries, and names that meet.

use super::Served;

/// A name that must not be written anywhere.
struct Bad<'a> {
    row: &'a str,
    name: &'a [u8],
    /// The reason that must be told: git's own check first, then cpm's rule.
    said: &'a str,
}

/// Every rule for a name on its own.
const NAMES: &[Bad<'_>] = &[
    Bad { row: "C01", name: b"..", said: "hasDotdot" },
    Bad { row: "C02", name: b".", said: "hasDot" },
    Bad { row: "C03", name: b".git", said: "hasDotgit" },
    Bad { row: "C04", name: b".GiT", said: "hasDotgit" },
    Bad { row: "C05", name: b"git~1", said: "hasDotgit" },
    Bad { row: "C06", name: ".g\u{200c}it".as_bytes(), said: "hasDotgit" },
    Bad { row: "C07", name: b"a/../../x", said: "fullPathname" },
    Bad { row: "C18", name: b"..\\..\\x", said: "U+005C" },
    Bad { row: "C19", name: b"new\nline", said: "U+000A" },
    Bad { row: "C20", name: b"esc\x1b]0;x\x07", said: "U+001B" },
    Bad { row: "C21", name: b"latin\xe9", said: "not UTF-8" },
    Bad { row: "C22", name: "e\u{301}.md".as_bytes(), said: "normal form" },
    Bad { row: "C23", name: b"CON.md", said: "device" },
    Bad { row: "C23", name: b"aux", said: "device" },
    Bad { row: "C23", name: b"nul.txt", said: "device" },
    Bad { row: "C23", name: "COM\u{b9}".as_bytes(), said: "device" },
    Bad { row: "C23", name: b"CONIN$", said: "device" },
    Bad { row: "C24", name: b"a.", said: "ends with" },
    Bad { row: "C24", name: b"a ", said: "ends with" },
    Bad { row: "C25", name: b"SKILL.md:evil", said: "U+003A" },
    Bad { row: "C25", name: b"a*b", said: "U+002A" },
    Bad { row: "C25", name: b"a?b", said: "U+003F" },
    Bad { row: "C25", name: b"a\"b", said: "U+0022" },
    Bad { row: "C25", name: b"a<b", said: "U+003C" },
    Bad { row: "C25", name: b"a>b", said: "U+003E" },
    Bad { row: "C25", name: b"a|b", said: "U+007C" },
    Bad { row: "C26", name: "a\u{202e}b".as_bytes(), said: "U+202E" },
    Bad { row: "C27", name: &[b'n'; 300], said: "longer than" },
    Bad { row: "C28", name: b"-rf", said: "option" },
];

/// C01, C02, C03, C04, C05, C06, C07, C18, C19, C20, C21, C22, C23, C24, C25, C26, C27, C28.
#[test]
fn a_file_whose_name_leads_elsewhere_or_deceives_is_refused() {
    let served = Served::new();
    for bad in NAMES {
        served.serve(&[("100644", bad.name, served.skill)]);
        let run = served.refuses(24);
        assert!(run.stderr.contains(bad.said), "{}: {run}", bad.row);
    }
    served.accepts_a_good_tree();
}

/// C01, C02, C03, C04, C05, C06, C07, C18, C19, C20, C21, C22, C23, C24, C25, C26, C27, C28.
#[test]
fn a_folder_whose_name_leads_elsewhere_or_deceives_is_refused() {
    let served = Served::new();
    let inside = served.repo.tree(&[("100755", b"hooks", served.skill)]);
    for bad in NAMES {
        let above = served.repo.tree(&[("40000", bad.name, inside)]);
        served.serve(&[("40000", b"deep", above)]);
        let run = served.refuses(24);
        assert!(run.stderr.contains(bad.said), "{}: {run}", bad.row);
    }
    served.accepts_a_good_tree();
}

/// C08.
#[test]
fn an_entry_without_a_name_is_never_installed() {
    let served = Served::new();
    served.serve(&[("100644", b"", served.skill)]);
    served.refuses(13);
    served.accepts_a_good_tree();
}

/// C09, C10, C11, C41, C42, C43, C56.
#[test]
fn names_that_some_file_system_takes_for_one_are_refused() {
    const MEET: &str = "would be one on some file systems";
    let served = Served::new();
    let file = served.skill;
    let folder = served.repo.tree(&[("100644", b"x", file)]);
    let file = |name: &'static str| ("100644", name.as_bytes(), file);
    let folder = |name: &'static str| ("40000", name.as_bytes(), folder);
    for (row, entries, said) in [
        ("C09", [file("x"), file("x")], "duplicateEntries"),
        ("C10", [file("README"), file("readme")], MEET),
        ("C11", [file("a"), folder("a")], "duplicateEntries"),
        ("C41", [file("STRASSE"), file("stra\u{df}e")], MEET),
        ("C41", [file("s.md"), file("\u{17f}.md")], MEET),
        ("C41", [file("k.md"), file("\u{212a}.md")], "normal form"),
        ("C41", [file("\u{130}.md"), file("i\u{307}.md")], MEET),
        ("C42", [file("e\u{301}"), file("\u{e9}")], "normal form"),
        ("C43", [file("Docs"), folder("docs")], MEET),
        ("C43", [folder("Docs"), file("docs")], MEET),
        ("C43", [folder("Docs"), folder("docs")], MEET),
        ("C56", [file("a"), file("skill.md")], MEET),
    ] {
        served.serve(&entries);
        let run = served.refuses(24);
        assert!(run.stderr.contains(said), "{row}: {run}");
    }
    served.accepts_a_good_tree();
}

/// C12.
#[test]
fn entries_in_another_order_than_gits_are_refused() {
    let served = Served::new();
    let entries = ["z", "b"].map(|name| ("100644", name.as_bytes(), served.skill));
    served.repo.serve(served.repo.tree(&entries));
    let run = served.refuses(24);
    assert!(run.stderr.contains("treeNotSorted"), "{run}");
    served.accepts_a_good_tree();
}

/// C13.
#[test]
fn a_file_that_git_once_wrote_for_everybody_is_an_ordinary_one() {
    let served = Served::new();
    let url = served.repo.url();
    served.serve(&[("100666", b"notes.md", served.skill), ("100664", b"other.md", served.skill)]);
    served.world.accepts(&["install", "kit", "--git", &url]);
    for file in ["notes.md", "other.md"] {
        let path = served.world.project().join(".claude/skills/kit").join(file);
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().expect("a file").permissions());
        assert_eq!(mode & 0o133, 0, "{file}: {mode:o}");
    }
}

/// C14.
#[test]
fn a_mode_that_no_package_needs_is_refused() {
    let served = Served::new();
    for mode in ["104755", "102755", "101755", "100777", "100600", "60644"] {
        served.serve(&[(mode, b"run", served.skill)]);
        let run = served.refuses(24);
        assert!(run.stderr.contains(mode), "{mode}: {run}");
    }
    served.accepts_a_good_tree();
}
