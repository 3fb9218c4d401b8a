//! Inputs of a `server.json`: what the publisher fixes, what has a default, and what only the user knows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A value somebody has to know.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Input {
    value: Option<String>,
    default: Option<String>,
    is_required: bool,
    is_secret: bool,
    choices: Vec<String>,
    variables: Map<String, Value>,
}

/// An input with a name: a variable of the environment, or a header.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) input: Input,
}

pub(super) type Variables = BTreeMap<String, Input>;

type Told<T> = std::result::Result<T, String>;

impl Input {
    /// The value where nobody can override it later: a fixed one or the default as it is, else a reference to `name`.
    /// `None` for what may be left out.
    pub(super) fn literal_or_reference(&self, name: &str) -> Told<Option<String>> {
        self.check_choices(name)?;
        let reference = format!("${{{name}}}");
        if let Some(value) = &self.value {
            // A secret with a fixed text is a publisher's mistake; with `{variables}` the text around them is a form.
            let is_form = value.contains('{') || !self.is_secret;
            return if is_form {
                substitute(value, &variables(&self.variables)?).map(Some)
            } else {
                Ok(Some(reference))
            };
        }
        Ok(match &self.default {
            Some(default) if !self.is_secret => Some(default.clone()),
            _ => self.is_required.then_some(reference),
        })
    }

    /// As [`Input::literal_or_reference`], but a default stays one that the user's environment overrides.
    pub(super) fn overridable(&self, name: &str) -> Told<Option<String>> {
        let fits = |default: &&String| !default.contains(['}', '$']);
        match self.default.as_ref().filter(fits) {
            Some(default) if self.value.is_none() && !self.is_secret => {
                self.check_choices(name)?;
                Ok(Some(format!("${{{name}:-{default}}}")))
            }
            _ => self.literal_or_reference(name),
        }
    }

    fn check_choices(&self, name: &str) -> Told<()> {
        match self.value.as_ref().or(self.default.as_ref()) {
            Some(given) if !self.choices.is_empty() && !self.choices.contains(given) => {
                Err(format!("the value of `{name}` is not one of its own choices"))
            }
            _ => Ok(()),
        }
    }
}

/// The inputs that stand for `{name}` in a text.
pub(super) fn variables(raw: &Map<String, Value>) -> Told<Variables> {
    let read = |(name, value): (&String, &Value)| match Input::deserialize(value) {
        Ok(input) => Ok((name.clone(), input)),
        Err(cause) => Err(format!("the variable `{name}`: {cause}")),
    };
    raw.iter().map(read).collect()
}

/// Replaces each `{name}` that is a variable; another one is text. What may be left out still needs its place filled.
pub(super) fn substitute(text: &str, variables: &Variables) -> Told<String> {
    let mut filled = text.to_owned();
    for (name, input) in variables {
        let key = variable_name(name);
        let value = input.literal_or_reference(&key)?.unwrap_or_else(|| format!("${{{key}}}"));
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    Ok(filled)
}

/// The name of the environment variable that stands for an input, such as `API_KEY` for `--api-key`.
pub(super) fn variable_name(name: &str) -> String {
    let upper = name.trim_matches('-').to_ascii_uppercase();
    let name: String = upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}
