//! Takes over the plugins that the client installed from marketplaces: those that the settings of the scope enable.

use serde_json::Value;

use super::super::apply::shown_path;
use super::super::locking;
use super::taking::{Offer, Taking, left_out};
use super::{Files, LeftOut};
use crate::claude::markets::{self, Installed, Notes};
use crate::claude::settings::{Settings, SettingsFile};
use crate::error::{Error, Kind, Result};
use crate::fsx;
use crate::index::Indexes;
use crate::model::dependency::{Dependency, Origin};
use crate::model::index::{IndexConfig, IndexId, Release};
use crate::model::lock::Locked;
use crate::model::name::PackageName;
use crate::model::source::Source;
use crate::model::tree::Tree;
use crate::model::version::{self, Requirement, Version};

/// What the client says about plugins.
struct Client {
    settings: Settings,
    marketplaces: Notes,
    installed: Notes,
}

/// Reads the settings of the scope.
///
/// # Errors
/// Any failure to read a file of the scope; what is wrong with a plugin is left out.
pub(super) fn read(taking: &mut Taking<'_>) -> Result<()> {
    let context = taking.context;
    let settings = Settings::of(context.machine, &context.places)?;
    let Some(file) = settings.files.iter().find(|file| file.scope == context.places.scope).cloned() else {
        return Ok(());
    };
    let place = shown_path(context, &file.path);
    if let Some(why) = &file.ignored {
        let (name, why) = ("enabledPlugins".to_owned(), format!("Claude Code ignores the whole file: {why}"));
        taking.left_out.push(LeftOut { name, place, why, fix: Some("correct the file, then run again".to_owned()) });
        return Ok(());
    }
    let enabled = enabled(&file);
    if enabled.is_empty() {
        return Ok(());
    }
    let mut note = |notes: Result<Notes>| match notes {
        Ok(notes) => Some(notes),
        Err(error) => {
            let place = error.place().unwrap_or_default().to_owned();
            taking.left_out.push(left_out("enabledPlugins", &place, &error));
            None
        }
    };
    let (marketplaces, installed) =
        (note(Notes::marketplaces(context.machine)), note(Notes::installed(context.machine)));
    let (Some(marketplaces), Some(installed)) = (marketplaces, installed) else { return Ok(()) };
    let client = Client { settings, marketplaces, installed };
    for id in enabled {
        if let Err(error) = take(taking, &client, &id, &place) {
            taking.leave_out(&id, &place, &error);
        }
    }
    Ok(())
}

/// The plugins of marketplaces that a file switches on.
fn enabled(file: &SettingsFile) -> Vec<String> {
    let states = file.values.get("enabledPlugins").and_then(Value::as_object).into_iter().flatten();
    let on = states.filter(|(id, state)| state.as_bool() == Some(true) && id.contains('@'));
    on.map(|(id, _)| id.clone()).filter(|id| !id.ends_with("@skills-dir")).collect()
}

fn take(taking: &mut Taking<'_>, client: &Client, id: &str, place: &str) -> Result<()> {
    let (plugin, market) = id.rsplit_once('@').unwrap_or((id, ""));
    let name = PackageName::parse(plugin)?;
    let config = client.index_of(taking, market)?;
    let origin = |requirement| Origin::Index { requirement, index: Some(config.name.clone()) };
    let mut dependency = Dependency::plain(name.clone(), origin(Requirement::Any));
    match taking.is_known(&name, &dependency) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(why) => return Err(Error::new(Kind::Conflict, why).help("remove one of the two, then run again")),
    }
    let known = std::slice::from_ref(&config);
    let indexes = Indexes::new(known, taking.fetcher.cache);
    let (index, listing) = indexes.find(&name, Some(&config.name))?.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("the marketplace has no plugin `{name}` any more")).at(&config.url)
    })?;
    let release = listing.releases.first().ok_or_else(|| {
        let problem = listing.problems.first().map(ToString::to_string).unwrap_or_default();
        Error::new(Kind::Invalid, format!("the marketplace has no release of `{name}` that can be used: {problem}"))
    })?;
    let installed = client.installed.record(id, &taking.context.places);
    let (locked, loaded) = find(taking, &name, &index, release, installed.as_ref()).map_err(|error| {
        error.help(format!("to take what is there now: `claude plugin update {id}`, then run again"))
    })?;
    dependency.origin = origin(Requirement::for_chosen(&locked.version));
    let scope = taking.context.places.scope;
    let is_new = taking.indexes.iter().all(|known| known.name != config.name)
        && taking.manifest.indexes.iter().all(|known| known.name != config.name);
    if is_new {
        taking.indexes.push(config);
    }
    taking.push(Offer { name, dependency, locked, loaded }, place, Files::Client, None);
    if let Some(candidate) = taking.candidates.last_mut() {
        candidate.uninstall = Some(format!("`claude plugin uninstall {id} --scope {scope}`: cpm installs it itself"));
    }
    Ok(())
}

