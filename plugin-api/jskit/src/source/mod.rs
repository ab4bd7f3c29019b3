//! What can be told about a source without an engine: its entry form and whether it can be parsed
//! safely.

mod form;
mod scan;

pub use form::unsafe_to_parse;
pub(crate) use form::{Form, Shape, survey};
