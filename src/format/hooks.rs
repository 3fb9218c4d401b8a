//! Reads hooks with the client's verdict [claude-code.md §5.1]: one mistake in a file of them, and it loads none of that
//! file; one in those of plugin.json, and it loads nothing of the plugin.
//! What only a newer client may know, an event or a kind of hook, is no mistake; whoever shows a package says it.

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};

/// The events that Claude Code 2.1.197 knows.
const EVENTS: [&str; 30] = [
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "Notification",
    "UserPromptSubmit",
    "UserPromptExpansion",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "PermissionRequest",
    "PermissionDenied",
    "Setup",
    "TeammateIdle",
    "TaskCreated",
    "TaskCompleted",
    "Elicitation",
    "ElicitationResult",
    "ConfigChange",
    "WorktreeCreate",
    "WorktreeRemove",
    "InstructionsLoaded",
    "CwdChanged",
    "FileChanged",
    "MessageDisplay",
];

/// The kinds of hooks it knows, and the texts that each must have.
const KINDS: [(&str, &[&str]); 5] = [
    ("command", &["command"]),
    ("prompt", &["prompt"]),
    ("agent", &["prompt"]),
    ("http", &["url"]),
    ("mcp_tool", &["server", "tool"]),
];

/// The hooks of a file, by event; in plugin.json they stand without the key `hooks` around them.
///
/// # Errors
/// [`Kind::Invalid`] when the client would not load them.
pub fn of_file(mut file: Map<String, Value>) -> Result<Map<String, Value>> {
    match file.remove("hooks") {
        Some(Value::Object(events)) => check(&events).map(|()| events),
        _ => Err(mistake("hooks", "a file of hooks has an object with this key")),
    }
}

/// Checks hooks by event.
///
/// # Errors
/// As [`of_file`].
pub fn check(events: &Map<String, Value>) -> Result<()> {
    for (event, groups) in events {
        let place = format!("hooks.{}", event.escape_debug());
        let groups = groups.as_array().ok_or_else(|| mistake(&place, "it is not a list"))?;
        for (at, group) in groups.iter().enumerate() {
            check_group(&format!("{place}.{at}"), group)?;
        }
    }
    Ok(())
}

/// What a client may not know of these hooks, in sentences.
#[must_use]
pub fn unknown(events: &Map<String, Value>) -> Vec<String> {
    let other_events = events.keys().filter(|event| !EVENTS.contains(&event.as_str()));
    let groups = events.values().filter_map(Value::as_array).flatten();
    let hooks = groups.filter_map(|group| group.get("hooks")?.as_array()).flatten();
    let kinds = hooks.filter_map(|hook| hook.get("type")?.as_str());
    let other_kinds = kinds.filter(|kind| KINDS.iter().all(|(known, _)| known != kind));
    let events = other_events.map(|event| format!("event `{}`", event.escape_debug()));
    let kinds = other_kinds.map(|kind| format!("kind `{}`", kind.escape_debug()));
    events
        .chain(kinds)
        .map(|what| {
            format!("it has hooks of the {what}; a Claude Code that does not know it loads none of these hooks")
        })
        .collect()
}

fn mistake(place: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("`{place}`: {why}"))
        .because("Claude Code does not load such hooks, and says that the plugin failed to load")
        .help("tell its author")
}

/// A matcher, if there is one, with its hooks.
fn check_group(place: &str, group: &Value) -> Result<()> {
    if !group.is_object() {
        return Err(mistake(place, "it is not an object"));
    }
    if group.get("matcher").is_some_and(|matcher| !matcher.is_string()) {
        return Err(mistake(&format!("{place}.matcher"), "it is not a string"));
    }
    let hooks = group.get("hooks").and_then(Value::as_array);
    let hooks = hooks.ok_or_else(|| mistake(&format!("{place}.hooks"), "it is missing or not a list"))?;
    hooks.iter().enumerate().try_for_each(|(at, hook)| check_hook(&format!("{place}.hooks.{at}"), hook))
}

