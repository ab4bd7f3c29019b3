//! Tasks as they are needed again and again, without asking the store each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{Id, Json, Key, Task};

use crate::schema::InputSchema;
use crate::stores::Stores;

/// How long a task is taken for what it was, where no word of a change comes.
const FRESH: Duration = Duration::from_secs(1);

/// Tasks kept at most.
const KEPT: usize = 512;

/// A task with what is made of it once for each version.
pub(crate) struct KnownTask {
    pub(crate) task: Task,
    input: OnceLock<Option<InputSchema>>,
}

impl KnownTask {
    fn new(task: Task) -> Self {
        Self { task, input: OnceLock::new() }
    }

    /// Checks an input against the task's schema, if it has one.
    ///
    /// # Errors
    /// `Invalid`, with every violation.
    pub(crate) fn check_input(&self, input: &Json) -> Result<()> {
        let definition = &self.task.definition;
        let compile = || definition.schemas.input.as_ref().map(InputSchema::compile);
        match self.input.get_or_init(compile) {
            Some(schema) => schema.check(&definition.name, input),
            None => Ok(()),
        }
    }
}

/// What was read of tasks.
#[derive(Default)]
pub(crate) struct Tasks {
    known: Mutex<HashMap<Id, Entry>>,
    keys: Mutex<HashMap<Key, Id>>,
}

struct Entry {
    task: Arc<KnownTask>,
    read: Instant,
    fresh: bool,
}

impl Tasks {
    /// The task as it is, or was a moment ago.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    pub(crate) async fn find(&self, stores: &Stores, key: &Key) -> Result<Arc<KnownTask>> {
        if let Some(known) = self.recent(key) {
            return Ok(known);
        }
        let task = stores.tasks()?.get(key.clone()).await?;
        let id = task.id;
        let known = self.keep(task);
        let mut keys = lock(&self.keys);
        if keys.len() >= 2 * KEPT {
            keys.clear();
        }
        keys.insert(key.clone(), id);
        Ok(known)
    }

    /// The version of a task with this checksum, or the present one where that is gone.
    ///
    /// # Errors
    /// `NotFound` when the task was removed.
    pub(crate) async fn version(
        &self,
        stores: &Stores,
        id: Id,
        checksum: &str,
    ) -> Result<Arc<KnownTask>> {
        let present = lock(&self.known).get(&id).map(|entry| Arc::clone(&entry.task));
        if let Some(known) = present.filter(|known| known.task.checksum == checksum) {
            return Ok(known);
        }
        let task = stores.tasks()?.get(Key::Id(id)).await?;
        Ok(self.keep(task))
    }

    /// Tasks have changed: what is known holds for running what was claimed, and is read again
    /// before anything is taken in.
    pub(crate) fn changed(&self) {
        lock(&self.known).values_mut().for_each(|entry| entry.fresh = false);
        lock(&self.keys).clear();
    }

    fn recent(&self, key: &Key) -> Option<Arc<KnownTask>> {
        let id = match key {
            Key::Id(id) => *id,
            _ => *lock(&self.keys).get(key)?,
        };
        let known = lock(&self.known);
        let entry = known.get(&id)?;
        (entry.fresh && entry.read.elapsed() < FRESH).then(|| Arc::clone(&entry.task))
    }

    /// Keeps what was read. What was compiled of the same version before is kept with it.
    fn keep(&self, task: Task) -> Arc<KnownTask> {
        let mut known = lock(&self.known);
        let id = task.id;
        let same = known.get(&id).filter(|entry| entry.task.task == task);
        let kept = match same {
            Some(entry) => Arc::clone(&entry.task),
            None => Arc::new(KnownTask::new(task)),
        };
        if known.len() >= KEPT && !known.contains_key(&id) {
            let oldest = known.iter().min_by_key(|(_, entry)| entry.read).map(|(id, _)| *id);
            oldest.and_then(|oldest| known.remove(&oldest));
        }
        let entry = Entry { task: Arc::clone(&kept), read: Instant::now(), fresh: true };
        known.insert(id, entry);
        kept
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
