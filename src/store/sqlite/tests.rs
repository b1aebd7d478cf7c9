//! The suite on a file and in memory; what a file can suffer.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::store::conformance::{accepted, at, audit, conforms, dnc};
use crate::store::{Chain, FaultKind};

fn in_file() -> (SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (SqliteStore::open(folder.path(), Options::default()).unwrap(), folder)
}

mod on_a_file {
    crate::store::conformance::conforms!(super::in_file);
}

mod in_memory {
    use super::*;

    fn fresh() -> (SqliteStore, ()) {
        (SqliteStore::in_memory(Options::default()).unwrap(), ())
    }

    conforms!(fresh);
}

mod with_a_short_queue {
    use super::*;

    fn fresh() -> (SqliteStore, ()) {
        (SqliteStore::in_memory(Options { queue_max: 1, ..Options::default() }).unwrap(), ())
    }

    conforms!(fresh => a_poison_batch_does_not_fail_its_neighbours, a_restart_gets_what_is_open_and_what_was_marked_lately);
}

fn reopen(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, Options::default())
}

fn raw(folder: &Path) -> Connection {
    Connection::open(folder.join("commdn.sqlite")).unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let (store, folder) = in_file();
    store.commit(vec![accepted(1), dnc(1), audit(1)]).await.unwrap();
    drop(store);
    let store = reopen(folder.path()).unwrap();
    assert_eq!(store.counts().await.unwrap().open, 1);
    store.commit(vec![dnc(2)]).await.unwrap();
    let report = store.check().await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.schema, report.chains[0].head.count), (SCHEMA, 2));
}

#[tokio::test]
async fn a_store_in_use_is_refused_by_name() {
    let (_store, folder) = in_file();
    let error = reopen(folder.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::InUse);
    let text = error.to_string();
    assert!(text.contains("commdn.sqlite") && text.contains(&std::process::id().to_string()), "{text}");
}

#[test]
fn a_newer_store_is_refused() {
    let (store, folder) = in_file();
    drop(store);
    raw(folder.path()).pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    let error = reopen(folder.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
}

#[tokio::test]
async fn an_older_store_is_brought_up_to_date_and_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let db = raw(folder.path());
    db.execute_batch(include_str!("../migrations/0001_store.sql")).unwrap();
    db.execute_batch("PRAGMA application_id = 0x436d444e; PRAGMA user_version = 1; UPDATE probes SET n = 7").unwrap();
    drop(db);
    let store = reopen(folder.path()).unwrap();
    assert_eq!(store.alarms().await.unwrap(), []);
    assert_eq!(store.check().await.unwrap().schema, SCHEMA);
    let probes: i64 = raw(folder.path()).query_row("SELECT n FROM probes", [], |row| row.get(0)).unwrap();
    assert_eq!(probes, 7);
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("commdn.sqlite");
    fs::write(&file, b"phone;name\n".repeat(600)).unwrap();
    let error = reopen(folder.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("store restore"), "the remedy is named: {error}");
    assert_eq!(fs::read(&file).unwrap(), b"phone;name\n".repeat(600));

    fs::remove_file(&file).unwrap();
    raw(folder.path()).execute_batch("CREATE TABLE mine (x)").unwrap();
    assert_eq!(reopen(folder.path()).unwrap_err().kind, StoreErrorKind::Damaged);
}

#[tokio::test]
async fn a_torn_page_is_refused_at_the_start() {
    let (store, folder) = in_file();
    for n in 0..40 {
        store.commit((n * 20..n * 20 + 20).flat_map(|n| [accepted(n), audit(n)]).collect()).await.unwrap();
    }
    drop(store);
    let file = folder.path().join("commdn.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 512].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let error = reopen(folder.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_an_io_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(reopen(&file.join("data")).unwrap_err().kind, StoreErrorKind::Io);
    fs::create_dir_all(folder.path().join("commdn.sqlite")).unwrap();
    assert_eq!(reopen(folder.path()).unwrap_err().kind, StoreErrorKind::Io);
}

#[tokio::test]
async fn a_full_disk_stops_acknowledging_and_room_heals_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { pages_max: Some(90), ..Options::default() };
    let store = SqliteStore::open(folder.path(), options).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match store.commit((0..20).map(|n| audit(acknowledged * 20 + n)).collect()).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1_000, "the file never was full");
    };
    assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
    assert_eq!(store.trouble().map(|error| error.kind), Some(StoreErrorKind::Full));
    assert_eq!(store.counts().await.unwrap().audit, acknowledged * 20, "reading goes on, nothing half-written");
    let old = Retention { audit: Some(at(acknowledged.cast_signed() * 18)), at: at(9_999), ..Retention::default() };
    store.purge(old).await.unwrap();
    store.commit(vec![audit(1)]).await.unwrap();
    assert_eq!(store.trouble(), None);
    let report = store.check().await.unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[tokio::test]
