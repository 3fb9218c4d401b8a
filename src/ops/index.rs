//! `cpm index`: which indexes a scope asks, in which order (`add`, `remove`, `list`), and what maintainers of an index do.

pub mod accept;
pub mod check;
mod folder;
pub mod publish;
mod readme;

use serde::Serialize;

use super::state::{self, ScopeState};
use super::{Context, Effect, undo};
use crate::error::{Error, Kind, Result};
use crate::format::manifest_edit::Editor;
use crate::git::Network;
use crate::index::{IndexKind, Indexes};
use crate::model::age::Age;
use crate::model::index::{IndexConfig, IndexId};
use crate::model::name::IndexName;
use crate::receipt::undo::Adopted;
use crate::transaction::Privacy;

/// One index of a scope.
#[derive(Debug, Clone, Serialize)]
pub struct IndexRow {
    /// What the manifest calls it.
    pub name: String,
    /// Its repository; `builtin` for the one compiled in.
    pub url: String,
    /// The names that belong to it alone, where the manifest says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// How many days a release must have been published to be chosen, where the manifest says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_release_age_days: Option<u64>,
    /// The file with the keys that must have signed what is locked from it, where the manifest says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signers: Option<String>,
    /// What it is, if it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<IndexKind>,
    /// How many packages it has, if it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<usize>,
}

impl IndexRow {
    /// What the manifest says of an index.
    fn of(config: &IndexConfig) -> Self {
        IndexRow {
            name: config.name.to_string(),
            url: config.url.to_string(),
            names: config.packages.iter().map(ToString::to_string).collect(),
            min_release_age_days: config.min_release_age.map(Age::days),
            signers: config.signers.as_ref().map(ToString::to_string),
            kind: None,
            packages: None,
        }
    }
}

/// Adds an index after the others, once it is known to be one; offline that is taken on trust.
///
/// # Errors
/// The failure to open it; then nothing is written.
pub fn add(context: &Context<'_>, config: &IndexConfig) -> Result<IndexRow> {
    let state = ScopeState::open(context)?;
    if let Some(other) =
        state.manifest.indexes.iter().find(|other| other.name == config.name && other.url != config.url)
    {
        return Err(Error::new(Kind::Conflict, format!("there is an index `{}` already", config.name))
            .at_path(&context.places.manifest)
            .because(format!("it is {}", other.url))
            .help(format!("choose another name, or run `cpm index remove {}` first", config.name)));
    }
    let config = &with_conditions(config, &state);
    let cache = context.git_cache()?;
    let mut manifest = state.manifest.clone();
    manifest.indexes.retain(|other| other.name != config.name);
    manifest.indexes.push(config.clone());
    let described = match context.network {
        Network::Online => Some(Indexes::new(&manifest.indexes, &cache).describe(&config.name)?),
        Network::Offline => None,
    };
    write(context, &state, |editor| editor.set_index(config))?;
    Ok(IndexRow {
        kind: described.map(|(kind, _)| kind),
        packages: described.map(|(_, count)| count),
        ..IndexRow::of(config)
    })
}

/// The conditions that the manifest sets for an index stay when it is added again.
fn with_conditions(config: &IndexConfig, state: &ScopeState) -> IndexConfig {
    let mut config = config.clone();
    if let Some(known) = state.manifest.indexes.iter().find(|known| known.name == config.name) {
        if config.packages.is_empty() {
            config.packages.clone_from(&known.packages);
        }
        config.min_release_age = config.min_release_age.or(known.min_release_age);
        config.signers = config.signers.or_else(|| known.signers.clone());
    }
    config
}

/// Removes an index that no dependency names.
///
/// # Errors
/// [`Kind::NotFound`]; [`Kind::Conflict`] when a dependency is pinned to it.
pub fn remove(context: &Context<'_>, name: &IndexName) -> Result<()> {
    use crate::model::dependency::Origin;
    let state = ScopeState::open(context)?;
    let Some(index) = state.manifest.indexes.iter().find(|index| index.name == *name) else {
        return Err(Error::new(Kind::NotFound, format!("there is no index `{name}`"))
            .at_path(&context.places.manifest)
            .help("`cpm index list` shows the indexes"));
    };
    let pinned = state.manifest.dependencies.iter().find(
        |(_, dependency)| matches!(&dependency.origin, Origin::Index { index: Some(index), .. } if index == name),
    );
    if let Some((dependency, _)) = pinned {
        return Err(Error::new(
            Kind::Conflict,
            format!("the dependency `{dependency}` is pinned to the index `{name}`"),
        )
        .at_path(&context.places.manifest)
        .help(format!("run `cpm remove {dependency}` first")));
    }
    refuse_in_use(context, &state, index)?;
    write(context, &state, |editor| {
        editor.remove_index(name);
        Ok(())
    })
}

/// What is locked from an index could not be updated without it.
fn refuse_in_use(context: &Context<'_>, state: &ScopeState, IndexConfig { name, url, .. }: &IndexConfig) -> Result<()> {
    let has_another_name = state.manifest.indexes.iter().any(|index| index.name != *name && index.url == *url);
    let id = IndexId::Git(url.clone());
    let locked = state.lock.packages.iter().filter(|(_, locked)| locked.index.as_ref() == Some(&id));
    let names: Vec<String> = locked.map(|(package, _)| format!("`{package}`")).collect();
    if names.is_empty() || has_another_name {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, format!("packages of the index `{name}` are installed: {}", names.join(", ")))
        .at_path(&context.places.manifest)
        .help("remove them first with `cpm remove`"))
}

/// The indexes in the order in which they are asked.
///
/// # Errors
/// Any failure to read the manifest.
pub fn list(context: &Context<'_>) -> Result<Vec<IndexRow>> {
    let state = ScopeState::look(context)?;
    let cache = context.git_cache()?;
    let indexes = Indexes::new(&state.manifest.indexes, &cache);
    let configured = state.manifest.indexes.iter();
    let mut rows: Vec<IndexRow> = configured.map(IndexRow::of).collect();
    rows.push(IndexRow {
        name: "builtin".to_owned(),
        url: "builtin".to_owned(),
        names: Vec::new(),
        min_release_age_days: None,
        signers: None,
        kind: Some(IndexKind::Builtin),
        packages: Some(indexes.builtin_size()?),
    });
    Ok(rows)
}

fn write(context: &Context<'_>, state: &ScopeState, edit: impl FnOnce(&mut Editor) -> Result<()>) -> Result<()> {
    let path = &context.places.manifest;
    let mut editor = Editor::parse(state.manifest_text.as_deref().unwrap_or_default(), path)?;
    edit(&mut editor).map_err(|error| error.at_path(path))?;
    if context.effect == Effect::DryRun || state.manifest_text.as_deref() == Some(&editor.text()) {
        return Ok(());
    }
    let text = editor.text();
    let mut transaction = state.begin(context)?;
    let after = [Some(text.as_bytes()), state.lock_bytes.as_deref()];
    undo::stage_record(context, state, &mut transaction, after, Adopted::default())?;
    transaction.put_file(path, text.as_bytes(), Privacy::Shared)?;
    state::commit(transaction)
}
