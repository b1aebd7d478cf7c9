use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::contact::{Counts, MatchKey, OnMatch, Outcome, Phone, RecordReport};
use crate::store::StoreErrorKind;
use crate::store::contacts::{BUSY_RECORDS_MAX, Batch, Context, Feed, Item, Progress, Sink, new_list};
use crate::store::sqlite::{Options, open};

/// Keeps outcomes; refuses the seal when it is told so.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Outcome>>>, bool);

impl Sink for Told {
    fn report(&mut self, report: &RecordReport, _: Option<&[u8]>) -> bool {
        self.0.lock().unwrap().push(report.outcome);
        false
    }

    fn seal(&mut self) -> io::Result<(u64, u64)> {
        if self.1 { Err(io::Error::other("the disk is full")) } else { Ok((self.0.lock().unwrap().len() as u64, 0)) }
    }
}

fn context(list: CallingList) -> Context {
    let profile =
        ImportProfile { match_keys: vec![MatchKey::Id], on_match: OnMatch::Overwrite, ..ImportProfile::default() };
    Context { job: None, job_id: None, profile, list: Some(list), delete: false, zones: Vec::new() }
}

fn draft(id: usize, name: &str) -> Draft {
    let number = format!("+420777{id:06}");
    let phone =
        Phone { column: "phone".into(), raw: number.clone(), e164: Some(number), callable: true, ..Phone::default() };
    let mut draft = Draft {
        id: format!("c{id}"),
        attributes: vec![("name".into(), name.into())],
        phones: vec![phone],
        has_contact: true,
        ..Draft::default()
    };
    draft.find_keys(&[MatchKey::Id], &[]);
    draft
}

fn piece(context: &Context, ids: impl Iterator<Item = usize>, sink: Told) -> Piece {
    let items: Vec<Item> = ids
        .enumerate()
        .map(|(n, id)| {
            let draft = Draft { record: n as u64 + 1, ..draft(id, &format!("name {n}")) };
            Item { draft, offset: 10 * (n as u64 + 1), line: n as u64 + 3, ..Item::default() }
        })
        .collect();
    let batch = Batch { len: items.len(), items, raw: Vec::new() };
    Piece {
        context: Arc::new(context.clone()),
        batch,
        next: 0,
        feed: Feed::none(),
        progress: Progress::default(),
        sink: Box::new(sink),
    }
}

fn ledger() -> (Ledger, Context) {
    let ledger = Ledger::new(open::open_memory(None).unwrap()).unwrap();
    let list = lists::create(&ledger.db, new_list("L"), 1).unwrap().list;
    (ledger, context(list))
}

fn count(ledger: &Ledger, table: &str) -> i64 {
    ledger.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_transaction_ends_early_while_somebody_waits_and_goes_on_where_it_was() {
    let (ledger, context) = ledger();
    let mut work = piece(&context, 0..2_500, Told::default());
    let mut transactions = 0;
    while !work.is_done() {
        let before = work.next;
        super::piece::live(&ledger, &mut work, 1, &|| true).unwrap();
        assert!(work.next > before && work.next - before <= BUSY_RECORDS_MAX);
        assert_eq!(work.progress.cursor.offset, 10 * work.next as u64);
        assert_eq!(
            (count(&ledger, "contacts"), count(&ledger, "calling_records")),
            (work.next as i64, work.next as i64)
        );
        transactions += 1;
    }
    assert!(transactions >= 3);
    assert_eq!((work.progress.counts.created, work.progress.contacts), (2_500, Some((1, 2_500))));
}

#[test]
fn a_transaction_takes_the_batches_that_are_there_up_to_its_limit() {
    let (ledger, context) = ledger();
    let (to, next) = mpsc::channel(8);
    let (back, mut used) = mpsc::channel(8);
    for from in [10, 20, 30] {
        to.try_send(piece(&context, from..from + 10, Told::default()).batch).unwrap();
    }
    let mut work = piece(&context, 0..10, Told::default());
    work.feed = Feed { next, back, most: 30 };
    super::piece::live(&ledger, &mut work, 1, &|| false).unwrap();
    assert!(work.is_done());
    assert_eq!((work.progress.counts.created, count(&ledger, "contacts")), (30, 30));
    assert!(used.try_recv().is_ok() && used.try_recv().is_ok() && used.try_recv().is_err(), "two came back");
    assert_eq!(work.feed.next.try_recv().unwrap().len, 10, "and one is for the next transaction");
}

#[test]
fn nothing_is_committed_when_outcomes_cannot_be_written() {
    let (ledger, context) = ledger();
    let mut work = piece(&context, 0..10, Told(Arc::default(), true));
    let error = super::piece::live(&ledger, &mut work, 1, &|| false).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Io);
    assert_eq!((count(&ledger, "contacts"), count(&ledger, "calling_records")), (0, 0));
    assert_eq!(lists::all(&ledger.db).unwrap()[0].size, 0);
}

