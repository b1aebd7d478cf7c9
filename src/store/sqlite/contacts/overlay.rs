//! A picture of the store for a validation: earlier records of the file are seen, and nothing is written.
//!
//! Views of a connection's own carry the names of the tables. What a record would change goes into temporary tables,
//! which SQLite spills into a file, so memory stays flat.

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;
use crate::store::contacts::{DryRun, Piece};
use crate::store::sqlite::contacts::apply::{Place, Start};
use crate::store::sqlite::contacts::piece;
use crate::store::sqlite::value::failed;

/// Numbers of contacts that only a validation has made: behind all that a store gives out.
const NUMBERS: i64 = 1 << 40;

/// KiB that temporary tables keep in memory.
const CACHE_KIB: i32 = 8_192;

const VIEWS: &str = "
CREATE TEMP TABLE over_gone (number INTEGER PRIMARY KEY);
CREATE TEMP TABLE over_contacts (
    number INTEGER PRIMARY KEY, list INTEGER, id TEXT, callable INTEGER, attributes TEXT, phones TEXT,
    external_ids TEXT, organisation INTEGER, customer_id TEXT, version INTEGER, job INTEGER, touched INTEGER,
    created_at INTEGER, updated_at INTEGER
);
CREATE INDEX temp.over_contacts_id ON over_contacts (list, id);
CREATE TEMP VIEW contacts AS
    SELECT number, list, id, callable, attributes, phones, external_ids, organisation, customer_id, version, job,
        touched, created_at, updated_at FROM over_contacts
    UNION ALL
    SELECT number, list, id, callable, attributes, phones, external_ids, organisation, customer_id, version, job,
        touched, created_at, updated_at FROM main.contacts c
        WHERE NOT EXISTS (SELECT 1 FROM over_gone g WHERE g.number = c.number);
CREATE TEMP TRIGGER contacts_changed INSTEAD OF UPDATE ON contacts BEGIN
    INSERT INTO over_gone VALUES (old.number) ON CONFLICT DO NOTHING;
    DELETE FROM over_contacts WHERE number = old.number;
    INSERT INTO over_contacts VALUES (new.number, new.list, new.id, new.callable, new.attributes, new.phones,
        new.external_ids, new.organisation, new.customer_id, new.version, new.job, new.touched, new.created_at,
        new.updated_at);
END;
CREATE TEMP TRIGGER contacts_gone INSTEAD OF DELETE ON contacts BEGIN
    INSERT INTO over_gone VALUES (old.number) ON CONFLICT DO NOTHING;
    DELETE FROM over_contacts WHERE number = old.number;
END;

CREATE TEMP TABLE over_keys (
    kind INTEGER, value TEXT, list INTEGER, number INTEGER, gone INTEGER, PRIMARY KEY (kind, value, list, number)
) WITHOUT ROWID;
CREATE TEMP VIEW contact_keys AS
    SELECT kind, value, list, number FROM over_keys WHERE NOT gone
    UNION ALL
    SELECT kind, value, list, number FROM main.contact_keys k WHERE NOT EXISTS (SELECT 1 FROM over_keys o
        WHERE o.kind = k.kind AND o.value = k.value AND o.list = k.list AND o.number = k.number);
CREATE TEMP TRIGGER keys_come INSTEAD OF INSERT ON contact_keys BEGIN
    INSERT INTO over_keys VALUES (new.kind, new.value, new.list, new.number, 0)
        ON CONFLICT DO UPDATE SET gone = 0;
END;
CREATE TEMP TRIGGER keys_gone INSTEAD OF DELETE ON contact_keys BEGIN
    INSERT INTO over_keys VALUES (old.kind, old.value, old.list, old.number, 1)
        ON CONFLICT DO UPDATE SET gone = 1;
END;

CREATE TEMP TABLE over_organisations (
    number INTEGER PRIMARY KEY, source TEXT, value TEXT, name TEXT, attributes TEXT, job INTEGER, updated_at INTEGER,
    UNIQUE (source, value)
);
CREATE TEMP VIEW organisations AS
    SELECT number, source, value, name, attributes, job, updated_at FROM over_organisations
    UNION ALL
    SELECT number, source, value, name, attributes, job, updated_at FROM main.organisations m
        WHERE NOT EXISTS (SELECT 1 FROM over_organisations o WHERE o.number = m.number);
CREATE TEMP TRIGGER organisations_come INSTEAD OF INSERT ON organisations BEGIN
    INSERT INTO over_organisations VALUES (new.number, new.source, new.value, new.name, new.attributes, new.job,
        new.updated_at);
END;
CREATE TEMP TRIGGER organisations_change INSTEAD OF UPDATE ON organisations BEGIN
    INSERT OR REPLACE INTO over_organisations VALUES (new.number, new.source, new.value, new.name, new.attributes,
        new.job, new.updated_at);
END;

