//! Users, their keys, and what is on record.

use ratchet_plugin_api::model::{AuditOutcome, Role};

use super::{Arm, Codes, Field, Kind, Source, words};

const ROLE: &[Codes] = &[Codes::Column("x.role", &[0, 1, 2, 3, 4])];

/// Users.
pub(crate) const USERS: Source = Source {
    fields: &[
        Field::new("id", Kind::Own, &["x.id"]),
        Field::new("number", Kind::Number, &["x.number"]),
        Field::new("name", Kind::Text, &["x.name"]),
        Field::optional("email", Kind::Text, &["x.email"]),
        Field::optional("display_name", Kind::Text, &["x.display_name"]),
        Field::new("role", words!(Role, ROLE), &["x.role"]),
        Field::new("active", Kind::Truth, &["x.active"]),
        Field::new("created_at", Kind::Time, &["x.created_at"]),
        Field::new("updated_at", Kind::Time, &["x.updated_at"]),
        Field::optional("last_login_at", Kind::Time, &["x.last_login_at"]),
    ],
    arms: &[Arm {
        select: "x.number AS number, x.id AS id, x.name AS name, x.email AS email, \
            x.display_name AS display_name, x.role AS role, x.active AS active, \
            x.password_hash AS password_hash, x.created_at AS created_at, \
            x.updated_at AS updated_at, x.last_login_at AS last_login_at",
        from: "users x",
        filter: "",
        number: "x.number",
    }],
};

/// API keys.
pub(crate) const KEYS: Source = Source {
    fields: &[
        Field::new("id", Kind::Own, &["x.id"]),
        Field::new("number", Kind::Number, &["x.number"]),
        Field::new("user", Kind::Id("users"), &["x.owner"]),
        Field::new("name", Kind::Text, &["x.name"]),
        Field::new("prefix", Kind::Text, &["x.prefix"]),
        Field::new("created_at", Kind::Time, &["x.created_at"]),
        Field::optional("expires_at", Kind::Time, &["x.expires_at"]),
        Field::optional("revoked_at", Kind::Time, &["x.revoked_at"]),
        Field::optional("last_used_at", Kind::Time, &["x.last_used_at"]),
    ],
    arms: &[Arm {
        select: "x.number AS number, x.id AS id, x.owner AS owner, x.name AS name, \
            x.prefix AS prefix, x.scopes AS scopes, x.expires_at AS expires_at, \
            x.revoked_at AS revoked_at, x.last_used_at AS last_used_at, \
            x.created_at AS created_at",
        from: "api_keys x",
        filter: "",
        number: "x.number",
    }],
};

const OUTCOME: &[Codes] = &[Codes::Column("x.outcome", &[0, 1, 2])];

/// What is on record.
pub(crate) const AUDIT: Source = Source {
    fields: &[
        Field::new("number", Kind::Number, &["x.number"]),
        Field::new("time", Kind::Time, &["x.time"]),
        Field::optional("user", Kind::Id("users"), &["x.owner"]),
        Field::new("actor", Kind::Text, &["x.actor"]),
        Field::new("action", Kind::Text, &["x.action"]),
        Field::optional("target_kind", Kind::Text, &["x.target_kind"]),
        Field::optional("target", Kind::Text, &["x.target"]),
        Field::new("outcome", words!(AuditOutcome, OUTCOME), &["x.outcome"]),
        Field::optional("client", Kind::Text, &["x.client"]),
        Field::optional("request", Kind::Text, &["x.request"]),
    ],
    arms: &[Arm {
        select: "x.number AS number, x.time AS time, x.owner AS owner, x.actor AS actor, \
            x.action AS action, x.target_kind AS target_kind, x.target AS target, \
            x.outcome AS outcome, x.client AS client, x.request AS request, \
            x.details AS details",
        from: "audit_log x",
        filter: "",
        number: "x.number",
    }],
};
