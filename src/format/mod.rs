//! Readers and writers of every file format. Raw types stay private to their file; what comes out is domain data.

pub mod frontmatter;
pub mod json_edit;
