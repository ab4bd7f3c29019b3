//! Schemas on both sides.

use ratchet_plugin_api::model::FailureKind::{InvalidInput, InvalidOutput};

use super::{Case, case};

const NUMBERS: &str = r#"{"type": "object", "required": ["a"],
                "properties": {"a": {"type": "number"},
                "b": {"type": "array", "items": {"minimum": 2}}}}"#;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("input that satisfies its schema", "i => i.a")
            .input(r#"{"a": 1}"#)
            .input_schema(NUMBERS)
            .returns("1"),
        case("every violation of the input is told", "() => { throw new Error('was called') }")
            .input(r#"{"a": "x", "b": [1, 5, 0]}"#)
            .input_schema(NUMBERS)
            .fails(InvalidInput, "ValidationError", "the input does not satisfy its schema at /")
            .violations(&[
                ("/a", "/properties/a/type"),
                ("/b/0", "/properties/b/items/minimum"),
                ("/b/2", "/properties/b/items/minimum"),
            ]),
        case("a missing property", "() => 1")
            .input("{}")
            .input_schema(NUMBERS)
            .fails(InvalidInput, "ValidationError", "\"a\" is a required property")
            .violations(&[("", "/required")]),
        case("output that does not satisfy its schema", "() => ({ sum: 'five' })")
            .output_schema(r#"{"properties": {"sum": {"type": "number"}}}"#)
            .fails(InvalidOutput, "ValidationError", "the output")
            .violations(&[("/sum", "/properties/sum/type")]),
        case("output that satisfies its schema", "() => ({ sum: 5 })")
            .output_schema(r#"{"required": ["sum"]}"#)
            .returns(r#"{"sum": 5}"#),
        case("draft 4", "() => 1")
            .input("3")
            .input_schema(
                r#"{"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 3,
                "exclusiveMaximum": true}"#,
            )
            .fails(InvalidInput, "ValidationError", ""),
        case("draft 7 conditions", "() => 1")
            .input(r#"{"k": "a"}"#)
            .input_schema(
                r#"{"$schema": "http://json-schema.org/draft-07/schema#",
                "if": {"properties": {"k": {"const": "a"}}}, "then": {"required": ["v"]}}"#,
            )
            .fails(InvalidInput, "ValidationError", "\"v\" is a required property"),
        case("draft 2019-09 and 2020-12", "() => 1")
            .input("[1, 2]")
            .input_schema(
                r#"{"$schema": "https://json-schema.org/draft/2020-12/schema",
                "prefixItems": [{"type": "number"}], "items": false}"#,
            )
            .fails(InvalidInput, "ValidationError", ""),
        case("references within a schema", "() => 1")
            .input(r#"{"kids": [{"kids": 1}]}"#)
            .input_schema(
                r##"{"properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}"##,
            )
            .fails(InvalidInput, "ValidationError", ""),
        case("a schema that is none", "() => 1")
            .input("1")
            .input_schema(r#"{"type": "numbr"}"#)
            .fails(InvalidInput, "ValidationError", "not valid JSON Schema"),
        case("a schema elsewhere is not fetched", "() => 1")
            .input("1")
            .input_schema(r#"{"$ref": "https://example.com/s.json"}"#)
            .fails(InvalidInput, "ValidationError", ""),
        case("the output schema is checked last", "() => { throw new DataError('first') }")
            .output_schema(r#"{"type": "number"}"#)
            .throws("DataError", "first"),
    ]
}
