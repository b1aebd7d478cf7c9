//! What every backend must do. Each test gets a store of its own; a backend calls [`conforms`] with a way to make one.

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
        );
    };
}
pub(crate) use conforms;

pub(crate) async fn a_request_comes_back_as_it_was_accepted(store: &dyn Store) {
    let mut wanted = accept(1);
    wanted.record.kind = RequestKind::Load;
    wanted.record.pair = Some(Pair::new(101, 732));
    wanted.record.target = Target::One(AppDbid(301));
    wanted.deadline = Some(Duration::from_secs(10));
    wanted.durable = false;
    wanted.record.steps = vec![Step {
        after: Duration::from_micros(3),
        text: "sent".into(),
        frame: Some(("dn".into(), vec![0, 255].into())),
    }];
    let writes = vec![
        Write::Accept(Box::new(wanted.clone())),
        accepted(2),
        Write::Mark(mark(7, &[1, 2])),
        Write::Mark(mark(9, &[1])),
        Write::Draining(RequestNumber(1)),
        Write::Again { number: RequestNumber(1), attempts: 3, not_before: at(50) },
    ];
    store.commit(writes).await.unwrap();

    let found = store.request(RequestNumber(1)).await.unwrap().unwrap();
    let record = RequestRecord { draining: true, ..wanted.record };
    assert_eq!(found.record, record);
    assert_eq!((found.body, found.deadline, found.durable), (wanted.body, wanted.deadline, false));
    assert_eq!((found.attempts, found.not_before), (3, Some(at(50))));
    assert_eq!(found.marks, [mark(7, &[1, 2]), mark(9, &[1])]);
    assert_eq!(store.request(RequestNumber(3)).await.unwrap(), None);
    let last = store.last_numbers().await.unwrap();
    assert_eq!((last.request, last.send), (Some(RequestNumber(2)), Some(SendId(9))));
}

pub(crate) async fn a_batch_is_written_whole_or_not_at_all(store: &dyn Store) {
    store.commit(vec![accepted(1)]).await.unwrap();
    let error = store.commit(vec![accepted(2), dnc(2), audit(1), accepted(1)]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.requests, counts.dnc, counts.audit), (1, 0, 0));
    let error = store.commit(vec![accepted(3), Write::Mark(mark(1, &[3, 99]))]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "a mark needs its journaled request: {error}");
    assert_eq!(store.counts().await.unwrap().requests, 1);
    assert_eq!(store.trouble(), None, "what the writes brought about is no trouble of the store");
}

pub(crate) async fn a_poison_batch_does_not_fail_its_neighbours(store: &dyn Store) {
    store.commit(vec![accepted(1_000), dnc(1_000)]).await.unwrap();
    let mut pending = Vec::new();
    for n in 0..120 {
        let poison = if n % 10 == 5 { 1_000 } else { n };
        pending.push((n, store.commit(vec![audit(n), accepted(poison), dnc(poison)])));
    }
    for (n, pending) in pending {
        let result = pending.await;
        if n % 10 == 5 {
            assert_eq!(result.unwrap_err().kind, StoreErrorKind::Refused);
        } else {
            result.unwrap();
        }
    }
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.requests, counts.dnc, counts.audit), (109, 109, 108));
    for chain in Chain::ALL {
        let report = store.verify(Verify { chain, head: None }).await.unwrap();
        assert!(report.is_whole(), "{report:?}");
    }
}

pub(crate) async fn the_first_end_counts(store: &dyn Store) {
    store.commit(vec![accepted(1), end(1, RequestResult::Answered)]).await.unwrap();
    store.commit(vec![end(1, RequestResult::Unknown)]).await.unwrap();
    let found = store.request(RequestNumber(1)).await.unwrap().unwrap();
    assert_eq!(found.record.ended, Some(ended(RequestResult::Answered)));
}

pub(crate) async fn a_restart_gets_what_is_open_and_what_was_marked_lately(store: &dyn Store) {
    let writes = vec![
        accepted(1),
        accepted(2),
        accepted(3),
        accepted(4),
        Write::Mark(mark(10, &[1])),
        Write::Mark(mark(20, &[2])),
        Write::Mark(mark(30, &[3])),
        end(1, RequestResult::Answered),
        end(2, RequestResult::Answered),
        end(4, RequestResult::Refused),
    ];
    store.commit(writes).await.unwrap();
    let found = store.restored(at(15)).await.unwrap();
    let found: Vec<(u64, bool, usize)> = found
        .iter()
        .map(|request| (request.record.number.0, request.record.ended.is_some(), request.marks.len()))
        .collect();
    assert_eq!(found, [(2, true, 1), (3, false, 1)], "1 was marked long ago, 4 never");
}

