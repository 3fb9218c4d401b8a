//! The commands that only ask: what they answer, and that they change nothing.

mod diff;
mod info;
mod outdated;
mod search;
mod tree;

use serde_json::Value;

use crate::support::{Run, World, snapshot};

/// Runs a question and expects this exit code, and that nothing in the project and home changed.
fn asked(world: &World, code: i32, args: &[&str]) -> Run {
    let before = (snapshot(&world.project()), snapshot(&world.home()));
    let run = world.cpm(args);
    assert_eq!(run.code, code, "cpm {args:?}\n{run}");
    assert!((snapshot(&world.project()), snapshot(&world.home())) == before, "a question changed something: {run}");
    run
}

/// The document that a question answers with.
fn answer(world: &World, args: &[&str]) -> Value {
    asked(world, 0, &[args, &["--json"]].concat()).json()
}
