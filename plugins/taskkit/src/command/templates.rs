//! The templates of tasks, and writing one.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::{Error, Result};
use ratchet_taskdir::{ENTRY_FILES, METADATA_FILES, Metadata, SchemaDocument, Side};
use serde_json::{Map, Value, json};

use crate::cases;

/// A task to start from.
pub(super) struct Template {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    /// Paths below the task's folder with their text: everything but the metadata.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! templates {
    ($($name:literal, $summary:literal: [$($file:literal),* $(,)?];)*) => {
        /// Every template.
        pub(super) const ALL: &[Template] = &[$(Template {
            name: $name,
            summary: $summary,
            files: &[$((
                $file,
                include_str!(concat!("../../templates/", $name, "/", $file)),
            )),*],
        }),*];
    };
}

templates! {
    "basic", "Calculates something from its input": [
        "main.js", "input.schema.json", "output.schema.json", "tests/test-001.json",
    ];
    "http-fetch", "Fetches JSON over HTTP, with typed errors": [
        "main.js", "input.schema.json", "output.schema.json", "tests/test-001.json",
    ];
    "data-transform", "Filters, groups and sums up a list of records": [
        "main.js", "input.schema.json", "output.schema.json", "tests/test-001.json",
    ];
    "async-pipeline", "Fetches several things at once and combines them": [
        "main.js", "input.schema.json", "output.schema.json", "tests/test-001.json",
    ];
    "es-module", "An ES module that imports a file of its own": [
        "main.js", "lib/format.js", "input.schema.json", "output.schema.json",
        "tests/test-001.json",
    ];
}

/// The template called `name`.
pub(super) fn named(name: &str) -> Option<&'static Template> {
    ALL.iter().find(|template| template.name == name)
}

/// What the metadata of a written task says.
#[derive(Default)]
pub(super) struct About {
    pub(super) label: Option<String>,
    pub(super) description: Option<String>,
    pub(super) version: String,
}

/// Writes a whole task and names its files.
///
/// # Errors
/// When a file exists or cannot be written.
pub(super) fn write(folder: &Path, template: &Template, about: About) -> Result<Vec<PathBuf>> {
    let metadata = metadata(folder, about, template.summary);
    let mut written = vec![put(folder, METADATA_FILES[0], &metadata)?];
    for (file, text) in template.files {
        written.push(put(folder, file, text)?);
    }
    Ok(written)
}

