//! Tests that drive the real binary over real git repositories and the real file system. Nothing here needs a network.

#![allow(clippy::expect_used, clippy::unwrap_used, unreachable_pub)]

mod append_only;
mod builtin;
mod cache;
mod client_files;
mod conflicts;
mod cost;
mod dependencies;
mod docs;
mod edits;
mod explanations;
mod handmade;
mod hostile;
mod index_input;
mod index_rules;
mod integrity;
mod interrupted;
mod journals;
mod layers;
mod links;
mod local_scope;
mod locked;
mod locking;
mod maintainers;
mod marketplaces;
mod merging;
mod mirrors;
mod moved;
mod output;
mod placements;
mod questions;
mod registry;
mod scopes;
mod sources;
mod ssh;
mod support;
mod transfer;
mod transport;
mod trees;
mod update;
mod vendor;
mod verify;
mod waiting;
