//! Settling jobs.

use ratchet_plugin_api::services::{Settled, Settlement};
use ratchet_plugin_api::{Error, Result};

use crate::db::Tx;

pub(crate) async fn settle(_tx: &Tx, _r: &[&Settlement]) -> Result<Vec<Settled>> {
    Err(Error::internal("not yet"))
}
