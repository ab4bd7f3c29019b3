//! The language.

use ratchet_plugin_api::model::Priority;
use ratchet_plugin_api::services::Verdict;

use crate::contract;

/// What happens to a queue, in order.
pub type History = Vec<Command>;

/// One thing that happens. Numbers that name a job, a host or an attempt count those that there
/// were so far, and start again when there are fewer, so that a part of a history is one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Jobs are accepted.
    Accept {
        /// The jobs.
        jobs: Vec<Draft>,
        /// Whether all or none.
        atomic: bool,
        /// The host that has room for them.
        claim_for: Option<usize>,
        /// Waiting jobs the queue may hold.
        max_waiting: Option<u64>,
    },
    /// Jobs are being accepted when the caller goes away.
    AcceptAbandoned {
        /// The jobs, all or none of which are accepted.
        jobs: Vec<Draft>,
        /// How long the caller waits.
        patience: u8,
    },
    /// A host asks for jobs.
    Claim {
        /// The host.
        host: usize,
        /// How many at most.
        max: u32,
    },
    /// Attempts end, each as said; also ones that ended before.
    Settle(Vec<(usize, Ending)>),
    /// Attempts that are settled when the host that settles goes away.
    SettleAbandoned {
        /// The attempt.
        attempt: usize,
        /// How long the host lives.
        patience: u8,
    },
    /// A job is given up.
    Cancel(usize),
    /// A job is to be run again.
    Replay(usize),
    /// A job is changed.
    Patch {
        /// The job.
        job: usize,
        /// Its priority from now on.
        priority: Priority,
        /// Minutes before which it does not run.
        minutes: Option<u8>,
    },
    /// The queue is paused, for so many minutes if any are given.
    Pause(Option<u8>),
    /// The queue goes on.
    Resume,
    /// A task is paused, for so many minutes if any are given.
    PauseTask(usize, Option<u8>),
    /// A task goes on.
    ResumeTask(usize),
    /// A task is enabled or disabled.
    Enable(usize, bool),
    /// A host comes.
    Enter,
    /// A host says that it lives.
    Renew(usize),
    /// A host goes.
    Leave(usize),
    /// Minutes pass.
    Pass(u8),
    /// The store is closed and opened again.
    Restart,
}

/// A job to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The task.
    pub task: usize,
    /// Its priority.
    pub priority: Priority,
    /// Minutes before which it does not run.
    pub minutes: u8,
    /// The idempotency key, one of a few.
    pub key: Option<u8>,
    /// Minutes the key stands for it; none for as long as it has not ended.
    pub window: Option<u8>,
    /// What it shares a limit with, one of `LIMITERS`.
    pub limiter: Option<u8>,
    /// Jobs it depends on.
    pub depends_on: Vec<usize>,
    /// Whether it runs although one of those failed.
    pub runs_after_failure: bool,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It succeeds.
    Completed,
    /// It fails for good.
    Failed,
    /// It fails and is tried again after so many minutes.
    Retry(u8),
    /// It is lost with its worker.
    Crash,
    /// It is cancelled.
    Cancelled,
    /// It was not begun.
    Released,
}

impl Ending {
    /// What is told to a store.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Completed => contract::done(),
            Self::Failed => contract::failure(),
            Self::Retry(minutes) => contract::retry(u64::from(minutes) * 60_000),
            Self::Crash => contract::crash(),
            Self::Cancelled => Verdict::Cancelled(contract::thrown()),
            Self::Released => Verdict::Released,
        }
    }
}

/// Limits there are: at the same time, and in two minutes.
pub(super) const LIMITERS: [(Option<u32>, Option<u32>); 3] =
    [(Some(1), None), (Some(2), None), (None, Some(2))];

/// Tasks there are.
pub(super) const TASKS: usize = 2;
