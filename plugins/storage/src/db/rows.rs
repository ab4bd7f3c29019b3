//! Many rows as one parameter of a statement.
//!
//! PostgreSQL takes one array for each column. SQLite takes one parameter for each value, in
//! statements of a few fixed sizes, so that each is prepared once and kept.

use std::fmt::Write as _;

use sea_orm::sea_query::ArrayType;
use sea_orm::{DbBackend, Statement, Value};
use uuid::Uuid;

/// Rows in one statement of SQLite, largest first. Each statement that is kept takes memory in
/// proportion to its values, so that there is a limit to these too.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];
const VALUES: usize = 4096;

/// What a column holds. PostgreSQL's driver takes no arrays with nothing in some places, so what
/// may be absent crosses as a value that nothing else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number; the least there is stands for none.
    Number,
    /// A text; the empty one stands for none.
    Text,
    /// An id; the one of only zeros stands for none.
    Id,
    /// True or false.
    Flag,
    /// A floating-point number, never absent.
    Float,
}

impl Kind {
    const fn in_postgres(self) -> (&'static str, &'static str) {
        match self {
            Self::Number => ("bigint", "(-9223372036854775808)::bigint"),
            Self::Text => ("text", "''"),
            Self::Id => ("uuid", "'00000000-0000-0000-0000-000000000000'::uuid"),
            Self::Flag => ("boolean", ""),
            Self::Float => ("double precision", ""),
        }
    }

    fn array(self) -> ArrayType {
        match self {
            Self::Number => ArrayType::BigInt,
            Self::Text => ArrayType::String,
            Self::Id => ArrayType::Uuid,
            Self::Flag => ArrayType::Bool,
            Self::Float => ArrayType::Double,
        }
    }
}

/// A value of a [`Rows`].
pub(crate) trait Cell {
    /// It, or nothing, as the databases' library wants it.
    fn value(self) -> Value;
}

macro_rules! cells {
    ($($type:ty => |$it:ident| $value:expr;)*) => {
        $(impl Cell for $type {
            fn value(self) -> Value {
                let $it = self;
                $value
            }
        })*
    };
}

cells! {
    i64 => |it| Value::BigInt(Some(it));
    Option<i64> => |it| Value::BigInt(it);
    u32 => |it| Value::BigInt(Some(it.into()));
    String => |it| Value::String(Some(it).filter(|text| !text.is_empty()));
    Option<String> => |it| Value::String(it.filter(|text| !text.is_empty()));
    &str => |it| Value::String(Some(it.to_owned()).filter(|text| !text.is_empty()));
    Uuid => |it| Value::Uuid(Some(it));
    Option<Uuid> => |it| Value::Uuid(it);
    bool => |it| Value::Bool(Some(it));
    f64 => |it| Value::Double(Some(it));
}

/// A table of given rows.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: &'static [(&'static str, Kind)],
    /// One row after the other.
    values: Vec<Value>,
}

