//! A marketplace plugin that the client loads instead of a plugin folder of the same name, and how to make the client let
//! go of it: its commands work on one scope each, and uninstall only what it noted for that scope.

use std::path::Path;

use super::markets::Notes;
use super::paths::Machine;
use super::settings::{Settings, SettingsFile};
use crate::model::scope::Scope;

/// A marketplace plugin that hides a plugin folder.
#[derive(Debug, Clone)]
pub struct Rival {
    /// Its name and its marketplace: `NAME@MARKETPLACE`.
    pub id: String,
    /// The scopes that enable it, each with the command that ends this, in backticks.
    enabled: Vec<(Scope, String)>,
}

impl Rival {
    /// The enabled marketplace plugin that has the name of a plugin folder, if there is one.
    #[must_use]
    pub fn of(plugin: &str, settings: &Settings, machine: &Machine) -> Option<Self> {
        let id = settings.market_plugin(plugin)?;
        // Notes that cannot be read the client makes anew. Until then it can only disable.
        let notes = Notes::installed(machine).ok();
        let command = |file: &SettingsFile| {
            let base = file.path.parent().and_then(Path::parent).filter(|_| file.scope != Scope::User);
            let is_noted = notes.as_ref().is_some_and(|notes| notes.has(&id, file.scope, base));
            let verb = if is_noted { "uninstall" } else { "disable" };
            let place = base.map_or_else(String::new, |base| format!(" in {}", machine.shown(base)));
            (file.scope, format!("`claude plugin {verb} {id} --scope {}`{place}", file.scope))
        };
        let enabled = settings.enabling(&id).map(command).collect();
        Some(Rival { id, enabled })
    }

    /// Whose settings enable it: `user scope`, `user and local scopes`.
    #[must_use]
    pub fn scopes(&self) -> String {
        let names: Vec<&str> = self.enabled.iter().map(|(scope, _)| scope.name()).collect();
        format!("{} scope{}", names.join(" and "), if names.len() == 1 { "" } else { "s" })
    }

    /// The commands that make the client let go of it.
    #[must_use]
    pub fn commands(&self) -> String {
        self.enabled.iter().map(|(_, command)| command.as_str()).collect::<Vec<_>>().join(" and ")
    }
}
