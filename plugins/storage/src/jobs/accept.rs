//! Accepting jobs.

use ratchet_plugin_api::services::{AcceptJobs, Acceptance};
use ratchet_plugin_api::{Error, Result};

use crate::db::Tx;

pub(crate) async fn accept(_tx: &Tx, _r: &[&AcceptJobs]) -> Result<Vec<Result<Vec<Acceptance>>>> {
    Err(Error::internal("not yet"))
}
