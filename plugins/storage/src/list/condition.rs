//! One filter as a condition of SQL.

use ratchet_plugin_api::model::{Filter, FilterOp};
use ratchet_plugin_api::{Error, Result};
use sea_orm::{DbBackend, Value};

use super::field::{Codes, Field, Kind, Operand, read};

/// Values one filter may have.
const MOST_VALUES: usize = 1_000;

/// An id that nothing has.
const NOBODY: &str = "'00000000-0000-0000-0000-000000000000'";

/// A condition on the rows of one arm.
pub(super) enum Condition {
    /// All rows pass.
    Always,
    /// None does.
    Never,
    /// Those for which this holds.
    Sql(String),
}

/// Collects the values that a statement is sent with.
pub(super) struct Bound {
    pub(super) backend: DbBackend,
    pub(super) values: Vec<Value>,
    /// The present time in microseconds.
    pub(super) now: i64,
}

impl Bound {
    /// Adds a value; gives how the statement refers to it.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// The field's value in this arm.
    pub(super) fn expression(&self, field: &Field, arm: usize) -> String {
        field.sql(arm).replace("{now}", &self.now.to_string())
    }

    /// A text without regard to the case of ASCII letters, byte by byte.
    fn folded(&self, text: &str) -> String {
        match self.backend {
            DbBackend::Postgres => format!("lower({text} COLLATE \"C\")"),
            _ => format!("lower({text})"),
        }
    }

    /// The rows `e` with the elements of a JSON array of texts as `value`.
    fn elements(&self, array: &str) -> String {
        match self.backend {
            DbBackend::Postgres => {
                format!("json_array_elements_text(CAST({array} AS json)) AS e(value)")
            }
            _ => format!("json_each({array}) AS e"),
        }
    }

    /// The filter as a condition on the rows of this arm, whose number is `number`.
    pub(super) fn condition(
        &mut self,
        filter: &Filter,
        field: &Field,
        arm: usize,
        number: &str,
    ) -> Result<Condition> {
        let operands = operands(filter, field)?;
        let expression = self.expression(field, arm);
        if field.sql(arm).starts_with("CAST(NULL") {
            // Nothing passes what compares, and everything is not equal to anything.
            let negative = matches!(filter.op, FilterOp::Ne | FilterOp::NotIn);
            return Ok(if negative { Condition::Always } else { Condition::Never });
        }
        match field.kind {
            Kind::Word { count, codes, .. } => {
                let wanted = places(filter.op, &operands, count);
                Ok(of_words(codes.get(arm).or(codes.first()), &wanted))
            }
            Kind::Truth => {
                let wanted = places(filter.op, &operands, 2);
                let always = match field.sql(arm) {
                    "FALSE" => Some(0),
                    "TRUE" => Some(1),
                    _ => None,
                };
                if let Some(always) = always {
                    let passes = wanted.contains(&always);
                    return Ok(if passes { Condition::Always } else { Condition::Never });
                }
                Ok(match wanted.as_slice() {
                    [] => Condition::Never,
                    [0] => Condition::Sql(format!("NOT ({expression})")),
                    [1] => Condition::Sql(format!("({expression})")),
                    _ => Condition::Always,
                })
            }
            Kind::Tags => Ok(self.of_tags(filter.op, &expression, operands)),
            Kind::Own | Kind::Id(_) | Kind::Link { .. } => {
                self.of_ids(filter, field, arm, number, operands)
            }
            Kind::Text | Kind::Number | Kind::Millis | Kind::Time => {
                let text = matches!(field.kind, Kind::Text);
                let nullable = field.nullable_in(arm);
                Ok(self.of_values(filter.op, &expression, nullable, text, operands))
            }
        }
    }

