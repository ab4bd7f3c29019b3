//! What this host has: jobs it holds, places they run in, and how much more it wants.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::services::ClaimedJob;
use tokio::sync::{Notify, Semaphore, oneshot};

/// How far ahead of the running jobs others are held, in microseconds: long enough to hide a
/// claim, short enough that a job held here would hardly have run earlier elsewhere.
const AHEAD_US: f64 = 25_000.0;

/// How long a job is held before it goes back, since others may run it sooner.
pub(super) const HELD_TOO_LONG: Duration = Duration::from_millis(100);

/// Jobs held ahead at most.
const MOST_AHEAD: usize = 1_000;

/// How long a job is taken to last before any has ended, in microseconds. Nothing is held ahead
/// of jobs that last so long.
const FIRST_GUESS_US: f64 = 1_000_000.0;

/// How much one more duration counts in the average.
const WEIGHT: f64 = 0.1;

/// A job this host has, which does not run yet.
pub(crate) struct Held {
    pub(crate) claim: ClaimedJob,
    /// When it was given.
    pub(crate) since: Instant,
}

/// A job that runs.
pub(crate) struct Begun {
    pub(crate) held: Held,
    /// Tells when it shall not run on.
    pub(crate) stop: oneshot::Receiver<Stop>,
}

impl Begun {
    pub(crate) fn execution(&self) -> Id {
        self.held.claim.execution
    }
}

/// Why a job shall not run on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It was given up, for this reason if one was given.
    Cancel(Option<String>),
    /// This host has lost it: nothing about it is settled.
    Forget,
    /// This host stops: it goes back.
    Release,
}

/// Jobs held and run by this host.
pub(crate) struct Backlog {
    state: Mutex<State>,
    /// One permit for each held job, or more.
    held: Semaphore,
    /// Told when more may be wanted.
    pub(crate) room: Notify,
    /// Told when a job has ended here.
    ended: Notify,
}

struct State {
    places: usize,
    held: VecDeque<Held>,
    /// Places promised to jobs that are being accepted.
    reserved: usize,
    running: HashMap<Id, Option<oneshot::Sender<Stop>>>,
    /// Whether nothing waited in the store when it was last asked.
    idle: bool,
    closed: bool,
    average_us: f64,
    /// How many jobs may be held ahead, as far as experience goes: more each time there were none
    /// left, fewer each time one had to wait.
    window: usize,
}

impl State {
    fn free(&self) -> usize {
        self.places.saturating_sub(self.running.len() + self.held.len() + self.reserved)
    }

    fn ahead(&self) -> usize {
        ahead(self.places, self.average_us).min(self.window)
    }

    /// Learns from how long a job was held before it began.
    fn learn(&mut self, waited: Duration) {
        if waited.as_secs_f64() * 1e6 > AHEAD_US {
            self.window /= 2;
        } else if self.held.is_empty() {
            self.window = (self.window * 2 + 1).min(MOST_AHEAD);
        }
    }
}

/// How many jobs are held ahead of those that run.
fn ahead(places: usize, average_us: f64) -> usize {
    let many = AHEAD_US * places as f64 / average_us.max(1.0);
    (many as usize).min(MOST_AHEAD)
}

impl Backlog {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            state: Mutex::new(State {
                places,
                held: VecDeque::new(),
                reserved: 0,
                running: HashMap::new(),
                idle: false,
                closed: false,
                average_us: FIRST_GUESS_US,
                window: 0,
            }),
            held: Semaphore::new(0),
            room: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// How many more jobs are wanted now: none until a good part of what is held ahead has gone.
    pub(crate) fn wanted(&self) -> usize {
        let state = self.lock();
        if state.closed {
            return 0;
        }
        let ahead = state.ahead();
        let had = state.running.len() + state.held.len() + state.reserved;
        if state.free() == 0 && state.held.len() * 2 > ahead {
            return 0;
        }
        (state.places + ahead).saturating_sub(had)
    }

    /// Takes jobs in, best first; gives them back when no more is begun.
    pub(crate) fn admit(&self, claims: Vec<ClaimedJob>, since: Instant) -> Vec<Held> {
        let count = claims.len();
        let held = claims.into_iter().map(|claim| Held { claim, since });
        let mut state = self.lock();
        if state.closed {
            return held.collect();
        }
        state.held.extend(held);
        drop(state);
        self.held.add_permits(count);
        Vec::new()
    }

    /// Whether an execution is here and has not begun.
    pub(crate) fn holds(&self, execution: Id) -> bool {
        self.lock().held.iter().any(|held| held.claim.execution == execution)
    }

