//! The three places Claude Code reads from.

use std::fmt;

/// A scope: a manifest, a lock, a state folder and the places the client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This person, in every project.
    User,
    /// Everybody in this project; manifest and lock are committed.
    Project,
    /// This person in this project; kept out of git.
    Local,
}

impl Scope {
    /// All, in the order in which they are shown.
    pub const ALL: [Scope; 3] = [Scope::Project, Scope::Local, Scope::User];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::User => "user",
            Scope::Project => "project",
            Scope::Local => "local",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
