//! What every backend must do. Each test gets a store of its own; a backend calls [`conforms`] with a way to make one.

mod journal;
mod people;
mod sequences;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;

use crate::engine::ChangedBy;
use crate::engine::Ended;
use crate::engine::PairState;
use crate::engine::RecordedAnswer;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::RequestResult;
use crate::engine::STEPS_MAX;
use crate::engine::Step;
use crate::engine::Which;
use crate::engine::ocs::Record;
use crate::message::{
    AppDbid, DialMode, Dialing, ErrorCode, GroupCampStatus, MessageType, OptimizeBy, Pair, Phone, RequestKind, Target,
};
use crate::protocol::UtcSeconds;
use crate::protocol::UtcTime;
use crate::protocol::requester::{EchoFact, Proof, SendId};
use crate::store::{
    Accept, ApiKey, AuditQuery, AuditRow, Chain, DncAnswer, DncEntry, DncQuery, IdempotencyKey, ListHead, ListedDnc,
    Mark, RequestPage, Retention, StopWish, Store, StoreErrorKind, StoredAlarm, Verify, Write,
};
use crate::wire::Charset;
use crate::wire::Text;

/// A moment of the tests.
pub(crate) fn at(seconds: i64) -> UtcTime {
    UtcTime { seconds: UtcSeconds(1_800_000_000 + seconds), micros: 250 }
}

/// A do-not-call request as the gateway accepts it.
pub(crate) fn accept(number: u64) -> Accept {
    Accept {
        record: RequestRecord {
            number: RequestNumber(number),
            kind: RequestKind::DoNotCall,
            pair: None,
            target: Target::Every,
            asked_by: "desk-1".into(),
            note: Some("asked on call".into()),
            warnings: vec!["first".into(), "second".into()],
            accepted_at: at(number.cast_signed()),
            steps: Vec::new(),
            draining: false,
            ended: None,
        },
        body: Bytes::from_static(b"packed"),
        deadline: None,
        durable: true,
        key: None,
    }
}

pub(crate) fn accepted(number: u64) -> Write {
    Write::Accept(Box::new(accept(number)))
}

/// The entry that belongs to it.
pub(crate) fn entry(number: u64) -> DncEntry {
    DncEntry {
        request: RequestNumber(number),
        at: at(number.cast_signed()),
        who: "desk-1".into(),
        channel: "http".into(),
        phone: Some(Phone::from(&*format!("+42077788{number:04}"))),
        customer: None,
        raw: Some(Phone::from(&*format!("777 88 {number:04}"))),
        normalised: Some(Phone::from(&*format!("+42077788{number:04}"))),
        scope: Some("AllChain".into()),
        note: None,
        message: None,
        tenant: None,
        campaign: None,
        list: None,
        expires_at: None,
        expected: vec![AppDbid(301), AppDbid(302)],
    }
}

pub(crate) fn dnc(number: u64) -> Write {
    Write::Dnc(Box::new(entry(number)))
}

pub(crate) fn audit(n: u64) -> Write {
    Write::Audit(Box::new(AuditRow {
        at: at(n.cast_signed()),
        subject: format!("key-{}", n % 3),
        client: Some("127.0.0.1".into()),
        action: if n.is_multiple_of(2) { "dnc.add" } else { "campaign.stop" }.into(),
        object: None,
        outcome: "allowed".into(),
        detail: None,
        request: Some(RequestNumber(n)),
    }))
}

fn ended(result: RequestResult) -> Ended {
    Ended {
        at: at(100),
        took: Duration::from_millis(12),
        result,
        why: Some("exact".into()),
        reason: None,
        detail: Some("in words".into()),
        tserver_code: Some(57),
        answers: vec![RecordedAnswer {
            ocs: AppDbid(301),
            result: "answered".into(),
            event: Some(MessageType(33)),
            code: Some(ErrorCode(0)),
            text: Some("done".into()),
            status: Some(GroupCampStatus(5)),
            why: Some("dnc_proof".into()),
            took: Duration::from_micros(11_900),
        }],
    }
}

fn end(number: u64, result: RequestResult) -> Write {
    Write::End(RequestNumber(number), Box::new(ended(result)))
}