    /// Whether any job is held that has not begun.
    pub(crate) fn holds_any(&self) -> bool {
        !self.lock().held.is_empty()
    }

    /// Gives back what is held, if it has been for too long; no more is held ahead for a while.
    pub(crate) fn take_overdue(&self, now: Instant) -> Vec<Held> {
        let mut state = self.lock();
        let overdue = |held: &Held| now.saturating_duration_since(held.since) >= HELD_TOO_LONG;
        if !state.held.front().is_some_and(overdue) {
            return Vec::new();
        }
        state.window = 0;
        std::mem::take(&mut state.held).into()
    }

    /// Whether an execution is here.
    pub(crate) fn has(&self, execution: Id) -> bool {
        let state = self.lock();
        state.running.contains_key(&execution)
            || state.held.iter().any(|held| held.claim.execution == execution)
    }

    /// Promises places to `count` jobs that are about to be accepted, if they are free and nothing
    /// that is known waits for them.
    pub(crate) fn reserve(&self, count: usize) -> bool {
        let mut state = self.lock();
        let fits = state.idle && !state.closed && state.held.is_empty() && state.free() >= count;
        if fits {
            state.reserved += count;
        }
        fits
    }

    /// Takes promises back; those that became jobs have been admitted.
    pub(crate) fn unreserve(&self, count: usize) {
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(count);
        drop(state);
        self.room.notify_one();
    }

