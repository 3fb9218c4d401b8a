use super::*;
use crate::error::Kind;
use crate::model::tree::TreeFile;

/// A project whose run replaces a skill, the MCP file and removes the lock.
struct Bench {
    dir: tempfile::TempDir,
}

const SKILL: &str = ".claude/skills/skill";
const OLD: [Option<&str>; 3] = [Some("old"), Some("old"), Some("old")];
const NEW: [Option<&str>; 3] = [Some("new"), Some("new"), None];

fn tree(text: &str) -> Tree {
    Tree::new([TreeFile::parse("SKILL.md", false, text.into()).expect("a path")]).expect("a tree")
}

impl Bench {
    fn new() -> Self {
        let bench = Bench { dir: tempfile::tempdir().expect("a directory") };
        prepare_state(&bench.folders()).expect("prepared");
        bench
    }

    fn places(&self) -> ScopePlaces {
        ScopePlaces::project(&self.dir.path().canonicalize().expect("a path"))
    }

    fn folders(&self) -> Folders {
        Folders::of(&self.places(), &[])
    }

    fn begin(&self) -> Transaction {
        Transaction::begin(&self.places()).expect("begun")
    }

    fn happen(&self, step: &Step) -> bool {
        step.happen(&self.folders()).expect("happened")
    }

    fn state(&self) -> PathBuf {
        self.path(".cpm")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.places().base.join(name)
    }

    fn prepared(&self) -> Transaction {
        fsx::tree::write(&tree("old"), &self.path(SKILL)).expect("written");
        std::fs::write(self.path(".mcp.json"), "old").expect("written");
        std::fs::write(self.path("cpm.lock"), "old").expect("written");
        let mut transaction = self.begin();
        transaction.put_dir(&self.path(SKILL), &tree("new")).expect("staged");
        transaction.put_file(&self.path(".mcp.json"), b"new", Privacy::Shared).expect("staged");
        transaction.remove(&self.path("cpm.lock"), Privacy::Shared).expect("planned");
        transaction
    }

    /// [`Bench::prepared`] with a change of a file that the client writes too, which comes first.
    fn with_shared(&self) -> Transaction {
        std::fs::write(self.path("cpm.toml"), "old").expect("written");
        let mut transaction = self.prepared();
        transaction.put_file(&self.path("cpm.toml"), b"new", Privacy::Owner).expect("staged");
        transaction.steps.rotate_right(1);
        transaction
    }

    fn shared(&self) -> String {
        std::fs::read_to_string(self.path("cpm.toml")).expect("there")
    }

    /// A run that was killed after so many of its steps.
    fn killed_after(&self, done: usize) -> Vec<Step> {
        self.killed(self.prepared(), done)
    }

    fn killed(&self, mut transaction: Transaction, done: usize) -> Vec<Step> {
        let steps = std::mem::take(&mut transaction.steps);
        let journal = Journal { steps, made: Vec::new() };
        journal.prepare(&self.folders()).expect("written");
        journal::commit(&self.folders()).expect("committed");
        journal.steps[..done].iter().for_each(|step| assert!(self.happen(step)));
        std::mem::forget(transaction);
        journal.steps
    }

    fn recover(&self) -> Result<Option<Recovered>> {
        let (folders, places) = (self.folders(), [self.places()]);
        match look(&folders, &places)? {
            Left::Interrupted(interrupted) => interrupted.recover().map(Some),
            Left::Nothing | Left::Unfinished => Ok(None),
        }
    }

    fn holds(&self, wanted: [Option<&str>; 3]) -> bool {
        let contents = [&format!("{SKILL}/SKILL.md"), ".mcp.json", "cpm.lock"]
            .map(|name| std::fs::read_to_string(self.path(name)).ok());
        contents.each_ref().map(Option::as_deref) == wanted
    }

    fn has_no_debris(&self) -> bool {
        let entries = std::fs::read_dir(self.state()).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).eq([".gitignore"])
    }
}

#[test]
fn all_or_nothing() {
    let bench = Bench::new();
    drop(bench.prepared());
    assert!(bench.holds(OLD) && bench.has_no_debris());
    std::fs::remove_dir_all(bench.path(SKILL)).expect("removed");
    assert_eq!(bench.prepared().commit().expect("committed"), Outcome::Done);
    assert!(bench.holds(NEW) && bench.has_no_debris());
}

