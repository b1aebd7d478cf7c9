//! What ends together is read together.
//!
//! Where a million requests are pending the record of the one that an event is about is a miss of every cache, line by
//! line. One after the other, as the rules need them, they would take most of the event's time. So all are looked at in
//! a row as soon as the event is known: the processor then waits for them at once. Nothing is decided here.

use std::hint::black_box;

use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, Lookup};
use crate::protocol::requester::finder::Tag;
use crate::protocol::requester::job::Job;

impl Requester {
    /// The job that an event's own key leads to.
    pub(super) fn fetch(&self, sought: &Lookup) {
        let Lookup::Keys([Some(key), ..]) = *sought else { return };
        let Some((_, job)) = self.subjects.find(Tag::of(&key)).last().and_then(|slot| self.jobs.at(slot)) else {
            return;
        };
        let request = job.waiters.first().map(|waiter| self.requests.find(Tag::of_number(waiter.id.0)).last());
        black_box((lines_of(job), lines_of_asked(&job.asked), request));
    }
}

fn lines_of_asked(asked: &Asked) -> impl Sized {
    let entry = asked.body.do_not_call().map(|entry| (entry.phone.is_some(), entry.scope.is_some()));
    (asked.kind, asked.digest(), entry, asked.pair())
}

/// One field of each line, or near it.
fn lines_of(job: &Job) -> impl Sized {
    let leg = job.legs.first();
    let leg = leg.map(|leg| (leg.give_up, leg.due, leg.answer.is_some(), leg.step, leg.told, leg.sends.len()));
    let flight = job.legs.first().and_then(|leg| leg.flight.as_ref());
    let flight = flight.map(|flight| (flight.until, flight.sent, flight.reference, flight.number));
    let waiter = job.waiters.first().map(|waiter| waiter.due);
    (job.submitted, job.phase, waiter, leg, flight)
}
