//! What servers may be asked to leave out of an answer, and which servers do not take such a wish.
//!
//! A refusal costs two requests, so it is remembered for the rest of the run, and known beforehand where it is known.

use std::collections::HashMap;
use std::sync::Mutex;

use super::need::{Lacking, Need};
use super::{MAX_INDEX_FILE_BYTES, held};
use crate::model::url::GitUrl;

/// Which objects a server leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Filters {
    /// Trees below a depth, and blobs over a size.
    Narrow,
    /// All blobs, and nothing else.
    Blobless,
    /// None.
    Refused,
}

/// Hosts that filter blobs but no depth of trees: GitHub's engineers wrote so to the list of git on 20 March 2020, and
/// that other hosts would likely do the same.
const BLOBLESS_HOSTS: &[&str] = &["github.com"];

/// What is known of the servers in this run.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<String, Filters>>);

impl Known {
    /// How a server is asked.
    pub(super) fn of(&self, url: &GitUrl) -> Filters {
        let host = url.host();
        let known = held(&self.0).get(host).copied();
        known.unwrap_or(if BLOBLESS_HOSTS.contains(&host) { Filters::Blobless } else { Filters::Narrow })
    }

    /// Remembers that a server refused the filters it was asked with.
    pub(super) fn refused(&self, url: &GitUrl, asked: Filters) {
        let next = match asked {
            Filters::Narrow => Filters::Blobless,
            Filters::Blobless | Filters::Refused => Filters::Refused,
        };
        held(&self.0).insert(url.host().to_owned(), next);
    }
}

impl Filters {
    /// The options of a fetch that brings a commit.
    pub(super) fn for_commit(self, needs: &[Need<'_>]) -> Vec<String> {
        match self {
            Filters::Narrow if needs.iter().any(Need::is_everything) => vec![largest()],
            Filters::Narrow => vec![BLOBLESS.to_owned(), levels(Need::most_levels(needs))],
            Filters::Blobless => vec![BLOBLESS.to_owned()],
            Filters::Refused => vec![UNFILTERED.to_owned()],
        }
    }

    /// The options of a fetch that brings objects by their ids.
    pub(super) fn for_objects(self, lacking: &Lacking) -> Vec<String> {
        match (self, lacking.ways.values().max()) {
            (Filters::Narrow, Some(most)) => vec![BLOBLESS.to_owned(), levels(*most)],
            (Filters::Narrow, None) => vec![largest()],
            (Filters::Blobless, _) => vec![BLOBLESS.to_owned()],
            (Filters::Refused, _) => vec![UNFILTERED.to_owned()],
        }
    }
}

/// Leaves out all blobs that are not asked for by name.
const BLOBLESS: &str = "--filter=blob:none";
/// Without it git would take the filter of the last fetch from the same address.
const UNFILTERED: &str = "--no-filter";

fn levels(count: usize) -> String {
    format!("--filter=tree:{count}")
}

/// Leaves out the blobs that are too large for any reader.
fn largest() -> String {
    format!("--filter=blob:limit={}", MAX_INDEX_FILE_BYTES + 1)
}