fn check_hook(place: &str, hook: &Value) -> Result<()> {
    let is_text = |key: &str| hook.get(key).is_some_and(Value::is_string);
    let kind = hook.get("type").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| mistake(&format!("{place}.type"), "it is missing or not a string"))?;
    let texts = KINDS.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, texts)| texts);
    if let Some(key) = texts.iter().find(|key| !is_text(key)) {
        return Err(mistake(&format!("{place}.{key}"), "it is missing or not a string"));
    }
    let is_positive = |timeout: &Value| timeout.as_f64().is_some_and(|seconds| seconds > 0.0);
    match (hook.get("timeout"), hook.get("async")) {
        (Some(timeout), _) if !is_positive(timeout) => {
            Err(mistake(&format!("{place}.timeout"), "it is not a number above 0"))
        }
        (_, Some(flag)) if !flag.is_boolean() => {
            Err(mistake(&format!("{place}.async"), "it is neither true nor false"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Map<String, Value>> {
        of_file(serde_json::from_str(text).expect("an object"))
    }

    #[test]
    fn hooks_that_the_client_takes_are_taken() {
        for text in [
            r#"{"hooks":{}}"#,
            r#"{"description":"d","hooks":{"Stop":[{"hooks":[]}]},"events":1}"#,
            r#"{"hooks":{"Stop":[{"matcher":"x","hooks":[{"type":"command","command":"","timeout":5,"async":true}],"x":1}]}}"#,
            r#"{"hooks":{"Stop":[{"hooks":[{"type":"prompt","prompt":"p"},{"type":"agent","prompt":"p"}]}]}}"#,
            r#"{"hooks":{"Stop":[{"hooks":[{"type":"http","url":"https://x"},{"type":"mcp_tool","server":"s","tool":"t"}]}]}}"#,
        ] {
            let events = read(text).expect(text);
            assert_eq!(unknown(&events), [""; 0], "{text}");
        }
    }

    #[test]
    fn hooks_that_the_client_refuses_are_refused_with_the_place() {
        let hook = |hook: &str| format!(r#"{{"hooks":{{"Stop":[{{"hooks":[{hook}]}}]}}}}"#);
        for (text, place) in [
            (r#"{}"#.to_owned(), "hooks"),
            (r#"{"hooks":[]}"#.to_owned(), "hooks"),
            (r#"{"hooks":{"Stop":{}}}"#.to_owned(), "hooks.Stop"),
            (r#"{"hooks":{"Stop":[7]}}"#.to_owned(), "hooks.Stop.0"),
            (r#"{"hooks":{"Stop":[{}]}}"#.to_owned(), "hooks.Stop.0.hooks"),
            (r#"{"hooks":{"Stop":[{"matcher":null,"hooks":[]}]}}"#.to_owned(), "hooks.Stop.0.matcher"),
            (hook("7"), "hooks.Stop.0.hooks.0.type"),
            (hook(r#"{"command":"x"}"#), "hooks.Stop.0.hooks.0.type"),
            (hook(r#"{"type":"command"}"#), "hooks.Stop.0.hooks.0.command"),
            (hook(r#"{"type":"agent"}"#), "hooks.Stop.0.hooks.0.prompt"),
            (hook(r#"{"type":"http"}"#), "hooks.Stop.0.hooks.0.url"),
            (hook(r#"{"type":"mcp_tool","server":"s"}"#), "hooks.Stop.0.hooks.0.tool"),
            (hook(r#"{"type":"command","command":"x","timeout":"5"}"#), "hooks.Stop.0.hooks.0.timeout"),
            (hook(r#"{"type":"command","command":"x","timeout":0}"#), "hooks.Stop.0.hooks.0.timeout"),
            (hook(r#"{"type":"command","command":"x","async":"y"}"#), "hooks.Stop.0.hooks.0.async"),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.message().starts_with(&format!("`{place}`: ")), "{text}: {error}");
        }
    }

    #[test]
    fn what_only_a_newer_client_may_know_is_told() {
        let events = read(r#"{"hooks":{"NewEvent":[{"hooks":[{"type":"new"}]}]}}"#).expect("hooks");
        let told = unknown(&events);
        assert!(told.len() == 2 && told[0].contains("`NewEvent`") && told[1].contains("`new`"), "{told:?}");
    }
}
