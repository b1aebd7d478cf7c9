//! Match keys: which kinds are indexed, and how one becomes so.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use crate::contact::MatchKey;
use crate::store::StoreError;
use crate::store::sqlite::contacts::rows;
use crate::store::sqlite::value::{failed, json, strange};

/// Contacts that one transaction of a filling looks at.
const FILL_CONTACTS: i64 = 1_000;

/// A kind of key that is kept for every contact.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) number: i64,
    pub(super) key: MatchKey,
    /// Attributes that hold mail addresses; only a key of mail addresses has them.
    pub(super) emails: Vec<String>,
}

/// How a kind is written down.
#[derive(Serialize, Deserialize)]
struct Name(MatchKey, Vec<String>);

fn sql(error: &rusqlite::Error) -> StoreError {
    failed("indexed_keys", error)
}

fn name(key: &MatchKey, emails: &[String]) -> Result<String, StoreError> {
    let mut emails = if *key == MatchKey::Email { emails.to_vec() } else { Vec::new() };
    emails.sort();
    json(&Name(key.clone(), emails))
}

/// All kinds that are kept.
pub(super) fn kinds(db: &Connection) -> Result<Vec<Kind>, StoreError> {
    let mut all = db.prepare_cached("SELECT kind, name FROM indexed_keys").map_err(|error| sql(&error))?;
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(|error| sql(&error))?;
    let mut kinds = Vec::new();
    for row in rows {
        let (number, name) = row.map_err(|error| sql(&error))?;
        let Name(key, emails) = serde_json::from_str(&name).map_err(|_| strange("indexed_keys: a name"))?;
        kinds.push(Kind { number, key, emails });
    }
    Ok(kinds)
}

/// The number of a kind, which is kept from now on.
pub(super) fn kind(db: &Connection, key: &MatchKey, emails: &[String]) -> Result<i64, StoreError> {
    let name = name(key, emails)?;
    let text = "INSERT INTO indexed_keys (name, done_to, ready) VALUES (?1, 0, 0) ON CONFLICT DO NOTHING";
    let mut add = db.prepare_cached(text).map_err(|error| sql(&error))?;
    add.execute([&name]).map_err(|error| sql(&error))?;
    let mut find = db.prepare_cached("SELECT kind FROM indexed_keys WHERE name = ?1").map_err(|error| sql(&error))?;
    find.query_row([&name], |row| row.get(0)).map_err(|error| sql(&error))
}

/// The number of a kind, when it is kept.
pub(super) fn known(db: &Connection, key: &MatchKey, emails: &[String]) -> Result<Option<i64>, StoreError> {
    let name = name(key, emails)?;
    let mut find = db.prepare_cached("SELECT kind FROM indexed_keys WHERE name = ?1").map_err(|error| sql(&error))?;
    find.query_row([&name], |row| row.get(0)).optional().map_err(|error| sql(&error))
}

/// Whether every contact is found by a kind.
pub(super) fn is_ready(db: &Connection, kind: i64) -> Result<bool, StoreError> {
    let mut find = db.prepare_cached("SELECT ready FROM indexed_keys WHERE kind = ?1").map_err(|error| sql(&error))?;
    find.query_row([kind], |row| row.get(0)).map_err(|error| sql(&error))
}

/// Fills a kind for the next contacts; true = there are more. New contacts bring their keys themselves.
pub(super) fn fill_some(db: &Connection, number: i64) -> Result<bool, StoreError> {
    let Some(kind) = kinds(db)?.into_iter().find(|kind| kind.number == number) else { return Ok(false) };
    let done: (i64, bool) = db
        .query_row("SELECT done_to, ready FROM indexed_keys WHERE kind = ?1", [number], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(|error| sql(&error))?;
    if done.1 {
        return Ok(false);
    }
    let text = format!("SELECT {} FROM contacts WHERE number > ?1 ORDER BY number LIMIT ?2", rows::CONTACT);
    let mut next = db.prepare_cached(&text).map_err(|error| sql(&error))?;
    let mut found = next.query(params![done.0, FILL_CONTACTS]).map_err(|error| sql(&error))?;
    let mut put = db
        .prepare_cached(
            "INSERT INTO contact_keys (kind, value, list, number) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )
        .map_err(|error| sql(&error))?;
    let (mut last, mut seen) = (done.0, 0);
    while let Some(row) = found.next().map_err(|error| sql(&error))? {
        let contact = rows::contact(row)?;
        (last, seen) = (contact.number, seen + 1);
        for key in kind.values(&contact) {
            put.execute(params![number, key.value, contact.list.unwrap_or(0), contact.number])
                .map_err(|error| sql(&error))?;
        }
    }
    let more = seen == FILL_CONTACTS;
    db.execute("UPDATE indexed_keys SET done_to = ?2, ready = ?3 WHERE kind = ?1", params![number, last, !more])
        .map_err(|error| sql(&error))?;
    Ok(more)
}
