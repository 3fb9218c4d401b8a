//! Which tags a server has, by name alone: no object travels, and nothing is kept.

use super::fetch::Server;
use super::odb::Read;
use super::present::offline;
use super::{Cache, Network, failure};
use crate::error::Result;
use crate::model::source::RefName;
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
