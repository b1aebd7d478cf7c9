//! What ends together is read together.
//!
//! Where a million requests are pending each record of the one that an event is about is a miss of every cache. One
//! after the other, as the rules need them, they would take most of the event's time. So all are looked up in a row as
//! soon as the event is known: the processor then waits for them at once. Nothing is decided here.

use std::hint::black_box;

use crate::message::Message;
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Place, Sought, Told};
use crate::protocol::requester::job::Job;

impl Requester {
    /// The lane and, side by side with it, the only job that is live under the event's own key.
    pub(super) fn fetch(&self, place: Place, event: &Message) {
        let job = self.live.alone(place, event).and_then(|slot| self.jobs.at(slot)).map(|(_, job)| job);
        let lines = job.map(lines_of);
        let request = job.and_then(|job| job.waiters.first()).and_then(|waiter| self.requests.get(&waiter.id));
        let told = Told::of_event(place.ocs, event);
        let lane = told.as_ref().and_then(|told| self.lanes.find(told as &dyn Sought)).map(|lane| lane.is_empty());
        black_box((lines, request, lane));
    }
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
