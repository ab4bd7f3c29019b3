//! Lists: a query as SQL.
//!
//! Filters, order and page are all decided in the database. Where ended things are kept apart from
//! the others, each of both tables gives its first rows by its own index, and only these are put
//! together.

mod condition;
mod field;
pub(crate) mod fields;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{ListQuery, MAX_LIMIT};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use condition::{Bound, Condition};
pub(crate) use field::{Arm, Source};
use field::{Kind, find};

use crate::db::{get, storage_error};

/// A list as statements.
pub(crate) struct ListSql {
    /// Gives the rows; none if there cannot be any.
    pub(crate) page: Option<Statement>,
    /// Gives their number.
    pub(crate) count: Count,
}

/// How many rows there are in all.
pub(crate) enum Count {
    /// Nobody asked.
    Unasked,
    /// There cannot be any.
    Zero,
    /// This tells.
    Of(Statement),
}

impl ListSql {
    /// The rows, and their number if it was asked for.
    pub(crate) async fn run(
        self,
        connection: &impl ConnectionTrait,
    ) -> Result<(Vec<QueryResult>, Option<u64>)> {
        let rows = match self.page {
            Some(page) => connection.query_all_raw(page).await.map_err(storage_error)?,
            None => Vec::new(),
        };
        let total = match self.count {
            Count::Unasked => None,
            Count::Zero => Some(0),
            Count::Of(statement) => {
                let row = connection.query_one_raw(statement).await.map_err(storage_error)?;
                let total = row.map(|row| get::<i64>(&row, 0)).transpose()?;
                Some(total.unwrap_or_default().unsigned_abs())
            }
        };
        Ok((rows, total))
    }
}

/// One arm with the conditions on it.
struct Part {
    arm: usize,
    /// Begins with ` WHERE `, or is empty.
    conditions: String,
}

/// Reads a query about things of this kind at this time, in microseconds.
///
/// # Errors
/// `Invalid` for a field that does not exist or a value that does not fit.
pub(crate) fn list(
    source: &Source,
    query: &ListQuery,
    backend: DbBackend,
    now: i64,
) -> Result<ListSql> {
    let mut bound = Bound { backend, values: Vec::new(), now };
    let parts = parts(source, query, &mut bound)?;
    let order = Order::read(source, query)?;
    if parts.is_empty() {
        let count = if query.count { Count::Zero } else { Count::Unasked };
        return Ok(ListSql { page: None, count });
    }
    let counted = query.count.then(|| {
        let counts: Vec<_> = parts
            .iter()
            .map(|part| {
                let from = source.arms[part.arm].from;
                format!("(SELECT COUNT(*) FROM {from}{})", part.conditions)
            })
            .collect();
        let text = format!("SELECT {} AS total", counts.join(" + "));
        Statement::from_sql_and_values(backend, text, bound.values.clone())
    });
    let count = counted.map_or(Count::Unasked, Count::Of);
    let limit = query.limit.min(MAX_LIMIT);
    if limit == 0 {
        return Ok(ListSql { page: None, count });
    }
    let offset = query.offset.min(i64::MAX as u64 / 2);
    let text = match parts.as_slice() {
        [part] => {
            let arm = &source.arms[part.arm];
            let keys = order.keys(&bound, part.arm, arm.number);
            format!(
                "SELECT {} FROM {}{} ORDER BY {keys} LIMIT {limit} OFFSET {offset}",
                arm.select, arm.from, part.conditions
            )
        }
        parts => {
            let most = offset + u64::from(limit);
            let arms: Vec<_> =
                parts.iter().map(|part| order.arm(source, part, &bound, most)).collect();
            let keys = order.outer_keys(&bound);
            format!(
                "SELECT * FROM ({}) AS u ORDER BY {keys} LIMIT {limit} OFFSET {offset}",
                arms.join(" UNION ALL ")
            )
        }
    };
    let page = Statement::from_sql_and_values(backend, text, bound.values);
    Ok(ListSql { page: Some(page), count })
}

