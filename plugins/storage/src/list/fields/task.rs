//! Tasks, their versions, and the repositories they come from.

use super::{Arm, Field, Kind, Source};

/// Tasks that were not removed.
pub(crate) const TASKS: Source = Source {
    fields: &[
        Field::new("id", Kind::Own, &["x.id"]),
        Field::new("number", Kind::Number, &["x.number"]),
        Field::new("name", Kind::Text, &["x.name"]),
        Field::optional("label", Kind::Text, &["x.label"]),
        Field::new("version", Kind::Text, &["x.version"]),
        Field::optional("description", Kind::Text, &["x.description"]),
        Field::new("enabled", Kind::Truth, &["x.enabled"]),
        Field::new("paused", Kind::Truth, &["x.paused"]),
        Field::optional("repository", Kind::Text, &["x.repository"]),
        Field::new("tag", Kind::Tags, &["x.tags"]),
        Field::new("created_at", Kind::Time, &["x.created_at"]),
        Field::new("updated_at", Kind::Time, &["x.updated_at"]),
        Field::optional("validated_at", Kind::Time, &["x.validated_at"]),
        Field::new("has_validation", Kind::Truth, &["x.validated_at IS NOT NULL"]),
    ],
    arms: &[Arm {
        select: "x.number AS number",
        from: "tasks x",
        filter: "x.removed_at IS NULL",
        number: "x.number",
    }],
};

/// Sources of tasks.
pub(crate) const REPOSITORIES: Source = Source {
    fields: &[
        Field::new("id", Kind::Own, &["x.id"]),
        Field::new("number", Kind::Number, &["x.number"]),
        Field::new("name", Kind::Text, &["x.name"]),
        Field::new("kind", Kind::Text, &["x.kind"]),
        Field::new("uri", Kind::Text, &["x.uri"]),
        Field::optional("branch", Kind::Text, &["x.branch"]),
        Field::new("enabled", Kind::Truth, &["x.enabled"]),
        Field::new("watch", Kind::Truth, &["x.watch"]),
        Field::new("writable", Kind::Truth, &["x.writable"]),
        Field::new("configured", Kind::Truth, &["x.configured"]),
        Field::optional("synced_at", Kind::Time, &["x.synced_at"]),
        Field::new("has_error", Kind::Truth, &["x.error IS NOT NULL"]),
        Field::new("created_at", Kind::Time, &["x.created_at"]),
        Field::new("updated_at", Kind::Time, &["x.updated_at"]),
    ],
    arms: &[Arm {
        select: "x.number AS number, x.id AS id, x.spec AS spec, x.configured AS configured, \
            (SELECT COUNT(*) FROM tasks t \
            WHERE t.repository = x.name AND t.removed_at IS NULL) AS tasks, \
            x.synced_at AS synced_at, x.revision AS revision, x.problems AS problems, \
            x.error AS error, x.created_at AS created_at, x.updated_at AS updated_at",
        from: "repositories x",
        filter: "",
        number: "x.number",
    }],
};