CREATE TEMP TABLE over_records (
    list INTEGER, record_id INTEGER, contact_info TEXT, contact_info_type INTEGER, record_type INTEGER,
    record_status INTEGER, call_result INTEGER, attempt INTEGER, dial_sched_time INTEGER, call_time INTEGER,
    daily_from INTEGER, daily_till INTEGER, tz_dbid INTEGER, agent_id TEXT, chain_id INTEGER, chain_n INTEGER,
    gone INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (list, record_id)
) WITHOUT ROWID;
CREATE INDEX temp.over_records_chain ON over_records (list, chain_id);
CREATE TEMP VIEW calling_records AS
    SELECT list, record_id, contact_info, contact_info_type, record_type, record_status, call_result, attempt,
        dial_sched_time, call_time, daily_from, daily_till, tz_dbid, agent_id, chain_id, chain_n
        FROM over_records WHERE NOT gone
    UNION ALL
    SELECT list, record_id, contact_info, contact_info_type, record_type, record_status, call_result, attempt,
        dial_sched_time, call_time, daily_from, daily_till, tz_dbid, agent_id, chain_id, chain_n
        FROM main.calling_records r
        WHERE NOT EXISTS (SELECT 1 FROM over_records o WHERE o.list = r.list AND o.record_id = r.record_id);
CREATE TEMP TRIGGER records_come INSTEAD OF INSERT ON calling_records BEGIN
    INSERT OR REPLACE INTO over_records VALUES (new.list, new.record_id, new.contact_info, new.contact_info_type,
        new.record_type, new.record_status, new.call_result, new.attempt, new.dial_sched_time, new.call_time,
        new.daily_from, new.daily_till, new.tz_dbid, new.agent_id, new.chain_id, new.chain_n, 0);
END;
CREATE TEMP TRIGGER records_change INSTEAD OF UPDATE ON calling_records BEGIN
    INSERT OR REPLACE INTO over_records VALUES (new.list, new.record_id, new.contact_info, new.contact_info_type,
        new.record_type, new.record_status, new.call_result, new.attempt, new.dial_sched_time, new.call_time,
        new.daily_from, new.daily_till, new.tz_dbid, new.agent_id, new.chain_id, new.chain_n, 0);
END;
CREATE TEMP TRIGGER records_gone INSTEAD OF DELETE ON calling_records BEGIN
    INSERT OR REPLACE INTO over_records VALUES (old.list, old.record_id, old.contact_info, old.contact_info_type,
        old.record_type, old.record_status, old.call_result, old.attempt, old.dial_sched_time, old.call_time,
        old.daily_from, old.daily_till, old.tz_dbid, old.agent_id, old.chain_id, old.chain_n, 1);
END;
";

/// A validation's own connection.
pub(super) struct Overlay {
    db: Connection,
    /// `None` = the copy counts by itself.
    next: Option<Start>,
    place: Place,
}

fn sql(error: &rusqlite::Error) -> StoreError {
    failed("the picture of a validation", error)
}

impl Overlay {
    /// Beside the writer of a file.
    pub(super) fn beside(file: &std::path::Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(file, flags).map_err(|error| sql(&error))?;
        let set_up = || -> rusqlite::Result<()> {
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            db.set_prepared_statement_cache_capacity(96);
            db.pragma_update(None, "temp_store", "file")?;
            db.execute_batch(VIEWS)?;
            db.pragma_update(Some("temp"), "cache_size", -CACHE_KIB)?;
            db.pragma_update_and_check(Some("temp"), "journal_mode", "off", |_| Ok(()))?;
            db.pragma_update(Some("temp"), "synchronous", "off")
        };
        set_up().map_err(|error| sql(&error))?;
        Ok(Self { db, next: Some(Start { contact: NUMBERS, record: NUMBERS }), place: Place::Overlay })
    }

    /// Of a store in memory, which nobody else can look into: a copy, which may be written.
    pub(super) fn copy_of(db: &Connection) -> Result<Self, StoreError> {
        let copy = || -> rusqlite::Result<Connection> {
            let mut to = Connection::open_in_memory()?;
            rusqlite::backup::Backup::new(db, &mut to)?.run_to_completion(10_000, std::time::Duration::ZERO, None)?;
            Ok(to)
        };
        let db = copy().map_err(|error| sql(&error))?;
        Ok(Self { db, next: None, place: Place::Live })
    }
}

impl DryRun for Overlay {
    fn apply(&mut self, work: &mut Piece, now_ms: i64) -> Result<(), StoreError> {
        self.db.execute_batch("BEGIN").map_err(|error| sql(&error))?;
        let applied = piece::records(&self.db, self.place, work, now_ms, self.next, &|| false);
        match applied {
            Ok(finished) => {
                self.next = self.next.map(|_| finished.next);
                self.db.execute_batch("COMMIT").map_err(|error| sql(&error))
            }
            Err(error) => {
                let _ = self.db.execute_batch("ROLLBACK");
                Err(error)
            }
        }
    }
}
