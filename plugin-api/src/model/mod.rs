//! Domain types: one set, from which every surface derives its own schema.
//!
//! These types cross the waist in a form that tolerates added and missing fields, so a field is
//! only ever added, optional or with a default, and never changes its meaning.

mod delivery;
mod event;
mod execution;
mod http;
mod id;
mod job;
mod json;
mod key;
mod listing;
mod outbox;
mod program;
mod repository;
mod run;
mod schedule;
mod task;
mod time;
mod user;
mod words;

pub use delivery::{Delivery, Receipt, RunSummary};
pub use event::{Event, EventFilter, EventKind, Explanation};
pub use execution::{Execution, ExecutionStats, ExecutionStatus, LogPage, Progress};
pub use http::{
    FetchMock, FetchPart, FetchPolicy, FetchRequest, FetchResponse, HttpExchange, MockReply,
    Redirect,
};
pub use id::Id;
pub use job::{Destination, Hold, Job, JobStats, JobStatus, Limiter, NewJob, Priority, Uniqueness};
pub use json::Json;
pub use key::Key;
pub use listing::{DEFAULT_LIMIT, Filter, FilterOp, ListQuery, Listing, MAX_LIMIT, Sort};
pub use outbox::{
    DeliveryEnd, DeliveryOutcome, DeliveryRecord, DeliveryStatus, NewDelivery, NewResult,
    PendingDelivery,
};
pub use program::{Program, ProgramProblem, ProgramReport, Schemas};
pub use repository::{Repository, RepositorySpec};
pub use run::{
    FailureKind, Limits, LogLevel, LogLine, Outcome, RunEvent, RunReport, RunRequest, StackFrame,
    TaskError, Violation,
};
pub use schedule::{CatchUp, Overlap, Schedule, ScheduleSpec, Timing};
pub use task::{
    Offered, OfferedTask, Pause, RateLimit, RetryPolicy, SyncReport, Task, TaskDefinition,
    TaskOrigin, TaskPolicy, TaskProblem, TaskVersion,
};
pub use time::Timestamp;
pub use user::{
    ApiKey, AuditEntry, AuditOutcome, Credentials, NewApiKey, NewAuditEntry, NewSession, NewUser,
    Principal, Role, Session, User, UserPatch,
};
use words::unknown_word;