/// Writes the files a task misses and names them: those of the basic template where there is no
/// program, else ones that fit any program.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn complete(folder: &Path) -> Result<Vec<PathBuf>> {
    let has = |names: &[&str]| names.iter().any(|name| folder.join(name).exists());
    let mut written = Vec::new();
    if !has(&METADATA_FILES) {
        let about = About { version: "1.0.0".to_owned(), ..About::default() };
        let text = metadata(folder, about, ALL[0].summary);
        written.push(put(folder, METADATA_FILES[0], &text)?);
    }
    let fresh = !has(&ENTRY_FILES);
    let own = |name: &str| {
        let found = ALL[0].files.iter().find(|(file, _)| fresh && *file == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    if let Some(text) = own(ENTRY_FILES[0]) {
        written.push(put(folder, ENTRY_FILES[0], &text)?);
    }
    let known = Metadata::load(folder, &mut Vec::new()).unwrap_or_default();
    for side in [Side::Input, Side::Output] {
        let present = SchemaDocument::load(folder, side, &known, &mut Vec::new());
        // One that is there and wrong is not missing.
        if matches!(present, Ok(None)) {
            let text = own(side.file_name()).unwrap_or_else(|| pretty(&any_document(side)));
            written.push(put(folder, side.file_name(), &text)?);
        }
    }
    let inline = known.other.contains_key("test_cases");
    if !inline && cases::files(folder).is_ok_and(|files| files.is_empty()) {
        const FIRST: &str = "tests/test-001.json";
        let text = own(FIRST).unwrap_or_else(|| {
            let input = SchemaDocument::load(folder, Side::Input, &known, &mut Vec::new());
            let schema = input.ok().flatten().map(|schema| schema.document);
            let input = schema.as_ref().map_or_else(|| json!({}), sample);
            pretty(&json!({"name": "completes", "input": input}))
        });
        written.push(put(folder, FIRST, &text)?);
    }
    Ok(written)
}

fn metadata(folder: &Path, about: About, summary: &str) -> String {
    let folder_name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = folder_name.unwrap_or_else(|| {
        // `.` has no name of its own.
        let absolute = std::fs::canonicalize(folder).ok();
        let name = absolute.as_deref().and_then(Path::file_name);
        name.map_or_else(|| "task".to_owned(), |name| name.to_string_lossy().into_owned())
    });
    let label = about.label.unwrap_or_else(|| as_title(&name));
    let description = about.description.unwrap_or_else(|| summary.to_owned());
    pretty(&json!({
        "uuid": Id::new().to_string(),
        "name": name,
        "label": label,
        "version": about.version,
        "description": description,
    }))
}

/// `my-task` as `My task`.
fn as_title(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    let mut letters = words.trim().chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn any_document(side: Side) -> Value {
    let schema = "https://json-schema.org/draft/2020-12/schema";
    match side {
        Side::Input => json!({"$schema": schema, "type": "object"}),
        Side::Output => json!({"$schema": schema}),
    }
}

/// A small document that satisfies the usual keywords of a schema.
fn sample(schema: &Value) -> Value {
    let given = schema.get("const").or_else(|| schema.get("default"));
    let listed = ["examples", "enum"].iter().find_map(|key| schema.get(*key)?.get(0));
    if let Some(value) = given.or(listed) {
        return value.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("string") => {
            let length = schema.get("minLength").and_then(Value::as_u64).unwrap_or(1).min(1_000);
            Value::String("x".repeat(usize::try_from(length).unwrap_or(1)))
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(100);
            let item = schema.get("items").map_or_else(|| json!(1), sample);
            (0..least).map(|_| item.clone()).collect()
        }
        _ => {
            let required = schema.get("required").and_then(Value::as_array);
            let names = required.into_iter().flatten().filter_map(Value::as_str);
            let fields = names.map(|name| {
                let property = schema.get("properties").and_then(|all| all.get(name));
                (name.to_owned(), property.map_or_else(|| json!(1), sample))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Writes a file that must not be there yet.
fn put(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = folder.join(name);
    let write = || -> std::io::Result<()> {
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut opened = OpenOptions::new().write(true).create_new(true).open(&file)?;
        opened.write_all(text.as_bytes())
    };
    write().map_err(|error| {
        Error::from(error).context(format!("cannot write `{}`", file.display()))
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_taskdir::Task;

    #[test]
    fn every_template_is_a_complete_task_whose_cases_fit_its_schemas() {
        for template in ALL {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path().join("my-task");
            let about = About { version: "2.0.0".to_owned(), ..About::default() };
            write(&folder, template, about).unwrap();
            let task = Task::load(&folder).unwrap();
            assert_eq!(task.warnings, [], "{}", template.name);
            assert_eq!((task.name(), task.metadata.version.as_str()), ("my-task", "2.0.0"));
            assert!(complete(&folder).unwrap().is_empty(), "{} misses a file", template.name);
            let (input, output) = (task.input.as_ref().unwrap(), task.output.as_ref().unwrap());
            assert_eq!(input.problems(), []);
            assert_eq!(output.problems(), []);
            let cases = cases::load(&task).unwrap();
            assert!(cases.len() >= 2, "{} has too few cases", template.name);
            for case in cases {
                match &case.expectation {
                    cases::Expectation::Output(expected) => {
                        assert_eq!(input.violations(&case.input), Vec::<String>::new());
                        assert_eq!(output.violations(expected), Vec::<String>::new());
                    }
                    cases::Expectation::Failure(_) => {}
                    cases::Expectation::Completion => panic!("{} expects nothing", case.name),
                }
            }
        }
    }

    #[test]
    fn the_metadata_says_what_was_given() {
        let about = About {
            label: Some("L \"quoted\"".to_owned()),
            description: Some("D".to_owned()),
            version: "1.0.0".to_owned(),
        };
        let text = metadata(Path::new("a/my-task"), about, "S");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["name"], "my-task");
        assert_eq!(value["label"], "L \"quoted\"");
        assert_eq!(value["description"], "D");
        assert!(value["uuid"].as_str().unwrap().parse::<Id>().is_ok());
    }

    #[test]
    fn a_sample_satisfies_the_usual_schemas() {
        for schema in [
            json!({"type": "object", "required": ["a", "b"], "properties": {
                "a": {"type": "string", "minLength": 3},
                "b": {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 7}},
            }}),
            json!({"enum": ["red", "green"]}),
            json!({"type": ["null", "string"]}),
            json!({"type": "boolean"}),
            json!({"type": "number", "default": 4.5}),
        ] {
            let document = sample(&schema);
            assert!(jsonschema::is_valid(&schema, &document), "{document} for {schema}");
        }
    }
}
