//! The command line: reads arguments, calls one use case, shows what it returns.

pub mod args;
mod bars;
pub mod escape;
mod exports;
mod imports;
mod indexes;
mod mending;
mod questions;
mod render;
pub mod ui;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use serde_json::{Value, json};

use crate::claude::paths::{self, Machine};
use crate::error::{Error, Kind, Result};
use crate::format::lockfile::Needs;
use crate::fsx;
use crate::fsx::lock::Waiting;
use crate::git::Network;
use crate::model::age::Age;
use crate::model::scope::Scope;
use crate::ops::report::{Report, SurfaceChange};
use crate::ops::{self, Answer, Approver, Context, Effect, LockMode};
use crate::plan::Edited;
use crate::progress::Progress as _;
use args::{CacheCommand, Cli, Command, Global, IndexCommand, LockArgs};
use ui::{Line, Ui};

/// The version of the JSON documents.
const JSON_VERSION: u32 = 1;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    fsx::keep_others_from_writing();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => {
            // clap prints help and version to stdout, mistakes to stderr.
            let _ = asked.print();
            return if asked.use_stderr() { ExitCode::from(Kind::Usage.exit_code()) } else { ExitCode::SUCCESS };
        }
    };
    let ui = Ui::new(&cli.global);
    match run(&cli, &ui) {
        Ok(code) => code,
        Err(error) => {
            if ui.is_json() {
                ui.document(&error_document(&cli.command, &error));
            }
            ui.error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// One run's surroundings.
struct Session<'a> {
    ui: &'a Ui,
    /// The command, in its own word.
    command: &'static str,
    global: &'a Global,
    machine: Machine,
    current: PathBuf,
    approver: Person<'a>,
    waiting: Waiting,
}

/// What a command wants besides the global flags.
#[derive(Debug, Clone, Default)]
struct Wants {
    locked: bool,
    frozen: bool,
    overwrite: bool,
    from: Option<PathBuf>,
}

fn run(cli: &Cli, ui: &Ui) -> Result<ExitCode> {
    let machine = Machine::from_environment(&|name| std::env::var_os(name))?;
    let current = std::env::current_dir().map_err(|cause| {
        Error::new(Kind::Usage, "the current folder is gone").because(cause).help("go to a folder that exists")
    })?;
    let accept = match &cli.command {
        Command::Install(args) => args.accept,
        Command::Update(args) => args.accept,
        Command::Lock(args) => args.accept,
        _ => false,
    };
    let command = name_of(&cli.command);
    let waiting = Waiting { patience: cli.global.waiting.patience(), command };
    let approver = Person { ui, accept };
    let session = Session { ui, command, global: &cli.global, machine, current, approver, waiting };
    session.run(&cli.command)
}

impl Session<'_> {
    fn run(&self, command: &Command) -> Result<ExitCode> {
        match command {
            Command::Install(args) => {
                let from = args.from.as_ref().map(|dir| self.absolute(dir));
                let wants = Wants { locked: args.locked, frozen: args.frozen, overwrite: args.overwrite, from };
                let wishes = args.wishes(&self.current)?;
                let mut context = self.context(wants)?;
                if wishes.is_empty() {
                    self.lock_in_ci(&mut context);
                }
                let report = ops::install::install(&context, &wishes)?;
                self.show_report(command, &report, "Up to date")
            }
            Command::Update(args) => {
                let wants = Wants { locked: args.locked, overwrite: args.overwrite, ..Wants::default() };
                let report = ops::update::update(
                    &self.context(wants)?,
                    &args::names(&args.names)?,
                    &args.reach()?,
                    args.rewritten(),
                )?;
                self.show_report(command, &report, "Nothing newer")
            }
            Command::Remove(args) => {
                let wants = Wants { overwrite: args.overwrite, ..Wants::default() };
                let report = ops::remove::remove(&self.context(wants)?, &args::names(&args.names)?)?;
                self.show_report(command, &report, "Nothing to remove")
            }
            Command::List(args) if args.loaded => {
                let dir = self.global.project.as_ref().map_or_else(|| self.current.clone(), |dir| self.absolute(dir));
                let scope = self.global.scope.map(Scope::from);
                let loaded = ops::loaded::loaded(&self.machine, &dir, args.trust(), scope)?;
                render::loaded::loaded(self.ui, &loaded);
                self.document(command, json!({ "loaded": loaded }));
                Ok(ExitCode::SUCCESS)
            }
            Command::List(_) => {
                let lists = self.each_scope(ops::list::list)?;
                render::lists(self.ui, &lists);
                self.document(command, json!({ "scopes": lists }));
                Ok(ExitCode::SUCCESS)
            }
            Command::Question(question) => self.question(command, question),
            Command::Mending(mending) => self.mending(command, mending),
            Command::Verify(args) => self.verify(command, args.online),
            Command::Lock(args) => self.lock(command, args),
            Command::Vendor { dir } => {
                let vendored = ops::vendor::vendor(&self.context(Wants::default())?, &self.absolute(dir))?;
                render::vendored(self.ui, &vendored);
                self.document(command, json!({ "vendored": vendored }));
                Ok(ExitCode::SUCCESS)
            }
            Command::Export(args) => self.export(command, args),
            Command::Import(args) => self.import(command, args),
            Command::Index(what) => self.index(command, what),
            Command::Init { merge_driver } => self.init(command, *merge_driver),
            Command::Cache(what) => self.cache(command, what),
        }
    }

    /// In CI nobody commits what a run writes, so there the lock says what is installed, as for `npm ci`.
    fn lock_in_ci(&self, context: &mut Context<'_>) {
        let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        if in_ci && context.lock_mode == LockMode::Free && context.places.lock.exists() {
            context.lock_mode = LockMode::Locked;
            self.ui.note(Line::new().text("note: `CI` is set, so the lock may not change, as with `--locked`"));
        }
    }

    fn init(&self, command: &Command, merge_driver: bool) -> Result<ExitCode> {
        let context = self.context_of_init()?;
        let verb = if self.global.dry_run { "Would write" } else { "Wrote" };
        let say = |what: &str| self.ui.answer(Line::new().text(format!("{verb} {what}")));
        if !merge_driver {
            let path = ops::init::init(&context)?;
            say(&path);
            self.document(command, json!({ "path": path }));
            return Ok(ExitCode::SUCCESS);
        }
        let is_new = !ops::init::is_done(&context);
        let written = ops::merge_driver::set_up(&context)?;
        let path = if is_new { Some(ops::init::init(&context)?) } else { None };
        path.iter().chain(&written).for_each(|what| say(what));
        if written.is_empty() {
            self.ui.answer(Line::new().text("Up to date: git merges cpm.lock with cpm in this clone"));
        }
        self.document(command, json!({ "path": path, "merge_driver": written }));
        Ok(ExitCode::SUCCESS)
    }

    fn merge_driver(&self, command: &Command, files: &[PathBuf]) -> Result<ExitCode> {
        let [base, ours, theirs, path @ ..] = files else {
            return Err(Error::new(Kind::Usage, "a merge driver gets three files and the path of the lock"));
        };
        // git runs it at the top of the work tree, which the path is relative to.
        let manifest = path.first().map(|path| self.current.join(path).with_extension("toml"));
        let manifest = manifest.as_deref();
        let files = ops::merge_driver::Files { base, ours, theirs, manifest };
        let open = ops::merge_driver::merge(&self.machine, self.ui, files)?;
        for name in &open {
            self.ui.warn(&format!("both sides changed `{name}` or what needs it, and only its index knows what fits"));
        }
        let exit = if open.is_empty() { 0 } else { Kind::Findings.exit_code() };
        if !open.is_empty() {
            self.ui
                .note(Line::new().text("help: merge cpm.toml, then run `cpm install`: it decides and writes cpm.lock"));
        }
        self.document_with(command, exit, json!({ "open": open }));
        Ok(ExitCode::from(exit))
    }

    fn lock(&self, command: &Command, args: &LockArgs) -> Result<ExitCode> {
        if !args.merge_driver.is_empty() {
            return self.merge_driver(command, &args.merge_driver);
        }
        let context = self.context(Wants::default())?;
        if args.check {
            let packages = ops::lock::check(&context)?;
            render::in_step(self.ui, packages);
            self.document(command, json!({ "packages": packages }));
            return Ok(ExitCode::SUCCESS);
        }
        let locked = ops::lock::lock(&context, if args.merge { Needs::MayLack } else { Needs::Whole })?;
        render::locked(self.ui, &locked);
        self.document(command, json!({ "lock": locked }));
        Ok(ExitCode::SUCCESS)
    }

    fn cache(&self, command: &Command, what: &CacheCommand) -> Result<ExitCode> {
        let prune = |age| ops::cache::prune(&self.machine, age, self.effect(), self.ui);
        match what {
            CacheCommand::Dir => {
                let dir = self.machine.cache.display().to_string();
                self.ui.result(Line::new().text(&dir));
                self.document(command, json!({ "dir": dir }));
            }
            CacheCommand::Info => {
                let info = ops::cache::info(&self.machine)?;
                render::cache_info(self.ui, &info);
                self.document(command, json!({ "cache": info }));
            }
            CacheCommand::Clean => {
                let removed = prune(Age::ZERO)?;
                render::cache_removed(self.ui, &removed);
                self.document(command, json!({ "cleaned": removed }));
            }
            CacheCommand::Prune { older_than } => {
                let removed = prune(Age::parse(older_than)?)?;
                render::cache_removed(self.ui, &removed);
                self.document(command, json!({ "pruned": removed }));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn verify(&self, command: &Command, online: bool) -> Result<ExitCode> {
        let verified = self.each_scope(|context| ops::verify::verify(context, online))?;
        render::verified(self.ui, &verified);
        let is_clean = verified.iter().all(|scope| scope.findings.is_empty());
        let exit = if is_clean { 0 } else { Kind::Findings.exit_code() };
        self.document_with(command, exit, json!({ "scopes": verified }));
        if !is_clean {
            self.ui.note(Line::new().text(
                "help: `cpm restore NAME --dry-run` shows what differs in a package, `cpm restore NAME` puts it back",
            ));
        }
        Ok(ExitCode::from(exit))
    }

    fn show_report(&self, command: &Command, report: &Report, did_nothing: &str) -> Result<ExitCode> {
        render::report(self.ui, report, did_nothing);
        self.document(command, json!({ "report": report }));
        Ok(ExitCode::SUCCESS)
    }

    fn document(&self, command: &Command, answer: Value) {
        self.document_with(command, 0, answer);
    }

    fn document_with(&self, command: &Command, exit: u8, answer: Value) {
        if self.ui.is_json() {
            let mut document = json!({ "version": JSON_VERSION, "command": name_of(command), "exit": exit });
            if let (Value::Object(document), Value::Object(answer)) = (&mut document, answer) {
                document.extend(answer);
            }
            self.ui.document(&document);
        }
    }

    fn context(&self, wants: Wants) -> Result<Context<'_>> {
        self.context_in(self.global.scope.map(Scope::from), wants)
    }

    /// A new manifest belongs to the folder one is in, whatever there is above it.
    fn context_of_init(&self) -> Result<Context<'_>> {
        let scope = self.global.scope.map_or(Scope::Project, Scope::from);
        let here = self.global.project.as_deref().unwrap_or(&self.current);
        self.context_at(Some(scope), Some(here), Wants::default())
    }

    fn context_in(&self, scope: Option<Scope>, wants: Wants) -> Result<Context<'_>> {
        self.context_at(scope, self.global.project.as_deref(), wants)
    }

    fn context_at(&self, scope: Option<Scope>, project: Option<&Path>, wants: Wants) -> Result<Context<'_>> {
        let places = paths::choose_scope(scope, project, &self.current, &self.machine)?;
        Ok(Context {
            command: self.command,
            machine: &self.machine,
            places,
            network: match self.global.offline || wants.frozen || wants.from.is_some() {
                true => Network::Offline,
                false => Network::Online,
            },
            from: wants.from,
            lock_mode: if wants.locked || wants.frozen { LockMode::Locked } else { LockMode::Free },
            effect: self.effect(),
            edited: if wants.overwrite { Edited::Overwrite } else { Edited::Keep },
            waiting: self.waiting,
            progress: self.ui,
            approver: &self.approver,
            variable: &|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()),
        })
    }

    /// A typed path without what is relative in it.
    fn absolute(&self, path: &Path) -> PathBuf {
        let full = self.current.join(path);
        std::path::absolute(&full).unwrap_or(full)
    }

    fn effect(&self) -> Effect {
        if self.global.dry_run { Effect::DryRun } else { Effect::Change }
    }

    /// Looks at the scope that was asked for, or at all there are here.
    fn each_scope<T>(&self, look: impl Fn(&Context<'_>) -> Result<T>) -> Result<Vec<T>> {
        let scopes = match self.global.scope {
            Some(scope) => vec![scope.into()],
            None if self.is_in_project() => Scope::ALL.to_vec(),
            None => vec![Scope::User],
        };
        scopes.into_iter().map(|scope| look(&self.context_in(Some(scope), Wants::default())?)).collect()
    }

    fn is_in_project(&self) -> bool {
        self.global.project.is_some() || self.machine.find_project(&self.current).is_some()
    }
}

