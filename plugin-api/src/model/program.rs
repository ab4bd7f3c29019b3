//! What a task runs: its source files and what is known about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Json;

/// The JavaScript of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The entry file's name as stack traces show it, such as `main.js`.
    pub entry: String,
    /// The entry file's text.
    pub source: String,
    /// Further files an ES module entry may import, by path relative to the entry's folder
    /// (`lib/money.js`), with their text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<String, String>,
}

/// The schemas on both sides of a task: JSON Schema, drafts 4 to 2020-12.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schemas {
    /// What an input must satisfy before the task is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// What an output must satisfy before it counts as a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
}

/// What a runtime found out about a program without running it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramReport {
    /// The entry form that was recognised, such as `function expression` or `module default
    /// export`; none if no form was.
    #[serde(default)]
    pub form: Option<String>,
    /// Everything that keeps the program from being run.
    #[serde(default)]
    pub problems: Vec<ProgramProblem>,
}

/// One thing wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramProblem {
    /// The file it is in.
    pub file: String,
    /// Line, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Column, from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
}
