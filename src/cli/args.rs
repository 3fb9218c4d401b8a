//! The command line.

pub mod export;
pub mod import;
pub mod listing;
pub mod mending;
pub mod questions;
pub mod waiting;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::{Error, Kind, Result};
use crate::model::dependency::Placement;
use crate::model::name::{IndexName, PackageName};
use crate::model::redact::redact;
use crate::model::relpath::RelPath;
use crate::model::scope::Scope;
use crate::model::source::{Commit, RefName, RefWant};
use crate::model::url::{GitUrl, github_shorthand};
use crate::model::version::{Requirement, Version};
use crate::ops::index::publish::NewSource;
use crate::ops::install::{Wish, WishOrigin};
use crate::ops::update::{Reach, Rewritten};

/// Installs skills, plugins and MCP servers into Claude Code, and locks what it installed.
#[derive(Debug, Parser)]
#[command(name = "cpm", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Which scope: this project, you in this project only, or you everywhere
    #[arg(long, short, global = true, value_enum)]
    pub scope: Option<ScopeArg>,
    /// Take this folder as the project
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Ask no host; use what is in the cache
    #[arg(long, global = true)]
    pub offline: bool,
    /// Say what would change, and change nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Print one JSON document for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print each git command
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = ColorArg::Auto, value_name = "WHEN")]
    pub color: ColorArg,
    /// How long to wait for others.
    #[command(flatten)]
    pub waiting: waiting::WaitingArgs,
}

/// A scope on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ScopeArg {
    /// You, in every project
    User,
    /// Everybody in this project
    Project,
    /// You, in this project
    Local,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ColorArg {
    /// On a terminal
    Auto,
    /// Yes
    Always,
    /// No
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install packages; without any, what cpm.toml and cpm.lock say
    #[command(visible_aliases = ["add", "i"])]
    Install(InstallArgs),
    /// Move packages to the newest versions that cpm.toml allows
    #[command(visible_alias = "up")]
    Update(UpdateArgs),
    /// A command that only asks
    #[command(flatten)]
    Question(questions::Question),
    /// A command that finds and mends what is wrong
    #[command(flatten)]
    Mending(mending::Mending),
    /// Remove packages, and what only they needed
    #[command(visible_aliases = ["rm", "uninstall"])]
    Remove(RemoveArgs),
    /// List what is installed, in every scope
    #[command(visible_alias = "ls")]
    List(listing::ListArgs),
    /// Check every installed file against its digest
    Verify(VerifyArgs),
    /// Write cpm.lock as cpm.toml wants it, and install nothing
    Lock(LockArgs),
    /// Bring the MCP servers that are installed here to another client
    Export(export::ExportArgs),
    /// Write into cpm.toml and cpm.lock what other tools and Claude Code itself installed here
    Import(import::ImportArgs),
    /// Write all locked packages into a folder, for machines without a network
    Vendor {
        /// The folder; `cpm install --from DIR` reads it
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Say where packages are looked up
    #[command(subcommand)]
    Index(IndexCommand),
    /// Write an empty cpm.toml
    Init {
        /// Also let git merge cpm.lock with cpm, in this clone; an existing cpm.toml stays
        #[arg(long)]
        merge_driver: bool,
    },
    /// The folder that all scopes share
    #[command(subcommand)]
    Cache(CacheCommand),
}

/// What to install.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Packages: NAME, or NAME@VERSION such as `github-tools@1.2`
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    /// From this repository: a URL, or owner/repo on GitHub
    #[arg(long, value_name = "URL")]
    pub git: Option<String>,
    /// With --git, the folder of the repository; without, a folder on this machine
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// With --git, exactly this commit
    #[arg(long, requires = "git", value_name = "COMMIT", conflicts_with_all = ["tag", "branch"])]
    pub rev: Option<String>,
    /// With --git, this tag
    #[arg(long, requires = "git", conflicts_with = "branch")]
    pub tag: Option<String>,
    /// With --git, this branch
    #[arg(long, requires = "git")]
    pub branch: Option<String>,
    /// Ask only this index
    #[arg(long, value_name = "NAME", conflicts_with_all = ["git", "path"])]
    pub index: Option<String>,
    /// Place it as one plugin, or each part on its own
    #[arg(long, value_enum, value_name = "HOW")]
    pub placement: Option<PlacementArg>,
    /// Take an MCP server whose server.json names no exact version
    #[arg(long)]
    pub allow_unpinned: bool,
    /// Fail if the lock would change
    #[arg(long)]
    pub locked: bool,
    /// Like --locked --offline
    #[arg(long)]
    pub frozen: bool,
    /// Take packages from this folder, which `cpm vendor` wrote; like --offline
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Agree to what newly runs
    #[arg(long)]
    pub accept: bool,
    /// Replace files that were edited since cpm wrote them
    #[arg(long)]
    pub overwrite: bool,
}

