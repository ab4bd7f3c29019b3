//! List queries from options.

use ratchet_plugin_api::model::{DEFAULT_LIMIT, FilterOp, Key, ListQuery, MAX_LIMIT, Sort};
use ratchet_plugin_api::{Error, Result};

use super::Services;
use super::clock::Clock;

/// Comparisons as they are written in `--where`, those that contain others first.
const COMPARISONS: [(&str, FilterOp); 7] = [
    (">=", FilterOp::Gte),
    ("<=", FilterOp::Lte),
    ("!=", FilterOp::Ne),
    (">", FilterOp::Gt),
    ("<", FilterOp::Lt),
    ("~", FilterOp::Contains),
    ("=", FilterOp::Eq),
];

/// What all lists are asked with.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) status: Vec<String>,
    pub(super) task: Option<String>,
    pub(super) since: Option<String>,
    pub(super) conditions: Vec<String>,
    pub(super) sort: Vec<String>,
    pub(super) offset: u64,
    pub(super) limit: Option<u32>,
}

impl Asked {
    /// The query; `time` is the field `--since` is about, and `order` how items are sorted when
    /// nobody says.
    pub(super) async fn query(
        self,
        services: &Services,
        clock: &Clock,
        time: &str,
        order: &str,
    ) -> Result<ListQuery> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::invalid(format!("--limit is {limit}; it is 1 to {MAX_LIMIT}")));
        }
        let mut query = ListQuery { offset: self.offset, limit, ..ListQuery::default() };
        let statuses: Vec<String> = words(&self.status).map(str::to_owned).collect();
        if !statuses.is_empty() {
            query = query.filter("status", FilterOp::In, "");
            if let Some(filter) = query.filters.last_mut() {
                filter.values = statuses;
            }
        }
        if let Some(task) = self.task {
            let task = services.tasks()?.get(key(&task)).await?;
            query = query.filter("task", FilterOp::Eq, task.id);
        }
        if let Some(since) = self.since {
            query = query.filter(time, FilterOp::Gte, clock.read_past("--since", &since)?);
        }
        for condition in &self.conditions {
            let (field, op, value) = read_condition(condition)?;
            query = query.filter(field, op, value);
        }
        let sort = if self.sort.is_empty() { vec![order.to_owned()] } else { self.sort };
        query.sort = words(&sort).map(read_sort).collect();
        Ok(query)
    }
}

/// The parts of options that may be given again or hold several words.
pub(super) fn words(given: &[String]) -> impl Iterator<Item = &str> {
    given.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

/// What was typed to name something.
pub(super) fn key(text: &str) -> Key {
    text.parse().unwrap_or_else(|_| Key::Name(text.to_owned()))
}

fn read_sort(text: &str) -> Sort {
    match text.strip_prefix('-') {
        Some(field) => Sort { field: field.to_owned(), descending: true },
        None => Sort { field: text.trim_start_matches('+').to_owned(), descending: false },
    }
}

fn read_condition(text: &str) -> Result<(&str, FilterOp, &str)> {
    let place = |symbol: &str| text.find(symbol);
    // The first comparison counts, since a value may contain others.
    let first = COMPARISONS
        .iter()
        .enumerate()
        .filter_map(|(index, (symbol, op))| Some((place(symbol)?, index, *symbol, *op)))
        .min_by_key(|(place, index, ..)| (*place, *index));
    match first {
        Some((place, _, symbol, op)) if place > 0 => {
            Ok((text[..place].trim(), op, text[place + symbol.len()..].trim()))
        }
        _ => Err(Error::invalid(format!(
            "--where is `{text}`; it is a field, a comparison (= != < <= > >= or ~ for `contains`) \
             and a value, such as `attempt>=2`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_a_field_a_comparison_and_a_value() {
        assert_eq!(read_condition("attempt>=2").unwrap(), ("attempt", FilterOp::Gte, "2"));
        assert_eq!(read_condition("a != b=c").unwrap(), ("a", FilterOp::Ne, "b=c"));
        assert_eq!(
            read_condition("error_message~<x>").unwrap(),
            ("error_message", FilterOp::Contains, "<x>")
        );
        for wrong in ["attempt", "=2", ""] {
            let error = read_condition(wrong).unwrap_err();
            assert!(error.message.contains("such as `attempt>=2`"), "{error}");
        }
    }

    #[test]
    fn a_minus_sorts_the_greatest_first() {
        let given = ["-queued_at,number".to_owned(), "+status".to_owned()];
        let sorts: Vec<Sort> = words(&given).map(read_sort).collect();
        let read: Vec<(&str, bool)> =
            sorts.iter().map(|sort| (sort.field.as_str(), sort.descending)).collect();
        assert_eq!(read, [("queued_at", true), ("number", false), ("status", false)]);
    }
}
