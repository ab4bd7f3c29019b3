//! The contracts plugins meet through, one file each.
//!
//! A contract grows by adding methods with a default body and optional fields; anything else is a
//! new contract. Implement one with `#[service] impl Contract for MyPlugin`, and use one through
//! [`Context::slot`](crate::Context::slot).

mod command;
mod database;
mod event_bus;
mod execution_store;
mod executor;
mod http_fetcher;
mod job_queue;
mod job_store;
mod js_runtime;
mod output_sink;
mod repository_store;
mod result_store;
mod schedule_store;
mod scheduler;
mod task_source;
mod task_store;
mod user_store;

pub use command::{Command, Invocation};
pub use database::{
    Database, DatabaseStats, DatabaseStatus, DumpReport, Retention, RetentionReport, TableStats,
};
pub use event_bus::EventBus;
pub use execution_store::ExecutionStore;
pub use executor::{BatchMode, BatchReport, BatchRequest, Executor, Worker};
pub use http_fetcher::HttpFetcher;
pub use job_queue::{Answer, JobQueue, JobRequest, Submitted};
pub use job_store::{
    AcceptJobs, Acceptance, Change, ClaimJobs, ClaimedJob, Claims, ClearJobs, HostInfo, HostState,
    JobPatch, JobStore, LimiterState, Renewal, Settled, Settlement, Situation, Verdict,
};
pub use js_runtime::{JsRuntime, RuntimeInfo};
pub use output_sink::OutputSink;
pub use repository_store::{RepositoryReading, RepositoryStore};
pub use result_store::ResultStore;
pub use schedule_store::{DueSchedules, FireSchedule, ScheduleStore};
pub use scheduler::{ScheduleRequest, Scheduler};
pub use task_source::{SourceStatus, TaskSource};
pub use task_store::{Offer, PutTask, TaskStore};
pub use user_store::UserStore;
