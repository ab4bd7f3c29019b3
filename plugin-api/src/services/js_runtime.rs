//! `ratchet.js-runtime`: runs a task's JavaScript once.

use serde::{Deserialize, Serialize};

use crate::model::{Program, ProgramReport, RunEvent, RunReport, RunRequest};
use crate::{Result, Stream, service};

/// What a JavaScript engine is and can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeInfo {
    /// The name tasks and configuration choose it by, such as `boa`.
    pub name: String,
    /// The engine and its version, such as `boa_engine 0.22.0`.
    pub engine: String,
    /// Whether a running task can be cancelled without losing its worker.
    #[serde(default)]
    pub interruptible: bool,
}

/// Runs tasks, each in a fresh context in which nothing of an earlier run is left.
///
/// A failure of the task is not an error of the call: it is an [`Outcome::Failed`] in the report.
/// The call itself fails with `Timeout`, `LimitExceeded` or `Unavailable` when the worker had to
/// be killed or died, its `reason` being that of [`FailureKind`](crate::model::FailureKind).
///
/// [`Outcome::Failed`]: crate::model::Outcome::Failed
#[service(id = "ratchet.js-runtime", version = "1.0", many)]
pub trait JsRuntime {
    /// What this engine is and can do.
    async fn info(&self) -> Result<RuntimeInfo>;

    /// Parses `program` and says which entry form it has, without running any of it.
    async fn check(&self, program: Program) -> Result<ProgramReport>;

    /// Runs a task to its end.
    async fn run(&self, request: RunRequest) -> Result<RunReport>;

    /// Runs a task, telling what happens as it happens; the last item is
    /// [`RunEvent::Finished`]. Dropping the stream cancels the run.
    async fn follow(&self, request: RunRequest) -> Result<Stream<RunEvent>>;
}
