//! Reading contacts.

use rusqlite::{Connection, Row, params};

use crate::contact::{MatchKey, Organisation};
use crate::store::StoreError;
use crate::store::contacts::{ContactRef, StoredContact};
use crate::store::sqlite::contacts::keys;
use crate::store::sqlite::contacts::rows;
use crate::store::sqlite::value::{failed, most};

type Read<T> = Result<T, StoreError>;

fn sql(error: &rusqlite::Error) -> StoreError {
    failed("contacts", error)
}

fn stored(row: &Row<'_>) -> Read<StoredContact> {
    let contact = rows::contact(row)?;
    let job_id = row.get(13).map_err(|error| sql(&error))?;
    Ok(StoredContact { contact, job_id })
}

fn select(rest: &str) -> String {
    format!("SELECT {}, (SELECT j.id FROM import_jobs j WHERE j.number = c.job) FROM contacts c {rest}", rows::CONTACT)
}

fn all(db: &Connection, rest: &str, values: impl rusqlite::Params) -> Read<Vec<StoredContact>> {
    let mut found = db.prepare_cached(&select(rest)).map_err(|error| sql(&error))?;
    let mut rows = found.query(values).map_err(|error| sql(&error))?;
    let mut contacts = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql(&error))? {
        contacts.push(stored(row)?);
    }
    Ok(contacts)
}

pub(super) fn contact(db: &Connection, which: &ContactRef) -> Read<Option<StoredContact>> {
    let mut found = match which {
        ContactRef::Number(number) => all(db, "WHERE number = ?1", params![number])?,
        ContactRef::Id(list, id) => all(db, "WHERE list = ?1 AND id = ?2", params![list.unwrap_or(0), id])?,
    };
    Ok(found.pop())
}

pub(super) fn by_key(
    db: &Connection,
    list: Option<Option<i64>>,
    key: &MatchKey,
    emails: &[String],
    value: &str,
) -> Read<Vec<StoredContact>> {
    let Some(kind) = keys::known(db, key, emails)? else { return Ok(Vec::new()) };
    let list = list.map(|list| list.unwrap_or(0));
    all(
        db,
        "WHERE number IN (SELECT number FROM contact_keys WHERE kind = ?1 AND value = ?2 AND (?3 IS NULL OR list = ?3)) \
         ORDER BY number",
        params![kind, value, list],
    )
}

pub(super) fn after(db: &Connection, list: Option<Option<i64>>, after: i64, wanted: usize) -> Read<Vec<StoredContact>> {
    match list {
        None => all(db, "WHERE number > ?1 ORDER BY number LIMIT ?2", params![after, most(wanted, 1_000)]),
        // Numbers of one list lie together: an index of their own would slow every import down.
        Some(list) => all(
            db,
            "WHERE number > ?1 AND +list = ?2 ORDER BY number LIMIT ?3",
            params![after, list.unwrap_or(0), most(wanted, 1_000)],
        ),
    }
}

/// Number and id of the next contacts of a list, and how many images a job has.
pub(super) fn numbers(
    db: &Connection,
    list: i64,
    after: i64,
    wanted: usize,
    job: Option<i64>,
) -> Read<(Vec<(i64, String)>, i64)> {
    let mut next = db
        .prepare_cached("SELECT number, id FROM contacts WHERE number > ?1 AND +list = ?2 ORDER BY number LIMIT ?3")
        .map_err(|error| sql(&error))?;
    let values = params![after, list, most(wanted, 1_000)];
    let found = next.query_map(values, |row| Ok((row.get(0)?, row.get(1)?))).map_err(|error| sql(&error))?;
    let found = found.collect::<rusqlite::Result<_>>().map_err(|error| sql(&error))?;
    let images = db
        .query_row("SELECT ifnull(max(seq), 0) FROM before_images WHERE job = ?1", [job], |row| row.get(0))
        .map_err(|error| sql(&error))?;
    Ok((found, images))
}

pub(super) fn organisations(db: &Connection, after: i64, wanted: usize) -> Read<Vec<Organisation>> {
    let text = format!("SELECT {} FROM organisations WHERE number > ?1 ORDER BY number LIMIT ?2", rows::ORGANISATION);
    let mut found = db.prepare_cached(&text).map_err(|error| sql(&error))?;
    let mut rows = found.query(params![after, most(wanted, 100)]).map_err(|error| sql(&error))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql(&error))? {
        all.push(rows::organisation(row)?);
    }
    Ok(all)
}

/// The user columns of a contact's records: its attributes, and its customer id in the list's column for it.
pub(in crate::store::sqlite) fn user_columns(
    attributes: &str,
    customer_column: &str,
    customer_id: &str,
) -> Read<Vec<(String, String)>> {
    let mut columns = rows::attributes(attributes)?;
    if !columns.iter().any(|(name, _)| name == customer_column) {
        columns.push((customer_column.to_owned(), customer_id.to_owned()));
    }
    Ok(columns)
}