#[test]
fn every_interruption_after_the_journal_is_completed() {
    for done in 0..=3 {
        let bench = Bench::new();
        bench.killed_after(done);
        assert!(matches!(bench.recover().expect("recovered"), Some(Recovered::Completed)), "{done}");
        assert!(bench.holds(NEW) && bench.has_no_debris(), "{done}");
        assert!(bench.recover().expect("nothing left").is_none());
    }
}

#[test]
fn what_cannot_be_completed_is_taken_back() {
    for done in 0..3 {
        let bench = Bench::new();
        let steps = bench.killed_after(done);
        // The last that was not applied can be so no more.
        let lost = steps.iter().skip(done).find(|step| step.new.is_some());
        let Some(lost) = lost else { continue };
        fsx::remove_any(&lost.staged).expect("removed");
        assert!(matches!(bench.recover().expect("recovered"), Some(Recovered::TakenBack(_))), "{done}");
        assert!(bench.holds(OLD) && bench.has_no_debris(), "{done}");
    }
}

#[test]
fn a_target_that_was_edited_after_the_interruption_stays() {
    for done in 0..=2 {
        let bench = Bench::new();
        let steps = bench.killed_after(done);
        std::fs::write(bench.path(".mcp.json"), "mine").expect("written");
        for _ in 0..2 {
            let error = bench.recover().expect_err("edited");
            assert_eq!(error.kind(), Kind::Recovery);
            let both = error.causes().concat();
            assert!(both.contains(".mcp.json") && both.contains(&steps[1].staged.display().to_string()), "{both}");
            assert_eq!(std::fs::read_to_string(bench.path(".mcp.json")).expect("there"), "mine");
        }
        // What the message says.
        std::fs::rename(bench.path(".mcp.json"), bench.path("kept")).expect("moved");
        bench.recover().expect("recovered");
        assert!(is_interrupted(&bench.state()) || bench.has_no_debris());
        assert_eq!(std::fs::read_to_string(bench.path("kept")).expect("there"), "mine");
    }
}

#[test]
fn what_was_written_after_it_was_read_stays_and_all_else_too() {
    let skill = format!("{SKILL}/SKILL.md");
    for (name, is_first) in [(".mcp.json", true), (".mcp.json", false), (skill.as_str(), true), ("cpm.lock", true)] {
        let bench = Bench::new();
        let mut transaction = bench.prepared();
        std::fs::write(bench.path(name), "mine").expect("written");
        if !is_first {
            // Read before it was written, staged after.
            transaction.steps.clear();
            transaction.was_read(&bench.path(name), Some(b"old"));
            transaction.put_file(&bench.path(name), b"new", Privacy::Shared).expect("staged");
        }
        let changed = if name == skill { SKILL } else { name };
        assert_eq!(transaction.commit().expect("no failure"), Outcome::Changed(bench.path(changed)));
        let wanted = [&skill, ".mcp.json", "cpm.lock"].map(|other| Some(if other == name { "mine" } else { "old" }));
        assert!(bench.holds(wanted) && bench.has_no_debris(), "{name}");
    }
}

#[test]
fn what_was_written_in_the_last_moment_is_put_back_and_all_else_taken_back() {
    for displaced in 0..4 {
        let bench = Bench::new();
        let steps = bench.killed(bench.with_shared(), displaced);
        let target = &steps[displaced].target;
        let mine = if target.is_dir() { target.join("SKILL.md") } else { target.clone() };
        std::fs::write(&mine, "mine").expect("written");
        // The run ends between the exchange and the look at what it displaced.
        assert!(!bench.happen(&steps[displaced]), "{displaced}");
        assert!(matches!(bench.recover().expect("recovered"), Some(Recovered::TakenBack(_))), "{displaced}");
        assert_eq!(std::fs::read_to_string(&mine).expect("there"), "mine");
        std::fs::write(&mine, "old").expect("written");
        assert!(bench.holds(OLD) && bench.shared() == "old" && bench.has_no_debris(), "{displaced}");
    }
}

