//! Claiming jobs.

use ratchet_plugin_api::services::{ClaimJobs, Claims};
use ratchet_plugin_api::{Error, Result};

use crate::db::Tx;

pub(crate) async fn claim(_tx: &Tx, _r: &[&ClaimJobs]) -> Result<Vec<Result<Claims>>> {
    Err(Error::internal("not yet"))
}
