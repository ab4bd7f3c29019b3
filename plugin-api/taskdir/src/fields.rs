//! Reading the keys of a metadata object one by one, with errors that name the key.

use std::path::Path;
use std::time::Duration;

use ratchet_plugin_api::{did_you_mean, nearest};
use serde_json::{Map, Value};

use crate::document::kind_of;
use crate::{Diagnostic, Loaded};

/// A positive number of seconds as a duration; none for anything else.
pub fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

/// The keys of an object that were not taken yet.
pub(crate) struct Fields<'a> {
    pub(crate) file: &'a Path,
    /// What the object is called in front of its keys, such as `retry.`.
    within: &'static str,
    pub(crate) left: Map<String, Value>,
    pub(crate) warnings: &'a mut Vec<Diagnostic>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(
        file: &'a Path,
        within: &'static str,
        left: Map<String, Value>,
        warnings: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self { file, within, left, warnings }
    }

    pub(crate) fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(Diagnostic::warning(self.file, message));
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.file, message)
    }

    fn wrong(&self, key: &str, value: &Value, expected: &str) -> Diagnostic {
        let found = match value {
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            other => kind_of(other).to_owned(),
        };
        self.error(format!("`{}{key}` is {expected}, not {found}", self.within))
    }

    /// The value of a key, which is taken; nothing for `null`.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.left.shift_remove(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, key: &str) -> Loaded<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => {
                let message = format!("`{}{key}` is text, not {}", self.within, kind_of(&other));
                Err(self.error(message))
            }
        }
    }

    /// A list of text.
    pub(crate) fn words(&mut self, key: &str) -> Loaded<Vec<String>> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let words = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        words.ok_or_else(|| self.wrong(key, &value, "a list of text"))
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&mut self, key: &str, least: u32) -> Loaded<Option<u32>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| *number >= least) {
            Some(number) => Ok(Some(number)),
            None => {
                let expected = format!("a whole number of at least {least}");
                Err(self.wrong(key, &value, &expected))
            }
        }
    }

    /// A number within bounds.
    pub(crate) fn number(&mut self, key: &str, least: f64, most: f64) -> Loaded<Option<f64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.as_f64().filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let expected = if most.is_finite() {
                    format!("a number from {least} to {most}")
                } else {
                    format!("a number of at least {least}")
                };
                Err(self.wrong(key, &value, &expected))
            }
        }
    }

    /// A positive number of seconds.
    pub(crate) fn seconds(&mut self, key: &str) -> Loaded<Option<Duration>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.as_f64().and_then(duration) {
            Some(duration) => Ok(Some(duration)),
            None => {
                let key = format!("{}{key}", self.within);
                Err(self.error(format!("`{key}` is {value}; it is a positive number of seconds")))
            }
        }
    }

    /// A positive number of seconds, in milliseconds.
    pub(crate) fn milliseconds(&mut self, key: &str) -> Loaded<Option<u64>> {
        let whole = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Ok(self.seconds(key)?.map(|duration| whole(duration).max(1)))
    }

    /// An object, whose keys are then read in the same way.
    pub(crate) fn object(&mut self, key: &str) -> Loaded<Option<Map<String, Value>>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(fields)),
            Some(other) => Err(self.wrong(key, &other, "an object")),
        }
    }

    /// Other keys are kept for whoever put them there, but a near miss is no such key.
    pub(crate) fn warn_of_misspellings(&mut self, known: &[&str]) {
        let keys: Vec<String> = self.left.keys().cloned().collect();
        for key in keys.iter().filter(|key| !known.contains(&key.as_str())) {
            if let Some(meant) = nearest(key, known.iter().copied()) {
                let hint = did_you_mean(Some(meant));
                self.warn(format!("`{}{key}` has no meaning here{hint}", self.within));
            }
        }
    }

    /// All keys have been read; what is left has no meaning.
    pub(crate) fn warn_of_others(&mut self, known: &[&str]) {
        let keys: Vec<String> = self.left.keys().cloned().collect();
        for key in keys {
            let hint = did_you_mean(nearest(&key, known.iter().copied()));
            self.warn(format!("`{}{key}` has no meaning here{hint}", self.within));
        }
    }
}
