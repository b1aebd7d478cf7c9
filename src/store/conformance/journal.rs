//! Requests, their keys, steps and ends, and what a restart goes on from.

use super::*;

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
        let page = RequestPage { which, after: after.map(RequestNumber), most };
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
