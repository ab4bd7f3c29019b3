//! Looking after the database: what it is and holds, backups, and what is kept for how long.

mod dump;
mod facts;
mod restore;
mod retention;
mod service;
mod tables;

pub(crate) use dump::backup;
pub(crate) use facts::{look, stats, vacuum};
pub(crate) use restore::restore;
pub(crate) use retention::keep_tidy;
