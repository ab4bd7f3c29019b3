//! Results on their way to output sinks.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Id, Json, Timestamp};

/// One result for one sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Identifies this delivery over all its attempts, so a sink can tell a repeat.
    pub id: Id,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The run whose result this is.
    pub run: RunSummary,
    /// Where to, in the sink's own terms: the destination's configuration.
    pub target: Json,
    /// The media type of `body`, such as `application/json`.
    pub content_type: String,
    /// What to deliver.
    pub body: Bytes,
}

/// The facts about a run that destinations name files, rows and headers by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run.
    pub execution: Id,
    /// The job it belongs to, if any.
    #[serde(default)]
    pub job: Option<Id>,
    /// The task's id.
    pub task: Id,
    /// The task's name.
    pub task_name: String,
    /// The task's version.
    pub task_version: String,
    /// Whether the task succeeded.
    pub succeeded: bool,
    /// When it ended.
    pub finished: Timestamp,
}

/// What a sink did with a delivery: made with [`Receipt::new`], since later versions may add to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// Where the result now is, such as a path or a URL.
    #[serde(default)]
    pub location: Option<String>,
    /// Bytes written.
    #[serde(default)]
    pub bytes: u64,
}

impl Receipt {
    /// A receipt for so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { location: None, bytes }
    }

    /// The same receipt, saying where the result now is.
    #[must_use]
    pub fn at(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }
}
