//! The book of the jobs: one record each, with its legs and their flights, found by its place without a search.

use crate::protocol::requester::asked::Place;
use crate::protocol::requester::job::{Flight, Job, Leg, LegIx};

/// A job: its number, in the order of submission, and where its record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JobId {
    number: u64,
    slot: u32,
}

impl JobId {
    /// Where its record stands, a small number; another job's later on.
    pub(super) fn slot(self) -> u32 {
        self.slot
    }
}

/// A flight: its number, in the order of sending, and where its record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlightId {
    number: u64,
    slot: u32,
    leg: LegIx,
    settling: bool,
}

/// Records in one piece of memory; pieces never move, so that no event pays for a table that grows.
const PIECE: usize = 1_024;

/// Whole cache lines, so that none is shared with another job.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Record {
    number: u64,
    job: Job,
}

/// All jobs. A place that is free is taken again before a new one, the last freed first.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pieces: Vec<Vec<Option<Record>>>,
    free: Vec<u32>,
    /// Jobs so far.
    next: u64,
    len: usize,
    flights: usize,
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many flights there are.
    pub(super) fn flights(&self) -> usize {
        self.flights
    }

    pub(super) fn insert(&mut self, job: Job) -> JobId {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.len = self.len.saturating_add(1);
        let slot = self.free.pop().unwrap_or_else(|| self.new_slot());
        if let Some(record) = self.record_mut(slot) {
            *record = Some(Record { number, job });
        }
        JobId { number, slot }
    }

    fn new_slot(&mut self) -> u32 {
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let before = self.pieces.len().saturating_sub(1).saturating_mul(PIECE);
        let piece = self.pieces.last_mut().map_or(0, |piece| {
            piece.push(None);
            piece.len()
        });
        u32::try_from(before.saturating_add(piece).saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn slots(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.pieces.len().saturating_mul(PIECE)).unwrap_or(u32::MAX)
    }

    fn record(&self, slot: u32) -> Option<&Record> {
        let slot = usize::try_from(slot).ok()?;
        self.pieces.get(slot / PIECE)?.get(slot % PIECE)?.as_ref()
    }

    fn record_mut(&mut self, slot: u32) -> Option<&mut Option<Record>> {
        let slot = usize::try_from(slot).ok()?;
        self.pieces.get_mut(slot / PIECE)?.get_mut(slot % PIECE)
    }

    pub(super) fn get(&self, id: &JobId) -> Option<&Job> {
        self.record(id.slot).filter(|record| record.number == id.number).map(|record| &record.job)
    }

    pub(super) fn get_mut(&mut self, id: &JobId) -> Option<&mut Job> {
        let record = self.record_mut(id.slot)?.as_mut()?;
        (record.number == id.number).then_some(&mut record.job)
    }

    pub(super) fn remove(&mut self, id: &JobId) -> Option<Job> {
        let place = self.record_mut(id.slot)?;
        let record = place.take_if(|record| record.number == id.number)?;
        self.free.push(id.slot);
        self.len = self.len.saturating_sub(1);
        let flying: usize = record.job.legs.iter().map(|leg| flights_of(leg).count()).sum();
        self.flights = self.flights.saturating_sub(flying);
        Some(record.job)
    }

    /// The job at a place.
    pub(super) fn at(&self, slot: u32) -> Option<(JobId, &Job)> {
        let record = self.record(slot)?;
        Some((JobId { number: record.number, slot }, &record.job))
    }

    /// All in order of submission; for what happens seldom.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (JobId, &Job)> {
        let mut all: Vec<(JobId, &Job)> = self.slots().filter_map(|slot| self.at(slot)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all.into_iter()
    }

    /// A leg has one flight of its own, and one that asks for it.
    pub(super) fn launch(&mut self, flight: Flight) {
        let id = flight.id();
        let Some(leg) = self.get_mut(&flight.job).and_then(|job| job.legs.get_mut(flight.leg())) else { return };
        let before = if id.settling {
            leg.question.replace(Box::new(flight)).is_some()
        } else {
            leg.flight.replace(flight).is_some()
        };
        debug_assert!(!before, "the flight before it was taken");
        self.flights = self.flights.saturating_add(usize::from(!before));
    }

    pub(super) fn flight(&self, id: FlightId) -> Option<&Flight> {
        let leg = self.record(id.slot)?.job.legs.get(usize::from(id.leg))?;
        let flight = if id.settling { leg.question.as_deref() } else { leg.flight.as_ref() };
        flight.filter(|flight| flight.number == id.number)
    }

    pub(super) fn flight_mut(&mut self, id: FlightId) -> Option<&mut Flight> {
        let leg = self.record_mut(id.slot)?.as_mut()?.job.legs.get_mut(usize::from(id.leg))?;
        let flight = if id.settling { leg.question.as_deref_mut() } else { leg.flight.as_mut() };
        flight.filter(|flight| flight.number == id.number)
    }

    pub(super) fn land(&mut self, id: FlightId) -> Option<Flight> {
        let leg = self.record_mut(id.slot)?.as_mut()?.job.legs.get_mut(usize::from(id.leg))?;
        let flight = if id.settling {
            leg.question.take_if(|flight| flight.number == id.number).map(|flight| *flight)
        } else {
            leg.flight.take_if(|flight| flight.number == id.number)
        };
        self.flights = self.flights.saturating_sub(usize::from(flight.is_some()));
        flight
    }

    /// The flights of the job at a place of the book that are live at a place.
    pub(super) fn flights_at(&self, slot: u32, place: Place) -> impl Iterator<Item = &Flight> {
        let legs = self.at(slot).into_iter().flat_map(|(_, job)| &job.legs);
        legs.flat_map(flights_of).filter(move |flight| flight.place == place)
    }

    /// All flights in order of sending; for what happens seldom.
    pub(super) fn flights_in_order(&self) -> Vec<&Flight> {
        let jobs = self.slots().filter_map(|slot| self.at(slot));
        let mut all: Vec<&Flight> = jobs.flat_map(|(_, job)| job.legs.iter().flat_map(flights_of)).collect();
        all.sort_unstable_by_key(|flight| flight.number);
        all
    }
}

fn flights_of(leg: &Leg) -> impl Iterator<Item = &Flight> {
    leg.flight.iter().chain(leg.question.as_deref())
}

impl Flight {
    pub(super) fn id(&self) -> FlightId {
        FlightId { number: self.number, slot: self.job.slot, leg: self.leg, settling: self.settling }
    }

    pub(super) fn leg(&self) -> usize {
        self.leg.into()
    }
}
