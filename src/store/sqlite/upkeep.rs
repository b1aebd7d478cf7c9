//! Removing what is old, copying all of it, reading all of it through.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, backup::Backup, params};

use crate::engine::RequestNumber;
use crate::protocol::UtcTime;
use crate::store::sqlite::apply::{Evidence, Ledger, int, text};
use crate::store::sqlite::evidence::{purge_note, verify};
use crate::store::sqlite::open::{integrity, schema_of};
use crate::store::sqlite::tables::counts;
use crate::store::sqlite::value::{failed, micros};
use crate::store::{Chain, CheckReport, Hash, Head, Purged, Retention, StoreError, StoreErrorKind};

/// Rows that one transaction removes, so that nobody waits long for the writer.
const PURGE_ROWS: usize = 1_000;
/// Pages that one step of a backup copies.
const BACKUP_PAGES: i32 = 512;

/// Removes some of what is old. `true`: there may be more.
pub(super) fn purge_some(ledger: &mut Ledger, what: &Retention, purged: &mut Purged) -> Result<bool, StoreError> {
    let heads = ledger.heads;
    let result = ledger.db.execute_batch("BEGIN IMMEDIATE").map_err(|error| failed("purge", &error)).and_then(|()| {
        let mut more = false;
        more |= rows(&mut purged.keys, ledger, what.keys, "idempotency", REMOVE_KEYS)?;
        more |= rows(&mut purged.requests, ledger, what.journal, "requests", REMOVE_REQUESTS)?;
        if let Some(before) = what.journal {
            let removed = ledger.db.execute(REMOVE_SEQUENCES, [micros(before) / 1_000]);
            removed.map_err(|error| failed("sequences", &error))?;
        }
        more |= chain(&mut purged.audit, ledger, Chain::Audit, what.audit, what.at)?;
        more |= chain(&mut purged.dnc, ledger, Chain::Dnc, what.dnc, what.at)?;
        if !more {
            purged.expired += expire(ledger, what)?;
        }
        ledger.rows().keep_heads(&heads)?;
        ledger.db.execute_batch("COMMIT").map_err(|error| failed("purge", &error))?;
        Ok(more)
    });
    if result.is_err() {
        ledger.heads = heads;
        if !ledger.db.is_autocommit() {
            let _ = ledger.db.execute_batch("ROLLBACK"); // else it is rolled back when the connection closes
        }
    }
    result
}

const REMOVE_KEYS: &str = "DELETE FROM idempotency WHERE (subject, key) IN \
                           (SELECT subject, key FROM idempotency WHERE at < ?1 LIMIT ?2)";
/// Dead letters wait for somebody who looks at them.
const REMOVE_REQUESTS: &str = "DELETE FROM requests WHERE number IN (SELECT number FROM requests \
                               WHERE accepted_at < ?1 AND ended_at IS NOT NULL AND dead_at IS NULL LIMIT ?2)";

/// Few, and their logs are short.
const REMOVE_SEQUENCES: &str = "DELETE FROM sequences WHERE ended_at < ?1";

fn rows(count: &mut u64, ledger: &Ledger, before: Option<UtcTime>, table: &str, sql: &str) -> Result<bool, StoreError> {
    let Some(before) = before else { return Ok(false) };
    let removed =
        ledger.db.execute(sql, params![micros(before), PURGE_ROWS as i64]).map_err(|error| failed(table, &error))?;
    *count += removed as u64;
    Ok(removed == PURGE_ROWS)
}

