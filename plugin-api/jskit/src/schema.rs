//! JSON Schema on both sides of a task.

use std::collections::VecDeque;
use std::sync::Arc;

use jsonschema::Validator;
use ratchet_plugin_api::model::{Json, Violation};

/// How many compiled schemas are kept: a worker usually runs few tasks many times.
const KEPT: usize = 32;

/// How many violations of one document are reported.
const MOST_VIOLATIONS: usize = 100;

/// Compiled schemas, the most recently used first.
#[derive(Default)]
pub(crate) struct SchemaCache {
    compiled: VecDeque<(Json, Arc<Validator>)>,
}

impl SchemaCache {
    /// Every violation of `schema` by `document`, at most a hundred; none if it is satisfied.
    ///
    /// # Errors
    /// A sentence about the schema itself where that cannot be used, or about the document where
    /// that is not JSON.
    pub(crate) fn check(
        &mut self,
        schema: &Json,
        document: &Json,
    ) -> Result<Vec<Violation>, String> {
        let validator = self.validator(schema)?;
        let instance = document
            .to::<serde_json::Value>()
            .map_err(|error| format!("the document is not JSON: {}", error.message))?;
        if validator.is_valid(&instance) {
            return Ok(Vec::new());
        }
        Ok(validator
            .iter_errors(&instance)
            .take(MOST_VIOLATIONS)
            .map(|error| Violation {
                path: error.instance_path().as_str().to_owned(),
                schema_path: error.schema_path().as_str().to_owned(),
                message: error.to_string(),
            })
            .collect())
    }

    fn validator(&mut self, schema: &Json) -> Result<Arc<Validator>, String> {
        if let Some(index) = self.compiled.iter().position(|(text, _)| text == schema)
            && let Some(found) = self.compiled.remove(index)
        {
            let validator = Arc::clone(&found.1);
            self.compiled.push_front(found);
            return Ok(validator);
        }
        let parsed = schema
            .to::<serde_json::Value>()
            .map_err(|error| format!("the schema is not JSON: {}", error.message))?;
        let validator = jsonschema::validator_for(&parsed).map_err(|error| {
            let at = error.instance_path().as_str();
            let place = if at.is_empty() { String::new() } else { format!(" at {at}") };
            format!("the schema is not valid JSON Schema{place}: {error}")
        })?;
        let validator = Arc::new(validator);
        self.compiled.push_front((schema.clone(), Arc::clone(&validator)));
        self.compiled.truncate(KEPT);
        Ok(validator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn every_violation_is_reported_with_both_paths() {
        let schema = json(
            r#"{"type":"object","required":["a"],
                "properties":{"b":{"type":"number"},"c":{"items":{"minimum":3}}}}"#,
        );
        let found = SchemaCache::default().check(&schema, &json(r#"{"b":"x","c":[5,1]}"#)).unwrap();
        let places: Vec<_> =
            found.iter().map(|one| (one.path.as_str(), one.schema_path.as_str())).collect();
        assert_eq!(places.len(), 3);
        assert!(places.contains(&("", "/required")));
        assert!(places.contains(&("/b", "/properties/b/type")));
        assert!(places.contains(&("/c/1", "/properties/c/items/minimum")));
    }

    #[test]
    fn the_draft_a_schema_names_decides() {
        let mut cache = SchemaCache::default();
        let old = json(
            r#"{"$schema":"http://json-schema.org/draft-04/schema#",
                "minimum":3,"exclusiveMinimum":true}"#,
        );
        let new = json(r#"{"exclusiveMinimum":3}"#);
        let tuple = json(
            r#"{"$schema":"https://json-schema.org/draft/2020-12/schema",
                "prefixItems":[{"type":"string"}]}"#,
        );
        assert_eq!(cache.check(&old, &json("3")).unwrap().len(), 1);
        assert_eq!(cache.check(&new, &json("3")).unwrap().len(), 1);
        assert_eq!(cache.check(&tuple, &json("[1]")).unwrap().len(), 1);
        assert!(cache.check(&old, &json("4")).unwrap().is_empty());
    }

    #[test]
    fn a_broken_schema_is_named_as_such() {
        let broken = json(r#"{"type":"numbr"}"#);
        let message = SchemaCache::default().check(&broken, &json("1")).unwrap_err();
        assert!(message.starts_with("the schema is not valid JSON Schema at /type"), "{message}");
    }

    #[test]
    fn the_cache_keeps_the_schemas_used_last() {
        let mut cache = SchemaCache::default();
        for minimum in 0..KEPT + 8 {
            let schema = json(&format!(r#"{{"minimum":{minimum}}}"#));
            cache.check(&schema, &json("1000")).unwrap();
            cache.check(&json("true"), &json("1")).unwrap();
        }
        assert_eq!(cache.compiled.len(), KEPT);
        assert!(cache.compiled.iter().any(|(schema, _)| schema.as_str() == "true"));
    }
}
