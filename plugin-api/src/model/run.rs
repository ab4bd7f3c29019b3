//! One run of a program: what is asked for and what came of it.

use serde::{Deserialize, Serialize};

use super::{FetchPolicy, HttpExchange, Id, Json, Program, Schemas, Timestamp};

/// Everything a runtime needs to run a task once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Identifies this run in logs and traces.
    pub execution: Id,
    /// What to run.
    pub program: Program,
    /// The task's first argument.
    pub input: Json,
    /// The task's second argument, an object such as `{executionId, taskId, taskVersion, jobId}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Json>,
    /// Checked before and after; either side may be absent.
    #[serde(default)]
    pub schemas: Schemas,
    /// What the run may use up.
    #[serde(default)]
    pub limits: Limits,
    /// Where `fetch` leads.
    #[serde(default)]
    pub fetch: FetchPolicy,
}

/// What one run may use up. Each has its own `reason` when it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Wall-clock milliseconds from the call to its result: `limit.time`.
    pub wall_ms: u64,
    /// Bytes of memory the run may hold: `limit.memory`.
    pub memory_bytes: u64,
    /// Bytes of output JSON: `limit.output`.
    pub output_bytes: u64,
    /// Lines of log kept; the rest is counted and dropped, and the run goes on.
    pub log_lines: u32,
    /// Bytes of log kept, over all lines; the rest is counted and dropped.
    pub log_bytes: u64,
    /// Nested JavaScript calls: `limit.recursion`.
    pub recursion: u32,
    /// Requests `fetch` may start; the next one fails with a `NetworkError` whose `code` is
    /// `limit.fetches`.
    pub fetches: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_ms: 300_000,
            memory_bytes: 256 << 20,
            output_bytes: 10 << 20,
            log_lines: 10_000,
            log_bytes: 1 << 20,
            recursion: 512,
            fetches: 1_000,
        }
    }
}

/// What came of a run that a runtime could bring to an end by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// The output, or why there is none.
    pub outcome: Outcome,
    /// What the task wrote to `console`, oldest first.
    #[serde(default)]
    pub logs: Vec<LogLine>,
    /// Log lines dropped because a log limit was reached.
    #[serde(default)]
    pub logs_dropped: u64,
    /// The requests `fetch` made, in the order they were started.
    #[serde(default)]
    pub http: Vec<HttpExchange>,
    /// Microseconds from the call to its result inside the runtime.
    #[serde(default)]
    pub elapsed_us: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The task returned, and its output satisfies the output schema.
    Completed(Json),
    /// The task did not succeed.
    Failed(TaskError),
}

/// Something that happens during a run, for those who follow it live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A line of log.
    Log(LogLine),
    /// A request that was answered or failed.
    Http(HttpExchange),
    /// The end; nothing follows. Logs and exchanges sent before are not repeated in it.
    Finished(RunReport),
}

/// One `console` call of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// Which `console` function wrote it.
    pub level: LogLevel,
    /// The arguments, formatted and joined by spaces.
    pub message: String,
}

/// How much a line of log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// `console.trace`.
    Trace,
    /// `console.debug`.
    Debug,
    /// `console.log` and `console.info`.
    Info,
    /// `console.warn`.
    Warn,
    /// `console.error`.
    Error,
}

/// Why a task did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskError {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// The name of the error's class, such as `TypeError` or `RateLimitError`.
    pub class: String,
    /// What the error says.
    pub message: String,
    /// The JavaScript stack, innermost first; empty where there is none.
    #[serde(default)]
    pub stack: Vec<StackFrame>,
    /// Every violation, when a schema was not satisfied.
    #[serde(default)]
    pub violations: Vec<Violation>,
    /// Own enumerable properties of the thrown value, such as `{"status": 503}`, or the value
    /// itself where something other than an error was thrown.
    #[serde(default)]
    pub details: Option<Json>,
    /// The causes (`error.cause`), nearest first, as `Class: message`.
    #[serde(default)]
    pub causes: Vec<String>,
}

