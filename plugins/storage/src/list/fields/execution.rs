//! Executions, which are seen through their jobs until they end, and deliveries.

use ratchet_plugin_api::model::{DeliveryStatus, ExecutionStatus};

use super::{Arm, Codes, Field, Kind, RUNS, Source, TASK, words};

const STATUS: &[Codes] = &[
    Codes::Cases(&[(0, "x.hold <> 6"), (1, RUNS)]),
    // The index leaves out those that succeeded, which is only noticed where that is said.
    Codes::Cases(&[
        (2, "x.status = 2"),
        (3, "x.status = 3 AND x.status <> 2"),
        (4, "x.status = 4 AND x.status <> 2"),
    ]),
];

/// What an attempt that has not ended has for all that comes with its end.
const NOTHING: &str = "CAST(NULL AS BIGINT)";

/// When a present attempt began.
const STARTED: &str = "CASE WHEN x.hold = 6 THEN x.started_at END";

/// The id of an execution's job, by its number.
const JOB_ID: &str = "COALESCE((SELECT h.id FROM job_history h WHERE h.number = x.job), \
    (SELECT j.id FROM jobs j WHERE j.number = x.job))";

const JOB: Kind = Kind::Link { column: &["x.number", "x.job"], tables: &["jobs", "job_history"] };

/// Executions: those that are present, and those that have ended.
pub(crate) const EXECUTIONS: Source = Source {
    fields: &[
        Field::new("id", Kind::Own, &["x.execution", "x.id"]),
        Field::new("number", Kind::Number, &["x.execution_number", "x.number"]),
        Field::optional("job", JOB, &["x.id", JOB_ID]).certain_in(0),
        Field::new("task", TASK, &["t.id"]),
        Field::new("task_name", Kind::Text, &["t.name"]),
        Field::new(
            "status",
            words!(ExecutionStatus, STATUS),
            &["CASE WHEN x.hold = 6 THEN 1 ELSE 0 END", "x.status"],
        ),
        Field::new(
            "attempt",
            Kind::Number,
            &["CASE WHEN x.hold = 6 THEN x.attempt ELSE x.attempt + 1 END", "x.attempt"],
        ),
        Field::new("queued_at", Kind::Time, &["x.queued_at"]),
        Field::optional("started_at", Kind::Time, &[STARTED, "x.started_at"]),
        Field::optional("finished_at", Kind::Time, &[NOTHING, "x.finished_at"]).certain_in(1),
        Field::optional("duration_ms", Kind::Millis, &[NOTHING, "x.duration_us"]),
        Field::optional("progress", Kind::Number, &["x.progress"]),
        Field::new("has_progress", Kind::Truth, &["x.progress IS NOT NULL"]),
        Field::new("has_error", Kind::Truth, &["FALSE", "x.error IS NOT NULL"]),
        Field::optional("error_message", Kind::Text, &["CAST(NULL AS TEXT)", "x.error_message"]),
        Field::optional("error_class", Kind::Text, &["CAST(NULL AS TEXT)", "x.error_class"]),
        Field::new(
            "can_retry",
            Kind::Truth,
            &["FALSE", "x.status IN (3, 4) AND x.job IS NOT NULL"],
        ),
        Field::new("can_cancel", Kind::Truth, &["TRUE", "FALSE"]),
    ],
    arms: &[
        Arm {
            select: "x.execution_number AS number, x.execution AS id, x.id AS job, t.id AS task, \
                t.name AS task_name, CAST(NULL AS TEXT) AS task_version, \
                CAST(CASE WHEN x.hold = 6 THEN 1 ELSE 0 END AS BIGINT) AS status, \
                CASE WHEN x.hold = 6 THEN x.attempt ELSE x.attempt + 1 END AS attempt, \
                x.host AS host, x.queued_at AS queued_at, \
                CASE WHEN x.hold = 6 THEN x.started_at END AS started_at, \
                CAST(NULL AS BIGINT) AS finished_at, CAST(NULL AS BIGINT) AS duration_us, \
                x.progress AS progress, x.progress_message AS progress_message, \
                CAST(0 AS BIGINT) AS logs_dropped, CAST(NULL AS TEXT) AS error, \
                x.metadata AS metadata, x.input AS input, CAST(NULL AS TEXT) AS output",
            from: "jobs x LEFT JOIN tasks t ON t.number = x.task",
            filter: "",
            number: "x.execution_number",
        },
        Arm {
            select: "x.number AS number, x.id AS id, COALESCE(\
                (SELECT h.id FROM job_history h WHERE h.number = x.job), \
                (SELECT j.id FROM jobs j WHERE j.number = x.job)) AS job, t.id AS task, \
                t.name AS task_name, x.task_version AS task_version, x.status AS status, \
                x.attempt AS attempt, x.host AS host, x.queued_at AS queued_at, \
                x.started_at AS started_at, x.finished_at AS finished_at, \
                x.duration_us AS duration_us, x.progress AS progress, \
                x.progress_message AS progress_message, x.logs_dropped AS logs_dropped, \
                x.error AS error, COALESCE(x.metadata, \
                (SELECT h.metadata FROM job_history h WHERE h.number = x.job), \
                (SELECT j.metadata FROM jobs j WHERE j.number = x.job)) AS metadata, \
                COALESCE(x.input, \
                (SELECT h.input FROM job_history h WHERE h.number = x.job), \
                (SELECT j.input FROM jobs j WHERE j.number = x.job)) AS input, \
                x.output AS output",
            from: "executions x LEFT JOIN tasks t ON t.number = x.task",
            filter: "",
            number: "x.number",
        },
    ],
};

const DELIVERY_STATUS: &[Codes] = &[Codes::Column("x.status", &[0, 1, 2])];

const DELIVERY_JOB: Kind = Kind::Link { column: &["x.job"], tables: &["jobs", "job_history"] };

/// Deliveries of results.
pub(crate) const DELIVERIES: Source = Source {
    fields: &[
        Field::new("id", Kind::Own, &["x.id"]),
        Field::new("number", Kind::Number, &["x.number"]),
        Field::optional("job", DELIVERY_JOB, &[JOB_ID]),
        Field::new("execution", Kind::Id("executions"), &["x.execution"]),
        Field::new("sink", Kind::Text, &["x.sink"]),
        Field::new("status", words!(DeliveryStatus, DELIVERY_STATUS), &["x.status"]),
        Field::new("attempts", Kind::Number, &["x.attempts"]),
        Field::new("created_at", Kind::Time, &["x.created_at"]),
        Field::optional("finished_at", Kind::Time, &["x.finished_at"]),
    ],
    arms: &[Arm {
        select: "x.number AS number, x.id AS id, COALESCE(\
            (SELECT h.id FROM job_history h WHERE h.number = x.job), \
            (SELECT j.id FROM jobs j WHERE j.number = x.job)) AS job, x.execution AS execution, \
            x.sink AS sink, x.status AS status, x.attempts AS attempts, \
            x.duration_us AS duration_us, x.bytes AS bytes, x.location AS location, \
            x.error AS error, x.created_at AS created_at, x.finished_at AS finished_at",
        from: "deliveries x",
        filter: "",
        number: "x.number",
    }],
};
