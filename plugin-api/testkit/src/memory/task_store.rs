//! `TaskStore` on the store in memory.

use ratchet_plugin_api::model::{
    Id, Key, ListQuery, Listing, Pause, SyncReport, Task, TaskDefinition, TaskOrigin, TaskVersion,
    Timestamp,
};
use ratchet_plugin_api::services::{Change, Offer, PutTask, TaskStore};
use ratchet_plugin_api::{Code, Error, Result, service};

use super::MemoryStore;
use super::query::{Field, Kind, Value, select};
use super::state::{State, TaskRow, missing};

#[service]
impl TaskStore for MemoryStore {
    async fn get(&self, key: Key) -> Result<Task> {
        self.with(|state| {
            let task = state.task(&key)?;
            state.edit_task(task, |_, _| ())
        })
    }

    async fn list(&self, query: ListQuery, definitions: bool) -> Result<Listing<Task>> {
        self.with(|state| {
            let all = state.tasks.values().filter(|row| !row.removed).map(|row| row.task.clone());
            let mut found = select(all, &query, FIELDS, |task| task.number)?;
            if !definitions {
                found.items.iter_mut().for_each(|task| shorten(&mut task.definition));
            }
            Ok(found)
        })
    }

    async fn put(&self, put: PutTask) -> Result<Task> {
        self.with(|state| state.put_task(put))
    }

    async fn enable(&self, key: Key, enabled: bool) -> Result<Task> {
        self.with(|state| {
            let task = state.task(&key)?;
            state.news.push(Change::Tasks);
            state.edit_task(task, |row, now| {
                if row.task.enabled != enabled {
                    row.task.enabled = enabled;
                    row.task.updated_at = now;
                }
            })
        })
    }

    async fn pause(&self, key: Key, pause: Option<Pause>) -> Result<Task> {
        self.with(|state| {
            let task = state.task(&key)?;
            state.news.push(Change::Tasks);
            state.edit_task(task, |row, now| {
                row.task.paused =
                    pause.map(|pause| Pause { since: pause.since.or(Some(now)), ..pause });
            })
        })
    }

    async fn validated(&self, key: Key) -> Result<Task> {
        self.with(|state| {
            let task = state.task(&key)?;
            state.edit_task(task, |row, now| row.task.validated_at = Some(now))
        })
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.with(|state| {
            let task = state.task(&key)?;
            state.remove_task(task);
            Ok(())
        })
    }

    async fn versions(&self, key: Key, query: ListQuery) -> Result<Listing<TaskVersion>> {
        self.with(|state| {
            let task = state.task(&key)?;
            let versions = state.tasks.get(&task).map(|row| row.versions.clone());
            let newest_first = versions.unwrap_or_default().into_iter();
            select(newest_first, &query, &[], |version| -i64::from(version.revision))
        })
    }

    async fn sync(&self, offer: Offer) -> Result<SyncReport> {
        Ok(self.with(|state| state.sync(offer)))
    }
}

/// Leaves out what is long.
fn shorten(definition: &mut TaskDefinition) {
    definition.program.source.clear();
    definition.program.modules.clear();
    definition.schemas = Default::default();
    definition.tests.clear();
}

const FIELDS: &[Field<Task>] = &[
    Field { name: "id", kind: Kind::Id, get: |it| Value::Id(it.id) },
    Field { name: "number", kind: Kind::Number, get: |it| Value::whole(it.number) },
    Field { name: "name", kind: Kind::Text, get: |it| Value::Text(it.definition.name.clone()) },
    Field {
        name: "label",
        kind: Kind::Text,
        get: |it| Value::option(it.definition.label.clone(), Value::Text),
    },
    Field {
        name: "version",
        kind: Kind::Text,
        get: |it| Value::Text(it.definition.version.clone()),
    },
    Field {
        name: "description",
        kind: Kind::Text,
        get: |it| Value::option(it.definition.description.clone(), Value::Text),
    },
    Field { name: "enabled", kind: Kind::Truth, get: |it| Value::Truth(it.enabled) },
    Field { name: "paused", kind: Kind::Truth, get: |it| Value::Truth(it.paused.is_some()) },
    Field {
        name: "repository",
        kind: Kind::Text,
        get: |it| Value::option(it.origin.as_ref(), |from| Value::Text(from.repository.clone())),
    },
    Field { name: "tag", kind: Kind::Text, get: |it| Value::Texts(it.definition.tags.clone()) },
    Field { name: "created_at", kind: Kind::Time, get: |it| Value::Time(it.created_at) },
    Field { name: "updated_at", kind: Kind::Time, get: |it| Value::Time(it.updated_at) },
    Field {
        name: "validated_at",
        kind: Kind::Time,
        get: |it| Value::option(it.validated_at, Value::Time),
    },
    Field {
        name: "has_validation",
        kind: Kind::Truth,
        get: |it| Value::Truth(it.validated_at.is_some()),
    },
];