async fn a_database_older_than_its_heads_is_refused() {
    let (store, folder) = in_file();
    store.commit(vec![audit(1)]).await.unwrap();
    let copy = folder.path().join("copy");
    store.backup(copy.clone()).await.unwrap();
    store.commit(vec![audit(2)]).await.unwrap();
    drop(store);
    fs::copy(&copy, folder.path().join("commdn.sqlite")).unwrap();
    let error = reopen(folder.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.to_string().contains("heads file away"), "{error}");
    fs::remove_file(folder.path().join("commdn.heads")).unwrap();
    assert_eq!(reopen(folder.path()).unwrap().counts().await.unwrap().audit, 1);
}

#[tokio::test]
async fn a_backup_made_under_load_is_a_whole_store() {
    let (store, folder) = in_file();
    store.commit((0..500).map(audit).collect()).await.unwrap();
    let copy = folder.path().join("copy.sqlite");
    let mut pending: Vec<_> = (500..700).map(|n| store.commit(vec![audit(n)])).collect();
    store.backup(copy.clone()).await.unwrap();
    pending.extend((700..800).map(|n| store.commit(vec![audit(n)])));
    for pending in pending {
        pending.await.unwrap();
    }
    let copied = SqliteStore::open(&copy, Options::default()).unwrap();
    let report = copied.check().await.unwrap();
    assert!(report.is_whole() && report.counts.audit >= 500, "{report:?}");
    assert_eq!(store.backup(copy).await.unwrap_err().kind, StoreErrorKind::Refused, "never over a file");
}

#[tokio::test]
async fn many_callers_share_a_sync() {
    let (store, _folder) = in_file();
    let (go, wait) = std::sync::mpsc::channel();
    let held = store.with_writer(move |_| {
        let _ = wait.recv();
        Ok(())
    });
    let pending: Vec<_> = (0..2_000).map(|n| store.commit(vec![accepted(n)])).collect();
    go.send(()).unwrap();
    held.await.unwrap();
    for pending in pending {
        pending.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.commits, stats.batches, stats.largest, stats.queued), (8, 2_000, 256, 0));
}

/// A closed store with so many rows in each chain, and what its heads file says.
async fn evidence(rows: u64) -> (tempfile::TempDir, Vec<Head>) {
    let (store, folder) = in_file();
    store.commit((1..=rows).flat_map(|n| [dnc(n), audit(n)]).collect()).await.unwrap();
    let heads = store.heads().await.unwrap();
    (folder, heads)
}

#[tokio::test]
async fn an_edited_byte_names_its_row() {
    let (folder, heads) = evidence(9).await;
    let db = raw(folder.path());
    db.execute_batch("UPDATE dnc_evidence SET who = 'desk-2' WHERE row = 4").unwrap();
    let report = evidence::verify(&db, Chain::Dnc, &heads).unwrap();
    assert_eq!(report.fault.map(|fault| (fault.row, fault.kind)), Some((4, FaultKind::Changed)));
}

#[tokio::test]
async fn swaps_deletions_cuts_and_rewritten_chains_are_told_apart() {
    let (folder, heads) = evidence(9).await;
    let db = raw(folder.path());
    let fault = |sql: &str, heads: &[Head]| {
        db.execute_batch("SAVEPOINT trial").unwrap();
        db.execute_batch(sql).unwrap();
        let report = evidence::verify(&db, Chain::Audit, heads).unwrap();
        db.execute_batch("ROLLBACK TO trial; RELEASE trial").unwrap();
        report.fault.map(|fault| (fault.row, fault.kind))
    };
    let swap = "UPDATE audit SET row = 100 WHERE row = 3; UPDATE audit SET row = 3 WHERE row = 5; \
                UPDATE audit SET row = 5 WHERE row = 100";
    assert_eq!(fault("", &heads), None);
    assert_eq!(fault(swap, &heads), Some((3, FaultKind::Changed)));
    assert_eq!(fault("DELETE FROM audit WHERE row = 6", &heads), Some((6, FaultKind::Missing)));
    let cut = "DELETE FROM audit WHERE row > 7";
    assert_eq!(fault(cut, &heads), Some((8, FaultKind::CutOff)));
    assert_eq!(fault(cut, &[]), None, "without a head nobody can tell");
    let behind = "DELETE FROM audit WHERE row <= 2; UPDATE chain_heads SET purged_to = 2, purged_hash = \
                  (SELECT zeroblob(32)) WHERE chain = 'audit'";
    assert!(fault(behind, &heads).is_some());
    let mut hash = [0; 32];
    db.query_row("SELECT hash FROM audit WHERE row = 2", [], |row| {
        hash = row.get(0)?;
        Ok(())
    })
    .unwrap();
    let purge = format!(
        "DELETE FROM audit WHERE row <= 2; UPDATE chain_heads SET purged_to = 2, purged_hash = x'{}' \
         WHERE chain = 'audit'",
        crate::store::hex(&hash)
    );
    assert_eq!(fault(&purge, &heads), Some((3, FaultKind::Anchor)), "a purge that the chain does not tell of");
}

