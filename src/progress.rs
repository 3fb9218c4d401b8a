//! What the lower layers may say while they work. Only `cli::Ui` turns it into text on a terminal.

/// A listener for what is going on; workers on several threads share one.
pub trait Progress: Sync {
    /// A step a person may wait for, such as "fetching https://…".
    fn step(&self, text: &str);
    /// How much of a repository has come so far, as git says it: "1.20 MiB | 2.00 MiB/s".
    fn received(&self, _place: &str, _amount: &str) {}
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
    fn detail(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}
