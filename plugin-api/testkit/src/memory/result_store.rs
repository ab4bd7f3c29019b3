//! `ResultStore` on the store in memory.

use ratchet_plugin_api::model::{
    DeliveryEnd, DeliveryOutcome, DeliveryRecord, DeliveryStatus, Id, ListQuery, Listing,
    PendingDelivery,
};
use ratchet_plugin_api::services::ResultStore;
use ratchet_plugin_api::{Code, Error, Result, service};

use super::MemoryStore;
use super::query::{Field, Kind, Value, select, words};
use super::state::{DeliveryRow, State};

#[service]
impl ResultStore for MemoryStore {
    async fn claim_deliveries(&self, host: Id, max: u32) -> Result<Vec<PendingDelivery>> {
        self.with(|state| state.claim_deliveries(host, max))
    }

    async fn settle_deliveries(&self, host: Id, outcomes: Vec<DeliveryOutcome>) -> Result<()> {
        self.with(|state| {
            for outcome in outcomes {
                state.settle_delivery(host, outcome);
            }
        });
        Ok(())
    }

    async fn next_delivery_ms(&self) -> Result<Option<u64>> {
        Ok(self.with(|state| {
            let waiting = state.deliveries.values().filter(|row| row.waits());
            let wait = |row: &DeliveryRow| {
                let wait = row.due_at.since(state.now).as_micros().div_ceil(1000);
                u64::try_from(wait).unwrap_or(u64::MAX)
            };
            waiting.map(wait).min()
        }))
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<DeliveryRecord>> {
        self.with(|state| {
            let all = state.deliveries.values().map(|row| row.record.clone());
            select(all, &query, FIELDS, |record| record.number)
        })
    }
}

const FIELDS: &[Field<DeliveryRecord>] = &[
    Field { name: "id", kind: Kind::Id, get: |it| Value::Id(it.id) },
    Field { name: "number", kind: Kind::Number, get: |it| Value::whole(it.number) },
    Field { name: "job", kind: Kind::Id, get: |it| Value::option(it.job, Value::Id) },
    Field { name: "execution", kind: Kind::Id, get: |it| Value::Id(it.execution) },
    Field { name: "sink", kind: Kind::Text, get: |it| Value::Text(it.sink.clone()) },
    Field {
        name: "status",
        kind: words!(DeliveryStatus),
        get: |it| Value::Word(it.status as usize, it.status.as_str()),
    },
    Field { name: "attempts", kind: Kind::Number, get: |it| Value::number(it.attempts) },
    Field { name: "created_at", kind: Kind::Time, get: |it| Value::Time(it.created_at) },
    Field {
        name: "finished_at",
        kind: Kind::Time,
        get: |it| Value::option(it.finished_at, Value::Time),
    },
];

impl DeliveryRow {
    /// Whether nobody has it and it is not done.
    fn waits(&self) -> bool {
        self.host.is_none() && self.record.status == DeliveryStatus::Pending
    }
}

impl State {
    fn claim_deliveries(&mut self, host: Id, max: u32) -> Result<Vec<PendingDelivery>> {
        if !self.lives(host) {
            let message = format!("the host {host} has not entered or counts as dead");
            return Err(Error::new(Code::Conflict, message).with_reason("host.expired"));
        }
        let now = self.now;
        let due = self.deliveries.values_mut().filter(|row| row.waits() && row.due_at <= now);
        let mut due: Vec<_> = due.collect();
        due.sort_unstable_by_key(|row| (row.due_at, row.record.number));
        let claim = |row: &mut DeliveryRow| {
            row.host = Some(host);
            row.record.attempts += 1;
            PendingDelivery { attempt: row.record.attempts, ..row.pending.clone() }
        };
        Ok(due.into_iter().take(max as usize).map(claim).collect())
    }

    /// Records an outcome, unless it comes from a host that does not have the delivery any more.
    fn settle_delivery(&mut self, host: Id, outcome: DeliveryOutcome) {
        let now = self.now;
        let Some(row) = self.deliveries.get_mut(&outcome.id) else {
            return;
        };
        if row.host != Some(host) {
            return;
        }
        row.host = None;
        row.record.duration_us = Some(outcome.duration_us);
        match outcome.end {
            DeliveryEnd::Delivered(receipt) => {
                row.record.status = DeliveryStatus::Delivered;
                row.record.bytes = Some(receipt.bytes);
                row.record.location = receipt.location;
                row.record.error = None;
                row.record.finished_at = Some(now);
            }
            DeliveryEnd::Retry { error, delay_ms } => {
                row.record.error = Some(error);
                row.due_at = now.after(std::time::Duration::from_millis(delay_ms));
            }
            DeliveryEnd::Failed(error) => {
                row.record.status = DeliveryStatus::Failed;
                row.record.error = Some(error);
                row.record.finished_at = Some(now);
            }
        }
    }
}
