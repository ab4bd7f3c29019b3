//! JSON text to JavaScript values without a detour: Boa's own `JSON.parse` compiles the text as a
//! program, which takes five times as long.

use std::fmt;

use boa_engine::object::builtins::JsArray;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsObject, JsString, JsValue};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// How deep the arrays and objects of a document may be nested.
const DEEPEST_NESTING: usize = 1_000;

/// How deep arrays and objects are nested in `text`.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Reads `text`, as `JSON.parse` would.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn parse(text: &str, context: &mut Context) -> serde_json::Result<JsValue> {
    if nesting(text) > DEEPEST_NESTING {
        let message = format!("it is nested deeper than {DEEPEST_NESTING} levels");
        return Err(serde_json::Error::custom(message));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let value = Value { context }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Value<'a> {
    context: &'a mut Context,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = JsValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<JsValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = JsValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<JsValue, E> {
        Ok(JsValue::null())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<JsValue, E> {
        Ok(JsValue::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<JsValue, E> {
        Ok(i32::try_from(value).map_or_else(|_| JsValue::from(value as f64), JsValue::from))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<JsValue, E> {
        Ok(i32::try_from(value).map_or_else(|_| JsValue::from(value as f64), JsValue::from))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<JsValue, E> {
        Ok(JsValue::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<JsValue, E> {
        Ok(JsValue::from(JsString::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<JsValue, A::Error> {
        let context = self.context;
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(Value { context: &mut *context })? {
            items.push(item);
        }
        Ok(JsArray::from_iter(items, context).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsValue, A::Error> {
        let context = self.context;
        let object = JsObject::with_object_proto(context.intrinsics());
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Value { context: &mut *context })?;
            let property = PropertyDescriptor::builder()
                .value(value)
                .writable(true)
                .enumerable(true)
                .configurable(true);
            object.insert_property(PropertyKey::from(JsString::from(key.as_str())), property);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_brackets_outside_of_text() {
        assert_eq!(nesting("1"), 0);
        assert_eq!(nesting(r#"{"a": [1, {"b": "[[[\"[["}]}"#), 3);
    }
}
