//! Jobs: those that have not ended, and those that have.

use ratchet_plugin_api::model::{Hold, JobStatus, Priority};

use super::{Codes, Field, Kind, RUNS, TASK, words};

/// The index leaves out those that succeeded, which is only noticed where that is said.
const ENDED: Codes = Codes::Cases(&[
    (3, "x.status = 3"),
    (4, "x.status = 4 AND x.status <> 3"),
    (5, "x.status = 5 AND x.status <> 3"),
]);

/// What a host has is held by nothing else, and has an index by that.
const STATUS: &[Codes] =
    &[Codes::Cases(&[(0, "x.status = 0"), (1, RUNS), (2, "x.status = 2")]), ENDED];

/// A job that a host has is held by nothing.
const HOLD: &[Codes] = &[
    Codes::Cases(&[
        (0, "x.hold IN (0, 6)"),
        (1, "x.hold = 1"),
        (2, "x.hold = 2"),
        (3, "x.hold = 3"),
        (4, "x.hold = 4"),
        (5, "x.hold = 5"),
    ]),
    Codes::Cases(&[(0, "TRUE")]),
];

const PRIORITY: &[Codes] = &[Codes::Column("x.priority", &[0, 1, 2, 3])];

/// The first attempt is no retry, and one that was lost with its host counts for nothing.
const RETRIES_LEFT: &str = "CASE \
    WHEN x.attempt - x.crashes <= 1 THEN x.max_retries \
    WHEN x.attempt - x.crashes - 1 >= x.max_retries THEN 0 \
    ELSE x.max_retries - (x.attempt - x.crashes - 1) END";

const HAS_RETRIES: &str = "x.max_retries > CASE \
    WHEN x.attempt - x.crashes <= 1 THEN 0 ELSE x.attempt - x.crashes - 1 END";

/// The fields of jobs: the first arm is `jobs`, the second `job_history`, each as `x` with its
/// task as `t`.
pub(crate) const JOB_FIELDS: &[Field] = &[
    Field::new("id", Kind::Own, &["x.id"]),
    Field::new("number", Kind::Number, &["x.number"]),
    Field::new("task", TASK, &["t.id"]),
    Field::new("task_name", Kind::Text, &["t.name"]),
    Field::new("status", words!(JobStatus, STATUS), &["x.status"]),
    Field::new("hold", words!(Hold, HOLD), &["CASE WHEN x.hold = 6 THEN 0 ELSE x.hold END", "0"]),
    Field::new("priority", words!(Priority, PRIORITY), &["x.priority"]),
    Field::optional("batch", Kind::Id(""), &["x.batch"]),
    Field::optional("schedule", Kind::Id("schedules"), &["x.schedule"]),
    Field::optional("unique_key", Kind::Text, &["x.unique_key"]),
    Field::new("queued_at", Kind::Time, &["x.queued_at"]),
    Field::new("run_at", Kind::Time, &["x.run_at"]),
    Field::optional("started_at", Kind::Time, &["x.started_at"]),
    Field::optional("finished_at", Kind::Time, &["CAST(NULL AS BIGINT)", "x.finished_at"])
        .certain_in(1),
    Field::new("attempt", Kind::Number, &["x.attempt"]),
    Field::new("retries_left", Kind::Number, &[RETRIES_LEFT]),
    Field::new("max_retries", Kind::Number, &["x.max_retries"]),
    Field::new("has_retries_remaining", Kind::Truth, &[HAS_RETRIES]),
    Field::new("has_error", Kind::Truth, &["x.error IS NOT NULL"]),
    Field::optional("error_message", Kind::Text, &["x.error_message"]),
    Field::new("is_scheduled", Kind::Truth, &["x.schedule IS NOT NULL"]),
    Field::new("due_now", Kind::Truth, &["x.status <> 1 AND x.run_at <= {now}", "FALSE"]),
];
