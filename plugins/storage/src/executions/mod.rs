//! Executions: those that have ended from their history, those that have not through their job.

mod logs;
mod store;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{Execution, ExecutionStatus, Progress};
use sea_orm::QueryResult;

pub(crate) use logs::delete_logs;

use crate::row::{
    column, count, count_option, document_option, id, id_option, json, json_option, small, time,
    time_option, word,
};

/// Reads an execution, without its requests.
fn execution_of(row: &QueryResult) -> Result<Execution> {
    let fraction: Option<f64> = column(row, "progress")?;
    let message = column(row, "progress_message")?;
    Ok(Execution {
        id: id(row, "id")?,
        number: column(row, "number")?,
        job: id_option(row, "job")?,
        task: id(row, "task")?,
        task_name: column(row, "task_name")?,
        task_version: column(row, "task_version")?,
        status: word(row, "status", ExecutionStatus::ALL)?,
        attempt: small(row, "attempt")?,
        input: json(row, "input")?,
        output: json_option(row, "output")?,
        error: document_option(row, "error")?,
        http: Vec::new(),
        progress: fraction.map(|fraction| Progress { fraction, message }),
        host: id_option(row, "host")?,
        queued_at: time(row, "queued_at")?,
        started_at: time_option(row, "started_at")?,
        finished_at: time_option(row, "finished_at")?,
        duration_us: count_option(row, "duration_us")?,
        logs_dropped: count(row, "logs_dropped")?,
        metadata: json(row, "metadata")?,
    })
}
