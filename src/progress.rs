//! What the lower layers may say while they work. Only `cli::Ui` turns it into text on a terminal.

/// A listener for what is going on; workers on several threads share one.
pub trait Progress: Sync {
    /// A step a person may wait for.
    fn step(&self, text: &str);
    /// A repository is being fetched. Told again when there is more to say: how much has come, in git's own words
    /// ("1.20 MiB | 2.00 MiB/s"), or what it waits for.
    fn fetching(&self, place: &str, state: &str);
    /// A repository is no longer being fetched.
    fn fetched(&self, place: &str);
    /// A detail for `-v`, such as a command line.
    fn detail(&self, text: &str);
    /// Something the user should know although the run goes on.
    fn warn(&self, text: &str);
}

/// Says nothing.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str) {}
    fn fetching(&self, _: &str, _: &str) {}
    fn fetched(&self, _: &str) {}
    fn detail(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}