impl Rows {
    /// No rows yet, with these columns.
    pub(crate) fn new(columns: &'static [(&'static str, Kind)]) -> Self {
        Self { columns, values: Vec::new() }
    }

    /// One column of ids.
    pub(crate) fn ids(ids: impl IntoIterator<Item = Uuid>) -> Self {
        let values = ids.into_iter().map(Cell::value).collect();
        Self { columns: &[("id", Kind::Id)], values }
    }

    /// One column of numbers.
    pub(crate) fn numbers(numbers: impl IntoIterator<Item = i64>) -> Self {
        let values = numbers.into_iter().map(Cell::value).collect();
        Self { columns: &[("number", Kind::Number)], values }
    }

    /// One column of texts.
    pub(crate) fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        let values = texts.into_iter().map(Cell::value).collect();
        Self { columns: &[("text", Kind::Text)], values }
    }

    /// Adds a row: one value for each column.
    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has a value for each column");
        self.values.extend(row);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The statements that together do what `template` says with all rows.
    pub(super) fn statements(
        &self,
        backend: DbBackend,
        template: &str,
        scalars: &[Value],
    ) -> Vec<Statement> {
        if self.is_empty() {
            return Vec::new();
        }
        if backend == DbBackend::Postgres {
            return vec![self.in_arrays(template, scalars)];
        }
        let (width, mut rest) = (self.columns.len(), self.values.as_slice());
        let mut statements = Vec::new();
        for size in SIZES.into_iter().filter(|size| *size == 1 || size * width <= VALUES) {
            while rest.len() >= size * width {
                let (part, others) = rest.split_at(size * width);
                statements.push(self.in_parameters(template, scalars, part));
                rest = others;
            }
        }
        statements
    }

    fn in_arrays(&self, template: &str, scalars: &[Value]) -> Statement {
        let width = self.columns.len();
        let (mut selected, mut arrays, mut names) = (String::new(), String::new(), String::new());
        let mut values = scalars.to_vec();
        for (place, (name, kind)) in self.columns.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let (of, none) = kind.in_postgres();
            let column = self.values.iter().skip(place).step_by(width);
            let absent = |value: &Value| !none.is_empty() && is_absent(value);
            if column.clone().any(absent) {
                let _ = write!(selected, "{comma}NULLIF(x.{name}, {none}) AS {name}");
            } else {
                let _ = write!(selected, "{comma}x.{name}");
            }
            let _ = write!(arrays, "{comma}${}::{of}[]", scalars.len() + place + 1);
            let _ = write!(names, "{comma}{name}");
            let column = column.map(|value| present(value.clone(), *kind)).collect();
            values.push(Value::Array(kind.array(), Some(Box::new(column))));
        }
        let rows = format!("SELECT {selected} FROM unnest({arrays}) AS x ({names})");
        let sql = template.replace("{rows}", &rows);
        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
    }

    fn in_parameters(&self, template: &str, scalars: &[Value], part: &[Value]) -> Statement {
        let width = self.columns.len();
        let count = part.len() / width;
        let mut rows = String::with_capacity(part.len() * 2 + 64 + width * 24);
        rows.push_str("SELECT ");
        for (place, (name, _)) in self.columns.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let _ = write!(rows, "{comma}column{} AS {name}", place + 1);
        }
        rows.push_str(" FROM (VALUES ");
        for row in 0..count {
            rows.push_str(if row == 0 { "(" } else { ",(" });
            for place in 0..width {
                rows.push_str(if place == 0 { "?" } else { ",?" });
            }
            rows.push(')');
        }
        rows.push(')');
        // Parameters without numbers come first, since they are counted from the first value.
        let sql = renumber(template, part.len()).replace("{rows}", &rows);
        let values = part.iter().chain(scalars).cloned();
        Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
    }
}

fn is_absent(value: &Value) -> bool {
    matches!(value, Value::BigInt(None) | Value::String(None) | Value::Uuid(None))
}

fn present(value: Value, kind: Kind) -> Value {
    match (&value, kind) {
        (Value::BigInt(None), _) => Value::BigInt(Some(i64::MIN)),
        (Value::String(None), _) => Value::String(Some(String::new())),
        (Value::Uuid(None), _) => Value::Uuid(Some(Uuid::nil())),
        _ => value,
    }
}

/// The template with `$1` as `$(1 + by)` and so on.
fn renumber(template: &str, by: usize) -> String {
    let mut parts = template.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        let number: usize = part[..digits].parse().unwrap_or_default();
        let _ = write!(text, "${}{}", number + by, &part[digits..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[(&str, Kind)] = &[("a", Kind::Number), ("b", Kind::Text)];

    #[test]
    fn one_statement_of_arrays_or_a_few_of_parameters() {
        let mut rows = Rows::new(COLUMNS);
        for number in 0..21i64 {
            rows.push([number.value(), Cell::value("x")]);
        }
        let template = "SELECT a FROM ({rows}) r WHERE a > $1";
        let scalars = [Value::from(3i64)];
        assert_eq!(rows.statements(DbBackend::Postgres, template, &scalars).len(), 1);
        let statements = rows.statements(DbBackend::Sqlite, template, &scalars);
        assert_eq!(statements.len(), 3); // 16, 4 and 1
        assert!(statements[2].sql.ends_with("(VALUES (?,?))) r WHERE a > $3"));
    }

    #[test]
    fn what_is_absent_is_none_again() {
        let mut rows = Rows::new(COLUMNS);
        rows.push([None::<i64>.value(), Cell::value("x")]);
        let statements = rows.statements(DbBackend::Postgres, "{rows}", &[]);
        assert!(statements[0].sql.contains("NULLIF(x.a"));
        assert!(statements[0].sql.contains("x.b FROM"));
    }
}