    /// Notes whether anything waits in the store.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.lock().idle = idle;
    }

    /// The next job to run; none when no more is to be begun.
    pub(crate) async fn next(&self) -> Option<Begun> {
        loop {
            self.held.acquire().await.ok()?.forget();
            let mut state = self.lock();
            if state.closed {
                return None;
            }
            // What was held may have been cancelled meanwhile.
            let Some(held) = state.held.pop_front() else { continue };
            state.learn(held.since.elapsed());
            let (sender, stop) = oneshot::channel();
            state.running.insert(held.claim.execution, Some(sender));
            return Some(Begun { held, stop });
        }
    }

    /// Notes that a job does not run any more, and how long it did if it ended by itself.
    pub(crate) fn finish(&self, execution: Id, lasted: Option<Duration>) {
        let mut state = self.lock();
        state.running.remove(&execution);
        if let Some(lasted) = lasted {
            let lasted = lasted.as_secs_f64() * 1e6;
            // The first one counts fully: the guess before it was none.
            let weight = if state.average_us >= FIRST_GUESS_US { 1.0 } else { WEIGHT };
            state.average_us += (lasted - state.average_us) * weight;
        }
        drop(state);
        self.room.notify_one();
        self.ended.notify_waiters();
    }

    /// Stops an execution if it runs here. One that has not begun is given back and held no more.
    pub(crate) fn cancel(&self, execution: Id, reason: Option<String>) -> Option<Held> {
        let mut state = self.lock();
        if let Some(stop) = state.running.get_mut(&execution) {
            // An error means that it has just ended.
            let _ = stop.take().map(|stop| stop.send(Stop::Cancel(reason)));
            return None;
        }
        let place = state.held.iter().position(|held| held.claim.execution == execution)?;
        state.held.remove(place)
    }

    /// Lets go of everything without a word: this host has lost it.
    pub(crate) fn forget_all(&self) {
        let mut state = self.lock();
        state.held.clear();
        for stop in state.running.values_mut() {
            let _ = stop.take().map(|stop| stop.send(Stop::Forget));
        }
    }

    /// Gives a place up for good; the number that is left.
    pub(crate) fn lose_place(&self) -> usize {
        let mut state = self.lock();
        state.places = state.places.saturating_sub(1);
        state.places
    }

    /// Begins no more; gives what has not begun.
    pub(crate) fn close(&self) -> Vec<Held> {
        let mut state = self.lock();
        state.closed = true;
        let held = std::mem::take(&mut state.held).into();
        drop(state);
        self.held.close();
        self.room.notify_one();
        held
    }

    /// Whether no more is begun.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Stops what still runs, so that it goes back.
    pub(crate) fn release_running(&self) {
        for stop in self.lock().running.values_mut() {
            let _ = stop.take().map(|stop| stop.send(Stop::Release));
        }
    }

    /// Waits until nothing runs.
    pub(crate) async fn quiet(&self) {
        loop {
            let ended = self.ended.notified();
            if self.lock().running.is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_plugin_api::model::{Json, Priority, RetryPolicy};

    fn claim() -> ClaimedJob {
        ClaimedJob {
            job: Id::new(),
            number: 1,
            execution: Id::new(),
            task: Id::new(),
            checksum: String::new(),
            attempt: 1,
            crashes: 0,
            input: Json::null(),
            priority: Priority::Normal,
            retry: RetryPolicy::default(),
            timeout_ms: None,
            lifetime_left_ms: None,
            outputs: Vec::new(),
            schedule: None,
        }
    }

    fn admit(backlog: &Backlog, count: usize) -> Vec<Id> {
        let claims: Vec<_> = (0..count).map(|_| claim()).collect();
        let executions = claims.iter().map(|claim| claim.execution).collect();
        assert!(backlog.admit(claims, Instant::now()).is_empty());
        executions
    }

    #[test]
    fn nothing_is_held_ahead_of_long_jobs_and_much_ahead_of_short_ones() {
        assert_eq!(ahead(4, FIRST_GUESS_US), 0);
        assert_eq!(ahead(4, 1_000.0), 100);
        assert_eq!(ahead(2, 10_000.0), 5);
        assert_eq!(ahead(64, 1.0), MOST_AHEAD);
    }

    #[tokio::test]
    async fn more_is_wanted_when_half_of_what_is_ahead_has_gone() {
        let backlog = Backlog::new(2);
        assert_eq!(backlog.wanted(), 2);
        for window in [1, 3, 7, 10] {
            admit(&backlog, 1);
            let begun = backlog.next().await.unwrap();
            backlog.finish(begun.held.claim.execution, Some(Duration::from_millis(5)));
            assert_eq!(backlog.wanted(), 2 + window);
        }
        admit(&backlog, 12);
        assert_eq!(backlog.wanted(), 0);
        for _ in 0..6 {
            let begun = backlog.next().await.unwrap();
            backlog.finish(begun.held.claim.execution, Some(Duration::from_millis(5)));
        }
        assert_eq!(backlog.wanted(), 0, "six of ten are ahead");
        let _running = (backlog.next().await.unwrap(), backlog.next().await.unwrap());
        assert_eq!(backlog.wanted(), 6);
    }

    #[tokio::test]
    async fn what_was_held_too_long_goes_back() {
        let backlog = Backlog::new(1);
        admit(&backlog, 3);
        let now = Instant::now();
        assert!(backlog.take_overdue(now).is_empty());
        assert_eq!(backlog.take_overdue(now + 2 * HELD_TOO_LONG).len(), 3);
        assert!(!backlog.holds_any());
    }

    #[tokio::test]
    async fn places_are_promised_only_while_they_are_free_and_nothing_waits() {
        let backlog = Backlog::new(2);
        assert!(!backlog.reserve(1), "nobody has asked the store yet");
        backlog.set_idle(true);
        assert!(backlog.reserve(2));
        assert!(!backlog.reserve(1));
        assert_eq!(backlog.wanted(), 0);
        backlog.unreserve(1);
        assert!(backlog.reserve(1));
        backlog.unreserve(2);
        backlog.set_idle(false);
        assert!(!backlog.reserve(1));
    }

    #[tokio::test]
    async fn what_is_cancelled_before_it_begins_never_does() {
        let backlog = Backlog::new(1);
        let executions = admit(&backlog, 2);
        assert!(backlog.cancel(executions[0], None).is_some());
        assert!(backlog.cancel(executions[0], None).is_none());
        let mut begun = backlog.next().await.unwrap();
        assert_eq!(begun.held.claim.execution, executions[1]);
        assert!(begun.stop.try_recv().is_err());
        assert!(backlog.cancel(executions[1], Some("enough".into())).is_none());
        assert!(matches!(begun.stop.await, Ok(Stop::Cancel(Some(reason))) if reason == "enough"));
    }

    #[tokio::test]
    async fn closing_gives_back_what_has_not_begun_and_ends_the_places() {
        let backlog = Backlog::new(1);
        admit(&backlog, 3);
        let begun = backlog.next().await.unwrap();
        assert_eq!(backlog.close().len(), 2);
        assert_eq!(backlog.admit(vec![claim()], Instant::now()).len(), 1);
        assert!(backlog.next().await.is_none());
        assert_eq!(backlog.wanted(), 0);
        backlog.release_running();
        assert!(matches!(begun.stop.await, Ok(Stop::Release)));
        backlog.finish(begun.held.claim.execution, None);
        backlog.quiet().await;
    }
}
