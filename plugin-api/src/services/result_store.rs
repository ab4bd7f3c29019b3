//! `ratchet.result-store`: results on their way to output sinks, and what became of them.

use crate::model::{DeliveryOutcome, DeliveryRecord, Id, ListQuery, Listing, PendingDelivery};
use crate::{Result, service};

/// Keeps deliveries from the transaction that records a result until they are done.
///
/// Fields to filter and sort by: `id`, `number`, `job`, `execution`, `sink`, `status`, `attempts`,
/// `created_at`, `finished_at`.
#[service(id = "ratchet.result-store", version = "1.0")]
pub trait ResultStore {
    /// Gives a host up to `max` deliveries whose time has come. They are its until they are
    /// settled or it counts as dead.
    async fn claim_deliveries(&self, host: Id, max: u32) -> Result<Vec<PendingDelivery>>;

    /// Records what became of deliveries.
    async fn settle_deliveries(&self, host: Id, outcomes: Vec<DeliveryOutcome>) -> Result<()>;

    /// Milliseconds until the next delivery's time has come; none if none waits.
    async fn next_delivery_ms(&self) -> Result<Option<u64>>;

    /// Deliveries that pass the query.
    async fn list(&self, query: ListQuery) -> Result<Listing<DeliveryRecord>>;
}
