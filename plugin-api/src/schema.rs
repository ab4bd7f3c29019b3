//! Configuration and command lines, described in constants.
//!
//! `#[config]` and `#[command]` turn a struct into a [`Schema`] constant, and `plugin!` renders it
//! as JSON Schema (2020-12) into the manifest while the plugin is compiled. So the host can check a
//! configuration, parse a command line and print help without running any code of the plugin.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The shape of a value.
#[derive(Debug)]
pub enum Schema {
    /// Anything.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// The least allowed.
        minimum: i64,
        /// The most allowed; none where it does not fit.
        maximum: Option<i64>,
    },
    /// Any number.
    Number,
    /// Text.
    Text,
    /// Text that must not be shown.
    Secret,
    /// A list.
    List(&'static Schema),
    /// An object whose keys are free.
    Map(&'static Schema),
    /// A value or nothing.
    Optional(&'static Schema),
    /// One of several words.
    Choice(&'static [Choice]),
    /// An object with known keys.
    Object(&'static [Field]),
    /// Any of several shapes.
    Either(&'static [&'static Schema]),
}

/// One word of a [`Schema::Choice`].
#[derive(Debug)]
pub struct Choice {
    /// The word.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
}

/// One key of a [`Schema::Object`].
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// The shape of its value.
    pub schema: &'static Schema,
    /// The value used when it is not given, as JSON; empty for none.
    pub default: &'static str,
    /// Whether it has to be given.
    pub required: bool,
    /// Where the value comes from instead, such as `server.database`: a section of the whole
    /// configuration that belongs to this plugin; empty for none.
    pub section: &'static str,
    /// Another accepted name for it; empty for none.
    pub alias: &'static str,
    /// How it looks on a command line.
    pub argument: Argument,
}

/// How a field looks on a command line.
#[derive(Debug)]
pub struct Argument {
    /// Given by position, not by name.
    pub positional: bool,
    /// What stands for the value in help; empty for the field's own name.
    pub value_name: &'static str,
    /// A one-letter form; NUL for none.
    pub short: char,
}

impl Argument {
    /// An option of its own name.
    pub const NAMED: Argument = Argument { positional: false, value_name: "", short: '\0' };
}

/// A type that has a [`Schema`].
pub trait Described {
    /// Its shape.
    const SCHEMA: &'static Schema;
}

/// A type that can be a plugin's configuration; implemented by `#[config]`.
pub trait Configuration: Described + DeserializeOwned + Send + 'static {}

/// For plugins without configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

impl Described for NoConfig {
    const SCHEMA: &'static Schema = &Schema::Object(&[]);
}

impl Configuration for NoConfig {}

macro_rules! described {
    ($($type:ty => $schema:expr;)*) => {
        $(impl Described for $type { const SCHEMA: &'static Schema = &$schema; })*
    };
}

described! {
    bool => Schema::Boolean;
    u8 => Schema::Integer { minimum: 0, maximum: Some(u8::MAX as i64) };
    u16 => Schema::Integer { minimum: 0, maximum: Some(u16::MAX as i64) };
    u32 => Schema::Integer { minimum: 0, maximum: Some(u32::MAX as i64) };
    u64 => Schema::Integer { minimum: 0, maximum: None };
    usize => Schema::Integer { minimum: 0, maximum: None };
    i32 => Schema::Integer { minimum: i32::MIN as i64, maximum: Some(i32::MAX as i64) };
    i64 => Schema::Integer { minimum: i64::MIN, maximum: None };
    f64 => Schema::Number;
    String => Schema::Text;
    PathBuf => Schema::Text;
    Secret => Schema::Secret;
    serde_json::Value => Schema::Any;
    crate::model::Json => Schema::Any;
}

impl<T: Described> Described for Option<T> {
    const SCHEMA: &'static Schema = &Schema::Optional(T::SCHEMA);
}

impl<T: Described> Described for Vec<T> {
    const SCHEMA: &'static Schema = &Schema::List(T::SCHEMA);
}

impl<T: Described> Described for Box<T> {
    const SCHEMA: &'static Schema = T::SCHEMA;
}

impl<T: Described> Described for BTreeMap<String, T> {
    const SCHEMA: &'static Schema = &Schema::Map(T::SCHEMA);
}

/// Text that is not shown when printed for debugging, such as a password.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from view.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
