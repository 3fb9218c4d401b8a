//! Where things are: the machine's directories, and for each scope the files of design §2.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::others;
use super::project::{self, Checkout};
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::model::client::Client;
use crate::model::name::SkillName;
use crate::model::scope::Scope;

/// The directories of this machine and user.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The home directory.
    pub home: PathBuf,
    /// `~/.claude`, or `CLAUDE_CONFIG_DIR`.
    pub config: PathBuf,
    /// `~/.claude.json`, or `.claude.json` inside `CLAUDE_CONFIG_DIR` [claude-code.md §1.1].
    pub claude_json: PathBuf,
    /// cpm's cache.
    pub cache: PathBuf,
    /// The user's own `config.toml` of cpm; it need not exist.
    pub settings: PathBuf,
    /// Where programs of the user keep their configuration on this platform.
    pub programs: PathBuf,
}

/// The places of one scope.
#[derive(Debug, Clone)]
pub struct ScopePlaces {
    /// Which scope.
    pub scope: Scope,
    /// The directory all relative paths are below: the project, or the client's configuration.
    pub base: PathBuf,
    /// `cpm.toml` or its like.
    pub manifest: PathBuf,
    /// `cpm.lock` or its like.
    pub lock: PathBuf,
    /// Receipt, journal, staging.
    pub state: PathBuf,
    /// Where skills and plugins go.
    pub skills: PathBuf,
    /// Where MCP entries go.
    pub mcp: McpFile,
    /// For the local scope in a git checkout: where to say that its files are private.
    pub exclude: Option<Exclude>,
    /// Files of other clients that `cpm export` writes under the lock of this scope.
    pub others: Vec<PathBuf>,
}

/// The file and object that hold a scope's MCP entries.
#[derive(Debug, Clone)]
pub struct McpFile {
    /// The file.
    pub path: PathBuf,
    /// The keys that lead to the object of entries.
    pub container: Vec<String>,
    /// Whether the client itself writes it all the time, under a lock of its own.
    pub shared_with_client: bool,
}

/// Git's private ignore list of a checkout.
#[derive(Debug, Clone)]
pub struct Exclude {
    /// `info/exclude`.
    pub file: PathBuf,
    /// The top of the checkout, which the patterns are relative to.
    pub top: PathBuf,
}

impl Machine {
    /// Reads the environment through `variable`.
    ///
    /// # Errors
    /// [`Kind::Usage`] when there is no home directory to work in.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME").or_else(|| absolute("USERPROFILE")).ok_or_else(|| {
            Error::new(Kind::Usage, "there is no home directory").help("set HOME to an absolute path")
        })?;
        let moved = variable("CLAUDE_CONFIG_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let (config, claude_json) = match moved {
            Some(dir) if dir.is_absolute() => (dir.clone(), dir.join(".claude.json")),
            Some(dir) => {
                let what = format!("CLAUDE_CONFIG_DIR is `{}`", dir.display());
                return Err(Error::new(Kind::Usage, what).help("set it to an absolute path"));
            }
            None => (home.join(".claude"), home.join(".claude.json")),
        };
        let cache = absolute("CPM_CACHE_DIR")
            .or_else(|| absolute("XDG_CACHE_HOME").map(|dir| dir.join("cpm")))
            .or_else(|| absolute("LOCALAPPDATA").map(|dir| dir.join("cpm").join("cache")))
            .unwrap_or_else(|| home.join(if cfg!(target_os = "macos") { "Library/Caches/cpm" } else { ".cache/cpm" }));
        let named = variable("CPM_CONFIG").filter(|file| !file.is_empty()).map(PathBuf::from);
        let configs = absolute("XDG_CONFIG_HOME").or_else(|| absolute("APPDATA"));
        let configs = configs.unwrap_or_else(|| home.join(".config"));
        let settings = named.unwrap_or_else(|| configs.join("cpm").join("config.toml"));
        let programs = if cfg!(target_os = "macos") { home.join("Library/Application Support") } else { configs };
        Ok(Machine { home, config, claude_json, cache, settings, programs })
    }

    /// The project that a directory belongs to, if any.
    #[must_use]
    pub fn find_project(&self, dir: &Path) -> Option<PathBuf> {
        project::find_root(dir, &self.never_projects())
    }

    /// What can be no project: the home directory, and the client's configuration, whose `cpm.toml` is the user
    /// scope's. Both as written and as they really are, because a current directory has no links in it.
    fn never_projects(&self) -> Vec<PathBuf> {
        let written = [&self.home, &self.config];
        let real = written.into_iter().filter_map(|dir| dir.canonicalize().ok());
        written.into_iter().cloned().chain(real).collect()
    }

    /// The path as a person would write it: `~` for the home directory.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if !rest.as_os_str().is_empty() => format!("~/{}", rest.display()),
            _ => path.display().to_string(),
        }
    }
}

