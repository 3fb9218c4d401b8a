//! The faults that tests ask for are in no release build.

use std::path::Path;
use std::process::Command;

use crate::support::World;

const VARIABLE: &str = "CPM_FAILPOINT";

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn no_release_build_asks_for_faults() {
    let world = World::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fsx/failpoint.rs");
    for (assertions, is_asked) in [("yes", true), ("no", false)] {
        let object = world.path("object");
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        rustc.args(["--edition", "2024", "--crate-type", "lib", "--emit", "obj", "-C"]);
        rustc.arg(format!("debug-assertions={assertions}")).arg("-o").arg(&object).arg(&source);
        assert!(rustc.status().expect("rustc runs").success());
        assert_eq!(contains(&std::fs::read(object).expect("an object"), VARIABLE), is_asked, "{assertions}");
    }
    let asked: Vec<_> = crate::docs::sources("src").into_iter().filter(|text| text.contains(VARIABLE)).collect();
    assert_eq!(asked.len(), 1, "only that file knows the variable");
}
