//! Which change of the manifest would help, where there is no solution: tried out with what is known already, so that
//! nobody is asked, and nothing is advised that does not work.

use super::{Fact, Preferences, Round, report};
use crate::error::Result;
use crate::model::dependency::Need;
use crate::model::version::Requirement;

/// How many changes are offered.
const OFFERED: usize = 3;
/// How many packages of the manifest are tried.
const TRIED: usize = 20;

/// One sentence about what to do.
///
/// # Errors
/// Any failure but that of the time: what is known stays worth telling.
pub(super) fn advice(proof: &[Fact], round: Round<'_>) -> Result<String> {
    round.memory.close();
    match try_changes(proof, round) {
        Err(_) if round.memory.check_time().is_err() => {
            Ok("ask for other versions; which ones would help could not be found out in time".to_owned())
        }
        tried => tried,
    }
}

fn try_changes(proof: &[Fact], round: Round<'_>) -> Result<String> {
    let involved = report::roots_in(proof);
    let (mut other_versions, mut without) = (Vec::new(), Vec::new());
    for name in involved.iter().take(TRIED) {
        let written: Vec<String> =
            round.roots.iter().filter(|need| need.name == *name).map(|need| need.requirement.to_string()).collect();
        let free = |need: &Need| match need.name == *name {
            true => Need { requirement: Requirement::Any, ..need.clone() },
            false => need.clone(),
        };
        let freed: Vec<Need> = round.roots.iter().map(free).collect();
        let preferences = Preferences { moving: [name.clone()].into(), ..round.preferences.clone() };
        let solution = (Round { roots: &freed, preferences: &preferences, ..round }).solve()?;
        if let Some(version) = solution.as_ref().and_then(|solution| solution.get(name)) {
            other_versions.push(format!("ask for `{name}` {version} instead of `{}`", written.join("` and `")));
            continue;
        }
        let left: Vec<Need> = round.roots.iter().filter(|need| need.name != *name).cloned().collect();
        // Who asks for nothing else is not helped by doing without it.
        if !left.is_empty() && (Round { roots: &left, ..round }).solve()?.is_some() {
            without.push(format!("do without `{name}`"));
        }
    }
    let offers: Vec<String> = other_versions.into_iter().chain(without).take(OFFERED).collect();
    Ok(match offers.as_slice() {
        [] => "no change of one line of your manifest would help; tell the authors of these packages".to_owned(),
        [one] => format!("this would help: {one}"),
        some => format!("one of these would help: {}", some.join("; or ")),
    })
}