impl ScopePlaces {
    /// The places of the user scope.
    #[must_use]
    pub fn user(machine: &Machine) -> Self {
        let base = machine.config.clone();
        ScopePlaces {
            scope: Scope::User,
            manifest: base.join("cpm.toml"),
            lock: base.join("cpm.lock"),
            state: base.join(".cpm"),
            skills: base.join("skills"),
            mcp: McpFile {
                path: machine.claude_json.clone(),
                container: vec!["mcpServers".to_owned()],
                shared_with_client: true,
            },
            exclude: None,
            others: Client::ALL.iter().map(|client| others::user_file(*client, machine)).collect(),
            base,
        }
    }

    /// The places of the project scope.
    #[must_use]
    pub fn project(root: &Path) -> Self {
        ScopePlaces {
            scope: Scope::Project,
            base: root.to_path_buf(),
            manifest: root.join("cpm.toml"),
            lock: root.join("cpm.lock"),
            state: root.join(".cpm"),
            skills: root.join(".claude").join("skills"),
            mcp: McpFile {
                path: root.join(".mcp.json"),
                container: vec!["mcpServers".to_owned()],
                shared_with_client: false,
            },
            exclude: None,
            others: Client::ALL.iter().filter_map(|client| others::project_file(*client, root)).collect(),
        }
    }

    /// The places of the local scope.
    #[must_use]
    pub fn local(root: &Path, machine: &Machine) -> Self {
        let checkout = Checkout::around(root);
        let key = project::key(root);
        ScopePlaces {
            scope: Scope::Local,
            manifest: root.join(".claude").join("cpm.local.toml"),
            lock: root.join(".claude").join("cpm.local.lock"),
            mcp: McpFile {
                path: machine.claude_json.clone(),
                container: vec!["projects".to_owned(), key.to_string_lossy().into_owned(), "mcpServers".to_owned()],
                shared_with_client: true,
            },
            exclude: checkout
                .map(|checkout| Exclude { file: checkout.common.join("info").join("exclude"), top: checkout.top }),
            ..ScopePlaces::project(root)
        }
        .with_scope(Scope::Local)
    }

    /// The receipt of this scope; scopes that share a state folder have one each.
    #[must_use]
    pub fn receipt(&self) -> PathBuf {
        self.state.join(format!("receipt-{}.json", self.scope))
    }

    /// The record of what `cpm export` wrote under the lock of this scope.
    #[must_use]
    pub fn exports(&self) -> PathBuf {
        self.state.join("exports.json")
    }

    /// The record of the last change of this scope.
    #[must_use]
    pub fn undo_record(&self) -> PathBuf {
        self.state.join(format!("undo-{}.json", self.scope))
    }

    /// The scope that has the same skills folder, with its receipt.
    #[must_use]
    pub fn neighbour(&self) -> Option<(Scope, PathBuf)> {
        let other = match self.scope {
            Scope::User => return None,
            Scope::Project => Scope::Local,
            Scope::Local => Scope::Project,
        };
        Some((other, self.state.join(format!("receipt-{other}.json"))))
    }

    /// The scopes whose runs use this state folder, and so can leave a journal there.
    #[must_use]
    pub fn sharing_state(&self, machine: &Machine) -> Vec<ScopePlaces> {
        match self.scope {
            Scope::User => vec![self.clone()],
            Scope::Project | Scope::Local => {
                vec![ScopePlaces::project(&self.base), ScopePlaces::local(&self.base, machine)]
            }
        }
    }

    /// Whether a run in this scope may write to this place.
    #[must_use]
    pub fn may_write(&self, target: &Path) -> bool {
        let is_skill = || target.file_name().and_then(|name| SkillName::parse(name.to_str()?).ok()).is_some();
        self.files().iter().any(|file| file == target) || (target.parent() == Some(&self.skills) && is_skill())
    }

