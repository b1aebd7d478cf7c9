//! Rule 16: what the journal held at start-up.

use std::{collections::BTreeMap, time::Duration};

use crate::message::AppDbid;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::after;
use crate::protocol::requester::asked::{Asked, Place};
use crate::protocol::requester::book::JobId;
use crate::protocol::requester::io::{JournalMark, JournalRow, Output, SendId};
use crate::protocol::requester::job::{Few, Flight, Leg, SendNote, Step, Waiter};
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::outcome::{NotSent, Outcome, RefusedBy};
use crate::protocol::requester::send::leg_ix;
use crate::protocol::requester::shadow::{Cover, Shadow};
use crate::protocol::requester::submit::is_urgent;

impl Requester {
    /// Marked rows first: they are on the wire already, whatever waits comes behind them.
    pub(super) fn restore(&mut self, now: Time, rows: Vec<JournalRow>) {
        for mark in rows.iter().flat_map(|row| &row.marks).map(|(mark, _)| mark) {
            let after_it = mark.send.0.saturating_add(u64::try_from(mark.ocss.len()).unwrap_or(1)).saturating_add(1);
            self.next_send = self.next_send.max(after_it);
        }
        // Reads are not journaled: what answers them is told from new answers by its age only.
        self.questions_until = after(after(now, self.config.b), self.config.d);
        let mut by_send: BTreeMap<SendId, JobId> = BTreeMap::new();
        let shared = shared_marks(&rows);
        let mut fresh = Vec::new();
        for mut row in rows {
            if let Some(marks) = row.marks.last().filter(|_| !row.ended).and_then(|(last, _)| shared.get(&last.send)) {
                row.marks = marks.values().cloned().collect();
            }
            if row.marks.is_empty() {
                if !row.ended {
                    fresh.push(row);
                }
            } else {
                self.restore_marked(now, row, &mut by_send);
            }
        }
        for row in fresh {
            let kind = row.submission.body.request_kind();
            if row.overdue && matches!(kind, Some(RequestKind::Load | RequestKind::Start)) {
                let by = RefusedBy::NotSent(NotSent::Overdue);
                let outcome = Outcome::Refused { by, answers: Vec::new() };
                self.out.push_back(Output::Outcome { id: row.submission.id, outcome });
            } else {
                self.submit(now, row.submission);
            }
        }
    }

    fn restore_marked(&mut self, now: Time, row: JournalRow, by_send: &mut BTreeMap<SendId, JobId>) {
        let JournalRow { submission, ended, marks, .. } = row;
        let Some(asked) = Asked::of(submission.body) else { return };
        let b = self.config.b_of(asked.kind);
        let until = after(after(now, b), self.config.d);
        // The mark is older than the EventACK that B counts from, by up to the wait for an answer.
        let life = self.config.answer_of(asked.kind).saturating_add(b).saturating_add(self.config.d);
        let Some((last, _)) = marks.last() else { return };
        let last = last.send;
        // Rows that were sent as one stay one.
        let joined = by_send.get(&last).copied().filter(|_| !ended);
        if !self.is(Mutant::ForgetsShadowsOnRestart) {
            for (mark, _) in marks.iter().filter(|(_, age)| *age < life) {
                // A frame for several OCSs may be the latest for one and not for another.
                for ocs in mark.ocss.iter().filter(|ocs| ended || !Self::is_latest(mark, **ocs, &marks)) {
                    let Some(place) = self.place(mark, *ocs) else { continue };
                    if self.shadows.twin(place, &asked).is_none() {
                        self.lay(now, Shadow { place, asked: asked.clone(), cover: Cover::Full, until, since: now });
                    }
                }
            }
        }
        if ended {
            return;
        }
        let patient = submission.durable && asked.kind == RequestKind::DoNotCall;
        let waiter = Waiter {
            id: submission.id,
            deadline: submission.deadline.map(|wait| after(now, wait)),
            unsent_until: None,
            due: None,
        };
        if let Some(job) = joined {
            self.join(job, waiter, patient);
            return;
        }
        let legs: Few<Leg> = match submission.target {
            Target::Every => self.legs_of_every(),
            Target::One(dbid) => self.leg_of(dbid).into_iter().collect(),
        };
        if legs.is_empty() {
            let by = RefusedBy::NotSent(NotSent::Overdue);
            self.out.push_back(Output::Outcome {
                id: submission.id,
                outcome: Outcome::Refused { by, answers: Vec::new() },
            });
            return;
        }
        let job = self.new_job(now, asked.clone(), submission.target, legs, patient);
        by_send.insert(last, job);
        self.occupy(job);
        self.join(job, waiter, patient);
        let count = self.jobs.get(&job).map_or(0, |job| job.legs.len());
        for leg in 0..count {
            self.restore_leg(now, job, leg, &asked, &marks);
        }
    }

