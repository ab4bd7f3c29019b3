//! `ratchet.event-bus`: what happens, as it happens.

use crate::model::{Event, EventFilter};
use crate::{Result, Stream, service};

/// Passes events on to those who listen. Nobody is waited for: a listener that falls behind misses
/// events and is told how many.
#[service(id = "ratchet.event-bus", version = "1.0")]
pub trait EventBus {
    /// Tells those who listen.
    async fn publish(&self, events: Vec<Event>) -> Result<()>;

    /// Events from now on that pass the filter.
    async fn subscribe(&self, filter: EventFilter) -> Result<Stream<Event>>;
}
