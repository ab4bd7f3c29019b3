//! A task: a function, a schema on each side, and what is known about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ratchet_plugin_api::model::{Json, Program, Schemas, TaskDefinition};
use serde_json::{Map, Value};

use crate::document::json_in;
use crate::{Diagnostic, Disk, Loaded, Metadata, SchemaDocument, Side, Tree, program};

/// The folder test cases are in.
pub const TESTS_FOLDER: &str = "tests";

/// The key of the metadata that older tasks have their test cases under.
const INLINE_CASES: &str = "test_cases";

/// What the inline test cases are called among the files with test cases.
const INLINE_CASES_FILE: &str = "test_cases.json";

/// Files with test cases a task may have.
const MAX_TEST_FILES: usize = 1_000;

/// Bytes of all test cases together.
const MAX_TEST_BYTES: usize = 8 << 20;

/// A task as its folder describes it.
#[derive(Clone, Debug)]
pub struct Task {
    /// Where it is, as a person finds it.
    pub folder: PathBuf,
    /// What it says about itself.
    pub metadata: Metadata,
    /// What runs.
    pub program: Program,
    /// What an input has to satisfy.
    pub input: Option<SchemaDocument>,
    /// What an output has to satisfy.
    pub output: Option<SchemaDocument>,
    /// What works, but is not as it should be.
    pub warnings: Vec<Diagnostic>,
}

impl Task {
    /// Reads the task in `folder`.
    ///
    /// # Errors
    /// The first thing that keeps the task from being run.
    pub fn load(folder: &Path) -> Loaded<Self> {
        let (task, mut found) = Self::inspect(folder);
        match task {
            Some(task) => Ok(Self { warnings: found, ..task }),
            None => {
                let first = found.iter().position(Diagnostic::is_error).unwrap_or(0);
                Err(found.swap_remove(first))
            }
        }
    }

    /// Reads everything there is to read in `folder`, collecting what is wrong instead of stopping
    /// at it. There is a task unless one of the findings is an error.
    pub fn inspect(folder: &Path) -> (Option<Self>, Vec<Diagnostic>) {
        Self::read(&Disk::new(folder))
    }

    /// The same with files that are anywhere.
    pub fn read(tree: &dyn Tree) -> (Option<Self>, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let metadata = Metadata::read(tree, &mut found);
        let known = metadata.clone().unwrap_or_default();
        let program = program::read(tree, &mut found);
        let input = SchemaDocument::read(tree, Side::Input, &known, &mut found);
        let output = SchemaDocument::read(tree, Side::Output, &known, &mut found);
        match (metadata, program, input, output) {
            (Ok(metadata), Ok(program), Ok(input), Ok(output)) => {
                let (folder, warnings) = (tree.shown(""), Vec::new());
                (Some(Self { folder, metadata, program, input, output, warnings }), found)
            }
            (metadata, program, input, output) => {
                let errors = [metadata.err(), program.err(), input.err(), output.err()];
                found.extend(errors.into_iter().flatten());
                (None, found)
            }
        }
    }

    /// The task's name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The schemas a runtime checks against.
    pub fn schemas(&self) -> Schemas {
        let json = |schema: &Option<SchemaDocument>| {
            schema.as_ref().map(|schema| schema.document.clone().into())
        };
        Schemas { input: json(&self.input), output: json(&self.output) }
    }

    /// The test cases written into the metadata instead of files of their own.
    pub fn inline_cases(&self) -> Option<(PathBuf, &Value)> {
        let cases = self.metadata.other.get(INLINE_CASES)?;
        Some((self.metadata.file.clone()?, cases))
    }
}

/// Reads a task in the form it is offered and kept in. There is a definition unless one of the
/// findings is an error; a schema that is none is one, because every run would fail on it.
pub fn definition(tree: &dyn Tree) -> (Option<TaskDefinition>, Vec<Diagnostic>) {
    let (task, mut found) = Task::read(tree);
    let Some(task) = task else { return (None, found) };
    let schemas = [&task.input, &task.output];
    found.extend(schemas.into_iter().flatten().flat_map(SchemaDocument::problems));
    if found.iter().any(Diagnostic::is_error) {
        return (None, found);
    }
    let mut tests = test_files(tree, &mut found);
    if let Some((_, cases)) = task.inline_cases() {
        tests.entry(INLINE_CASES_FILE.to_owned()).or_insert_with(|| cases.clone().into());
    }
    let schemas = task.schemas();
    let Task { metadata, program, .. } = task;
    let definition = TaskDefinition {
        id: metadata.uuid,
        policy: metadata.policy.to_model(),
        name: metadata.name,
        label: metadata.label,
        version: metadata.version,
        description: metadata.description,
        tags: metadata.tags,
        program,
        schemas,
        tests,
        metadata: Value::Object(rest(metadata.other)).into(),
    };
    (Some(definition), found)
}