    /// Later marks of an OCS replace earlier ones.
    fn is_latest(mark: &JournalMark, ocs: AppDbid, marks: &[(JournalMark, Duration)]) -> bool {
        let latest = marks.iter().rev().find(|(other, _)| other.ocss.contains(&ocs));
        latest.is_some_and(|(other, _)| other.send == mark.send)
    }

    fn place(&self, mark: &JournalMark, ocs: AppDbid) -> Option<Place> {
        self.by_dbid.get(&ocs).map(|ocs| Place { ocs: *ocs, origin: mark.origin })
    }

    /// The last send of this leg is checked as soon as its link is there.
    fn restore_leg(&mut self, now: Time, job: JobId, leg: usize, asked: &Asked, marks: &[(JournalMark, Duration)]) {
        let give_up = self.settled_by(now, after(now, self.config.b_of(asked.kind)));
        let until = after(now, self.config.answer_of(asked.kind));
        let patient = self.jobs.get(&job).is_some_and(|job| job.patient);
        let Some(record) = self.jobs.get_mut(&job).and_then(|job| job.legs.get_mut(leg)) else { return };
        record.give_up = give_up;
        let dbid = self.ocss.get(record.ocs).map(|peer| peer.dbid);
        let of_this = marks.iter().filter(|(mark, _)| dbid.is_some_and(|dbid| mark.ocss.contains(&dbid)));
        let mut last = None;
        for (mark, _) in of_this {
            record.sends.push(SendNote { send: mark.send, origin: mark.origin, at: now });
            last = Some(mark);
        }
        let Some(mark) = last else {
            record.step = Step::WaitLink;
            self.arm_leg(job, leg, (!patient).then_some(until));
            return;
        };
        let place = Place { ocs: record.ocs, origin: mark.origin };
        // Legs of one frame have numbers in a row, as when they were sent.
        let offset = mark.ocss.iter().position(|ocs| Some(*ocs) == dbid).unwrap_or(0);
        let number = mark.send.0.saturating_add(u64::try_from(offset).unwrap_or(0));
        let flight = Flight {
            number,
            job,
            leg: leg_ix(leg),
            settling: false,
            place,
            asked: asked.clone(),
            emitted: now,
            sent: Some(now),
            until,
            due: until,
            checking: true,
            reference: None,
        };
        self.launch(flight);
        debug_assert!(asked.kind.is_mutating() || !is_urgent(asked.kind), "reads are not journaled");
    }
}

/// Open rows that were last sent as one have their sends in common, also those from before one of them joined.
fn shared_marks(rows: &[JournalRow]) -> BTreeMap<SendId, BTreeMap<SendId, (JournalMark, Duration)>> {
    let mut shared: BTreeMap<SendId, BTreeMap<SendId, (JournalMark, Duration)>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.ended) {
        let Some((last, _)) = row.marks.last() else { continue };
        let marks = row.marks.iter().map(|(mark, age)| (mark.send, (mark.clone(), *age)));
        shared.entry(last.send).or_default().extend(marks);
    }
    shared
}