    fn of_values(
        &mut self,
        op: FilterOp,
        expression: &str,
        nullable: bool,
        text: bool,
        operands: Vec<Operand>,
    ) -> Condition {
        let (sign, folds) = match op {
            FilterOp::Eq | FilterOp::In | FilterOp::Ne | FilterOp::NotIn => {
                let bound: Vec<_> = operands.into_iter().map(|one| self.operand(one)).collect();
                return one_of(expression, &bound, op, nullable);
            }
            FilterOp::Gt => (">", text),
            FilterOp::Gte => (">=", text),
            FilterOp::Lt => ("<", text),
            FilterOp::Lte => ("<=", text),
            FilterOp::Contains | FilterOp::StartsWith | FilterOp::EndsWith => ("LIKE", true),
        };
        let Some(Operand::Value(value)) = operands.into_iter().next() else {
            return Condition::Never;
        };
        if !folds {
            let bound = self.bind(value);
            return Condition::Sql(format!("{expression} {sign} {bound}"));
        }
        let folded = self.folded(expression);
        let part = text_of(value).to_ascii_lowercase();
        if sign == "LIKE" {
            let bound = self.bind(pattern(&part, op));
            return Condition::Sql(format!("{folded} LIKE {bound} ESCAPE '\\'"));
        }
        let bound = self.bind(part);
        Condition::Sql(format!("{folded} {sign} {bound}"))
    }

    fn of_tags(&mut self, op: FilterOp, array: &str, operands: Vec<Operand>) -> Condition {
        let positive = match op {
            FilterOp::Ne => FilterOp::Eq,
            FilterOp::NotIn => FilterOp::In,
            other => other,
        };
        let Condition::Sql(one) = self.of_values(positive, "e.value", false, true, operands) else {
            return if positive == op { Condition::Never } else { Condition::Always };
        };
        let none = if positive == op { "" } else { "NOT " };
        let elements = self.elements(array);
        Condition::Sql(format!("{none}EXISTS (SELECT 1 FROM {elements} WHERE {one})"))
    }

    /// Ids are compared as such, or where the row has only the number of the thing, as that.
    fn of_ids(
        &mut self,
        filter: &Filter,
        field: &Field,
        arm: usize,
        number: &str,
        operands: Vec<Operand>,
    ) -> Result<Condition> {
        let (op, expression) = (filter.op, self.expression(field, arm));
        let nullable = field.nullable_in(arm);
        if !matches!(op, FilterOp::Eq | FilterOp::Ne | FilterOp::In | FilterOp::NotIn) {
            if operands.iter().any(|operand| matches!(operand, Operand::Number(_))) {
                let message = format!("`{}` with `{op}` takes an id, not a number", filter.field);
                return Err(Error::invalid(message).with_reason("list.bad_value"));
            }
            return Ok(self.of_values(op, &expression, nullable, false, operands));
        }
        let (mut ids, mut numbers) = (Vec::new(), Vec::new());
        for operand in operands {
            let by_number = matches!(operand, Operand::Number(_));
            let bound = self.operand(operand);
            match (field.kind, by_number) {
                (Kind::Link { tables, .. }, false) => {
                    let lookups: Vec<_> = tables
                        .iter()
                        .map(|table| format!("SELECT number FROM {table} WHERE id = {bound}"))
                        .collect();
                    numbers.push(format!("COALESCE(({}), -1)", lookups.join(" UNION ALL ")));
                }
                (Kind::Id(table), true) => ids.push(format!(
                    "COALESCE((SELECT id FROM {table} WHERE number = {bound}), {NOBODY})"
                )),
                (_, true) => numbers.push(bound),
                (_, false) => ids.push(bound),
            }
        }
        let column = match field.kind {
            Kind::Link { column, .. } => column.get(arm).or(column.first()).copied(),
            _ => Some(number),
        };
        let column = column.unwrap_or("NULL");
        let linked = matches!(field.kind, Kind::Link { .. });
        Ok(match (ids.is_empty(), numbers.is_empty()) {
            (_, true) => one_of(&expression, &ids, op, field.nullable),
            (true, false) => one_of(column, &numbers, op, nullable && linked),
            (false, false) => {
                let by_id = one_of(&expression, &ids, op, field.nullable);
                let by_number = one_of(column, &numbers, op, nullable && linked);
                let (Condition::Sql(by_id), Condition::Sql(by_number)) = (by_id, by_number) else {
                    return Ok(Condition::Never);
                };
                let negative = matches!(op, FilterOp::Ne | FilterOp::NotIn);
                let word = if negative { "AND" } else { "OR" };
                Condition::Sql(format!("({by_id} {word} {by_number})"))
            }
        })
    }

