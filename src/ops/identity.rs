//! What a package says of itself beside what a cpm index lists it as. A marketplace needs none of this: there the entry's
//! name and plugin.json's version count, as for the client.

use crate::error::{Error, Kind, Result};
use crate::model::name::PackageName;
use crate::model::package::{Package, Shape};
use crate::model::version::Version;

/// Says that plugin.json has another name than the index. One that no package can have, such as `My_Plugin`, is nobody
/// else's.
pub(super) fn other_name(listed: &PackageName, package: &Package) -> Option<String> {
    let own = PackageName::parse(package.namespace.as_deref().filter(|_| is_authors(package))?).ok()?;
    (own != *listed).then(|| format!("the index says `{listed}`, but plugin.json says `{own}`"))
}

/// Says that plugin.json has another version than the index.
pub(super) fn other_version(listed: &Version, package: &Package) -> Option<String> {
    let own = package.version.as_deref().filter(|_| is_authors(package))?;
    let is_same = Version::parse(own.strip_prefix('v').unwrap_or(own)).is_ok_and(|own| own == *listed);
    (!is_same).then(|| format!("the index says version {listed}, but plugin.json says {}", own.escape_debug()))
}

/// Refuses a package that an index lists under the name of another one [security.md L34].
///
/// # Errors
/// [`Kind::Integrity`].
pub(super) fn refuse_other_name(listed: &PackageName, package: &Package) -> Result<()> {
    match other_name(listed, package) {
        None => Ok(()),
        Some(why) => Err(Error::new(Kind::Integrity, format!("what is listed as `{listed}` is another package"))
            .because(why)
            .help("tell the owner of the index, and do not install it meanwhile")),
    }
}

/// Whether the author wrote plugin.json; what an index gives in place of one is the index's own word.
fn is_authors(package: &Package) -> bool {
    package.shape == Shape::Plugin
}