/// The arms that may have rows that pass.
fn parts(source: &Source, query: &ListQuery, bound: &mut Bound) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (index, arm) in source.arms.iter().enumerate() {
        let mut all = Vec::new();
        if !arm.filter.is_empty() {
            all.push(arm.filter.to_owned());
        }
        let (mut possible, before) = (true, bound.values.len());
        for filter in &query.filters {
            let field = find(&filter.field, source.fields)?;
            match bound.condition(filter, field, index, arm.number)? {
                Condition::Always => {}
                Condition::Never => possible = false,
                Condition::Sql(sql) => all.push(sql),
            }
        }
        if !possible {
            // What nothing refers to has no type that a database could find out.
            bound.values.truncate(before);
            continue;
        }
        let conditions =
            if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) };
        parts.push(Part { arm: index, conditions });
    }
    Ok(parts)
}

/// By what rows are sorted.
struct Order {
    /// The fields, each with whether the greatest comes first.
    fields: Vec<(&'static field::Field, bool)>,
    /// Whether among rows that are equal the newest comes first.
    newest_first: bool,
}

impl Order {
    fn read(source: &Source, query: &ListQuery) -> Result<Self> {
        let mut fields: Vec<(&'static field::Field, bool)> = Vec::new();
        for sort in &query.sort {
            let field = find(&sort.field, source.fields)?;
            if !fields.iter().any(|(known, _)| known.name == field.name) {
                fields.push((field, sort.descending));
            }
        }
        // Numbers are unique: nothing after one decides anything.
        if let Some(last) = fields.iter().position(|(field, _)| field.name == "number") {
            fields.truncate(last + 1);
        }
        // In the direction of the key before, so that an index on that one serves.
        let newest_first = query.sort.last().is_some_and(|sort| sort.descending);
        Ok(Self { fields, newest_first })
    }

    fn ends_with_number(&self) -> bool {
        self.fields.last().is_some_and(|(field, _)| field.name == "number")
    }

    /// Within one arm, what is the same for all of its rows decides nothing.
    fn keys(&self, bound: &Bound, arm: usize, number: &str) -> String {
        let keys = self.fields.iter().filter(|(field, _)| !field.constant_in(arm));
        let keys = keys.map(|(field, descending)| {
            (*field, *descending, bound.expression(field, arm), field.nullable_in(arm))
        });
        self.join(bound, keys, number)
    }

    fn outer_keys(&self, bound: &Bound) -> String {
        let keys = self.fields.iter().enumerate().map(|(index, (field, descending))| {
            (*field, *descending, format!("k{index}"), field.nullable)
        });
        self.join(bound, keys, "number")
    }

    fn join(
        &self,
        bound: &Bound,
        fields: impl Iterator<Item = (&'static field::Field, bool, String, bool)>,
        number: &str,
    ) -> String {
        let mut keys = Vec::new();
        for (field, descending, expression, nullable) in fields {
            // Without its end, the text of an array sorts as its elements do.
            let expression = match field.kind {
                Kind::Tags => format!("rtrim({expression}, ']')"),
                _ => expression,
            };
            let collation = match (field.kind, bound.backend) {
                (Kind::Text | Kind::Tags, DbBackend::Postgres) => " COLLATE \"C\"",
                _ => "",
            };
            let direction = if descending { " DESC" } else { "" };
            let nothing = if nullable { " NULLS LAST" } else { "" };
            keys.push(format!("{expression}{collation}{direction}{nothing}"));
        }
        if !self.ends_with_number() {
            keys.push(format!("{number}{}", if self.newest_first { " DESC" } else { "" }));
        }
        keys.join(", ")
    }

    /// The first rows of one arm, with the keys they are sorted by.
    fn arm(&self, source: &Source, part: &Part, bound: &Bound, most: u64) -> String {
        let arm = &source.arms[part.arm];
        let mut select = arm.select.to_owned();
        for (index, (field, _)) in self.fields.iter().enumerate() {
            select.push_str(&format!(", {} AS k{index}", bound.expression(field, part.arm)));
        }
        let keys = self.keys(bound, part.arm, arm.number);
        format!(
            "SELECT * FROM (SELECT {select} FROM {}{} ORDER BY {keys} LIMIT {most}) AS a{}",
            arm.from, part.conditions, part.arm
        )
    }
}
