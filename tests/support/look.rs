//! What a test reads back, and the user's own git configuration.

use serde_json::Value;

use super::{World, write};

impl World {
    /// A package's entry in the project's lock.
    pub fn locked(&self, name: &str) -> Value {
        let lock: Value = toml::from_str(&self.read("cpm.lock")).expect("TOML");
        let mut packages = lock["package"].as_array().expect("packages").iter();
        packages.find(|package| package["name"] == name).unwrap_or_else(|| panic!("{name} in {lock:#}")).clone()
    }

    /// What the project's manifest says under a key of `[dependencies]`.
    pub fn dependency(&self, name: &str) -> Value {
        let manifest: Value = toml::from_str(&self.read("cpm.toml")).expect("TOML");
        manifest["dependencies"][name].clone()
    }

    /// Leads every address that starts with `from` to `to`, as a user's `~/.gitconfig` may.
    pub fn instead_of(&self, from: &str, to: &str) {
        let file = self.home().join(".gitconfig");
        let old = std::fs::read_to_string(&file).unwrap_or_default();
        write(&file, format!("{old}[url \"{to}\"]\n\tinsteadOf = {from}\n"));
    }
}
