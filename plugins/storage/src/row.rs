//! Values of rows, by the names of their columns.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{Id, Json, Timestamp};
use sea_orm::{QueryResult, TryGetable, Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::db::storage_error;

/// A value.
pub(crate) fn column<T: TryGetable>(row: &QueryResult, name: &str) -> Result<T> {
    row.try_get("", name).map_err(storage_error)
}

/// A count, which is never negative.
pub(crate) fn count(row: &QueryResult, name: &str) -> Result<u64> {
    Ok(u64::try_from(column::<i64>(row, name)?).unwrap_or_default())
}

/// A count that may be absent.
pub(crate) fn count_option(row: &QueryResult, name: &str) -> Result<Option<u64>> {
    Ok(column::<Option<i64>>(row, name)?.map(|value| u64::try_from(value).unwrap_or_default()))
}

/// A small count, which is never negative.
pub(crate) fn small(row: &QueryResult, name: &str) -> Result<u32> {
    Ok(u32::try_from(column::<i64>(row, name)?).unwrap_or_default())
}

/// An id.
pub(crate) fn id(row: &QueryResult, name: &str) -> Result<Id> {
    column::<Uuid>(row, name).map(from_uuid)
}

/// An id that may be absent.
pub(crate) fn id_option(row: &QueryResult, name: &str) -> Result<Option<Id>> {
    Ok(column::<Option<Uuid>>(row, name)?.map(from_uuid))
}

/// A time.
pub(crate) fn time(row: &QueryResult, name: &str) -> Result<Timestamp> {
    column(row, name).map(Timestamp::from_microseconds)
}

/// A time that may be absent.
pub(crate) fn time_option(row: &QueryResult, name: &str) -> Result<Option<Timestamp>> {
    Ok(column::<Option<i64>>(row, name)?.map(Timestamp::from_microseconds))
}

/// A user's document, which was checked when it came in; `null` if it is absent.
pub(crate) fn json(row: &QueryResult, name: &str) -> Result<Json> {
    Ok(json_option(row, name)?.unwrap_or_default())
}

/// A user's document that may be absent.
pub(crate) fn json_option(row: &QueryResult, name: &str) -> Result<Option<Json>> {
    Ok(column::<Option<String>>(row, name)?.map(Json::from_trusted))
}

/// One of our documents.
pub(crate) fn document<T: DeserializeOwned>(row: &QueryResult, name: &str) -> Result<T> {
    read(name, &column::<String>(row, name)?)
}

/// One of our documents, which may be absent.
pub(crate) fn document_option<T: DeserializeOwned>(
    row: &QueryResult,
    name: &str,
) -> Result<Option<T>> {
    column::<Option<String>>(row, name)?.map(|text| read(name, &text)).transpose()
}

fn read<T: DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("what is stored as `{name}` cannot be read");
        ratchet_plugin_api::Error::wrap(ratchet_plugin_api::Code::Internal, message, &error)
            .with_reason("storage.corrupt")
    })
}

/// The word of a vocabulary at this place, or the first if it is of a newer version.
pub(crate) fn word<T: Copy>(row: &QueryResult, name: &str, all: &[T]) -> Result<T> {
    let place = usize::try_from(column::<i64>(row, name)?).unwrap_or_default();
    let found = all.get(place).or(all.first()).copied();
    found.ok_or_else(|| ratchet_plugin_api::Error::internal(format!("`{name}` has no words")))
}

/// An id as one of ours.
pub(crate) fn from_uuid(uuid: Uuid) -> Id {
    Id::from_u128(uuid.as_u128())
}

/// An id as the database takes it.
pub(crate) fn uuid(id: Id) -> Value {
    Uuid::from_u128(id.as_u128()).into()
}

/// An id that may be absent, as the database takes it.
pub(crate) fn uuid_option(id: Option<Id>) -> Value {
    Value::Uuid(id.map(|id| Uuid::from_u128(id.as_u128())))
}

/// A time as the database takes it.
pub(crate) fn micros(time: Timestamp) -> Value {
    time.as_microseconds().into()
}

/// A time that may be absent, as the database takes it.
pub(crate) fn micros_option(time: Option<Timestamp>) -> Value {
    Value::BigInt(time.map(Timestamp::as_microseconds))
}

/// A count as the database takes it.
pub(crate) fn big(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// The place of a word in its vocabulary as the database takes it.
pub(crate) fn place(word: usize) -> Value {
    i64::try_from(word).unwrap_or(i64::MAX).into()
}

/// Milliseconds as microseconds.
pub(crate) fn micros_of_ms(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX).saturating_mul(1_000)
}