/// A placement on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PlacementArg {
    /// One folder, components named PLUGIN:NAME
    Plugin,
    /// Each skill and MCP server on its own
    Loose,
}

/// What to update.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Take what is there now where a tag was moved or a branch rewritten
    #[arg(long)]
    pub accept_rewrite: bool,
    /// Packages; all when none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Move the named package to exactly this version, newer or older
    #[arg(long, value_name = "VERSION", requires = "names", conflicts_with = "breaking")]
    pub precise: Option<String>,
    /// Also to versions that cpm.toml does not allow yet; it is changed to allow them
    #[arg(long)]
    pub breaking: bool,
    /// Fail if the lock would change
    #[arg(long)]
    pub locked: bool,
    /// Agree to what newly runs
    #[arg(long)]
    pub accept: bool,
    /// Replace files that were edited since cpm wrote them
    #[arg(long)]
    pub overwrite: bool,
}

/// What to do with the lock.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// Only say whether it is in step with cpm.toml; asks no host
    #[arg(long, conflicts_with_all = ["merge", "accept"])]
    pub check: bool,
    /// Also heal one that git merged badly: with conflict markers, or without a package that another one needs
    #[arg(long)]
    pub merge: bool,
    /// Agree to what newly runs
    #[arg(long)]
    pub accept: bool,
    /// What git runs to merge locks: the base, our side, which gets the result, their side, and the path of the lock
    #[arg(long, num_args = 3..=4, value_names = ["%O", "%A", "%B", "%P"], conflicts_with_all = ["merge", "check", "accept"])]
    pub merge_driver: Vec<PathBuf>,
}

/// What to verify.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Ask hosts too: each locked commit must belong to its repository, and each tag still name it
    #[arg(long, conflicts_with = "offline")]
    pub online: bool,
}

/// What to remove.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Packages
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Remove also files that were edited since cpm wrote them
    #[arg(long)]
    pub overwrite: bool,
}

/// Commands about indexes.
#[derive(Debug, Subcommand)]
pub enum IndexCommand {
    /// Add an index: a cpm index or a Claude marketplace
    Add {
        /// What to call it
        name: String,
        /// Its repository: a URL, or owner/repo on GitHub
        url: String,
        /// Its branch
        #[arg(long)]
        branch: Option<String>,
        /// Names that belong to it alone, such as `acme-*`; it is then asked for no others
        #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
        packages: Vec<String>,
    },
    /// Remove an index
    #[command(visible_alias = "rm")]
    Remove {
        /// What it is called
        name: String,
    },
    /// List the indexes in the order in which they are asked
    #[command(visible_alias = "ls")]
    List,
    /// Take an index whose history was rewritten, when its owner says that this is right
    Accept {
        /// What it is called, or its address
        name: String,
    },
    /// For maintainers: make a folder an empty index
    New {
        /// The folder, new or empty
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// For maintainers: add a release to the index in this folder
    AddRelease(AddReleaseArgs),
    /// For maintainers: take a release of the index in this folder back
    Yank {
        /// The package
        name: String,
        /// Its version
        version: String,
        /// Why, in a few words that its users read
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Let nobody have it, locked or not: it does harm
        #[arg(long)]
        revoke: bool,
    },
    /// For maintainers: check a whole index
    Check {
        /// Its folder; this one when none is given
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Fetch every release and compare its bytes
        #[arg(long, conflicts_with = "offline")]
        fetch: bool,
    },
}

/// Which release to add to an index.
#[derive(Debug, Args)]
pub struct AddReleaseArgs {
    /// Its repository: a URL, or owner/repo on GitHub
    #[arg(long, value_name = "URL")]
    pub git: String,
    /// The tag that names its commit
    #[arg(long)]
    pub tag: String,
    /// Its folder in the repository
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// What to call it; otherwise what plugin.json or the folder says
    #[arg(long)]
    pub name: Option<String>,
}

/// Commands about the cache.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Print where it is
    Dir,
    /// Say what is in it: how much, and from which repositories
    Info,
    /// Remove everything in it
    Clean,
    /// Remove what was not used for some time
    Prune {
        /// Not used for this long: 30d is 30 days, 2w is two weeks
        #[arg(long, value_name = "AGE")]
        older_than: String,
    },
}

impl From<ScopeArg> for Scope {
    fn from(arg: ScopeArg) -> Self {
        match arg {
            ScopeArg::User => Scope::User,
            ScopeArg::Project => Scope::Project,
            ScopeArg::Local => Scope::Local,
        }
    }
}

