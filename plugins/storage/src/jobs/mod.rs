//! The queue.

pub(crate) mod accept;
pub(crate) mod claim;
pub(crate) mod settle;
