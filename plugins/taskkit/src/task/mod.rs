//! Task folders: a function, a schema on each side, and what is known about them.

mod document;
mod find;
mod metadata;
mod schema;
mod source;

use std::path::{Path, PathBuf};

use ratchet_plugin_api::model::{Program, Schemas};
use serde_json::Value;

use crate::diagnostic::Diagnostic;

pub(crate) use document::{read_json, value_at};
pub(crate) use find::{all_below, one};
pub(crate) use metadata::{METADATA_FILES, Metadata};
pub(crate) use schema::{SchemaDocument, Side};
pub(crate) use source::ENTRY_FILES;

/// Why a file could not be used: the diagnostic is an error.
pub(crate) type Loaded<T> = std::result::Result<T, Diagnostic>;

/// A task as its folder describes it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) folder: PathBuf,
    pub(crate) metadata: Metadata,
    pub(crate) program: Program,
    pub(crate) input: Option<SchemaDocument>,
    pub(crate) output: Option<SchemaDocument>,
    /// What works, but is not as it should be.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Task {
    /// Reads the task in `folder`.
    ///
    /// # Errors
    /// The first thing that keeps the task from being run.
    pub(crate) fn load(folder: &Path) -> Loaded<Self> {
        let mut warnings = Vec::new();
        let metadata = Metadata::load(folder, &mut warnings)?;
        let program = source::load(folder, &mut warnings)?;
        let input = SchemaDocument::load(folder, Side::Input, &metadata, &mut warnings)?;
        let output = SchemaDocument::load(folder, Side::Output, &metadata, &mut warnings)?;
        Ok(Self { folder: folder.to_owned(), metadata, program, input, output, warnings })
    }

    /// Reads everything there is to read, collecting what is wrong instead of stopping at it.
    pub(crate) fn inspect(folder: &Path) -> (Option<Self>, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let metadata = Metadata::load(folder, &mut found);
        let known = metadata.clone().unwrap_or_default();
        let program = source::load(folder, &mut found);
        let input = SchemaDocument::load(folder, Side::Input, &known, &mut found);
        let output = SchemaDocument::load(folder, Side::Output, &known, &mut found);
        match (metadata, program, input, output) {
            (Ok(metadata), Ok(program), Ok(input), Ok(output)) => {
                let folder = folder.to_owned();
                let warnings = Vec::new();
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
    pub(crate) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The schemas a runtime checks against.
    pub(crate) fn schemas(&self) -> Schemas {
        let json = |schema: &Option<SchemaDocument>| {
            schema.as_ref().map(|schema| schema.document.clone().into())
        };
        Schemas { input: json(&self.input), output: json(&self.output) }
    }

    /// The test cases written into the metadata instead of files of their own.
    pub(crate) fn inline_cases(&self) -> Option<(PathBuf, &Value)> {
        let cases = self.metadata.other.get("test_cases")?;
        Some((self.metadata.file.clone()?, cases))
    }
}

#[cfg(test)]
pub(crate) mod test_folder {
    //! Task folders for tests.

    use std::path::Path;

    /// A folder with these files in it.
    pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        folder
    }

    /// Writes these files, making folders where needed.
    pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    /// A complete task that adds two numbers.
    pub(crate) const ADDITION: &[(&str, &str)] = &[
        (
            "metadata.json",
            r#"{
                "uuid": "0197d2f0-5b1c-7000-8000-000000000000",
                "name": "addition",
                "label": "Addition",
                "version": "1.0.0",
                "description": "Adds"
            }"#,
        ),
        ("main.js", "function(input) {\n  return { sum: input.num1 + input.num2 };\n}\n"),
        ("input.schema.json", r#"{"type": "object", "required": ["num1", "num2"]}"#),
        ("output.schema.json", r#"{"type": "object", "required": ["sum"]}"#),
        ("tests/test-001.json", r#"{"input": {"num1": 1, "num2": 2}, "expected": {"sum": 3}}"#),
    ];
}

#[cfg(test)]
mod tests {
    use super::test_folder::{ADDITION, folder, write};
    use super::*;

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
    }
}
