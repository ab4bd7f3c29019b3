//! Schedules.

use super::{Arm, Field, Kind, Source, TASK};

const IS_DUE: &str = "x.enabled AND x.next_run_at IS NOT NULL AND x.next_run_at <= {now}";

/// Schedules.
pub(crate) const SCHEDULES: Source = Source {
    fields: &[
        Field::new("id", Kind::Own, &["x.id"]),
        Field::new("number", Kind::Number, &["x.number"]),
        Field::new("name", Kind::Text, &["x.name"]),
        Field::optional("description", Kind::Text, &["x.description"]),
        Field::new("task", TASK, &["t.id"]),
        Field::new("task_name", Kind::Text, &["t.name"]),
        Field::new("enabled", Kind::Truth, &["x.enabled"]),
        Field::optional("cron_expression", Kind::Text, &["x.cron_expression"]),
        Field::optional("next_run_at", Kind::Time, &["x.next_run_at"]),
        Field::optional("last_run_at", Kind::Time, &["x.last_run_at"]),
        Field::new("runs", Kind::Number, &["x.runs"]),
        Field::new("created_at", Kind::Time, &["x.created_at"]),
        Field::new("updated_at", Kind::Time, &["x.updated_at"]),
        Field::new("has_next_run", Kind::Truth, &["x.next_run_at IS NOT NULL"]),
        Field::new("has_last_run", Kind::Truth, &["x.last_run_at IS NOT NULL"]),
        Field::new("is_due", Kind::Truth, &[IS_DUE]),
        Field::new("overdue", Kind::Truth, &[IS_DUE]),
    ],
    arms: &[Arm {
        select: "x.number AS number, x.id AS id, x.spec AS spec, t.name AS task_name, \
            x.next_run_at AS next_run_at, x.last_run_at AS last_run_at, x.last_job AS last_job, \
            x.runs AS runs, x.created_at AS created_at, x.updated_at AS updated_at",
        from: "schedules x LEFT JOIN tasks t ON t.number = x.task",
        filter: "",
        number: "x.number",
    }],
};