#[tokio::test]
async fn a_chain_written_anew_does_not_fit_its_head() {
    let (store, folder) = in_file();
    store.commit(vec![audit(1), audit(2)]).await.unwrap();
    let head = store.heads().await.unwrap()[1];
    drop(store);
    let other = tempfile::tempdir().unwrap();
    let forged = reopen(other.path()).unwrap();
    forged.commit(vec![audit(1), audit(5), audit(3)]).await.unwrap();
    let verify = Verify { chain: Chain::Audit, head: Some(head) };
    let report = forged.verify(verify).await.unwrap();
    assert_eq!(report.fault.map(|fault| (fault.row, fault.kind)), Some((2, FaultKind::Rewritten)));
    assert!(forged.verify(Verify { head: None, ..verify }).await.unwrap().is_whole());
    assert!(reopen(folder.path()).unwrap().verify(verify).await.unwrap().is_whole());
}

#[tokio::test]
async fn an_entry_taken_off_the_list_is_missed() {
    let (folder, heads) = evidence(5).await;
    let db = raw(folder.path());
    let fault = || evidence::verify(&db, Chain::Dnc, &heads).unwrap().fault.map(|fault| (fault.row, fault.kind));
    assert_eq!(fault(), None);
    db.execute_batch("UPDATE gsw_donotcall_list SET expires_at = 1 WHERE row = 2").unwrap();
    assert_eq!(fault(), Some((2, FaultKind::Entry)));
    db.execute_batch("DELETE FROM gsw_donotcall_list WHERE row = 1").unwrap();
    assert_eq!(fault(), Some((1, FaultKind::Entry)));
}

/// Random edits of random columns: each must be found.
#[tokio::test]
async fn no_random_edit_of_a_chained_row_goes_unseen() {
    let seed = 0x5eed_u64;
    let (folder, heads) = evidence(12).await;
    let db = raw(folder.path());
    let mut state = seed;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for trial in 0..1_000 {
        let chain = Chain::ALL[random(2)];
        let (row, column) = (1 + random(12), chain.columns()[random(chain.columns().len())]);
        let column = if random(12) == 0 { "hash" } else { column };
        let sql = match random(5) {
            0 => format!("DELETE FROM {} WHERE row = {row}", chain.table()),
            1 => format!("UPDATE {} SET row = {} WHERE row = {row}", chain.table(), 20 + random(20)),
            // Text gets another letter, a number is moved, null gets a value.
            _ => format!(
                "UPDATE {} SET {column} = CASE typeof({column}) WHEN 'integer' THEN {column} + {} WHEN 'text' THEN \
                 {column} || char({}) WHEN 'blob' THEN randomblob(32) ELSE 7 END WHERE row = {row}",
                chain.table(),
                1 + random(9),
                32 + random(90)
            ),
        };
        db.execute_batch("BEGIN").unwrap();
        // What the table itself forbids is found at once.
        if db.execute(&sql, []).is_ok_and(|changed| changed > 0) {
            let report = evidence::verify(&db, chain, &heads).unwrap();
            assert!(!report.is_whole(), "seed {seed:#x}, trial {trial}: {sql}");
        }
        db.execute_batch("ROLLBACK").unwrap();
    }
}

#[tokio::test]
async fn a_restored_backup_takes_the_place_of_the_store_and_keeps_it() {
    let (store, folder) = in_file();
    store.commit(vec![accepted(1), dnc(1), audit(1)]).await.unwrap();
    drop(store);
    let copy = folder.path().join("copy");
    assert!(backup_offline(folder.path(), &copy).unwrap().is_whole());
    let store = reopen(folder.path()).unwrap();
    store.commit(vec![accepted(2), dnc(2)]).await.unwrap();
    assert_eq!(restore(&copy, folder.path(), true).unwrap_err().kind, StoreErrorKind::InUse);
    assert_eq!(check_offline(folder.path()).unwrap_err().kind, StoreErrorKind::InUse);
    drop(store);

    assert_eq!(restore(&copy, folder.path(), false).unwrap_err().kind, StoreErrorKind::Refused);
    let restored = restore(&copy, folder.path(), true).unwrap();
    assert_eq!(restored.report.counts.dnc, 1);
    assert_eq!(check_offline(folder.path()).unwrap().counts.dnc, 1);
    assert_eq!(reopen(folder.path()).unwrap().counts().await.unwrap().requests, 1);
    let before = restored.before.unwrap();
    let kept: i64 =
        Connection::open(before).unwrap().query_row("SELECT count(*) FROM requests", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn a_backup_that_is_not_whole_is_not_restored() {
    let (folder, _) = evidence(5).await;
    raw(folder.path()).execute_batch("UPDATE audit SET outcome = 'refused' WHERE row = 3").unwrap();
    let other = tempfile::tempdir().unwrap();
    let error = restore(&folder.path().join("commdn.sqlite"), other.path(), false).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.to_string().contains("row 3"), "{error}");
    assert!(!other.path().join("commdn.sqlite").exists());
    let report = check_offline(folder.path()).unwrap();
    assert_eq!(report.chains[1].fault.map(|fault| fault.row), Some(3));
    assert_eq!(check_offline(other.path()).unwrap_err().kind, StoreErrorKind::Missing);
}
