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
        transaction.remove(&self.path("gone")).expect("planned");
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
    bench.prepared().commit().expect("committed");
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
        assert!(recover(&bench.state(), &|_| true).expect("recovered"), "{done}");
        assert_eq!(shown(&bench.contents()), NEW, "{done}");
        assert!(!recover(&bench.state(), &|_| true).expect("nothing left"), "{done}");
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
    transaction.commit().expect("committed");
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
    assert!(!recover(&bench.state(), &|_| true).expect("nothing to complete"));
    assert_eq!(shown(&bench.contents()), OLD);
    let left: Vec<_> =
        std::fs::read_dir(bench.state()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(left, [".gitignore"]);
}