    /// The files that runs in this scope write, where links at their places lead.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let (receipt, undo, exports) = (self.receipt(), self.undo_record(), self.exports());
        let exclude = self.exclude.as_ref().map(|exclude| &exclude.file);
        let files = [&self.manifest, &self.lock, &self.mcp.path, &receipt, &undo, &exports];
        let files = files.into_iter().chain(exclude).chain(&self.others);
        files.map(|file| fsx::resolve_link(file)).collect()
    }

    fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}

/// Which scope a run is about: the one asked for, else project when there is one, else user.
///
/// # Errors
/// [`Kind::Usage`] when a project is needed and this cannot be one.
pub fn choose_scope(
    asked: Option<Scope>,
    project: Option<&Path>,
    current: &Path,
    machine: &Machine,
) -> Result<ScopePlaces> {
    let root = match project {
        Some(dir) => Some(current.join(dir)),
        None => machine.find_project(current),
    };
    let scope = asked.unwrap_or(if root.is_some() { Scope::Project } else { Scope::User });
    if scope == Scope::User {
        return Ok(ScopePlaces::user(machine));
    }
    let root = root.unwrap_or_else(|| current.to_path_buf());
    if !root.is_dir() {
        return Err(Error::new(Kind::Usage, "the project is not a directory").at_path(&root).help("create it first"));
    }
    let root = root.canonicalize().unwrap_or(root);
    if !project::is_project_dir(&root, &machine.never_projects()) {
        return Err(Error::new(Kind::Usage, format!("`{}` cannot be a project", root.display()))
            .because("it is your home directory, Claude Code's configuration or the root of the file system")
            .help("go to a project, or use `--scope user`"));
    }
    Ok(match scope {
        Scope::Local => ScopePlaces::local(&root, machine),
        _ => ScopePlaces::project(&root),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(pairs: &[(&str, &str)]) -> Result<Machine> {
        Machine::from_environment(&|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, v)| OsString::from(v)))
    }

    #[test]
    fn the_config_dir_moves_everything_as_in_the_client() {
        let plain = machine(&[("HOME", "/h")]).expect("a machine");
        assert_eq!(ScopePlaces::user(&plain).mcp.path, Path::new("/h/.claude.json"));
        assert_eq!(ScopePlaces::user(&plain).skills, Path::new("/h/.claude/skills"));
        let moved = machine(&[("HOME", "/h"), ("CLAUDE_CONFIG_DIR", "/c")]).expect("a machine");
        assert_eq!(ScopePlaces::user(&moved).mcp.path, Path::new("/c/.claude.json"));
        assert_eq!(ScopePlaces::user(&moved).manifest, Path::new("/c/cpm.toml"));
        assert!(machine(&[]).is_err() && machine(&[("HOME", "relative")]).is_err());
        assert!(machine(&[("HOME", "/h"), ("CLAUDE_CONFIG_DIR", "rel")]).is_err());
    }

    #[test]
    fn the_users_settings_are_found_in_order() {
        let all = [("HOME", "/h"), ("CPM_CONFIG", "/my.toml"), ("XDG_CONFIG_HOME", "/x"), ("APPDATA", "/a")];
        let settings = |pairs: &[(&str, &str)]| machine(pairs).expect("a machine").settings;
        assert_eq!(settings(&all), Path::new("/my.toml"));
        assert_eq!(settings(&[all[0], ("CPM_CONFIG", ""), all[2], all[3]]), Path::new("/x/cpm/config.toml"));
        assert_eq!(settings(&[all[0], ("XDG_CONFIG_HOME", "x"), all[3]]), Path::new("/a/cpm/config.toml"));
        assert_eq!(settings(&all[..1]), Path::new("/h/.config/cpm/config.toml"));
    }

    #[test]
    fn caches_are_found_in_order() {
        let all = [("HOME", "/h"), ("CPM_CACHE_DIR", "/c"), ("XDG_CACHE_HOME", "/x")];
        assert_eq!(machine(&all).expect("a machine").cache, Path::new("/c"));
        assert_eq!(machine(&[all[0], all[2]]).expect("a machine").cache, Path::new("/x/cpm"));
        let relative = [("HOME", "/h"), ("XDG_CACHE_HOME", "x")];
        assert!(machine(&relative).expect("a machine").cache.starts_with("/h"));
    }
}
