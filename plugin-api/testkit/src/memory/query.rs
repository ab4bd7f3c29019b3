//! Filtering, sorting and paging of lists.

use std::cmp::Ordering;

use ratchet_plugin_api::model::{Filter, FilterOp, Id, ListQuery, Listing, MAX_LIMIT, Timestamp};
use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};

/// The value of a field, of the type by which it is compared.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Value {
    /// Nothing.
    None,
    Text(String),
    /// A word of a vocabulary: its place in it, and its name.
    Word(usize, &'static str),
    Number(f64),
    Time(Timestamp),
    Truth(bool),
    Id(Id),
    /// Several texts, of which one has to fit.
    Texts(Vec<String>),
}

impl Value {
    pub(super) fn number(number: impl Into<f64>) -> Self {
        Self::Number(number.into())
    }

    pub(super) fn whole(number: i64) -> Self {
        Self::Number(number as f64)
    }

    pub(super) fn option<T>(value: Option<T>, make: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::None, make)
    }
}

/// Reads a text as a word of a vocabulary: its place and its name.
pub(super) type ReadWord = fn(&str) -> Result<(usize, &'static str)>;

/// What values of a field are read as.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Word(ReadWord),
    Number,
    Time,
    Truth,
    Id,
}

/// One field of one kind of thing.
pub(super) struct Field<T> {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) get: fn(&T) -> Value,
}

/// Makes the reader of a vocabulary's words.
macro_rules! words {
    ($vocabulary:ty) => {
        Kind::Word(|text| {
            let word: $vocabulary = text.parse()?;
            Ok((word as usize, word.as_str()))
        })
    };
}

pub(super) use words;

/// The items that pass the query, in its order. `number` is the last key to sort by.
pub(super) fn select<T>(
    items: impl Iterator<Item = T>,
    query: &ListQuery,
    fields: &[Field<T>],
    number: impl Fn(&T) -> i64,
) -> Result<Listing<T>> {
    let mut tests = Vec::new();
    for filter in &query.filters {
        let field = find(&filter.field, fields)?;
        tests.push((field, filter.op, operands(filter, field)?));
    }
    let mut keys = Vec::new();
    for sort in &query.sort {
        keys.push((find(&sort.field, fields)?, sort.descending));
    }
    let passes = |item: &T| {
        tests.iter().all(|(field, op, operands)| compare(&(field.get)(item), *op, operands))
    };
    let mut found: Vec<T> = items.filter(passes).collect();
    let newest_first = keys.last().is_some_and(|(_, descending)| *descending);
    found.sort_by(|one, other| {
        let by_keys = keys
            .iter()
            .map(|(field, descending)| order((field.get)(one), (field.get)(other), *descending));
        by_keys.fold(Ordering::Equal, Ordering::then).then_with(|| {
            let order = number(one).cmp(&number(other));
            if newest_first { order.reverse() } else { order }
        })
    });
    let total = query.count.then_some(found.len() as u64);
    let limit = query.limit.min(MAX_LIMIT) as usize;
    let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
    Ok(Listing { items: found.into_iter().skip(offset).take(limit).collect(), total })
}

fn find<'a, T>(name: &str, fields: &'a [Field<T>]) -> Result<&'a Field<T>> {
    fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let near = nearest(name, fields.iter().map(|field| field.name));
        Error::invalid(format!("there is no field `{name}` here{}", did_you_mean(near)))
            .with_reason("list.unknown_field")
    })
}

fn operands<T>(filter: &Filter, field: &Field<T>) -> Result<Vec<Value>> {
    let many = matches!(filter.op, FilterOp::In | FilterOp::NotIn);
    if !many && filter.values.len() != 1 {
        let (name, op, count) = (&filter.field, filter.op, filter.values.len());
        let message = format!("`{name}` with `{op}` takes one value, not {count}");
        return Err(Error::invalid(message).with_reason("list.bad_value"));
    }
    let parts = matches!(filter.op, FilterOp::Contains | FilterOp::StartsWith | FilterOp::EndsWith);
    if parts && !matches!(field.kind, Kind::Text) {
        let message = format!("`{}` is not text and cannot be compared by parts", filter.field);
        return Err(Error::invalid(message).with_reason("list.bad_comparison"));
    }
    filter.values.iter().map(|text| read(text, field)).collect()
}

fn read<T>(text: &str, field: &Field<T>) -> Result<Value> {
    let bad = |what: &str| {
        Error::invalid(format!("`{}` takes {what}, not `{text}`", field.name))
            .with_reason("list.bad_value")
    };
    Ok(match field.kind {
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Word(read) => {
            let (place, name) = read(text)?;
            Value::Word(place, name)
        }
        Kind::Number => Value::Number(text.parse().map_err(|_| bad("a number"))?),
        Kind::Time => Value::Time(text.parse()?),
        Kind::Truth => Value::Truth(text.parse().map_err(|_| bad("`true` or `false`"))?),
        Kind::Id => Value::Id(text.parse()?),
    })
}

fn compare(value: &Value, op: FilterOp, operands: &[Value]) -> bool {
    if let Value::Texts(texts) = value {
        let one = |text: &String| compare(&Value::Text(text.clone()), positive(op), operands);
        return texts.iter().any(one) == (positive(op) == op);
    }
    let equal = || operands.contains(value);
    let first = || operands.first().unwrap_or(&Value::None);
    let ordered = |wanted: &[Ordering]| {
        *value != Value::None && wanted.contains(&order(folded(value), folded(first()), false))
    };
    match op {
        FilterOp::Eq | FilterOp::In => equal(),
        FilterOp::Ne | FilterOp::NotIn => !equal(),
        FilterOp::Gt => ordered(&[Ordering::Greater]),
        FilterOp::Gte => ordered(&[Ordering::Greater, Ordering::Equal]),
        FilterOp::Lt => ordered(&[Ordering::Less]),
        FilterOp::Lte => ordered(&[Ordering::Less, Ordering::Equal]),
        FilterOp::Contains | FilterOp::StartsWith | FilterOp::EndsWith => {
            let (Value::Text(text), Value::Text(part)) = (folded(value), folded(first())) else {
                return false;
            };
            match op {
                FilterOp::Contains => text.contains(&part),
                FilterOp::StartsWith => text.starts_with(&part),
                _ => text.ends_with(&part),
            }
        }
    }
}

/// The comparison of which this one is the opposite, or itself.
fn positive(op: FilterOp) -> FilterOp {
    match op {
        FilterOp::Ne => FilterOp::Eq,
        FilterOp::NotIn => FilterOp::In,
        other => other,
    }
}

/// Text without regard to case, as far as databases do so everywhere: ASCII.
fn folded(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.to_ascii_lowercase()),
        other => other.clone(),
    }
}

/// The order of two values; nothing comes last either way.
fn order(one: Value, other: Value, descending: bool) -> Ordering {
    match (&one, &other) {
        (Value::None, Value::None) => Ordering::Equal,
        (Value::None, _) => Ordering::Greater,
        (_, Value::None) => Ordering::Less,
        _ => {
            let order = one.partial_cmp(&other).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
    }
}
