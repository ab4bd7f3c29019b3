//! Those who wait for a job to end, woken by whatever tells that it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ratchet_plugin_api::model::Id;
use tokio::sync::Notify;

/// Who waits for which job.
#[derive(Default)]
pub(crate) struct Waits {
    waiting: Mutex<HashMap<Id, Entry>>,
}

struct Entry {
    notify: Arc<Notify>,
    count: usize,
}

impl Waits {
    /// Begins to wait for a job; what is told from now on is not missed.
    pub(crate) fn begin(self: &Arc<Self>, job: Id) -> Wait {
        let mut waiting = self.lock();
        let new = || Entry { notify: Arc::default(), count: 0 };
        let entry = waiting.entry(job).or_insert_with(new);
        entry.count += 1;
        Wait { waits: Arc::clone(self), job, notify: Arc::clone(&entry.notify) }
    }

    /// Tells those who wait for the job that it may have ended.
    pub(crate) fn tell(&self, job: Id) {
        if let Some(entry) = self.lock().get(&job) {
            entry.notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits.
pub(crate) struct Wait {
    waits: Arc<Waits>,
    job: Id,
    notify: Arc<Notify>,
}

impl Wait {
    /// Ends with the next word about the job after this was called.
    pub(crate) fn told(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut waiting = self.waits.lock();
        if let Some(entry) = waiting.get_mut(&self.job) {
            entry.count -= 1;
            if entry.count == 0 {
                waiting.remove(&self.job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_woken_and_none_is_kept() {
        let waits = Arc::new(Waits::default());
        let (job, other) = (Id::new(), Id::new());
        let (first, second) = (waits.begin(job), waits.begin(job));
        let (one, two) = (first.told(), second.told());
        waits.tell(other);
        waits.tell(job);
        tokio::join!(one, two);
        drop((first, second));
        assert!(waits.lock().is_empty());
    }
}
