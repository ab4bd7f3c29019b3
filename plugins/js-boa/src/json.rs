//! JSON text to JavaScript values without a detour: Boa's own `JSON.parse` compiles the text as a
//! program, which takes five times as long.

use std::fmt;

use boa_engine::object::builtins::JsArray;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsObject, JsString, JsValue};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Reads `text`, as `JSON.parse` would.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn parse(text: &str, context: &mut Context) -> serde_json::Result<JsValue> {
    // How deep it is nested is bounded, see `ToJs::Json`.
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