#[test]
fn a_file_that_the_client_wrote_after_an_interruption_stops_nothing() {
    for done in 0..=4 {
        let bench = Bench::new();
        bench.killed(bench.with_shared(), done);
        let theirs = bench.shared() + " and theirs";
        std::fs::write(bench.path("cpm.toml"), &theirs).expect("written");
        let recovered = bench.recover().expect("recovered");
        assert_eq!(matches!(recovered, Some(Recovered::TakenBack(_))), done == 0, "{done}");
        assert!(bench.holds(if done == 0 { OLD } else { NEW }) && bench.shared() == theirs, "{done}");
        assert!(bench.has_no_debris(), "{done}");
    }
}

#[test]
fn a_file_that_came_where_none_was_is_not_replaced() {
    let bench = Bench::new();
    let mut transaction = bench.begin();
    transaction.put_file(&bench.path("fresh"), b"new", Privacy::Shared).expect("staged");
    let step = transaction.steps[0].clone();
    std::fs::write(bench.path("fresh"), "mine").expect("written");
    assert!(!bench.happen(&step));
    assert_eq!(transaction.commit().expect("no failure"), Outcome::Changed(bench.path("fresh")));
    assert_eq!(std::fs::read_to_string(bench.path("fresh")).expect("there"), "mine");
}

#[test]
fn what_came_after_us_is_newer_than_what_we_displaced() {
    let bench = Bench::new();
    let transaction = bench.prepared();
    let step = transaction.steps[1].clone();
    std::fs::write(bench.path(".mcp.json"), "mine").expect("written");
    assert!(!bench.happen(&step));
    std::fs::write(bench.path(".mcp.json"), "newest").expect("written");
    step.undo(&bench.folders()).expect("taken back");
    assert_eq!(std::fs::read_to_string(bench.path(".mcp.json")).expect("there"), "newest");
}

#[test]
fn a_journal_that_was_cut_off_says_nothing_and_a_damaged_one_stops() {
    let bench = Bench::new();
    bench.killed_after(0);
    let file = journal::file(&bench.state());
    let whole = std::fs::read(&file).expect("a journal");
    let read = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("written");
        journal::read(&bench.folders())
    };
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert_eq!(read(&damaged).expect_err("damaged").kind(), Kind::Recovery, "byte {at}");
    }
    assert!(matches!(read(&whole[..whole.len() - 1]), Ok(journal::Read::Whole(_))), "all that it says is there");
    assert!(matches!(read(&vec![0; whole.len()]), Ok(journal::Read::Torn)), "its bytes never reached the disk");
    for length in 0..whole.len() - 1 {
        assert!(matches!(read(&whole[..length]), Ok(journal::Read::Torn)), "{length}");
    }
    assert!(bench.recover().expect("nothing to complete").is_none());
    assert!(bench.holds(OLD) && bench.has_no_debris());
}

#[test]
fn an_exchange_that_stopped_halfway_is_mended() {
    for (staged, target, aside) in [(Some("new"), None, "old"), (None, Some("new"), "old")] {
        let bench = Bench::new();
        let place = |name: &str, text: Option<&str>| {
            let path = bench.path(name);
            text.into_iter().for_each(|text| std::fs::write(&path, text).expect("written"));
            path
        };
        let (slot, goal) = (place("slot", staged), place("goal", target));
        let sides = [&slot, &goal].map(|path| Place::of(path).expect("a place"));
        std::fs::write(fsx::swap::aside(&sides[0]).path(), aside).expect("written");
        fsx::swap::mend(&sides[0], &sides[1]).expect("mended");
        let text = |path: &Path| std::fs::read_to_string(path).expect("there");
        let mut both = [text(&slot), text(&goal)];
        both.sort();
        assert_eq!(both, ["new", "old"]);
        assert_eq!(text(&goal), target.unwrap_or("old"), "as far as it was");
    }
}

#[test]
fn folders_made_on_the_way_go_when_nothing_comes_of_it() {
    let bench = Bench::new();
    let mut transaction = bench.begin();
    transaction.put_dir(&bench.path(SKILL), &tree("new")).expect("staged");
    transaction.put_file(&bench.path("cpm.lock"), b"new", Privacy::Shared).expect("staged");
    std::fs::write(bench.path("cpm.lock"), "mine").expect("written");
    assert_eq!(transaction.commit().expect("no failure"), Outcome::Changed(bench.path("cpm.lock")));
    assert!(!bench.path(".claude").exists());
    assert_eq!(std::fs::read_to_string(bench.path("cpm.lock")).expect("there"), "mine");
}

