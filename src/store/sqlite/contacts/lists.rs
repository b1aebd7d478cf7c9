//! Calling lists with the settings of an import, and the numbers that go on from one transaction to the next.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::contact::CallingList;
use crate::store::contacts::{ListChange, ListRow, new_list, refused};
use crate::store::sqlite::value::{failed, json, strange};
use crate::store::{StoreError, StoreErrorKind};

/// The user column of a list that names none: engine and interfaces find the customer id there.
pub(in crate::store::sqlite) const CUSTOMER_COLUMN: &str = "customer_id";

const COLUMNS: &str = "l.id, l.uid, l.name, l.customer_column, l.settings, l.version, l.created_at, l.modified_at, \
                       l.size, (SELECT j.id FROM import_jobs j WHERE j.number = l.last_job) AS job";

type Read<T> = Result<T, StoreError>;

fn sql(error: &rusqlite::Error) -> StoreError {
    failed("calling_lists", error)
}

/// What a list without settings is taken for: one that a campaign has made.
fn plain(name: &str, customer_column: String) -> CallingList {
    CallingList {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string(),
        customer_column: (customer_column != CUSTOMER_COLUMN).then_some(customer_column),
        ..new_list(name)
    }
}

fn list(row: &Row<'_>) -> Read<ListRow> {
    let read = || -> rusqlite::Result<_> {
        let parts: (i64, Option<String>, String, String, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let rest: (i64, i64, i64, i64, Option<String>) =
            (row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?);
        Ok((parts, rest))
    };
    let ((number, uid, name, customer_column, settings), (version, created_at, modified_at, size, last_job)) =
        read().map_err(|error| sql(&error))?;
    let mut list = match settings {
        Some(settings) => serde_json::from_str(&settings).map_err(|_| strange("calling_lists: settings of a list"))?,
        None => plain(&name, customer_column),
    };
    (list.number, list.name, list.version) = (number, name, version);
    if let Some(uid) = uid {
        list.id = uid;
    }
    Ok(ListRow { list, size: u64::try_from(size).unwrap_or(0), created_at, modified_at, last_job })
}

pub(super) fn all(db: &Connection) -> Read<Vec<ListRow>> {
    let text = format!("SELECT {COLUMNS} FROM calling_lists l ORDER BY l.name");
    let mut all = db.prepare_cached(&text).map_err(|error| sql(&error))?;
    let mut rows = all.query([]).map_err(|error| sql(&error))?;
    let mut lists = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql(&error))? {
        lists.push(list(row)?);
    }
    Ok(lists)
}

fn one(db: &Connection, number: i64) -> Read<Option<ListRow>> {
    let text = format!("SELECT {COLUMNS} FROM calling_lists l WHERE l.id = ?1");
    let mut one = db.prepare_cached(&text).map_err(|error| sql(&error))?;
    let mut rows = one.query([number]).map_err(|error| sql(&error))?;
    match rows.next().map_err(|error| sql(&error))? {
        Some(row) => list(row).map(Some),
        None => Ok(None),
    }
}

