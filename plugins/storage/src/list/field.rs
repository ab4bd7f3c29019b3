//! What the fields of lists are: where their values are in the database, and how the text of a
//! filter is read as one.

use ratchet_plugin_api::model::{Filter, Id, Timestamp};
use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};
use sea_orm::Value;

/// Text longer than this is in no field that could be compared with it.
const LONGEST_TEXT: usize = 10_000;

/// One kind of thing that can be listed.
pub(crate) struct Source {
    /// What its fields are.
    pub(crate) fields: &'static [Field],
    /// Where its rows come from; more than one where ended things are kept apart.
    pub(crate) arms: &'static [Arm],
}

/// One place rows come from. All arms of a source select the same columns under the same names,
/// the number as `number` among them.
pub(crate) struct Arm {
    /// The columns.
    pub(crate) select: &'static str,
    /// The tables, of which `x` is the one the rows are of.
    pub(crate) from: &'static str,
    /// What holds for all rows; empty for nothing.
    pub(crate) filter: &'static str,
    /// The number.
    pub(crate) number: &'static str,
}

/// One field of one kind of thing.
pub(crate) struct Field {
    /// Its name in queries.
    pub(crate) name: &'static str,
    /// How it is compared.
    pub(crate) kind: Kind,
    /// Its value in each arm, or in all arms if there is one only. `{now}` is the present time.
    pub(crate) sql: &'static [&'static str],
    /// Whether there may be no value.
    pub(crate) nullable: bool,
    /// The arm in which there always is one all the same.
    pub(crate) certain_in: Option<usize>,
}

/// How values of a field are read and compared.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// Several texts, kept as a JSON array of which one has to fit.
    Tags,
    Number,
    /// Milliseconds, kept as microseconds.
    Millis,
    Time,
    Truth,
    /// The id of the thing itself, for which its number stands as well.
    Own,
    /// The id of a thing of this table, or of none that has numbers.
    Id(&'static str),
    /// An id, which for filters is looked for as a number in this column.
    Link {
        /// The column, for each arm as in [`Field::sql`].
        column: &'static [&'static str],
        /// The tables that know the number of an id.
        tables: &'static [&'static str],
    },
    /// A word of a vocabulary, kept as its place in it.
    Word {
        /// Reads a word as its place.
        read: fn(&str) -> Result<usize>,
        /// How many words there are.
        count: usize,
        /// Which words each arm can have.
        codes: &'static [Codes],
    },
}

/// The words that a field has in one arm.
#[derive(Clone, Copy)]
pub(crate) enum Codes {
    /// The column has one of these places.
    Column(&'static str, &'static [usize]),
    /// Each place has a condition of its own.
    Cases(&'static [(usize, &'static str)]),
}

/// Makes the reader of a vocabulary's words.
macro_rules! words {
    ($vocabulary:ty, $codes:expr) => {
        Kind::Word {
            read: |text| text.parse().map(|word: $vocabulary| word as usize),
            count: <$vocabulary>::ALL.len(),
            codes: $codes,
        }
    };
}

pub(super) use words;

impl Field {
    /// A field that always has a value.
    pub(super) const fn new(name: &'static str, kind: Kind, sql: &'static [&'static str]) -> Self {
        Self { name, kind, sql, nullable: false, certain_in: None }
    }

    /// A field that may have none.
    pub(super) const fn optional(
        name: &'static str,
        kind: Kind,
        sql: &'static [&'static str],
    ) -> Self {
        Self { name, kind, sql, nullable: true, certain_in: None }
    }

    /// The same field, which always has a value in this arm.
    pub(super) const fn certain_in(mut self, arm: usize) -> Self {
        self.certain_in = Some(arm);
        self
    }

    /// Whether there may be no value in this arm.
    pub(super) fn nullable_in(&self, arm: usize) -> bool {
        self.nullable && self.certain_in != Some(arm)
    }

    /// Whether all rows of this arm have the same value.
    pub(super) fn constant_in(&self, arm: usize) -> bool {
        let sql = self.sql(arm);
        !sql.contains("x.") && !sql.contains("t.")
    }

    /// Its value in this arm.
    pub(super) fn sql(&self, arm: usize) -> &'static str {
        self.sql.get(arm).or(self.sql.first()).copied().unwrap_or("NULL")
    }
}

/// The field of this name.
pub(super) fn find<'a>(name: &str, fields: &'a [Field]) -> Result<&'a Field> {
    fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let near = nearest(name, fields.iter().map(|field| field.name));
        let hint = match near {
            Some(near) => did_you_mean(Some(near)),
            None => {
                let names: Vec<_> = fields.iter().map(|field| field.name).collect();
                format!("; there is: {}", names.join(", "))
            }
        };
        Error::invalid(format!("there is no field `{name}` here{hint}"))
            .with_reason("list.unknown_field")
    })
}

/// One value of a filter.
pub(super) enum Operand {
    /// To be compared with the field's value.
    Value(Value),
    /// The number of the thing whose id the field is.
    Number(i64),
    /// A place among words, or 0 and 1 for false and true.
    Place(usize),
}

/// Reads one value of a filter.
pub(super) fn read(text: &str, filter: &Filter, kind: Kind) -> Result<Operand> {
    let bad = |what: &str| {
        Error::invalid(format!("`{}` takes {what}, not `{text}`", filter.field))
            .with_reason("list.bad_value")
    };
    let named = |error: Error| {
        error
            .context(format!("the value of `{}` does not fit", filter.field))
            .with_reason("list.bad_value")
    };
    if text.len() > LONGEST_TEXT {
        let message = format!(
            "the value of `{}` has {} bytes, and may have {LONGEST_TEXT}",
            filter.field,
            text.len()
        );
        return Err(Error::invalid(message).with_reason("list.bad_value"));
    }
    let trimmed = text.trim();
    Ok(match kind {
        Kind::Text | Kind::Tags => {
            if text.contains('\0') {
                return Err(bad("text without NUL"));
            }
            Operand::Value(text.into())
        }
        Kind::Number => number(trimmed, 1.0).ok_or_else(|| bad("a number"))?,
        Kind::Millis => number(trimmed, 1_000.0).ok_or_else(|| bad("milliseconds"))?,
        Kind::Time => {
            let time: Timestamp = trimmed.parse().map_err(named)?;
            Operand::Value(time.as_microseconds().into())
        }
        Kind::Truth => match trimmed.to_ascii_lowercase().as_str() {
            "false" => Operand::Place(0),
            "true" => Operand::Place(1),
            _ => return Err(bad("`true` or `false`")),
        },
        Kind::Own | Kind::Id(_) | Kind::Link { .. } => match trimmed.parse::<i64>() {
            Ok(number) if !matches!(kind, Kind::Id("")) => Operand::Number(number),
            _ => Operand::Value(uuid(trimmed.parse().map_err(named)?)),
        },
        Kind::Word { read, .. } => Operand::Place(read(trimmed).map_err(named)?),
    })
}

/// A number, taken so many times; whole if it is, so that an index serves.
fn number(text: &str, times: f64) -> Option<Operand> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Operand::Value(whole.saturating_mul(times as i64).into()));
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())? * times;
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    Some(Operand::Value(if whole { Value::from(value as i64) } else { value.into() }))
}

/// An id as the database keeps it.
fn uuid(id: Id) -> Value {
    uuid::Uuid::from_u128(id.as_u128()).into()
}
