//! `ScheduleStore`: schedules and the one firing of each of their times.

use std::sync::Arc;

use ratchet_plugin_api::model::{
    Id, Key, ListQuery, Listing, Schedule, ScheduleSpec, Timestamp, Timing,
};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, Change, DueSchedules, FireSchedule, ScheduleStore,
};
use ratchet_plugin_api::{Code, Error, Result, service};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::Storage;
use crate::db::{Numbered, Tx, execute, get, query, query_number, query_one};
use crate::find::{one, page};
use crate::jobs::accept::accept;
use crate::jobs::edit::give_up;
use crate::list::fields::{SCHEDULES, TASK_SUMMARIES};
use crate::row::{
    column, count, document, from_uuid, id, id_option, micros, micros_option, time, time_option,
    uuid, uuid_option,
};

#[service]
impl ScheduleStore for Storage {
    async fn get(&self, key: Key) -> Result<Schedule> {
        present(self.db()?.read(), &key).await
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Schedule>> {
        let db = self.db()?;
        page(db.read(), &SCHEDULES, &query, db.now().await?, schedule_of).await
    }

    async fn create(&self, spec: ScheduleSpec, next: Option<Timestamp>) -> Result<Schedule> {
        self.keep(None, spec, next).await
    }

    async fn update(
        &self,
        key: Key,
        spec: ScheduleSpec,
        next: Option<Timestamp>,
    ) -> Result<Schedule> {
        self.keep(Some(key), spec, next).await
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.db()?
            .write(move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    let schedule = present(tx, &key).await?;
                    let sql = "DELETE FROM schedules WHERE number = $1";
                    execute(tx, sql, [schedule.number.into()]).await?;
                    tx.tell(Change::Schedules);
                    Ok(())
                })
            })
            .await
    }

    async fn due(&self, limit: u32) -> Result<DueSchedules> {
        let db = self.db()?;
        let now = db.now().await?;
        let arm = &SCHEDULES.arms[0];
        let sql = format!(
            "SELECT {} FROM {} WHERE x.enabled AND x.next_run_at <= $1 \
             ORDER BY x.next_run_at, x.number LIMIT $2",
            arm.select, arm.from
        );
        let rows = query(db.read(), &sql, [now.into(), i64::from(limit).into()]).await?;
        let schedules: Result<Vec<Schedule>> = rows.iter().map(schedule_of).collect();
        let sql = "SELECT MIN(next_run_at) FROM schedules WHERE enabled AND next_run_at > $1";
        let row = query_one(db.read(), sql, [now.into()]).await?;
        let next = row.map(|row| get::<Option<i64>>(&row, 0)).transpose()?.flatten();
        Ok(DueSchedules {
            schedules: schedules?,
            now: Timestamp::from_microseconds(now),
            next_at: next.map(Timestamp::from_microseconds),
        })
    }

    async fn fire(&self, firing: FireSchedule) -> Result<Option<Vec<Acceptance>>> {
        let firing = Arc::new(firing);
        self.db()?
            .write(move |tx| {
                let firing = Arc::clone(&firing);
                Box::pin(async move { fire(tx, &firing).await })
            })
            .await
    }

    async fn now(&self) -> Result<Timestamp> {
        self.db()?.now().await.map(Timestamp::from_microseconds)
    }

    async fn open_jobs(&self, schedule: Id) -> Result<Vec<Id>> {
        let sql = "SELECT id FROM jobs WHERE schedule = $1 ORDER BY number";
        let rows = query(self.db()?.read(), sql, [uuid(schedule)]).await?;
        rows.iter().map(|row| get(row, 0).map(from_uuid)).collect()
    }
}

impl Storage {
    async fn keep(
        &self,
        key: Option<Key>,
        spec: ScheduleSpec,
        next: Option<Timestamp>,
    ) -> Result<Schedule> {
        let asked = Arc::new((key, spec));
        self.db()?
            .write(move |tx| {
                let asked = Arc::clone(&asked);
                Box::pin(async move { keep(tx, asked.0.as_ref(), &asked.1, next).await })
            })
            .await
    }
}

