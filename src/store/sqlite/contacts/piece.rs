//! One transaction of an import: records, their reports, the sums, the cursor.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::contact::{Counts, Outcome, RecordReport};
use crate::store::contacts::{
    BUSY_MS_MAX, BUSY_RECORDS_MAX, Called, Context, Cursor, Piece, Stop, StopReason, TRANSACTION_BYTES,
};
use crate::store::sqlite::apply::Ledger;
use crate::store::sqlite::contacts::apply::{Applier, Finished, Place, Start};
use crate::store::sqlite::contacts::jobs;
use crate::store::sqlite::value::failed;
use crate::store::sqlite::writer::is_sync;
use crate::store::{StoreError, StoreErrorKind};

/// Records between two looks at who waits.
const LOOK_EVERY: usize = 32;
/// Records between two looks at the share of bad ones.
const SHARE_EVERY: u64 = 1_000;

/// Applies records until the piece is done, or others have waited long enough. `busy` tells whether somebody waits.
pub(super) fn records(
    db: &Connection,
    place: Place,
    piece: &mut Piece,
    now_ms: i64,
    start: Option<Start>,
    busy: &dyn Fn() -> bool,
) -> Result<Finished, StoreError> {
    let context = std::sync::Arc::clone(&piece.context);
    let mut applier = Applier::new(db, &context, place, now_ms, piece.progress.images, start)?;
    let began = Instant::now();
    let mut report = empty_report();
    let mut done = 0;
    let Piece { batch, next, feed, progress, sink, .. } = piece;
    let mut bytes = batch.raw.len();
    loop {
        let Some(item) = batch.items.get(..batch.len).and_then(|items| items.get(*next)) else {
            // A larger transaction writes fewer pages; nobody waits in it for a record that is still to be read.
            if done + batch.len <= feed.most && bytes < TRANSACTION_BYTES && feed.swap(batch) {
                bytes += batch.raw.len();
                *next = 0;
                continue;
            }
            break;
        };
        // Every transaction does something, however late it began: who waits is never waited for in a circle.
        if done > 0
            && (done % LOOK_EVERY == 0 || done == BUSY_RECORDS_MAX)
            && (done >= BUSY_RECORDS_MAX || began.elapsed() >= Duration::from_millis(BUSY_MS_MAX))
            && busy()
        {
            break;
        }
        let draft = &item.draft;
        if draft.record < context.profile.start_from {
            progress.counts.before_start = progress.counts.before_start.saturating_add(1);
        } else {
            if progress.stopped.is_some() {
                report.record = draft.record;
                report.line = draft.line;
                report.key.clone_from(&draft.key);
                report.contact_id.clear();
                report.remarks.clear();
                report.outcome = Outcome::NotReached;
                progress.counts.add(report.outcome, &report.remarks);
            } else {
                applier.one(draft, &mut report, &mut progress.counts)?;
                if is_too_bad(&context, &progress.counts, report.outcome) {
                    progress.stopped = Some(Stop { reason: StopReason::MaxErrors, last_record: draft.record });
                }
            }
            let raw = item.raw.clone().and_then(|range| batch.raw.get(range));
            if sink.report(&report, raw) {
                progress.counts.drift = progress.counts.drift.saturating_add(1);
            }
        }
        progress.cursor = Cursor { offset: item.offset, record: draft.record, line: item.line, ..progress.cursor };
        progress.counts.blank_lines = item.blank_lines;
        *next += 1;
        done += 1;
    }
    let finished = applier.finish()?;
    let (outcome_len, reject_len) =
        sink.seal().map_err(|error| StoreError::new(StoreErrorKind::Io, format_args!("outcome file: {error}")))?;
    (progress.cursor.outcome_len, progress.cursor.reject_len) = (outcome_len, reject_len);
    progress.images = finished.images;
    progress.cancellations = progress.cancellations.saturating_add(finished.cancellations);
    if let Some((first, last)) = finished.contacts {
        progress.contacts = Some((progress.contacts.map_or(first, |(first, _)| first), last));
    }
    Ok(finished)
}

fn is_too_bad(context: &Context, counts: &Counts, outcome: Outcome) -> bool {
    if outcome == Outcome::Failed && context.profile.max_errors.is_some_and(|most| counts.failed > most) {
        return true;
    }
    let looked = counts.records().saturating_sub(counts.before_start);
    let share = context.profile.max_error_share.filter(|_| looked.is_multiple_of(SHARE_EVERY));
    share.is_some_and(|share| counts.failed.saturating_mul(10_000) > looked.saturating_mul(u64::from(share)))
}

/// The same on the live tables, in a transaction of its own, with the job's progress.
pub(super) fn live(ledger: &Ledger, piece: &mut Piece, now_ms: i64, busy: &dyn Fn() -> bool) -> Result<(), StoreError> {
    let db = &ledger.db;
    transaction(ledger, || {
        records(db, Place::Live, piece, now_ms, None, busy)?;
        match piece.context.job {
            Some(job) => jobs::keep(db, job, piece.context.list.as_ref().map(|list| list.number), &piece.progress),
            None => Ok(()),
        }
    })
}

/// Drafts of a call.
pub(super) fn call(
    ledger: &Ledger,
    context: &Context,
    drafts: &[crate::contact::Draft],
    all_or_nothing: bool,
    now_ms: i64,
) -> Result<Called, StoreError> {
    let whole = AtomicBool::new(true);
    let mut called = Called { reports: Vec::new(), contacts: Vec::new(), counts: Counts::default(), stored: true };
    let done = transaction(ledger, || {
        let mut applier = Applier::new(&ledger.db, context, Place::Live, now_ms, 0, None)?;
        let mut numbers = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let mut report = empty_report();
            let applied = applier.one(draft, &mut report, &mut called.counts)?;
            numbers.push(applied.contact);
            called.reports.push(report);
        }
        if all_or_nothing && called.counts.failed > 0 {
            whole.store(false, Ordering::Relaxed);
            return Err(StoreError::new(StoreErrorKind::Refused, "a record of the call failed"));
        }
        for number in numbers {
            let contact = number.map_or(Ok(None), |number| applier.contact(number))?;
            called.contacts.push(contact);
        }
        applier.finish().map(|_| ())
    });
    if !whole.into_inner() {
        called.stored = false;
        called.contacts = drafts.iter().map(|_| None).collect();
        return Ok(called);
    }
    done.map(|()| called)
}

/// Runs something as one transaction. After a failed sync nothing more is written.
pub(super) fn transaction<T>(ledger: &Ledger, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    if ledger.unsynced.get() {
        return Err(StoreError::new(StoreErrorKind::Io, "an earlier sync of the disk has failed"));
    }
    let execute = |text: &str| {
        ledger.db.execute_batch(text).map_err(|error| {
            if is_sync(&error) {
                ledger.unsynced.set(true);
            }
            failed(text, &error)
        })
    };
    execute("BEGIN IMMEDIATE")?;
    let done = work().and_then(|done| execute("COMMIT").map(|()| done));
    if done.is_err() && !ledger.db.is_autocommit() {
        // What cannot be rolled back is rolled back when the connection closes.
        let _ = execute("ROLLBACK");
    }
    done
}

fn empty_report() -> RecordReport {
    RecordReport {
        record: 0,
        line: 0,
        key: String::new(),
        outcome: Outcome::NotReached,
        contact_id: String::new(),
        remarks: Vec::new(),
    }
}
