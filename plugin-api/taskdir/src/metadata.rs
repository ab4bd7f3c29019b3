//! `metadata.json`, and the older `meta.yaml` and `metadata.yaml`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use ratchet_plugin_api::model::{Id, Key};
use serde_json::{Map, Value};

use crate::document::{json_in, kind_of, yaml_in};
use crate::fields::Fields;
use crate::policy::Policy;
use crate::{Diagnostic, Disk, Loaded, Tree};

/// The names a task's metadata may have, best first.
pub const METADATA_FILES: [&str; 3] = ["metadata.json", "meta.yaml", "metadata.yaml"];

/// Keys with a meaning, for suggestions when one is misspelt.
const KNOWN_KEYS: [&str; 17] = [
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
    "retry",
    "concurrency",
    "rate_limit",
    "priority",
    "input_schema",
    "output_schema",
    "test_cases",
];

/// The version of a task that does not name one.
const NO_VERSION: &str = "0.0.0";

/// What a task says about itself.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The file it was read from; none if there is none.
    pub file: Option<PathBuf>,
    /// The task's id for ever.
    pub uuid: Option<Id>,
    /// The name; the label where there is only that, else the folder's name.
    pub name: String,
    /// The name shown to people, where there is one.
    pub label: Option<String>,
    /// The author's version.
    pub version: String,
    /// What the task is for.
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How it wants to be run.
    pub policy: Policy,
    /// Everything else in the file.
    pub other: Map<String, Value>,
}

impl Metadata {
    /// Reads the metadata of the task in `folder`; a task without any is named after its folder.
    ///
    /// # Errors
    /// When the file is there and is no metadata.
    pub fn load(folder: &Path, warnings: &mut Vec<Diagnostic>) -> Loaded<Self> {
        Self::read(&Disk::new(folder), warnings)
    }

    pub(crate) fn read(tree: &dyn Tree, warnings: &mut Vec<Diagnostic>) -> Loaded<Self> {
        let mut present = METADATA_FILES.into_iter().filter(|name| tree.has(name));
        let Some(file) = present.next() else {
            warnings.push(Diagnostic::warning(
                &tree.shown(METADATA_FILES[0]),
                "there is no metadata; `ratchet validate --fix` writes it",
            ));
            let version = NO_VERSION.to_owned();
            return Ok(Self { name: tree.name(), version, ..Self::default() });
        };
        let shown = tree.shown(file);
        for ignored in present {
            let message = format!("is ignored because there is {}", shown.display());
            warnings.push(Diagnostic::warning(&tree.shown(ignored), message));
        }
        let document = if file.ends_with(".json") {
            json_in(tree, file)?
        } else {
            let message = format!("rename it to {} and write it as JSON", METADATA_FILES[0]);
            warnings.push(Diagnostic::warning(&shown, message));
            yaml_in(tree, file)?
        };
        let Value::Object(fields) = document else {
            let message = format!("metadata is an object, not {}", kind_of(&document));
            return Err(Diagnostic::error(&shown, message));
        };
        read_fields(Fields::new(&shown, "", fields, warnings), tree)
    }
}

fn read_fields(mut fields: Fields<'_>, tree: &dyn Tree) -> Loaded<Metadata> {
    let uuid = uuid(&mut fields)?;
    let (name, label) = name(&mut fields, tree)?;
    let version = version(&mut fields)?;
    let description = fields.text("description")?;
    let tags = fields.words("tags")?;
    let policy = Policy::read(&mut fields)?;
    fields.warn_of_misspellings(&KNOWN_KEYS);
    let (file, other) = (Some(fields.file.to_owned()), fields.left);
    Ok(Metadata { file, uuid, name, label, version, description, tags, policy, other })
}

fn uuid(fields: &mut Fields<'_>) -> Loaded<Option<Id>> {
    let Some(text) = fields.text("uuid")? else {
        fields.warn("has no `uuid`; without one the task cannot be told from another of its name");
        return Ok(None);
    };
    Id::from_str(&text).map(Some).map_err(|_| {
        fields.error(format!(
            "`uuid` is `{text}`; a UUID looks like 0197d2f0-5b1c-7000-8000-000000000000"
        ))
    })
}

/// The name, and the label if there is one besides.
fn name(fields: &mut Fields<'_>, tree: &dyn Tree) -> Loaded<(String, Option<String>)> {
    let not_blank = |text: &String| !text.trim().is_empty();
    let name = fields.text("name")?.filter(not_blank);
    let label = fields.text("label")?.filter(not_blank);
    let (name, label) = match (name, label) {
        (Some(name), Some(label)) => (name, Some(label)),
        (Some(name), None) => {
            fields.warn("has a `name` but no `label`; the name is shown to people instead");
            (name, None)
        }
        (None, Some(label)) => {
            fields.warn("has a `label` but no `name`; the label is the name");
            (label, None)
        }
        (None, None) => {
            let name = tree.name();
            fields.warn(format!("has no `name`; the task is called `{name}` after its folder"));
            (name, None)
        }
    };
    if !matches!(name.parse(), Ok(Key::Name(_))) {
        fields
            .warn(format!("is called `{name}`, which reads as a number or an id: give it a word"));
    }
    Ok((name, label))
}

fn version(fields: &mut Fields<'_>) -> Loaded<String> {
    let version = match fields.take("version") {
        Some(Value::String(version)) => version,
        // YAML reads an unquoted 1.0 as a number.
        Some(Value::Number(number)) => number.to_string(),
        None => {
            fields.warn(format!("has no `version`; {NO_VERSION} is assumed"));
            return Ok(NO_VERSION.to_owned());
        }
        Some(other) => {
            let found = kind_of(&other);
            let message = format!("`version` is text such as \"1.0.0\", not {found}");
            return Err(fields.error(message));
        }
    };
    if semver::Version::parse(&version).is_err() {
        fields.warn(format!("`version` is `{version}`; a version looks like 1.0.0"));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::folder;

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
                "version": "1.0.0", "author": "me", "tags": ["a"], "description": "D"}"#,
        );
        let metadata = metadata.unwrap();
        assert_eq!((metadata.name.as_str(), metadata.label.as_deref()), ("n", Some("L")));
        assert_eq!((metadata.tags, metadata.description.as_deref()), (vec!["a".into()], Some("D")));
        assert_eq!(metadata.other.keys().collect::<Vec<_>>(), ["author"]);
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
            (r#"{"tags": "a"}"#, "`tags` is a list of text, not text"),
            (r#"{"version": []}"#, "`version` is text such as \"1.0.0\", not a list"),
            ("[]", "metadata is an object, not a list"),
        ] {
            let error = load(text).0.unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_name_that_reads_as_a_number_is_warned_of() {
        let (_, warnings) = load(r#"{"name": "42", "label": "L"}"#);
        assert!(warnings.iter().any(|text| text.contains("reads as a number")), "{warnings:?}");
    }
}