impl State {
    /// Changes a task; gives it as it then is.
    pub(super) fn edit_task(
        &mut self,
        task: Id,
        change: impl FnOnce(&mut TaskRow, Timestamp),
    ) -> Result<Task> {
        let now = self.now;
        let row = self.tasks.get_mut(&task).ok_or_else(|| missing("task", &Key::Id(task)))?;
        change(row, now);
        Ok(row.task.clone())
    }

    pub(super) fn remove_task(&mut self, task: Id) {
        if let Some(row) = self.tasks.get_mut(&task) {
            row.removed = true;
        }
        self.news.push(Change::Tasks);
    }

    /// Refuses a name that another task has.
    pub(super) fn check_name(&self, name: &str, own: Option<Id>) -> Result<()> {
        let taken = |row: &&TaskRow| {
            !row.removed && row.task.definition.name == name && Some(row.task.id) != own
        };
        let Some(other) = self.tasks.values().find(taken) else {
            return Ok(());
        };
        let message = format!("the task {} is called `{name}` already", other.task.id);
        Err(Error::new(Code::Conflict, message).with_reason("task.exists"))
    }

    fn put_task(&mut self, put: PutTask) -> Result<Task> {
        let Some(key) = put.task else {
            return self.create_task(put);
        };
        let id = self.task(&key)?;
        let known = self.edit_task(id, |_, _| ())?;
        if put.if_checksum.as_ref().is_some_and(|wanted| *wanted != known.checksum) {
            let message = format!("the task `{key}` has changed: it is {} now", known.checksum);
            return Err(Error::new(Code::Conflict, message).with_reason("task.changed"));
        }
        if known.origin.is_some() && put.definition.id.is_some_and(|wanted| wanted != id) {
            let message = format!("the task `{key}` comes from a source and keeps its id {id}");
            return Err(Error::invalid(message).with_reason("task.other_id"));
        }
        self.check_name(&put.definition.name, Some(id))?;
        self.renew_version(id, put.definition, known.origin, put.note);
        self.news.push(Change::Tasks);
        self.edit_task(id, |row, now| {
            if let Some(enabled) = put.enabled.filter(|enabled| *enabled != row.task.enabled) {
                row.task.enabled = enabled;
                row.task.updated_at = now;
            }
        })
    }

    fn create_task(&mut self, put: PutTask) -> Result<Task> {
        if put.if_checksum.is_some() {
            let message = format!("there is no task `{}` to change", put.definition.name);
            return Err(Error::new(Code::Conflict, message).with_reason("task.changed"));
        }
        self.check_name(&put.definition.name, None)?;
        if let Some(id) = put.definition.id.filter(|id| self.tasks.contains_key(id)) {
            let message = format!("there is a task {id} already");
            return Err(Error::new(Code::Conflict, message).with_reason("task.exists"));
        }
        let task = self.insert_task(put.definition, None, put.note, put.enabled.unwrap_or(true));
        self.news.push(Change::Tasks);
        Ok(task)
    }

    pub(super) fn insert_task(
        &mut self,
        mut definition: TaskDefinition,
        origin: Option<TaskOrigin>,
        note: Option<String>,
        enabled: bool,
    ) -> Task {
        let id = definition.id.unwrap_or_else(|| self.id());
        definition.id = Some(id);
        let (now, checksum) = (self.now, definition.checksum());
        let task = Task {
            id,
            number: self.number("task"),
            definition: definition.clone(),
            checksum: checksum.clone(),
            enabled,
            paused: None,
            origin: origin.clone(),
            created_at: now,
            updated_at: now,
            validated_at: None,
        };
        let first = TaskVersion {
            task: id,
            revision: 1,
            definition,
            checksum,
            origin,
            note,
            created_at: now,
        };
        let row = TaskRow { task: task.clone(), versions: vec![first], removed: false };
        self.tasks.insert(id, row);
        task
    }

    /// Makes a definition the present version of a task; whether it differs from what was.
    pub(super) fn renew_version(
        &mut self,
        task: Id,
        mut definition: TaskDefinition,
        origin: Option<TaskOrigin>,
        note: Option<String>,
    ) -> bool {
        let now = self.now;
        let Some(row) = self.tasks.get_mut(&task) else {
            return false;
        };
        definition.id = Some(task);
        row.task.origin = origin.clone();
        let checksum = definition.checksum();
        if checksum == row.task.checksum {
            return false;
        }
        row.task.definition = definition.clone();
        row.task.checksum = checksum.clone();
        row.task.updated_at = now;
        row.task.validated_at = None;
        let revision = row.versions.len() as u32 + 1;
        let version =
            TaskVersion { task, revision, definition, checksum, origin, note, created_at: now };
        row.versions.push(version);
        true
    }
}
