//! The queue.
//!
//! A job is a row of `jobs` until it ends, and of `job_history` from then on; every attempt that
//! has ended is a row of `executions`. Each operation reads the facts it needs in a few statements,
//! decides in memory, and writes what follows in a few statements, however many jobs it is about.
//!
//! What keeps a job waiting is written down in its row (`hold`), so that a claim looks at ready
//! jobs only. `hold` has everything that changes it.

pub(crate) mod accept;
pub(crate) mod claim;
mod code;
pub(crate) mod edit;
mod ending;
mod facts;
pub(crate) mod hold;
mod host;
mod limiter;
mod look;
mod record;
mod retry;
pub(crate) mod settle;
mod store;

pub(crate) use host::Sightings;
#[cfg(test)]
pub(crate) use record::JOBS;
