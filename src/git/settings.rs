//! Writes into the configuration of a repository of the user's: only when asked to, and only what is not so yet.

use std::path::Path;

use crate::error::{Error, Kind, Result};

/// Which of these values a configuration file of git does not have.
///
/// # Errors
/// [`Kind::FileSystem`] when the file cannot be read as git's.
pub fn lacking<'v>(config: &Path, values: &[(&'v str, &'v str)]) -> Result<Vec<(&'v str, &'v str)>> {
    let file = open(config)?;
    let is_otherwise = |(key, value): &(&str, &str)| file.get_string(key).ok().as_deref() != Some(*value);
    Ok(values.iter().copied().filter(is_otherwise).collect())
}

/// Sets values in a configuration file of git; the rest of it stays as it is.
///
/// # Errors
/// [`Kind::FileSystem`] when the file cannot be read as git's, or not be written.
pub fn set(config: &Path, values: &[(&str, &str)]) -> Result<()> {
    let mut file = open(config)?;
    values.iter().try_for_each(|(key, value)| file.set_str(key, value)).map_err(|cause| failed("write", config, &cause))
}

fn open(config: &Path) -> Result<git2::Config> {
    git2::Config::open(config).map_err(|cause| failed("read", config, &cause))
}

fn failed(verb: &str, config: &Path, cause: &git2::Error) -> Error {
    Error::new(Kind::FileSystem, format!("cannot {verb} the configuration of the repository"))
        .at_path(config)
        .because(cause.message())
}
