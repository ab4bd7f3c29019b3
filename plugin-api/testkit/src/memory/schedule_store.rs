//! `ScheduleStore` on the store in memory.

use ratchet_plugin_api::model::{
    Id, Key, ListQuery, Listing, Schedule, ScheduleSpec, Timestamp, Timing,
};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, Change, DueSchedules, FireSchedule, ScheduleStore,
};
use ratchet_plugin_api::{Code, Error, Result, nearest, service};

use super::MemoryStore;
use super::query::{Field, Kind, Value, select};
use super::state::{Row, State, missing_name};

#[service]
impl ScheduleStore for MemoryStore {
    async fn get(&self, key: Key) -> Result<Schedule> {
        self.with(|state| state.schedule(&key).cloned())
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Schedule>> {
        self.with(|state| {
            let all = state.schedules.values().map(|schedule| (schedule.clone(), state.now));
            let found = select(all, &query, FIELDS, |(schedule, _)| schedule.number)?;
            let items = found.items.into_iter().map(|(schedule, _)| schedule).collect();
            Ok(Listing { items, total: found.total })
        })
    }

    async fn create(&self, spec: ScheduleSpec, next: Option<Timestamp>) -> Result<Schedule> {
        self.with(|state| {
            let task_name = state.examine_schedule(&spec, None)?;
            let (id, number, now) = (state.id(), state.number("schedule"), state.now);
            let schedule = Schedule {
                id,
                number,
                spec,
                task_name,
                next_run_at: next,
                last_run_at: None,
                last_job: None,
                runs: 0,
                created_at: now,
                updated_at: now,
            };
            state.schedules.insert(id, schedule.clone());
            state.news.push(Change::Schedules);
            Ok(schedule)
        })
    }

    async fn update(
        &self,
        key: Key,
        spec: ScheduleSpec,
        next: Option<Timestamp>,
    ) -> Result<Schedule> {
        self.with(|state| {
            let known = state.schedule(&key)?.clone();
            let task_name = state.examine_schedule(&spec, Some(known.id))?;
            let updated_at = state.now;
            let schedule = Schedule { spec, task_name, next_run_at: next, updated_at, ..known };
            state.schedules.insert(schedule.id, schedule.clone());
            state.news.push(Change::Schedules);
            Ok(schedule)
        })
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.with(|state| {
            let id = state.schedule(&key)?.id;
            state.schedules.remove(&id);
            state.news.push(Change::Schedules);
            Ok(())
        })
    }

    async fn due(&self, limit: u32) -> Result<DueSchedules> {
        Ok(self.with(|state| state.due(limit)))
    }

    async fn fire(&self, fire: FireSchedule) -> Result<Option<Vec<Acceptance>>> {
        self.with(|state| state.fire(fire))
    }

    async fn now(&self) -> Result<Timestamp> {
        Ok(self.with(|state| state.now))
    }

    async fn open_jobs(&self, schedule: Id) -> Result<Vec<Id>> {
        Ok(self.with(|state| {
            let own = |row: &&Row| row.job.schedule == Some(schedule);
            let mut rows: Vec<&Row> = state.open.values().filter(own).collect();
            rows.sort_unstable_by_key(|row| row.job.number);
            rows.into_iter().map(|row| row.job.id).collect()
        }))
    }
}

/// A schedule and the present time.
type At = (Schedule, Timestamp);

/// Whether a schedule should have made a job by now.
fn is_due((schedule, now): &At) -> bool {
    schedule.spec.enabled && schedule.next_run_at.is_some_and(|next| next <= *now)
}

const FIELDS: &[Field<At>] = &[
    Field { name: "id", kind: Kind::Id, get: |(it, _)| Value::Id(it.id) },
    Field { name: "number", kind: Kind::Number, get: |(it, _)| Value::whole(it.number) },
    Field { name: "name", kind: Kind::Text, get: |(it, _)| Value::Text(it.spec.name.clone()) },
    Field {
        name: "description",
        kind: Kind::Text,
        get: |(it, _)| Value::option(it.spec.description.clone(), Value::Text),
    },
    Field { name: "task", kind: Kind::Id, get: |(it, _)| Value::Id(it.spec.task) },
    Field { name: "task_name", kind: Kind::Text, get: |(it, _)| Value::Text(it.task_name.clone()) },
    Field { name: "enabled", kind: Kind::Truth, get: |(it, _)| Value::Truth(it.spec.enabled) },
    Field {
        name: "cron_expression",
        kind: Kind::Text,
        get: |(it, _)| match &it.spec.timing {
            Timing::Cron(expression) => Value::Text(expression.clone()),
            Timing::EveryMs(_) => Value::None,
        },
    },
    Field {
        name: "next_run_at",
        kind: Kind::Time,
        get: |(it, _)| Value::option(it.next_run_at, Value::Time),
    },
    Field {
        name: "last_run_at",
        kind: Kind::Time,
        get: |(it, _)| Value::option(it.last_run_at, Value::Time),
    },
    Field { name: "runs", kind: Kind::Number, get: |(it, _)| Value::Number(it.runs as f64) },
    Field { name: "created_at", kind: Kind::Time, get: |(it, _)| Value::Time(it.created_at) },
    Field { name: "updated_at", kind: Kind::Time, get: |(it, _)| Value::Time(it.updated_at) },
    Field {
        name: "has_next_run",
        kind: Kind::Truth,
        get: |(it, _)| Value::Truth(it.next_run_at.is_some()),
    },
    Field {
        name: "has_last_run",
        kind: Kind::Truth,
        get: |(it, _)| Value::Truth(it.last_run_at.is_some()),
    },
    Field { name: "is_due", kind: Kind::Truth, get: |at| Value::Truth(is_due(at)) },
    Field { name: "overdue", kind: Kind::Truth, get: |at| Value::Truth(is_due(at)) },
];

impl State {
    fn schedule(&self, key: &Key) -> Result<&Schedule> {
        let mut all = self.schedules.values();
        let found = match key {
            Key::Id(id) => self.schedules.get(id),
            Key::Number(number) => all.find(|schedule| schedule.number == *number),
            Key::Name(name) => all.find(|schedule| schedule.spec.name == *name),
        };
        found.ok_or_else(|| {
            let names = self.schedules.values().map(|schedule| schedule.spec.name.as_str());
            missing_name("schedule", key, nearest(&key.to_string(), names))
        })
    }

