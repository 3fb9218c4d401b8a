use super::*;
use crate::model::tree::TreeFile;

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Bench { dir: tempfile::tempdir().expect("a directory") };
        prepare_state(&bench.state()).expect("prepared");
        bench
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces a folder and a file and removes another one.
    fn prepared(&self) -> Transaction {
        let tree =
            |text: &str| Tree::new([TreeFile::parse("SKILL.md", false, text.into()).expect("a path")]).expect("a tree");
        fsx::tree::write(&tree("old"), &self.path("skill")).expect("written");
        std::fs::write(self.path("file"), "old").expect("written");
        std::fs::write(self.path("gone"), "old").expect("written");
        let mut transaction = Transaction::begin(&self.state()).expect("begun");
        transaction.put_dir(&self.path("skill"), &tree("new")).expect("staged");
        transaction.put_file(&self.path("file"), b"new", Privacy::Shared).expect("staged");
        transaction.remove(&self.path("gone"), Privacy::Shared).expect("planned");
        transaction
    }

    fn contents(&self) -> [Option<String>; 3] {
        ["skill/SKILL.md", "file", "gone"].map(|name| std::fs::read_to_string(self.path(name)).ok())
    }
}

const OLD: [Option<&str>; 3] = [Some("old"), Some("old"), Some("old")];
const NEW: [Option<&str>; 3] = [Some("new"), Some("new"), None];

fn shown(contents: &[Option<String>; 3]) -> [Option<&str>; 3] {
    [contents[0].as_deref(), contents[1].as_deref(), contents[2].as_deref()]
}

#[test]
fn all_or_nothing() {
    let bench = Bench::new();
    drop(bench.prepared());
    assert_eq!(shown(&bench.contents()), OLD);
    assert!(!stage_dir(&bench.state()).exists(), "no debris");
    std::fs::remove_dir_all(bench.path("skill")).expect("removed");
    assert_eq!(bench.prepared().commit().expect("committed"), Outcome::Done);
    assert_eq!(shown(&bench.contents()), NEW);
    let left: Vec<_> =
        std::fs::read_dir(bench.state()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(left, [".gitignore"]);
}

#[test]
fn every_interruption_after_the_journal_is_completed() {
    for done in 0..=3 {
        let bench = Bench::new();
        let transaction = bench.prepared();
        write_journal(&bench.state(), &transaction.steps).expect("written");
        for step in &transaction.steps[..done] {
            apply(step).expect("applied");
        }
        std::mem::forget(transaction);
        assert_eq!(recover(&bench.state(), &|_| true).expect("recovered"), Recovered::Completed, "{done}");
        assert_eq!(shown(&bench.contents()), NEW, "{done}");
        assert_eq!(recover(&bench.state(), &|_| true).expect("nothing left"), Recovered::Nothing, "{done}");
    }
}

#[test]
fn an_edit_after_the_interruption_is_not_overwritten() {
    let bench = Bench::new();
    let transaction = bench.prepared();
    write_journal(&bench.state(), &transaction.steps).expect("written");
    std::mem::forget(transaction);
    std::fs::write(bench.path("file"), "mine").expect("written");
    assert_eq!(recover(&bench.state(), &|_| true).expect_err("edited").kind(), Kind::Recovery);
    assert_eq!(std::fs::read_to_string(bench.path("file")).expect("there"), "mine");
}

#[cfg(unix)]
#[test]
fn modes_and_links_of_shared_files_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    std::fs::write(bench.path("real"), "old").expect("written");
    std::fs::set_permissions(bench.path("real"), std::fs::Permissions::from_mode(0o640)).expect("set");
    std::os::unix::fs::symlink("real", bench.path("link")).expect("a link");
    let mut transaction = Transaction::begin(&bench.state()).expect("begun");
    transaction.put_file(&bench.path("link"), b"new", Privacy::Owner).expect("staged");
    transaction.put_file(&bench.path("fresh"), b"x", Privacy::Owner).expect("staged");
    assert_eq!(transaction.commit().expect("committed"), Outcome::Done);
    let mode = |name: &str| std::fs::metadata(bench.path(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode("real"), mode("fresh")), (0o640, 0o600));
    assert!(bench.path("link").is_symlink());
    assert_eq!(std::fs::read_to_string(bench.path("real")).expect("there"), "new");
}

#[test]
fn an_interruption_before_the_journal_leaves_the_old_state_and_no_debris() {
    let bench = Bench::new();
    let transaction = bench.prepared();
    std::fs::write(unfinished_journal(&bench.state()), "{\"format\":1,\"st").expect("written");
    std::mem::forget(transaction);
    assert_eq!(recover(&bench.state(), &|_| true).expect("nothing to complete"), Recovered::Nothing);
    assert_eq!(shown(&bench.contents()), OLD);
    let left: Vec<_> =
        std::fs::read_dir(bench.state()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(left, [".gitignore"]);
}

/// [`Bench::prepared`] with a change of a file that the client writes too, which comes first.
fn with_shared(bench: &Bench) -> Transaction {
    std::fs::write(bench.path("shared"), "old").expect("written");
    let mut transaction = bench.prepared();
    transaction.put_file(&bench.path("shared"), b"new", Privacy::Owner).expect("staged");
    transaction.steps.rotate_right(1);
    transaction
}

fn shared(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("shared")).expect("there")
}

