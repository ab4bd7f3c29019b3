//! `ExecutionStore` on the store in memory.

use ratchet_plugin_api::model::{
    Execution, ExecutionStats, ExecutionStatus, FailureKind, Id, Key, ListQuery, Listing, LogLine,
    LogPage, NewResult, Progress, Timestamp,
};
use ratchet_plugin_api::services::ExecutionStore;
use ratchet_plugin_api::{Code, Error, Result, service};

use super::MemoryStore;
use super::edit::DAY;
use super::listing::list_executions;
use super::settle::present_execution;
use super::state::{Row, State, missing, no_name, task_error};

#[service]
impl ExecutionStore for MemoryStore {
    async fn get(&self, key: Key) -> Result<Execution> {
        self.with(|state| state.execution(&key))
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Execution>> {
        self.with(|state| list_executions(state, &query))
    }

    async fn logs(&self, key: Key, from: u64, limit: u32) -> Result<LogPage> {
        self.with(|state| state.log_page(&key, from, limit))
    }

    async fn append_logs(&self, execution: Id, from: u64, lines: Vec<LogLine>) -> Result<()> {
        self.with(|state| state.append_logs(execution, from, lines))
    }

    async fn progress(&self, execution: Id, progress: Progress) -> Result<()> {
        self.with(|state| {
            state.present(execution)?.progress = Some(progress);
            Ok(())
        })
    }

    async fn record(&self, result: NewResult) -> Result<Execution> {
        self.with(|state| state.record(result))
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.with(|state| {
            let execution = state.execution(&key)?;
            if state.executions.remove(&execution.id).is_none() {
                let message = format!("the execution {key} has not ended");
                let error = Error::new(Code::Conflict, message);
                return Err(error.with_reason("execution.not_ended"));
            }
            state.logs.remove(&execution.id);
            Ok(())
        })
    }

    async fn stats(&self) -> Result<ExecutionStats> {
        Ok(self.with(|state| state.execution_stats()))
    }
}

impl State {
    fn execution(&self, key: &Key) -> Result<Execution> {
        let all = || {
            let present = self.open.values().map(present_execution);
            present.chain(self.executions.values().cloned())
        };
        let found = match key {
            Key::Id(id) => all().find(|execution| execution.id == *id),
            Key::Number(number) => all().find(|execution| execution.number == *number),
            Key::Name(name) => return Err(no_name("execution", name)),
        };
        found.ok_or_else(|| missing("execution", key))
    }

    /// The job whose present attempt this is.
    fn present(&mut self, execution: Id) -> Result<&mut Row> {
        let ended = self.executions.contains_key(&execution);
        let mut open = self.open.values_mut();
        open.find(|row| row.job.execution == execution).ok_or_else(|| {
            if ended {
                let message = format!("the execution {execution} has ended");
                return Error::new(Code::Conflict, message).with_reason("execution.ended");
            }
            missing("execution", &Key::Id(execution))
        })
    }

    fn log_page(&self, key: &Key, from: u64, limit: u32) -> Result<LogPage> {
        let execution = self.execution(key)?;
        let all = self.logs.get(&execution.id).map(Vec::as_slice).unwrap_or_default();
        let skipped = usize::try_from(from).unwrap_or(usize::MAX);
        let lines: Vec<LogLine> = all.iter().skip(skipped).take(limit as usize).cloned().collect();
        Ok(LogPage {
            next: from + lines.len() as u64,
            lines,
            ended: execution.finished_at.is_some(),
            dropped: execution.logs_dropped,
        })
    }

    fn append_logs(&mut self, execution: Id, from: u64, lines: Vec<LogLine>) -> Result<()> {
        self.present(execution)?;
        let kept = self.logs.entry(execution).or_default();
        let Some(known) = (kept.len() as u64).checked_sub(from) else {
            let message = format!(
                "the log of {execution} has {} lines; line {from} cannot follow",
                kept.len()
            );
            return Err(Error::invalid(message).with_reason("execution.log_gap"));
        };
        kept.extend(lines.into_iter().skip(usize::try_from(known).unwrap_or(usize::MAX)));
        Ok(())
    }

    fn record(&mut self, result: NewResult) -> Result<Execution> {
        if matches!(result.status, ExecutionStatus::Pending | ExecutionStatus::Running) {
            let message = format!("a result that is {} has not ended", result.status);
            return Err(Error::invalid(message).with_reason("execution.not_ended"));
        }
        let task = self.task(&Key::Id(result.task))?;
        let row = self.tasks.get(&task).ok_or_else(|| missing("task", &Key::Id(task)))?;
        let (name, version) =
            (row.task.definition.name.clone(), row.task.definition.version.clone());
        let now = self.now;
        let started_at = result.duration_us.map(|us| {
            let us = i64::try_from(us).unwrap_or(i64::MAX);
            Timestamp::from_microseconds(now.as_microseconds().saturating_sub(us))
        });
        let error = result.error.or_else(|| {
            let failed = result.status == ExecutionStatus::Failed;
            failed.then(|| task_error(FailureKind::Other, "Error", "it failed elsewhere"))
        });
        let execution = Execution {
            id: self.id(),
            number: self.number("execution"),
            job: None,
            task,
            task_name: name,
            task_version: Some(version),
            status: result.status,
            attempt: 1,
            input: result.input,
            output: result.output,
            error,
            http: result.http,
            progress: None,
            host: None,
            queued_at: started_at.unwrap_or(now),
            started_at,
            finished_at: Some(now),
            duration_us: result.duration_us,
            logs_dropped: 0,
            metadata: result.metadata,
        };
        self.executions.insert(execution.id, execution.clone());
        Ok(execution)
    }

    fn execution_stats(&self) -> ExecutionStats {
        let mut stats = ExecutionStats::default();
        let (mut total_us, mut timed) = (0.0, 0_u64);
        let present = self.open.values().map(present_execution);
        for execution in present.chain(self.executions.values().cloned()) {
            *match execution.status {
                ExecutionStatus::Pending => &mut stats.pending,
                ExecutionStatus::Running => &mut stats.running,
                ExecutionStatus::Completed => &mut stats.completed,
                ExecutionStatus::Failed => &mut stats.failed,
                ExecutionStatus::Cancelled => &mut stats.cancelled,
            } += 1;
            let completed = execution.status == ExecutionStatus::Completed;
            if let Some(us) = execution.duration_us.filter(|_| completed) {
                total_us += us as f64;
                timed += 1;
            }
            let lately = |time: Timestamp| time.after(DAY) > self.now;
            stats.last_24h += u64::from(execution.finished_at.is_some_and(lately));
        }
        let ended = stats.completed + stats.failed;
        stats.average_duration_ms = (timed > 0).then(|| total_us / timed as f64 / 1000.0);
        stats.success_rate = (ended > 0).then(|| stats.completed as f64 / ended as f64);
        stats
    }
}