fn mark(send: u64, requests: &[u64]) -> Mark {
    Mark {
        requests: requests.iter().copied().map(RequestNumber).collect(),
        send: SendId(send),
        ocss: vec![AppDbid(301), AppDbid(302)],
        link: "main".into(),
        dn: "comm_dn".into(),
        origin: AppDbid(201),
        at: at(send.cast_signed()),
    }
}

/// Makes the suite's tests for one backend.
macro_rules! conforms {
    ($fresh:expr => $($test:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let (store, _kept) = $fresh();
            $crate::store::conformance::$test(&store).await;
        }
    )+};
    ($fresh:expr) => {
        $crate::store::conformance::conforms!($fresh =>
            a_request_comes_back_as_it_was_accepted,
            a_batch_is_written_whole_or_not_at_all,
            a_poison_batch_does_not_fail_its_neighbours,
            the_first_end_counts,
            a_restart_gets_what_is_open_and_what_was_marked_lately,
            an_idempotency_key_belongs_to_its_subject,
            requests_are_paged_from_the_newest_on,
            dead_letters_are_listed_and_taken_up_again,
            steps_end_at_their_limit,
            wishes_echoes_and_states_come_back,
            a_do_not_call_is_found_by_every_spelling,
            confirmations_are_kept_with_their_latency,
            an_entry_is_never_weakened,
            audit_is_paged_by_subject_and_action,
            keys_are_found_by_hash_and_revoked_once,
            calling_lists_come_back_by_column,
            chains_stay_whole_when_their_beginning_is_purged,
            retention_keeps_what_is_not_settled,
            a_probe_is_a_commit,
            a_closed_store_says_so,
            a_batch_refused_leaves_the_chain_as_it_was,
            what_is_read_is_what_a_model_says,
            a_lease_has_one_holder_at_a_time,
            a_former_holder_writes_nothing,
            a_sequence_comes_back_with_its_log,
            a_key_makes_one_sequence,
            a_stop_of_a_sequence_is_kept_once,
        );
    };
}
pub(crate) use conforms;
pub(crate) use journal::*;
pub(crate) use people::*;
pub(crate) use sequences::*;

pub(crate) async fn chains_stay_whole_when_their_beginning_is_purged(store: &dyn Store) {
    store.commit((1..=20).map(audit).collect()).await.unwrap();
    let before = store.heads().await.unwrap()[1];
    let what = Retention { audit: Some(at(11)), at: at(30), ..Retention::default() };
    assert_eq!(store.purge(what).await.unwrap().audit, 10);
    let verify = async |head| store.verify(Verify { chain: Chain::Audit, head }).await.unwrap();
    let report = verify(None).await;
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.rows, report.purged_to, report.head.count), (11, 10, 21));
    assert!(verify(Some(before)).await.is_whole(), "a head from before the purge still fits");
    assert_eq!(store.purge(what).await.unwrap().audit, 0);
    let all = Retention { audit: Some(at(1_000)), at: at(31), ..Retention::default() };
    assert_eq!(store.purge(all).await.unwrap().audit, 11);
    assert_eq!(store.purge(all).await.unwrap().audit, 0, "a row about a purge alone is not purged again and again");
    let report = verify(None).await;
    assert!(report.is_whole() && report.rows == 1 && report.head.count == 22, "{report:?}");
}

pub(crate) async fn retention_keeps_what_is_not_settled(store: &dyn Store) {
    let dead = Write::Dead { number: RequestNumber(3), at: at(60), reason: "silent".into() };
    let confirmed = |ocs| {
        let answer = DncAnswer {
            request: RequestNumber(1),
            ocs: AppDbid(ocs),
            at: at(2),
            latency: Duration::ZERO,
            confirmed: true,
            code: None,
        };
        Write::DncAnswer(answer)
    };
    let expiring = DncEntry { expires_at: Some(UtcSeconds(1)), expected: Vec::new(), ..entry(0) };
    let writes = vec![
        accepted(1),
        accepted(2),
        accepted(3),
        Write::Mark(mark(1, &[1])),
        end(1, RequestResult::Answered),
        end(3, RequestResult::Unknown),
        dead,
        Write::Dnc(Box::new(expiring)),
        dnc(1),
        confirmed(301),
        confirmed(302),
        dnc(2),
        dnc(4),
    ];
    store.commit(writes).await.unwrap();
    let old = Some(at(1_000));
    let what = Retention { journal: old, dnc: old, at: at(1_001), ..Retention::default() };
    let purged = store.purge(what).await.unwrap();
    assert_eq!(purged.requests, 1, "open ones and dead letters stay");
    assert_eq!(purged.dnc, 4, "what an OCS has still to confirm stays, and all after it");
    assert_eq!(purged.expired, 1);
    assert_eq!(store.dnc(RequestNumber(1)).await.unwrap(), None);
    assert!(store.dnc(RequestNumber(2)).await.unwrap().is_some());
    let list = store.dnc_list(None, 0, 9).await.unwrap();
    assert_eq!(list.len(), 3, "the entry outlives its evidence");
    let report = store.verify(Verify { chain: Chain::Dnc, head: None }).await.unwrap();
    assert!(report.is_whole() && report.purged_to == 4, "{report:?}");
}

