//! Tasks, their versions, and the repositories they come from.

use super::{Arm, Field, Kind, Source};

/// A pause that has ended holds nothing.
const PAUSED: &str = "x.paused AND (x.paused_until IS NULL OR x.paused_until > {now})";

const TASK_FIELDS: &[Field] = &[
    Field::new("id", Kind::Own, &["x.id"]),
    Field::new("number", Kind::Number, &["x.number"]),
    Field::new("name", Kind::Text, &["x.name"]),
    Field::optional("label", Kind::Text, &["x.label"]),
    Field::new("version", Kind::Text, &["x.version"]),
    Field::optional("description", Kind::Text, &["x.description"]),
    Field::new("enabled", Kind::Truth, &["x.enabled"]),
    Field::new("paused", Kind::Truth, &[PAUSED]),
    Field::optional("repository", Kind::Text, &["x.repository"]),
    Field::new("tag", Kind::Tags, &["x.tags"]),
    Field::new("created_at", Kind::Time, &["x.created_at"]),
    Field::new("updated_at", Kind::Time, &["x.updated_at"]),
    Field::optional("validated_at", Kind::Time, &["x.validated_at"]),
    Field::new("has_validation", Kind::Truth, &["x.validated_at IS NOT NULL"]),
];

macro_rules! tasks {
    ($document:literal) => {
        Source {
            fields: TASK_FIELDS,
            arms: &[Arm {
                select: concat!(
                    "x.number AS number, x.id AS id, x.checksum AS checksum, \
                     x.enabled AS enabled, x.paused AS paused, x.paused_since AS paused_since, \
                     x.paused_until AS paused_until, x.pause_reason AS pause_reason, \
                     x.repository AS repository, x.path AS path, \
                     x.source_revision AS source_revision, x.created_at AS created_at, \
                     x.updated_at AS updated_at, x.validated_at AS validated_at, \
                     x.revision AS revision, x.",
                    $document,
                    " AS definition"
                ),
                from: "tasks x",
                filter: "x.removed_at IS NULL",
                number: "x.number",
            }],
        }
    };
}

/// Tasks that were not removed, with program, tests and schemas.
pub(crate) const TASKS: Source = tasks!("definition");

/// Tasks that were not removed, without what is long.
pub(crate) const TASK_SUMMARIES: Source = tasks!("summary");

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