fn schedule_of(row: &QueryResult) -> Result<Schedule> {
    let task_name: Option<String> = column(row, "task_name")?;
    Ok(Schedule {
        id: id(row, "id")?,
        number: column(row, "number")?,
        spec: document(row, "spec")?,
        task_name: task_name.unwrap_or_default(),
        next_run_at: time_option(row, "next_run_at")?,
        last_run_at: time_option(row, "last_run_at")?,
        last_job: id_option(row, "last_job")?,
        runs: count(row, "runs")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

async fn present(connection: &impl ConnectionTrait, key: &Key) -> Result<Schedule> {
    schedule_of(&one(connection, &SCHEDULES, "schedule", key).await?)
}

async fn keep(
    tx: &Tx,
    key: Option<&Key>,
    spec: &ScheduleSpec,
    next: Option<Timestamp>,
) -> Result<Schedule> {
    let known = match key {
        Some(key) => Some(present(tx, key).await?.number),
        None => None,
    };
    let sql = "SELECT COUNT(*) FROM schedules WHERE name = $1 AND number <> $2";
    let values = [spec.name.clone().into(), known.unwrap_or(-1).into()];
    if query_number(tx, sql, values).await? > 0 {
        let message = format!("there is a schedule `{}` already", spec.name);
        return Err(Error::new(Code::Conflict, message).with_reason("schedule.exists"));
    }
    let task = one(tx, &TASK_SUMMARIES, "task", &Key::Id(spec.task)).await?;
    let cron = match &spec.timing {
        Timing::Cron(expression) => Some(expression.clone()),
        Timing::EveryMs(_) => None,
    };
    let number = match known {
        Some(number) => number,
        None => tx.numbers(Numbered::Schedule, 1).await?.first().copied().unwrap_or_default(),
    };
    let mut values: Vec<Value> = vec![
        number.into(),
        spec.name.clone().into(),
        Value::String(spec.description.clone()),
        column::<i64>(&task, "number")?.into(),
        spec.enabled.into(),
        Value::String(cron),
        serde_json::to_string(spec)?.into(),
        micros_option(next),
        tx.now.into(),
    ];
    let sql = if known.is_some() {
        "UPDATE schedules SET name = $2, description = $3, task = $4, enabled = $5, \
         cron_expression = $6, spec = $7, next_run_at = $8, updated_at = $9 WHERE number = $1"
    } else {
        values.push(uuid(Id::new()));
        "INSERT INTO schedules (number, name, description, task, enabled, cron_expression, spec, \
         next_run_at, created_at, updated_at, id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)"
    };
    execute(tx, sql, values).await?;
    tx.tell(Change::Schedules);
    present(tx, &Key::Number(number)).await
}

/// Takes one time of a schedule. Whoever comes second finds that it is due at another time.
async fn fire(tx: &Tx, firing: &FireSchedule) -> Result<Option<Vec<Acceptance>>> {
    let sql = "UPDATE schedules SET next_run_at = $3, last_run_at = $4 \
        WHERE id = $1 AND next_run_at = $2";
    let values = [
        uuid(firing.schedule),
        micros(firing.seen),
        micros_option(firing.next),
        micros(firing.last),
    ];
    if execute(tx, sql, values).await? == 0 {
        return Ok(None);
    }
    for job in &firing.cancel {
        let reason = "a later run of its schedule replaces it".to_owned();
        give_up(tx, *job, Some(reason)).await?;
    }
    let jobs = firing.jobs.clone();
    let ids: Vec<Id> = jobs.iter().map(|job| job.id).collect();
    let request = AcceptJobs { jobs, atomic: false, claim_for: None, max_waiting: None };
    let answers = match ids.is_empty() {
        true => Vec::new(),
        false => accept(tx, &[&request]).await?.pop().unwrap_or_else(|| Ok(Vec::new()))?,
    };
    let accepted = |answer: &Acceptance| matches!(answer, Acceptance::Accepted { .. });
    let accepted: Vec<Id> = ids
        .into_iter()
        .zip(&answers)
        .filter(|(_, answer)| accepted(answer))
        .map(|(id, _)| id)
        .collect();
    if let Some(last) = accepted.last() {
        let sql = "UPDATE schedules SET runs = runs + $2, last_job = $3 WHERE id = $1";
        let runs = i64::try_from(accepted.len()).unwrap_or(i64::MAX);
        let values = [uuid(firing.schedule), runs.into(), uuid_option(Some(*last))];
        execute(tx, sql, values).await?;
    }
    tx.tell(Change::Schedules);
    Ok(Some(answers))
}