impl UpdateArgs {
    /// How far packages may move.
    ///
    /// # Errors
    /// [`Kind::Usage`] for what is no version.
    pub fn reach(&self) -> Result<Reach> {
        match &self.precise {
            Some(text) => whole_version(text, "--precise 1.2.3").map(Reach::Precise),
            None if self.breaking => Ok(Reach::Breaking),
            None => Ok(Reach::Allowed),
        }
    }

    /// What to do about histories that were replaced.
    #[must_use]
    pub fn rewritten(&self) -> Rewritten {
        if self.accept_rewrite { Rewritten::Accept } else { Rewritten::Stop }
    }
}

impl AddReleaseArgs {
    /// The release.
    ///
    /// # Errors
    /// The error of a part.
    pub fn source(&self) -> Result<NewSource> {
        Ok(NewSource {
            url: GitUrl::parse_typed(&self.git)?,
            tag: RefName::parse(&self.tag)?,
            path: self.path.as_deref().map(folder_of_repository).transpose()?.flatten(),
            name: self.name.as_deref().map(PackageName::parse).transpose()?,
        })
    }
}

impl InstallArgs {
    /// The wishes; `current` is the directory that a typed path is relative to.
    ///
    /// # Errors
    /// [`Kind::Usage`] or the error of a part.
    pub fn wishes(&self, current: &std::path::Path) -> Result<Vec<Wish>> {
        let placement = self.placement.map(|placement| match placement {
            PlacementArg::Plugin => Placement::Plugin,
            PlacementArg::Loose => Placement::Loose,
        });
        let origin = match (&self.git, &self.path) {
            (Some(git), path) => WishOrigin::Git {
                url: GitUrl::parse_typed(git)?,
                path: path.as_deref().map(folder_of_repository).transpose()?.flatten(),
                want: self.want()?,
            },
            (None, Some(path)) => WishOrigin::Dir(current.join(path)),
            (None, None) => return self.specs.iter().map(|spec| self.indexed(spec, placement)).collect(),
        };
        let name = match self.specs.as_slice() {
            [] => None,
            [name] => Some(PackageName::parse(name)?),
            _ => {
                return Err(
                    Error::new(Kind::Usage, "`--git` and `--path` install one package").help("run cpm once for each")
                );
            }
        };
        Ok(vec![Wish { name, origin, placement, allow_unpinned: self.allow_unpinned }])
    }

    fn want(&self) -> Result<RefWant> {
        Ok(match (&self.rev, &self.tag, &self.branch) {
            (Some(rev), _, _) => RefWant::Rev(Commit::parse(rev)?),
            (_, Some(tag), _) => RefWant::Tag(RefName::parse(tag)?),
            (_, _, Some(branch)) => RefWant::Branch(RefName::parse(branch)?),
            _ => RefWant::Head,
        })
    }

    fn indexed(&self, spec: &str, placement: Option<Placement>) -> Result<Wish> {
        let (name, requirement) = match spec.split_once('@') {
            Some((name, requirement)) if !name.is_empty() => (name, Some(requirement)),
            _ => (spec, None),
        };
        let looks_like_repository = github_shorthand(spec).is_some() || spec.contains(':');
        let name = PackageName::parse(name).map_err(|error| match looks_like_repository {
            true => {
                let spec = redact(spec);
                Error::new(Kind::Invalid, format!("`{spec}` is an address, not the name of a package")).help(format!(
                    "to install from a repository: `cpm install --git {spec}`; \
                     to add a marketplace: `cpm index add NAME {spec}`"
                ))
            }
            false => error,
        })?;
        let origin = WishOrigin::Index {
            requirement: requirement.map(Requirement::parse).transpose()?,
            index: self.index.as_deref().map(IndexName::parse).transpose()?,
        };
        Ok(Wish { name: Some(name), origin, placement, allow_unpinned: self.allow_unpinned })
    }
}

/// The folder of a repository as people type it; `None` is all of it.
fn folder_of_repository(text: &str) -> Result<Option<RelPath>> {
    match text.trim_start_matches("./").trim_end_matches('/') {
        "" | "." => Ok(None),
        path => {
            let parsed = RelPath::parse(path);
            parsed.map(Some).map_err(|error| error.help("give the folder as the repository names it, from its top"))
        }
    }
}

/// One version, as in `example`.
fn whole_version(text: &str, example: &str) -> Result<Version> {
    Version::parse(text).map_err(|cause| {
        Error::new(Kind::Usage, format!("`{text}` is not a version"))
            .because(cause)
            .help(format!("write all three parts: `{example}`"))
    })
}

/// Names on the command line.
///
/// # Errors
/// [`Kind::Invalid`] for one that is no package name.
pub fn names(texts: &[String]) -> Result<Vec<PackageName>> {
    texts.iter().map(|text| PackageName::parse(text)).collect()
}