#[test]
fn what_was_written_after_it_was_read_stays_and_all_else_too() {
    for (name, is_first) in [("file", true), ("file", false), ("skill/SKILL.md", true), ("gone", true)] {
        let bench = Bench::new();
        let mut transaction = bench.prepared();
        if is_first {
            std::fs::write(bench.path(name), "mine").expect("written");
        } else {
            // Read before it was written, staged after.
            std::fs::write(bench.path(name), "mine").expect("written");
            transaction.steps.clear();
            transaction.was_read(&bench.path(name), Some(b"old"));
            transaction.put_file(&bench.path(name), b"new", Privacy::Shared).expect("staged");
        }
        let outcome = transaction.commit().expect("no failure");
        assert_eq!(outcome, Outcome::Changed(bench.path(name.split('/').next().expect("a name"))));
        let wanted = ["skill/SKILL.md", "file", "gone"].map(|other| Some(if other == name { "mine" } else { "old" }));
        assert_eq!(shown(&bench.contents()), wanted);
        assert!(!stage_dir(&bench.state()).exists() && !is_interrupted(&bench.state()), "no debris");
    }
}

#[test]
fn what_was_written_in_the_last_moment_is_put_back_and_all_else_taken_back() {
    for displaced in 0..4 {
        let bench = Bench::new();
        let transaction = with_shared(&bench);
        let steps = transaction.steps.clone();
        write_journal(&bench.state(), &steps).expect("written");
        steps[..displaced].iter().for_each(|step| assert!(meanwhile::replace(step).expect("replaced")));
        let target = &steps[displaced].target;
        let mine = if target.is_dir() { target.join("SKILL.md") } else { target.clone() };
        std::fs::write(&mine, "mine").expect("written");
        // The run ends between the exchange and the look at what it displaced.
        assert!(!meanwhile::replace(&steps[displaced]).expect("replaced"), "{displaced}");
        std::mem::forget(transaction);
        assert_eq!(recover(&bench.state(), &|_| true).expect("recovered"), Recovered::TakenBack, "{displaced}");
        assert_eq!(std::fs::read_to_string(&mine).expect("there"), "mine");
        std::fs::write(&mine, "old").expect("written");
        assert_eq!((shown(&bench.contents()), shared(&bench).as_str()), (OLD, "old"), "{displaced}");
        assert!(!stage_dir(&bench.state()).exists() && !is_interrupted(&bench.state()), "no debris");
    }
}

#[test]
fn a_file_that_the_client_wrote_after_an_interruption_stops_nothing() {
    for done in 0..=4 {
        let bench = Bench::new();
        let transaction = with_shared(&bench);
        write_journal(&bench.state(), &transaction.steps).expect("written");
        transaction.steps[..done].iter().for_each(|step| apply(step).expect("applied"));
        std::mem::forget(transaction);
        let theirs = shared(&bench) + " and theirs";
        std::fs::write(bench.path("shared"), &theirs).expect("written");
        let (recovered, contents) = match done {
            0 => (Recovered::TakenBack, OLD),
            _ => (Recovered::Completed, NEW),
        };
        assert_eq!(recover(&bench.state(), &|_| true).expect("recovered"), recovered, "{done}");
        assert_eq!((shown(&bench.contents()), shared(&bench)), (contents, theirs), "{done}");
    }
}

#[test]
fn a_file_that_came_where_none_was_is_not_replaced() {
    let bench = Bench::new();
    let mut transaction = Transaction::begin(&bench.state()).expect("begun");
    transaction.put_file(&bench.path("fresh"), b"new", Privacy::Shared).expect("staged");
    let step = transaction.steps[0].clone();
    std::fs::write(bench.path("fresh"), "mine").expect("written");
    assert!(!meanwhile::replace(&step).expect("replaced"));
    meanwhile::take_back(&step).expect("taken back");
    assert_eq!(std::fs::read_to_string(bench.path("fresh")).expect("there"), "mine");
    assert_eq!(transaction.commit().expect("no failure"), Outcome::Changed(bench.path("fresh")));
    assert_eq!(std::fs::read_to_string(bench.path("fresh")).expect("there"), "mine");
}

#[test]
fn what_came_after_us_is_newer_than_what_we_displaced() {
    let bench = Bench::new();
    let transaction = bench.prepared();
    let step = transaction.steps[1].clone();
    std::fs::write(bench.path("file"), "mine").expect("written");
    assert!(!meanwhile::replace(&step).expect("replaced"));
    std::fs::write(bench.path("file"), "newest").expect("written");
    meanwhile::take_back(&step).expect("taken back");
    assert_eq!(std::fs::read_to_string(bench.path("file")).expect("there"), "newest");
}
