//! `cpm index accept`: takes an index whose history was replaced, once its owner said that this is right.

use serde::Serialize;

use super::super::state::ScopeState;
use super::super::{Context, Effect};
use crate::error::{Error, Kind, Result};
use crate::git::{Network, Reading};
use crate::index::Indexes;
use crate::model::index::IndexConfig;
use crate::model::name::IndexName;
use crate::model::source::Commit;
use crate::model::url::GitUrl;

/// What became of an index.
#[derive(Debug, Clone, Serialize)]
pub struct Accepted {
    /// Its repository.
    pub url: String,
    /// The commit that was used last, if any.
    pub before: Option<String>,
    /// The commit that is used from now on.
    pub now: String,
    /// Whether the history goes on from what was used last, so that there was nothing to accept.
    pub goes_on: bool,
    /// Whether nothing was written because of `--dry-run`.
    pub dry_run: bool,
}

/// Uses an index from now on as its repository has it; `which` is its name in the manifest or its address.
///
/// # Errors
/// [`Kind::NotFound`] when there is no such index; [`Kind::Usage`] offline; the failure to ask it or to read it.
pub fn accept(context: &Context<'_>, which: &str) -> Result<Accepted> {
    if context.network == Network::Offline {
        let error = Error::new(Kind::Usage, "what the index has now cannot be known offline");
        return Err(error.help("run again without `--offline`"));
    }
    let config = find(context, which)?;
    let cache = context.git_cache()?;
    let followed = match context.effect {
        Effect::Change => Indexes::accept(&config, &cache)?,
        Effect::DryRun => cache.follow(&config.url, &config.want(), Reading::Index)?,
    };
    Ok(Accepted {
        url: config.url.to_string(),
        before: followed.before.as_ref().map(Commit::to_string),
        now: followed.now.to_string(),
        goes_on: followed.goes_on,
        dry_run: context.effect == Effect::DryRun,
    })
}

fn find(context: &Context<'_>, which: &str) -> Result<IndexConfig> {
    let state = ScopeState::look(context)?;
    if let Some(config) = state.manifest.indexes.into_iter().find(|index| index.name.as_str() == which) {
        return Ok(config);
    }
    let missing = || {
        Error::new(Kind::NotFound, format!("there is no index `{which}`"))
            .at_path(&context.places.manifest)
            .help("`cpm index list` shows the indexes; the address of one will do too")
    };
    let is_name = IndexName::parse(which).is_ok();
    let url = if is_name { Err(missing()) } else { GitUrl::parse_typed(which) }?;
    Ok(IndexConfig::plain(IndexName::parse("index")?, url))
}