/// The person at the terminal, if there is one.
struct Person<'a> {
    ui: &'a Ui,
    accept: bool,
}

impl Approver for Person<'_> {
    fn approve(&self, changes: &[SurfaceChange]) -> Answer {
        if self.accept {
            return Answer::Yes;
        }
        if !self.ui.can_ask() {
            return Answer::NobodyThere;
        }
        render::surface_changes(self.ui, changes);
        if self.ui.confirm("Go on?") { Answer::Yes } else { Answer::No }
    }
}

fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Install(_) => "install",
        Command::Update(_) => "update",
        Command::Remove(_) => "remove",
        Command::Question(question) => question.name(),
        Command::Mending(mending) => mending.name(),
        Command::List(_) => "list",
        Command::Verify(_) => "verify",
        Command::Lock(_) => "lock",
        Command::Export(_) => "export",
        Command::Import(_) => "import",
        Command::Vendor { .. } => "vendor",
        Command::Index(IndexCommand::Add { .. }) => "index add",
        Command::Index(IndexCommand::Remove { .. }) => "index remove",
        Command::Index(IndexCommand::List) => "index list",
        Command::Index(IndexCommand::Accept { .. }) => "index accept",
        Command::Index(IndexCommand::New { .. }) => "index new",
        Command::Index(IndexCommand::AddRelease(_)) => "index add-release",
        Command::Index(IndexCommand::Yank { .. }) => "index yank",
        Command::Index(IndexCommand::Check { .. }) => "index check",
        Command::Init { .. } => "init",
        Command::Cache(CacheCommand::Dir) => "cache dir",
        Command::Cache(CacheCommand::Info) => "cache info",
        Command::Cache(CacheCommand::Clean) => "cache clean",
        Command::Cache(CacheCommand::Prune { .. }) => "cache prune",
    }
}

fn error_document(command: &Command, error: &Error) -> Value {
    json!({
        "version": JSON_VERSION,
        "command": name_of(command),
        "exit": error.kind().exit_code(),
        "error": {
            "kind": error.kind().name(),
            "message": error.message(),
            "place": error.place(),
            "causes": error.causes(),
            "help": error.help_text(),
        },
    })
}
