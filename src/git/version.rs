//! Which git is installed.

use super::command::{Git, OLDEST};
use crate::error::{Error, Kind, Result};

/// Says whether there is a git that cpm can work with.
///
/// # Errors
/// [`Kind::Usage`] when it is missing or too old.
pub fn check() -> Result<()> {
    let told = Git::new(std::env::vars_os()).version()?;
    match parse(&told) {
        Some(version) if version < OLDEST => {
            Err(Error::new(Kind::Usage, format!("`{}` is too old for cpm", told.trim())).help(super::command::GIT_HELP))
        }
        // What names itself in another way may still work; its own messages will say.
        _ => Ok(()),
    }
}

/// The first two numbers in `git version 2.47.3`.
fn parse(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.trim().strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_gits_of_all_systems_tell_them() {
        for (told, version) in [
            ("git version 2.47.3\n", Some((2, 47))),
            ("git version 2.39.5 (Apple Git-154)\n", Some((2, 39))),
            ("git version 2.9.windows.1\n", Some((2, 9))),
            ("hub version 1.0\n", None),
        ] {
            assert_eq!(parse(told), version, "{told}");
        }
        assert!(parse("git version 2.9.0") < Some(OLDEST));
    }
}