/// The release that the client has: its files prove it. Where it has none, what the marketplace has now.
fn find(
    taking: &Taking<'_>,
    name: &PackageName,
    index: &IndexId,
    head: &Release,
    installed: Option<&Installed>,
) -> Result<(Locked, super::super::fetch::Loaded)> {
    let fetcher = taking.fetcher;
    let Some(installed) = installed.filter(|installed| installed.copy.is_dir()) else {
        return locking::of_release(fetcher, name, index, head);
    };
    let now = locking::of_release(fetcher, name, index, head);
    match &now {
        Ok((_, loaded)) if holds(installed, &loaded.tree)? => return now,
        _ => {}
    }
    if let (Some(commit), Source::Git { .. }) = (&installed.commit, &head.source) {
        let mut then = Release { commit: Some(commit.clone()), checksum: None, ..head.clone() };
        let (mut locked, loaded) = locking::of_release(fetcher, name, index, &then)?;
        if holds(installed, &loaded.tree)? {
            let said = loaded.package.version.as_deref().unwrap_or(&installed.version);
            then.version = Version::parse(said).unwrap_or_else(|_| version::from_commit(commit));
            locked.version = then.version;
            locked.dependencies = loaded.package.dependencies.iter().map(|need| need.name.clone()).collect();
            return Ok((locked, loaded));
        }
    }
    now.and_then(|_| {
        let why = "what the client has of it is neither what the marketplace has now nor what it noted";
        Err(Error::new(Kind::Conflict, why).at_path(&installed.copy))
    })
}

/// Whether the client's copy has all these files; it may have more, such as node packages.
fn holds(installed: &Installed, tree: &Tree) -> Result<bool> {
    for (path, content) in tree.files() {
        if !fsx::tree::holds(&path.below(&installed.copy), content)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Client {
    /// The index that a marketplace is: one of the manifest, or a new one.
    fn index_of(&self, taking: &Taking<'_>, market: &str) -> Result<IndexConfig> {
        let declared = self.settings.word_on("extraKnownMarketplaces", market).map(|(market, _)| market);
        let known = declared.or_else(|| self.marketplaces.values.get(market)).and_then(|market| market.get("source"));
        let source = known.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("nobody here knows where the marketplace `{market}` is"))
                .help("add it: `cpm index add NAME URL`, then `cpm install PLUGIN --index NAME`")
        })?;
        let config = markets::as_index(market, source)?;
        let there = taking.manifest.indexes.iter().chain(&taking.indexes);
        if let Some(same) = there.clone().find(|index| index.url == config.url) {
            return Ok(same.clone());
        }
        match there.clone().find(|index| index.name == config.name) {
            None => Ok(config),
            Some(other) => Err(Error::new(Kind::Conflict, format!("another index is called `{}`", config.name))
                .because(format!("it is {}, and the marketplace is {}", other.url, config.url))
                .help(format!("add it under another name: `cpm index add NAME {}`", config.url))),
        }
    }
}