    fn operand(&mut self, operand: Operand) -> String {
        match operand {
            Operand::Value(value) => self.bind(value),
            Operand::Number(number) => self.bind(number),
            Operand::Place(place) => place.to_string(),
        }
    }
}

fn operands(filter: &Filter, field: &Field) -> Result<Vec<Operand>> {
    let (name, op, count) = (&filter.field, filter.op, filter.values.len());
    let many = matches!(op, FilterOp::In | FilterOp::NotIn);
    if !many && count != 1 {
        let message = format!("`{name}` with `{op}` takes one value, not {count}");
        return Err(Error::invalid(message).with_reason("list.bad_value"));
    }
    if count > MOST_VALUES {
        let message = format!("`{name}` with `{op}` takes up to {MOST_VALUES} values, not {count}");
        return Err(Error::invalid(message).with_reason("list.bad_value"));
    }
    let parts = matches!(op, FilterOp::Contains | FilterOp::StartsWith | FilterOp::EndsWith);
    if parts && !matches!(field.kind, Kind::Text | Kind::Tags) {
        let message = format!("`{name}` is not text and cannot be compared by parts");
        return Err(Error::invalid(message).with_reason("list.bad_comparison"));
    }
    filter.values.iter().map(|text| read(text, filter, field.kind)).collect()
}

/// The places that pass, in order.
fn places(op: FilterOp, operands: &[Operand], count: usize) -> Vec<usize> {
    let given: Vec<usize> = operands
        .iter()
        .filter_map(|operand| match operand {
            Operand::Place(place) => Some(*place),
            _ => None,
        })
        .collect();
    let first = given.first().copied().unwrap_or(count);
    let passes = |place: &usize| match op {
        FilterOp::Ne | FilterOp::NotIn => !given.contains(place),
        FilterOp::Gt => *place > first,
        FilterOp::Gte => *place >= first,
        FilterOp::Lt => *place < first,
        FilterOp::Lte => *place <= first,
        _ => given.contains(place),
    };
    (0..count).filter(passes).collect()
}

fn of_words(codes: Option<&Codes>, wanted: &[usize]) -> Condition {
    match codes {
        None => Condition::Never,
        Some(Codes::Column(column, possible)) => {
            let here: Vec<_> = possible.iter().filter(|place| wanted.contains(place)).collect();
            if here.len() == possible.len() {
                return Condition::Always;
            }
            let here: Vec<_> = here.into_iter().map(usize::to_string).collect();
            one_of(column, &here, FilterOp::In, false)
        }
        Some(Codes::Cases(cases)) => {
            let here: Vec<_> = cases
                .iter()
                .filter(|(place, _)| wanted.contains(place))
                .map(|(_, condition)| format!("({condition})"))
                .collect();
            match here.len() {
                0 => Condition::Never,
                all if all == cases.len() => Condition::Always,
                1 => Condition::Sql(here.concat()),
                _ => Condition::Sql(format!("({})", here.join(" OR "))),
            }
        }
    }
}

/// Equal to one of these, or for the negative comparisons to none. Nothing is equal to nothing.
fn one_of(expression: &str, bound: &[String], op: FilterOp, nullable: bool) -> Condition {
    let negative = matches!(op, FilterOp::Ne | FilterOp::NotIn);
    let sql = match (bound, negative) {
        ([], false) => return Condition::Never,
        ([], true) => return Condition::Always,
        ([one], false) => format!("{expression} = {one}"),
        ([one], true) => format!("{expression} <> {one}"),
        (many, false) => format!("{expression} IN ({})", many.join(", ")),
        (many, true) => format!("{expression} NOT IN ({})", many.join(", ")),
    };
    Condition::Sql(if negative && nullable {
        format!("({expression} IS NULL OR {sql})")
    } else {
        sql
    })
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(Some(text)) => text,
        _ => String::new(),
    }
}

/// The pattern of LIKE for a part, in which nothing of the part is a wildcard.
fn pattern(part: &str, op: FilterOp) -> String {
    let mut escaped = String::with_capacity(part.len() + 2);
    for character in part.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    match op {
        FilterOp::StartsWith => format!("{escaped}%"),
        FilterOp::EndsWith => format!("%{escaped}"),
        _ => format!("%{escaped}%"),
    }
}
