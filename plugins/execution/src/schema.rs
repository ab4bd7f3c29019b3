//! Checking inputs before a job is taken in, with schemas compiled once for each version of a task.

use jsonschema::Validator;
use ratchet_plugin_api::model::Json;
use ratchet_plugin_api::{Error, Result};

/// How many violations of one input are told.
const MOST_VIOLATIONS: usize = 10;

/// A compiled schema, or why it could not be compiled.
pub(crate) struct InputSchema(Result<Validator, String>);

impl InputSchema {
    /// Compiles a schema.
    pub(crate) fn compile(schema: &Json) -> Self {
        let compiled = schema.to::<serde_json::Value>().map_err(|error| error.message);
        Self(compiled.and_then(|schema| {
            jsonschema::validator_for(&schema).map_err(|error| match error.instance_path() {
                path if path.as_str().is_empty() => error.to_string(),
                path => format!("at {}: {error}", path.as_str()),
            })
        }))
    }

    /// Checks the input of the task called `name`.
    ///
    /// # Errors
    /// `Invalid`: reason `task.invalid_input` with every violation, or `task.invalid_schema` when
    /// the schema itself is of no use.
    pub(crate) fn check(&self, name: &str, input: &Json) -> Result<()> {
        let validator = self.0.as_ref().map_err(|fault| {
            let message =
                format!("the input schema of the task `{name}` is no JSON Schema: {fault}");
            Error::invalid(message).with_reason("task.invalid_schema")
        })?;
        let document: serde_json::Value = input.to()?;
        if validator.is_valid(&document) {
            return Ok(());
        }
        let mut said: Vec<String> = validator
            .iter_errors(&document)
            .take(MOST_VIOLATIONS + 1)
            .map(|violation| match violation.instance_path().as_str() {
                "" => violation.to_string(),
                path => format!("{path}: {violation}"),
            })
            .collect();
        if said.len() > MOST_VIOLATIONS {
            said.truncate(MOST_VIOLATIONS);
            said.push("and more".to_owned());
        }
        let message = format!(
            "the input does not satisfy the schema of the task `{name}`: {}",
            said.join("; ")
        );
        Err(Error::invalid(message).with_reason("task.invalid_input"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn every_violation_is_told() {
        let schema = InputSchema::compile(&json(
            r#"{"type":"object","required":["a"],"properties":{"b":{"type":"number"}}}"#,
        ));
        assert!(schema.check("sum", &json(r#"{"a":1}"#)).is_ok());
        let error = schema.check("sum", &json(r#"{"b":"x"}"#)).unwrap_err();
        assert_eq!(error.reason.as_deref(), Some("task.invalid_input"));
        assert!(error.message.contains("`sum`"), "{error}");
        assert!(error.message.contains("/b: "), "{error}");
        assert!(error.message.contains(r#""a" is a required property"#), "{error}");
    }

    #[test]
    fn a_schema_of_no_use_is_named_as_such() {
        let schema = InputSchema::compile(&json(r#"{"type":"numbr"}"#));
        let error = schema.check("sum", &json("1")).unwrap_err();
        assert_eq!(error.reason.as_deref(), Some("task.invalid_schema"));
        assert!(error.message.contains("at /type"), "{error}");
    }
}
