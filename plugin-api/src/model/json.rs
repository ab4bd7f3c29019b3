//! User documents, carried as the text their author wrote.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Error, Result};

/// A JSON document as text. It is checked once where it enters and then travels untouched: no
/// number loses digits, no key changes place, and no hop between plugins parses it again.
///
/// Inside another JSON document it appears as that document's value; in the binary form of the
/// waist it is one string.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// Takes `text` after checking that it is one well-formed JSON document.
    ///
    /// # Errors
    /// `Invalid`, with line and column of the first fault.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        serde_json::from_str::<serde::de::IgnoredAny>(&text)
            .map_err(|error| Error::invalid(format!("not valid JSON: {error}")))?;
        Ok(Self(text.into()))
    }

    /// Takes `text` that is known to be JSON because a JSON writer made it.
    pub fn from_trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The JSON form of `value`.
    ///
    /// # Errors
    /// `Invalid` if `value` has no JSON form, such as a map with keys that are not strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Ok(Self(serde_json::to_string(value)?.into()))
    }

    /// The document `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// The document's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the document as a `T`.
    ///
    /// # Errors
    /// `Invalid` if the document does not have the shape of `T`.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&self.0)?)
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::null()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let raw: &RawValue =
                serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
            raw.serialize(serializer)
        } else {
            serializer.serialize_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let raw = Box::<RawValue>::deserialize(deserializer)?;
            Ok(Self(String::from(Box::<str>::from(raw)).into()))
        } else {
            deserializer.deserialize_str(TextVisitor)
        }
    }
}

/// Takes the text straight from the buffer it was read into, which is one copy less than by way of
/// a `String`.
struct TextVisitor;

impl serde::de::Visitor<'_> for TextVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of a JSON document")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json(text.into()))
    }
}
