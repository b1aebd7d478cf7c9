//! Sequences, their logs, and the lease of whoever runs them.

use super::*;
use crate::engine::sequence::{Act, ActOutcome, Entry, SequenceResult, StepResult, What};
use crate::store::sequences::{Fence, NewSequence, TakeLease};

fn take(holder: &str, epoch: Option<i64>, ttl_ms: u64) -> TakeLease {
    TakeLease {
        name: "sequencer".into(),
        holder: holder.into(),
        epoch,
        ttl: Duration::from_millis(ttl_ms),
        grace: Duration::ZERO,
        others_are_gone: false,
    }
}

fn fence(holder: &str, epoch: i64) -> Fence {
    Fence { lease: "sequencer".into(), holder: holder.into(), epoch }
}

fn new(name: &str) -> NewSequence {
    NewSequence {
        name: name.into(),
        run_by: "gateway".into(),
        asked_by: "ops".into(),
        created_at: 5,
        plan: "{}".into(),
        source: "name = \"x\"".into(),
        key: None,
    }
}

pub(crate) fn entries() -> Vec<Entry> {
    let whats = [
        What::Intent { act: Act::Load, attempt: 1, then: None },
        What::Outcome {
            act: Act::Load,
            attempt: 1,
            outcome: ActOutcome::Refused(Some(ErrorCode(5))),
            request: Some(RequestNumber(u64::MAX)),
        },
        What::Failed,
        What::Intent { act: Act::Stop, attempt: 2, then: Some(StepResult::Time) },
        What::Outcome { act: Act::Stop, attempt: 2, outcome: ActOutcome::Unknown, request: None },
        What::StepEnded(StepResult::Time),
    ];
    let entry = |(n, what): (i64, What)| Entry {
        at_ms: 1_000 + n,
        step: usize::try_from(n).unwrap() / 3,
        what,
        detail: (n % 2 == 0).then(|| format!("detail {n}")),
    };
    (0..).zip(whats).map(entry).collect()
}

pub(crate) async fn a_lease_has_one_holder_at_a_time(store: &dyn Store) {
    let store = store.sequences();
    let ask = async |take: TakeLease| store.take_lease(take).await.unwrap();
    assert_eq!(ask(take("a", None, 60_000)).await, Some(1));
    assert_eq!(ask(take("b", None, 60_000)).await, None, "it has not ended");
    assert_eq!(ask(take("a", Some(1), 60_000)).await, Some(1), "renewed");
    assert_eq!(ask(take("b", Some(1), 60_000)).await, None, "not theirs");
    assert_eq!(ask(take("a", None, 60_000)).await, None, "a holder that forgot its epoch is another holder");
    assert_eq!(ask(TakeLease { others_are_gone: true, ..take("b", None, 60_000) }).await, Some(2));
    assert_eq!(ask(take("a", Some(1), 60_000)).await, None, "the epoch has moved on");
    // One that has ended is had after its grace, and not before.
    assert_eq!(ask(take("b", Some(2), 0)).await, Some(2));
    let grace = Duration::from_secs(60);
    assert_eq!(ask(TakeLease { grace, ..take("c", None, 0) }).await, None);
    assert_eq!(ask(take("c", None, 60_000)).await, Some(3));
    store.release_lease(fence("b", 2)).await.unwrap();
    assert_eq!(ask(take("d", None, 60_000)).await, None, "a former holder gives nothing back");
    store.release_lease(fence("c", 3)).await.unwrap();
    assert_eq!(ask(TakeLease { grace, ..take("d", None, 60_000) }).await, Some(4), "given back: there is no grace");
}

pub(crate) async fn a_former_holder_writes_nothing(store: &dyn Store) {
    let store = store.sequences();
    let number = store.create_sequence(new("evening")).await.unwrap().number;
    assert_eq!(store.take_lease(take("a", None, 0)).await.unwrap(), Some(1));
    store.append_log(fence("a", 1), number, entries()[..1].to_vec()).await.unwrap();
    assert_eq!(store.take_lease(take("b", None, 60_000)).await.unwrap(), Some(2));
    for fence in [fence("a", 1), fence("a", 2), fence("b", 1), fence("", 0)] {
        let refused = store.append_log(fence, number, entries()[1..].to_vec()).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Fenced);
    }
    assert_eq!(store.sequence(number).await.unwrap().unwrap().1.len(), 1);
    store.append_log(fence("b", 2), number, entries()[1..].to_vec()).await.unwrap();
    assert_eq!(store.sequence(number).await.unwrap().unwrap().1, entries());
}

pub(crate) async fn a_sequence_comes_back_with_its_log(store: &dyn Store) {
    let (seqs, commits) = (store.sequences(), store);
    let first = seqs.create_sequence(new("first")).await.unwrap();
    let second = seqs.create_sequence(new("second")).await.unwrap();
    assert!(second.number > first.number);
    assert_eq!((&first.new, first.ended), (&new("first"), None));
    seqs.take_lease(take("a", None, 60_000)).await.unwrap();
    seqs.append_log(fence("a", 1), first.number, entries()).await.unwrap();
    let end = Entry { at_ms: 9_000, step: 2, what: What::Ended(SequenceResult::Partly), detail: None };
    seqs.append_log(fence("a", 1), first.number, vec![end.clone()]).await.unwrap();
    let (found, log) = seqs.sequence(first.number).await.unwrap().unwrap();
    assert_eq!(found.ended, Some((9_000, SequenceResult::Partly)));
    assert_eq!((log.len(), log.last()), (7, Some(&end)));
    let listed = async |before, open| {
        let page = seqs.sequences(before, 9, open).await.unwrap();
        page.into_iter().map(|it| it.new.name).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, false).await, ["second", "first"]);
    assert_eq!(listed(Some(second.number), false).await, ["first"]);
    assert_eq!(listed(None, true).await, ["second"]);
    assert_eq!(seqs.sequence(99).await.unwrap(), None);
    // Old ones go with their logs, those that run stay.
    let what = Retention { journal: Some(at(0)), at: at(0), ..Retention::default() };
    commits.purge(what).await.unwrap();
    assert_eq!(listed(None, false).await, ["second"]);
    assert!(commits.check().await.unwrap().is_whole());
}

pub(crate) async fn a_key_makes_one_sequence(store: &dyn Store) {
    let store = store.sequences();
    let keyed = |name: &str, body| NewSequence { key: Some(("k".into(), [body; 32])), ..new(name) };
    let first = store.create_sequence(keyed("one", 1)).await.unwrap();
    let again = store.create_sequence(keyed("one", 1)).await.unwrap();
    assert_eq!(again, first);
    let other = store.create_sequence(keyed("two", 2)).await.unwrap_err();
    assert_eq!(other.kind, StoreErrorKind::KeyUsed);
    let of_another = NewSequence { asked_by: "desk".into(), ..keyed("two", 2) };
    assert_ne!(store.create_sequence(of_another).await.unwrap().number, first.number);
}

pub(crate) async fn a_stop_of_a_sequence_is_kept_once(store: &dyn Store) {
    let store = store.sequences();
    let number = store.create_sequence(new("evening")).await.unwrap().number;
    for (by, at) in [("ops", 7), ("desk", 8)] {
        let found = store.ask_stop(number, by.into(), at).await.unwrap().unwrap();
        assert_eq!(found.stop_asked, Some((7, "ops".to_owned())));
    }
    assert_eq!(store.ask_stop(99, "ops".into(), 7).await.unwrap(), None);
}
