//! What ends together is read together.
//!
//! Where a million requests are pending each record of the one that an event is about is a miss of every cache. One
//! after the other, as the rules need them, they would take most of the event's time. So all are looked up in a row as
//! soon as their keys are known: the processor then waits for them at once. Nothing is decided here.

use std::hint::black_box;

use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::job::{Flight, Job};
use crate::protocol::requester::table::{Place, Sought};

impl Requester {
    /// From the job, which is found by its lane.
    pub(super) fn fetch_of_job(&self, job: &Job) {
        let flight = job.legs.first().and_then(|leg| {
            let send = leg.sends.last()?;
            let live = self.live.is_alone(Place { ocs: leg.ocs, origin: send.origin }, &job.asked);
            let flight = leg.flight.and_then(|flight| self.flights.get(&flight));
            Some((live, flight.map(lines_of_flight)))
        });
        let request = job.waiters.first().and_then(|waiter| self.requests.get(&waiter.id));
        black_box((flight, request, lines_of_job(job)));
    }

    /// From the flight, which is found by what it is about.
    pub(super) fn fetch_of_flight(&self, number: u64) {
        let Some(flight) = self.flights.get(&number) else { return };
        let lane: &dyn Sought = &(flight.place.ocs, &flight.asked);
        let lane = self.lanes.find(lane).map(|lane| (lane.live.len(), lane.read));
        let job = self.jobs.get(&flight.job);
        let request = job.and_then(|job| job.waiters.first()).and_then(|waiter| self.requests.get(&waiter.id));
        black_box((lane, lines_of_flight(flight), job.map(lines_of_job), request));
    }
}

/// One field of each line, or near it.
fn lines_of_job(job: &Job) -> impl Sized {
    let leg = job.legs.first().map(|leg| (leg.give_up, leg.due, leg.answer.is_some(), leg.step, leg.flight, leg.told));
    let waiter = job.waiters.first().map(|waiter| waiter.due);
    (job.submitted, job.phase, waiter, leg)
}

fn lines_of_flight(flight: &Flight) -> (Time, Option<Time>, bool, u64, Option<i32>) {
    (flight.until, flight.sent, flight.settling, flight.job, flight.reference)
}
