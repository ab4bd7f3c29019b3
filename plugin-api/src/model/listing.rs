//! Asking for lists: the one way to filter, sort and page.

use serde::{Deserialize, Serialize};

use super::words::vocabulary;

/// How many items a list has when nobody says.
pub const DEFAULT_LIMIT: u32 = 25;

/// How many items a list has at most.
pub const MAX_LIMIT: u32 = 1000;

/// Which items, in which order, and which part of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    /// All have to hold.
    pub filters: Vec<Filter>,
    /// The first key decides, further ones where it is equal. The store adds the number as the
    /// last, in the direction of the one before, so that pages never overlap.
    pub sort: Vec<Sort>,
    /// Items to leave out at the beginning.
    pub offset: u64,
    /// Items to return, up to [`MAX_LIMIT`].
    pub limit: u32,
    /// Whether to count all items that pass the filters.
    pub count: bool,
}

impl Default for ListQuery {
    fn default() -> Self {
        let (filters, sort) = (Vec::new(), Vec::new());
        Self { filters, sort, offset: 0, limit: DEFAULT_LIMIT, count: true }
    }
}

impl ListQuery {
    /// The same query with one more condition.
    #[must_use]
    pub fn filter(mut self, field: &str, op: FilterOp, value: impl ToString) -> Self {
        self.filters.push(Filter { field: field.into(), op, values: vec![value.to_string()] });
        self
    }

    /// The same query, sorted by this field after those it is sorted by already.
    #[must_use]
    pub fn sort_by(mut self, field: &str, descending: bool) -> Self {
        self.sort.push(Sort { field: field.into(), descending });
        self
    }
}

/// One condition on one field.
///
/// Values are text and read according to the field: words, numbers, RFC 3339 times, `true` and
/// `false`, ids. A field that does not exist or a value that does not fit is `Invalid`, and the
/// error names the nearest field or what would fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The field's name in snake case; each list method says which there are.
    pub field: String,
    /// How it is compared.
    pub op: FilterOp,
    /// What with: any number of values for [`FilterOp::In`] and [`FilterOp::NotIn`], one for all
    /// others.
    pub values: Vec<String>,
}

vocabulary! {
    /// How a field is compared. Text is compared without regard to case, except by `eq` and `in`.
    "comparison" FilterOp {
        /// Equal.
        Eq = "eq",
        /// Not equal; nothing is not equal to anything.
        Ne = "ne",
        /// Greater, later.
        Gt = "gt" | "after",
        /// Greater or equal.
        Gte = "gte",
        /// Less, earlier.
        Lt = "lt" | "before",
        /// Less or equal.
        Lte = "lte",
        /// Equal to one of the values.
        In = "in",
        /// Equal to none of the values.
        NotIn = "not_in",
        /// Contains the value.
        Contains = "contains" | "like",
        /// Starts with the value.
        StartsWith = "starts_with",
        /// Ends with the value.
        EndsWith = "ends_with",
    }
}

/// One key to sort by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// The field's name in snake case.
    pub field: String,
    /// Whether the greatest comes first. Nothing comes last either way.
    #[serde(default)]
    pub descending: bool,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// How many items pass the filters in all; none if it was not asked for.
    #[serde(default)]
    pub total: Option<u64>,
}