    /// Checks a schedule that is to be kept in place of `own`; gives the name of its task.
    fn examine_schedule(&self, spec: &ScheduleSpec, own: Option<Id>) -> Result<String> {
        let same = |other: &&Schedule| other.spec.name == spec.name && Some(other.id) != own;
        if let Some(other) = self.schedules.values().find(same) {
            let message = format!("there is a schedule `{}` already", other.spec.name);
            return Err(Error::new(Code::Conflict, message).with_reason("schedule.exists"));
        }
        let task = self.task(&Key::Id(spec.task))?;
        let name = self.tasks.get(&task).map(|row| row.task.definition.name.clone());
        Ok(name.unwrap_or_default())
    }

    fn due(&self, limit: u32) -> DueSchedules {
        let enabled = self.schedules.values().filter(|schedule| schedule.spec.enabled);
        let mut timed: Vec<(Timestamp, &Schedule)> = enabled
            .filter_map(|schedule| schedule.next_run_at.map(|next| (next, schedule)))
            .collect();
        timed.sort_by_key(|(next, schedule)| (*next, schedule.number));
        let due = timed.iter().filter(|(next, _)| *next <= self.now).take(limit as usize);
        DueSchedules {
            schedules: due.map(|(_, schedule)| (*schedule).clone()).collect(),
            now: self.now,
            next_at: timed.iter().map(|(next, _)| *next).find(|next| *next > self.now),
        }
    }

    fn fire(&mut self, fire: FireSchedule) -> Result<Option<Vec<Acceptance>>> {
        let known = self.schedules.get_mut(&fire.schedule);
        let Some(schedule) = known.filter(|schedule| schedule.next_run_at == Some(fire.seen))
        else {
            return Ok(None);
        };
        schedule.next_run_at = fire.next;
        schedule.last_run_at = Some(fire.last);
        for job in fire.cancel {
            self.give_up(job, Some("a later run of its schedule replaces it".to_owned()));
        }
        let ids: Vec<Id> = fire.jobs.iter().map(|job| job.id).collect();
        let answers = self.accept(AcceptJobs {
            jobs: fire.jobs,
            atomic: false,
            claim_for: None,
            max_waiting: None,
        })?;
        let accepted = |answer: &Acceptance| matches!(answer, Acceptance::Accepted { .. });
        let accepted: Vec<Id> = ids
            .into_iter()
            .zip(&answers)
            .filter(|(_, answer)| accepted(answer))
            .map(|(id, _)| id)
            .collect();
        if let Some(schedule) = self.schedules.get_mut(&fire.schedule) {
            schedule.runs += accepted.len() as u64;
            schedule.last_job = accepted.last().copied().or(schedule.last_job);
        }
        self.news.push(Change::Schedules);
        Ok(Some(answers))
    }
}