pub(crate) async fn an_idempotency_key_belongs_to_its_subject(store: &dyn Store) {
    let with_key = |number, subject: &str, body| {
        let key = IdempotencyKey { subject: subject.into(), key: "k".into(), body_sha256: [body; 32] };
        Write::Accept(Box::new(Accept { key: Some(key), ..accept(number) }))
    };
    store.commit(vec![with_key(1, "a", 1)]).await.unwrap();
    store.commit(vec![with_key(2, "b", 2)]).await.unwrap();
    let error = store.commit(vec![with_key(3, "a", 3)]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::KeyUsed);
    let held = store.key_held("a", "k").await.unwrap().unwrap();
    assert_eq!((held.number, held.body_sha256), (RequestNumber(1), [1; 32]));
    assert_eq!(store.key_held("c", "k").await.unwrap(), None);
    assert_eq!(store.request(RequestNumber(3)).await.unwrap(), None);
    let what = Retention { keys: Some(at(2)), at: at(9), ..Retention::default() };
    assert_eq!(store.purge(what).await.unwrap().keys, 1);
    assert_eq!(store.key_held("a", "k").await.unwrap(), None);
    assert!(store.key_held("b", "k").await.unwrap().is_some());
}

pub(crate) async fn requests_are_paged_from_the_newest_on(store: &dyn Store) {
    store.commit((1..=5).map(accepted).collect()).await.unwrap();
    store.commit(vec![end(2, RequestResult::Answered), end(4, RequestResult::Mixed)]).await.unwrap();
    let page = async |which, after: Option<u64>, most| {
        let page = RequestPage { which, after: after.map(RequestNumber), most, ..RequestPage::default() };
        let found = store.requests(page).await.unwrap();
        found.iter().map(|record| record.number.0).collect::<Vec<_>>()
    };
    assert_eq!(page(Which::All, None, 2).await, [5, 4]);
    assert_eq!(page(Which::All, Some(4), 9).await, [3, 2, 1]);
    assert_eq!(page(Which::Open, None, 9).await, [5, 3, 1]);
    assert_eq!(page(Which::Ended, Some(4), 9).await, [2]);
}

pub(crate) async fn dead_letters_are_listed_and_taken_up_again(store: &dyn Store) {
    let dead = Write::Dead { number: RequestNumber(1), at: at(60), reason: "silent".into() };
    store.commit(vec![accepted(1), accepted(2), end(1, RequestResult::Unknown), dead]).await.unwrap();
    let listed = store.dead_letters(None, 9).await.unwrap();
    assert_eq!((listed.len(), listed[0].dead.clone().unwrap().reason), (1, "silent".to_owned()));
    assert_eq!(store.dead_letters(Some(RequestNumber(1)), 9).await.unwrap(), []);
    let found = store.request(RequestNumber(1)).await.unwrap().unwrap();
    assert_eq!(found.dead.map(|dead| (dead.at, dead.reason)), Some((at(60), "silent".to_owned())));
    assert_eq!(store.counts().await.unwrap().dead, 1);
    store.commit(vec![Write::Retry(RequestNumber(1))]).await.unwrap();
    let found = store.request(RequestNumber(1)).await.unwrap().unwrap();
    assert!(found.dead.is_none() && found.record.ended.is_none() && found.attempts == 0);
    assert_eq!(store.dead_letters(None, 9).await.unwrap(), []);
}

pub(crate) async fn steps_end_at_their_limit(store: &dyn Store) {
    let step = |text: String| Step { after: Duration::from_millis(1), text, frame: None };
    store.commit(vec![accepted(1)]).await.unwrap();
    let writes = (0..STEPS_MAX + 3).map(|n| Write::Step(RequestNumber(1), step(n.to_string()))).collect();
    store.commit(writes).await.unwrap();
    store.commit(vec![Write::Step(RequestNumber(2), step("of nobody".into()))]).await.unwrap();
    let steps = store.request(RequestNumber(1)).await.unwrap().unwrap().record.steps;
    let texts: Vec<String> = steps.into_iter().map(|step| step.text).collect();
    assert_eq!(texts, (0..STEPS_MAX).map(|n| n.to_string()).collect::<Vec<_>>());
}

