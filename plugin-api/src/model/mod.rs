//! Domain types: one set, from which every surface derives its own schema.
//!
//! These types cross the waist in a form that tolerates added and missing fields, so a field is
//! only ever added, optional or with a default, and never changes its meaning.

mod delivery;
mod http;
mod id;
mod json;
mod program;
mod run;
mod time;

pub use delivery::{Delivery, Receipt, RunSummary};
pub use http::{
    FetchMock, FetchPart, FetchPolicy, FetchRequest, FetchResponse, HttpExchange, MockReply,
    Redirect,
};
pub use id::Id;
pub use json::Json;
pub use program::{Program, ProgramProblem, ProgramReport, Schemas};
pub use run::{
    FailureKind, Limits, LogLevel, LogLine, Outcome, RunEvent, RunReport, RunRequest, StackFrame,
    TaskError, Violation,
};
pub use time::Timestamp;
