//! cpm: a package manager for Claude Code plugins, skills and MCP servers.
//!
//! The layers and the way of the data are in `docs/architecture.md`; `tests/layers.rs` holds them.

pub mod claude;
pub mod cli;
pub mod error;
pub mod format;
pub mod fsx;
pub mod git;
pub mod index;
pub mod model;
pub mod ops;
pub mod plan;
pub mod progress;
pub mod receipt;
pub mod resolve;
pub mod store;
pub mod transaction;