pub(crate) async fn wishes_echoes_and_states_come_back(store: &dyn Store) {
    let pair = Pair::new(101, 732);
    let wish = StopWish { ocs: AppDbid(301), pair, request: RequestNumber(7), at: at(1) };
    let state = PairState {
        ocs: AppDbid(301),
        pair,
        status: Some(GroupCampStatus(5)),
        dialing: Dialing::new(DialMode::PREDICTIVE, OptimizeBy(3), 80),
        changed_at: at(2),
        changed_by: ChangedBy::Notification,
        observed_at: at(3),
        observed_by: MessageType(21),
    };
    let other = PairState { ocs: AppDbid(302), status: None, dialing: Dialing::default(), ..state.clone() };
    let echo = |fact, proved| Write::Echo { ocs: AppDbid(301), fact, proved, at: at(4) };
    let writes = vec![
        Write::StopWished(wish),
        Write::StopWished(StopWish { request: RequestNumber(8), ..wish }),
        Write::StopWished(StopWish { ocs: AppDbid(302), ..wish }),
        Write::StopDone { ocs: AppDbid(302), pair },
        echo(EchoFact::DoNotCall, true),
        echo(EchoFact::Reference, true),
        echo(EchoFact::Reference, false),
        echo(EchoFact::Reference, true),
        Write::State(Box::new(PairState { status: None, ..state.clone() })),
        Write::State(Box::new(state.clone())),
        Write::State(Box::new(other.clone())),
    ];
    store.commit(writes).await.unwrap();
    assert_eq!(store.stop_wishes().await.unwrap(), [StopWish { request: RequestNumber(8), ..wish }]);
    let alarm = |origin, seconds| Write::Alarmed { origin: AppDbid(origin), at: at(seconds) };
    let cleared = |origin, seconds| Write::AlarmCleared { origin: AppDbid(origin), at: at(seconds) };
    let writes = vec![
        alarm(201, 1),
        cleared(201, 2),
        cleared(201, 3),
        alarm(202, 1),
        cleared(202, 2),
        alarm(202, 5),
        cleared(203, 6),
    ];
    store.commit(writes).await.unwrap();
    let found = |origin, seconds, cleared_at| StoredAlarm { origin: AppDbid(origin), at: at(seconds), cleared_at };
    assert_eq!(store.alarms().await.unwrap(), [found(201, 1, Some(at(2))), found(202, 5, None)]);
    let echoes = store.echoes().await.unwrap();
    assert_eq!(echoes.len(), 1);
    let (ocs, echo) = echoes[0];
    assert_eq!((ocs, echo.do_not_call, echo.cancel), (AppDbid(301), Proof::Proved, Proof::Unknown));
    assert_eq!(echo.reference, Proof::Withdrawn, "what was withdrawn stays so");
    assert_eq!(store.states().await.unwrap(), [state, other]);
}

pub(crate) async fn a_do_not_call_is_found_by_every_spelling(store: &dyn Store) {
    let odd = Phone::from(Text::from_bytes(&[0xff, b'1'], Charset::Utf8));
    let customer = DncEntry { phone: None, raw: None, normalised: None, customer: Some("C-7".into()), ..entry(3) };
    let writes = vec![
        dnc(1),
        Write::Dnc(Box::new(DncEntry { phone: Some("00420777880001".into()), ..entry(2) })),
        Write::Dnc(Box::new(customer.clone())),
        Write::Dnc(Box::new(DncEntry { phone: Some(odd.clone()), raw: None, normalised: None, ..entry(4) })),
    ];
    store.commit(writes).await.unwrap();
    let find = async |query: DncQuery| {
        let found = store.dnc_entries(query).await.unwrap();
        found.iter().map(|evidence| evidence.entry.request.0).collect::<Vec<_>>()
    };
    let phone = async |text: &str| find(DncQuery { phone: Some(text.into()), ..DncQuery::default() }).await;
    assert_eq!(phone("+420777880001").await, [1]);
    assert_eq!(phone("777 88 0002").await, [2], "as it was given");
    assert_eq!(phone("00420777880001").await, [2], "as it was sent");
    assert_eq!(phone("+420777880002").await, [2], "in its one spelling");
    assert_eq!(phone("777").await, [] as [u64; 0]);
    assert_eq!(find(DncQuery { phone: Some(odd), ..DncQuery::default() }).await, [4], "bytes that are no text");
    assert_eq!(find(DncQuery { customer: Some("C-7".into()), ..DncQuery::default() }).await, [3]);
    assert_eq!(find(DncQuery { after: Some(RequestNumber(2)), most: 1, ..DncQuery::default() }).await, [3]);
    assert_eq!(find(DncQuery { since: Some(at(2)), before: Some(at(4)), ..DncQuery::default() }).await, [2, 3]);
    assert_eq!(store.dnc(RequestNumber(3)).await.unwrap().unwrap().entry, customer);
    let error = store.commit(vec![dnc(1)]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "an entry has one request");
}