#[cfg(unix)]
#[test]
fn modes_and_links_of_shared_files_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    std::fs::write(bench.path("real"), "old").expect("written");
    std::fs::set_permissions(bench.path("real"), std::fs::Permissions::from_mode(0o640)).expect("set");
    std::os::unix::fs::symlink("real", bench.path("link")).expect("a link");
    let mut transaction = bench.begin();
    transaction.put_file(&bench.path("link"), b"new", Privacy::Owner).expect("staged");
    transaction.put_file(&bench.path("fresh"), b"x", Privacy::Owner).expect("staged");
    assert_eq!(transaction.commit().expect("committed"), Outcome::Done);
    let mode = |name: &str| std::fs::metadata(bench.path(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode("real"), mode("fresh")), (0o640, 0o600));
    assert!(bench.path("link").is_symlink());
    assert_eq!(std::fs::read_to_string(bench.path("real")).expect("there"), "new");
}

/// Folders on the way to what a run writes, and a folder outside that has everything that is in one of them.
#[cfg(unix)]
fn exchanged_for_a_link(check: impl Fn(&str, &Bench, &dyn Fn())) {
    for part in [".claude", ".claude/skills", ".cpm"] {
        let bench = Bench::new();
        let outside = tempfile::tempdir().expect("a directory");
        for name in ["skills/skill", "skill", "staged-0", "staged-1", "staged-2", "journal.json"] {
            fsx::create_dirs(&outside.path().join(name)).expect("made");
            std::fs::write(outside.path().join(name).join("SKILL.md"), "precious").expect("written");
        }
        let before = everything(outside.path());
        check(part, &bench, &|| {
            std::fs::rename(bench.path(part), bench.path("moved")).expect("moved");
            std::os::unix::fs::symlink(outside.path(), bench.path(part)).expect("a link");
        });
        assert_eq!(everything(outside.path()), before, "{part}");
    }
}

/// Every file below a folder with its text.
#[cfg(unix)]
fn everything(root: &Path) -> BTreeMap<String, String> {
    let names = fsx::tree::list(root).expect("listed").into_iter();
    names.map(|name| (name.clone(), std::fs::read_to_string(root.join(name)).expect("read"))).collect()
}

#[cfg(unix)]
#[test]
fn a_folder_that_becomes_a_link_while_a_run_stages_ends_the_run() {
    for is_staged in [false, true] {
        exchanged_for_a_link(|part, bench, exchange| {
            let mut transaction = bench.prepared();
            let mut stage = || transaction.put_file(&bench.path(".claude/skills/more"), b"new", Privacy::Shared);
            let staged = if is_staged { stage() } else { Ok(()) };
            exchange();
            let staged = staged.and_then(|()| stage());
            let outcome = transaction.commit();
            assert!(staged.is_err() || matches!(outcome, Ok(Outcome::Changed(_))), "{part}: {outcome:?}");
        });
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_becomes_a_link_between_two_steps_is_not_followed() {
    for moment in 0..=3 {
        for is_taken_back in [false, true] {
            exchanged_for_a_link(|part, bench, exchange| {
                let transaction = bench.prepared();
                let (folders, steps) = (&transaction.folders, &transaction.steps);
                for (at, step) in steps.iter().enumerate() {
                    if at == moment {
                        exchange();
                    }
                    assert!(step.happen(folders).expect("happened"), "{part} {moment}");
                }
                if moment == steps.len() {
                    exchange();
                }
                if is_taken_back {
                    step::take_back(folders, steps, &|step| step.standing(folders)).expect("taken back");
                }
                // The folder of the run, wherever it is now, has what belongs there.
                let moved = everything(&bench.path("moved"));
                let skill =
                    moved.iter().find(|(name, _)| name.ends_with("skill/SKILL.md")).map(|(_, text)| text.as_str());
                let wanted = if is_taken_back { "old" } else { "new" };
                assert!(skill.is_none_or(|text| text == wanted), "{part} {moment} {skill:?}");
                assert_eq!(skill.is_some(), part != ".cpm", "{part} {moment}");
            });
        }
    }
}