/// What kind of failure ended a run. Readers must expect kinds newer than themselves, which they
/// read as [`FailureKind::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "KindName")]
#[non_exhaustive]
pub enum FailureKind {
    /// The input does not satisfy the input schema; the task was not called.
    InvalidInput,
    /// The output does not satisfy the output schema.
    InvalidOutput,
    /// The source cannot be parsed or has no entry function.
    InvalidProgram,
    /// The task threw, or returned a promise that was rejected.
    Thrown,
    /// The output has no JSON form.
    UnserializableOutput,
    /// The wall-clock limit was reached.
    TimeLimit,
    /// The memory limit was reached.
    MemoryLimit,
    /// The output is larger than allowed.
    OutputLimit,
    /// Calls are nested deeper than allowed.
    RecursionLimit,
    /// The task waits for a promise that nothing can settle any more.
    NeverSettles,
    /// The run was cancelled.
    Cancelled,
    /// The worker that ran the task was lost for another reason.
    WorkerLost,
    /// A kind of a newer version.
    Other,
}

/// A kind by its name, which may be unknown here.
#[derive(Deserialize)]
struct KindName(String);

impl From<KindName> for FailureKind {
    fn from(KindName(name): KindName) -> Self {
        let named = |kind: &&FailureKind| serde_name(**kind) == name;
        Self::ALL.iter().find(named).copied().unwrap_or(Self::Other)
    }
}

impl Serialize for FailureKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(serde_name(*self))
    }
}

/// The name under which a kind crosses.
const fn serde_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidInput => "invalid_input",
        FailureKind::InvalidOutput => "invalid_output",
        FailureKind::InvalidProgram => "invalid_program",
        FailureKind::Thrown => "thrown",
        FailureKind::UnserializableOutput => "unserializable_output",
        FailureKind::TimeLimit => "time_limit",
        FailureKind::MemoryLimit => "memory_limit",
        FailureKind::OutputLimit => "output_limit",
        FailureKind::RecursionLimit => "recursion_limit",
        FailureKind::NeverSettles => "never_settles",
        FailureKind::Cancelled => "cancelled",
        FailureKind::WorkerLost => "worker_lost",
        FailureKind::Other => "other",
    }
}

impl FailureKind {
    /// Every kind there is in this version.
    pub const ALL: &'static [FailureKind] = &[
        Self::InvalidInput,
        Self::InvalidOutput,
        Self::InvalidProgram,
        Self::Thrown,
        Self::UnserializableOutput,
        Self::TimeLimit,
        Self::MemoryLimit,
        Self::OutputLimit,
        Self::RecursionLimit,
        Self::NeverSettles,
        Self::Cancelled,
        Self::WorkerLost,
        Self::Other,
    ];

    /// The kind whose [`FailureKind::reason`] this is.
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.iter().find(|kind| kind.reason() == reason).copied()
    }

    /// The stable name that programs react to, such as `limit.memory`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::InvalidInput => "task.invalid_input",
            Self::InvalidOutput => "task.invalid_output",
            Self::InvalidProgram => "task.invalid_program",
            Self::Thrown => "task.thrown",
            Self::UnserializableOutput => "task.unserializable_output",
            Self::TimeLimit => "limit.time",
            Self::MemoryLimit => "limit.memory",
            Self::OutputLimit => "limit.output",
            Self::RecursionLimit => "limit.recursion",
            Self::NeverSettles => "task.never_settles",
            Self::Cancelled => "run.cancelled",
            Self::WorkerLost => "run.worker_lost",
            Self::Other => "task.other",
        }
    }
}

/// One call on a JavaScript stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackFrame {
    /// The function's name; empty for an anonymous one.
    #[serde(default)]
    pub function: String,
    /// The file it is in, as the program names it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// One place where a document does not satisfy its schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where in the document, as a JSON Pointer (RFC 6901); empty for the whole.
    pub path: String,
    /// Where in the schema, as a JSON Pointer.
    pub schema_path: String,
    /// What was expected.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_the_trip_and_unknown_ones_are_other() {
        for &kind in FailureKind::ALL {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<FailureKind>(&text).unwrap(), kind);
            assert_eq!(FailureKind::from_reason(kind.reason()), Some(kind));
        }
        let newer: FailureKind = serde_json::from_str("\"quota_limit\"").unwrap();
        assert_eq!(newer, FailureKind::Other);
    }
}
