//! What every store of results on their way must do.

use ratchet_plugin_api::model::{
    DeliveryEnd, DeliveryOutcome, DeliveryStatus, Destination, FilterOp, Id, Json, ListQuery,
    NewDelivery, PendingDelivery, Receipt,
};
use ratchet_plugin_api::services::Settlement;

use super::world::{Checked, World, done, job, settlement};
use super::{MakeStores, Report, expect, succeeds};

/// Checks a store of results; `make` is called for a database of its own for each check.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn result_store(make: MakeStores) -> Report {
    let mut report = Report::new("ratchet.result-store");
    report.on(&make, "gives out a delivery once, and keeps what became of it", delivered).await;
    report.on(&make, "tries a delivery again when its time has come", again).await;
    report.on(&make, "keeps a delivery that failed for good", failed).await;
    report.on(&make, "takes no word of whoever does not have it", fenced).await;
    report.on(&make, "takes back the deliveries of a dead host", dead).await;
    report
}

/// Completes a job of `host` whose result goes to one place; gives the delivery's id.
async fn result(world: &World, host: Id) -> Result<Id, String> {
    let task = world.task(&Id::new().to_string()).await?;
    world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let destination =
        Destination { sink: "stdio".into(), target: Json::from_trusted("{}"), retry: None };
    let delivery = NewDelivery { id: Id::new(), destination };
    let id = delivery.id;
    let with = Settlement { deliveries: vec![delivery], ..settlement(host, &claimed, done()) };
    world.settle_with(with).await?;
    Ok(id)
}

async fn claim(world: &World, host: Id) -> Result<Vec<PendingDelivery>, String> {
    succeeds(world.stores.results.claim_deliveries(host, 10).await)
}

async fn settle(world: &World, host: Id, id: Id, end: DeliveryEnd) -> Checked {
    let outcome = DeliveryOutcome { id, duration_us: 1_500, end };
    succeeds(world.stores.results.settle_deliveries(host, vec![outcome]).await)
}

/// Its status and attempts.
async fn stands(world: &World, id: Id) -> Result<(DeliveryStatus, u32), String> {
    let query = ListQuery::default().filter("id", FilterOp::Eq, id);
    let found = succeeds(world.stores.results.list(query).await)?;
    let [record] = found.items.as_slice() else {
        return Err(format!("{} deliveries have its id", found.items.len()));
    };
    Ok((record.status, record.attempts))
}

async fn delivered(world: World) -> Checked {
    let host = world.host().await?;
    let next = async || succeeds(world.stores.results.next_delivery_ms().await);
    expect("the wait when nothing waits", next().await?, None)?;
    let id = result(&world, host).await?;
    expect("the wait", next().await?, Some(0))?;
    let pending = claim(&world, host).await?;
    expect("what is given out", pending.iter().map(|it| it.id).collect::<Vec<_>>(), vec![id])?;
    expect("what is given out then", claim(&world, host).await?.len(), 0)?;
    let receipt = Receipt::new(42).at("file:///out.json");
    settle(&world, host, id, DeliveryEnd::Delivered(receipt)).await?;
    let query = ListQuery::default().filter("status", FilterOp::Eq, "delivered");
    let found = succeeds(world.stores.results.list(query).await)?;
    let [record] = found.items.as_slice() else {
        return Err(format!("{} deliveries are done; 1 is right", found.items.len()));
    };
    expect("its receipt", (record.bytes, record.duration_us), (Some(42), Some(1_500)))?;
    expect("its place", record.location.as_deref(), Some("file:///out.json"))?;
    expect("whether it says when it ended", record.finished_at.is_some(), true)?;
    expect("the wait at last", next().await?, None)
}

async fn again(world: World) -> Checked {
    let host = world.host().await?;
    let id = result(&world, host).await?;
    claim(&world, host).await?;
    let later = DeliveryEnd::Retry { error: "503".into(), delay_ms: 60_000 };
    settle(&world, host, id, later).await?;
    expect("how it stands", stands(&world, id).await?, (DeliveryStatus::Pending, 1))?;
    expect("what is given out", claim(&world, host).await?.len(), 0)?;
    match succeeds(world.stores.results.next_delivery_ms().await)? {
        Some(50_000..=60_000) => {}
        other => return Err(format!("the wait is {other:?} ms; 60000 is right")),
    }
    world.pass_ms(61_000);
    let pending = claim(&world, host).await?;
    let seen: Vec<_> = pending.iter().map(|it| (it.id, it.attempt)).collect();
    expect("what is given out then", seen, vec![(id, 2)])
}

async fn failed(world: World) -> Checked {
    let host = world.host().await?;
    let id = result(&world, host).await?;
    claim(&world, host).await?;
    settle(&world, host, id, DeliveryEnd::Failed("404".into())).await?;
    expect("how it stands", stands(&world, id).await?, (DeliveryStatus::Failed, 1))?;
    world.pass_ms(3_600_000);
    expect("what is given out", claim(&world, host).await?.len(), 0)
}

async fn fenced(world: World) -> Checked {
    let (host, other) = (world.host().await?, world.host().await?);
    let id = result(&world, host).await?;
    claim(&world, host).await?;
    settle(&world, other, id, DeliveryEnd::Failed("404".into())).await?;
    expect("how it stands", stands(&world, id).await?, (DeliveryStatus::Pending, 1))?;
    settle(&world, host, id, DeliveryEnd::Delivered(Receipt::new(1))).await?;
    settle(&world, host, id, DeliveryEnd::Failed("404".into())).await?;
    expect("how it stands then", stands(&world, id).await?, (DeliveryStatus::Delivered, 1))
}

async fn dead(world: World) -> Checked {
    let (host, other) = (world.host_for(10_000).await?, world.host().await?);
    let id = result(&world, host).await?;
    claim(&world, host).await?;
    world.pass_ms(11_000);
    succeeds(world.stores.jobs.renew(other, 3_600_000).await)?;
    let pending = claim(&world, other).await?;
    expect("what is given out", pending.iter().map(|it| it.id).collect::<Vec<_>>(), vec![id])
}
