//! `metadata.json`, and the older `meta.yaml` and `metadata.yaml`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ratchet_plugin_api::model::Id;
use serde_json::{Map, Value};

use super::Loaded;
use super::document::{kind_of, read_json, read_yaml};
use crate::config::duration;
use crate::diagnostic::{Diagnostic, did_you_mean, nearest};

/// The names a task's metadata may have, best first.
pub(crate) const METADATA_FILES: [&str; 3] = ["metadata.json", "meta.yaml", "metadata.yaml"];

/// Keys with a meaning, for suggestions when one is misspelt.
const KNOWN_KEYS: [&str; 13] = [
    "uuid",
    "name",
    "label",
    "version",
    "description",
    "tags",
    "timeout",
    "memory_limit_mb",
    "memory_limit",
    "runtime",
    "input_schema",
    "output_schema",
    "test_cases",
];

/// The version of a task that does not name one.
const NO_VERSION: &str = "0.0.0";

/// What a task says about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    /// The file it was read from; none if there is none.
    pub(crate) file: Option<PathBuf>,
    pub(crate) uuid: Option<Id>,
    /// The name; the label where there is only that, else the folder's name.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Wall-clock limit the task sets itself.
    pub(crate) timeout: Option<Duration>,
    /// Memory limit the task sets itself, in megabytes (2^20 bytes).
    pub(crate) memory_limit_mb: Option<u64>,
    /// The JavaScript runtime the task asks for.
    pub(crate) runtime: Option<String>,
    /// Everything else in the file.
    pub(crate) other: Map<String, Value>,
}

impl Metadata {
    /// Reads the metadata of the task in `folder`; a task without any is named after its folder.
    pub(crate) fn load(folder: &Path, warnings: &mut Vec<Diagnostic>) -> Loaded<Self> {
        let mut present =
            METADATA_FILES.iter().map(|name| folder.join(name)).filter(|f| f.exists());
        let Some(file) = present.next() else {
            let preferred = folder.join(METADATA_FILES[0]);
            warnings.push(Diagnostic::warning(
                &preferred,
                "there is no metadata; `ratchet validate --fix` writes it",
            ));
            let version = NO_VERSION.to_owned();
            return Ok(Self { name: folder_name(folder), version, ..Self::default() });
        };
        for ignored in present {
            let message = format!("is ignored because there is {}", file.display());
            warnings.push(Diagnostic::warning(&ignored, message));
        }
        let document = if file.extension().is_some_and(|extension| extension == "json") {
            read_json(&file)?
        } else {
            let message = format!("rename it to {} and write it as JSON", METADATA_FILES[0]);
            warnings.push(Diagnostic::warning(&file, message));
            read_yaml(&file)?
        };
        let Value::Object(fields) = document else {
            let message = format!("metadata is an object, not {}", kind_of(&document));
            return Err(Diagnostic::error(&file, message));
        };
        Fields { file, fields, warnings }.read(folder)
    }
}

/// The keys of a metadata file that were not taken yet.
struct Fields<'a> {
    file: PathBuf,
    fields: Map<String, Value>,
    warnings: &'a mut Vec<Diagnostic>,
}

impl Fields<'_> {
    fn read(mut self, folder: &Path) -> Loaded<Metadata> {
        let uuid = self.uuid()?;
        let name = self.name(folder)?;
        let version = self.version()?;
        let timeout = self.timeout()?;
        let memory_limit_mb = self.memory_limit_mb()?;
        let runtime = self.runtime()?;
        self.warn_of_misspellings();
        let Self { file, fields: other, .. } = self;
        let file = Some(file);
        Ok(Metadata { file, uuid, name, version, timeout, memory_limit_mb, runtime, other })
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(Diagnostic::warning(&self.file, message));
    }

    fn wrong(&self, key: &str, value: &Value, expected: &str) -> Diagnostic {
        let message = format!("`{key}` is {expected}, not {}", kind_of(value));
        Diagnostic::error(&self.file, message)
    }

    fn text(&mut self, key: &str) -> Loaded<Option<String>> {
        match self.fields.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, &other, "text")),
        }
    }

    fn uuid(&mut self) -> Loaded<Option<Id>> {
        let Some(text) = self.text("uuid")? else {
            self.warn(
                "has no `uuid`; without one the task cannot be told from another of its name",
            );
            return Ok(None);
        };
        Id::from_str(&text).map(Some).map_err(|_| {
            let message = format!(
                "`uuid` is `{text}`; a UUID looks like 0197d2f0-5b1c-7000-8000-000000000000"
            );
            Diagnostic::error(&self.file, message)
        })
    }

    fn name(&mut self, folder: &Path) -> Loaded<String> {
        let not_blank = |text: &String| !text.trim().is_empty();
        let name = self.text("name")?.filter(not_blank);
        let label = self.text("label")?.filter(not_blank);
        match (name, label) {
            (Some(name), Some(_)) => Ok(name),
            (Some(name), None) => {
                self.warn("has a `name` but no `label`; the name is shown to people instead");
                Ok(name)
            }
            (None, Some(label)) => {
                self.warn("has a `label` but no `name`; the label is the name");
                Ok(label)
            }
            (None, None) => {
                let name = folder_name(folder);
                self.warn(format!("has no `name`; the task is called `{name}` after its folder"));
                Ok(name)
            }
        }
    }

    fn version(&mut self) -> Loaded<String> {
        let version = match self.fields.remove("version") {
            Some(Value::String(version)) => version,
            // YAML reads an unquoted 1.0 as a number.
            Some(Value::Number(number)) => number.to_string(),
            None | Some(Value::Null) => {
                self.warn(format!("has no `version`; {NO_VERSION} is assumed"));
                return Ok(NO_VERSION.to_owned());
            }
            Some(other) => return Err(self.wrong("version", &other, "text such as \"1.0.0\"")),
        };
        if semver::Version::parse(&version).is_err() {
            self.warn(format!("`version` is `{version}`; a version looks like 1.0.0"));
        }
        Ok(version)
    }

    fn timeout(&mut self) -> Loaded<Option<Duration>> {
        match self.fields.remove("timeout") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64().and_then(duration) {
                Some(timeout) => Ok(Some(timeout)),
                None => {
                    let message =
                        format!("`timeout` is {value}; it is a positive number of seconds");
                    Err(Diagnostic::error(&self.file, message))
                }
            },
        }
    }

    fn memory_limit_mb(&mut self) -> Loaded<Option<u64>> {
        for key in ["memory_limit_mb", "memory_limit"] {
            match self.fields.remove(key) {
                None | Some(Value::Null) => {}
                Some(value) => {
                    return megabytes(&value).map(Some).ok_or_else(|| {
                        let message = format!(
                            "`{key}` is {value}; it is a number of megabytes, at least 1, or text \
                             such as \"128MB\""
                        );
                        Diagnostic::error(&self.file, message)
                    });
                }
            }
        }
        Ok(None)
    }

    /// `javascript` and its like name the language, which is no choice of a runtime.
    fn runtime(&mut self) -> Loaded<Option<String>> {
        let language = |name: &str| matches!(name, "javascript" | "js" | "JavaScript");
        Ok(self.text("runtime")?.filter(|name| !language(name)))
    }

    /// Other keys are kept for whoever put them there, but a near miss is no such key.
    fn warn_of_misspellings(&mut self) {
        let keys: Vec<String> = self.fields.keys().cloned().collect();
        for key in keys {
            if KNOWN_KEYS.contains(&key.as_str()) {
                continue;
            }
            if let Some(known) = nearest(&key, KNOWN_KEYS) {
                let hint = did_you_mean(Some(known));
                self.warn(format!("`{key}` has no meaning here{hint}"));
            }
        }
    }
}

