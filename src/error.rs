//! The one error type: a kind that fixes the exit code, a sentence, the place, the causes and the way out.
//!
//! Invariant: every failure a user can meet has a [`Kind`], and [`Kind::exit_code`] is total; the codes are API
//! (`docs/formats.md`).

use std::path::Path;
use std::{fmt, io};

/// The result of everything in cpm that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a script that reads the exit code cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A check was made and says no (`verify`).
    Findings,
    /// The command line asks for something that cannot be.
    Usage,
    /// cpm broke one of its own rules.
    Bug,
    /// A manifest or the metadata of a package or index is invalid.
    Invalid,
    /// The lock is missing, invalid, conflicted, too new or out of step with the manifest.
    Lock,
    /// No set of versions satisfies what is asked.
    NoSolution,
    /// A host could not be reached or refused; trying again may help.
    Network,
    /// A package, version, commit, path or repository does not exist.
    NotFound,
    /// Bytes are not the ones that were promised.
    Integrity,
    /// A rule of cpm's forbids this source or setting.
    Policy,
    /// A package holds text that must not reach the client.
    Content,
    /// What the package would run changed, and nobody said yes.
    Approval,
    /// A path, file mode or size that must not be written to disk.
    UnsafeTree,
    /// A file of the user's, or one the user edited, is in the way.
    Conflict,
    /// A file that belongs to the client does not parse.
    ClientFile,
    /// The file system refused.
    FileSystem,
    /// Another cpm holds the lock.
    Locked,
    /// An interrupted run left a state that cpm must not touch alone.
    Recovery,
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl Kind {
    /// Every kind, for tables and the test that holds the mapping total.
    pub const ALL: [Kind; 19] = [
        Kind::Findings,
        Kind::Usage,
        Kind::Bug,
        Kind::Invalid,
        Kind::Lock,
        Kind::NoSolution,
        Kind::Network,
        Kind::NotFound,
        Kind::Integrity,
        Kind::Policy,
        Kind::Content,
        Kind::Approval,
        Kind::UnsafeTree,
        Kind::Conflict,
        Kind::ClientFile,
        Kind::FileSystem,
        Kind::Locked,
        Kind::Recovery,
        Kind::Interrupted,
    ];

    /// The process exit code of this kind; stable API.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Findings => 1,
            Kind::Usage => 2,
            Kind::Bug => 3,
            Kind::Invalid => 10,
            Kind::Lock => 11,
            Kind::NoSolution => 12,
            Kind::Network => 13,
            Kind::NotFound => 14,
            Kind::Integrity => 20,
            Kind::Policy => 21,
            Kind::Content => 22,
            Kind::Approval => 23,
            Kind::UnsafeTree => 24,
            Kind::Conflict => 30,
            Kind::ClientFile => 31,
            Kind::FileSystem => 40,
            Kind::Locked => 41,
            Kind::Recovery => 42,
            Kind::Interrupted => 130,
        }
    }

    /// The name programs see in `--json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Findings => "findings",
            Kind::Usage => "usage",
            Kind::Bug => "bug",
            Kind::Invalid => "invalid",
            Kind::Lock => "lock",
            Kind::NoSolution => "no-solution",
            Kind::Network => "network",
            Kind::NotFound => "not-found",
            Kind::Integrity => "integrity",
            Kind::Policy => "policy",
            Kind::Content => "content",
            Kind::Approval => "approval",
            Kind::UnsafeTree => "unsafe-tree",
            Kind::Conflict => "conflict",
            Kind::ClientFile => "client-file",
            Kind::FileSystem => "file-system",
            Kind::Locked => "locked",
            Kind::Recovery => "recovery",
            Kind::Interrupted => "interrupted",
        }
    }
}

/// A failure, told so that a person can act on it. Texts may hold untrusted bytes: only `cli::Ui` prints them.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    message: String,
    place: Option<String>,
    causes: Vec<String>,
    help: Option<String>,
}

impl Error {
    /// An error of `kind`; `message` is one lower-case sentence without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), place: None, causes: Vec::new(), help: None }))
    }

    /// Names the file or URL this is about; the innermost place wins.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.place.get_or_insert_with(|| place.to_string());
        self
    }

    /// [`Error::at`] for a path.
    #[must_use]
    pub fn at_path(self, path: &Path) -> Self {
        self.at(path.display())
    }

    /// Adds a line to the cause chain.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Says what to do next, unless something nearer to the cause already did.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help.get_or_insert_with(|| help.into());
        self
    }

    /// Puts a wider sentence in front; the old one becomes the first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.0.message, message.into());
        self.0.causes.insert(0, inner);
        self
    }

    /// An I/O error on `path` while doing `verb` ("read", "write" …).
    #[must_use]
    pub fn io(verb: &str, path: &Path, cause: &std::io::Error) -> Self {
        let error = Error::new(Kind::FileSystem, format!("cannot {verb} `{}`", path.display())).at_path(path);
        let error = error.because(cause);
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                error.help("make room there, or raise the limit, then run again")
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                error.help("the file system may only be read; `--dry-run` shows what would change")
            }
            io::ErrorKind::PermissionDenied => match owner(path) {
                Some(owner) => error.because(owner).help("run cpm as the owner, or let the owner change it"),
                None => error,
            },
            _ => error,
        }
    }

    /// The kind, and with it the exit code.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file or URL.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// Why, outermost first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// What to do next.
    #[must_use]
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

/// Whose a path is, or the nearest folder above it that is there.
#[cfg(unix)]
fn owner(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let found = path.ancestors().find_map(|path| Some((path, std::fs::symlink_metadata(path).ok()?)));
    let me = rustix::process::geteuid().as_raw();
    found.map(|(path, there)| format!("`{}` belongs to user {}, and this is user {me}", path.display(), there.uid()))
}

#[cfg(not(unix))]
fn owner(_: &Path) -> Option<String> {
    None
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

/// Turns `io::Result` into ours without losing the path.
pub trait IoContext<T> {
    /// Names what was being done to which path.
    ///
    /// # Errors
    /// The same failure, as [`Kind::FileSystem`].
    fn path(self, verb: &str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn path(self, verb: &str, path: &Path) -> Result<T> {
        self.map_err(|cause| Error::io(verb, path, &cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_its_own_code_and_name() {
        let codes: BTreeSet<u8> = Kind::ALL.iter().map(|k| k.exit_code()).collect();
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|k| k.name()).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(!codes.contains(&0));
    }
}