fn number_of_name(db: &Connection, name: &str) -> Read<Option<(i64, bool)>> {
    db.query_row("SELECT id, settings IS NOT NULL FROM calling_lists WHERE name = ?1", [name], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .optional()
    .map_err(|error| sql(&error))
}

pub(super) fn create(db: &Connection, mut list: CallingList, at: i64) -> Read<ListRow> {
    if number_of_name(db, &list.name)?.is_some() {
        return Err(StoreError::new(StoreErrorKind::Refused, "a list with this name is there already"));
    }
    if list.id.is_empty() {
        list.id = Uuid::new_v4().to_string();
    }
    list.version = 1;
    let settings = json(&list)?;
    let customer = list.customer_column.as_deref().unwrap_or(CUSTOMER_COLUMN);
    // The number of a list that is gone stays that list's: a job of it may still be undone.
    db.execute(
        "INSERT INTO calling_lists (id, name, enabled, customer_column, uid, settings, version, created_at, modified_at) \
         SELECT max(ifnull((SELECT max(id) FROM calling_lists), 0), ifnull((SELECT max(list) FROM import_jobs), 0)) + 1, \
         ?1, 1, ?2, ?3, ?4, 1, ?5, ?5",
        params![list.name, customer, list.id, settings, at],
    )
    .map_err(|error| sql(&error))?;
    one(db, db.last_insert_rowid())?.ok_or_else(|| strange("calling_lists: a list that was just made"))
}

pub(super) fn change(db: &Connection, mut list: CallingList, version: i64, at: i64) -> Read<ListChange> {
    let Some(stored) = one(db, list.number)? else { return Ok(ListChange::Unknown) };
    if stored.list.version != version {
        return Ok(ListChange::Stale(stored.list.version));
    }
    if number_of_name(db, &list.name)?.is_some_and(|(number, _)| number != list.number) {
        return Ok(ListChange::NameTaken);
    }
    list.id = stored.list.id;
    list.version = version + 1;
    let settings = json(&list)?;
    let customer = list.customer_column.as_deref().unwrap_or(CUSTOMER_COLUMN);
    db.execute(
        "UPDATE calling_lists SET name = ?2, customer_column = ?3, uid = ?4, settings = ?5, version = ?6, \
         modified_at = ?7, created_at = iif(created_at = 0, ?7, created_at) WHERE id = ?1",
        params![list.number, list.name, customer, list.id, settings, list.version, at],
    )
    .map_err(|error| sql(&error))?;
    Ok(one(db, list.number)?.map_or(ListChange::Unknown, |row| ListChange::Changed(Box::new(row))))
}

/// A list goes when no contact is in it any more.
pub(super) fn delete(db: &Connection, number: i64) -> Read<bool> {
    let has: bool = db
        .query_row("SELECT EXISTS (SELECT 1 FROM contacts WHERE list = ?1)", [number], |row| row.get(0))
        .map_err(|error| sql(&error))?;
    if has {
        return Err(refused("the list still has contacts"));
    }
    let gone = db.execute("DELETE FROM calling_lists WHERE id = ?1", [number]).map_err(|error| sql(&error))?;
    Ok(gone > 0)
}

/// A list while contacts are written to it.
#[derive(Debug)]
pub(super) struct ListState {
    pub(super) list: CallingList,
    /// By how much it has grown.
    pub(super) size: i64,
    pub(super) next_record: i64,
    /// Smallest number that no chain of the list has.
    pub(super) next_chain: i64,
}

impl ListState {
    pub(super) fn read(db: &Connection, number: i64, known: Option<&CallingList>) -> Read<Self> {
        let list = match known {
            Some(list) => list.clone(),
            None => match one(db, number)? {
                Some(row) => row.list,
                None => return Err(refused(format_args!("there is no calling list {number}"))),
            },
        };
        let text = "SELECT max(next_record, (SELECT ifnull(max(record_id), 0) + 1 FROM main.calling_records \
                    WHERE list = ?1)), (SELECT ifnull(max(chain_id), 0) + 1 FROM main.calling_records WHERE list = ?1) \
                    FROM calling_lists WHERE id = ?1";
        let mut next = db.prepare_cached(text).map_err(|error| sql(&error))?;
        let found = next.query_row([number], |row| Ok((row.get(0)?, row.get(1)?))).optional();
        let Some((next_record, next_chain)) = found.map_err(|error| sql(&error))? else {
            return Err(refused(format_args!("there is no calling list {number}")));
        };
        Ok(Self { list, size: 0, next_record, next_chain })
    }
}

/// The number of the next contact.
pub(super) fn next_contact(db: &Connection) -> Read<i64> {
    let mut next =
        db.prepare_cached("SELECT next_contact FROM contact_numbers").map_err(|error| failed("contacts", &error))?;
    next.query_row([], |row| row.get(0)).map_err(|error| failed("contacts", &error))
}

/// Writes where numbers go on, and how large lists are.
pub(super) fn keep<'a>(
    db: &Connection,
    next_contact: i64,
    lists: impl Iterator<Item = &'a ListState>,
) -> Result<(), StoreError> {
    let text = "UPDATE contact_numbers SET next_contact = ?1 WHERE next_contact < ?1";
    let mut next = db.prepare_cached(text).map_err(|error| sql(&error))?;
    next.execute([next_contact]).map_err(|error| sql(&error))?;
    let text = "UPDATE calling_lists SET size = max(0, size + ?2), next_record = max(next_record, ?3) WHERE id = ?1";
    let mut size = db.prepare_cached(text).map_err(|error| sql(&error))?;
    for state in lists {
        size.execute(params![state.list.number, state.size, state.next_record]).map_err(|error| sql(&error))?;
    }
    Ok(())
}
