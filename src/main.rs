//! The `cpm` program.
fn main() {}
