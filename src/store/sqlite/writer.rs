//! The one thread that writes: it takes what is queued, writes it in one transaction, syncs once, and answers all.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::sqlite::apply::{Ledger, Rows};
use crate::store::sqlite::heads::HeadsFile;
use crate::store::sqlite::open::Lock;
use crate::store::sqlite::value::failed;
use crate::store::{Receipt, StoreError, StoreErrorKind, StoreStats, Write};

/// Writes of one transaction; the batch that passes it is the last one.
pub(super) const GROUP_WRITES_MAX: usize = 256;

/// What the thread is asked to do.
pub(super) enum Job {
    Commit(Batch),
    /// Something else with the connection, alone.
    Run(Box<dyn FnOnce(&mut Ledger) + Send>),
}

/// Writes of one caller.
pub(super) struct Batch {
    pub(super) writes: Vec<Arc<Write>>,
    pub(super) reply: oneshot::Sender<Result<Receipt, StoreError>>,
}

/// What callers see of the thread.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<(StoreStats, Option<StoreError>)>);

impl Standing {
    pub(super) fn look(&self) -> MutexGuard<'_, (StoreStats, Option<StoreError>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything the thread owns. The lock goes last.
pub(super) struct Writer<'a> {
    pub(super) ledger: Ledger,
    pub(super) heads: Option<HeadsFile>,
    pub(super) standing: &'a Standing,
    /// The disk has failed to sync: what it holds is known again only after a new start.
    pub(super) broken: Option<StoreError>,
    pub(super) _lock: Option<Lock>,
}

impl Writer<'_> {
    /// Runs until every sender is gone and the queue is empty.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut next = jobs.blocking_recv();
        while let Some(job) = next.take() {
            match job {
                Job::Run(work) => {
                    work(&mut self.ledger);
                    if self.ledger.unsynced.get() && self.broken.is_none() {
                        self.broken = Some(StoreError::new(StoreErrorKind::Io, "the disk failed to sync an import"));
                    }
                    self.put_heads();
                }
                Job::Commit(first) => {
                    let mut weight = first.writes.len().max(1);
                    let mut group = vec![first];
                    while weight < GROUP_WRITES_MAX {
                        match jobs.try_recv() {
                            Ok(Job::Commit(batch)) => {
                                weight += batch.writes.len().max(1);
                                group.push(batch);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.commit(group);
                }
            }
            if next.is_none() {
                next = jobs.blocking_recv();
            }
        }
    }

    fn put_heads(&self) {
        if let Some(file) = &self.heads {
            file.put(self.ledger.heads);
        }
    }

    fn commit(&mut self, group: Vec<Batch>) {
        let started = Instant::now();
        let heads = self.ledger.heads;
        let results = match &self.broken {
            Some(error) => Err(error.clone()),
            None => self.write(&group),
        };
        if self.broken.is_some() {
            self.ledger.unsynced.set(true); // imports write no more either
        }
        let took = started.elapsed();
        if self.ledger.heads != heads {
            self.put_heads();
        }
        {
            let mut standing = self.standing.look();
            let (stats, trouble) = &mut *standing;
            match &results {
                Ok(results) => {
                    stats.commits += 1;
                    stats.batches += group.len() as u64;
                    stats.writes += group.iter().map(|batch| batch.writes.len() as u64).sum::<u64>();
                    stats.largest = stats.largest.max(group.len() as u64);
                    stats.refused += results.iter().flatten().count() as u64;
                    stats.last_commit = took;
                    stats.slowest_commit = stats.slowest_commit.max(took);
                    stats.total_commit += took;
                    *trouble = None;
                }
                Err(error) => {
                    stats.errors += 1;
                    if trouble.is_none() {
                        tracing::error!(%error, "the store does not take writes");
                    }
                    *trouble = Some(error.clone());
                }
            }
        }
        let together = group.len();
        match results {
            Ok(mut results) => {
                results.resize(together, None);
                for (batch, refused) in group.into_iter().zip(results) {
                    let _ = batch.reply.send(refused.map_or(Ok(Receipt { together }), Err));
                }
            }
            Err(error) => {
                for batch in group {
                    let _ = batch.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// All in one transaction. When one batch is to blame, again with a way back before each.
    fn write(&mut self, group: &[Batch]) -> Result<Vec<Option<StoreError>>, StoreError> {
        match self.transaction(group, false) {
            Err(error) if error.kind.is_of_the_writes() && group.len() == 1 => Ok(vec![Some(error)]),
            Err(error) if error.kind.is_of_the_writes() => self.transaction(group, true),
            other => other,
        }
    }

    fn transaction(&mut self, group: &[Batch], with_way_back: bool) -> Result<Vec<Option<StoreError>>, StoreError> {
        let before = self.ledger.heads;
        let result = self.fill(group, with_way_back);
        if result.is_err() {
            self.ledger.heads = before;
            if !self.ledger.db.is_autocommit() {
                // What cannot be rolled back is rolled back when the connection closes.
                let _ = execute(&self.ledger.db, &mut self.broken, "ROLLBACK");
            }
        }
        result
    }

    fn fill(&mut self, group: &[Batch], with_way_back: bool) -> Result<Vec<Option<StoreError>>, StoreError> {
        let Ledger { db, heads, .. } = &mut self.ledger;
        let at_first = *heads;
        let mut execute = |sql| execute(db, &mut self.broken, sql);
        execute("BEGIN IMMEDIATE")?;
        let mut rows = Rows::new(db, heads);
        let mut results = Vec::new();
        for batch in group {
            if !with_way_back {
                apply(&mut rows, batch)?;
                continue;
            }
            let before = *rows.heads;
            execute("SAVEPOINT batch")?;
            let refused = match apply(&mut rows, batch) {
                Ok(()) => None,
                Err(error) if error.kind.is_of_the_writes() => {
                    *rows.heads = before;
                    execute("ROLLBACK TO batch")?;
                    Some(error)
                }
                Err(error) => return Err(error),
            };
            execute("RELEASE batch")?;
            results.push(refused);
        }
        rows.keep_heads(&at_first)?;
        execute("COMMIT")?;
        Ok(results)
    }
}

fn apply(rows: &mut Rows<'_>, batch: &Batch) -> Result<(), StoreError> {
    if batch.writes.is_empty() {
        return rows.probe();
    }
    batch.writes.iter().try_for_each(|write| rows.apply(write))
}

fn execute(db: &Connection, broken: &mut Option<StoreError>, sql: &str) -> Result<(), StoreError> {
    let result = db.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    let Err(error) = result else { return Ok(()) };
    let said = failed(sql, &error);
    if is_sync(&error) {
        // After a failed sync the system may call pages clean that never reached the disk.
        *broken = Some(said.clone());
    }
    debug_assert!(said.kind != StoreErrorKind::Refused, "{said}");
    Err(said)
}

/// Whether the disk has failed to sync.
pub(super) fn is_sync(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(error.extended_code, rusqlite::ffi::SQLITE_IOERR_FSYNC | rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC)
    })
}