pub(crate) async fn confirmations_are_kept_with_their_latency(store: &dyn Store) {
    let answer = |ocs, seconds, confirmed| {
        Write::DncAnswer(DncAnswer {
            request: RequestNumber(1),
            ocs: AppDbid(ocs),
            at: at(seconds),
            latency: Duration::from_millis(20),
            confirmed,
            code: (!confirmed).then_some(ErrorCode(10)),
        })
    };
    store.commit(vec![dnc(1), dnc(2)]).await.unwrap();
    store.commit(vec![answer(301, 5, false), answer(301, 6, true), answer(301, 9, false)]).await.unwrap();
    let found = store.dnc(RequestNumber(1)).await.unwrap().unwrap();
    assert!(!found.is_confirmed());
    assert_eq!((found.deliveries[0].confirmed_at, found.deliveries[0].code), (Some(at(6)), None));
    assert_eq!(found.deliveries[0].latency, Some(Duration::from_millis(20)));
    assert_eq!(found.deliveries[1].confirmed_at, None);
    assert_eq!(store.counts().await.unwrap().dnc_unconfirmed, 2);
    store.commit(vec![answer(302, 7, true)]).await.unwrap();
    assert!(store.dnc(RequestNumber(1)).await.unwrap().unwrap().is_confirmed());
    let late = DncQuery { unconfirmed: true, before: Some(at(3)), ..DncQuery::default() };
    let late = store.dnc_entries(late).await.unwrap();
    assert_eq!(late.iter().map(|evidence| evidence.entry.request.0).collect::<Vec<_>>(), [2]);
    let stray = DncAnswer {
        request: RequestNumber(9),
        ocs: AppDbid(301),
        at: at(1),
        latency: Duration::ZERO,
        confirmed: true,
        code: None,
    };
    let error = store.commit(vec![Write::DncAnswer(stray)]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert!(store.verify(Verify { chain: Chain::Dnc, head: None }).await.unwrap().is_whole());
}

pub(crate) async fn an_entry_is_never_weakened(store: &dyn Store) {
    let listed = |ocs: Option<i32>, phone: &str, expires: Option<i64>| ListedDnc {
        ocs: ocs.map(AppDbid),
        phone: Some(phone.into()),
        customer: None,
        message: Some("m".into()),
        tenant: None,
        campaign: Some(101),
        list: None,
        at: UtcSeconds(5),
        expires_at: expires.map(UtcSeconds),
    };
    let row = |ocs, phone, expires| Write::OcsDnc(listed(ocs, phone, expires));
    let writes = vec![
        row(Some(301), "1", Some(100)),
        row(Some(301), "1", Some(50)),
        row(Some(301), "2", None),
        row(Some(301), "2", Some(50)),
        row(Some(301), "3", Some(50)),
        row(Some(301), "3", None),
        row(Some(302), "1", Some(7)),
    ];
    store.commit(writes).await.unwrap();
    let list = store.dnc_list(Some(AppDbid(301)), 0, 9).await.unwrap();
    let rows: Vec<ListedDnc> = list.iter().map(|(_, listed)| listed.clone()).collect();
    let wanted = [listed(Some(301), "1", Some(100)), listed(Some(301), "2", None), listed(Some(301), "3", None)];
    assert_eq!(rows, wanted);
    assert_eq!(store.dnc_list(Some(AppDbid(301)), list[1].0, 9).await.unwrap().len(), 1);
    assert_eq!(store.dnc_list(Some(AppDbid(302)), 0, 9).await.unwrap().len(), 1);
    assert_eq!(store.dnc_list(None, 0, 9).await.unwrap(), [], "the gateway's own list is another");
}

pub(crate) async fn audit_is_paged_by_subject_and_action(store: &dyn Store) {
    store.commit((1..=9).map(audit).collect()).await.unwrap();
    let rows = async |query: AuditQuery| {
        let found = store.audit(query).await.unwrap();
        found.iter().map(|row| row.row).collect::<Vec<_>>()
    };
    assert_eq!(rows(AuditQuery { most: 2, ..AuditQuery::default() }).await, [9, 8]);
    assert_eq!(rows(AuditQuery { after: Some(3), ..AuditQuery::default() }).await, [2, 1]);
    assert_eq!(rows(AuditQuery { subject: Some("key-1".into()), ..AuditQuery::default() }).await, [7, 4, 1]);
    assert_eq!(rows(AuditQuery { action: Some("dnc.add".into()), ..AuditQuery::default() }).await, [8, 6, 4, 2]);
    let Write::Audit(first) = audit(1) else { unreachable!() };
    assert_eq!(store.audit(AuditQuery { after: Some(2), ..AuditQuery::default() }).await.unwrap()[0].audit, *first);
}

pub(crate) async fn keys_are_found_by_hash_and_revoked_once(store: &dyn Store) {
    let key = ApiKey {
        id: "k1".into(),
        sha256: [7; 32],
        subject: "desk".into(),
        scopes: vec!["dnc:add".into(), "campaign:stop campaign=101".into()],
        created_at: at(1),
        created_by: "admin".into(),
        expires_at: Some(at(99)),
        revoked_at: None,
        used_at: None,
    };
    store.commit(vec![Write::KeyCreated(Box::new(key.clone()))]).await.unwrap();
    assert_eq!(store.api_key([7; 32]).await.unwrap(), Some(key.clone()));
    assert_eq!(store.api_key([8; 32]).await.unwrap(), None);
    let writes = vec![
        Write::KeyUsed { id: "k1".into(), at: at(5) },
        Write::KeyUsed { id: "k1".into(), at: at(4) },
        Write::KeyRevoked { id: "k1".into(), at: at(6) },
        Write::KeyRevoked { id: "k1".into(), at: at(7) },
    ];
    store.commit(writes).await.unwrap();
    let found = ApiKey { used_at: Some(at(5)), revoked_at: Some(at(6)), ..key.clone() };
    assert_eq!(store.api_keys().await.unwrap(), [found]);
    let error = store.commit(vec![Write::KeyCreated(Box::new(ApiKey { id: "k2".into(), ..key }))]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "one secret, one key");
}

pub(crate) async fn calling_lists_come_back_by_column(store: &dyn Store) {
    let head = ListHead { name: "Renewals".into(), enabled: true, customer_column: "customer".into() };
    let mut first = Record::new(1, "5551234");
    first.user = vec![("customer".into(), "C-7".into()), ("note".into(), "ž".into())];
    first.dial_sched_time = Some(UtcSeconds(9));
    first.agent_id = Some("agent".into());
    first.campaign_id = Some(crate::message::CampaignDbid(101));
    first.treatments = Some("t".into());
    let records = vec![first.clone(), Record::new(2, "5551235"), Record::new(3, "5551236")];
    let writes = vec![Write::List(head.clone()), Write::Records { list: "Renewals".into(), records }];
    store.commit(writes).await.unwrap();
    assert_eq!(store.records("Renewals", None, 1).await.unwrap(), [first.clone()]);
    let changed = Record { record_status: 3, call_result: 51, ..first };
    let writes = vec![
        Write::Records { list: "Renewals".into(), records: vec![changed.clone()] },
        Write::List(ListHead { enabled: false, ..head.clone() }),
    ];
    store.commit(writes).await.unwrap();
    assert_eq!(store.records("Renewals", None, 9).await.unwrap()[0], changed);
    let rest = store.records("Renewals", Some(1), 9).await.unwrap();
    assert_eq!(rest.iter().map(|record| record.record_id).collect::<Vec<_>>(), [2, 3]);
    let lists = store.lists().await.unwrap();
    assert_eq!((lists.len(), lists[0].records, lists[0].head.enabled), (1, 3, false));
    // Dialing changes its own columns only: what an import has changed meanwhile stays, and no row comes back.
    let dialed = Record { record_status: 5, call_result: 52, attempt: 2, user: vec![], ..Record::new(1, "stale") };
    let states = |list: &str, id: i32| Write::RecordStates {
        list: list.into(),
        records: vec![Record { record_id: id, ..dialed.clone() }],
    };
    store.commit(vec![states("Renewals", 1), states("Renewals", 77), states("x", 1)]).await.unwrap();
    let row = store.records("Renewals", None, 1).await.unwrap().remove(0);
    assert_eq!((row.record_status, row.call_result, row.attempt), (5, 52, 2));
    assert_eq!((row.contact_info.as_str(), row.user.len(), row.dial_sched_time), ("5551234", 2, None));
    assert_eq!(store.lists().await.unwrap()[0].records, 3);
    let twin = Record { chain_id: 1, ..Record::new(4, "5551237") };
    let error = store.commit(vec![Write::Records { list: "Renewals".into(), records: vec![twin] }]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "one place in a chain is one record");
    let error = store.commit(vec![Write::Records { list: "x".into(), records: vec![] }]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "{error}");
}

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
