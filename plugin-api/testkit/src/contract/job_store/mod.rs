//! What every store of jobs must do.

mod accepting;
mod changing;
mod holding;
mod hosts;
mod limiting;
mod settling;
mod telling;

use super::{MakeStores, Report};

/// Checks a store of jobs; `make` is called for a database of its own for each check.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn job_store(make: MakeStores) -> Report {
    let mut report = Report::new("ratchet.job-store");
    accepting::check(&mut report, &make).await;
    holding::check(&mut report, &make).await;
    limiting::check(&mut report, &make).await;
    settling::check(&mut report, &make).await;
    hosts::check(&mut report, &make).await;
    changing::check(&mut report, &make).await;
    telling::check(&mut report, &make).await;
    report
}
