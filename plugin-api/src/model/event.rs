//! What happens, for those who follow it.

use serde::{Deserialize, Serialize};

use super::{ExecutionStatus, Id, JobStatus, LogLine, Progress, Timestamp};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// The task it is about.
    #[serde(default)]
    pub task: Option<Id>,
    /// The job it is about.
    #[serde(default)]
    pub job: Option<Id>,
    /// The execution it is about.
    #[serde(default)]
    pub execution: Option<Id>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A job is in this status now.
    Job(JobStatus),
    /// An execution is in this status now.
    Execution(ExecutionStatus),
    /// An execution wrote a line, at this position of its log.
    Log {
        /// The line's position, from 0.
        position: u64,
        /// The line.
        line: LogLine,
    },
    /// An execution says how far it is.
    Progress(Progress),
    /// Tasks were added, changed or removed.
    Tasks,
    /// A worker process came or went; its name.
    Worker {
        /// Its name.
        name: String,
        /// Whether it is there now.
        present: bool,
    },
    /// So many events were missed, because whoever listens was too slow.
    Missed(u64),
}

/// Which events to be told. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// About this task.
    pub task: Option<Id>,
    /// About this job.
    pub job: Option<Id>,
    /// About this execution.
    pub execution: Option<Id>,
    /// Without lines of log.
    pub without_logs: bool,
}

impl EventFilter {
    /// Whether the event is one to be told.
    pub fn admits(&self, event: &Event) -> bool {
        let same = |wanted: Option<Id>, is: Option<Id>| wanted.is_none() || wanted == is;
        same(self.task, event.task)
            && same(self.job, event.job)
            && same(self.execution, event.execution)
            && !(self.without_logs && matches!(event.kind, EventKind::Log { .. }))
    }
}

/// Why a job does not run, or what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// A stable name of the cause, such as `why.task_paused`.
    pub cause: String,
    /// The cause in one sentence, with names and times.
    pub sentence: String,
    /// What would make it run, in one sentence; none if nothing is wrong.
    #[serde(default)]
    pub remedy: Option<String>,
    /// When the cause ends by itself, where that is known.
    #[serde(default)]
    pub until: Option<Timestamp>,
}
