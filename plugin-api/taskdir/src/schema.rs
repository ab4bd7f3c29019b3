//! `input.schema.json` and `output.schema.json`: reading them, and checking them and with them.

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use crate::document::{json_in, kind_of};
use crate::{Diagnostic, Disk, Loaded, Metadata, Tree};

/// Which side of a task a schema is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What goes in.
    Input,
    /// What comes out.
    Output,
}

impl Side {
    /// The file a schema of this side is in.
    pub const fn file_name(self) -> &'static str {
        match self {
            Side::Input => "input.schema.json",
            Side::Output => "output.schema.json",
        }
    }

    /// The metadata keys older tasks have it under.
    pub(crate) const fn inline_keys(self) -> [&'static str; 2] {
        match self {
            Side::Input => ["input_schema", "inputSchema"],
            Side::Output => ["output_schema", "outputSchema"],
        }
    }
}

/// A JSON Schema and where it is.
#[derive(Clone, Debug)]
pub struct SchemaDocument {
    /// The file it is in.
    pub file: PathBuf,
    /// The schema.
    pub document: Value,
}

impl SchemaDocument {
    /// Reads the schema of one side of the task in `folder`; none if the task has none.
    ///
    /// # Errors
    /// When it is there and is no schema.
    pub fn load(
        folder: &Path,
        side: Side,
        metadata: &Metadata,
        warnings: &mut Vec<Diagnostic>,
    ) -> Loaded<Option<Self>> {
        Self::read(&Disk::new(folder), side, metadata, warnings)
    }

    pub(crate) fn read(
        tree: &dyn Tree,
        side: Side,
        metadata: &Metadata,
        warnings: &mut Vec<Diagnostic>,
    ) -> Loaded<Option<Self>> {
        let own = side.file_name();
        let inline = side.inline_keys().into_iter().find_map(|key| {
            Some((metadata.file.clone()?, metadata.other.get(key).filter(|v| !v.is_null())?))
        });
        let schema = if tree.has(own) {
            if let Some((file, _)) = inline {
                let message = format!("the schema in it is ignored: there is {own}");
                warnings.push(Diagnostic::warning(&file, message));
            }
            Self { document: json_in(tree, own)?, file: tree.shown(own) }
        } else if let Some((file, document)) = inline {
            let message = format!("move the schema in it to {own}");
            warnings.push(Diagnostic::warning(&file, message));
            Self { file, document: document.clone() }
        } else {
            return Ok(None);
        };
        if !matches!(schema.document, Value::Object(_) | Value::Bool(_)) {
            let message = format!("a schema is an object, not {}", kind_of(&schema.document));
            return Err(Diagnostic::error(&schema.file, message));
        }
        Ok(Some(schema))
    }

    /// Everything that makes the document no JSON Schema of the draft it names.
    pub fn problems(&self) -> Vec<Diagnostic> {
        let problem = |error: jsonschema::ValidationError<'_>| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
            Diagnostic::error(&self.file, format!("not a valid JSON Schema{place}: {error}"))
        };
        let found: Vec<_> = match jsonschema::meta::validator_for(&self.document) {
            Ok(meta) => meta.iter_errors(&self.document).map(problem).collect(),
            Err(error) => vec![problem(error)],
        };
        if !found.is_empty() {
            return found;
        }
        // Only building it finds references that lead nowhere and patterns that are none.
        self.validator().err().map(problem).into_iter().collect()
    }

    fn validator(&self) -> Result<Validator, jsonschema::ValidationError<'static>> {
        jsonschema::options().offline().build(&self.document)
    }

    /// Where `instance` does not satisfy the schema, as `pointer: message`; nothing if the schema
    /// itself is wrong, which [`SchemaDocument::problems`] tells.
    pub fn violations(&self, instance: &Value) -> Vec<String> {
        let Ok(validator) = self.validator() else {
            return Vec::new();
        };
        validator
            .iter_errors(instance)
            .map(|error| {
                let place = error.instance_path().to_string();
                if place.is_empty() { error.to_string() } else { format!("{place}: {error}") }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(document: Value) -> SchemaDocument {
        SchemaDocument { file: "input.schema.json".into(), document }
    }

    #[test]
    fn valid_schemas_of_every_draft_have_no_problems() {
        for draft in [
            "http://json-schema.org/draft-04/schema#",
            "http://json-schema.org/draft-06/schema#",
            "http://json-schema.org/draft-07/schema#",
            "https://json-schema.org/draft/2019-09/schema",
            "https://json-schema.org/draft/2020-12/schema",
        ] {
            let problems = schema(json!({"$schema": draft, "type": "object"})).problems();
            assert_eq!(problems, [], "{draft}");
        }
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let schema = schema(json!({"type": "objct", "properties": {"a": {"minimum": "1"}}}));
        let text = schema.problems().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text.len(), 2, "{text:?}");
        assert!(text.iter().any(|line| line.contains("at /type: ")), "{text:?}");
        assert!(text.iter().any(|line| line.contains("at /properties/a/minimum: ")), "{text:?}");
    }

    #[test]
    fn unresolvable_references_and_bad_patterns_are_problems() {
        for document in [
            json!({"$ref": "#/$defs/nowhere"}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$schema": "https://example.com/no-draft"}),
            json!({"pattern": "("}),
        ] {
            assert!(!schema(document.clone()).problems().is_empty(), "{document}");
        }
    }

    #[test]
    fn violations_name_the_place_in_the_document() {
        let schema = schema(json!({
            "properties": {"a": {"type": "number"}},
            "required": ["b"],
        }));
        let violations = schema.violations(&json!({"a": "x"}));
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(violations.iter().any(|v| v.starts_with("/a: ")), "{violations:?}");
    }
}
