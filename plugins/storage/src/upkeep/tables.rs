//! The tables there are, and how their rows become JSON and back on either database.

use ratchet_plugin_api::{Error, Result};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::db::{Kind, get, query};

/// Tables that are no part of what is kept: what has been applied, and numbers given out, which
/// the other database keeps in another way.
const OWN: [&str; 2] = ["seaql_migrations", "counters"];

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// Names of all tables.
pub(super) async fn names(connection: &impl ConnectionTrait) -> Result<Vec<String>> {
    let sql = match connection.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' \
             ESCAPE '\\' ORDER BY name"
        }
        _ => {
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() \
             ORDER BY tablename"
        }
    };
    query(connection, sql, []).await?.iter().map(|row| get(row, 0)).collect()
}

/// The tables whose rows are kept, those that others refer to first.
pub(super) async fn kept(connection: &impl ConnectionTrait) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for name in names(connection).await? {
        if !OWN.contains(&name.as_str()) {
            tables.push(table(connection, name).await?);
        }
    }
    tables.sort_by_key(|table| table.name != "tasks");
    Ok(tables)
}

async fn table(connection: &impl ConnectionTrait, name: String) -> Result<Table> {
    let sql = match connection.get_database_backend() {
        DbBackend::Sqlite => "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
        _ => {
            "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) \
             FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
        }
    };
    let mut columns = Vec::new();
    for row in query(connection, sql, [name.clone().into()]).await? {
        let (column, kind): (String, String) = (get(&row, 0)?, get(&row, 1)?);
        let kind = match kind.to_ascii_uppercase().as_str() {
            "TEXT" => Kind::Text,
            "BIGINT" | "INTEGER" | "SMALLINT" => Kind::Number,
            "BLOB" | "UUID" => Kind::Id,
            "BOOLEAN" => Kind::Flag,
            "DOUBLE PRECISION" => Kind::Float,
            other => {
                let message = format!("the column {name}.{column} is {other}, which nobody reads");
                return Err(Error::internal(message));
            }
        };
        columns.push(Column { name: column, kind });
    }
    Ok(Table { name, columns })
}

impl Table {
    /// An expression that gives a row as a JSON array.
    pub(super) fn as_json(&self, backend: DbBackend) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| column.as_json(backend)).collect();
        let columns = columns.join(", ");
        match backend {
            DbBackend::Sqlite => format!("json_array({columns})"),
            _ => format!("CAST(json_build_array({columns}) AS TEXT)"),
        }
    }

    /// A statement that keeps the rows of `$1`, a JSON array of such arrays.
    pub(super) fn insert(&self, backend: DbBackend) -> String {
        let names: Vec<_> = self.columns.iter().map(Column::quoted).collect();
        let values: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| column.of_json(place, backend))
            .collect();
        let rows = match backend {
            DbBackend::Sqlite => "json_each($1)",
            _ => "jsonb_array_elements(CAST($1 AS jsonb)) AS e(value)",
        };
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {rows}",
            self.name,
            names.join(", "),
            values.join(", ")
        )
    }
}

impl Column {
    /// Some are called like words of SQL.
    fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    fn as_json(&self, backend: DbBackend) -> String {
        let name = self.quoted();
        match (self.kind, backend) {
            (Kind::Id, DbBackend::Sqlite) => {
                format!("CASE WHEN {name} IS NULL THEN NULL ELSE lower(hex({name})) END")
            }
            (Kind::Id, _) => format!("replace(CAST({name} AS TEXT), '-', '')"),
            (Kind::Flag, DbBackend::Sqlite) => {
                format!("json(CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END)")
            }
            _ => name,
        }
    }

    fn of_json(&self, place: usize, backend: DbBackend) -> String {
        if backend == DbBackend::Sqlite {
            let value = format!("json_extract(value, '$[{place}]')");
            return if self.kind == Kind::Id { format!("unhex({value})") } else { value };
        }
        let kind = match self.kind {
            Kind::Number => "bigint",
            Kind::Text => "text",
            Kind::Id => "uuid",
            Kind::Flag => "boolean",
            Kind::Float => "double precision",
        };
        format!("CAST(e.value ->> {place} AS {kind})")
    }
}