#[test]
fn a_record_meets_the_contact_that_an_earlier_one_of_its_batch_made() {
    let (ledger, context) = ledger();
    let told = Told::default();
    let mut work = piece(&context, [1, 2, 1, 1].into_iter(), told.clone());
    super::piece::live(&ledger, &mut work, 1, &|| false).unwrap();
    assert_eq!(*told.0.lock().unwrap(), [Outcome::Created, Outcome::Created, Outcome::Updated, Outcome::Updated]);
    assert_eq!(count(&ledger, "contacts"), 2);
}

#[tokio::test]
async fn a_validation_sees_its_own_records_and_the_store_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), Options::default()).unwrap();
    let list = store.create_list(new_list("L"), 1).await.unwrap().list;
    let context = context(list);
    let stored = store.apply(piece(&context, 0..3, Told::default()), 1).await.unwrap();
    assert_eq!(stored.progress.counts.created, 3);

    let mut picture = store.dry_run().await.unwrap();
    let told = Told::default();
    let mut first = piece(&context, [7, 8, 7].into_iter(), told.clone());
    picture.apply(&mut first, 2).unwrap();
    let mut second = piece(&context, [8, 1, 9].into_iter(), told.clone());
    picture.apply(&mut second, 2).unwrap();

    use Outcome::{Created, Unchanged, Updated};
    assert_eq!(*told.0.lock().unwrap(), [Created, Created, Updated, Updated, Unchanged, Created]);
    let counts = |work: &Piece| -> Counts { work.progress.counts };
    assert_eq!((counts(&first).created, counts(&second).created), (2, 1));
    let left = store.contacts_after(None, 0, 0).await.unwrap();
    assert_eq!(left.iter().map(|it| &*it.contact.id).collect::<Vec<_>>(), ["c0", "c1", "c2"]);
    assert_eq!(left[1].contact.value("name"), Some("name 1"));
}

#[tokio::test]
async fn chains_of_contacts_do_not_meet_those_that_a_campaign_has_made() {
    use crate::store::{ListHead, Store as _, Write};
    let store = SqliteStore::in_memory(Options::default()).unwrap();
    let head = ListHead { name: "L".into(), enabled: true, customer_column: "customer_id".into() };
    let records = (1..=3).map(|n| Record::new(n, format!("{n}"))).collect();
    store.commit(vec![Write::List(head), Write::Records { list: "L".into(), records }]).await.unwrap();
    let list = store.calling_lists().await.unwrap().remove(0).list;

    store.apply(piece(&context(list), 0..2, Told::default()), 1).await.unwrap();

    let records = store.records("L", None, 0).await.unwrap();
    let seen: Vec<_> = records.iter().map(|it| (it.record_id, it.chain_id, it.user.len())).collect();
    assert_eq!(seen, [(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 2), (5, 5, 2)]);
    assert_eq!(records[3].user_column("customer_id"), Some("c0"));
}
