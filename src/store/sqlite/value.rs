//! Between the program's values and SQLite's.

use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Error, ErrorCode, Row, ToSql};
use serde::{Deserialize, Serialize};

use crate::engine::RecordedAnswer;
use crate::engine::RequestNumber;
use crate::message::AppDbid;
use crate::message::CustomerId;
use crate::message::ErrorCode as OcsError;
use crate::message::GroupCampStatus;
use crate::message::MessageType;
use crate::message::Phone;
use crate::protocol::UtcSeconds;
use crate::protocol::UtcTime;
use crate::store::{StoreError, StoreErrorKind};
use crate::wire::Charset;
use crate::wire::Text;

/// What SQLite says, as ours; `doing` names the table or the file.
pub(super) fn failed(doing: &str, error: &Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Damaged,
        Some(
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied,
        ) => StoreErrorKind::Io,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            StoreErrorKind::InUse
        }
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => StoreErrorKind::Refused,
        Some(_) => StoreErrorKind::Internal,
        // A column that does not hold what it was written with.
        None => StoreErrorKind::Damaged,
    };
    StoreError::new(kind, format_args!("{doing}: {error}"))
}

/// A whole row of ours that cannot be what it is.
pub(super) fn strange(what: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Damaged, what)
}

pub(super) fn micros(at: UtcTime) -> i64 {
    at.seconds.0.saturating_mul(1_000_000).saturating_add(i64::from(at.micros))
}

pub(super) fn utc(micros: i64) -> UtcTime {
    let rest = u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0);
    UtcTime { seconds: UtcSeconds(micros.div_euclid(1_000_000)), micros: rest }
}

pub(super) fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

pub(super) fn number(stored: i64) -> RequestNumber {
    RequestNumber(stored.cast_unsigned())
}

pub(super) fn most(wanted: usize, usual: usize) -> i64 {
    i64::try_from(if wanted == 0 { usual } else { wanted }).unwrap_or(i64::MAX)
}

/// Text that may be bytes: kept as SQLite text when it is UTF-8, else as a blob.
pub(super) struct Loose<'a>(pub(super) &'a Text);

impl ToSql for Loose<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(loose(Some(self.0)))
    }
}

pub(super) fn loose(text: Option<&Text>) -> ToSqlOutput<'_> {
    let Some(text) = text else { return ToSqlOutput::Borrowed(ValueRef::Null) };
    text.as_str().map_or_else(
        || ToSqlOutput::Owned(Value::Blob(raw(text))),
        |text| ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
    )
}

fn raw(text: &Text) -> Vec<u8> {
    text.to_bytes(Charset::Utf8).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

/// Reads what [`loose`] wrote.
pub(super) fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Text>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(Text::from_bytes(bytes, Charset::Utf8)),
        ValueRef::Integer(number) => Some(number.to_string().into()),
        ValueRef::Real(number) => Some(number.to_string().into()),
    })
}

pub(super) fn read_phone(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Phone>> {
    Ok(text(row, column)?.map(Phone::from))
}

pub(super) fn read_customer(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<CustomerId>> {
    Ok(text(row, column)?.map(CustomerId::from))
}

/// DBIDs as `301,302`.
pub(super) fn dbids(list: &[AppDbid]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

pub(super) fn read_dbids(text: &str) -> Vec<AppDbid> {
    text.split(',').filter_map(|dbid| dbid.parse().ok()).map(AppDbid).collect()
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::new(StoreErrorKind::Internal, error))
}

pub(super) fn read_json<T: for<'a> Deserialize<'a>>(text: Option<String>, what: &str) -> Result<Vec<T>, StoreError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|error| strange(format_args!("{what}: {error}")))
}

/// [`RecordedAnswer`] as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct AnswerRow {
    ocs: i32,
    result: String,
    event: Option<i32>,
    code: Option<i32>,
    text: Option<String>,
    status: Option<i32>,
    why: Option<String>,
    took_us: i64,
}

impl From<&RecordedAnswer> for AnswerRow {
    fn from(answer: &RecordedAnswer) -> Self {
        Self {
            ocs: answer.ocs.0,
            result: answer.result.to_string(),
            event: answer.event.map(|event| event.0),
            code: answer.code.map(|code| code.0),
            text: answer.text.clone(),
            status: answer.status.map(|status| status.0),
            why: answer.why.as_ref().map(ToString::to_string),
            took_us: span(answer.took),
        }
    }
}

impl From<AnswerRow> for RecordedAnswer {
    fn from(row: AnswerRow) -> Self {
        Self {
            ocs: AppDbid(row.ocs),
            result: row.result.into(),
            event: row.event.map(MessageType),
            code: row.code.map(OcsError),
            text: row.text,
            status: row.status.map(GroupCampStatus),
            why: row.why.map(Into::into),
            took: duration(row.took_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_1970_come_back() {
        for at in [(0, 0), (1_800_000_000, 999_999), (-1, 5)] {
            let at = UtcTime { seconds: UtcSeconds(at.0), micros: at.1 };
            assert_eq!(utc(micros(at)), at);
        }
    }
}
