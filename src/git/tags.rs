//! Which tags a server has, by name alone: no object travels, and nothing is kept. And whether a tag that was brought is
//! the one it stands for: an annotated tag carries the name under which it was made.

use git2::{Reference, Repository};

use super::fetch::{Server, describe};
use super::odb::Read;
use super::present::offline;
use super::{Cache, Network, failure};
use crate::error::{Error, Kind, Result};
use crate::model::source::{RefName, RefWant};
use crate::model::url::GitUrl;

impl Cache<'_> {
    /// The names of the tags that match one of the patterns of `git ls-remote`, oldest version first. The server is
    /// asked each time; of very many, the newest are told.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotFound`] when there is no such repository, or offline; [`crate::error::Kind::Network`].
    pub fn tags(&self, url: &GitUrl, patterns: &[String]) -> Result<Vec<RefName>> {
        if self.network == Network::Offline {
            return Err(offline(url, "the list of its tags"));
        }
        self.healing(url, || self.writing(url, |server| server.tags(patterns)))
    }
}

impl Server<'_> {
    fn tags(&self, patterns: &[String]) -> Read<Vec<RefName>> {
        self.tell("");
        // Of the output only the end is kept, and there the newest are.
        let mut arguments = vec!["ls-remote", "--refs", "--tags", "--sort=version:refname", "--", self.asked.as_str()];
        arguments.extend(patterns.iter().map(String::as_str));
        let output = self.run(&arguments, &[])?;
        if !output.status.success() || output.stopped.is_some() {
            return Err(failure::error(self.url, &output).into());
        }
        let names = output.stdout.lines().filter_map(|line| line.split_once("\trefs/tags/")).map(|(_, name)| name);
        // What git itself would not take for a name is no tag that could be fetched.
        Ok(names.filter_map(|name| RefName::parse(name).ok()).collect())
    }
}

/// The name under which the annotated tag at a ref was made, where that is another than the one that was wanted. A
/// lightweight tag has no name of its own, and of a tag of a tag only the outer one stands at the ref.
pub(super) fn other_name(repository: &Repository, reference: &Reference<'_>, want: &RefWant) -> Option<String> {
    let RefWant::Tag(wanted) = want else { return None };
    let tag = repository.find_tag(reference.target()?).ok()?;
    let name = tag.name_bytes();
    (name != wanted.as_str().as_bytes()).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Refuses a tag that was made under another name: somebody put one release in the place of another
/// [security.md X32].
///
/// # Errors
/// [`Kind::Integrity`].
pub(super) fn refuse_misnamed(repository: &Repository, reference: &Reference<'_>, want: &RefWant) -> Result<()> {
    match other_name(repository, reference, want) {
        None => Ok(()),
        Some(name) => Err(Error::new(Kind::Integrity, format!("the {} is not the one it stands for", describe(want)))
            .because(format!("it was made as the tag `{}`, and put in this place later", name.escape_debug()))
            .help("ask the owner of the repository; do not install it meanwhile")),
    }
}