/// What has no place of its own in a definition.
fn rest(mut other: Map<String, Value>) -> Map<String, Value> {
    let taken = [Side::Input, Side::Output].into_iter().flat_map(Side::inline_keys);
    for key in taken.chain([INLINE_CASES]) {
        other.shift_remove(key);
    }
    other
}

/// The files with test cases, by name. One that cannot be read is no reason not to run the task.
fn test_files(tree: &dyn Tree, warnings: &mut Vec<Diagnostic>) -> BTreeMap<String, Json> {
    let mut warn = |error: Diagnostic| {
        warnings.push(Diagnostic { severity: crate::Severity::Warning, ..error });
    };
    let entries = tree.entries(TESTS_FOLDER).unwrap_or_else(|error| {
        warn(error);
        Vec::new()
    });
    let (mut tests, mut bytes) = (BTreeMap::new(), 0);
    for entry in entries {
        if entry.is_folder || !entry.name.ends_with(".json") {
            continue;
        }
        let path = format!("{TESTS_FOLDER}/{}", entry.name);
        match json_in(tree, &path) {
            Ok(document) => {
                let document = Json::from(document);
                bytes += document.as_str().len();
                if tests.len() >= MAX_TEST_FILES || bytes > MAX_TEST_BYTES {
                    let message = "is left out, with those after it: a task has at most 1000 \
                                   files of test cases and 8 MiB in them";
                    warn(Diagnostic::warning(&tree.shown(&path), message));
                    break;
                }
                tests.insert(entry.name, document);
            }
            Err(error) => warn(error),
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::{ADDITION, folder, write};

    #[test]
    fn loads_a_complete_task_without_a_warning() {
        let folder = folder(ADDITION);
        let task = Task::load(folder.path()).unwrap();
        assert_eq!(task.name(), "addition");
        assert_eq!(task.program.entry, "main.js");
        assert!(task.schemas().input.is_some() && task.schemas().output.is_some());
        assert_eq!(task.warnings, []);
    }

    #[test]
    fn loads_the_older_form_with_warnings() {
        let folder = folder(&[
            (
                "meta.yaml",
                "label: Addition\nversion: 1.0.0\ninput_schema:\n  type: object\n\
                 test_cases:\n  - input: {}\n",
            ),
            ("task.js", "(function(input) { return 1; })"),
        ]);
        let task = Task::load(folder.path()).unwrap();
        assert_eq!(task.name(), "Addition");
        assert_eq!(task.program.entry, "task.js");
        assert_eq!(task.schemas().input.unwrap().as_str(), r#"{"type":"object"}"#);
        assert!(task.inline_cases().is_some());
        let warnings = task.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for expected in ["meta.yaml: rename", "task.js: rename", "has a `label` but no `name`"] {
            assert!(warnings.contains(expected), "{expected} is missing in\n{warnings}");
        }
    }

    #[test]
    fn inspection_collects_every_error() {
        let folder = folder(ADDITION);
        write(folder.path(), &[("metadata.json", "{,}"), ("input.schema.json", "[")]);
        std::fs::remove_file(folder.path().join("main.js")).unwrap();
        let (task, found) = Task::inspect(folder.path());
        assert!(task.is_none());
        let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for expected in ["metadata.json:1:2:", "main.js: there is no", "input.schema.json:1:1:"] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
        let first = Task::load(folder.path()).unwrap_err();
        assert!(first.to_string().contains("metadata.json:1:2:"), "{first}");
    }

    #[test]
    fn a_definition_has_everything_in_its_place() {
        let folder = folder(ADDITION);
        write(
            folder.path(),
            &[
                (
                    "metadata.json",
                    r#"{"name": "addition", "label": "A", "version": "1.0.0", "author": "me",
                        "input_schema": {}, "test_cases": [{"input": 1}], "timeout": 2,
                        "uuid": "0197d2f0-5b1c-7000-8000-000000000000", "tags": ["math"]}"#,
                ),
                ("lib/a.js", "1"),
                ("tests/broken.json", "{"),
            ],
        );
        let (definition, found) = definition(&Disk::new(folder.path()));
        let definition = definition.unwrap();
        assert_eq!(definition.metadata.as_str(), r#"{"author":"me"}"#);
        assert_eq!(definition.policy.timeout_ms, Some(2_000));
        assert_eq!(definition.tags, ["math"]);
        assert!(definition.program.modules.contains_key("lib/a.js"));
        let tests: Vec<_> = definition.tests.keys().collect();
        assert_eq!(tests, ["test-001.json", "test_cases.json"]);
        let broken = found.iter().find(|found| found.file.ends_with("broken.json")).unwrap();
        assert!(!broken.is_error());
    }

    #[test]
    fn a_schema_that_is_none_keeps_a_task_from_being_offered() {
        let folder = folder(ADDITION);
        write(folder.path(), &[("output.schema.json", r#"{"type": "objct"}"#)]);
        let (definition, found) = definition(&Disk::new(folder.path()));
        assert!(definition.is_none());
        assert!(
            found.iter().any(|f| f.is_error() && f.message.contains("not a valid JSON Schema"))
        );
    }
}
