//! Git: the `git` program moves bytes into a cache of bare repositories, `git2` reads objects from there.

mod command;
mod fetch;
mod odb;

pub use fetch::{Cache, Network};
