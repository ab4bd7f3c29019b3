//! `ratchet.output-sink`: takes results where they are wanted.

use crate::model::{Delivery, Json, Receipt};
use crate::{Result, service};

/// Delivers results. Deliveries are repeated until one succeeds, so a sink that cannot make a
/// repeat harmless by nature uses [`Delivery::id`] to recognise it.
///
/// Errors: `Invalid` for a target that can never work (not tried again), anything else is tried
/// again according to the destination's retry policy.
#[service(id = "ratchet.output-sink", version = "1.0", many)]
pub trait OutputSink {
    /// Delivers one result.
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt>;

    /// Checks a destination's configuration without delivering anything.
    async fn check(&self, target: Json) -> Result<()> {
        let _ = target;
        Ok(())
    }
}
