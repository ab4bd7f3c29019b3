//! `ratchet.execution-store`: what was run, and what came of it.

use crate::model::{
    Execution, ExecutionStats, Id, Key, ListQuery, Listing, LogLine, LogPage, NewResult, Progress,
};
use crate::{Result, service};

/// Keeps executions and their logs.
///
/// Fields to filter and sort by: `id`, `number`, `job`, `task`, `task_name`, `status`, `attempt`,
/// `queued_at`, `started_at`, `finished_at`, `duration_ms`, `progress`, `has_progress`,
/// `has_error`, `error_message`, `error_class`, `can_retry`, `can_cancel`.
#[service(id = "ratchet.execution-store", version = "1.0")]
pub trait ExecutionStore {
    /// The execution.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get(&self, key: Key) -> Result<Execution>;

    /// Executions that pass the query, without their requests.
    async fn list(&self, query: ListQuery) -> Result<Listing<Execution>>;

    /// Lines of log from position `from` (0 is the first) on, up to `limit`.
    async fn logs(&self, key: Key, from: u64, limit: u32) -> Result<LogPage>;

    /// Keeps lines of an execution that has not ended, at position `from` on; lines that are there
    /// already are not kept twice.
    async fn append_logs(&self, execution: Id, from: u64, lines: Vec<LogLine>) -> Result<()>;

    /// Notes how far an execution is.
    async fn progress(&self, execution: Id, progress: Progress) -> Result<()>;

    /// Keeps a result that came about elsewhere as an execution of its own.
    async fn record(&self, result: NewResult) -> Result<Execution>;

    /// Removes an execution that has ended.
    ///
    /// # Errors
    /// `Conflict` when it has not.
    async fn remove(&self, key: Key) -> Result<()>;

    /// Counts.
    async fn stats(&self) -> Result<ExecutionStats>;
}
