//! What happens, as it happens, for those who listen in this process.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ratchet_plugin_api::model::{Event, EventFilter, EventKind, Id, Job, JobStatus, Timestamp};
use ratchet_plugin_api::services::EventBus;
use ratchet_plugin_api::{Result, Stream, service};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::Execution;

/// Events kept for the slowest listener before it misses some.
const KEPT: usize = 4096;

/// How many told statuses are remembered, so that the store's word of them is not told again.
const REMEMBERED: usize = 1024;

/// Passes events on. Nobody who publishes ever waits.
pub(crate) struct Bus {
    sender: broadcast::Sender<Event>,
    told: Mutex<VecDeque<(Id, Id, JobStatus)>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) task: Id,
    pub(crate) job: Id,
    pub(crate) execution: Id,
}

impl From<&Job> for Subject {
    fn from(job: &Job) -> Self {
        Self { task: job.task, job: job.id, execution: job.execution }
    }
}

impl Bus {
    fn keeping(kept: usize) -> Self {
        Self { sender: broadcast::Sender::new(kept), told: Mutex::default() }
    }

    /// Whether anybody listens: where not, events need not even be made.
    pub(crate) fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Tells those who listen.
    pub(crate) fn publish(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.sender.send(event);
    }

    /// Tells those who listen what happened to a job or its execution.
    pub(crate) fn tell(&self, subject: Subject, kind: EventKind) {
        if self.is_heard() {
            let Subject { task, job, execution } = subject;
            let (task, job, execution) = (Some(task), Some(job), Some(execution));
            self.publish(Event { time: Timestamp::now(), task, job, execution, kind });
        }
    }

    /// Tells those who listen that a job is in this status now, unless that was the last told.
    pub(crate) fn tell_once(&self, subject: Subject, status: JobStatus) {
        if !self.is_heard() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let this = (subject.job, subject.execution, status);
        if told.contains(&this) {
            return;
        }
        if told.len() == REMEMBERED {
            told.pop_front();
        }
        told.push_back(this);
        drop(told);
        self.tell(subject, EventKind::Job(status));
    }

    /// Tells those who listen what happened to nothing in particular.
    pub(crate) fn announce(&self, kind: EventKind) {
        if self.is_heard() {
            self.publish(about_nothing(kind));
        }
    }

    /// Events from now on that pass the filter. What a slow listener has missed comes as a number.
    pub(crate) fn subscribe(&self, filter: EventFilter) -> Stream<Event> {
        let next = |(mut receiver, filter): (broadcast::Receiver<Event>, EventFilter)| async move {
            let event = loop {
                match receiver.recv().await {
                    Ok(event) if filter.admits(&event) => break event,
                    Ok(_) => {}
                    Err(RecvError::Lagged(missed)) => {
                        break about_nothing(EventKind::Missed(missed));
                    }
                    Err(RecvError::Closed) => return None,
                }
            };
            Some((Ok(event), (receiver, filter)))
        };
        Stream::new(futures_util::stream::unfold((self.sender.subscribe(), filter), next))
    }
}

fn about_nothing(kind: EventKind) -> Event {
    Event { time: Timestamp::now(), task: None, job: None, execution: None, kind }
}

#[service]
impl EventBus for Execution {
    async fn publish(&self, events: Vec<Event>) -> Result<()> {
        events.into_iter().for_each(|event| self.shared.bus.publish(event));
        Ok(())
    }

    async fn subscribe(&self, filter: EventFilter) -> Result<Stream<Event>> {
        Ok(self.shared.bus.subscribe(filter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_plugin_api::model::{JobStatus, LogLevel, LogLine};

    fn subject() -> Subject {
        Subject { task: Id::new(), job: Id::new(), execution: Id::new() }
    }

    #[tokio::test]
    async fn a_listener_hears_what_it_asked_for() {
        let bus = Bus::default();
        let (mine, other) = (subject(), subject());
        let filter = EventFilter { job: Some(mine.job), without_logs: true, ..Default::default() };
        let mut events = bus.subscribe(filter);
        let line = LogLine { time: Timestamp::now(), level: LogLevel::Info, message: "x".into() };
        bus.tell(other, EventKind::Job(JobStatus::Completed));
        bus.tell(mine, EventKind::Log { position: 0, line });
        bus.tell(mine, EventKind::Job(JobStatus::Failed));
        let event = events.next().await.unwrap().unwrap();
        assert_eq!((event.job, event.kind), (Some(mine.job), EventKind::Job(JobStatus::Failed)));
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_how_many_it_missed_and_holds_nobody_up() {
        let bus = Bus::keeping(4);
        let mut events = bus.subscribe(EventFilter::default());
        let subject = subject();
        for _ in 0..10 {
            bus.tell(subject, EventKind::Job(JobStatus::Queued));
        }
        assert_eq!(events.next().await.unwrap().unwrap().kind, EventKind::Missed(6));
        let next = events.next().await.unwrap().unwrap();
        assert_eq!(next.kind, EventKind::Job(JobStatus::Queued));
    }

    #[test]
    fn nothing_is_made_when_nobody_listens() {
        let bus = Bus::default();
        assert!(!bus.is_heard());
        let events = bus.subscribe(EventFilter::default());
        assert!(bus.is_heard());
        drop(events);
        assert!(!bus.is_heard());
    }
}