pub(crate) async fn a_probe_is_a_commit(store: &dyn Store) {
    store.commit(Vec::new()).await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.commits, stats.batches, stats.writes, stats.errors), (1, 1, 0, 0));
}

pub(crate) async fn a_closed_store_says_so(store: &dyn Store) {
    let last = store.commit(vec![accepted(1)]);
    store.close().await.unwrap();
    last.await.unwrap();
    assert_eq!(store.commit(vec![accepted(2)]).await.unwrap_err().kind, StoreErrorKind::Closed);
    assert_eq!(store.counts().await.unwrap_err().kind, StoreErrorKind::Closed);
    store.close().await.unwrap();
}

pub(crate) async fn a_batch_refused_leaves_the_chain_as_it_was(store: &dyn Store) {
    store.commit(vec![dnc(1), audit(1)]).await.unwrap();
    let before = store.heads().await.unwrap();
    store.commit(vec![dnc(2), audit(2), dnc(1)]).await.unwrap_err();
    assert_eq!(store.heads().await.unwrap(), before);
    store.commit(vec![dnc(3), audit(3)]).await.unwrap();
    assert!(store.check().await.unwrap().is_whole());
}

/// Many batches at once, some of them refused, against plain maps.
pub(crate) async fn what_is_read_is_what_a_model_says(store: &dyn Store) {
    let seed = 0x5eed_0004_u64;
    let mut state = seed;
    let mut random = move |below: u64| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) % below
    };
    let mut requests: BTreeMap<u64, Option<RequestResult>> = BTreeMap::new();
    let mut entries: BTreeSet<u64> = BTreeSet::new();
    let mut audits = 0_u64;
    for round in 0..40 {
        let mut pending = Vec::new();
        for _ in 0..random(12) {
            let (mut writes, mut model) = (Vec::new(), (requests.clone(), entries.clone(), audits));
            let mut good = true;
            for _ in 0..=random(4) {
                let number = 1 + random(60);
                match random(5) {
                    0 | 1 => {
                        good &= model.0.insert(number, None).is_none();
                        writes.push(accepted(number));
                    }
                    2 => {
                        let result = RequestResult::ALL[random(5) as usize];
                        if let Some(end) = model.0.get_mut(&number) {
                            end.get_or_insert(result);
                        }
                        writes.push(end(number, result));
                    }
                    3 => {
                        good &= model.1.insert(number);
                        writes.push(dnc(number));
                    }
                    _ => {
                        model.2 += 1;
                        writes.push(audit(number));
                    }
                }
            }
            if good {
                (requests, entries, audits) = model;
            }
            pending.push((good, store.commit(writes)));
        }
        for (good, pending) in pending {
            assert_eq!(pending.await.is_ok(), good, "seed {seed:#x}, round {round}");
        }
        let found = store.requests(RequestPage { most: 1_000, ..RequestPage::default() }).await.unwrap();
        let found: BTreeMap<u64, Option<RequestResult>> =
            found.iter().map(|it| (it.number.0, it.ended.as_ref().map(|ended| ended.result))).collect();
        assert_eq!(found, requests, "seed {seed:#x}, round {round}");
        let found = store.dnc_entries(DncQuery::default()).await.unwrap();
        let found: BTreeSet<u64> = found.iter().map(|evidence| evidence.entry.request.0).collect();
        assert_eq!(found, entries, "seed {seed:#x}, round {round}");
        assert_eq!(store.counts().await.unwrap().audit, audits, "seed {seed:#x}, round {round}");
    }
    let report = store.check().await.unwrap();
    assert!(report.is_whole(), "seed {seed:#x}: {report:?}");
}