/// `128`, `"128"`, `"128MB"` or `"1GB"` in megabytes.
fn megabytes(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            let text = text.trim_end_matches('b').trim_end_matches('i');
            let (digits, factor) = match text.strip_suffix('g') {
                Some(digits) => (digits, 1024),
                None => (text.strip_suffix('m').unwrap_or(text), 1),
            };
            digits.trim().parse::<u64>().ok()?.checked_mul(factor)?
        }
        _ => return None,
    };
    (number > 0).then_some(number)
}

/// What the folder is called, also when it is given as `.`.
pub(super) fn folder_name(folder: &Path) -> String {
    let absolute = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "task".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::test_folder::folder;
    use super::*;

    fn load(text: &str) -> (Loaded<Metadata>, Vec<String>) {
        let folder = folder(&[("metadata.json", text)]);
        let mut warnings = Vec::new();
        let metadata = Metadata::load(folder.path(), &mut warnings);
        (metadata, warnings.into_iter().map(|warning| warning.message).collect())
    }

    #[test]
    fn name_comes_before_label_and_unknown_keys_are_kept() {
        let (metadata, warnings) = load(
            r#"{"uuid": "0197d2f0-5b1c-7000-8000-000000000000", "name": "n", "label": "L",
                "version": "1.0.0", "author": "me", "tags": ["a"]}"#,
        );
        let metadata = metadata.unwrap();
        assert_eq!(metadata.name, "n");
        assert_eq!(metadata.other["author"], "me");
        assert_eq!(metadata.other["tags"][0], "a");
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn a_near_miss_is_warned_of() {
        let (_, warnings) = load(r#"{"name": "n", "label": "L", "vesion": "1.0.0"}"#);
        let expected = "`vesion` has no meaning here; did you mean `version`?";
        assert!(warnings.iter().any(|warning| warning == expected), "{warnings:?}");
    }

    #[test]
    fn wrong_types_are_errors_that_say_what_is_right() {
        for (text, expected) in [
            (r#"{"name": 5}"#, "`name` is text, not a number"),
            (r#"{"uuid": "abc"}"#, "`uuid` is `abc`; a UUID looks like"),
            (r#"{"timeout": -1}"#, "`timeout` is -1; it is a positive number of seconds"),
            (r#"{"memory_limit": "much"}"#, "it is a number of megabytes"),
            ("[]", "metadata is an object, not a list"),
        ] {
            let error = load(text).0.unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
    }

    #[test]
    fn memory_limits_have_units() {
        for (text, expected) in
            [("128", 128), ("\"128MB\"", 128), ("\"64 MiB\"", 64), ("\"2G\"", 2048)]
        {
            let (metadata, _) = load(&format!(r#"{{"memory_limit": {text}}}"#));
            assert_eq!(metadata.unwrap().memory_limit_mb, Some(expected), "{text}");
        }
    }

    #[test]
    fn a_language_is_not_a_runtime() {
        assert_eq!(load(r#"{"runtime": "javascript"}"#).0.unwrap().runtime, None);
        assert_eq!(load(r#"{"runtime": "boa"}"#).0.unwrap().runtime.as_deref(), Some("boa"));
    }
}
