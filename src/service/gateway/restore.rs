//! What the store remembers at start-up (rule 16): numbers go on, open requests are taken up again, shadows stand
//! where frames may still be answered.

use std::{collections::BTreeMap, time::Duration};

use super::core::{Core, Open};
use super::errand::{Errand, age, body_of, later, since_epoch};
use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::RequestResult;
use crate::message::{AppDbid, Message, RequestKind, Target};
use crate::protocol::UtcTime;
use crate::protocol::requester::{
    DnAddress, EchoKnowledge, Input, JournalMark, JournalRow, LinkId, RequestId, RequesterConfig, SendId, Submission,
};
use crate::store::{Delivery, LastNumbers, Mark, StopWish, Store, StoreError, StoredAlarm, StoredRequest, Write};

/// Numbers of frames that are left out after a restart: reads have none in the journal.
const SENDS_SKIPPED: u64 = 1 << 16;

/// Everything that a gateway goes on from.
pub(super) struct Memory {
    numbers: LastNumbers,
    rows: Vec<StoredRequest>,
    deliveries: BTreeMap<RequestNumber, Vec<Delivery>>,
    wishes: Vec<StopWish>,
    alarms: Vec<StoredAlarm>,
    /// How long an answer can come after its request.
    life: Duration,
    echoes: Vec<(AppDbid, EchoKnowledge)>,
    states: Vec<PairState>,
}

impl Memory {
    /// Reads it.
    pub(super) async fn load(store: &dyn Store, config: &RequesterConfig) -> Result<Self, StoreError> {
        let longest = |kind| config.answer_of(kind).saturating_add(config.b_of(kind)).saturating_add(config.d);
        let life = longest(RequestKind::Unload).max(longest(RequestKind::DoNotCall));
        let rows = store.restored(earlier(Core::utc(), life)).await?;
        let mut deliveries = BTreeMap::new();
        for row in rows.iter().filter(|row| row.record.ended.is_none() && row.durable) {
            if let Some(evidence) = store.dnc(row.record.number).await? {
                deliveries.insert(row.record.number, evidence.deliveries);
            }
        }
        Ok(Self {
            numbers: store.last_numbers().await?,
            rows,
            deliveries,
            wishes: store.stop_wishes().await?,
            alarms: store.alarms().await?,
            life,
            echoes: store.echoes().await?,
            states: store.states().await?,
        })
    }

    /// What the correlator has to know from its start.
    pub(super) fn prepare(&self, config: &mut RequesterConfig) {
        for (ocs, echo) in &self.echoes {
            for peer in config.ocss.iter_mut().filter(|peer| peer.dbid == *ocs) {
                peer.echo = *echo;
            }
        }
        if let Some(SendId(last)) = self.numbers.send {
            config.first_send = last.saturating_add(SENDS_SKIPPED);
        }
    }
}

fn earlier(at: UtcTime, by: Duration) -> UtcTime {
    later(UtcTime::default(), since_epoch(at).saturating_sub(by))
}

impl Core {
    /// Takes it up, before anything else happens.
    pub(super) fn restore(&mut self, memory: Memory) {
        let Memory { numbers, rows, mut deliveries, wishes, states, alarms, life, .. } = memory;
        self.last_number = numbers.request;
        let is_first_run = numbers == LastNumbers::default() && states.is_empty() && alarms.is_empty();
        for state in states {
            self.mirror.restore(state);
        }
        for wish in wishes {
            self.wishes.add(wish);
        }
        let mut journal = Vec::new();
        let mut at_once = Vec::new();
        let open = rows.iter().filter(|row| row.record.ended.is_none()).count();
        for row in rows {
            let deliveries = deliveries.remove(&row.record.number).unwrap_or_default();
            self.restore_row(row, &deliveries, &mut journal, &mut at_once);
        }
        if open > 0 {
            tracing::info!(open, "requests of an earlier run are taken up again");
        }
        // The first run has no questions that were forgotten.
        if !is_first_run {
            self.give(Input::Restored(journal));
        }
        self.restore_alarms(alarms, life);
        for number in at_once {
            self.errand_send(number);
        }
    }

