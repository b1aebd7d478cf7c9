//! Sequences, their logs and leases in SQLite.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::engine::RequestNumber;
use crate::engine::sequence::{Act, ActOutcome, Entry, SequenceResult, StepResult, What};
use crate::message::ErrorCode;
use crate::store::sequences::{Fence, NewSequence, SequenceStore, StoredSequence, TakeLease};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::value::{failed, most, strange};
use crate::store::{Pending, StoreError, StoreErrorKind};

type Done<T> = Result<T, StoreError>;

/// The clock that leases are kept by.
const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

impl SequenceStore for SqliteStore {
    fn is_sole(&self) -> bool {
        true // the lock of the file, or a database that is in this process alone
    }

    fn take_lease(&self, take: TakeLease) -> Pending<Option<i64>> {
        self.transact(move |ledger| take_lease(&ledger.db, &take))
    }

    fn release_lease(&self, fence: Fence) -> Pending<()> {
        self.transact(move |ledger| {
            let sql = "UPDATE leases SET expires_at = 0, holder = '' WHERE name = ?1 AND holder = ?2 AND epoch = ?3";
            let released = ledger.db.execute(sql, params![fence.lease, fence.holder, fence.epoch]);
            released.map(drop).map_err(|error| failed("leases", &error))
        })
    }

    fn create_sequence(&self, new: NewSequence) -> Pending<StoredSequence> {
        self.transact(move |ledger| create(&ledger.db, new))
    }

    fn sequence(&self, number: i64) -> Pending<Option<(StoredSequence, Vec<Entry>)>> {
        self.read(move |db| {
            let Some(found) = one(db, number)? else { return Ok(None) };
            Ok(Some((found, log(db, number)?)))
        })
    }

    fn sequences(&self, before: Option<i64>, wanted: usize, open_only: bool) -> Pending<Vec<StoredSequence>> {
        self.read(move |db| {
            let sql = "SELECT * FROM sequences WHERE number < ?1 AND (NOT ?2 OR ended_at IS NULL) \
                       ORDER BY number DESC LIMIT ?3";
            let values = params![before.unwrap_or(i64::MAX), open_only, most(wanted, 100)];
            let mut statement = db.prepare_cached(sql).map_err(|error| failed("sequences", &error))?;
            let mut rows = statement.query(values).map_err(|error| failed("sequences", &error))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next().map_err(|error| failed("sequences", &error))? {
                found.push(read(row)?);
            }
            Ok(found)
        })
    }

    fn append_log(&self, fence: Fence, number: i64, entries: Vec<Entry>) -> Pending<()> {
        self.transact(move |ledger| append(&ledger.db, &fence, number, &entries))
    }