/// Removes the oldest rows of a chain, moves its anchor, and says so in a row of the chain. Evidence of an entry that
/// an OCS has still to confirm stays, and so does everything after it.
fn chain(
    count: &mut u64,
    ledger: &mut Ledger,
    chain: Chain,
    before: Option<UtcTime>,
    at: UtcTime,
) -> Result<bool, StoreError> {
    let Some(before) = before else { return Ok(false) };
    let whole = |error: rusqlite::Error| failed(chain.table(), &error);
    let open = match chain {
        Chain::Dnc => "OR request IN (SELECT request FROM dnc_deliveries WHERE confirmed_at IS NULL)",
        Chain::Audit => "",
    };
    // The rows before the first that must stay: rows come in the order of their times, but for steps of the clock.
    let first: Option<i64> = ledger
        .db
        .query_row(&format!("SELECT min(row) FROM {} WHERE at >= ?1 {open}", chain.table()), [micros(before)], |row| {
            row.get(0)
        })
        .map_err(whole)?;
    let end = first.unwrap_or_else(|| ledger.heads[chain as usize].count.cast_signed() + 1);
    let last: Option<(i64, Hash)> = {
        let sql = format!("SELECT row, hash FROM {} WHERE row < ?1 ORDER BY row LIMIT ?2", chain.table());
        let mut statement = ledger.db.prepare(&sql).map_err(whole)?;
        let mut rows = statement.query(params![end, PURGE_ROWS as i64]).map_err(whole)?;
        let mut last = None;
        while let Some(row) = rows.next().map_err(whole)? {
            last = Some((row.get(0).map_err(whole)?, row.get(1).map_err(whole)?));
        }
        last
    };
    let Some((last, hash)) = last else { return Ok(false) };
    // A lone row that says what was removed before is not removed only to say it again.
    let (column, purged, _) = chain.purge_words();
    let sql = format!("SELECT count(*) FROM {} WHERE row <= ?1 AND {column} <> ?2", chain.table());
    let real: i64 = ledger.db.query_row(&sql, params![last, purged], |row| row.get(0)).map_err(whole)?;
    if real == 0 {
        return Ok(false);
    }
    if chain == Chain::Dnc {
        let sql = "DELETE FROM dnc_deliveries WHERE request IN \
                   (SELECT request FROM dnc_evidence WHERE row <= ?1 AND event = 'asked')";
        ledger.db.execute(sql, [last]).map_err(whole)?;
    }
    let sql = format!("DELETE FROM {} WHERE row <= ?1", chain.table());
    let removed = ledger.db.execute(&sql, [last]).map_err(whole)?;
    ledger
        .db
        .execute(
            "UPDATE chain_heads SET purged_to = ?2, purged_hash = ?3 WHERE chain = ?1",
            params![chain.slug(), last, hash],
        )
        .map_err(whole)?;
    let note = purge_note(last.cast_unsigned(), &hash);
    let evidence = Evidence { note: Some(&note), ..Evidence::new("purged", micros(at), RequestNumber(0)) };
    let (null, words) = (int(None), |words| text(Some(words)));
    let audit = [
        int(Some(micros(at))),
        words("purged"),
        null.clone(),
        words("retention"),
        null.clone(),
        null,
        words("done"),
        words(&note),
    ];
    match chain {
        Chain::Dnc => ledger.rows().chained(chain, &evidence.values())?,
        Chain::Audit => ledger.rows().chained(chain, &audit)?,
    }
    *count += removed as u64;
    Ok(removed == PURGE_ROWS)
}

/// Entries that have expired, and of which no evidence is left that would miss them.
fn expire(ledger: &Ledger, what: &Retention) -> Result<u64, StoreError> {
    let Some(before) = what.dnc else { return Ok(0) };
    let sql = "DELETE FROM gsw_donotcall_list WHERE expires_at < ?1 AND NOT EXISTS (SELECT 1 FROM dnc_evidence e \
               WHERE e.event = 'asked' AND (e.phone = gsw_donotcall_list.phone \
               OR e.customer = gsw_donotcall_list.customer_id))";
    let removed = ledger.db.execute(sql, [before.seconds.0]).map_err(|error| failed("gsw_donotcall_list", &error))?;
    Ok(removed as u64)
}

/// Copies all of it into a new file, some pages at a time; writers go on.
pub(super) fn backup(db: &Connection, file: &Path) -> Result<(), StoreError> {
    let name = file.display().to_string();
    if file.exists() {
        let what = format!("{name} is there already; a backup is written into a new file");
        return Err(StoreError::new(StoreErrorKind::Refused, what));
    }
    let copy = || -> rusqlite::Result<()> {
        let mut target = Connection::open(file)?;
        Backup::new(db, &mut target)?.run_to_completion(BACKUP_PAGES, Duration::ZERO, None)?;
        // One file, nothing beside it: what is copied elsewhere is then whole.
        target.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
    };
    copy().map_err(|error| failed(&name, &error))?;
    let synced = std::fs::File::open(file).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::new(StoreErrorKind::Io, format_args!("{name}: {error}")))
}

/// Reads everything.
pub(super) fn check(db: &Connection, kept: &[Head]) -> Result<CheckReport, StoreError> {
    let mut damage = integrity(db, "integrity_check", 20).map_err(|error| failed("integrity_check", &error))?;
    let foreign: rusqlite::Result<Vec<String>> = db.prepare("PRAGMA foreign_key_check").and_then(|mut statement| {
        let lines = statement.query_map([], |row| {
            Ok(format!(
                "a row of {} names one of {} that is not there",
                row.get::<_, String>(0)?,
                row.get::<_, String>(2)?
            ))
        })?;
        lines.collect()
    });
    damage.extend(foreign.map_err(|error| failed("foreign_key_check", &error))?);
    Ok(CheckReport {
        damage,
        schema: schema_of(db).map_err(|error| failed("user_version", &error))?,
        chains: Chain::ALL.into_iter().map(|chain| verify(db, chain, kept)).collect::<Result<_, _>>()?,
        counts: counts(db)?,
    })
}