    fn restore_row(
        &mut self,
        row: StoredRequest,
        deliveries: &[Delivery],
        journal: &mut Vec<JournalRow>,
        at_once: &mut Vec<RequestNumber>,
    ) {
        let number = row.record.number;
        let Some(body) = body_of(&row) else {
            tracing::error!(request = %number, "its stored body is no request");
            return;
        };
        let (kind, target) = (row.record.kind, row.record.target);
        let old = age(row.record.accepted_at);
        let marks: Vec<_> = row.marks.iter().map(|mark| (self.journal_mark(mark, kind), age(mark.at))).collect();
        let id = RequestId(number.0);
        let submission = |target, deadline, durable| Submission { id, target, body: body.clone(), deadline, durable };
        if row.record.ended.is_some() {
            journal.push(JournalRow {
                submission: submission(target, None, false),
                ended: true,
                overdue: false,
                marks,
            });
            return;
        }
        let open = Open { kind, since: self.now(), before: old, waiters: Vec::new() };
        self.open.insert(number, open);
        self.journal.accept(row.record.clone());
        self.wishes.opened(kind, number, self.place_of(number));
        if kind != RequestKind::DoNotCall {
            let deadline = row.deadline.filter(|_| kind == RequestKind::CancelRecord);
            let left = deadline.map(|deadline| deadline.saturating_sub(old));
            let overdue = row.deadline.is_some_and(|deadline| old > deadline);
            journal.push(JournalRow { submission: submission(target, left, false), ended: false, overdue, marks });
            return;
        }
        self.restore_errand(&row, body, deliveries, marks, journal, at_once);
    }

    /// A do-not-call goes on where it was: with those who have not confirmed it, at its time.
    fn restore_errand(
        &mut self,
        row: &StoredRequest,
        body: Message,
        deliveries: &[Delivery],
        marks: Vec<(JournalMark, Duration)>,
        journal: &mut Vec<JournalRow>,
        at_once: &mut Vec<RequestNumber>,
    ) {
        let (number, target) = (row.record.number, row.record.target);
        let expected = self.expected(target);
        let errand = Errand::new(body.clone(), target, expected.clone()).with(deliveries, row.attempts);
        let pending = errand.pending();
        self.errands.insert(number, errand);
        let id = RequestId(number.0);
        let row_of = |id, target, ended, marks| JournalRow {
            submission: Submission { id, target, body: body.clone(), deadline: None, durable: true },
            ended,
            overdue: false,
            marks,
        };
        if pending.is_empty() {
            // All had answered when the end was about to be written.
            journal.push(row_of(id, target, true, marks));
            self.errand_settled(number);
        } else if let Some(at) = row.not_before {
            // It had come to nothing and waits for its next turn; its frames may still be answered.
            journal.push(row_of(id, target, true, marks));
            let left = since_epoch(at).saturating_sub(since_epoch(Self::utc()));
            let due = self.now() + left.min(self.errands.pause_most());
            self.errands.park(number, due);
        } else if pending == expected {
            self.errands.sent_as(number, id);
            journal.push(row_of(id, target, false, marks));
        } else if marks.is_empty() {
            at_once.push(number);
        } else {
            // The flights of a frame have numbers in a row: each of its OCSs alone has one of them.
            let of = |ocs: &dyn Fn(&AppDbid) -> bool| -> Vec<(JournalMark, Duration)> {
                let flight = |mark: &JournalMark, nth: usize| mark.send.0.saturating_add(nth as u64);
                let alone = marks.iter().flat_map(|(mark, age)| {
                    let of_mark = mark.ocss.iter().enumerate().filter(|(_, it)| ocs(it));
                    of_mark.map(move |(nth, it)| {
                        (JournalMark { send: SendId(flight(mark, nth)), ocss: vec![*it], ..mark.clone() }, *age)
                    })
                });
                alone.collect()
            };
            journal.push(row_of(id, target, true, of(&|ocs| !pending.contains(ocs))));
            for ocs in &pending {
                let sub = RequestId(self.next_number().0);
                self.errands.sent_as(number, sub);
                journal.push(row_of(sub, Target::One(*ocs), false, of(&|it| it == ocs)));
            }
        }
    }

    fn errand_settled(&mut self, number: RequestNumber) {
        let took = self.open.get(&number).map_or(Duration::ZERO, |open| open.age(self.now()));
        let Some((ended, reason)) = self.errands.settled(number, Self::utc(), took) else { return };
        let good = ended.result == RequestResult::Answered;
        self.errands.forget(number);
        self.finish(number, ended);
        if !good {
            self.stage.write(Some(number), Write::Dead { number, at: Self::utc(), reason });
        }
    }

    fn journal_mark(&self, mark: &Mark, kind: RequestKind) -> JournalMark {
        let link = self.lines.iter().find(|(_, line)| line.handle.name() == mark.link).map(|(id, _)| *id);
        JournalMark {
            send: mark.send,
            requests: mark.requests.iter().map(|number| RequestId(number.0)).collect(),
            ocss: mark.ocss.clone(),
            address: DnAddress { link: link.unwrap_or(LinkId(u32::MAX)), dn: mark.dn.as_str().into() },
            origin: mark.origin,
            kind,
        }
    }
}
