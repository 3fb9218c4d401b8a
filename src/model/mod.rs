//! Pure data: names, versions, paths, sources, digests, trees, packages. Every type here is valid once it exists,
//! because the only way to make one is to parse it.

pub mod age;
pub mod client;
pub mod dependency;
pub mod digest;
pub mod index;
pub mod lock;
pub mod merge;
pub mod mirrors;
pub mod name;
pub mod namespace;
pub mod package;
pub mod redact;
pub mod relpath;
pub mod scope;
pub mod source;
pub mod surface;
pub mod timestamp;
pub mod tree;
pub mod url;
pub mod version;