    fn ask_stop(&self, number: i64, by: String, at_ms: i64) -> Pending<Option<StoredSequence>> {
        self.transact(move |ledger| {
            let sql = "UPDATE sequences SET stop_asked_at = ?2, stop_asked_by = ?3 \
                       WHERE number = ?1 AND stop_asked_at IS NULL AND ended_at IS NULL";
            ledger.db.execute(sql, params![number, at_ms, by]).map_err(|error| failed("sequences", &error))?;
            one(&ledger.db, number)
        })
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn take_lease(db: &Connection, take: &TakeLease) -> Done<Option<i64>> {
    let whole = |error: rusqlite::Error| failed("leases", &error);
    let (ttl, grace) = (millis(take.ttl), millis(take.grace));
    if let Some(epoch) = take.epoch {
        let sql = format!(
            "UPDATE leases SET expires_at = {NOW} + ?4 WHERE name = ?1 AND holder = ?2 AND epoch = ?3 RETURNING epoch"
        );
        return db
            .query_row(&sql, params![take.name, take.holder, epoch, ttl], |row| row.get(0))
            .optional()
            .map_err(whole);
    }
    let sql = format!(
        "INSERT INTO leases VALUES (?1, ?2, 1, {NOW} + ?3) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, \
         epoch = epoch + 1, expires_at = excluded.expires_at \
         WHERE ?5 OR expires_at = 0 OR expires_at + ?4 <= {NOW} RETURNING epoch"
    );
    let values = params![take.name, take.holder, ttl, grace, take.others_are_gone];
    db.query_row(&sql, values, |row| row.get(0)).optional().map_err(whole)
}

/// Refuses what a former holder still wants to write.
fn check(db: &Connection, fence: &Fence) -> Done<()> {
    let sql = "SELECT 1 FROM leases WHERE name = ?1 AND holder = ?2 AND epoch = ?3";
    let held = db.prepare_cached(sql).and_then(|mut statement| {
        statement.query_row(params![fence.lease, fence.holder, fence.epoch], |_| Ok(())).optional()
    });
    match held.map_err(|error| failed("leases", &error))? {
        Some(()) => Ok(()),
        None => {
            let what = format!("the lease '{}' of epoch {} has another holder by now", fence.lease, fence.epoch);
            Err(StoreError::new(StoreErrorKind::Fenced, what))
        }
    }
}

fn create(db: &Connection, new: NewSequence) -> Done<StoredSequence> {
    let whole = |error: rusqlite::Error| failed("sequences", &error);
    if let Some((key, body)) = &new.key {
        let sql = "SELECT number, body_sha256 FROM sequences WHERE asked_by = ?1 AND idempotency_key = ?2";
        let known: Option<(i64, [u8; 32])> = db
            .query_row(sql, params![new.asked_by, key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(whole)?;
        if let Some((number, found)) = known {
            if found != *body {
                let what = format!("the idempotency key stands for sequence {number}, which had another body");
                return Err(StoreError::new(StoreErrorKind::KeyUsed, what));
            }
            return one(db, number)?.ok_or_else(|| strange("sequences: a row that was just found"));
        }
    }
    let values = params![
        new.name,
        new.run_by,
        new.asked_by,
        new.created_at,
        new.plan,
        new.source,
        new.key.as_ref().map(|(key, _)| key),
        new.key.as_ref().map(|(_, body)| body),
    ];
    db.execute(
        "INSERT INTO sequences (name, run_by, asked_by, created_at, plan, source, idempotency_key, body_sha256) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        values,
    )
    .map_err(whole)?;
    Ok(StoredSequence { number: db.last_insert_rowid(), new, stop_asked: None, ended: None })
}

fn one(db: &Connection, number: i64) -> Done<Option<StoredSequence>> {
    let whole = |error: rusqlite::Error| failed("sequences", &error);
    let mut statement = db.prepare_cached("SELECT * FROM sequences WHERE number = ?1").map_err(whole)?;
    let mut rows = statement.query([number]).map_err(whole)?;
    rows.next().map_err(whole)?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Done<StoredSequence> {
    let whole = |error: rusqlite::Error| failed("sequences", &error);
    let fields = || -> rusqlite::Result<_> {
        let key: Option<String> = row.get("idempotency_key")?;
        let new = NewSequence {
            name: row.get("name")?,
            run_by: row.get("run_by")?,
            asked_by: row.get("asked_by")?,
            created_at: row.get("created_at")?,
            plan: row.get("plan")?,
            source: row.get("source")?,
            key: key.zip(row.get::<_, Option<[u8; 32]>>("body_sha256")?),
        };
        let stop: (Option<i64>, Option<String>) = (row.get("stop_asked_at")?, row.get("stop_asked_by")?);
        let ended: (Option<i64>, Option<String>) = (row.get("ended_at")?, row.get("result")?);
        Ok((row.get::<_, i64>("number")?, new, stop.0.zip(stop.1), ended.0.zip(ended.1)))
    };
    let (number, new, stop_asked, ended) = fields().map_err(whole)?;
    let ended = match ended {
        None => None,
        Some((at, word)) => {
            let result = SequenceResult::from_slug(&word);
            Some((at, result.ok_or_else(|| strange(format_args!("sequences: result '{word}' of {number}")))?))
        }
    };
    Ok(StoredSequence { number, new, stop_asked, ended })
}

fn append(db: &Connection, fence: &Fence, number: i64, entries: &[Entry]) -> Done<()> {
    let whole = |error: rusqlite::Error| failed("sequence_log", &error);
    check(db, fence)?;
    let sql = "INSERT INTO sequence_log SELECT ?1, ifnull(max(n), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 \
               FROM sequence_log WHERE sequence = ?1";
    for entry in entries {
        let (mut act, mut attempt, mut result, mut code, mut request) = (None, None, None, None, None);
        let what = match entry.what {
            What::Intent { act: it, attempt: nth, then } => {
                (act, attempt, result) = (Some(it.slug()), Some(nth), then.map(StepResult::slug));
                "intent"
            }
            What::Outcome { act: it, attempt: nth, outcome, request: of } => {
                (act, attempt, result) = (Some(it.slug()), Some(nth), Some(outcome.slug()));
                if let ActOutcome::Refused(found) = outcome {
                    code = found.map(|code| code.0);
                }
                request = of.map(|number| number.0.cast_signed());
                "outcome"
            }
            What::Failed => "failed",
            What::StepEnded(end) => {
                result = Some(end.slug());
                "step_ended"
            }
            What::Ended(end) => {
                result = Some(end.slug());
                "ended"
            }
        };
        let step = i64::try_from(entry.step).unwrap_or(i64::MAX);
        let values =
            params![number, entry.at_ms, step, what, act, attempt, result, code, request, entry.detail, fence.epoch];
        db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(whole)?;
        if let What::Ended(end) = entry.what {
            let sql = "UPDATE sequences SET ended_at = ?2, result = ?3 WHERE number = ?1 AND ended_at IS NULL";
            db.execute(sql, params![number, entry.at_ms, end.slug()]).map_err(whole)?;
        }
    }
    Ok(())
}

fn log(db: &Connection, number: i64) -> Done<Vec<Entry>> {
    let whole = |error: rusqlite::Error| failed("sequence_log", &error);
    let sql = "SELECT * FROM sequence_log WHERE sequence = ?1 ORDER BY n";
    let mut statement = db.prepare_cached(sql).map_err(whole)?;
    let mut rows = statement.query([number]).map_err(whole)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(whole)? {
        let found = entry(row).map_err(whole)?;
        entries
            .push(found.ok_or_else(|| strange(format_args!("sequence_log: row {} of {number}", entries.len() + 1)))?);
    }
    Ok(entries)
}

/// `None` = words that this program does not write.
fn entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let text = |column: &str| row.get::<_, Option<String>>(column);
    let act = text("act")?.and_then(|word| Act::from_slug(&word));
    let (attempt, result): (Option<u32>, _) = (row.get("attempt")?, text("result")?);
    let code = row.get::<_, Option<i32>>("code")?.map(ErrorCode);
    let request = row.get::<_, Option<i64>>("request")?.map(|number| RequestNumber(number.cast_unsigned()));
    let step_result = || result.as_deref().and_then(StepResult::from_slug);
    let what = match row.get::<_, String>("what")?.as_str() {
        "intent" => act.zip(attempt).map(|(act, attempt)| What::Intent { act, attempt, then: step_result() }),
        "outcome" => result.as_deref().and_then(|word| ActOutcome::from_slug(word, code)).and_then(|outcome| {
            act.zip(attempt).map(|(act, attempt)| What::Outcome { act, attempt, outcome, request })
        }),
        "failed" => Some(What::Failed),
        "step_ended" => step_result().map(What::StepEnded),
        "ended" => result.as_deref().and_then(SequenceResult::from_slug).map(What::Ended),
        _ => None,
    };
    let step = usize::try_from(row.get::<_, i64>("step")?).unwrap_or(usize::MAX);
    let (at_ms, detail) = (row.get("at")?, text("detail")?);
    Ok(what.map(|what| Entry { at_ms, step, what, detail }))
}
